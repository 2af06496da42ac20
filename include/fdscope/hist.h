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

/* How many bits a byte needs: the place of its highest set bit, from 1; 0 for 0. */
static const __u8 bits_of_byte[256] = {
	[1] = 1,	 [2 ... 3] = 2,	  [4 ... 7] = 3,    [8 ... 15] = 4,
	[16 ... 31] = 5, [32 ... 63] = 6, [64 ... 127] = 7, [128 ... 255] = 8,
};

static inline __attribute__((always_inline)) __u32 bits_of(__u64 byte)
{
	asm volatile("" : "+r"(byte)); /* for the verifier: else the mask is optimised away */
	return bits_of_byte[byte & 0xff];
}

/*
 * The bucket of @value: 0 for 0, else k where 2^(k-1) <= value < 2^k. BPF has
 * no count-leading-zeros instruction: a table for bytes, and the smaller a value, the
 * sooner it leaves.
 */
static inline __attribute__((always_inline)) __u32 hist_bucket(__u64 value)
{
	__u32 below = 0; /* bits beneath the byte that is looked up */

	if (value < 1 << 8)
		return bits_of(value);
	if (value < 1 << 16)
		return 8 + bits_of(value >> 8);
	if (value < 1 << 24)
		return 16 + bits_of(value >> 16);
	value >>= 24;
	below = 24;
	if (value >> 16) {
		value >>= 16;
		below += 16;
	}
	if (value >> 16) {
		value >>= 16;
		below += 16;
	}
	if (value >> 8) {
		value >>= 8;
		below += 8;
	}
	return below + bits_of(value);
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
