/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * epoll instances by the kernel's object, so that processes that inherited one
 * are seen to share it, and each thread's use of those it waits on.
 */
#ifndef FDSCOPE_INSTANCE_BPF_H
#define FDSCOPE_INSTANCE_BPF_H

#include "fd.bpf.h"

#define USES_LOOKED_AT 8    /* before the hash is asked; a thread seldom has two */
#define USES_MAX       1024 /* of one thread, that are ended with it */
#define CLOSES_A_NUDGE 8    /* instances closed until user space is told to look */

/* Another thread may have closed the instance, or put another file in its place. */
static __always_inline bool is_eventpoll_of(struct eventpoll *ep, struct file *file)
{
	return READ(ep, file) == file;
}

/* The eventpoll behind @file, or NULL if it is no epoll instance. */
static __always_inline struct eventpoll *eventpoll_of(struct file *file)
{
	struct eventpoll *ep;

	if (!file)
		return NULL;
	ep = READ(file, private_data);
	return ep && is_eventpoll_of(ep, file) ? ep : NULL;
}

/* A row for the instance at @ep; its number, plus 1, or 0 and a loss when the table is full. */
static __noinline __u32 new_instance(__u64 ep, __u32 epfd)
{
	struct task_struct *task = current_task();
	struct instance *instance;
	__u32 row;

	if (bpf_map_pop_elem(&free_instances, &row)) {
		count_loss(LOSS_INSTANCES);
		return 0;
	}
	instance = bpf_map_lookup_elem(&instances, &row);
	if (!instance)
		return 0; /* for the verifier */
	__builtin_memset(instance, 0, sizeof(*instance));
	instance->ep = ep;
	instance->holder_tgid = FOLLOW(task, tgid);
	instance->holder_start_ns = FOLLOW(FOLLOW(task, group_leader), start_time);
	instance->holder_fd = epfd;
	instance->walk = walk;
	instance->birth_walk = walk;
	if (bpf_map_update_elem(&instances_by_ep, &ep, &row, BPF_ANY)) {
		instance->ep = 0;
		bpf_map_push_elem(&free_instances, &row, 0);
		count_loss(LOSS_INSTANCES);
		return 0;
	}
	return row + 1;
}

/* The row of the instance at @ep, plus 1, made if need be; 0: the table is full. */
static __noinline __u32 instance_row(__u64 ep, __u32 epfd)
{
	__u32 *row = bpf_map_lookup_elem(&instances_by_ep, &ep);

	return row ? *row + 1 : new_instance(ep, epfd);
}

/* User space gives rows back when it has read them: tell it, now and then, that there are some. */
static __always_inline void nudge(void)
{
	struct process_end *nobody = bpf_ringbuf_reserve(&ended_processes, sizeof(*nobody), 0);

	if (!nobody)
		return; /* it has enough to do */
	__builtin_memset(nobody, 0, sizeof(*nobody));
	bpf_ringbuf_submit(nobody, 0);
}

static __always_inline bool has_holder_ended(struct instance *instance)
{
	__u32 tgid = instance->holder_tgid;
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);

	return !process || (process->start_ns && process->start_ns != instance->holder_start_ns);
}

/*
 * The instance at @ep is no more. What comes to live there is another one. Unless
 * it was seen to be closed it may have ended with its last holder: then what it
 * watched is read as it stood.
 */
static __noinline int instance_ended(__u64 ep, bool was_seen)
{
	__u32 *known = bpf_map_lookup_elem(&instances_by_ep, &ep);
	struct instance *instance;
	__u32 row;

	if (!known)
		return 0;
	row = *known;
	bpf_map_delete_elem(&instances_by_ep, &ep);
	__sync_fetch_and_add(&epoch, 1);
	looks_everywhere = 1; /* what it watched is known, and may be in no instance now */
	instance = bpf_map_lookup_elem(&instances, &row);
	if (!instance)
		return 0; /* for the verifier */
	instance->keeps_registrations = !was_seen && has_holder_ended(instance);
	instance->is_closed = 1;
	if (epoch % CLOSES_A_NUDGE == 0)
		nudge();
	return 0;
}

/* epoll_create: whatever lived at the same address ended unseen. */
static __always_inline void instance_born(struct task_struct *task, long epfd)
{
	struct eventpoll *ep = epfd >= 0 ? eventpoll_of(file_of(task, epfd)) : NULL;
	struct instance *instance;
	__u32 row;

	if (!ep)
		return;
	instance_ended((__u64)ep, false);
	row = new_instance((__u64)ep, epfd) - 1;
	instance = bpf_map_lookup_elem(&instances, &row);
	if (instance)
		instance->birth_walk = 0; /* nothing in it can be older than the probes */
}

static __always_inline struct epoll_use *use_at(__u32 row_plus_1)
{
	__u32 row = row_plus_1 - 1;

	return row_plus_1 ? bpf_map_lookup_elem(&epoll_uses, &row) : NULL;
}

/* Adds @counters to @sum, where a thread that ends on another CPU may add, too, and clears them. */
static __always_inline void fold(__u64 *sum, __u64 *counters, __u32 words)
{
	for (__u32 i = 0; i < words; i++) {
		if (!counters[i])
			continue;
		__sync_fetch_and_add(&sum[i], counters[i]);
		counters[i] = 0;
	}
}

