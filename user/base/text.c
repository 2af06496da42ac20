/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *text_of(const char *format, va_list args)
{
	char *text;

	return vasprintf(&text, format, args) < 0 ? NULL : text;
}

int text_append(char **text, const char *format, va_list args)
{
	size_t len = *text ? strlen(*text) : 0;
	char *more = text_of(format, args);
	char *grown = more ? realloc(*text, len + strlen(more) + 1) : NULL;

	if (grown) {
		strcpy(grown + len, more);
		*text = grown;
	}
	free(more);
	return grown ? 0 : -ENOMEM;
}
