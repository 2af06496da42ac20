/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tables say an epoll instance watches, against what /proc says. Reads
 * fdinfo, which takes the instance's mutex (20 ms for 19 000 registrations):
 * once when the probes have just gone live, once at the end.
 */
#ifndef FDSCOPE_RECONCILE_H
#define FDSCOPE_RECONCILE_H

#include "source/probes.h"

/*
 * Adds registrations whose descriptors no target holds any more: the walk over
 * descriptors cannot meet those. 0 or -errno.
 */
int reconcile_at_start(struct probes *probes);

/*
 * How many registrations stand in one of the two and not in the other, however
 * often one looks. Instances whose fdinfo we may not read are left out.
 */
struct reconciled {
	uint64_t nr_differences;
	bool is_denied; /* there were such instances */
};

/* 0 or -errno. */
int reconcile_at_end(struct probes *probes, struct reconciled *out);

#endif
