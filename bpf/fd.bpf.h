/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a descriptor number to what stands behind it, and the calls that open
 * and close descriptors.
 */
#ifndef FDSCOPE_FD_BPF_H
#define FDSCOPE_FD_BPF_H

#include "calls.bpf.h"
#include "task.bpf.h"

#define RLIMIT_NOFILE	    7 /* include/uapi/asm-generic/resource.h */
#define S_IFMT		    0170000
#define S_IFSOCK	    0140000
#define S_IFREG		    0100000
#define S_IFIFO		    0010000
#define ANON_INODE_FS_MAGIC 0x09041934 /* include/uapi/linux/magic.h */
#define PID_FS_MAGIC	    0x50494446

/*
 * The current task's file at @fd, or NULL. Valid until the program returns. A
 * call that took @fd and did not fail (@is_good) shows that it is within the
 * table, which never shrinks.
 */
static __always_inline struct file *file_at(struct task_struct *task, __u32 fd, bool is_good)
{
	struct fdtable *fdt = FOLLOW(FOLLOW(task, files), fdt); /* none: all of it reads as 0 */

	if (!is_good && fd >= FOLLOW(fdt, max_fds))
		return NULL;
	return read_pointer(FOLLOW(fdt, fd) + fd);
}

static __always_inline struct file *file_of(struct task_struct *task, __u32 fd)
{
	return file_at(task, fd, false);
}

/*
 * What io counts @file as. Since 6.16 the inode that eventfd, timerfd and epoll
 * share calls itself a regular file ("anon_inode: use a proper mode
 * internally"), that of a pidfd since 6.9: their file systems tell, as stat(2) does.
 */
static __always_inline __u32 file_kind(struct file *file)
{
	struct inode *inode;
	__u64 magic;

	if (!file)
		return KIND_OTHER;
	inode = SEE(CAST(file), f_inode);
	switch (SEE(inode, i_mode) & S_IFMT) {
	case S_IFSOCK:
		return KIND_SOCKET;
	case S_IFIFO:
		return KIND_PIPE;
	case S_IFREG:
		magic = SEE(SEE(inode, i_sb), s_magic);
		return magic == ANON_INODE_FS_MAGIC || magic == PID_FS_MAGIC ? KIND_OTHER
									     : KIND_FILE;
	default:
		return KIND_OTHER;
	}
}

/* The same, with the anonymous inodes told apart by their names. */
static __always_inline __u32 file_kind_by_name(struct file *file)
{
	__u32 kind = file_kind(file);
	char name[8] = {};

	if (kind != KIND_OTHER)
		return kind;
	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return KIND_OTHER;
	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (!__builtin_memcmp(name, "[eventpo", 8))
		return KIND_EPOLL;
	if (!__builtin_memcmp(name, "[eventfd", 8))
		return KIND_EVENTFD;
	if (!__builtin_memcmp(name, "[timerfd", 8))
		return KIND_TIMERFD;
	return KIND_OTHER;
}

static __always_inline struct sock *file_sock(struct file *file)
{
	struct socket *socket = READ(file, private_data);

	return READ(socket, sk);
}

#define BITMAP_WORDS 32 /* words of the bitmap read at a time */
#define BITMAP_BITS  (BITMAP_WORDS * 64)

/* Set bits of the kernel's bitmap at @bitmap, of @bits; looks at BITMAP_BITS of them. */
__weak __u64 count_bitmap(__u64 bitmap, __u64 bits)
{
	unsigned long words[BITMAP_WORDS] = {};
	__u64 bytes = (bits + 63) / 64 * 8;
	__u64 set = 0;

	barrier_var(bytes); /* for the verifier: clamp the copy that is used */
	if (bytes > sizeof(words))
		bytes = sizeof(words);
	bpf_probe_read_kernel(words, bytes, (void *)bitmap);
	if (bits < BITMAP_BITS)
		mask_last_word(words, BITMAP_WORDS, bits);
	for (__u32 i = 0; i < BITMAP_WORDS; i++)
		set += count_bits(words[i]);
	return set;
}

