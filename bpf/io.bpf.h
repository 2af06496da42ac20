/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads, writes, sendfile, splice and their kin: outcomes and bytes by kind of file. */
#ifndef FDSCOPE_IO_BPF_H
#define FDSCOPE_IO_BPF_H

#include "accept.bpf.h"
#include "calls.bpf.h"
#include "description.bpf.h"

#define MSG_PEEK      0x02
#define MSG_TRUNC     0x20
#define MSG_ERRQUEUE  0x2000
#define IPPROTO_MPTCP 262
#define FMODE_READ    1
#define UIO_MAXIOV    1024

#define IOVS 8 /* iovecs read at a time */

struct iovec64 {
	__u64 base;
	__u64 len;
};

struct msghdr64 {
	__u64 name;
	__u64 namelen;
	__u64 iov;
	__u64 iovlen;
};

#define MMSGHDR_BYTES	   64 /* struct mmsghdr: a msghdr of 56 bytes, msg_len, padding */
#define MMSGHDR_LEN_OFFSET 56

#define UNREADABLE_IOV (~0ULL)

/* Sum of @nr lengths at @iov, or UNREADABLE_IOV; looks at IOVS of them. */
__weak __u64 sum_some_iovecs(__u64 iov, __u64 nr)
{
	struct iovec64 iovs[IOVS] = {};
	__u64 bytes = nr * sizeof(*iovs);
	__u64 sum = 0;

	barrier_var(bytes); /* for the verifier: clamp the copy that is used */
	if (bytes > sizeof(iovs))
		bytes = sizeof(iovs);
	if (bpf_probe_read_user(iovs, bytes, (void *)iov))
		return UNREADABLE_IOV;
	for (__u32 i = 0; i < IOVS; i++)
		sum += iovs[i].len;
	return sum;
}

/* Sum of @nr lengths at @iov, or UNREADABLE_IOV. */
__weak __u64 sum_iovecs(__u64 iov, __u64 nr)
{
	__u64 sum = 0, some;

	for (__u32 at = 0; at < UIO_MAXIOV; at += IOVS) {
		if (at >= nr)
			break;
		some = sum_some_iovecs(iov + at * sizeof(struct iovec64), nr - at);
		if (some == UNREADABLE_IOV)
			return UNREADABLE_IOV;
		sum += some;
	}
	return sum;
}

#define MESSAGES 32 /* looked at at a time; its square is UIO_MAXIOV */

/* Of @nr messages looks at MESSAGES: their bytes (msg_len, which the kernel wrote), or UNREADABLE_IOV. */
__weak __u64 sum_some_messages(__u64 messages, __u64 nr)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < MESSAGES; i++) {
		__u64 len_at = messages + i * MMSGHDR_BYTES + MMSGHDR_LEN_OFFSET;
		__u32 len;

		if (i >= nr)
			break;
		if (bpf_probe_read_user(&len, sizeof(len), (void *)len_at))
			return UNREADABLE_IOV;
		sum += len;
	}
	return sum;
}

/* Bytes in the first @nr messages, or UNREADABLE_IOV. */
__weak __u64 sum_messages(__u64 messages, __u64 nr)
{
	__u64 sum = 0, some;

	for (__u32 at = 0; at < UIO_MAXIOV; at += MESSAGES) {
		if (at >= nr)
			break;
		some = sum_some_messages(messages + at * MMSGHDR_BYTES, nr - at);
		if (some == UNREADABLE_IOV)
			return UNREADABLE_IOV;
		sum += some;
	}
	return sum;
}

static __always_inline __u64 sum_or_loss(struct thread *thread, __u64 sum)
{
	if (sum != UNREADABLE_IOV)
		return sum;
	thread->counters.losses[LOSS_USER_MEMORY]++;
	return 0;
}

/* Not inline, for its stack. */
static __noinline __u64 sum_msghdr(struct thread *thread, __u64 address)
{
	struct msghdr64 msg;

	if (bpf_probe_read_user(&msg, sizeof(msg), (void *)address)) {
		thread->counters.losses[LOSS_USER_MEMORY]++;
		return 0;
	}
	return sum_or_loss(thread, sum_iovecs(msg.iov, msg.iovlen));
}

/* How much the call was asked to move: bytes, or messages for the mmsg calls. */
static __always_inline __u64 asked_of(struct thread *thread, struct pt_regs *regs, __u32 shape)
{
	switch (shape) {
	case IO_LENGTH4:
		return ARG4(regs);
	case IO_LENGTH5:
		return ARG5(regs);
	case IO_IOV:
		return sum_or_loss(thread, sum_iovecs(ARG2(regs), ARG3(regs)));
	case IO_MSG:
		return sum_msghdr(thread, ARG2(regs));
	case IO_MMSG:
		return (__u32)ARG3(regs);
	default:
		return ARG3(regs);
	}
}

