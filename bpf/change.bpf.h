/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What epoll_ctl does to a registration, as callbacks of it must know, for it
 * changes masks and queues what is ready, as they do. Two numbers in the row:
 *
 *	version   goes up when a change begins and when it ends; callbacks add to it, too
 *	changing  how many changes are under way
 *
 * Who finds version as expected and changing at 0 knows that no change began or
 * ended meanwhile, and that none was there all the time.
 *
 * An end can be missed: where the kernel preempts a thread inside a program, it
 * leaves out the program for all others of that CPU. So ends are not counted.
 * Who is in a change stands in a map, and changing is the number of entries
 * that name the row: an entry is made and taken out by the thread that it is of,
 * each time with one addition. A thread is in one epoll_ctl at a time. Its entry
 * goes when the call returns, whatever became of the descriptors, or else when
 * the thread is seen elsewhere: it calls epoll_ctl again, sleeps in a wait, or
 * ends. Until then nobody can know that the change is over. A beginning that is
 * missed is a loss: LOSS_PROGRAMS_SKIPPED.
 *
 * Both numbers are the row's, whoever has it: who added takes off, even if the
 * row is another registration's by then.
 */
#ifndef FDSCOPE_CHANGE_BPF_H
#define FDSCOPE_CHANGE_BPF_H

#include "maps.bpf.h"

/* The row of the registration that a thread, by its task_struct's address, is changing. */
INDEX(changes, __u64, __u32);

static __always_inline struct registration *changed_row(__u32 number)
{
	return bpf_map_lookup_elem(&registrations, &number);
}

/* What @task is changing, if anything, it is changing no more. */
static __always_inline void end_change(struct task_struct *task)
{
	__u64 who = (__u64)task;
	__u32 *number = bpf_map_lookup_elem(&changes, &who);
	struct registration *row = number ? changed_row(*number) : NULL;

	if (!row || bpf_map_delete_elem(&changes, &who))
		return;
	__sync_fetch_and_add(&row->version, 1);
	__sync_fetch_and_add(&row->changing, -1);
}

/* Version moves while the change stands in changing: a callback sees the one or the other. */
static __always_inline void begin_change(struct task_struct *task, __u32 number)
{
	struct registration *row = changed_row(number);
	__u64 who = (__u64)task;

	if (!row)
		return; /* for the verifier */
	if (bpf_map_update_elem(&changes, &who, &number, BPF_NOEXIST)) {
		count_loss(LOSS_THREADS);
		return;
	}
	__sync_fetch_and_add(&row->changing, 1);
	__sync_fetch_and_add(&row->version, 1);
}

#endif
