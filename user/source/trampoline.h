/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Trampolines (fentry, fexit): whether the kernel makes one, found by trying. */
#ifndef FDSCOPE_TRAMPOLINE_H
#define FDSCOPE_TRAMPOLINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Attaches a program that does nothing to the end of the function with this BTF
 * id, and takes it off again. If @looks, it looks at the function's first
 * argument, for which types are missing in some kernels (5.10: struct pt_regs is
 * but declared there). 0 or -errno: -EPERM under lockdown, -EOPNOTSUPP if it may
 * not look, others where a function that BTF lists has no entry to attach to.
 */
int trampoline_try(uint32_t function, bool looks);

#endif
