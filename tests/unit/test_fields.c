/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of keys: nothing stored is without a key, and no key stands twice. */
#include "unit.h"

#include "model/fields.h"

static const struct {
	const char *name;
	const struct field *fields;
	size_t bytes; /* of the group */
} groups[] = {
	{ "wait", wait_fields, sizeof(struct wait_counters) },
	{ "epoll_ctl", epoll_ctl_fields, sizeof(struct epoll_ctl_counters) },
	{ "accept", accept_fields, sizeof(struct accept_counters) },
	{ "io", io_fields, sizeof(struct io_counters) },
	{ "copies", copies_fields, sizeof(struct counters) },
	{ "fds", fds_fields, sizeof(struct fd_counters) },
	{ "listener", listener_fields, sizeof(struct profile_listener) },
	{ "now", now_fields, sizeof(struct profile_now) },
	{ "census", census_fields, sizeof(struct profile_fds) },
	{ "instance", instance_fields, sizeof(struct profile_epoll) },
	{ "trigger", trigger_fields, sizeof(struct trigger_counters) },
	{ "delivery", delivery_fields, sizeof(struct delivery_counters) },
	{ "epoll", epoll_fields, sizeof(struct epoll_counters) },
	{ "undrained", undrained_fields, sizeof(struct profile_undrained) },
	{ "callback", callback_fields, sizeof(struct callback_counters) },
	{ "descriptor", descriptor_fields, sizeof(struct profile_descriptor) },
};

static void every_key_is_unique_in_its_group_and_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (const struct field *field = groups[i].fields; field->key; field++) {
			assert_non_null(field->help);
			for (const struct field *other = field + 1; other->key; other++)
				assert_string_not_equal(field->key, other->key);
		}
	}
}

static void units_are_in_the_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		for (const struct field *field = groups[i].fields; field->key; field++) {
			const char *hist = strstr(field->key, "_hist");
			const char *ns = strstr(field->key, "_ns");
			const char *bytes = strstr(field->key, "bytes");

			assert_int_equal(field->unit == UNIT_HIST, hist != NULL);
			if (field->unit != UNIT_HIST) {
				assert_int_equal(field->unit == UNIT_NS, ns != NULL);
				assert_int_equal(field->unit == UNIT_BYTES, bytes != NULL);
			}
		}
	}
}

static size_t words_of(const struct field *field)
{
	return field->derive ? 0 : field->unit == UNIT_HIST ? field->buckets : 1;
}

/* Groups that are more than counters: what else they hold is written by hand. */
static bool is_in_part(const struct field *fields)
{
	return fields == copies_fields || fields == listener_fields || fields == census_fields ||
	       fields == instance_fields || fields == descriptor_fields;
}

/*
 * Of accept, what marks the process inexact; of io, the one fact that is calls -
 * the rest; of what epoll told, deliveries, a group of their own.
 */
static size_t words_without_key(const struct field *fields)
{
	if (fields == epoll_fields)
		return sizeof(struct delivery_counters) / 8;
	return fields == accept_fields || fields == io_fields;
}

static void every_stored_counter_has_one_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		size_t words = words_without_key(groups[i].fields);

		for (const struct field *field = groups[i].fields; field->key; field++) {
			assert_true(field->offset + 8 * words_of(field) <= groups[i].bytes);
			words += words_of(field);
		}
		if (!is_in_part(groups[i].fields))
			assert_int_equal(words * 8, groups[i].bytes);
	}
}

static void a_stored_field_is_where_the_table_says(void **state)
{
	struct fd_counters fds = { .opened = 7, .closed = 11 };
	struct wait_counters wait = { .ready_hist = { [3] = 13 } };

	(void)state;
	assert_int_equal(field_value(&fds_fields[0], &fds), 7);
	assert_int_equal(field_value(&fds_fields[1], &fds), 11);
	for (const struct field *field = wait_fields; field->key; field++) {
		if (!strcmp(field->key, "ready_hist"))
			assert_int_equal(field_hist(field, &wait)[3], 13);
		if (!strcmp(field->key, "wakeups"))
			assert_int_equal(field_value(field, &wait), 13);
	}
}

static bool is_one_of(const char *key, const char *const *keys)
{
	for (; *keys; keys++) {
		if (!strcmp(key, *keys))
			return true;
	}
	return false;
}

