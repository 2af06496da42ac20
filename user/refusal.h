/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Why getopt did not take a word of the command line: argp's own two lines say less. */
#ifndef FDSCOPE_REFUSAL_H
#define FDSCOPE_REFUSAL_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

/* True, with a sentence in @why, if @word is none of @options, which zeros end, or is used wrongly. */
bool refusal_of(const struct argp_option *options, const char *word, char *why, size_t size);

#endif
