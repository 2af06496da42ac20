/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts the open descriptors of all targets while they run: a walk over all
 * open files counts only if the process opened and closed nothing meanwhile.
 */
#ifndef FDSCOPE_CENSUS_H
#define FDSCOPE_CENSUS_H

#include "source/probes.h"

/*
 * Adds the targets to the processes of @out and fills in their descriptors,
 * walking until no target opened or closed one meanwhile. For those that never
 * stop, what was counted last stands, with is_stable false. 0 or -errno.
 */
int census_take(struct probes *probes, struct snapshot *out);

#endif