static void each_family_has_the_keys_that_mean_something_to_it(void **state)
{
	static const char *const of_epoll[] = { "capacity", "saturated", NULL };
	static const char *const of_others[] = { "redelivered", "redelivered_in",
						 "idle_out",	"ignored_hangup",
						 "callbacks",	"filtered",
						 NULL };

	(void)state;
	for (const struct field *field = wait_fields; field->key; field++) {
		bool is_of_others = is_one_of(field->key, of_others);

		assert_int_equal(field_is_for(field, WAIT_EPOLL), !is_of_others);
		assert_int_equal(field_is_for(field, WAIT_POLL), !is_one_of(field->key, of_epoll));
		assert_int_equal(field_is_for(field, WAIT_SELECT), field_is_for(field, WAIT_POLL));
		assert_int_equal(field_is_of_watched(field), !strncmp(field->key, "watched", 7));
	}
}

static void what_the_kernel_does_needs_the_part_that_watched_it(void **state)
{
	static const char *const of_wakeups[] = { "callbacks", "filtered", "woken", "futile",
						  NULL };

	(void)state;
	for (const struct field *field = wait_fields; field->key; field++) {
		unsigned epoll = field_needs(field, WAIT_EPOLL);
		unsigned poll = field_needs(field, WAIT_POLL);

		assert_int_equal(field->needs != 0, is_one_of(field->key, of_wakeups));
		assert_int_equal(field_needs(field, WAIT_SELECT), poll);
		if (!strcmp(field->key, "woken"))
			assert_true(epoll == WAKEUPS_EPOLL && poll == WAKEUPS_POLL);
		else
			assert_int_equal(poll, field->needs);
	}
}

static void every_trigger_is_read_from_its_name(void **state)
{
	struct profile_descriptor in = {}, out;

	(void)state;
	for (int bits = 0; bits < 8; bits++) {
		in.is_edge = bits & 1;
		in.is_oneshot = bits & 2;
		in.is_exclusive = bits & 4;
		memset(&out, 0, sizeof(out));
		assert_true(trigger_from_name(&out, trigger_name(&in)));
		assert_memory_equal(&in, &out, sizeof(in));
	}
	assert_string_equal(trigger_name(&in), "edge+oneshot+exclusive");
	assert_false(trigger_from_name(&out, "level+edge"));
	assert_false(trigger_from_name(&out, ""));
}

static void trailing_zeros_are_no_part_of_a_histogram(void **state)
{
	const uint64_t hist[4] = { 0, 7, 0, 0 };

	(void)state;
	assert_int_equal(hist_length(hist, 4), 2);
	assert_int_equal(hist_length(hist, 1), 0);
	assert_int_equal(hist_total(hist, 4), 7);
}

static void what_is_added_and_subtracted_is_as_before(void **state)
{
	struct counters sum = {}, part;

	(void)state;
	memset(&part, 0x5a, sizeof(part));
	assert_true(counters_is_empty(&sum, sizeof(sum)));
	counters_add(&sum, &part);
	assert_memory_equal(&sum, &part, sizeof(sum));
	counters_subtract(&sum, &part);
	assert_true(counters_is_empty(&sum, sizeof(sum)));
}

static void every_family_and_kind_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < WAIT_FAMILIES; i++)
		assert_non_null(wait_names[i]);
	for (int i = 0; i < IO_FAMILIES; i++)
		assert_non_null(io_names[i]);
	for (int i = 0; i < FD_KINDS; i++)
		assert_non_null(kind_names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_unique_in_its_group_and_explained),
		cmocka_unit_test(units_are_in_the_keys),
		cmocka_unit_test(every_stored_counter_has_one_key),
		cmocka_unit_test(a_stored_field_is_where_the_table_says),
		cmocka_unit_test(each_family_has_the_keys_that_mean_something_to_it),
		cmocka_unit_test(what_the_kernel_does_needs_the_part_that_watched_it),
		cmocka_unit_test(every_trigger_is_read_from_its_name),
		cmocka_unit_test(trailing_zeros_are_no_part_of_a_histogram),
		cmocka_unit_test(what_is_added_and_subtracted_is_as_before),
		cmocka_unit_test(every_family_and_kind_has_a_name),
	};

	return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
