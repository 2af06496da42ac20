/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages to stderr: one line each, written at once. */
#include "base/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(const char *format, va_list args, const char *reason)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, args);
	for (char *c = line; *c; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?'; /* of a name or a file: must not steer the terminal */
	}
	if (reason)
		fprintf(stderr, "fdscope: %s: %s\n", line, reason);
	else
		fprintf(stderr, "fdscope: %s\n", line);
}

int log_err(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, strerror(err));
	va_end(args);
	return -err;
}

int log_fail(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, NULL);
	va_end(args);
	return code;
}

void log_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, NULL);
	va_end(args);
}
