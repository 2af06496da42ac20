/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is decided before the programs are loaded, and constant from then on. */
#ifndef FDSCOPE_CONFIG_H
#define FDSCOPE_CONFIG_H

#include <linux/types.h>
#include "rows.h"

struct config {
	__u32 all;	   /* every process is a target */
	__u32 cgroup;	   /* processes under the cgroup in the map cgroups are targets */
	__u32 match_comm;  /* a process that execs into comm becomes a target */
	__u32 held_tgid;   /* `run`: becomes a target when it has execed; 0: none */
	__u32 own_tgid;	   /* fdscope itself: never a target */
	__u32 sees_compat; /* 32-bit calls come in, to be counted; else who makes them is */
	__u32 wakeups;	   /* what the kernel does inside a wait is watched, too */
	char comm[COMM_LEN];
};

#endif
