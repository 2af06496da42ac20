/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "view/words.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/units.h"

void say(struct words *words, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(words->text + words->len, sizeof(words->text) - words->len, format, args);
	va_end(args);
	if (len > 0)
		words->len += len;
	if (words->len >= sizeof(words->text))
		words->len = sizeof(words->text) - 1;
}

void say_count(struct words *words, uint64_t count, const char *one, const char *many)
{
	char text[UNITS_LEN];

	if (count)
		say(words, "%s%s %s", words->len ? ", " : "", format_count(text, count),
		    count == 1 ? one : many);
}
