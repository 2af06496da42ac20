/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text as long as it gets, for those who do not print. */
#ifndef FDSCOPE_TEXT_OF_H
#define FDSCOPE_TEXT_OF_H

#include <stdarg.h>

/* As printf; the caller frees it. NULL when memory is out. */
char *text_of(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* Appends to *@text, which is NULL or to be freed by its owner; 0 or -ENOMEM, with it as it was. */
int text_append(char **text, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

#endif
