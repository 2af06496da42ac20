/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Log2 histograms and bit counts: arithmetic that the kernel side and user
 * space share, so that a test on the host tests the very lines BPF runs.
 */
#ifndef FDSCOPE_HIST_H
#define FDSCOPE_HIST_H

#include <linux/types.h>

#define HIST_INT_BUCKETS   32 /* holds every non-negative int */
#define HIST_BYTES_BUCKETS 48 /* sendmmsg can move 1024 times what one send can: below 2^47 */
#define HIST_NS_BUCKETS	   64 /* holds every interval below 2^63 ns, 292 years */

/*
 * The bucket of @value: 0 for 0, else k where 2^(k-1) <= value < 2^k.
 * BPF has no count-leading-zeros instruction: six halvings without a loop.
 */
static inline __attribute__((always_inline)) __u32 hist_bucket(__u64 value)
{
	__u32 bucket = value != 0;

	if (value >> 32) {
		value >>= 32;
		bucket += 32;
	}
	if (value >> 16) {
		value >>= 16;
		bucket += 16;
	}
	if (value >> 8) {
		value >>= 8;
		bucket += 8;
	}
	if (value >> 4) {
		value >>= 4;
		bucket += 4;
	}
	if (value >> 2) {
		value >>= 2;
		bucket += 2;
	}
	return bucket + (value >> 1);
}

/* How many bits of @word are set. */
static inline __attribute__((always_inline)) __u32 count_bits(__u64 word)
{
	word -= word >> 1 & 0x5555555555555555ULL;
	word = (word & 0x3333333333333333ULL) + (word >> 2 & 0x3333333333333333ULL);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return word * 0x0101010101010101ULL >> 56;
}

#endif
