/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one text that this client and the server it verifies agree on. */
#include "pattern.h"

#include <stdlib.h>

char *pattern_new(size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	char *pattern = malloc(len + PATTERN_PERIOD);
	size_t i;

	_Static_assert(sizeof(letters) == PATTERN_PERIOD + 1, "the period is its length");
	for (i = 0; pattern && i < len + PATTERN_PERIOD; i++)
		pattern[i] = letters[i % PATTERN_PERIOD];
	return pattern;
}
