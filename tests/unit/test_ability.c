/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `check` says: nothing of what was not tried. */
#include "unit.h"

#include <errno.h>
#include <jansson.h>

#include "report/json.h"
#include "view/ability.h"

static struct ability all_works(void)
{
	return (struct ability){
		.kernel = "6.1.0",
		.arch = "x86_64",
		.is_root = true,
		.has_btf = true,
		.has_proc = true,
		.in_initial_namespace = true,
		.trampolines = EPERM,
		.backend = BACKEND_TP_BTF,
		.sees_registrations = true,
		.sees_io_uring = true,
	};
}

/* The text of the line, or NULL; in memory that lasts until the next call. */
static const char *line_of(const struct ability *ability, const char *label)
{
	static char text[512];
	struct sheet sheet = {};
	bool found = false;

	ability_show(&sheet, ability);
	for (size_t i = 0; i < sheet.nr_items && !found; i++) {
		found = !strcmp(sheet.items[i].label, label);
		if (found)
			snprintf(text, sizeof(text), "%s", sheet.items[i].text);
	}
	sheet_free(&sheet);
	return found ? text : NULL;
}

static json_t *document_of(const struct ability *ability)
{
	struct json_writer *writer = json_writer_new();
	FILE *out = tmpfile();
	json_t *document;

	assert_non_null(writer);
	assert_non_null(out);
	ability_write(json_writer_base(writer), ability);
	assert_int_equal(json_writer_print(writer, out, false), 0);
	rewind(out);
	document = json_loadf(out, 0, NULL);
	assert_non_null(document);
	fclose(out);
	json_writer_free(writer);
	return document;
}

static const char *const tried_rows[] = { "backend", "watched", "wakeups", "io_uring", "32-bit" };
static const char *const tried_keys[] = { "epoll_watched", "io_uring_requests" };

static void what_was_tried_is_said(void **state)
{
	const struct ability ability = all_works();
	json_t *document = document_of(&ability);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tried_rows); i++)
		assert_non_null(line_of(&ability, tried_rows[i]));
	assert_null(line_of(&ability, "pids"));
	for (size_t i = 0; i < ARRAY_SIZE(tried_keys); i++)
		assert_true(json_is_true(json_object_get(document, tried_keys[i])));
	assert_true(json_is_true(json_object_get(document, "can_measure")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(document, "backend"), "wakeups")),
		"none");
	json_decref(document);
}

static void what_was_not_tried_is_not_said(void **state)
{
	struct ability ability = all_works();
	json_t *document, *backend;

	(void)state;
	ability.system_calls = EPERM;
	ability.is_root = false;
	assert_string_equal(line_of(&ability, "calls"),
			    "NO: the probes do not attach: Operation not permitted (needs CAP_BPF "
			    "and CAP_PERFMON; run as root)");
	for (size_t i = 0; i < ARRAY_SIZE(tried_rows); i++)
		assert_null(line_of(&ability, tried_rows[i]));
	document = document_of(&ability);
	for (size_t i = 0; i < ARRAY_SIZE(tried_keys); i++)
		assert_null(json_object_get(document, tried_keys[i]));
	backend = json_object_get(document, "backend");
	assert_string_equal(json_string_value(json_object_get(backend, "syscalls")), "none");
	assert_null(json_object_get(backend, "wakeups"));
	assert_true(json_is_false(json_object_get(document, "can_measure")));
	json_decref(document);
}

static void without_btf_the_errno_is_no_reason(void **state)
{
	struct ability ability = all_works();
	json_t *document;

	(void)state;
	ability.system_calls = ESRCH;
	ability.has_btf = false;
	assert_string_equal(line_of(&ability, "calls"),
			    "NO: the probes do not attach: there is no BTF");
	document = document_of(&ability);
	assert_string_equal(json_string_value(json_object_get(document, "reason")),
			    "there is no BTF");
	json_decref(document);
}

static void without_proc_nothing_is_said_of_a_pid_namespace(void **state)
{
	struct ability ability = all_works();
	json_t *document;

	(void)state;
	ability.in_initial_namespace = false;
	assert_string_equal(line_of(&ability, "pids"),
			    "NO: this is a pid namespace of its own (run on the host)");
	ability.has_proc = false;
	assert_string_equal(line_of(&ability, "pids"), "NO: /proc is not mounted");
	document = document_of(&ability);
	assert_null(json_object_get(document, "initial_pid_namespace"));
	assert_true(json_is_false(json_object_get(document, "can_measure")));
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_tried_is_said),
		cmocka_unit_test(what_was_not_tried_is_not_said),
		cmocka_unit_test(without_btf_the_errno_is_no_reason),
		cmocka_unit_test(without_proc_nothing_is_said_of_a_pid_namespace),
	};

	return cmocka_run_group_tests_name("ability", tests, NULL, NULL);
}
