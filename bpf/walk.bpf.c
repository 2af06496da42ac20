/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The walk over the open descriptors of all targets, which user space starts:
 * counts them by kind, meets listeners, epoll instances and registrations that
 * are older than the probes, reads what stands unread. And the sweep after it,
 * and the rows of large tables, which are freed so at the beginning.
 */
#include "compat.bpf.h"
#include "maps.bpf.h"
#include "fd.bpf.h"
#include "accept.bpf.h"
#include "registration.bpf.h"

#define TCP_CLOSE_WAIT 8
#define PIPE_BUFFERS   256 /* 1 MiB, the default of fs.pipe-max-size */
#define SKBS	       512
#define EPITEMS_MET    1024 /* one for each instance that watches the file */

/*
 * One run of the program is not interrupted, so it looks at no more than 2048
 * numbers of a table, in words of the kernel's bitmap, from walk_from on. User space
 * starts it again as long as there are tables that go on, from walk_next.
 */
#define WORD_BITS   64
#define WORDS_A_RUN 32

__u32 walk_from, walk_next;

/* Bytes in a pipe: the sum over its ring of buffers, of which unused ones are empty or stale. */
__weak __u64 pipe_bytes(__u64 address)
{
	struct pipe_inode_info *pipe = (struct pipe_inode_info *)address;
	__u32 head = BPF_CORE_READ(pipe, head), tail = BPF_CORE_READ(pipe, tail);
	__u32 mask = BPF_CORE_READ(pipe, ring_size) - 1;
	struct pipe_buffer *bufs = BPF_CORE_READ(pipe, bufs);
	__u32 stride = bpf_core_type_size(struct pipe_buffer);
	__u64 bytes = 0;

	for (__u32 i = 0; i < PIPE_BUFFERS; i++) {
		if (tail + i == head)
			break;
		bytes += BPF_CORE_READ(
			(struct pipe_buffer *)((void *)bufs + ((tail + i) & mask) * stride), len);
	}
	return bytes;
}

/* Bytes in an AF_UNIX socket's queue: net/unix/af_unix.c unix_inq_len(). */
__weak __u64 unix_bytes(__u64 address)
{
	struct sock *sk = (struct sock *)address;
	struct sk_buff *first = (struct sk_buff *)&sk->sk_receive_queue;
	struct sk_buff *skb = BPF_CORE_READ(first, next);
	__u64 bytes = 0;

	for (__u32 i = 0; i < SKBS; i++) {
		struct unix_skb_parms *parms = (struct unix_skb_parms *)&skb->cb;

		if (!skb || skb == first)
			break;
		bytes += BPF_CORE_READ(skb, len) - BPF_CORE_READ(parms, consumed);
		skb = BPF_CORE_READ(skb, next);
	}
	return bytes;
}

static __always_inline void begin_walk(struct process *process, struct task_struct *task)
{
	__builtin_memset(process->open, 0, sizeof(process->open));
	process->close_wait = 0;
	process->start_ns = FOLLOW(FOLLOW(task, group_leader), start_time);
	process->fd_limit = FOLLOW(FOLLOW(task, signal), rlim[RLIMIT_NOFILE].rlim_cur);
	process->walk = walk;
	process->walk_tid = 0;
	note_compat(process, task);
}

/* The first task of a process to come counts, in each step: it may have ended since the last. */
static __always_inline void begin_step(struct process *process, struct task_struct *task)
{
	__u16 step = walk_from / (WORD_BITS * WORDS_A_RUN);

	if (process->walk_tid && process->walk_step == step)
		return;
	process->walk_tid = FOLLOW(task, pid);
	process->walk_step = step;
}

/* A leader that has ended has no table, so all its threads come: one of them counts. */
static __always_inline bool is_counted_before(struct process *process, struct task_struct *task)
{
	return !FOLLOW(FOLLOW(task, group_leader), files) &&
	       process->walk_tid != (__u32)FOLLOW(task, pid);
}

#define JIFFIES_AWHILE 1000 /* one second where HZ is 1000, ten where it is 100 */

/* A TCP connection whose peer has closed it and sent nothing for a while. */
static __always_inline bool is_left_behind(struct file *file)
{
	struct sock *sk = file_sock(file);
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	return sk && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
	       BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE_WAIT &&
	       (__u32)bpf_jiffies64() - BPF_CORE_READ(tcp, rcv_tstamp) > JIFFIES_AWHILE;
}

