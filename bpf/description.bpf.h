/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Open file descriptions that an epoll instance watches, or that poll or select
 * reported: what was told of each, and what was done on it since. Kept by
 * address of the struct file, so that dup'ed descriptors share it.
 */
#ifndef FDSCOPE_DESCRIPTION_BPF_H
#define FDSCOPE_DESCRIPTION_BPF_H

#include "fd.bpf.h"
#include "accept.bpf.h"

#define SOCK_STREAM    1
#define EFD_SEMAPHORE  1
#define EPOLLIN	       0x001
#define EPOLLPRI       0x002
#define EPOLLOUT       0x004
#define EPOLLERR       0x008
#define EPOLLHUP       0x010
#define EPOLLWRNORM    0x100
#define EPOLLWRBAND    0x200
#define EPOLLRDHUP     0x2000
#define EPOLLEXCLUSIVE (1U << 28)
#define EPOLLWAKEUP    (1U << 29)
#define EPOLLONESHOT   (1U << 30)
#define EPOLLET	       (1U << 31)

#define EP_PRIVATE_BITS (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET) /* fs/eventpoll.c */

#define ROW_HINTS 65536

/* Where a row was found last, by a hash of what was looked for. The row says whether it is the one. */
static __u32 description_hints[ROW_HINTS];

static __always_inline __u32 row_hint(__u64 word)
{
	return word * 0x9E3779B97F4A7C15ULL >> 48;
}

/* Is there nothing but the caller's reference to @file? */
static __always_inline bool is_last_reference(struct file *file)
{
	if (bpf_core_field_exists(file->f_ref))
		return READ(file, f_ref.refcnt.counter) == 0; /* include/linux/file_ref.h */
	return BPF_CORE_READ((struct file___old *)file, f_count.counter) == 1;
}

static __always_inline __u32 drain_rule_of(struct file *file, __u32 kind)
{
	struct eventfd_ctx *eventfd;
	struct socket *socket;

	switch (kind) {
	case KIND_SOCKET:
		socket = READ(file, private_data);
		return READ(socket, type) == SOCK_STREAM ? DRAIN_BY_LESS : DRAIN_BY_EAGAIN;
	case KIND_PIPE:
		return DRAIN_BY_LESS;
	case KIND_EVENTFD:
		eventfd = READ(file, private_data);
		return READ(eventfd, flags) & EFD_SEMAPHORE ? DRAIN_BY_EAGAIN : DRAIN_BY_ANY;
	case KIND_TIMERFD:
		return DRAIN_BY_ANY;
	case KIND_EPOLL:
		return DRAIN_BY_WAIT;
	default:
		return DRAIN_BY_EAGAIN;
	}
}

/* The address of the peer. A listener's is in its row of listeners. */
static __always_inline void read_peer(struct description *description, struct sock *sk)
{
	description->family = READ(sk, __sk_common.skc_family);
	description->port = bpf_ntohs(READ(sk, __sk_common.skc_dport));
	if (description->family == AF_INET)
		bpf_probe_read_kernel(description->address, 4, &sk->__sk_common.skc_daddr);
	else if (description->family == AF_INET6)
		bpf_probe_read_kernel(description->address, 16, &sk->__sk_common.skc_v6_daddr);
}

static __always_inline void describe(struct description *description, __u32 row, struct file *file)
{
	struct inode *inode = READ(file, f_inode);

	__builtin_memset(description, 0, sizeof(*description));
	description->row = row;
	description->born_ns = bpf_ktime_get_ns();
	description->inode = (__u64)inode;
	description->private_data = (__u64)READ(file, private_data);
	description->ino = READ(inode, i_ino);
	description->walk = walk;
	description->kind = file_kind_by_name(file);
	description->io_kind = description->kind < KIND_OTHER ? description->kind : KIND_OTHER;
	description->drain_rule = drain_rule_of(file, description->kind);
	if (description->kind == KIND_EPOLL)
		knows_epolls = 1;
	if (description->kind == KIND_SOCKET) {
		struct sock *sk = file_sock(file);

		description->is_listener = sk && is_listening(sk);
		if (description->is_listener)
			description->drain_rule = DRAIN_BY_EAGAIN;
		if (sk)
			read_peer(description, sk);
	}
	description->file = (__u64)file;
	description->is_used = 1;
}

/*
 * Another file can come to live at the same address when the end of the first went
 * unseen. What stands behind it has mostly another one, too, and the inode goes
 * with that: it is looked at only where there is nothing behind.
 */
