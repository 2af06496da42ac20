/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words for stderr; stdout belongs to the results. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void log_args(const char *reason, const char *format, va_list args)
{
	fprintf(stderr, "fdscope-load: ");
	vfprintf(stderr, format, args);
	if (reason)
		fprintf(stderr, ": %s", reason);
	fputc('\n', stderr);
}

void log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_args(NULL, format, args);
	va_end(args);
}

int log_err(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_args(strerror(err), format, args);
	va_end(args);
	return -err;
}