/* What can be read from @file at once, as ss(8) shows it: Recv-Q. */
static __always_inline __u64 unread_bytes(struct file *file, struct description *description)
{
	struct sock *sk = description->kind == KIND_SOCKET ? file_sock(file) : NULL;
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	if (description->kind == KIND_PIPE)
		return pipe_bytes((__u64)BPF_CORE_READ(file, private_data));
	if (!sk)
		return 0;
	if (description->is_listener)
		return 0;
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP)
		return BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq);
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX)
		return unix_bytes((__u64)sk);
	return BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
}

/*
 * The registration behind @epi, met by the walk. Before the first snapshot it is
 * new to us because it is older than we are; later on because we missed it.
 */
__weak int registration_met(__u64 address)
{
	struct epitem *epi = (struct epitem *)address;
	struct file *file = READ(epi, ffd.file);
	__u64 ep = (__u64)READ(epi, ep);
	__u32 *instance = bpf_map_lookup_elem(&instances_by_ep, &ep);
	struct registering from = {};
	struct registration *row;
	__u32 number;

	if (!instance)
		return 0; /* no target has it open */
	from.key.file = (__u64)file;
	from.key.instance = *instance;
	from.key.fd = READ(epi, ffd.fd);
	row = find_by_key(&from.key, &number);
	if (row && is_alive(row, ep))
		return 0;
	if (row)
		forget_registration(row, number);
	from.data = BPF_CORE_READ(epi, event.data);
	from.events = BPF_CORE_READ(epi, event.events);
	from.epi = (__u64)epi;
	from.description = description_row((__u64)file);
	from.found_by_walk = is_late(*instance) ? walk : 0;
	forget_dead_holder(*instance, from.data);
	number = new_registration(&from);
	row = registration_at(number);
	if (!row)
		return 0;
	row->is_fired =
		!!(from.events & EPOLLONESHOT); /* a wait that we did not see may return it */
	if (!is_alive(row, ep))
		forget_registration(row, number - 1); /* removed meanwhile */
	else if (row->found_by_walk)
		count_loss(LOSS_REGISTRATIONS);
	return 0;
}

/* The registrations of @file, and what stands unread behind it. */
static __always_inline void watched_file_met(struct file *file)
{
	__u64 link = newest_link(file);
	struct description *description;
	__u64 address = (__u64)file;
	__u32 *row;

	for (int i = 0; i < EPITEMS_MET && link; i++) {
		registration_met((__u64)epitem_of(link));
		link = older_link(file, link);
	}
	row = bpf_map_lookup_elem(&descriptions_by_file, &address);
	description = row ? bpf_map_lookup_elem(&descriptions, row) : NULL;
	if (!description)
		return;
	description->walk = walk;
	description->unread_bytes = description->undrained_ns ? unread_bytes(file, description) : 0;
}

static __always_inline void instance_met(struct file *file, struct process *process, __u32 tgid,
					 __u32 fd)
{
	struct eventpoll *ep = eventpoll_of(file);
	struct instance *instance;
	__u32 row;

	if (!ep)
		return;
	row = instance_row((__u64)ep, fd) - 1;
	instance = bpf_map_lookup_elem(&instances, &row);
	if (!instance)
		return;
	instance->holder_tgid = tgid;
	instance->holder_start_ns = process->start_ns;
	instance->holder_fd = fd;
	instance->walk = walk;
}

/*
 * The file at @address, which a target has open as @fd. The kernel's own iterator
 * over files takes a reference to each; a close meanwhile then ends nothing, and
 * the target is told of what it has closed. Here none is: it is read as any memory.
 */
__weak int descriptor_met(__u64 address, __u32 tgid, __u32 fd)
{
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);
	struct file *file = (struct file *)address;
	__u32 kind;
	bool is_lost;

	if (!process)
		return 0; /* it has ended */
	kind = file_kind_by_name(file);
	if (kind < FD_KINDS)
		process->open[kind]++;
	if (kind == KIND_EPOLL)
		instance_met(file, process, tgid, fd);
	if (kind == KIND_SOCKET)
		process->close_wait += is_left_behind(file);
	if (kind != KIND_FILE)
		watched_file_met(file);
	listener_of(file, tgid, process->start_ns, &is_lost);
	if (is_lost && walk == 1)
		count_loss(LOSS_LISTENERS); /* later ones were counted when they began to listen */
	return 0;
}

