/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* epoll_ctl: what was registered, changed and removed. */
#ifndef FDSCOPE_EPOLL_CTL_BPF_H
#define FDSCOPE_EPOLL_CTL_BPF_H

#include "task.bpf.h"

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

/* Every operation but DEL has its event copied in before anything is checked: ep_op_has_event(). */
static __always_inline void epoll_ctl_done(struct thread *thread, struct pt_regs *regs, long ret)
{
	struct epoll_ctl_counters *ctl = &thread->counters.epoll_ctl;
	int op = ARG2(regs);

	if (op != EPOLL_CTL_DEL)
		ctl->in_bytes += EPOLL_EVENT_BYTES;
	if (ret)
		ctl->failed++;
	else if (op == EPOLL_CTL_ADD)
		ctl->add++;
	else if (op == EPOLL_CTL_MOD)
		ctl->mod++;
	else
		ctl->del++;
}

#endif
