/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From two snapshots to what a profile says of epoll instances (epolls.c) and
 * of what is registered with them (descriptors.c). Part of profile_between().
 */
#ifndef FDSCOPE_MODEL_EPOLLS_H
#define FDSCOPE_MODEL_EPOLLS_H

#include <stdbool.h>

#include "model/profile.h"

/*
 * Fills in epolls and descriptors of the processes of @profile, which are in
 * their final order, and marks what losses touch. @nr_shown descriptors of each
 * will be in the document. 0 or -ENOMEM.
 */
int epolls_compare(struct profile *profile, const struct snapshot *first,
		   const struct snapshot *last, size_t nr_shown);

/* The part of it that is about descriptors; instances are numbered as in snapshots. */
int descriptors_compare(struct profile *profile, const struct snapshot *first,
			const struct snapshot *last, size_t nr_shown);

/* Holds bytes that came before an edge, and the edge was not answered with a read of all. */
bool registration_is_undrained(const struct snapshot_registration *row);

/* How long it has been so; 0 if it began after the snapshot. */
uint64_t registration_undrained_ns(const struct snapshot_registration *row, uint64_t taken_ns);

#endif
