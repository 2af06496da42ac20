/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One line on stderr for each error that ends the server. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

int log_err(int err, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dprintf(STDERR_FILENO, "fdscope-server: %s: %s\n", text, strerror(err));
	return -err;
}
