/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The descriptor sets of select in user memory, some words at a time. */
#ifndef FDSCOPE_SETS_BPF_H
#define FDSCOPE_SETS_BPF_H

#include "compat.bpf.h"

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

#endif