static __always_inline bool is_same_description(struct description *description, struct file *file)
{
	return description->file == (__u64)file &&
	       description->private_data == (__u64)READ(file, private_data) &&
	       (description->private_data || description->inode == (__u64)READ(file, f_inode));
}

/*
 * The same for what is about to be watched, at a price: pipes and sockets that
 * come to live where others ended have a number of their own (get_next_ino()).
 */
static __always_inline bool is_surely_same(struct description *description, struct file *file)
{
	return is_same_description(description, file) &&
	       description->ino == READ(READ(file, f_inode), i_ino);
}

static __always_inline __u32 *description_hint(__u64 address)
{
	return &description_hints[row_hint(address)];
}

static __always_inline struct description *description_at(__u32 row_plus_1)
{
	__u32 row = row_plus_1 - 1;

	return bpf_map_lookup_elem(&descriptions, &row); /* there is no row ~0 */
}

/*
 * The row of what is known of the struct file at @address, plus 1, or 0. A global
 * function, so that the verifier follows it once.
 */
__weak __u32 known_row(__u64 address)
{
	__u32 *row = bpf_map_lookup_elem(&descriptions_by_file, &address);
	struct file *file = (struct file *)address;
	struct description *description;

	if (!row)
		return 0;
	description = bpf_map_lookup_elem(&descriptions, row);
	if (!description)
		return 0; /* for the verifier */
	if (!is_same_description(description, file))
		describe(description, *row, file);
	*description_hint(address) = *row;
	return *row + 1;
}

/* Can there be a description of @file? */
static __always_inline bool may_be_known(struct file *file)
{
	return looks_everywhere || is_in_epoll(file);
}

/* What is known of @file if it is where it was found the last time, as it nearly always is. */
static __always_inline struct description *hinted_description(struct file *file)
{
	struct description *description =
		bpf_map_lookup_elem(&descriptions, description_hint((__u64)file));

	return description && is_same_description(description, file) ? description : NULL;
}

/* What is known of @file, or NULL. */
static __always_inline struct description *description_of(struct file *file)
{
	struct description *description = hinted_description(file);

	if (description || !may_be_known(file))
		return description;
	return description_at(known_row((__u64)file));
}

/*
 * The row of the struct file at @address, made if need be; its number, plus 1, or 0
 * and a loss when the table is full.
 */
__weak __u32 description_row(__u64 address)
{
	struct file *file = (struct file *)address;
	struct description *description;
	__u32 *known = bpf_map_lookup_elem(&descriptions_by_file, &address);
	__u32 row;

	if (known) {
		row = *known;
		description = bpf_map_lookup_elem(&descriptions, &row);
		if (description && !is_surely_same(description, file))
			describe(description, row, file);
		return row + 1;
	}
	if (bpf_map_pop_elem(&free_descriptions, &row)) {
		count_loss(LOSS_DESCRIPTIONS);
		return 0;
	}
	description = bpf_map_lookup_elem(&descriptions, &row);
	if (!description)
		return 0; /* for the verifier */
	describe(description, row, file);
	if (!bpf_map_update_elem(&descriptions_by_file, &address, &row, BPF_NOEXIST))
		return row + 1;
	description->is_used = 0; /* another thread was first */
	description->file = 0;
	bpf_map_push_elem(&free_descriptions, &row, 0);
	known = bpf_map_lookup_elem(&descriptions_by_file, &address);
	return known ? *known + 1 : 0;
}

/*
 * Nothing leads to the description any more. Whoever claims it gives the row back.
 * Unused where nothing is closed (wakeup.bpf.c).
 */
static __noinline __attribute__((unused)) int forget_description(struct description *description,
								 __u32 row)
{
	__u64 address = description->file;
	__u32 *holder;

	if (!claim(&description->is_used, 1, row))
		return 0;
	holder = bpf_map_lookup_elem(&descriptions_by_file, &address);
	if (holder && *holder == row)
		bpf_map_delete_elem(&descriptions_by_file, &address);
	description->file = 0;
	bpf_map_push_elem(&free_descriptions, &row, 0);
	return 0;
}

/* ---- calls on it ---- */

static __always_inline void note_call(struct description *description)
{
	description->is_ignored = 0;
	description->is_poll_ignored = 0;
}

/* Is @registration, which may be another one's row by now, still one of the description? */
static __always_inline bool is_of(struct registration *registration,
				  struct description *description)
{
	return registration->is_used && registration->description_born_ns == description->born_ns;
}

/* What the ended threads of the process that was told last made of the instance. */
static __noinline struct epoll_use *ended_use_told(struct description *description)
{
	struct use_key key = {
		.start_ns = description->told_start_ns,
		.tgid = description->told_tgid,
		.instance = description->told_instance,
	};
	__u32 *ended = bpf_map_lookup_elem(&ended_uses, &key);

	return ended ? bpf_map_lookup_elem(&epoll_uses, ended) : NULL;
}

