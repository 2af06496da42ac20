/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A thread's row: found on every traced call, made at its first, given up at
 * its end. A task keeps its row through execve, whatever ids it has then.
 */
#ifndef FDSCOPE_TASK_BPF_H
#define FDSCOPE_TASK_BPF_H

#include "filter.bpf.h"

/* The row has one writer; the barriers keep the compiler from moving what stands between. */
static __always_inline void begin_update(struct thread *thread)
{
	ORDERED_INCREMENT(thread->seq);
	barrier();
}

static __always_inline void end_update(struct thread *thread)
{
	barrier();
	ORDERED_INCREMENT(thread->seq);
}

static __always_inline void count_lost_call(bool is_counted)
{
	if (is_counted)
		count_loss(LOSS_THREADS);
}

/* A row for the current @task of @process, or NULL and, if @is_counted, a loss. */
static __noinline struct thread *new_thread(struct task_struct *task, bool is_counted)
{
	__u64 address = (__u64)task;
	struct thread *thread;
	__u32 row;

	if (bpf_map_pop_elem(&free_rows, &row)) {
		count_lost_call(is_counted);
		return NULL;
	}
	thread = bpf_map_lookup_elem(&threads, &row);
	if (!thread)
		return NULL; /* for the verifier */
	if (bpf_map_update_elem(&rows_by_task, &address, &row, BPF_ANY)) {
		bpf_map_push_elem(&free_rows, &row, 0);
		count_lost_call(is_counted);
		return NULL;
	}
	begin_update(thread);
	thread->task = address;
	thread->start_ns = FOLLOW(task, start_time);
	thread->process_start_ns = FOLLOW(FOLLOW(task, group_leader), start_time);
	thread->tgid = FOLLOW(task, tgid);
	thread->tid = FOLLOW(task, pid);
	thread->row = row;
	bpf_probe_read_kernel(thread->comm, sizeof(thread->comm), task->comm);
	thread->state = THREAD_LIVE;
	end_update(thread);
	return thread;
}

/* The row of @task if it has one. */
static __always_inline struct thread *known_thread(struct task_struct *task)
{
	__u64 address = (__u64)task;
	__u32 *row = bpf_map_lookup_elem(&rows_by_task, &address);

	return row ? bpf_map_lookup_elem(&threads, row) : NULL;
}

static __noinline struct thread *find_thread(struct task_struct *task, __u32 *hint, bool is_counted)
{
	__u64 address = (__u64)task;
	struct thread *thread;
	__u32 *row;

	if (!is_live || !target_process(task))
		return NULL;
	row = bpf_map_lookup_elem(&rows_by_task, &address);
	if (!row) {
		thread = new_thread(task, is_counted);
		row = bpf_map_lookup_elem(&rows_by_task, &address);
		if (!thread || !row)
			return NULL;
	}
	*hint = *row;
	return bpf_map_lookup_elem(&threads, row);
}

/*
 * The row of the current @task if it belongs to a target, else NULL. A call is
 * looked at once or twice; @is_counted is true the one time that counts if
 * there is no row to be had.
 */
static __always_inline struct thread *watched_thread(struct task_struct *task, bool is_counted)
{
	__u32 *hint = cpu_hints[bpf_get_smp_processor_id() & (CPU_HINTS - 1)];
	struct thread *thread = bpf_map_lookup_elem(&threads, hint);

	if (thread && thread->task == (__u64)task)
		return thread;
	return find_thread(task, hint, is_counted);
}

#endif
