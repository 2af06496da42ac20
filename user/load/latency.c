/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The latency histogram: linear below 2^8 ns, above that 128 buckets for every power of two.
 */
#include "latency.h"

/* How many low bits a bucket of this size ignores. */
static unsigned int bucket_shift(uint64_t ns)
{
	unsigned int top_bit = 63 - __builtin_clzll(ns | 1);

	return top_bit > LATENCY_SUB_BITS ? top_bit - LATENCY_SUB_BITS : 0;
}

/*
 * ns >> shift lies in [128, 256) unless shift is 0, so each shift adds 128 indexes and the
 * ranges of neighbouring shifts meet without a gap.
 */
static unsigned int bucket_of(uint64_t ns)
{
	unsigned int shift = bucket_shift(ns);

	return (shift << LATENCY_SUB_BITS) + (ns >> shift);
}

static uint64_t bucket_middle(unsigned int idx)
{
	unsigned int shift = idx >> LATENCY_SUB_BITS;
	uint64_t low;

	if (shift < 2)
		return idx;
	shift--;
	low = (uint64_t)(idx - (shift << LATENCY_SUB_BITS)) << shift;
	return low + (1ull << shift) / 2;
}

void latency_add(struct latency *lat, uint64_t ns)
{
	if (!lat->count || ns < lat->min_ns)
		lat->min_ns = ns;
	if (ns > lat->max_ns)
		lat->max_ns = ns;
	lat->count++;
	lat->sum_ns += ns;
	lat->buckets[bucket_of(ns)]++;
}

uint64_t latency_mean_ns(const struct latency *lat)
{
	return lat->count ? lat->sum_ns / lat->count : 0;
}

uint64_t latency_percentile_ns(const struct latency *lat, unsigned int percent)
{
	uint64_t rank = (lat->count * percent + 99) / 100;
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < LATENCY_BUCKETS; i++) {
		uint64_t middle = bucket_middle(i);

		seen += lat->buckets[i];
		if (!seen || seen < rank)
			continue;
		if (middle < lat->min_ns)
			return lat->min_ns;
		return middle > lat->max_ns ? lat->max_ns : middle;
	}
	return 0;
}
