/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A sentence put together from parts, some of which are left out. */
#ifndef FDSCOPE_WORDS_H
#define FDSCOPE_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed, it is empty. What does not fit is cut off. */
struct words {
	char text[512];
	size_t len;
};

void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ", 37 timeouts", or nothing for 0. */
void say_count(struct words *words, uint64_t count, const char *one, const char *many);

#endif
