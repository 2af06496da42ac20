/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a kernel, with these privileges, lets us see: found by trying. */
#ifndef FDSCOPE_ABILITY_H
#define FDSCOPE_ABILITY_H

#include <stdbool.h>

#include "model/backend.h"

struct ability {
	char kernel[65]; /* struct utsname's release and machine */
	char arch[65];
	bool is_root;
	bool has_btf;		   /* /sys/kernel/btf/vmlinux can be read */
	bool has_proc;		   /* /proc is mounted */
	bool in_initial_namespace; /* our pids are the kernel's; false without /proc */
	int system_calls;	   /* 0, or the errno of loading and attaching the probes */
	int trampolines;	   /* 0, or the errno of attaching one */
	enum backend backend;	   /* that `attach` chooses */
	/* What follows is tried only where system_calls is 0. */
	bool sees_registrations; /* struct eventpoll tells how many */
	bool sees_io_uring;	 /* its requests are counted as unseen */
	unsigned wakeups;	 /* enum wakeups_part: inside the kernel, if asked for */
};

/* True if `attach` would measure anything. */
static inline bool ability_can_measure(const struct ability *ability)
{
	return ability->system_calls == 0 && ability->in_initial_namespace;
}

#endif
