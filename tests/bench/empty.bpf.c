/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs that do nothing, where fdscope's are attached for the calls of one
 * turn (turn.c, socket): what any tool pays that looks at these calls so.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EMPTY(section, name) \
	SEC(section)         \
	int name(void *args) \
	{                    \
		return 0;    \
	}

EMPTY("tp_btf/sys_enter", empty_enter)
EMPTY("tp_btf/sys_exit", empty_exit)

EMPTY("fentry/__x64_sys_write", write_entered)
EMPTY("fexit/__x64_sys_write", write_done)
EMPTY("fentry/__x64_sys_epoll_wait", epoll_wait_entered)
EMPTY("fexit/__x64_sys_epoll_wait", epoll_wait_done)
EMPTY("fentry/__x64_sys_read", read_entered)
EMPTY("fexit/__x64_sys_read", read_done)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
