/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An allocator that fails on demand, put in front of the real one by the linker
 * (--wrap) and, if asked for, given to jansson. Each test that uses it does a thing once for
 * every allocation the thing makes, and that allocation fails.
 */
#ifndef FDSCOPE_FAILING_H
#define FDSCOPE_FAILING_H

#include <stdbool.h>
#include <stddef.h>

/*
 * From now on jansson's allocations count as well. Not for reading: jansson 2.14
 * aborts when memory runs out inside a string.
 */
void failing_include_jansson(void);

/* The @nth allocation from now on fails, once; 0: none does. */
void failing_arm(size_t nth);

/* Has the armed failure happened? Disarms. */
bool failing_disarm(void);

/*
 * Calls @work with every one of its allocations failing once: it returns 0 when
 * it succeeded. It must succeed exactly when nothing failed.
 */
void failing_each(int (*work)(void *context), void *context);

#endif
