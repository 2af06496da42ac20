/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How findings stand in the report for eyes. */
#include "scene.h"

#include "report/text.h"
#include "view/findings.h"
#include "view/summary.h"

static void add_finding(struct profile *profile, const char *id, uint32_t tgid,
			enum subject subject, uint64_t number)
{
	struct profile_finding *grown =
		array_grow(profile->findings, profile->nr_findings, sizeof(*grown));

	assert_non_null(grown);
	profile->findings = grown;
	grown += profile->nr_findings++;
	*grown = (struct profile_finding){
		.id = strdup(id),
		.severity = finding_kind_of(id)->severity,
		.tgid = tgid,
		.subject = subject,
		.subject_number = number,
		.subject_local = subject == SUBJECT_LOCAL ? strdup("127.0.0.1:80") : NULL,
		.message =
			strdup("What is happening takes more than one line of eighty columns, as "
			       "most of it does."),
		.advice = strdup("What to do."),
	};
}

static char *print(const struct profile *profile)
{
	struct sheet sheet = {};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	findings_show(&sheet, profile);
	assert_int_equal(text_print(&sheet, out), 0);
	fclose(out);
	sheet_free(&sheet);
	return text;
}

static struct profile with_processes(void)
{
	struct profile profile = scene();

	for (int i = 0; i < SCENE_PROCESSES; i++)
		strcpy(add_process(&profile)->comm, "nginx");
	return profile;
}

static void assert_prints(struct profile *profile, const char *what)
{
	char *text = print(profile);

	assert_string_equal(text, what);
	free(text);
	profile_free(profile);
}

static void each_tells_what_is_seen_and_what_to_do(void **state)
{
	struct profile profile = with_processes();

	(void)state;
	add_finding(&profile, "herd", 101, SUBJECT_LOCAL, 0);
	add_finding(&profile, "tiny-io", 104, SUBJECT_PROCESS, 0);
	assert_prints(
		&profile,
		"\n"
		"PROBLEM herd                                                         nginx (101)\n"
		"  seen       What is happening takes more than one line of eighty columns, as\n"
		"             most of it does.\n"
		"  advice     What to do.\n"
		"\n"
		"hint tiny-io                                                         nginx (104)\n"
		"  seen       What is happening takes more than one line of eighty columns, as\n"
		"             most of it does.\n"
		"  advice     What to do.\n");
}

static void the_same_mistake_elsewhere_is_named_in_a_line(void **state)
{
	struct profile profile = with_processes();
	char *text;

	(void)state;
	add_finding(&profile, "ignored-hangup", 101, SUBJECT_FD, 12);
	add_finding(&profile, "ignored-hangup", 102, SUBJECT_FD, 13);
	add_finding(&profile, "ignored-hangup", 103, SUBJECT_INSTANCE, 5);
	add_finding(&profile, "ignored-hangup", 104, SUBJECT_PROCESS, 0);
	add_finding(&profile, "ignored-hangup", 99, SUBJECT_TID, 7);
	text = print(&profile);
	assert_non_null(strstr(text,
			       "  also       nginx (102) fd 13; nginx (103) epoll instance 5; "
			       "nginx (104);\n"
			       "             process (99) thread 7\n"));
	free(text);
	profile_free(&profile);
}

static void of_very_many_only_how_many(void **state)
{
	struct profile profile = with_processes();
	char *text;

	(void)state;
	for (int i = 0; i < 100; i++)
		add_finding(&profile, "herd", 101, SUBJECT_LOCAL, 0);
	text = print(&profile);
	assert_non_null(strstr(text, "94 more (--json"));
	free(text);
	profile_free(&profile);
}

static void that_nothing_was_found_is_said_in_a_word(void **state)
{
	struct profile profile = with_processes();

	(void)state;
	assert_prints(&profile, "  findings   none\n");
}

static void of_nobody_nothing_is_said(void **state)
{
	struct profile profile = scene();

	(void)state;
	assert_prints(&profile, "");
}

static void names_cannot_steer_the_terminal(void **state)
{
	struct profile profile = with_processes();
	char *text;

	(void)state;
	strcpy(profile.processes->comm, "\033[2J");
	add_finding(&profile, "herd", 101, SUBJECT_LOCAL, 0);
	strcpy(profile.findings->message, "\033\007");
	text = print(&profile);
	assert_null(strpbrk(text, "\033\007"));
	free(text);
	profile_free(&profile);
}

/* They are what whoever reads the report has to know. */
static void they_come_before_the_processes(void **state)
{
	const struct summary_options options = {};
	struct profile profile = with_processes();
	struct sheet sheet = {};
	const char *first = NULL;

	(void)state;
	add_finding(&profile, "herd", 101, SUBJECT_LOCAL, 0);
	assert_int_equal(summary_make(&sheet, &profile, &options), 0);
	for (size_t i = 1; i < sheet.nr_items && !first; i++) {
		if (sheet.items[i].kind == ITEM_TITLE)
			first = sheet.items[i].label;
	}
	assert_string_equal(first, "PROBLEM herd");
	sheet_free(&sheet);
	profile_free(&profile);
}

static int show(void *context)
{
	struct sheet sheet = {};
	int err;

	findings_show(&sheet, context);
	err = sheet.has_failed;
	sheet_free(&sheet);
	return err;
}

static void each_allocation_may_fail(void **state)
{
	struct profile profile = with_processes();

	(void)state;
	add_finding(&profile, "herd", 101, SUBJECT_LOCAL, 0);
	add_finding(&profile, "herd", 102, SUBJECT_LOCAL, 0);
	failing_each(show, &profile);
	profile_free(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_tells_what_is_seen_and_what_to_do),
		cmocka_unit_test(the_same_mistake_elsewhere_is_named_in_a_line),
		cmocka_unit_test(of_very_many_only_how_many),
		cmocka_unit_test(that_nothing_was_found_is_said_in_a_word),
		cmocka_unit_test(of_nobody_nothing_is_said),
		cmocka_unit_test(names_cannot_steer_the_terminal),
		cmocka_unit_test(they_come_before_the_processes),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("findings_text", tests, NULL, NULL);
}
