/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A growing array: items, how many, and room for how many. */
#ifndef FDSCOPE_ARRAY_H
#define FDSCOPE_ARRAY_H

#include <stddef.h>

/*
 * Makes room for one more item of @size behind @nr and returns @items or where
 * they moved to; NULL when memory is out, with @items as they were.
 * Room doubles, so it need not be stored: it is full whenever nr is a power of two.
 */
void *array_grow(void *items, size_t nr, size_t size);

#endif
