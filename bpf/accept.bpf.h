/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * accept and accept4, and the listening sockets behind them: one row for each
 * socket and process, made by the walk over descriptors at attach, at listen or
 * at the first accept, and read again when the socket is closed or its process ends.
 */
#ifndef FDSCOPE_ACCEPT_BPF_H
#define FDSCOPE_ACCEPT_BPF_H

#include "fd.bpf.h"

#define EAGAIN	    11
#define ENFILE	    23
#define EMFILE	    24
#define AF_UNIX	    1
#define AF_INET	    2
#define AF_INET6    10
#define IPPROTO_TCP 6
#define TCP_LISTEN  10 /* include/net/tcp_states.h; AF_UNIX uses it, too */

static __always_inline void read_unix_path(struct listener *row, struct sock *sk)
{
	struct unix_sock *unix_sk = (struct unix_sock *)sk;
	struct unix_address *address = BPF_CORE_READ(unix_sk, addr);
	int len = BPF_CORE_READ(address, len) - (int)sizeof(short);

	if (!address || len <= 0)
		return;
	if (len > (int)sizeof(row->path))
		len = sizeof(row->path);
	row->path_len = len;
	bpf_probe_read_kernel(row->path, sizeof(row->path), &address->name[0].sun_path);
}

static __always_inline void read_local_address(struct listener *row, struct sock *sk)
{
	row->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	row->port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (row->family == AF_INET)
		bpf_probe_read_kernel(row->address, 4, &sk->__sk_common.skc_rcv_saddr);
	else if (row->family == AF_INET6)
		bpf_probe_read_kernel(row->address, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	else if (row->family == AF_UNIX)
		read_unix_path(row, sk);
}

/* Drops are cumulative in the socket itself, so the last reading is what counts. */
static __always_inline void read_queue(struct listener *row, struct sock *sk)
{
	row->queue_limit = READ(sk, sk_max_ack_backlog);
	row->drops = (__u32)READ(sk, sk_drops.counter);
}

static const struct listener fresh_listener; /* too large for the stack */

/* The row of @sk, whose inode is @key's; NULL when the table is full. */
static __noinline struct listener *listener_row(const struct listener_key *key, struct sock *sk)
{
	struct listener *row = bpf_map_lookup_elem(&listeners, key);

	if (row)
		return row;
	bpf_map_update_elem(&listeners, key, &fresh_listener, BPF_NOEXIST);
	row = bpf_map_lookup_elem(&listeners, key);
	if (row)
		read_local_address(row, sk);
	return row;
}

/* Connections that wait to be accepted. AF_UNIX keeps them in the receive queue. */
static __always_inline __u32 queue_depth(struct listener *row, struct sock *sk)
{
	return row->family == AF_UNIX ? READ(sk, sk_receive_queue.qlen) : READ(sk, sk_ack_backlog);
}

static __always_inline bool is_listening(struct sock *sk)
{
	return READ(sk, __sk_common.skc_state) == TCP_LISTEN;
}

/*
 * The row of the listening socket @file as the process @tgid that started at
 * @start_ns uses it, its queue read afresh. NULL when @file is no such socket,
 * or with @is_lost set when the table is full.
 */
static __always_inline struct listener *listener_of(struct file *file, __u32 tgid, __u64 start_ns,
						    bool *is_lost)
{
	struct listener_key key = { .process_start_ns = start_ns, .tgid = tgid };
	struct listener *row;
	struct sock *sk;

	*is_lost = false;
	if (file_kind(file) != KIND_SOCKET)
		return NULL;
	sk = file_sock(file);
	if (!sk || !is_listening(sk))
		return NULL;
	key.inode = READ(READ(file, f_inode), i_ino);
	row = listener_row(&key, sk);
	if (row)
		read_queue(row, sk);
	*is_lost = !row;
	return row;
}

/* A result of accept; the socket may have been closed by another thread meanwhile. */
static __always_inline void count_on_listener(struct thread *thread, struct task_struct *task,
					      __u32 fd, bool accepted)
{
	struct file *file = file_of(task, fd);
	struct listener *row;
	bool is_lost;

	row = listener_of(file, thread->tgid, thread->process_start_ns, &is_lost);
	if (is_lost)
		thread->counters.losses[LOSS_LISTENERS]++;
	if (!row)
		return;
	if (accepted) {
		__u32 bucket =
			hist_bucket(queue_depth(row, file_sock(file))) & (HIST_INT_BUCKETS - 1);

		__sync_fetch_and_add(&row->queue_depth_hist[bucket], 1);
	} else {
		__sync_fetch_and_add(&row->again, 1);
	}
}

/* Makes the row of a socket that has begun to listen: it may drop before it is accepted from. */
static __always_inline void listen_done(struct thread *thread, struct task_struct *task,
					struct pt_regs *regs, long ret)
{
	bool is_lost = false;

	if (ret == 0)
		listener_of(file_of(task, ARG1(regs)), thread->tgid, thread->process_start_ns,
			    &is_lost);
	if (is_lost)
		thread->counters.losses[LOSS_LISTENERS]++;
}

/* What the queue of a socket dropped is read for the last time when it is about to be closed. */
static __always_inline void close_entered(struct thread *thread, struct task_struct *task, __u32 fd)
{
	bool is_lost; /* when it began to listen, and counted then */

	listener_of(file_of(task, fd), thread->tgid, thread->process_start_ns, &is_lost);
}

/* The size of the caller's buffer is overwritten by the address's: note it at entry. */
static __always_inline void accept_entered(struct thread *thread, struct pt_regs *regs)
{
	thread->addrlen_state = ADDRLEN_UNSEEN;
	if (!ARG2(regs))
		return;
	if (bpf_probe_read_user(&thread->addrlen, sizeof(thread->addrlen), (void *)ARG3(regs)))
		thread->addrlen_state = ADDRLEN_UNREADABLE; /* a loss only if a connection comes */
	else
		thread->addrlen_state = ADDRLEN_KNOWN;
}

/* net/socket.c move_addr_to_user(): reads the buffer's size, writes what fits and the full size. */
static __always_inline void count_address(struct thread *thread, struct pt_regs *regs)
{
	struct accept_counters *accept = &thread->counters.accept;
	__u32 len = 0;

	if (!ARG2(regs))
		return;
	if (bpf_probe_read_user(&len, sizeof(len), (void *)ARG3(regs)) ||
	    thread->addrlen_state == ADDRLEN_UNREADABLE)
		thread->counters.losses[LOSS_USER_MEMORY]++;
	if (thread->addrlen_state == ADDRLEN_UNSEEN)
		accept->unseen_entries++;
	else if (thread->addrlen_state == ADDRLEN_KNOWN && len > thread->addrlen)
		len = thread->addrlen;
	accept->in_bytes += sizeof(len);
	accept->out_bytes += len + sizeof(len);
}

static __always_inline void accept_done(struct thread *thread, struct task_struct *task,
					struct pt_regs *regs, long ret)
{
	struct accept_counters *accept = &thread->counters.accept;

	if (ret >= 0) {
		accept->accepted++;
		thread->counters.fds.opened++;
		count_address(thread, regs);
		count_on_listener(thread, task, ARG1(regs), true);
	} else if (ret == -EAGAIN) {
		accept->again++;
		count_on_listener(thread, task, ARG1(regs), false);
	} else if (ret == -EMFILE || ret == -ENFILE) {
		accept->fd_limit++;
	} else if (is_interrupted(ret)) {
		accept->interrupted++;
	} else {
		accept->failed++;
	}
	thread->addrlen_state = ADDRLEN_UNSEEN;
}

#endif
