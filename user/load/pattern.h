/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text that /bytes/N answers and that POST /echo is sent: a to z and 0 to 9 over and over.
 * 36 does not divide any buffer size, so a block that is lost, doubled or swapped shows.
 */
#ifndef LOAD_PATTERN_H
#define LOAD_PATTERN_H

#include <stddef.h>

#define PATTERN_PERIOD 36

/*
 * PATTERN_PERIOD more than @len bytes, so that @len bytes can be taken from any phase of it;
 * NULL without memory. The caller frees.
 */
char *pattern_new(size_t len);

#endif
