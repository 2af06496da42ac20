/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What follows from the stored counters. Every sum the profile promises is made here. */
#ifndef FDSCOPE_DERIVE_H
#define FDSCOPE_DERIVE_H

#include <fdscope/counters.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t wait_wakeups(const struct wait_counters *wait);
uint64_t wait_calls(const struct wait_counters *wait);
uint64_t accept_calls(const struct accept_counters *accept);
uint64_t epoll_ctl_calls(const struct epoll_ctl_counters *ctl);
uint64_t callback_calls(const struct callback_counters *callbacks);
uint64_t io_calls(const struct io_counters *io);

uint64_t control_bytes(const struct counters *counters);
uint64_t user_to_kernel_bytes(const struct counters *counters);
uint64_t kernel_to_user_bytes(const struct counters *counters);
uint64_t socket_out_bytes(const struct counters *counters);
uint64_t zero_copy_bytes(const struct counters *counters);

/* False when nothing was sent: then there is no share. */
bool zero_copy_share(const struct counters *counters, double *share);

/* All calls of a process that the profile counts. */
uint64_t all_calls(const struct counters *counters);

/*
 * Upper bound of the bucket that holds the @permille-th thousandth of what
 * @hist counts (500: the median): the value is at most this and more than half
 * of it. 0 when it counts nothing.
 */
uint64_t hist_quantile(const uint64_t *hist, size_t buckets, unsigned permille);

#endif
