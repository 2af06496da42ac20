/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An orphan process that holds descriptors whose last close takes long. */
#ifndef FDSCOPE_KEEPER_H
#define FDSCOPE_KEEPER_H

#include <stddef.h>

/*
 * Starts one that has nothing open but @fds. Returns a descriptor: when it is
 * closed, the orphan closes @fds one after the other, and ends. -errno if there
 * is none to be had.
 */
int keeper_start(const int *fds, size_t nr);

#endif
