/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/quantities.h"

#include <stddef.h>

#include "model/derive.h"

/* Of one counter over epoll, poll and select. */
static uint64_t sum_waits(const struct counters *counters, size_t offset)
{
	uint64_t sum = 0;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		sum += *(const uint64_t *)((const char *)&counters->waits[family] + offset);
	return sum;
}

uint64_t count_wakeups(const struct counters *counters)
{
	uint64_t sum = 0;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		sum += wait_wakeups(&counters->waits[family]);
	return sum;
}

uint64_t count_ready(const struct counters *counters)
{
	return sum_waits(counters, offsetof(struct wait_counters, ready));
}

uint64_t count_timeouts(const struct counters *counters)
{
	return sum_waits(counters, offsetof(struct wait_counters, timeouts));
}

uint64_t count_empty_polls(const struct counters *counters)
{
	return sum_waits(counters, offsetof(struct wait_counters, empty_polls));
}

uint64_t count_waits(const struct counters *counters)
{
	uint64_t sum = 0;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		sum += wait_calls(&counters->waits[family]);
	return sum;
}

uint64_t count_watching_waits(const struct counters *counters)
{
	return count_waits(counters) - sum_waits(counters, offsetof(struct wait_counters, failed));
}

uint64_t count_watched(const struct counters *counters)
{
	return sum_waits(counters, offsetof(struct wait_counters, watched));
}

uint64_t count_handed(const struct counters *counters)
{
	return counters->waits[WAIT_POLL].watched + counters->waits[WAIT_SELECT].watched;
}

uint64_t count_ctl(const struct counters *counters)
{
	return epoll_ctl_calls(&counters->epoll_ctl);
}

uint64_t count_accepts(const struct counters *counters)
{
	return accept_calls(&counters->accept);
}

uint64_t count_accepted(const struct counters *counters)
{
	return counters->accept.accepted;
}

static uint64_t sum_kinds(const struct counters *counters, enum io_family family)
{
	uint64_t sum = 0;

	for (int kind = 0; kind < IO_KINDS; kind++)
		sum += io_calls(&counters->io[family][kind]);
	return sum;
}

uint64_t count_socket_reads(const struct counters *counters)
{
	return io_calls(&counters->io[IO_READ][KIND_SOCKET]);
}

uint64_t count_socket_reads_again(const struct counters *counters)
{
	return counters->io[IO_READ][KIND_SOCKET].again;
}

uint64_t count_socket_reads_done(const struct counters *counters)
{
	return count_socket_reads(counters) - count_socket_reads_again(counters);
}

uint64_t count_other_reads(const struct counters *counters)
{
	return sum_kinds(counters, IO_READ) - count_socket_reads(counters);
}

uint64_t count_writes(const struct counters *counters)
{
	return sum_kinds(counters, IO_WRITE);
}

uint64_t count_sendfile(const struct counters *counters)
{
	return sum_kinds(counters, IO_SENDFILE);
}

uint64_t count_splice(const struct counters *counters)
{
	return sum_kinds(counters, IO_SPLICE);
}

uint64_t count_sends_again(const struct counters *counters)
{
	return counters->io[IO_WRITE][KIND_SOCKET].again +
	       counters->io[IO_SENDFILE][KIND_SOCKET].again +
	       counters->io[IO_SPLICE][KIND_SOCKET].again;
}

uint64_t count_copied(const struct counters *counters)
{
	return user_to_kernel_bytes(counters) + kernel_to_user_bytes(counters);
}

uint64_t count_payload(const struct counters *counters)
{
	return count_copied(counters) - control_bytes(counters);
}
