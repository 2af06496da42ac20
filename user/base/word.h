/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words that somebody typed, to values. What is wrong is refused, and the caller says so. */
#ifndef FDSCOPE_WORD_H
#define FDSCOPE_WORD_H

#include <stdint.h>

/* A decimal number from @min to @max, digits and nothing else. 0, or -EINVAL with @out as it was. */
int word_to_number(const char *word, uint64_t min, uint64_t max, uint64_t *out);

/* Seconds, with a fraction if need be: a millisecond to thirty years. 0, or -EINVAL as above. */
int word_to_ns(const char *word, uint64_t *ns);

/*
 * Calls @each for what is between the commas of @list, empty or not, until it
 * returns something else than 0. Returns that, 0 or -ENOMEM.
 */
int word_each(const char *list, int (*each)(void *context, const char *word), void *context);

#endif