static __always_inline __u32 flags_of(struct pt_regs *regs, __u32 shape)
{
	if (shape == IO_MSG)
		return ARG3(regs);
	return shape == IO_MMSG || shape == IO_FLAGS4 ? ARG4(regs) : 0;
}

/*
 * What of @bytes received under MSG_TRUNC did not cross: TCP throws the data
 * away (tcp(7)); the others report the datagram's length beyond the buffer.
 */
static __always_inline void count_truncated(struct thread *thread, struct file *file, __u32 shape,
					    __u64 bytes, __u64 asked)
{
	__u16 protocol = READ(file_sock(file), sk_protocol);

	if (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP)
		thread->counters.copies.truncated_bytes += bytes;
	else if (shape == IO_MMSG)
		thread->counters.losses[LOSS_TRUNCATED_MESSAGES]++;
	else if (bytes > asked)
		thread->counters.copies.truncated_bytes += bytes - asked;
}

/* Result 0 ends a stream, a file or a pipe; a datagram may be empty. */
static __always_inline bool is_end(struct file *file, __u32 kind, struct pt_regs *regs, __u32 shape)
{
	struct socket *socket;

	if (kind == KIND_OTHER)
		return false;
	if (kind != KIND_SOCKET)
		return true;
	socket = READ(file, private_data);
	return READ(socket, type) == SOCK_STREAM && !(flags_of(regs, shape) & MSG_ERRQUEUE);
}

/* What a call with result @ret was asked to move, where that decides about something. */
static __always_inline __u64 asked_for(struct thread *thread, struct file *file, __u32 kind,
				       struct pt_regs *regs, long ret, __u32 shape)
{
	if (ret > 0 || (ret == 0 && is_end(file, kind, regs, shape)))
		return asked_of(thread, regs, shape);
	return 0;
}

/* What a call with result @ret moved. */
static __always_inline __u64 moved_by(struct thread *thread, struct pt_regs *regs, long ret,
				      __u32 shape)
{
	if (ret <= 0)
		return 0;
	return shape == IO_MMSG ? sum_or_loss(thread, sum_messages(ARG2(regs), ret)) : ret;
}

static __always_inline void count_moved(struct io_counters *io, bool is_partial, __u64 bytes)
{
	__u32 bucket = hist_bucket(bytes);

	io->moved++;
	io->bytes += bytes;
	if (is_partial)
		io->partial++;
	io->size_hist[bucket < HIST_BYTES_BUCKETS ? bucket : HIST_BYTES_BUCKETS - 1]++;
}

static __always_inline void count_outcome_in(struct io_counters *io, long ret, __u64 bytes,
					     __u64 asked)
{
	if (ret > 0) {
		count_moved(io, ret < asked, bytes);
	} else if (ret == 0) {
		io->size_hist[0]++;
		io->end += asked != 0;
	} else if (ret == -EAGAIN) {
		io->again++;
	} else if (is_interrupted(ret)) {
		io->interrupted++;
	} else {
		io->failed++;
	}
}

/* The last that is done of a call, as its ways are many: so the verifier goes them once. */
static __always_inline void count_io(struct thread *thread, __u32 family, __u32 kind, long ret,
				     __u64 bytes, __u64 asked)
{
	__u32 at = family * IO_KINDS + kind;

	barrier_var(at); /* for the verifier: clamp the copy that is used */
	if (at < IO_FAMILIES * IO_KINDS)
		count_outcome_in(&thread->counters.io[0][0] + at, ret, bytes, asked);
}

/* What is known of @file, which may be none, or NULL; its kind comes with it. */
static __always_inline struct description *io_subject(struct file *file, __u32 *kind)
{
	struct description *description;

	*kind = KIND_OTHER;
	if (!file)
		return NULL;
	description = hinted_description(file);
	if (description) {
		*kind = description->io_kind;
		return description;
	}
	*kind = file_kind(file);
	if (!is_in_epoll(file) && (!looks_everywhere || *kind == KIND_FILE))
		return NULL;
	return description_at(known_row((__u64)file));
}

/* ---- the plain calls: read, write, and with flags that are not looked at recv and send ---- */

#define FLAGS_LOOKED_AT (MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE)

static __always_inline bool is_plain_call(struct pt_regs *regs, const struct call *call)
{
	return call->shape == IO_PLAIN ||
	       (call->shape == IO_FLAGS4 && !(ARG4(regs) & FLAGS_LOOKED_AT));
}

static __always_inline void plain_io_done(struct thread *thread, struct task_struct *task,
					  struct pt_regs *regs, long ret, const struct call *call)
{
	struct file *file = file_at(task, ARG1(regs), ret >= 0);
	__u64 asked = 0;
	__u32 kind;
	struct description *description = io_subject(file, &kind);

