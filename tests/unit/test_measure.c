/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a source to what is printed: which processes, and with which exit code. */
#include "unit.h"

#include <unistd.h>

#include "base/err.h"
#include "commands/measure.h"
#include "model/findings.h"
#include "samples.h"

/* A source of profiles, of processes with these names, with a finding in the second. */
struct fake {
	struct source base;
	const char *const *names;
	size_t nr;
	size_t nr_profiles;
	const char *id; /* NULL: without a finding */
	enum severity severity;
	int status; /* the command's */
	uint64_t losses;
};

static void add_finding(struct profile *out, const struct fake *fake)
{
	out->findings = calloc(1, sizeof(*out->findings));
	assert_non_null(out->findings);
	out->nr_findings = 1;
	*out->findings = (struct profile_finding){
		.id = strdup(fake->id),
		.severity = fake->severity,
		.tgid = 7,
		.message = strdup("It is so."),
		.advice = strdup("Do something."),
	};
}

static int fake_next(struct source *base, struct profile *out)
{
	struct fake *fake = (struct fake *)base;

	if (!fake->nr_profiles)
		return 0;
	fake->nr_profiles--;
	sample_empty(out);
	out->losses[LOSS_THREADS] = fake->losses;
	out->processes = calloc(fake->nr + 1, sizeof(*out->processes));
	assert_non_null(out->processes);
	out->nr_processes = fake->nr;
	for (size_t i = 0; i < fake->nr; i++) {
		out->processes[i].tgid = 7 + i;
		strcpy(out->processes[i].comm, fake->names[i]);
	}
	if (fake->id && fake->nr_profiles == 1)
		add_finding(out, fake);
	return 1;
}

static int fake_status(const struct source *base)
{
	return ((const struct fake *)base)->status;
}

static const struct source_ops fake_ops = { .next = fake_next, .command_status = fake_status };

static void read_back(FILE *file, char *text, size_t size)
{
	ssize_t len = pread(fileno(file), text, size - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	fclose(file);
}

struct printed {
	int code;
	char out[4096], err[4096];
};

static struct printed measure_with(const struct options *options, struct fake *fake)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int saved_out, saved_err;
	struct printed printed;
	struct output *output;

	assert_true(out && err);
	fake->base.ops = &fake_ops;
	assert_int_equal(output_open(&output, options, false), 0);
	fflush(stdout);
	saved_out = dup(1);
	saved_err = dup(2);
	dup2(fileno(out), 1);
	dup2(fileno(err), 2);
	printed.code = measure(&fake->base, options, output);
	fflush(stdout);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	close(saved_out);
	close(saved_err);
	output_close(output);
	read_back(out, printed.out, sizeof(printed.out));
	read_back(err, printed.err, sizeof(printed.err));
	return printed;
}

static struct printed measure_only(const char *only, const char *const *names, size_t nr)
{
	const struct options options = { .only = only };
	struct fake fake = { .names = names, .nr = nr, .nr_profiles = 1 };

	return measure_with(&options, &fake);
}

static const char *const names[] = { "sh", "nginx", "sh", "wrk" };

static void of_a_name_that_processes_have_only_they_are_left(void **state)
{
	struct printed printed = measure_only("sh", names, ARRAY_SIZE(names));

	(void)state;
	assert_int_equal(printed.code, EXIT_DONE);
	assert_string_equal(printed.err, "");
	assert_non_null(strstr(printed.out, "sh ("));
	assert_null(strstr(printed.out, "nginx"));
}

static void of_a_name_that_nobody_has_the_names_there_are_are_told(void **state)
{
	struct printed printed = measure_only("nosuch", names, ARRAY_SIZE(names));

	(void)state;
	assert_int_equal(printed.code, EXIT_NO_MEASURE);
	assert_string_equal(printed.err, "fdscope: --only: no process was named nosuch at its end; "
					 "the names were sh, nginx, wrk\n");
	assert_non_null(strstr(printed.out, "no process was named nosuch at its end\n"));
	assert_null(strstr(printed.out, "traced calls"));
}

static void of_very_many_names_the_first_are_told(void **state)
{
	static char text[99][COMM_LEN];
	const char *many[ARRAY_SIZE(text)];
	struct printed printed;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		snprintf(text[i], sizeof(text[i]), "a-name-of-15-%02zu", i);
		many[i] = text[i];
	}
	printed = measure_only("nosuch", many, ARRAY_SIZE(many));
	assert_non_null(strstr(printed.err, "a-name-of-15-00, "));
	assert_non_null(strstr(printed.err, "a-name-of-15-09, ...\n"));
}

