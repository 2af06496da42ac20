/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is a target: by tgid, and from the scope the user named (all, cgroup, comm). */
#ifndef FDSCOPE_FILTER_BPF_H
#define FDSCOPE_FILTER_BPF_H

#include "compat.bpf.h"
#include "maps.bpf.h"

static __always_inline bool same_comm(const char *a, const volatile char *b)
{
	for (int i = 0; i < COMM_LEN; i++) {
		if (a[i] != b[i])
			return false;
		if (!a[i])
			break;
	}
	return true;
}

/* Makes @tgid a target, or leaves it one; NULL and a loss when the table is full. */
static __always_inline struct process *add_process(__u32 tgid, const struct process *birth)
{
	struct process *process;

	bpf_map_update_elem(&processes, &tgid, birth, BPF_NOEXIST);
	process = bpf_map_lookup_elem(&processes, &tgid);
	if (!process)
		count_loss(LOSS_PROCESSES);
	return process;
}

static __always_inline bool in_scope(__u32 tgid)
{
	if (tgid == config.own_tgid)
		return false;
	return config.all || (config.cgroup && bpf_current_task_under_cgroup(&cgroups, 0) == 1);
}

/* The current task's process if it is a target, else NULL. */
static __always_inline struct process *target_process(struct task_struct *task)
{
	__u32 tgid = FOLLOW(task, tgid);
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);

	if (!process && (config.all || config.cgroup) && in_scope(tgid)) {
		struct process birth = { .start_ns =
						 FOLLOW(FOLLOW(task, group_leader), start_time) };

		process = add_process(tgid, &birth);
	}
	if (process && !process->start_ns)
		process->start_ns = FOLLOW(FOLLOW(task, group_leader), start_time);
	return process;
}

#define COMPAT_SIZE_MAX (1ULL << 32)

/* Of a 32-bit program, whose calls come in by other functions, it is noted that it runs. */
static __always_inline void note_compat(struct process *process, struct task_struct *task)
{
	struct mm_struct *mm = FOLLOW(task, mm);

	process->is_compat = !config.sees_compat && mm && FOLLOW(mm, task_size) <= COMPAT_SIZE_MAX;
}

#endif
