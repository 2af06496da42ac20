/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one clock of this program. */
#ifndef LOAD_CLOCK_H
#define LOAD_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, answered by the vDSO: reading it for every response is no system call. */
static inline uint64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

#endif