	if (ret > 0 || (ret == 0 && is_end(file, kind, regs, IO_PLAIN)))
		asked = ARG3(regs);
	if (description && call->family == IO_READ)
		note_read(description, ret, ret, ret < (__s64)asked, false);
	else if (description)
		note_write(description, ret, ret);
	count_io(thread, call->family, kind, ret, ret, asked);
}

/* ---- the others ---- */

/* What a call was to the open file description at one of its ends. */
enum io_end {
	IO_END_READ = 1,
	IO_END_PEEK = 2,     /* and what was read is still there */
	IO_END_MESSAGES = 4, /* asked is a number of messages */
};

/* splice tells EAGAIN or moves less when its destination is full, too. */
static __always_inline bool is_empty(struct file *file, struct description *description)
{
	struct pipe_inode_info *pipe;
	struct sock *sk;

	if (description->kind == KIND_PIPE) {
		pipe = READ(file, private_data);
		return READ(pipe, head) == READ(pipe, tail);
	}
	sk = description->kind == KIND_SOCKET ? file_sock(file) : NULL;
	return sk && !READ(sk, sk_receive_queue.qlen);
}

/* The source of a splice or tee, by its descriptor. Global, so that the verifier follows it once. */
__weak int source_noted(__u32 fd, __s64 ret, __u64 bytes, __u32 is_peek)
{
	struct file *file = file_of(current_task(), fd);
	struct description *description = file ? description_of(file) : NULL;

	if (!description)
		return 0;
	if (ret == -EAGAIN && !is_empty(file, description))
		note_call(description);
	else
		note_read(description, ret, bytes, ret == 0 || is_empty(file, description),
			  is_peek);
	return 0;
}

static __always_inline __u32 io_end_of(struct pt_regs *regs, struct file *file,
				       const struct call *call)
{
	__u32 end = IO_END_READ;

	if (call->family == IO_VMSPLICE && file && READ(file, f_mode) & FMODE_READ)
		return IO_END_READ;
	if (call->family != IO_READ)
		return 0;
	if (call->shape == IO_MMSG)
		end |= IO_END_MESSAGES;
	if (flags_of(regs, call->shape) & MSG_PEEK)
		end |= IO_END_PEEK;
	return end;
}

/* A call on the description in @row; by itself so that the verifier follows it once. */
__weak int io_noted(__u32 row, __u32 end, __s64 ret, __u64 bytes, __u64 asked)
{
	struct description *description = bpf_map_lookup_elem(&descriptions, &row);

	if (!description)
		return 0; /* for the verifier */
	if (end & IO_END_READ)
		note_read(description, ret, bytes, !(end & IO_END_MESSAGES) && ret < (__s64)asked,
			  end & IO_END_PEEK);
	else
		note_write(description, ret, bytes);
	return 0;
}

/* What of the bytes moved did not cross as io says. */
static __always_inline void count_copies(struct thread *thread, struct file *file,
					 struct pt_regs *regs, __u64 bytes, __u64 asked,
					 const struct call *call)
{
	if (call->family == IO_READ && flags_of(regs, call->shape) & MSG_TRUNC)
		count_truncated(thread, file, call->shape, bytes, asked);
	if (call->family == IO_VMSPLICE && READ(file, f_mode) & FMODE_READ)
		thread->counters.copies.vmsplice_in_bytes += bytes;
}

/* Not inline, for its stack. */
static __noinline int other_io_done(struct thread *thread, struct pt_regs *regs, long ret,
				    const struct call *call)
{
	__u32 fd = call->fd == 1 ? ARG1(regs) : call->fd == 2 ? ARG2(regs) : ARG3(regs);
	struct file *file = file_at(current_task(), fd, ret >= 0);
	__u32 kind;
	struct description *description = io_subject(file, &kind);
	__u32 row = description ? description->row : 0;
	__u64 asked = asked_for(thread, file, kind, regs, ret, call->shape);
	__u64 bytes = moved_by(thread, regs, ret, call->shape);

	if (description)
		io_noted(row, io_end_of(regs, file, call), ret, bytes, asked);
	if (call->family == IO_SPLICE || call->family == IO_TEE)
		source_noted(ARG1(regs), ret, bytes, call->family == IO_TEE);
	if (ret > 0)
		count_copies(thread, file, regs, bytes, asked, call);
	count_io(thread, call->family, call->family == IO_VMSPLICE ? KIND_PIPE : kind, ret, bytes,
		 asked);
	return 0;
}

static __always_inline void io_done(struct thread *thread, struct task_struct *task,
				    struct pt_regs *regs, long ret, const struct call *call)
{
	if (is_plain_call(regs, call))
		plain_io_done(thread, task, regs, ret, call);
	else
		other_io_done(thread, regs, ret, call);
}

#endif
