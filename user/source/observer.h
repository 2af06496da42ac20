/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes snapshots: what the probes counted, the open descriptors, what only
 * /proc tells, and what ended processes left behind, whose rows it gives back.
 */
#ifndef FDSCOPE_OBSERVER_H
#define FDSCOPE_OBSERVER_H

#include "source/probes.h"
#include "source/procfs.h"

struct observer;

/* @probes and @named, the processes to show even if they did nothing, are borrowed. */
struct observer *observer_new(struct probes *probes, const struct id_list *named);
void observer_free(struct observer *observer);

/* To be called when the targets are named, before the probes count: notes what will not be seen. */
void observer_before_live(struct observer *observer);

/* To be called once the probes count: the clock and the first look at descriptors start here. */
void observer_go_live(struct observer *observer, uint64_t now_ns);

/* Takes in what the kernel told of ended processes. */
void observer_take_ended(struct observer *observer);

/*
 * Everything counted up to now. The last snapshot detaches the probes first,
 * after a last look at the descriptors. 0 or -errno, logged.
 */
int observer_snapshot(struct observer *observer, struct snapshot *out, bool is_last);

/* Drops what ended processes left: the snapshots so far have shown it. */
void observer_forget_ended(struct observer *observer);

#endif