/* Those from @first on that have their bits in one word, of the table at @address. */
__weak int some_descriptors_met(__u64 address, __u32 tgid, __u32 first)
{
	struct fdtable *fdt = (struct fdtable *)address;
	struct file **files = BPF_CORE_READ(fdt, fd);
	__u64 open = (__u64)read_pointer(BPF_CORE_READ(fdt, open_fds) + first / WORD_BITS);

	for (__u32 i = 0; i < WORD_BITS && open; i++, open >>= 1) {
		__u64 file = open & 1 ? (__u64)read_pointer(files + first + i) : 0;

		if (file)
			descriptor_met(file, tgid, first + i);
	}
	return 0;
}

static __always_inline void table_met(struct task_struct *task, __u32 tgid)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	__u32 max_fds = BPF_CORE_READ(fdt, max_fds), next = walk_from;

	for (__u32 i = 0; i < WORDS_A_RUN && next < max_fds; i++, next += WORD_BITS)
		some_descriptors_met((__u64)fdt, tgid, next);
	if (next < max_fds)
		walk_next = next;
}

/* Threads mostly share their leader's table. */
static __always_inline bool has_own_table(struct task_struct *task)
{
	struct files_struct *files = FOLLOW(task, files);

	return files && (FOLLOW(task, pid) == FOLLOW(task, tgid) ||
			 files != FOLLOW(FOLLOW(task, group_leader), files));
}

/* With --all whoever is no thread of the kernel's becomes a target when it is met. */
static __always_inline struct process *target_met(struct task_struct *task, __u32 tgid)
{
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);
	struct process birth = {};

	if (process || !config.all || tgid == config.own_tgid || !FOLLOW(task, mm))
		return process;
	birth.start_ns = FOLLOW(FOLLOW(task, group_leader), start_time);
	return add_process(tgid, &birth);
}

/* One step of the walk: a task, and what is open in its table. */
SEC("iter/task")
int task_met(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct process *process;
	__u32 tgid;

	if (!task || !has_own_table(task) || FOLLOW(FOLLOW(task, signal), live.counter) == 0)
		return 0; /* at an end, or of a process that has ended */
	tgid = FOLLOW(task, tgid);
	process = target_met(task, tgid);
	if (!process || (process->walk != walk && walk_from))
		return 0; /* it came after the walk had begun */
	if (process->walk != walk)
		begin_walk(process, task);
	begin_step(process, task);
	if (!is_counted_before(process, task))
		table_met(task, tgid);
	return 0;
}

/*
 * Ends that no call showed: a registration whose epitem is gone, a description
 * that no target holds. User space runs both after a walk. What ended with the
 * last holder of its instance stays until user space has read it.
 */
__u32 sweeps_unheld;

static __always_inline bool is_swept(struct registration *row)
{
	__u32 number = row->instance;
	struct instance *instance = bpf_map_lookup_elem(&instances, &number);

	if (!instance)
		return false; /* for the verifier */
	if (instance->is_closed)
		return !instance->keeps_registrations;
	if (instance->walk != walk && !sweeps_unheld)
		return false;
	if (!row->epi)
		return instance->walk != walk;
	return !is_alive(row, instance->ep);
}

SEC("iter/bpf_map_elem")
int registration_swept(struct bpf_iter__bpf_map_elem *ctx)
{
	struct registration *row = ctx->value;
	__u32 *key = ctx->key;
	__u32 number;

	if (!row || !key || !row->is_used)
		return 0;
	number = *key;
	row = bpf_map_lookup_elem(&registrations, &number);
	if (row && is_swept(row))
		forget_registration(row, number);
	return 0;
}

SEC("iter/bpf_map_elem")
int description_swept(struct bpf_iter__bpf_map_elem *ctx)
{
	struct description *description = ctx->value;
	__u32 *key = ctx->key;
	__u32 number;

	if (!description || !key || !description->file || description->walk == walk ||
	    PACKED_NR(description->registrations))
		return 0;
	number = *key;
	description = bpf_map_lookup_elem(&descriptions, &number);
	if (description)
		forget_description(description, number);
	return 0;
}

/*
 * Rows of the tables before anything is attached: all are nobody's. What is met
 * first is pushed last, for the row that is taken first to be the first.
 */
#define ROW_FREED(name, stack)                          \
	SEC("iter/bpf_map_elem")                        \
	int name(struct bpf_iter__bpf_map_elem *ctx)    \
	{                                               \
		__u32 *key = ctx->key, row;             \
                                                        \
		if (!key)                               \
			return 0;                       \
		row = ctx->map->max_entries - 1 - *key; \
		bpf_map_push_elem(&stack, &row, 0);     \
		return 0;                               \
	}

ROW_FREED(registration_freed, free_registrations)
ROW_FREED(description_freed, free_descriptions)
