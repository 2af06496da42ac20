/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The doors through which system calls come in, and the switch behind them.
 * Handlers are in the .bpf.h of each family and do not know by which door. User
 * space opens one kind: see user/source/doors.h.
 */
#define READS_OFTEN
#include "compat.bpf.h"
#include "maps.bpf.h"
#include "calls.bpf.h"
#include "task.bpf.h"
#include "fd.bpf.h"
#include "wait.bpf.h"
#include "accept.bpf.h"
#include "epoll_ctl.bpf.h"
#include "closing.bpf.h"
#include "io.bpf.h"

const volatile struct config config;

__u64 losses[LOSSES];
__u64 unseen[UNSEENS];
__u64 folds_begun, folds_done;
__u32 walk;
__u32 settled_walk;
__u32 epoch;
__u32 looks_everywhere;
__u32 is_live;
__u32 cpu_hints[CPU_HINTS][16] __attribute__((aligned(64)));
__u32 knows_epolls;

static __always_inline void dispatch_enter(struct thread *thread, struct task_struct *task,
					   struct pt_regs *regs, const struct call *call)
{
	switch (call->handler) {
	case CALL_WAIT:
		wait_entered(thread, task, regs, call);
		break;
	case CALL_RESTART:
		wait_resumed(thread, task);
		break;
	case CALL_ACCEPT:
		accept_entered(thread, regs);
		break;
	case CALL_EPOLL_CTL:
		registration_entering(thread->row, ARG1(regs), ARG2(regs), ARG3(regs), ARG4(regs));
		break;
	case CALL_CLOSE:
		close_entered(thread, task, ARG1(regs));
		description_closing(thread, task, ARG1(regs));
		break;
	case CALL_DUP_TO:
		close_entered(thread, task, ARG2(regs));
		description_closing(thread, task, ARG2(regs));
		fd_call_entered(thread, task, regs, call->handler);
		break;
	case CALL_CLOSE_RANGE:
		if (!(__u32)ARG3(regs)) /* UNSHARE leaves them to the others, unknown flags fail */
			range_given_up(ARG1(regs), ARG2(regs));
		fd_call_entered(thread, task, regs, call->handler);
		break;
	default:
		fd_call_entered(thread, task, regs, call->handler);
		break;
	}
}

static __always_inline void dispatch_exit(struct thread *thread, struct task_struct *task,
					  struct pt_regs *regs, long ret, const struct call *call)
{
	switch (call->handler) {
	case CALL_WAIT:
	case CALL_RESTART:
		wait_done(thread, task, regs, ret, call);
		break;
	case CALL_IO:
		io_done(thread, task, regs, ret, call);
		break;
	case CALL_EPOLL_CTL:
		epoll_ctl_done(thread, task, regs, ret);
		break;
	case CALL_ACCEPT:
		accept_done(thread, task, regs, ret);
		note_accept(task, ARG1(regs), ret);
		break;
	case CALL_EPOLL_CREATE:
		thread->counters.fds.opened += ret >= 0;
		instance_born(task, ret);
		break;
	case CALL_CLOSE:
	case CALL_DUP_TO:
		if (ret != -EBADF &&
		    (call->handler == CALL_CLOSE || (ret >= 0 && ARG1(regs) != ARG2(regs))))
			close_done(thread);
		fd_call_done(thread, regs, ret, call->handler);
		break;
	case CALL_LISTEN:
		listen_done(thread, task, regs, ret);
		break;
	default:
		fd_call_done(thread, regs, ret, call->handler);
		break;
	}
}

static __always_inline void call_entered(struct task_struct *task, struct pt_regs *regs,
					 const struct call *call)
{
	struct thread *thread = watched_thread(task, call->handler == CALL_WAIT);

	if (!thread)
		return;
	begin_update(thread);
	dispatch_enter(thread, task, regs, call);
	end_update(thread);
}

static __always_inline void call_returned(struct task_struct *task, struct pt_regs *regs, long ret,
					  const struct call *call)
{
	/* Waits are counted by their entry: one that began before the probes were live is no loss. */
	struct thread *thread = watched_thread(task, call->handler > CALL_RESTART);

	if (!thread)
		return;
	begin_update(thread);
	if (call->handler > CALL_RESTART)
		thread->spins = 0;
	dispatch_exit(thread, task, regs, ret, call);
	end_update(thread);
}

/* ---- the door of every system call: tracepoints, raw and classic ---- */

/* Not inline, for its stack: the deepest chain of calls below syscall_exit may take 512 bytes. */
static __noinline int count_compat_call(struct task_struct *task)
{
	if (target_process(task))
		__sync_fetch_and_add(&unseen[UNSEEN_COMPAT], 1);
	return 0;
}

static __always_inline int any_call_entered(struct pt_regs *regs, long nr)
{
	const struct call *call = call_of(nr);
	struct task_struct *task;

	if (call->handler == CALL_UNTRACED || call->handler > LAST_WITH_ENTRY)
		return 0;
	task = current_task();
	if (!is_compat_call(task, regs))
		call_entered(task, regs, call);
	return 0;
}

static __always_inline int any_call_returned(struct pt_regs *regs, long ret)
{
	struct task_struct *task = current_task();
	const struct call *call = call_of(SYSCALL_NR(regs));

	if (is_compat_call(task, regs))
		count_compat_call(task);
	else if (call->handler != CALL_UNTRACED)
		call_returned(task, regs, ret, call);
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(syscall_enter, struct pt_regs *regs, long nr)
{
	return any_call_entered(regs, nr);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs *regs, long ret)
{
	return any_call_returned(regs, ret);
}

SEC("?tp/raw_syscalls/sys_enter")
int syscall_enter_classic(struct trace_event_raw_sys_enter *record)
{
	return any_call_entered(current_regs(), record->id);
}

SEC("?tp/raw_syscalls/sys_exit")
int syscall_exit_classic(struct trace_event_raw_sys_exit *record)
{
	return any_call_returned(current_regs(), record->ret);
}

/* ---- a door for each traced call: trampolines of the functions behind them ---- */

#define ENTRY_DOOR(name, ...)                                            \
	SEC("?fentry/" CALL_FUNCTION(name))                              \
	int BPF_PROG(name##_entry, struct pt_regs *regs)                 \
	{                                                                \
		call_entered(current_task(), regs, &calls[__NR_##name]); \
		return 0;                                                \
	}
#define EXIT_DOOR(name, ...)                                                   \
	SEC("?fexit/" CALL_FUNCTION(name))                                     \
	int BPF_PROG(name##_exit, struct pt_regs *regs, long ret)              \
	{                                                                      \
		call_returned(current_task(), regs, ret, &calls[__NR_##name]); \
		return 0;                                                      \
	}
#define BOTH_DOORS(name, ...) ENTRY_DOOR(name) EXIT_DOOR(name)

TRACED_CALLS(EXIT_DOOR, EXIT_DOOR, BOTH_DOORS)

/* In a kernel without types for restart_syscall itself. What is needed of poll's arguments was kept. */
SEC("?fentry/" RESUMES_POLL)
int BPF_PROG(poll_resumed)
{
	call_entered(current_task(), NULL, &calls[__NR_restart_syscall]);
	return 0;
}

SEC("?fexit/" RESUMES_POLL)
int BPF_PROG(poll_resumed_exit, struct restart_block *block, long ret)
{
	call_returned(current_task(), NULL, ret, &calls[__NR_restart_syscall]);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
