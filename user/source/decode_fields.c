/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/decode_fields.h"

#include <inttypes.h>
#include <string.h>

static int64_t most_of(enum unit unit)
{
	return unit == UNIT_NS ? MAX_NS : MAX_COUNT;
}

/* @path without the numbers of its rows. */
static void strip_numbers(char *to, const char *path)
{
	bool in_number = false;

	for (; *path; path++) {
		in_number |= *path == '[';
		if (!in_number)
			*to++ = *path;
		in_number &= *path != ']';
	}
	*to = '\0';
}

/*
 * A key without a value: read as 0 and said to be no measurement. It is left out
 * by a version that did not know it, and then in every row and thread.
 */
static int mark_left_out(struct decoder *d, const char *key)
{
	static const char threads[] = "threads.";
	char where[sizeof(d->path)];
	size_t len = decoder_enter(d, key), skip;
	int err;

	strip_numbers(where, d->path + d->process_path);
	decoder_leave(d, len);
	skip = strncmp(where, threads, strlen(threads)) ? 0 : strlen(threads);
	err = profile_mark_inexact(d->process, where + skip, "left out of the saved profile");
	return err ? decoder_no_memory(d) : 0;
}

static int read_hist(const struct decoder *d, const json_t *array, const struct field *field,
		     uint64_t *hist)
{
	const json_t *bucket;
	size_t i;

	if (!json_is_array(array))
		return decoder_refuse(d, field->key, "is no array");
	if (json_array_size(array) > field->buckets)
		return decoder_refuse(d, field->key, "has %zu buckets, more than %zu",
				      json_array_size(array), field->buckets);
	json_array_foreach((json_t *)array, i, bucket) {
		int err = decoder_check_integer(d, bucket, field->key, 0, MAX_COUNT);

		if (err)
			return err;
		hist[i] = json_integer_value(bucket);
	}
	return 0;
}

int decode_field(struct decoder *d, const json_t *object, const struct field *field, unsigned needs,
		 void *group)
{
	uint64_t *stored = (uint64_t *)((char *)group + field->offset);
	const json_t *value = json_object_get(object, field->key);

	if (field->derive)
		return 0;
	if (!value && needs & ~d->wakeups)
		return 0; /* nor was it measured */
	if (!value)
		return mark_left_out(d, field->key);
	d->wakeups |= needs;
	if (field->unit == UNIT_HIST)
		return read_hist(d, value, field, stored);
	return decoder_get_count(d, object, field->key, most_of(field->unit), stored);
}

/* What a document says of a sum must be the sum. */
static int check_derived(const struct decoder *d, const json_t *object, const struct field *field,
			 const void *group)
{
	const json_t *value = json_object_get(object, field->key);
	uint64_t sum;
	int err;

	if (!field->derive || !value)
		return 0;
	sum = field_value(field, group);
	err = decoder_check_integer(d, value, field->key, 0, INT64_MAX);
	if (err || (uint64_t)json_integer_value(value) == sum)
		return err;
	return decoder_refuse(d, field->key,
			      "is %" JSON_INTEGER_FORMAT
			      ", but what it is made of comes to %" PRId64,
			      json_integer_value(value), (int64_t)sum);
}

int decode_check(const struct decoder *d, const json_t *object, const struct field *fields,
		 const void *group)
{
	int err = 0;

	for (const struct field *field = fields; field->key && !err; field++)
		err = check_derived(d, object, field, group);
	return err;
}

int decode_fields(struct decoder *d, const json_t *object, const struct field *fields, void *group)
{
	int err = 0;

	for (const struct field *field = fields; field->key && !err; field++)
		err = decode_field(d, object, field, field->needs, group);
	return err ? err : decode_check(d, object, fields, group);
}

int decode_group(struct decoder *d, const json_t *parent, const char *key,
		 const struct field *fields, void *group)
{
	const json_t *object;
	int err = decoder_find_object(d, parent, key, &object);
	size_t len;

	if (err || !object)
		return err;
	len = decoder_enter(d, key);
	err = decode_fields(d, object, fields, group);
	decoder_leave(d, len);
	return err;
}
