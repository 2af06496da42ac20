/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Several ways to run one server, each under the same load: what a request cost
 * in each, and how steady that is. Every repetition is two runs, one traced and
 * one not: the counts come from the traced run, the times from both.
 */
#ifndef FDSCOPE_COMPARISON_H
#define FDSCOPE_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/quantities.h"

enum measure {
	MEASURE_RATE, /* requests per second */
	MEASURE_CPU,  /* us of the server per request */
	MEASURE_P99,  /* latency, ns */
	MEASURES,
};

struct comparison_load {
	uint32_t connections; /* that ask, all at once */
	uint32_t idle;	      /* that only stay open */
	uint32_t requests;    /* on each connection that asks */
	uint32_t repeats;
	uint64_t size_bytes; /* of each answer */
	bool is_post;	     /* the request has a body as long, which the answer is */
	uint32_t pieces;     /* in which a request arrives; 0 or 1: whole */
	uint32_t read_chunk; /* bytes the server reads at a time; 0: as it likes */
};

/* One run of the server under the load. */
struct comparison_run {
	bool is_traced;
	bool is_complete;     /* traced: nothing was lost */
	struct totals totals; /* traced */
	double measures[MEASURES];
};

#define COMPARISON_REPEATS_MAX 100

/* By chance alone, four values and four others are apart once in 35 times, three once in 10. */
#define COMPARISON_REPEATS_LEAST 4

/* The runs of one mode; values[0] untraced, values[1] traced, a value for each repetition. */
struct comparison_mode {
	const char *name; /* borrowed */
	bool is_complete;
	uint64_t requests;    /* of all traced runs */
	struct totals totals; /* their sum */
	double values[2][MEASURES][COMPARISON_REPEATS_MAX];
	size_t nr[2];
};

struct comparison {
	struct comparison_load load;
	struct comparison_mode *modes;
	size_t nr_modes;
	const char *kernel; /* borrowed */
	/* select was asked for, but cannot watch so many descriptors. */
	bool is_without_select;
};

/* What was seen over the repetitions. */
struct spread {
	double median, min, max;
};

/* 0 or -ENOMEM. */
int comparison_init(struct comparison *comparison, const struct comparison_load *load,
		    const char *const *modes, size_t nr_modes);
void comparison_free(struct comparison *comparison);

/* At most COMPARISON_REPEATS_MAX of each kind for a mode. */
void comparison_add(struct comparison *comparison, size_t mode, const struct comparison_run *run);

/* All 0 before the first run. */
struct spread comparison_spread(const struct comparison_mode *mode, enum measure measure,
				bool is_traced);

/*
 * How the traced median differs from the untraced one, as a share of that. False
 * where the repetitions do not tell: there are too few, or one median lies in the
 * range of the other. By chance alone five would tell once in 20 times, four once
 * in 10.
 */
bool comparison_change(const struct comparison_mode *mode, enum measure measure, double *change);

/* Half the range, as a share of the median. */
double spread_share(const struct spread *spread);

/* True if no value of one was seen in the range of the other. */
bool spreads_are_apart(const struct spread *one, const struct spread *other);

/* NULL if it is not among them. */
const struct comparison_mode *comparison_mode_named(const struct comparison *comparison,
						    const char *name);

double comparison_per_request(const struct comparison_mode *mode, count_fn *count);

/* Between which two modes something differs most, and which of its parts does. */
struct contrast {
	const struct comparison_mode *most, *least;
	double gap;  /* how much of the most the least went without: 0 to 1 */
	size_t part; /* index among the parts: the largest rise from least to most */
};

/* There is at least one mode. */
struct contrast comparison_contrast(const struct comparison *comparison, count_fn *whole,
				    count_fn *const *parts, size_t nr_parts);

#endif