static void without_processes_there_are_no_names_to_tell(void **state)
{
	struct printed printed = measure_only("nosuch", NULL, 0);

	(void)state;
	assert_int_equal(printed.code, EXIT_NO_MEASURE);
	assert_string_equal(printed.err,
			    "fdscope: --only: no process was named nosuch at its end\n");
	assert_non_null(strstr(printed.out, "no process was named nosuch at its end\n"));
}

/* ---- --fail-on ---- */

#define BIT_OF(id) (1ULL << (finding_kind_of(id) - finding_kinds))

static int code_of(const struct options *options, const char *id, enum severity severity)
{
	struct fake fake = {
		.names = names,
		.nr = 1,
		.nr_profiles = 3,
		.id = id,
		.severity = severity,
	};

	return measure_with(options, &fake).code;
}

static void a_finding_that_is_asked_for_is_a_no(void **state)
{
	struct options any = { .fail_on_any = true };
	struct options problems = { .fail_on_problems = true };
	struct options herds = { .fail_on_kinds = BIT_OF("herd") };

	(void)state;
	assert_int_equal(code_of(&any, NULL, SEVERITY_HINT), EXIT_DONE);
	assert_int_equal(code_of(&any, "tiny-io", SEVERITY_HINT), EXIT_NO);
	assert_int_equal(code_of(&any, "herd", SEVERITY_PROBLEM), EXIT_NO);
	assert_int_equal(code_of(&problems, "tiny-io", SEVERITY_HINT), EXIT_DONE);
	assert_int_equal(code_of(&problems, "herd", SEVERITY_PROBLEM), EXIT_NO);
	assert_int_equal(code_of(&herds, "herd", SEVERITY_PROBLEM), EXIT_NO);
	assert_int_equal(code_of(&herds, "fd-leak", SEVERITY_PROBLEM), EXIT_DONE);
}

static void a_finding_of_a_later_version_counts_by_its_severity(void **state)
{
	struct options problems = { .fail_on_problems = true };

	(void)state;
	assert_int_equal(code_of(&problems, "of-later", SEVERITY_PROBLEM), EXIT_NO);
	assert_int_equal(code_of(&problems, "of-later", SEVERITY_HINT), EXIT_DONE);
}

static void without_fail_on_nothing_found_is_a_no(void **state)
{
	struct options none = {};

	(void)state;
	assert_int_equal(code_of(&none, "herd", SEVERITY_PROBLEM), EXIT_DONE);
}

static void what_was_found_is_told_on_stderr(void **state)
{
	struct options any = { .fail_on_any = true };
	struct fake fake = { .names = names, .nr = 1, .nr_profiles = 2, .id = "herd" };

	(void)state;
	assert_string_equal(measure_with(&any, &fake).err,
			    "fdscope: found herd, and --fail-on was given\n");
}

static void what_was_found_of_others_than_only_is_no_no(void **state)
{
	struct options any = { .fail_on_any = true, .only = "nginx" };
	struct fake fake = { .names = names, .nr = 2, .nr_profiles = 2, .id = "herd" };

	(void)state;
	assert_int_equal(measure_with(&any, &fake).code, EXIT_DONE);
}

static void the_commands_status_wins_then_losses_then_findings(void **state)
{
	struct options options = { .fail_on_any = true, .strict = true };
	struct fake fake = { .names = names, .nr = 1, .id = "herd", .losses = 1, .status = 42 };

	(void)state;
	fake.nr_profiles = 2;
	assert_int_equal(measure_with(&options, &fake).code, 42);
	fake.nr_profiles = 2;
	fake.status = 0;
	assert_int_equal(measure_with(&options, &fake).code, EXIT_NO_MEASURE);
	fake.nr_profiles = 2;
	fake.losses = 0;
	assert_int_equal(measure_with(&options, &fake).code, EXIT_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_name_that_processes_have_only_they_are_left),
		cmocka_unit_test(of_a_name_that_nobody_has_the_names_there_are_are_told),
		cmocka_unit_test(of_very_many_names_the_first_are_told),
		cmocka_unit_test(without_processes_there_are_no_names_to_tell),
		cmocka_unit_test(a_finding_that_is_asked_for_is_a_no),
		cmocka_unit_test(a_finding_of_a_later_version_counts_by_its_severity),
		cmocka_unit_test(without_fail_on_nothing_found_is_a_no),
		cmocka_unit_test(what_was_found_is_told_on_stderr),
		cmocka_unit_test(what_was_found_of_others_than_only_is_no_no),
		cmocka_unit_test(the_commands_status_wins_then_losses_then_findings),
	};

	return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
