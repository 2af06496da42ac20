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

/* Bytes of the character of UTF-8 at @c; 0: that is none. */
static size_t utf8_length(const unsigned char *c)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t min;
	} forms[] = { { 0x80, 0x00, 0 },
		      { 0xe0, 0xc0, 0x80 },
		      { 0xf0, 0xe0, 0x800 },
		      { 0xf8, 0xf0, 0x10000 } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		uint32_t code = *c & ~forms[i].mask;

		if ((*c & forms[i].mask) != forms[i].lead)
			continue;
		for (size_t k = 1; k <= i; k++) {
			if ((c[k] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (c[k] & 0x3f);
		}
		/* not in the shortest form, half of a surrogate pair, or beyond Unicode */
		if (code < forms[i].min || (code & ~0x7ffU) == 0xd800 || code > 0x10ffff)
			return 0;
		return i + 1;
	}
	return 0;
}

static bool is_utf8(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t len = 1;

	for (; *c && len; c += len)
		len = utf8_length(c);
	return len;
}

/* Names and arguments can be any bytes; JSON must be UTF-8. */
static json_t *string_of(const char *text)
{
	json_t *string;
	char *ascii;

	if (is_utf8(text))
		return json_string(text);
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

	if (!err &&
	    (json_dumpf(json->document, out, flags | JSON_REAL_PRECISION(WRITER_REAL_DIGITS)) ||
	     fputc('\n', out) == EOF))
		err = errno ? -errno : -EIO;
	json_decref(json->document);
	json->document = NULL;
	json->depth = 0;
	json->has_failed = false;
	return err;
}
