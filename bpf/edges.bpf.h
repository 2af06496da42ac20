/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What became of the edges of the last batch: looked at when their thread waits
 * again on the same instance.
 */
#ifndef FDSCOPE_EDGES_BPF_H
#define FDSCOPE_EDGES_BPF_H

#include "registration.bpf.h"

static __always_inline __u64 connections_queued(struct description *description)
{
	struct file *file = (void *)description->file;
	struct sock *sk = file ? file_sock(file) : NULL;

	if (!sk || !is_listening(sk))
		return 0;
	return READ(sk, __sk_common.skc_family) == AF_UNIX ? READ(sk, sk_receive_queue.qlen)
							   : READ(sk, sk_ack_backlog);
}

/* Edge number @at of the last batch of the use in @use_row: has it been drained? */
__weak int edge_left(__u32 use_row, __u32 at)
{
	struct epoll_use *use = bpf_map_lookup_elem(&epoll_uses, &use_row);
	struct batch *batch = bpf_map_lookup_elem(&batches, &use_row);
	struct description *description;
	struct registration *row;

	if (!use || !batch || at >= BATCH_EDGES_MAX)
		return 0; /* for the verifier */
	description = bpf_map_lookup_elem(&descriptions, &batch->descriptions[at]);
	if (!description || !description->file || !description->undrained_ns)
		return 0;
	if (description->undrained_ns > use->batch_ns)
		return 0; /* drained, and told of again to another one who waits */
	if (description->is_listener) {
		use->counters.edge_accept_left += connections_queued(description) != 0;
		return 0;
	}
	use->counters.edge_undrained++;
	row = bpf_map_lookup_elem(&registrations, &description->registration);
	if (row && is_of(row, description))
		__sync_fetch_and_add(&row->edge_undrained, 1);
	return 0;
}

__weak int some_edges_left(__u32 use_row, __u32 from, __u32 nr)
{
	for (__u32 i = 0; i < 32; i++) {
		if (from + i >= nr)
			break;
		edge_left(use_row, from + i);
	}
	return 0;
}

__weak int edges_left(__u32 use_row, __u32 nr)
{
	for (__u32 from = 0; from < BATCH_EDGES_MAX; from += 32) {
		if (from >= nr)
			break;
		some_edges_left(use_row, from, nr);
	}
	return 0;
}

/* The thread's use of the instance at @ep, or NULL, even if it has more than are looked at. */
static __noinline struct epoll_use *find_known_use(struct thread *thread, __u64 ep)
{
	struct thread_use_key key = { .thread = thread->row };
	struct epoll_use *use = known_use(thread, ep);
	__u32 *row;

	if (use)
		return use;
	row = bpf_map_lookup_elem(&instances_by_ep, &ep);
	if (!row)
		return NULL;
	key.instance = *row;
	row = bpf_map_lookup_elem(&uses_by_thread, &key);
	return row ? bpf_map_lookup_elem(&epoll_uses, row) : NULL;
}

/* The thread waits again on the instance at @epfd: what it left undrained, it left. */
static __always_inline void look_back(struct thread *thread, struct task_struct *task, __u32 epfd)
{
	struct eventpoll *ep;
	struct epoll_use *use;

	ep = eventpoll_of(file_of(task, epfd));
	use = ep ? find_known_use(thread, (__u64)ep) : NULL;
	if (!use || !use->nr_edges)
		return;
	edges_left(use->name.row, use->nr_edges);
	thread->nr_edges -= use->nr_edges;
	use->nr_edges = 0;
}

#endif
