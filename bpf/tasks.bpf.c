/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Births, execs and deaths of targets, and the io_uring requests that no system
 * call shows. Each comes in by a raw or by a classic tracepoint, as system calls do.
 */
#include "compat.bpf.h"
#include "maps.bpf.h"
#include "task.bpf.h"
#include "fd.bpf.h"
#include "wait_end.bpf.h"
#include "accept.bpf.h"
#include "closing.bpf.h"
#include "change.bpf.h"

static __always_inline int task_forked(struct task_struct *parent, struct task_struct *child)
{
	struct process birth = {};

	if (FOLLOW(child, tgid) == FOLLOW(parent, tgid) || !target_process(parent))
		return 0;
	birth.start_ns = FOLLOW(FOLLOW(child, group_leader), start_time);
	birth.open_at_birth = count_all_open(child); /* it has not run yet */
	birth.born_traced = 1;
	note_compat(&birth, child);
	add_process(FOLLOW(child, tgid), &birth);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(task_fork, struct task_struct *parent, struct task_struct *child)
{
	return task_forked(parent, child);
}

/* The classic record names the child by number only; both are there since 6.2. */
extern struct task_struct *bpf_task_from_pid(int pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

SEC("?tp/sched/sched_process_fork")
int task_fork_classic(struct trace_event_raw_sched_process_fork *record)
{
	struct task_struct *child = bpf_task_from_pid(record->child_pid);

	if (!child)
		return 0; /* for the verifier: it has not run yet */
	task_forked(current_task(), child);
	bpf_task_release(child);
	return 0;
}

static __always_inline bool becomes_target(struct task_struct *task)
{
	char comm[COMM_LEN];

	if (config.held_tgid && (__u32)FOLLOW(task, tgid) == config.held_tgid)
		return true;
	if (!config.match_comm || (__u32)FOLLOW(task, tgid) == config.own_tgid)
		return false;
	bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
	return same_comm(comm, config.comm);
}

/* exec closes what is marked close-on-exec, and a second thread that calls it takes the leader's id. */
static __always_inline void thread_execed(struct thread *thread, struct task_struct *task)
{
	begin_update(thread);
	thread->tid = FOLLOW(task, pid);
	thread->start_ns = FOLLOW(task, start_time);
	bpf_probe_read_kernel(thread->comm, sizeof(thread->comm), task->comm);
	if (thread->fds_before)
		thread->counters.fds.closed += thread->fds_before - 1 - count_all_open(task);
	end_update(thread);
}

static __always_inline int task_execed(struct task_struct *task)
{
	struct thread *thread = known_thread(task);
	struct process birth = {}, *process;

	if (thread)
		thread_execed(thread, task);
	process = target_process(task);
	if (process)
		note_compat(process, task);
	if (process || !becomes_target(task))
		return 0;
	birth.start_ns = FOLLOW(FOLLOW(task, group_leader), start_time);
	birth.open_at_birth = count_all_open(task);
	birth.born_traced = 1;
	note_compat(&birth, task);
	add_process(FOLLOW(task, tgid), &birth);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(task_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return task_execed(task);
}

SEC("?tp/sched/sched_process_exec")
int task_exec_classic(void *record)
{
	return task_execed(current_task());
}

/* Turns of a loop in a function of its own, so that the verifier follows them once. */
#define AT_A_TIME 32

/* Ends some of the uses from the row @next on, plus 1; where to go on, or 0. */
__weak __u32 end_some_uses(__u32 next)
{
	for (int i = 0; i < AT_A_TIME; i++) {
		struct epoll_use *use = use_at(next);
		__u32 row = next - 1;

		if (!use)
			return 0;
		next = use->next;
		end_use(row);
	}
	return next;
}

static __always_inline void end_uses(struct thread *thread)
{
	__u32 next = thread->epoll_use;

	for (int i = 0; i < USES_MAX / AT_A_TIME && next; i++)
		next = end_some_uses(next);
	thread->epoll_use = 0;
	thread->nr_edges = 0;
}

/* Words @first and some more of the counters in row @from, added to those in row @to. */
__weak int fold_some(__u32 to, __u32 from, __u32 first)
{
	struct thread *sum = bpf_map_lookup_elem(&threads, &to);
	struct thread *thread = bpf_map_lookup_elem(&threads, &from);

	if (!sum || !thread)
		return 0; /* for the verifier */
	for (__u32 i = 0; i < AT_A_TIME; i++) {
		__u32 at = first + i;

		barrier_var(at); /* for the verifier: clamp the copy that is used */
		if (at >= COUNTERS_WORDS)
			break;
		fold((__u64 *)&sum->counters + at, (__u64 *)&thread->counters + at, 1);
	}
	return 0;
}

static __always_inline void fold_counters(__u32 to, __u32 from)
{
	for (__u32 first = 0; first < COUNTERS_WORDS; first += AT_A_TIME)
		fold_some(to, from, first);
}

static __always_inline void free_row(struct thread *thread, __u32 row)
{
	begin_update(thread);
	thread->state = THREAD_FREE;
	thread->task = 0;
	thread->tgid = 0;
	thread->tid = 0;
	thread->busy_since_ns = 0;
	thread->fds_before = 0;
	thread->addrlen_state = ADDRLEN_UNSEEN;
	thread->spins = 0;
	thread->closing_ep = 0;
	thread->description = 0;
	thread->registration = 0;
	__builtin_memset(&thread->wait, 0, sizeof(thread->wait));
	end_update(thread);
	bpf_map_push_elem(&free_rows, &row, 0);
}

/* The row of the process's first thread to end becomes that of all its ended threads. */
static __always_inline void end_thread(struct thread *thread, struct task_struct *task, __u32 row)
{
	struct process_key key = {
		.start_ns = thread->process_start_ns,
		.tgid = thread->tgid,
	};
	__u64 address = (__u64)task;
	struct thread *ended = NULL;
	__u32 *ended_row;

	begin_update(thread);
	wait_abandoned(thread, task);
	end_update(thread);

	__sync_fetch_and_add(&folds_begun, 1);
	end_uses(thread);
	bpf_map_delete_elem(&rows_by_task, &address);
	if (bpf_map_update_elem(&ended_rows, &key, &row, BPF_NOEXIST)) {
		ended_row = bpf_map_lookup_elem(&ended_rows, &key);
		if (ended_row)
			ended = bpf_map_lookup_elem(&threads, ended_row);
	}
	if (ended && ended != thread) {
		fold_counters(ended->row, row);
		free_row(thread, row);
	} else {
		begin_update(thread);
		thread->state = THREAD_ENDED;
		thread->task = 0;
		thread->tid = 0;
		end_update(thread);
	}
	__sync_fetch_and_add(&folds_done, 1);
}

#define LAST_LOOK_FDS 1024 /* listening sockets are opened early; the sweep finds the rest */

/* A last look at the listener at @fd of the current task, which is ending; what nobody else holds is forgotten. */
__weak int last_look(__u32 fd)
{
	struct task_struct *task = current_task();
	bool is_lost;

	listener_of(file_of(task, fd), FOLLOW(task, tgid),
		    FOLLOW(FOLLOW(task, group_leader), start_time), &is_lost);
	descriptor_given_up(fd, true);
	return 0;
}

__weak int some_last_looks(__u32 from, __u32 max_fds)
{
	for (__u32 i = 0; i < AT_A_TIME && from + i < max_fds; i++)
		last_look(from + i);
	return 0;
}

static __always_inline void look_at_descriptors(struct task_struct *task)
{
	struct files_struct *files = FOLLOW(task, files);
	__u32 max_fds = files ? FOLLOW(FOLLOW(files, fdt), max_fds) : 0;

	for (__u32 from = 0; from < LAST_LOOK_FDS && from < max_fds; from += AT_A_TIME)
		some_last_looks(from, max_fds);
}

static __always_inline void end_process(struct task_struct *task, struct process *process)
{
	struct process_end *end = bpf_ringbuf_reserve(&ended_processes, sizeof(*end), 0);
	__u32 tgid = FOLLOW(task, tgid);

	if (!end) {
		count_loss(LOSS_ENDED_PROCESSES);
	} else {
		end->start_ns = FOLLOW(FOLLOW(task, group_leader), start_time);
		end->open_at_birth = process ? process->open_at_birth : 0;
		end->born_traced = process ? process->born_traced : 0;
		end->is_compat = process ? process->is_compat : 0;
		end->open = count_all_open(task);
		end->fd_limit = FOLLOW(FOLLOW(task, signal), rlim[RLIMIT_NOFILE].rlim_cur);
		end->tgid = tgid;
		bpf_probe_read_kernel(end->comm, sizeof(end->comm),
				      FOLLOW(task, group_leader)->comm);
	}
	bpf_map_delete_elem(&processes,
			    &tgid); /* before user space hears of it and looks who is left */
	if (end)
		bpf_ringbuf_submit(end, 0);
}

/*
 * Two threads that end at once can both be the last: signal->live is counted
 * down before this is called. Then both announce the end, the first with what
 * is known of the process, and user space takes the process for ended when no
 * row of a live thread is left.
 */
static __always_inline int task_exited(struct task_struct *task)
{
	__u64 address = (__u64)task;
	__u32 tgid = FOLLOW(task, tgid);
	__u32 *row = bpf_map_lookup_elem(&rows_by_task, &address);
	struct thread *thread = row ? bpf_map_lookup_elem(&threads, row) : NULL;
	struct process *process;

	if (config.wakeups)
		end_change(task);
	if (thread)
		end_thread(thread, task, *row);
	if (FOLLOW(FOLLOW(task, signal), live.counter) != 0)
		return 0;
	process = bpf_map_lookup_elem(&processes, &tgid);
	if (!process && !thread)
		return 0;
	look_at_descriptors(task);
	end_process(task, process);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(task_exit, struct task_struct *task)
{
	return task_exited(task);
}

SEC("?tp/sched/sched_process_exit")
int task_exit_classic(void *record)
{
	return task_exited(current_task());
}

static __always_inline int io_uring_submitted(void)
{
	if (target_process(current_task()))
		__sync_fetch_and_add(&unseen[UNSEEN_IO_URING], 1);
	return 0;
}

/* io_uring's own threads carry the tgid of the process they work for. */
SEC("?tp_btf/io_uring_submit_req")
int BPF_PROG(io_uring_submit, struct io_kiocb *request)
{
	return io_uring_submitted();
}

/* Its name until 6.1 ("io_uring: rename trace_io_uring_submit_sqe() tracepoint"). */
SEC("?tp_btf/io_uring_submit_sqe")
int BPF_PROG(io_uring_submit_old)
{
	return io_uring_submitted();
}

SEC("?tp/io_uring/io_uring_submit_req")
int io_uring_submit_classic(void *record)
{
	return io_uring_submitted();
}