/* The first of a process's uses of an instance to end becomes that of all its ended threads. */
__weak int end_use(__u32 row)
{
	struct epoll_use *use = bpf_map_lookup_elem(&epoll_uses, &row), *ended;
	struct thread_use_key thread_key = {};
	struct use_key key = {};
	__u32 *ended_row;

	if (!use)
		return 0; /* for the verifier */
	thread_key.thread = use->thread;
	thread_key.instance = use->instance;
	bpf_map_delete_elem(&uses_by_thread, &thread_key);
	key.start_ns = use->process_start_ns;
	key.tgid = use->tgid;
	key.instance = use->instance;
	use->next = 0;
	if (!bpf_map_update_elem(&ended_uses, &key, &row, BPF_NOEXIST)) {
		use->state = USE_ENDED;
		return 0;
	}
	ended_row = bpf_map_lookup_elem(&ended_uses, &key);
	ended = ended_row ? bpf_map_lookup_elem(&epoll_uses, ended_row) : NULL;
	if (!ended || ended == use || ended->state != USE_ENDED) {
		use->state = USE_ENDED; /* user space finds both */
		return 0;
	}
	__sync_fetch_and_add(&ended->nr_threads, 1);
	fold((__u64 *)&ended->counters, (__u64 *)&use->counters, EPOLL_WORDS);
	fold((__u64 *)&ended->plain, (__u64 *)&use->plain, sizeof(use->plain) / sizeof(__u64));
	use->state = USE_FREE;
	use->name.serial++;
	bpf_map_push_elem(&free_uses, &row, 0);
	return 0;
}

static __always_inline bool is_of_closed(struct epoll_use *use)
{
	__u32 row = use->instance;
	struct instance *instance = bpf_map_lookup_elem(&instances, &row);

	return instance && instance->is_closed;
}

/* A thread that makes one instance after the other keeps no use of those it has closed. */
static __noinline int end_closed_uses(struct thread *thread)
{
	__u32 kept = 0, row = thread->epoll_use;

	for (int i = 0; i < USES_LOOKED_AT; i++) {
		struct epoll_use *use = use_at(row), *before = use_at(kept);
		__u32 next;

		if (!use)
			break;
		next = use->next;
		if (!is_of_closed(use)) {
			kept = row;
		} else {
			if (before)
				before->next = next;
			else
				thread->epoll_use = next;
			thread->nr_edges -= use->nr_edges;
			__sync_fetch_and_add(&folds_begun, 1);
			end_use(row - 1);
			__sync_fetch_and_add(&folds_done, 1);
		}
		row = next;
	}
	return 0;
}

static __noinline struct epoll_use *new_use(struct thread *thread, __u32 instance)
{
	struct thread_use_key key = { .thread = thread->row, .instance = instance };
	struct epoll_use *use;
	__u32 row;

	end_closed_uses(thread);
	if (bpf_map_pop_elem(&free_uses, &row)) {
		count_loss(LOSS_INSTANCES);
		return NULL;
	}
	use = bpf_map_lookup_elem(&epoll_uses, &row);
	if (!use)
		return NULL; /* for the verifier */
	__builtin_memset(&use->counters, 0, sizeof(use->counters));
	__builtin_memset(&use->plain, 0, sizeof(use->plain));
	use->name.serial++;
	use->process_start_ns = thread->process_start_ns;
	use->tgid = thread->tgid;
	use->thread = thread->row;
	use->instance = instance;
	use->nr_edges = 0;
	use->nr_threads = 1;
	use->name.row = row;
	use->state = USE_LIVE;
	bpf_map_update_elem(&uses_by_thread, &key, &row, BPF_ANY);
	use->next = thread->epoll_use;
	thread->epoll_use = row + 1;
	return use;
}

/* The thread's use of the instance at @ep, or NULL. */
static __noinline struct epoll_use *known_use(struct thread *thread, __u64 ep)
{
	__u32 next = thread->epoll_use;

	for (int i = 0; i < USES_LOOKED_AT; i++) {
		struct epoll_use *use = use_at(next);

		if (!use)
			break;
		if (use->ep == ep && use->epoch == epoch)
			return use;
		next = use->next;
	}
	return NULL;
}

/*
 * The row of the thread's use of the instance at @ep, plus 1; 0 and a loss when a
 * table is full. A global function, so that the verifier follows it once.
 */
__weak __u32 use_row(__u32 thread_row, __u64 ep, __u32 epfd)
{
	struct thread *thread = bpf_map_lookup_elem(&threads, &thread_row);
	struct thread_use_key key = { .thread = thread_row };
	__u32 as_of = epoch; /* an end from here on must be seen the next time */
	struct epoll_use *use;
	__u32 *row;

	if (!thread)
		return 0; /* for the verifier */
	use = known_use(thread, ep);
	if (use)
		return use->name.row + 1;
	key.instance = instance_row(ep, epfd);
	if (!key.instance--)
		return 0;
	row = bpf_map_lookup_elem(&uses_by_thread, &key);
	use = row ? bpf_map_lookup_elem(&epoll_uses, row) : new_use(thread, key.instance);
	if (!use)
		return 0;
	use->ep = ep;
	use->epoch = as_of;
	return use->name.row + 1;
}

/* The thread's use of the instance at @ep if it is the one it came to last, else NULL. */
static __always_inline struct epoll_use *last_use(struct thread *thread, struct eventpoll *ep)
{
	__u32 row = thread->epoll_use - 1; /* ~0, which there is not, if it has none */
	struct epoll_use *use = bpf_map_lookup_elem(&epoll_uses, &row);

	return use && use->ep == (__u64)ep && use->epoch == epoch ? use : NULL;
}

#endif
