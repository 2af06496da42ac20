/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Comparisons with made-up numbers, and what is printed of them. */
#ifndef FDSCOPE_TEST_COMPARISONS_H
#define FDSCOPE_TEST_COMPARISONS_H

#include "unit.h"

#include "model/comparison.h"

#define REQUESTS    (7.0 * 13) /* of a run under @sample_load */
#define NR_TRIGGERS 3

extern const struct comparison_load sample_load;
extern const char *const one_mode[1];		/* poll */
extern const char *const two_modes[2];		/* poll, epoll-edge */
extern const char *const triggers[NR_TRIGGERS]; /* epoll-level, epoll-edge, epoll-oneshot */
extern const struct counters few_calls;		/* of poll: a large scan */
extern const struct counters more_calls;	/* of epoll: reads that find nothing */

/* Without a run. The caller frees it, as below. */
void begin_comparison(struct comparison *comparison, const char *const *names, size_t nr);

/* A traced run and an untraced one. */
void add_totals(struct comparison *comparison, size_t mode, const struct totals *totals);
void add_counts(struct comparison *comparison, size_t mode, const struct counters *counters);

/* A server that takes requests of 64 bytes in reads of @chunk, once with each trigger. */
void begin_triggers(struct comparison *comparison, unsigned int chunk);

/* What is printed; the caller frees it. */
char *comparison_text(const struct comparison *comparison);

void assert_says(const char *text, const char *words);

/* Runs of its first mode at these rates, and of nothing else. */
void add_times(struct comparison *comparison, bool is_traced, const double *rates, size_t nr);

#endif
