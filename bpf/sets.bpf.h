/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The descriptor sets of select in user memory, some words at a time. */
#ifndef FDSCOPE_SETS_BPF_H
#define FDSCOPE_SETS_BPF_H

#include "compat.bpf.h"
#include <fdscope/epoll_rows.h>

#define SET_WORDS 4 /* words of each set read at a time: programs have 512 bytes of stack in all */
#define SET_BITS  (SET_WORDS * 64)

/* @words from bit @base on of a set at @set, which may be NULL, of which @bits are left. */
static __always_inline long read_set(unsigned long *words, __u64 set, __u32 base, __u64 bits)
{
	__u64 bytes = (bits + 63) / 64 * 8;

	barrier_var(bytes); /* for the verifier: clamp the copy that is used */
	if (bytes > SET_WORDS * 8)
		bytes = SET_WORDS * 8;
	__builtin_memset(words, 0, SET_WORDS * 8);
	return set ? bpf_probe_read_user(words, bytes, (void *)set + base / 8) : 0;
}

#define UNREADABLE    (~0ULL)
#define TOO_MANY_SETS (~1ULL)

/*
 * Members of the union of three sets, each of which may be NULL, from bit @base on,
 * where @bits are left; looks at SET_BITS of them. The kernel reads whole words
 * (fs/select.c: FDS_BYTES), so do we. A global function, like every body of a loop
 * here: the verifier follows it once and not once for each turn. Whether a set is
 * NULL is asked here and not in the loop, where each answer doubles the ways on.
 */
__weak __u64 count_set_members(__u64 in_set, __u64 out_set, __u64 ex_set, __u32 base, __u64 bits)
{
	unsigned long in[SET_WORDS], out[SET_WORDS], ex[SET_WORDS];
	__u64 members = 0;

	if (read_set(in, in_set, base, bits) || read_set(out, out_set, base, bits) ||
	    read_set(ex, ex_set, base, bits))
		return UNREADABLE;
	for (__u32 i = 0; i < SET_WORDS; i++)
		in[i] |= out[i] | ex[i];
	if (bits < SET_BITS)
		mask_last_word(in, SET_WORDS, bits);
	for (__u32 i = 0; i < SET_WORDS; i++)
		members += count_bits(in[i]);
	return members;
}

/* Members of the union of the three sets below @nr_fds, or UNREADABLE or TOO_MANY_SETS. */
__weak __u64 count_watched(__u64 in_set, __u64 out_set, __u64 ex_set, __u64 nr_fds)
{
	__u64 watched = 0, members;

	for (__u32 base = 0; base < SELECT_FDS_MAX; base += SET_BITS) {
		if (base >= nr_fds)
			return watched;
		members = count_set_members(in_set, out_set, ex_set, base, nr_fds - base);
		if (members == UNREADABLE)
			return UNREADABLE;
		watched += members;
	}
	return nr_fds > SELECT_FDS_MAX ? TOO_MANY_SETS : watched;
}

#endif
