/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Trampolines (fentry, fexit): whether the kernel makes one, found by trying. */
#ifndef FDSCOPE_TRAMPOLINE_H
#define FDSCOPE_TRAMPOLINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Attaches a program that does nothing to the end of the function with this BTF
 * id, and takes it off again. 0 or -errno: -EPERM under lockdown, -EBUSY while
 * another trampoline is being taken off, others where a function that BTF lists
 * has no entry to attach to.
 */
int trampoline_try(uint32_t function);

/*
 * May a program look at the function's first argument? 0 or -errno: -EOPNOTSUPP
 * where the kernel has no types for it (5.10: struct pt_regs is but declared).
 */
int trampoline_try_argument(uint32_t function);

/* Does the kernel say that it is locked down? False, too, where it does not tell (securityfs). */
bool trampoline_is_locked_down(void);

#endif
