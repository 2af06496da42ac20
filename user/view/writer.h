/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a view tells a writer: values with keys, in objects and arrays. A writer
 * knows types and units, not what they are about. A key is NULL inside an array.
 */
#ifndef FDSCOPE_WRITER_H
#define FDSCOPE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a real number, a writer shows as many digits as mean something. */
#define WRITER_REAL_DIGITS 6

struct writer;

struct writer_ops {
	void (*begin_object)(struct writer *writer, const char *key);
	void (*begin_array)(struct writer *writer, const char *key);
	void (*end)(struct writer *writer); /* of the innermost object or array */
	void (*integer)(struct writer *writer, const char *key, int64_t value);
	void (*real)(struct writer *writer, const char *key, double value);
	void (*boolean)(struct writer *writer, const char *key, bool value);
	void (*text)(struct writer *writer, const char *key, const char *value);
};

struct writer {
	const struct writer_ops *ops;
};

#endif