/* The use that was told last; when its thread has ended, that of its process's ended threads. */
static __always_inline struct epoll_use *use_told(struct description *description)
{
	struct epoll_use *use = bpf_map_lookup_elem(&epoll_uses, &description->told.row);

	return use && use->name.word == description->told.word ? use : ended_use_told(description);
}

static __noinline int count_spurious(struct epoll_use *use, struct description *description)
{
	struct registration *registration =
		bpf_map_lookup_elem(&registrations, &description->registration);

	__sync_fetch_and_add(&use->counters.spurious, 1);
	if (registration && is_of(registration, description))
		__sync_fetch_and_add(&registration->spurious, 1);
	return 0;
}

/* The first read after a delivery with IN is counted where that was counted. */
static __always_inline void count_first_read(struct description *description, bool found_nothing)
{
	struct epoll_use *use;
	__u64 ns;

	description->is_unread = 0;
	use = use_told(description);
	if (!use)
		return;
	ns = bpf_ktime_get_ns() - description->delivered_ns;
	__sync_fetch_and_add(
		&use->counters.first_read_ns_hist[hist_bucket(ns) & (HIST_NS_BUCKETS - 1)], 1);
	if (found_nothing)
		count_spurious(use, description);
}

/* Of all but reads that moved something: not inline, for the verifier. */
static __noinline int note_first_read(struct description *description, bool found_nothing)
{
	if (description->is_unread)
		count_first_read(description, found_nothing);
	return 0;
}

static __always_inline void note_draining(struct description *description, bool is_draining)
{
	description->last_read = is_draining ? READ_DRAINING : READ_RESIDUAL;
	if (is_draining)
		description->undrained_ns = 0;
}

/* Did a read that moved something take all there was? */
static __always_inline bool takes_all(struct description *description, bool is_less)
{
	__u32 rule = description->drain_rule;

	return rule == DRAIN_BY_LESS ? is_less : rule == DRAIN_BY_ANY;
}

/* A read moved @bytes. @is_less: it was asked for more; @is_peek: what it read is still there. */
static __always_inline void note_bytes_read(struct description *description, __u64 bytes,
					    bool is_less, bool is_peek)
{
	note_call(description);
	if (description->is_unread)
		count_first_read(description, false);
	note_draining(description, !is_peek && takes_all(description, is_less));
	description->has_ended = 0;
	__sync_fetch_and_add(&description->reads, 1);
	__sync_fetch_and_add(&description->read_bytes, bytes);
}

/* A read returned @ret: an error, or 0, which is the end if it was asked for more. */
static __noinline int note_nothing_read(struct description *description, long ret, bool is_less)
{
	note_call(description);
	if (ret < 0 && is_interrupted(ret))
		return 0;
	note_first_read(description, ret == -EAGAIN);
	if (ret == -EAGAIN) {
		note_draining(description, true);
	} else if (ret == 0) {
		note_draining(description, is_less);
		description->has_ended = is_less;
	} else {
		description->has_ended = 0; /* it has heard of the error */
	}
	return 0;
}

static __always_inline void note_read(struct description *description, long ret, __u64 bytes,
				      bool is_less, bool is_peek)
{
	if (ret > 0)
		note_bytes_read(description, bytes, is_less, is_peek);
	else
		note_nothing_read(description, ret, is_less);
}

static __always_inline void note_write(struct description *description, long ret, __u64 bytes)
{
	note_call(description);
	description->is_unwritten = 0;
	description->is_poll_unwritten = 0;
	if (ret > 0)
		__sync_fetch_and_add(&description->write_bytes, bytes);
}

/* accept takes one; only EAGAIN says that there is no other. */
static __always_inline void note_accept(struct task_struct *task, __u32 fd, long ret)
{
	struct file *file = file_of(task, fd);
	struct description *description = file ? description_of(file) : NULL;

	if (!description)
		return;
	description->is_listener = 1;
	description->drain_rule = DRAIN_BY_EAGAIN;
	note_call(description);
	if (ret >= 0 || ret == -EAGAIN) {
		note_first_read(description, ret == -EAGAIN);
		note_draining(description, ret == -EAGAIN);
	}
}

/* A wait on an instance that another one watches: it has taken all if it had room for more. */
static __always_inline void note_wait(struct description *description, long ret, int max_events)
{
	note_call(description);
	if (ret < 0)
		return;
	note_first_read(description, false);
	note_draining(description, ret < max_events);
}

#endif
