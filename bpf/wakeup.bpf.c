/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's side of a wait: what the files that are watched tell, which tasks
 * that wakes, and who sleeps on. Functions inside the kernel come and go, and
 * many kernels refuse to have them traced, so user/source/wakeups.c decides what
 * is loaded. Who runs here is who wakes, often an interrupt's victim: all is
 * counted on who waits and on what it waits for.
 */
#include "compat.bpf.h"
#include "maps.bpf.h"
#include "task.bpf.h"
#include "callback.bpf.h"

/* ---- epoll: readiness ---- */

SEC("?fexit/ep_poll_callback")
int BPF_PROG(callback_returned, struct wait_queue_entry *wait, unsigned int mode, int sync,
	     void *key, int ret)
{
	struct callback_stack *stack = callbacks_here();
	struct callback *callback = stack ? pop_callback(stack, (__u64)wait) : NULL;

	if (callback)
		callback_ends(callback, (__u64)key, !ret);
	return 0;
}

SEC("?fentry/ep_poll_callback")
int BPF_PROG(callback_entered, struct wait_queue_entry *wait)
{
	struct epitem *epi = epitem_of_wait(wait);
	__u64 ep = (__u64)READ(epi, ep);
	__u32 *row = is_live ? bpf_map_lookup_elem(&instances_by_ep, &ep) : NULL;

	if (row)
		callback_begins(wait, epi, ep, *row);
	return 0;
}

/* The registration of @task's @fd in its instance @epfd: the number of its row. */
static __always_inline bool find_registration(struct task_struct *task, __u32 epfd, __u32 fd,
					      __u32 *number)
{
	struct file *file = file_of(task, fd);
	__u64 ep = (__u64)eventpoll_of(file_of(task, epfd));
	__u32 *row = ep ? bpf_map_lookup_elem(&instances_by_ep, &ep) : NULL;
	struct registration_key key = {};

	if (!row || !file)
		return false;
	key.file = (__u64)file;
	key.instance = *row;
	key.fd = fd;
	return find_by_key(&key, number);
}

SEC("?fentry/do_epoll_ctl")
int BPF_PROG(ctl_begun, int epfd, int op, int fd)
{
	struct task_struct *task = current_task();
	__u32 number;

	end_change(task); /* of the call before, whose end was missed */
	if (is_live && find_registration(task, epfd, fd, &number))
		begin_change(task, number);
	return 0;
}

SEC("?fexit/do_epoll_ctl")
int BPF_PROG(ctl_ended)
{
	end_change(current_task());
	return 0;
}

static __always_inline void count_scan(struct eventpoll *at)
{
	__u64 ep = (__u64)at;
	__u32 *row = bpf_map_lookup_elem(&instances_by_ep, &ep);
	struct instance *instance = row ? bpf_map_lookup_elem(&instances, row) : NULL;

	if (instance)
		__sync_fetch_and_add(&instance->scans, 1);
}

/* Once in each scan for events: a wait's, or that of whoever polls the instance. */
SEC("?fentry/ep_done_scan")
int BPF_PROG(scan_counted, struct eventpoll *ep)
{
	count_scan(ep);
	return 0;
}

/* Before ep_done_scan() came, in 5.11: each scan calls one of the next two. */
SEC("?fentry/ep_send_events_proc")
int BPF_PROG(send_scan_counted, struct eventpoll *ep)
{
	count_scan(ep);
	return 0;
}

SEC("?fentry/ep_read_events_proc")
int BPF_PROG(read_scan_counted, struct eventpoll *ep)
{
	count_scan(ep);
	return 0;
}

/* ---- who is woken ---- */

/* What the wait that @thread is in is counted on; NULL: none, or begun before we saw. */
static __always_inline struct wait_counters *wait_under_way(struct thread *thread)
{
	__u32 family;

	if (!is_live || !thread || !thread->wait.since_ns)
		return NULL;
	family = thread->wait.family;
	return family < WAIT_FAMILIES ? &thread->counters.waits[family] : NULL;
}

/*
 * A task that slept in epoll_wait. It cannot leave the wait before we have
 * returned: for that it needs the instance's lock, which who wakes it holds.
 * Only a fatal signal makes it leave without; then it is on its way to its end.
 */
SEC("?fexit/ep_autoremove_wake_function")
int BPF_PROG(waiter_woken, struct wait_queue_entry *wait, unsigned int mode, int sync, void *key,
	     int ret)
{
	struct wait_counters *counters;

	if (!ret)
		return 0; /* it was awake */
	callback_woke();
	counters = wait_under_way(known_thread(READ(wait, private)));
	if (counters)
		__sync_fetch_and_add(&counters->woken, 1);
	return 0;
}

/*
 * A file tells a task in poll or select. That leaves no sooner than it can take
 * the lock of the file's wait queue, which is held here.
 */
SEC("?fexit/pollwake")
int BPF_PROG(poller_woken, struct wait_queue_entry *wait, unsigned int mode, int sync, void *key,
	     int ret)
{
	struct poll_table_entry *entry =
		(void *)wait - bpf_core_field_offset(struct poll_table_entry, wait);
	struct poll_wqueues *queues = READ(wait, private);
	struct wait_counters *counters = wait_under_way(known_thread(READ(queues, polling_task)));

	if (!counters)
		return 0;
	__sync_fetch_and_add(&counters->callbacks, 1);
	if (key && !((__u32)(__u64)key & READ(entry, key)))
		__sync_fetch_and_add(&counters->filtered, 1);
	else if (ret)
		__sync_fetch_and_add(&counters->woken, 1);
	return 0;
}

/*
 * Where all waits sleep. Who sleeps once more in the same wait was woken, found
 * nothing, and did not return.
 */
SEC("?fentry/schedule_hrtimeout_range")
int BPF_PROG(wait_sleeps)
{
	struct task_struct *task = current_task();
	struct thread *thread = known_thread(task);
	struct wait_counters *counters = wait_under_way(thread);

	if (!counters)
		return 0;
	end_change(task);
	begin_update(thread);
	counters->futile += thread->wait.has_slept;
	thread->wait.has_slept = 1;
	end_update(thread);
	return 0;
}
