/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One small function for each thing that compare can divide by the requests. None
 * of them knows a mode; ratios and what stands out are left to comparison.c.
 */
#include "model/quantities.h"

#include <stddef.h>

#include "model/derive.h"
#include "model/fields.h"

static void add_words(void *sum, const void *more, size_t size)
{
	uint64_t *out = sum;
	const uint64_t *in = more;

	for (size_t i = 0; i < size / sizeof(*out); i++)
		out[i] += in[i];
}

void totals_add(struct totals *totals, const struct totals *more)
{
	add_words(totals, more, sizeof(*totals));
}

void totals_of(struct totals *totals, const struct profile_process *process)
{
	*totals = (struct totals){ .counters = process->counters };
	for (size_t i = 0; i < process->nr_epolls; i++)
		add_words(&totals->epolls, &process->epolls[i].counters, sizeof(totals->epolls));
}

bool waits_with_epoll(const struct totals *totals)
{
	return wait_calls(&totals->counters.waits[WAIT_EPOLL]);
}

bool knows_watched(const struct totals *totals)
{
	const struct wait_counters *wait = &totals->counters.waits[WAIT_EPOLL];

	return wait_calls(wait) == wait->failed ||
	       hist_total((const uint64_t *)wait->watched_hist, HIST_INT_BUCKETS);
}

/* Of one counter over epoll, poll and select. */
static uint64_t sum_waits(const struct totals *totals, size_t offset)
{
	uint64_t sum = 0;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		sum += *(const uint64_t *)((const char *)&totals->counters.waits[family] + offset);
	return sum;
}

uint64_t count_wakeups(const struct totals *totals)
{
	uint64_t sum = 0;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		sum += wait_wakeups(&totals->counters.waits[family]);
	return sum;
}

uint64_t count_ready(const struct totals *totals)
{
	return sum_waits(totals, offsetof(struct wait_counters, ready));
}

uint64_t count_timeouts(const struct totals *totals)
{
	return sum_waits(totals, offsetof(struct wait_counters, timeouts));
}

uint64_t count_empty_polls(const struct totals *totals)
{
	return sum_waits(totals, offsetof(struct wait_counters, empty_polls));
}

uint64_t count_waits(const struct totals *totals)
{
	uint64_t sum = 0;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		sum += wait_calls(&totals->counters.waits[family]);
	return sum;
}

uint64_t count_watching_waits(const struct totals *totals)
{
	return count_waits(totals) - sum_waits(totals, offsetof(struct wait_counters, failed));
}

uint64_t count_watched(const struct totals *totals)
{
	return sum_waits(totals, offsetof(struct wait_counters, watched));
}

uint64_t count_handed(const struct totals *totals)
{
	return totals->counters.waits[WAIT_POLL].watched +
	       totals->counters.waits[WAIT_SELECT].watched;
}

uint64_t count_deliveries(const struct totals *totals)
{
	const struct trigger_counters *by = &totals->epolls.deliveries.by;

	return by->level + by->edge;
}

uint64_t count_redelivered(const struct totals *totals)
{
	return totals->epolls.redelivered + totals->counters.waits[WAIT_POLL].redelivered +
	       totals->counters.waits[WAIT_SELECT].redelivered;
}

uint64_t count_residual(const struct totals *totals)
{
	return totals->epolls.residual;
}

uint64_t count_spurious(const struct totals *totals)
{
	return totals->epolls.spurious;
}

uint64_t count_calls(const struct totals *totals)
{
	return all_calls(&totals->counters);
}

uint64_t count_ctl(const struct totals *totals)
{
	return epoll_ctl_calls(&totals->counters.epoll_ctl);
}

uint64_t count_accepts(const struct totals *totals)
{
	return accept_calls(&totals->counters.accept);
}

uint64_t count_accepted(const struct totals *totals)
{
	return totals->counters.accept.accepted;
}

static uint64_t sum_kinds(const struct totals *totals, enum io_family family)
{
	uint64_t sum = 0;

	for (int kind = 0; kind < IO_KINDS; kind++)
		sum += io_calls(&totals->counters.io[family][kind]);
	return sum;
}

uint64_t count_socket_reads(const struct totals *totals)
{
	return io_calls(&totals->counters.io[IO_READ][KIND_SOCKET]);
}

uint64_t count_socket_reads_again(const struct totals *totals)
{
	return totals->counters.io[IO_READ][KIND_SOCKET].again;
}

uint64_t count_socket_reads_done(const struct totals *totals)
{
	return count_socket_reads(totals) - count_socket_reads_again(totals);
}

uint64_t count_socket_read_bytes(const struct totals *totals)
{
	return totals->counters.io[IO_READ][KIND_SOCKET].bytes;
}

uint64_t count_other_reads(const struct totals *totals)
{
	return sum_kinds(totals, IO_READ) - count_socket_reads(totals);
}

uint64_t count_writes(const struct totals *totals)
{
	return sum_kinds(totals, IO_WRITE);
}

uint64_t count_sendfile(const struct totals *totals)
{
	return sum_kinds(totals, IO_SENDFILE);
}

uint64_t count_splice(const struct totals *totals)
{
	return sum_kinds(totals, IO_SPLICE);
}

uint64_t count_sends_again(const struct totals *totals)
{
	return totals->counters.io[IO_WRITE][KIND_SOCKET].again +
	       totals->counters.io[IO_SENDFILE][KIND_SOCKET].again +
	       totals->counters.io[IO_SPLICE][KIND_SOCKET].again;
}

uint64_t count_to_kernel(const struct totals *totals)
{
	return user_to_kernel_bytes(&totals->counters);
}

uint64_t count_from_kernel(const struct totals *totals)
{
	return kernel_to_user_bytes(&totals->counters);
}

uint64_t count_control(const struct totals *totals)
{
	return control_bytes(&totals->counters);
}

uint64_t count_copied(const struct totals *totals)
{
	return count_to_kernel(totals) + count_from_kernel(totals);
}

uint64_t count_payload(const struct totals *totals)
{
	return count_copied(totals) - count_control(totals);
}

uint64_t count_sent(const struct totals *totals)
{
	return socket_out_bytes(&totals->counters);
}

uint64_t count_sent_zero_copy(const struct totals *totals)
{
	return zero_copy_bytes(&totals->counters);
}
