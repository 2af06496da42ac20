/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sums that hold in every profile, added up anew from what is stored. */
#include "tracer.h"

#include "model/derive.h"

static uint64_t total_of(const uint64_t *hist, size_t buckets)
{
	uint64_t total = 0;

	for (size_t i = 0; i < buckets; i++)
		total += hist[i];
	return total;
}

/* What lies in the buckets adds up to something between their lower and their upper bounds. */
static void check_hist(const char *name, const uint64_t *hist, size_t buckets, uint64_t sum,
		       uint64_t count)
{
	uint64_t least = 0, most = 0;

	assert_int_equal(total_of(hist, buckets), count);
	for (size_t i = 1; i < buckets; i++) {
		least += hist[i] << (i - 1);
		most += hist[i] * ((1ULL << i) - 1);
	}
	if (sum < least || sum > most)
		fail_msg("%s: %llu is not within the histogram's %llu to %llu", name,
			 (unsigned long long)sum, (unsigned long long)least,
			 (unsigned long long)most);
}

static void check_wait(enum wait_family family, const struct wait_counters *wait)
{
	bool is_told = family != WAIT_EPOLL || counts_watched_by_epoll();
	uint64_t wakeups = total_of((uint64_t *)wait->ready_hist, HIST_INT_BUCKETS);
	uint64_t returned = wakeups + wait->timeouts + wait->empty_polls + wait->interrupted;

	assert_int_equal(wait_wakeups(wait), wakeups);
	assert_int_equal(wait_calls(wait), returned + wait->failed);
	check_hist("ready", (uint64_t *)wait->ready_hist, HIST_INT_BUCKETS, wait->ready, wakeups);
	check_hist("watched", (uint64_t *)wait->watched_hist, HIST_INT_BUCKETS, wait->watched,
		   is_told ? returned : 0);
	check_hist("wait_ns", (uint64_t *)wait->wait_ns_hist, HIST_NS_BUCKETS, wait->wait_ns,
		   returned + wait->failed);
	check_hist("busy_ns", (uint64_t *)wait->busy_ns_hist, HIST_NS_BUCKETS, wait->busy_ns,
		   total_of((uint64_t *)wait->busy_ns_hist, HIST_NS_BUCKETS));
	assert_true(wait->ready_hist[0] == 0);
	assert_true(wait->immediate <= wakeups);
	assert_true(wait->saturated <= wakeups);
	assert_true(wait->sleeps <= wait->switches);
	assert_true(wait->sleeps + wait->immediate <= returned + wait->failed);
	assert_true(wait->runqueue_ns <= wait->wait_ns);
}

static void check_io(const struct io_counters *io)
{
	assert_int_equal(io_calls(io),
			 io->moved + io->end + io->again + io->interrupted + io->failed);
	check_hist("bytes", (uint64_t *)io->size_hist, HIST_BYTES_BUCKETS, io->bytes,
		   total_of((uint64_t *)io->size_hist, HIST_BYTES_BUCKETS));
	assert_true(io->partial <= io->moved);
	assert_true(io->moved + io->end <= total_of((uint64_t *)io->size_hist, HIST_BYTES_BUCKETS));
}

static void check_counters(const struct counters *counters)
{
	for (int i = 0; i < WAIT_FAMILIES; i++)
		check_wait(i, &counters->waits[i]);
	for (int family = 0; family < IO_FAMILIES; family++) {
		for (int kind = 0; kind < IO_KINDS; kind++)
			check_io(&counters->io[family][kind]);
	}
	assert_int_equal(epoll_ctl_calls(&counters->epoll_ctl),
			 counters->epoll_ctl.add + counters->epoll_ctl.mod +
				 counters->epoll_ctl.del + counters->epoll_ctl.failed);
}

static void check_threads(const struct profile_process *process)
{
	const uint64_t *whole = (const uint64_t *)&process->counters;

	for (size_t word = 0; word < COUNTERS_WORDS; word++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < process->nr_threads; i++)
			sum += ((const uint64_t *)&process->threads[i].counters)[word];
		assert_int_equal(sum, whole[word]);
	}
}

/* Rows of the listeners and the process's own counts agree, as long as no row was missing. */
static void check_listeners(const struct profile_process *process)
{
	uint64_t accepted = 0, again = 0;

	for (size_t i = 0; i < process->nr_listeners; i++) {
		accepted += total_of(process->listeners[i].queue_depth_hist, HIST_INT_BUCKETS);
		again += process->listeners[i].again;
	}
	if (process->counters.losses[LOSS_LISTENERS])
		return;
	assert_int_equal(accepted, process->counters.accept.accepted);
	assert_int_equal(again, process->counters.accept.again);
}

static void check_epoll_parts(const struct epoll_counters *epoll)
{
	const struct delivery_counters *deliveries = &epoll->deliveries;
	uint64_t all = deliveries->by.level + deliveries->by.edge;
	const uint64_t parts[] = {
		deliveries->by.oneshot, deliveries->by.exclusive, deliveries->in,
		deliveries->out,	deliveries->err,	  deliveries->hup,
		deliveries->rdhup,	deliveries->pri,	  epoll->ignored_hangup,
		epoll->phantom,
	};
	const uint64_t of_level[] = { epoll->redelivered, epoll->idle_out, epoll->residual };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_true(parts[i] <= all);
	for (size_t i = 0; i < ARRAY_SIZE(of_level); i++)
		assert_true(of_level[i] <= deliveries->by.level);
	assert_true(epoll->redelivered_in <= epoll->redelivered);
	assert_true(epoll->redelivered_in <= deliveries->in);
	assert_true(epoll->residual <= deliveries->in);
	assert_true(epoll->spurious <=
		    total_of((uint64_t *)epoll->first_read_ns_hist, HIST_NS_BUCKETS));
}

/* Each event that a wait reported is in one instance's row. A wait that was killed returns to none. */
static void check_epolls(const struct profile *profile, const struct profile_process *process)
{
	const struct wait_counters *wait = &process->counters.waits[WAIT_EPOLL];
	uint64_t events = 0, returns = 0;

	for (size_t i = 0; i < process->nr_epolls; i++) {
		const struct profile_epoll *epoll = &process->epolls[i];
		const struct trigger_counters *by = &epoll->registrations;

		check_epoll_parts(&epoll->counters);
		assert_true(by->oneshot <= by->level + by->edge);
		assert_true(by->exclusive <= by->level + by->edge);
		assert_true(epoll->undrained.descriptors <= by->edge);
		assert_true(epoll->threads > 0);
		returns += epoll->counters.returns;
		events += epoll->counters.deliveries.by.level + epoll->counters.deliveries.by.edge +
			  epoll->counters.unattributed;
	}
	if (process->counters.losses[LOSS_EVENTS] || profile->losses[LOSS_INSTANCES])
		return;
	assert_int_equal(events, wait->ready);
	assert_true(returns <= wait_calls(wait) - wait->failed);
	assert_true(returns >= wait_calls(wait) - wait->failed - wait->interrupted);
}

void check_sums_of(const struct profile *profile, const struct profile_process *process)
{
	check_counters(&process->counters);
	check_threads(process);
	check_listeners(process);
	check_epolls(profile, process);
}
