/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/word.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* strtoull() takes blanks and signs, which no number here begins with. */
int word_to_number(const char *word, uint64_t min, uint64_t max, uint64_t *out)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || value < min || value > max)
		return -EINVAL;
	*out = value;
	return 0;
}

#define MIN_SECONDS 1e-3
#define MAX_SECONDS 1e9

int word_to_ns(const char *word, uint64_t *ns)
{
	char *end;
	double value = strtod(word, &end);

	if (end == word || *end || !isfinite(value) || value < MIN_SECONDS || value > MAX_SECONDS)
		return -EINVAL;
	*ns = value * 1e9;
	return 0;
}

int word_each(const char *list, int (*each)(void *context, const char *word), void *context)
{
	char *copy = strdup(list), *rest = copy, *word;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	while (!err && (word = strsep(&rest, ",")))
		err = each(context, word);
	free(copy);
	return err;
}
