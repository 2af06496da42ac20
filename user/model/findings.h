/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Known mistakes, recognised in a profile by its numbers alone: no name, path
 * or port decides anything. Which there are is one table.
 */
#ifndef FDSCOPE_FINDINGS_H
#define FDSCOPE_FINDINGS_H

#include "model/profile.h"

struct search; /* model/finding.h */

/* A mistake that is looked for. */
struct finding_kind {
	const char *id;
	enum severity severity;
	void (*look)(struct search *search);
	/*
	 * Ended by NULL: kinds that name the cause of this one already when they
	 * are found in the same process, or on the same listener. They stand
	 * before it in the table.
	 */
	const char *const *named_by;
	const char *help; /* one sentence, as in fdscope(8) */
};

/* Ended by one without an id; among those of one severity, the worst first. */
extern const struct finding_kind finding_kinds[];

/* NULL if there is none of this id. */
const struct finding_kind *finding_kind_of(const char *id);

/*
 * Fills in the findings of @profile, which has none yet, the worst first. 0 or
 * -ENOMEM; either way they are the profile's.
 */
int findings_add(struct profile *profile);

#endif
