/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the end of a wait is counted as, whether it returns or its thread dies inside. */
#ifndef FDSCOPE_WAIT_END_BPF_H
#define FDSCOPE_WAIT_END_BPF_H

#include "compat.bpf.h"
#include "maps.bpf.h"

#define EFAULT 14
#define EINVAL 22
#define ENOMEM 12

static __always_inline void count_wait_clocks(struct wait_counters *wait, struct wait_entry *entry,
					      struct task_struct *task, __u64 now)
{
	__u64 wait_ns = now - entry->since_ns;
	__u64 switches = FOLLOW(task, nvcsw) - entry->nvcsw;

	wait->wait_ns += wait_ns;
	wait->wait_ns_hist[hist_bucket(wait_ns) & (HIST_NS_BUCKETS - 1)]++;
	wait->runqueue_ns += FOLLOW(task, sched_info.run_delay) - entry->run_delay;
	if (!switches)
		return;
	wait->switches += switches;
	wait->sleeps++;
}

static __always_inline void add_watched(struct wait_counters *wait, __u64 watched)
{
	wait->watched += watched;
	wait->watched_hist[hist_bucket(watched) & (HIST_INT_BUCKETS - 1)]++;
}

/* Control data: see the table of copied bytes, man fdscope(8) FIELDS. */
static __always_inline void count_array_bytes(struct wait_counters *wait, struct wait_entry *entry,
					      long ret)
{
	wait->in_bytes += entry->in_bytes;
	wait->out_bytes += entry->writes_time_left ? 16 : 0;
	if (ret == -EINVAL || ret == -EFAULT || ret == -ENOMEM)
		return;
	wait->in_bytes += entry->array_bytes;
	if (entry->family == WAIT_POLL)
		wait->out_bytes += entry->array_bytes / 4; /* revents of every entry */
	else if (ret >= 0)
		wait->out_bytes += entry->array_bytes;
}

/* A thread that dies inside a wait returns from it no more. */
static __always_inline void wait_abandoned(struct thread *thread, struct task_struct *task)
{
	struct wait_entry *entry = &thread->wait;
	struct wait_counters *wait;

	if (!entry->since_ns || entry->family >= WAIT_FAMILIES)
		return;
	wait = &thread->counters.waits[entry->family];
	wait->interrupted++;
	count_wait_clocks(wait, entry, task, bpf_ktime_get_ns());
	if (entry->family != WAIT_EPOLL) {
		count_array_bytes(wait, entry, -EINTR);
		add_watched(wait, entry->watched);
	}
	entry->since_ns = 0;
}

#endif
