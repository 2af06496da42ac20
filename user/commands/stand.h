/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The test stand: runs the bundled server once under the bundled load, from a
 * server at rest to a server at rest, traced or not.
 */
#ifndef FDSCOPE_STAND_H
#define FDSCOPE_STAND_H

#include <limits.h>
#include <signal.h>

#include "model/comparison.h"
#include "model/mode.h"
#include "options.h"

struct stand {
	const struct options *options;
	char server_path[PATH_MAX];
	char load_path[PATH_MAX];
	sigset_t end_signals; /* blocked from now on: taken where we wait */
};

/* Finds the two programs. 0 or EXIT_NO_MEASURE, logged. */
int stand_open(struct stand *stand, const struct options *options);

/*
 * One run of @mode; @result says whether traced and is filled in. Whatever
 * happens, no process is left. 0 or an exit code, logged.
 */
int stand_run(const struct stand *stand, const struct mode *mode, struct comparison_run *result);

#endif
