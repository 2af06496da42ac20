/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes JSON. */
#ifndef FDSCOPE_JSON_H
#define FDSCOPE_JSON_H

#include <stdio.h>

#include "view/writer.h"

struct json_writer;

/* NULL when memory is out. */
struct json_writer *json_writer_new(void);
void json_writer_free(struct json_writer *json);

/* What a view writes to. */
struct writer *json_writer_base(struct json_writer *json);

/*
 * Prints what was written since the last time, on one line or indented, with a
 * newline, and starts afresh. 0 or -errno.
 */
int json_writer_print(struct json_writer *json, FILE *out, bool one_line);

#endif
