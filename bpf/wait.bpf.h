/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The waiting calls: epoll_wait, poll, select and their variants. What is lost
 * by the return (time, switches, what stands in the caller's memory) is noted at
 * entry; everything else is read at the end.
 */
#ifndef FDSCOPE_WAIT_BPF_H
#define FDSCOPE_WAIT_BPF_H

#include "calls.bpf.h"
#include "delivery.bpf.h"
#include "edges.bpf.h"
#include "fd.bpf.h"
#include "readiness.bpf.h"
#include "sets.bpf.h"
#include "wait_end.bpf.h"

#define STICKY_TIMEOUTS 0x4000000 /* include/uapi/linux/personality.h: time left is not written */

static __always_inline __u64 watched_or_loss(struct thread *thread, __u64 watched)
{
	if (watched == UNREADABLE)
		thread->counters.losses[LOSS_USER_MEMORY]++;
	else if (watched == TOO_MANY_SETS)
		thread->counters.losses[LOSS_SELECT_SETS]++;
	else
		return watched;
	return 0;
}

static __always_inline void select_entered(struct thread *thread, struct task_struct *task,
					   struct pt_regs *regs)
{
	struct wait_entry *entry = &thread->wait;
	__u32 sets = !!ARG2(regs) + !!ARG3(regs) + !!ARG4(regs);
	int nr_fds = ARG1(regs);
	int max_fds = FOLLOW(task, files) ? FOLLOW(FOLLOW(FOLLOW(task, files), fdt), max_fds) : 0;

	if (nr_fds > max_fds)
		nr_fds = max_fds;
	if (nr_fds < 0)
		nr_fds = 0; /* EINVAL before the sets are touched */
	entry->array_bytes = (__u64)(nr_fds + 63) / 64 * 8 * sets;
	entry->watched =
		watched_or_loss(thread, count_watched(ARG2(regs), ARG3(regs), ARG4(regs), nr_fds));
}

/*
 * A timeout in user memory: timespec, or select's timeval with @ticks_per_second
 * 1000000. Unreadable counts as not zero and as a loss. False if the kernel
 * refuses it, before it looks at anything else.
 */
static __always_inline bool read_timeout(struct thread *thread, struct task_struct *task,
					 __u64 address, bool writes_time_left,
					 __s64 ticks_per_second)
{
	struct {
		__s64 seconds;
		__s64 fraction;
	} timeout;
	struct wait_entry *entry = &thread->wait;
	bool valid;

	if (!address)
		return true;
	entry->in_bytes += sizeof(timeout);
	if (bpf_probe_read_user(&timeout, sizeof(timeout), (void *)address)) {
		thread->counters.losses[LOSS_USER_MEMORY]++;
		return true;
	}
	/* select carries microseconds over into seconds, the others refuse them: fs/select.c */
	valid = timeout.seconds >= 0 && timeout.fraction >= 0 &&
		(ticks_per_second == 1000000 || timeout.fraction < ticks_per_second);
	entry->zero_timeout = !timeout.seconds && !timeout.fraction;
	entry->writes_time_left = writes_time_left && valid && !entry->zero_timeout &&
				  !(FOLLOW(task, personality) & STICKY_TIMEOUTS);
	return valid;
}

/* A mask of another size is refused: kernel/signal.c set_user_sigmask(). */
static __always_inline void add_mask(struct wait_entry *entry, __u64 mask, __u64 bytes)
{
	if (!mask)
		return;
	if (bytes == 8)
		entry->in_bytes += bytes;
	else
		entry->writes_time_left = false;
}

static __always_inline void epoll_wait_entered(struct thread *thread, struct task_struct *task,
					       struct pt_regs *regs, __u32 shape)
{
	bool goes_on = true;

	if (shape == WAIT_TIMESPEC_MASK)
		goes_on = read_timeout(thread, task, ARG4(regs), false, 1000000000);
	if (shape != WAIT_MS && goes_on)
		add_mask(&thread->wait, ARG5(regs), ARG6(regs));
}

static __always_inline void poll_entered(struct thread *thread, struct task_struct *task,
					 struct pt_regs *regs, __u32 shape)
{
	thread->wait.array = ARG1(regs);
	thread->wait.watched = (__u32)ARG2(regs);
	thread->wait.array_bytes = thread->wait.watched * 8; /* struct pollfd */
	if (shape == WAIT_TIMESPEC_MASK) {
		if (read_timeout(thread, task, ARG3(regs), true, 1000000000))
			add_mask(&thread->wait, ARG4(regs), ARG5(regs));
	} else {
		thread->wait.zero_timeout = (int)ARG3(regs) == 0;
	}
}

/* pselect6's sixth argument points to { mask, size }: read if given, and the mask if not NULL. */
static __always_inline void pselect_mask(struct thread *thread, __u64 address, bool goes_on)
{
	struct {
		__u64 mask;
		__u64 bytes;
	} pack;

	if (!address)
		return;
	thread->wait.in_bytes += sizeof(pack);
	if (bpf_probe_read_user(&pack, sizeof(pack), (void *)address))
		thread->counters.losses[LOSS_USER_MEMORY]++;
	else if (goes_on)
		add_mask(&thread->wait, pack.mask, pack.bytes);
}

/* What not every wait sets by itself; the others are set by each family that looks at them. */
static __always_inline void clear_entry(struct wait_entry *entry, __u32 family)
{
	entry->in_bytes = 0;
	entry->restart = 0;
	entry->family = family;
	entry->zero_timeout = 0;
	entry->writes_time_left = 0;
	entry->has_slept = 0;
}

static __always_inline void note_clocks(struct wait_entry *entry, struct task_struct *task,
					__u64 now)
{
	entry->nvcsw = FOLLOW(task, nvcsw);
	entry->run_delay = FOLLOW(task, sched_info.run_delay);
	entry->since_ns = now;
}

/* The loop's own work ends where the next wait begins, of whatever family. */
static __always_inline void end_busy(struct thread *thread, __u64 now)
{
	struct wait_counters *wait;
	__u64 busy_ns;

	if (!thread->busy_since_ns || thread->busy_family >= WAIT_FAMILIES)
		return;
	wait = &thread->counters.waits[thread->busy_family];
	busy_ns = now - thread->busy_since_ns;
	wait->busy_ns += busy_ns;
	wait->busy_ns_hist[hist_bucket(busy_ns) & (HIST_NS_BUCKETS - 1)]++;
	thread->busy_since_ns = 0;
}

static __always_inline void wait_entered(struct thread *thread, struct task_struct *task,
					 struct pt_regs *regs, const struct call *call)
{
	struct wait_entry *entry = &thread->wait;
	__u64 now = bpf_ktime_get_ns();

	end_busy(thread, now);
	clear_entry(entry, call->family);
	switch (call->family) {
	case WAIT_EPOLL:
		if (thread->nr_edges)
			look_back(thread, task, ARG1(regs));
		epoll_wait_entered(thread, task, regs, call->shape);
		break;
	case WAIT_POLL:
		poll_entered(thread, task, regs, call->shape);
		break;
	case WAIT_SELECT:
		if (call->shape == WAIT_TIMESPEC_PACK) {
			bool goes_on = read_timeout(thread, task, ARG5(regs), true, 1000000000);

			pselect_mask(thread, ARG6(regs), goes_on);
		} else {
			read_timeout(thread, task, ARG5(regs), true, 1000000);
		}
		select_entered(thread, task, regs);
		break;
	}
	note_clocks(entry, task, now);
}

/* The kernel function that goes on with what returned -516 last, poll or another call. */
static __always_inline __u64 restart_of(struct task_struct *task)
{
	return (__u64)FOLLOW(task, restart_block.fn);
}

/*
 * poll that a signal broke off (-516) goes on as restart_syscall, with the
 * arguments the kernel kept: kernel/signal.c, fs/select.c do_restart_poll. A
 * handler that ran meanwhile ended it, and another call may have come since.
 */
static __always_inline void wait_resumed(struct thread *thread, struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();

	if (!thread->wait.restart || thread->wait.restart != restart_of(task))
		return;
	thread->wait.restart = 0;
	thread->wait.has_slept = 0;
	end_busy(thread, now);
	note_clocks(&thread->wait, task, now);
}

static __always_inline void count_outcome(struct wait_counters *wait, long ret, bool is_empty_poll,
					  bool slept)
{
	if (ret > 0) {
		wait->ready += ret;
		wait->ready_hist[hist_bucket(ret) & (HIST_INT_BUCKETS - 1)]++;
		if (!slept)
			wait->immediate++;
	} else if (ret == 0) {
		if (is_empty_poll)
			wait->empty_polls++;
		else
			wait->timeouts++;
	} else if (is_interrupted(ret)) {
		wait->interrupted++;
	} else {
		wait->failed++;
	}
}

/* What came of a wait is counted by instance and registration, too: the thread's use of it, or NULL. */
static __always_inline struct epoll_use *instance_returned(struct thread *thread,
							   struct task_struct *task, __u32 epfd,
							   long ret, int max_events)
{
	struct file *file = file_at(task, epfd, ret >= 0);
	struct eventpoll *ep = file ? read_pointer(&file->private_data) : NULL;
	struct epoll_use *use = ep ? last_use(thread, ep) : NULL;
	struct description *nested;

	/* What is known to live there needs no second look: whatever @epfd is by now, the wait was on it. */
	if (!ep || (!use && !is_eventpoll_of(ep, file)))
		return NULL;
	if (!use)
		use = use_at(use_row(thread->row, (__u64)ep, epfd));
	if (bpf_core_field_exists(struct eventpoll, refcount))
		add_watched(&thread->counters.waits[WAIT_EPOLL],
			    READ(ep, refcount.refs.counter) - 1);
	nested = knows_epolls && is_in_epoll(file) ? description_of(file) : NULL;
	if (nested)
		note_wait(nested, ret, max_events);
	if (!use)
		return NULL;
	use->epfd = epfd;
	use->fds = 0; /* not read yet */
	use->counters.returns++;
	return use;
}

static __always_inline void count_epoll(struct thread *thread, struct wait_counters *wait,
					struct task_struct *task, struct pt_regs *regs, long ret,
					__u32 shape)
{
	int max_events = ARG3(regs);
	struct epoll_use *use;

	if (shape != WAIT_MS)
		wait->in_bytes += thread->wait.in_bytes;
	if (ret < 0 && !is_interrupted(ret))
		return;
	wait->capacity += max_events;
	if (ret == max_events)
		wait->saturated++;
	if (ret > 0)
		wait->out_bytes += (__u64)ret * 12; /* events and data, on every architecture */
	use = instance_returned(thread, task, ARG1(regs), ret, max_events);
	if (use && ret > 0)
		note_events(thread, use, ARG2(regs), ret, thread->busy_since_ns);
}

/* Which descriptors poll or select reported. */
static __always_inline void count_reported(struct thread *thread, struct pt_regs *regs,
					   __u32 family, long ret)
{
	struct wait_entry *entry = &thread->wait;
	int read;

	if (ret <= 0)
		return;
	looks_everywhere = 1;
	if (family == WAIT_POLL)
		read = all_pollfds_reported(thread->row, entry->array, entry->watched, ret);
	else
		read = all_words_reported(thread->row, ARG2(regs), ARG3(regs), ARG4(regs),
					  entry->array_bytes ? ARG1(regs) : 0); /* had no set */
	if (read == NOT_READ)
		thread->counters.losses[LOSS_EVENTS]++;
}

/* A poll entered before we attached is not counted, but what resumes it is a call of its own. */
static __always_inline void poll_to_be_resumed(struct thread *thread, struct task_struct *task,
					       struct pt_regs *regs)
{
	__builtin_memset(&thread->wait, 0, sizeof(thread->wait));
	thread->wait.family = WAIT_POLL;
	poll_entered(thread, task, regs, WAIT_MS);
	thread->wait.restart = restart_of(task);
}

/* A wait that was entered before we attached, or a restart of another call than poll. */
static __always_inline void entered_unseen(struct thread *thread, struct task_struct *task,
					   struct pt_regs *regs, long ret, const struct call *call,
					   __u64 now)
{
	if (call->handler == CALL_RESTART)
		return;
	if (ret == -ERESTART_RESTARTBLOCK) {
		poll_to_be_resumed(thread, task, regs);
		return;
	}
	thread->busy_since_ns = now;
	thread->busy_family = call->family;
}

/* A wait found nothing. What its timeout was is still in the registers, but for one in user memory. */
static __always_inline bool had_zero_timeout(struct wait_entry *entry, struct pt_regs *regs,
					     const struct call *call)
{
	if (call->family == WAIT_EPOLL && call->shape != WAIT_TIMESPEC_MASK)
		return (int)ARG4(regs) == 0;
	return entry->zero_timeout;
}

/* Nothing found, at once, and nothing done since that was found the last time. */
static __always_inline void count_spin(struct thread *thread, struct wait_counters *wait,
				       bool is_empty_poll)
{
	if (is_empty_poll)
		wait->spins += thread->spins;
	thread->spins = is_empty_poll;
}

static __always_inline void wait_done(struct thread *thread, struct task_struct *task,
				      struct pt_regs *regs, long ret, const struct call *call)
{
	struct wait_entry *entry = &thread->wait;
	__u64 now = bpf_ktime_get_ns();
	struct wait_counters *wait;
	__u32 family = call->family;
	bool is_empty_poll;

	if (family >= WAIT_FAMILIES)
		return; /* for the verifier */
	if (!entry->since_ns) {
		entered_unseen(thread, task, regs, ret, call, now);
		return;
	}
	thread->busy_since_ns = now;
	thread->busy_family = family;
	wait = &thread->counters.waits[family];
	if (family == WAIT_EPOLL) {
		count_epoll(thread, wait, task, regs, ret, call->shape);
	} else {
		count_reported(thread, regs, family, ret);
		count_array_bytes(wait, entry, ret);
		if (ret >= 0 || is_interrupted(ret))
			add_watched(wait, entry->watched);
	}
	/* The last, as their ways are many: so the verifier goes none of the above once for each. */
	is_empty_poll = ret == 0 && had_zero_timeout(entry, regs, call);
	count_outcome(wait, ret, is_empty_poll, FOLLOW(task, nvcsw) != entry->nvcsw);
	count_spin(thread, wait, is_empty_poll);
	count_wait_clocks(wait, entry, task, now);
	entry->since_ns = 0;
	if (family == WAIT_POLL && ret == -ERESTART_RESTARTBLOCK)
		entry->restart = restart_of(task);
}

#endif
