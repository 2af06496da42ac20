/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/decoder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

int decoder_refuse(const struct decoder *d, const char *key, const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return log_fail(-EBADMSG, "read %s: %s%s%s %s", d->name, d->path,
			*d->path && *key ? "." : "", key, what);
}

int decoder_no_memory(const struct decoder *d)
{
	return log_err(ENOMEM, "read %s", d->name);
}

size_t decoder_enter(struct decoder *d, const char *key)
{
	size_t len = strlen(d->path);

	snprintf(d->path + len, sizeof(d->path) - len, "%s%s", len ? "." : "", key);
	return len;
}

size_t decoder_enter_row(struct decoder *d, const char *key, size_t row)
{
	size_t len = decoder_enter(d, key), end = strlen(d->path);

	snprintf(d->path + end, sizeof(d->path) - end, "[%zu]", row);
	return len;
}

void decoder_leave(struct decoder *d, size_t len)
{
	d->path[len] = '\0';
}

int decoder_check_integer(const struct decoder *d, const json_t *value, const char *key,
			  int64_t min, int64_t max)
{
	json_int_t integer = json_integer_value(value);

	if (!value)
		return decoder_refuse(d, key, "is missing");
	if (!json_is_integer(value))
		return decoder_refuse(d, key, "is no whole number");
	if (integer < min || integer > max)
		return decoder_refuse(d, key,
				      "is %" JSON_INTEGER_FORMAT ", not from %" PRId64
				      " to %" PRId64,
				      integer, min, max);
	return 0;
}

int decoder_get_integer(const struct decoder *d, const json_t *object, const char *key, int64_t min,
			int64_t max, int64_t *out)
{
	const json_t *value = json_object_get(object, key);
	int err = decoder_check_integer(d, value, key, min, max);

	if (!err)
		*out = json_integer_value(value);
	return err;
}

int decoder_get_count(const struct decoder *d, const json_t *object, const char *key, int64_t max,
		      uint64_t *out)
{
	int64_t value = 0;
	int err = decoder_get_integer(d, object, key, 0, max, &value);

	*out = value;
	return err;
}

int decoder_get_boolean(const struct decoder *d, const json_t *object, const char *key, bool *out)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return decoder_refuse(d, key, "is missing");
	if (!json_is_boolean(value))
		return decoder_refuse(d, key, "is neither true nor false");
	*out = json_is_true(value);
	return 0;
}

int decoder_check_text(const struct decoder *d, const json_t *value, const char *key, size_t max)
{
	if (!value)
		return decoder_refuse(d, key, "is missing");
	if (!json_is_string(value))
		return decoder_refuse(d, key, "is no string");
	if (json_string_length(value) > max)
		return decoder_refuse(d, key, "is longer than %zu bytes", max);
	return 0;
}

int decoder_copy_text(const struct decoder *d, const json_t *value, const char *key, char **out)
{
	int err = decoder_check_text(d, value, key, MAX_TEXT);

	if (err)
		return err;
	*out = strdup(json_string_value(value));
	return *out ? 0 : decoder_no_memory(d);
}

int decoder_get_text(const struct decoder *d, const json_t *object, const char *key, char **out)
{
	return decoder_copy_text(d, json_object_get(object, key), key, out);
}

int decoder_find_object(const struct decoder *d, const json_t *object, const char *key,
			const json_t **out)
{
	*out = json_object_get(object, key);
	return !*out || json_is_object(*out) ? 0 : decoder_refuse(d, key, "is no object");
}

int decoder_find_array(const struct decoder *d, const json_t *object, const char *key, size_t max,
		       const json_t **out, size_t *nr)
{
	*out = json_object_get(object, key);
	*nr = json_array_size(*out);
	if (*out && !json_is_array(*out))
		return decoder_refuse(d, key, "is no array");
	if (*nr > max)
		return decoder_refuse(d, key, "has %zu elements, more than %zu", *nr, max);
	return 0;
}

int decoder_need_object(const struct decoder *d, const json_t *object, const char *key,
			const json_t **out)
{
	int err = decoder_find_object(d, object, key, out);

	return err || *out ? err : decoder_refuse(d, key, "is missing");
}
