/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "report/json.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define MAX_DEPTH 16

/* The object or array at depth - 1 is what values go into; the first is the document. */
struct json_writer {
	struct writer base;
	json_t *open[MAX_DEPTH];
	size_t depth;
	json_t *document;
	bool has_failed; /* memory was out: the document is not whole */
};

/* Takes over @value. After a failure nothing more is built. */
static void put(struct json_writer *json, const char *key, json_t *value)
{
	json_t *to = json->depth && !json->has_failed ? json->open[json->depth - 1] : NULL;

	if (json->has_failed || !value) {
		json_decref(value);
		json->has_failed = true;
	} else if (!to) {
		json->document = value;
	} else if (key ? json_object_set_new(to, key, value) : json_array_append_new(to, value)) {
		json->has_failed = true;
	}
}

static void begin(struct json_writer *json, const char *key, json_t *container)
{
	put(json, key, container);
	assert(json->depth < MAX_DEPTH);
	json->open[json->depth++] = container;
}

static void begin_object(struct writer *writer, const char *key)
{
	begin((struct json_writer *)writer, key, json_object());
}

static void begin_array(struct writer *writer, const char *key)
{
	begin((struct json_writer *)writer, key, json_array());
}

static void end(struct writer *writer)
{
	((struct json_writer *)writer)->depth--;
}

static void integer(struct writer *writer, const char *key, int64_t value)
{
	put((struct json_writer *)writer, key, json_integer(value));
}

static void real(struct writer *writer, const char *key, double value)
{
	put((struct json_writer *)writer, key, json_real(value));
}

static void boolean(struct writer *writer, const char *key, bool value)
{
	put((struct json_writer *)writer, key, json_boolean(value));
}

/* Names and arguments can be any bytes; JSON must be UTF-8. */
static json_t *string_of(const char *text)
{
	json_t *string = json_string(text);
	char *ascii;

	if (string)
		return string;
	ascii = strdup(text);
	for (char *c = ascii; c && *c; c++) {
		if (*c & 0x80)
			*c = '?';
	}
	string = ascii ? json_string(ascii) : NULL;
	free(ascii);
	return string;
}

static void text(struct writer *writer, const char *key, const char *value)
{
	put((struct json_writer *)writer, key, string_of(value));
}

static const struct writer_ops json_ops = {
	.begin_object = begin_object,
	.begin_array = begin_array,
	.end = end,
	.integer = integer,
	.real = real,
	.boolean = boolean,
	.text = text,
};

struct json_writer *json_writer_new(void)
{
	struct json_writer *json = calloc(1, sizeof(*json));

	if (json)
		json->base.ops = &json_ops;
	return json;
}

void json_writer_free(struct json_writer *json)
{
	if (!json)
		return;
	json_decref(json->document);
	free(json);
}

struct writer *json_writer_base(struct json_writer *json)
{
	return &json->base;
}

int json_writer_print(struct json_writer *json, FILE *out, bool one_line)
{
	size_t flags = one_line ? JSON_COMPACT : JSON_INDENT(2);
	int err = json->has_failed ? -ENOMEM : 0;

	if (!err && (json_dumpf(json->document, out, flags | JSON_REAL_PRECISION(6)) ||
		     fputc('\n', out) == EOF))
		err = errno ? -errno : -EIO;
	json_decref(json->document);
	json->document = NULL;
	json->depth = 0;
	json->has_failed = false;
	return err;
}
