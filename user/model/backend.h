/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* By which doors system calls come in to be counted. What is counted is the same. */
#ifndef FDSCOPE_BACKEND_H
#define FDSCOPE_BACKEND_H

#include <stdbool.h>

enum backend {
	BACKEND_AUTO,	     /* the first of these that is exact on the kernel at hand */
	BACKEND_TRACEPOINTS, /* the same, without the trampolines */
	BACKEND_FENTRY,	     /* trampolines on the functions of the traced calls */
	BACKEND_TP_BTF,	     /* the raw tracepoints of all system calls */
	BACKEND_TP,	     /* the classic ones */
	BACKENDS,
};

/* As in --backend and, but for auto, in the profile's backend.syscalls; NULL: has no name there. */
const char *backend_name(enum backend backend);

/* False if there is none of this name. */
bool backend_named(const char *name, enum backend *out);

#endif
