/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "failing.h"

#include "unit.h"

#include <errno.h>
#include <jansson.h>

static size_t left; /* allocations until the one that fails, which included; 0: disarmed */
static bool has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t nr, size_t size);
char *__real_strdup(const char *text);
int __real_vasprintf(char **out, const char *format, va_list args);

static bool fails(void)
{
	if (!left || --left)
		return false;
	has_failed = true;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size)
{
	return fails() ? NULL : __real_calloc(nr, size);
}

void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t nr, size_t size);
void *__wrap_reallocarray(void *old, size_t nr, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, nr, size);
}

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

int __wrap_vasprintf(char **out, const char *format, va_list args);
int __wrap_vasprintf(char **out, const char *format, va_list args)
{
	return fails() ? -1 : __real_vasprintf(out, format, args);
}

int __wrap_asprintf(char **out, const char *format, ...);
int __wrap_asprintf(char **out, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = __wrap_vasprintf(out, format, args);
	va_end(args);
	return len;
}

static void release(void *memory)
{
	free(memory);
}

void failing_include_jansson(void)
{
	json_set_alloc_funcs(__wrap_malloc, release);
}

void failing_arm(size_t nth)
{
	left = nth;
	has_failed = false;
}

bool failing_disarm(void)
{
	bool failed = has_failed;

	failing_arm(0);
	return failed;
}

#define MANY 100000 /* nothing we test allocates as often */

void failing_each(int (*work)(void *context), void *context)
{
	bool failed = true;

	for (size_t nth = 1; failed; nth++) {
		int err;

		assert_true(nth < MANY);
		failing_arm(nth);
		err = work(context);
		failed = failing_disarm();
		assert_int_equal(err != 0, failed);
	}
}