/* Set bits of the kernel's bitmap at @open_fds below @limit; more than OPEN_FDS_MAX are a loss. */
__weak __u64 count_set(__u64 open_fds, __u64 limit)
{
	__u64 set = 0;

	for (__u32 base = 0; base < OPEN_FDS_MAX; base += BITMAP_BITS) {
		if (base >= limit)
			return set;
		set += count_bitmap(open_fds + base / 8, limit - base);
	}
	if (limit > OPEN_FDS_MAX)
		count_loss(LOSS_OPEN_DESCRIPTORS);
	return set;
}

/* How many descriptors of @task below @limit are open. */
static __always_inline __u64 count_open(struct task_struct *task, __u64 limit)
{
	struct files_struct *files = FOLLOW(task, files);

	if (!files)
		return 0;
	if (limit > FOLLOW(FOLLOW(files, fdt), max_fds))
		limit = FOLLOW(FOLLOW(files, fdt), max_fds);
	return count_set((__u64)BPF_CORE_READ(files, fdt, open_fds), limit);
}

static __always_inline __u64 count_all_open(struct task_struct *task)
{
	return count_open(task, ~0ULL);
}

/* What the entry of execve, close_range or dup2 must remember for its end. */
static __always_inline void fd_call_entered(struct thread *thread, struct task_struct *task,
					    struct pt_regs *regs, __u32 handler)
{
	if (handler == CALL_DUP_TO)
		thread->fds_before = 1 + (file_of(task, ARG2(regs)) != NULL);
	else if (handler == CALL_CLOSE_RANGE)
		thread->fds_before = 1 + count_open(task, (__u64)(__u32)ARG2(regs) + 1) -
				     count_open(task, (__u32)ARG1(regs));
	else
		thread->fds_before = 1 + count_all_open(task);
}

#define EBADF		    9
#define F_DUPFD		    0
#define F_DUPFD_CLOEXEC	    1030
#define CLOSE_RANGE_CLOEXEC 4

static __always_inline void close_range_done(struct thread *thread, struct pt_regs *regs, long ret)
{
	if (ret == 0 && !(ARG3(regs) & CLOSE_RANGE_CLOEXEC) && thread->fds_before)
		thread->counters.fds.closed += thread->fds_before - 1;
}

/* dup2 onto itself opens nothing; onto an open descriptor it closes that one first. */
static __always_inline void dup_to_done(struct thread *thread, struct pt_regs *regs, long ret)
{
	if (ret < 0 || ARG1(regs) == ARG2(regs) || !thread->fds_before)
		return;
	thread->counters.fds.opened++;
	thread->counters.fds.closed += thread->fds_before - 1;
}

static __always_inline void fd_call_done(struct thread *thread, struct pt_regs *regs, long ret,
					 __u32 handler)
{
	struct fd_counters *fds = &thread->counters.fds;

	switch (handler) {
	case CALL_OPEN:
		fds->opened += ret >= 0;
		break;
	case CALL_OPEN_PAIR:
		fds->opened += ret == 0 ? 2 : 0;
		break;
	case CALL_SIGNALFD: /* changes the given one, or makes one */
		fds->opened += ret >= 0 && (int)ARG1(regs) == -1;
		break;
	case CALL_FCNTL:
		fds->opened += ret >= 0 && (ARG2(regs) == F_DUPFD || ARG2(regs) == F_DUPFD_CLOEXEC);
		break;
	case CALL_CLOSE: /* close(2): closed even if it reports an error of the file */
		fds->closed += ret != -EBADF;
		break;
	case CALL_CLOSE_RANGE:
		close_range_done(thread, regs, ret);
		break;
	case CALL_DUP_TO:
		dup_to_done(thread, regs, ret);
		break;
	}
}

#endif
