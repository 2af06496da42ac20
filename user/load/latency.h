/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Latencies: count, extremes and mean exactly, percentiles from a histogram whose buckets are
 * at most 1/128 of their value wide. A percentile is given as its bucket's middle, so it is off
 * by less than 0.4 %, in 58 KiB whatever the number of samples.
 */
#ifndef LOAD_LATENCY_H
#define LOAD_LATENCY_H

#include <stdint.h>

#define LATENCY_SUB_BITS 7
#define LATENCY_BUCKETS	 ((64 - LATENCY_SUB_BITS + 1) << LATENCY_SUB_BITS)

struct latency {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t min_ns;
	uint64_t max_ns;
	uint64_t buckets[LATENCY_BUCKETS];
};

/* An all-zero struct latency is an empty one. */
void latency_add(struct latency *lat, uint64_t ns);

uint64_t latency_mean_ns(const struct latency *lat);

/* The smallest latency that @percent of the samples do not exceed (nearest rank); 0 if empty. */
uint64_t latency_percentile_ns(const struct latency *lat, unsigned int percent);

#endif
