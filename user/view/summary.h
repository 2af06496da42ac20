/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The report for eyes: for each process what its loop does, in a few lines that
 * a person understands, with rates where a rate says more than a sum.
 */
#ifndef FDSCOPE_SUMMARY_H
#define FDSCOPE_SUMMARY_H

#include "model/profile.h"
#include "view/sheet.h"

struct summary_options {
	bool hist;
	bool per_thread;
	const char *only; /* the name of the processes that were kept; NULL: all were */
};

/* Fills in @sheet, which the caller frees. 0 or -ENOMEM. */
int summary_make(struct sheet *sheet, const struct profile *profile,
		 const struct summary_options *options);

#endif
