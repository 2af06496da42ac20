/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The clock that bpf_ktime_get_ns() reads, too. */
#ifndef FDSCOPE_CLOCK_H
#define FDSCOPE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

#endif
