/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* By which doors system calls come in to be counted. What is counted is the same. */
#ifndef FDSCOPE_BACKEND_H
#define FDSCOPE_BACKEND_H

#include <stdbool.h>

enum backend {
	BACKEND_AUTO,	/* fentry where the kernel allows it, else tp_btf */
	BACKEND_FENTRY, /* trampolines on the functions of the traced calls */
	BACKEND_TP_BTF, /* the tracepoints of all system calls */
	BACKENDS,
};

/* As in --backend and, but for auto, in the profile's backend.syscalls. */
const char *backend_name(enum backend backend);

/* False if there is none of this name. */
bool backend_named(const char *name, enum backend *out);

#endif
