/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The inside of a tracer, for the harness's own files. */
#ifndef FDSCOPE_TESTS_BPF_TRACER_H
#define FDSCOPE_TESTS_BPF_TRACER_H

#include "harness.h"

#define MAX_WANTED 96

struct wanted {
	char key[64];
	uint64_t value;
	bool is_met;
};

struct tracer {
	struct probes *probes;
	struct snapshot first, last;
	struct snapshot archive; /* of rows given back in the interval */
	struct profile profile;
	struct process_end *ends;
	size_t nr_ends;
	size_t nr_intervals;
	bool has_met; /* what was there before the probes were live */
	struct wanted wanted[MAX_WANTED];
	size_t nr_wanted;
};

/* Fails the test unless every sum that a profile promises holds in @process, which is in @profile. */
void check_sums_of(const struct profile *profile, const struct profile_process *process);

#endif
