/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What attach and run share: from options to watched processes to printed profiles. */
#ifndef FDSCOPE_MEASURE_H
#define FDSCOPE_MEASURE_H

#include "options.h"
#include "commands/output.h"
#include "source/source.h"

/* What @options ask to watch; borrows from them. */
void measure_watch(struct watch *watch, const struct options *options);

/*
 * Prints every profile of @source. Returns an exit code, the command's own
 * status first.
 */
int measure(struct source *source, const struct options *options, struct output *output);

#endif
