/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/derive.h"

#include "model/fields.h"

uint64_t wait_wakeups(const struct wait_counters *wait)
{
	return hist_total((const uint64_t *)wait->ready_hist, HIST_INT_BUCKETS);
}

uint64_t wait_calls(const struct wait_counters *wait)
{
	return wait_wakeups(wait) + wait->timeouts + wait->empty_polls + wait->interrupted +
	       wait->failed;
}

uint64_t accept_calls(const struct accept_counters *accept)
{
	return accept->accepted + accept->again + accept->fd_limit + accept->interrupted +
	       accept->failed;
}

uint64_t epoll_ctl_calls(const struct epoll_ctl_counters *ctl)
{
	return ctl->add + ctl->mod + ctl->del + ctl->failed;
}

uint64_t callback_calls(const struct callback_counters *callbacks)
{
	uint64_t calls = 0;

	for (int outcome = 0; outcome < CALLBACK_OUTCOMES; outcome++)
		calls += callbacks->outcomes[outcome];
	return calls;
}

uint64_t io_calls(const struct io_counters *io)
{
	return io->moved + io->end + io->again + io->interrupted + io->failed;
}

static uint64_t control_in_bytes(const struct counters *counters)
{
	uint64_t bytes = counters->epoll_ctl.in_bytes + counters->accept.in_bytes;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		bytes += counters->waits[family].in_bytes;
	return bytes;
}

static uint64_t control_out_bytes(const struct counters *counters)
{
	uint64_t bytes = counters->accept.out_bytes;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		bytes += counters->waits[family].out_bytes;
	return bytes;
}

uint64_t control_bytes(const struct counters *counters)
{
	return control_in_bytes(counters) + control_out_bytes(counters);
}

static uint64_t family_bytes(const struct counters *counters, enum io_family family)
{
	uint64_t bytes = 0;

	for (int kind = 0; kind < IO_KINDS; kind++)
		bytes += counters->io[family][kind].bytes;
	return bytes;
}

uint64_t user_to_kernel_bytes(const struct counters *counters)
{
	return control_in_bytes(counters) + family_bytes(counters, IO_WRITE);
}

/* vmsplice from a pipe copies to user memory; into a pipe it lends the pages: vmsplice(2). */
uint64_t kernel_to_user_bytes(const struct counters *counters)
{
	return control_out_bytes(counters) + family_bytes(counters, IO_READ) -
	       counters->copies.truncated_bytes + counters->copies.vmsplice_in_bytes;
}

uint64_t zero_copy_bytes(const struct counters *counters)
{
	return counters->io[IO_SENDFILE][KIND_SOCKET].bytes +
	       counters->io[IO_SPLICE][KIND_SOCKET].bytes;
}

uint64_t socket_out_bytes(const struct counters *counters)
{
	return counters->io[IO_WRITE][KIND_SOCKET].bytes + zero_copy_bytes(counters);
}

bool zero_copy_share(const struct counters *counters, double *share)
{
	uint64_t sent = socket_out_bytes(counters);

	if (!sent)
		return false;
	*share = (double)zero_copy_bytes(counters) / (double)sent;
	return true;
}

uint64_t all_calls(const struct counters *counters)
{
	uint64_t calls = accept_calls(&counters->accept) + epoll_ctl_calls(&counters->epoll_ctl);

	for (int family = 0; family < WAIT_FAMILIES; family++)
		calls += wait_calls(&counters->waits[family]);
	for (int family = 0; family < IO_FAMILIES; family++) {
		for (int kind = 0; kind < IO_KINDS; kind++)
			calls += io_calls(&counters->io[family][kind]);
	}
	return calls;
}

uint64_t hist_quantile(const uint64_t *hist, size_t buckets, unsigned permille)
{
	uint64_t total = hist_total(hist, buckets), below = 0;

	for (size_t i = 0; i < buckets && total; i++) {
		below += hist[i];
		if ((unsigned __int128)below * 1000 >= (unsigned __int128)total * permille)
			return i ? (1ULL << i) - 1 : 0;
	}
	return 0;
}
