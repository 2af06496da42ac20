/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a source to what is printed: which processes, and with which exit code. */
#include "unit.h"

#include <unistd.h>

#include "base/err.h"
#include "commands/measure.h"
#include "samples.h"

/* A source of one profile, of processes with these names. */
struct fake {
	struct source base;
	const char *const *names;
	size_t nr;
	bool is_done;
};

static int fake_next(struct source *base, struct profile *out)
{
	struct fake *fake = (struct fake *)base;

	if (fake->is_done)
		return 0;
	fake->is_done = true;
	sample_empty(out);
	out->processes = calloc(fake->nr + 1, sizeof(*out->processes));
	assert_non_null(out->processes);
	out->nr_processes = fake->nr;
	for (size_t i = 0; i < fake->nr; i++)
		strcpy(out->processes[i].comm, fake->names[i]);
	return 1;
}

static const struct source_ops fake_ops = { .next = fake_next };

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

static struct printed measure_only(const char *only, const char *const *names, size_t nr)
{
	const struct options options = { .only = only };
	struct fake fake = { .base.ops = &fake_ops, .names = names, .nr = nr };
	FILE *out = tmpfile(), *err = tmpfile();
	int saved_out, saved_err;
	struct printed printed;
	struct output *output;

	assert_true(out && err);
	assert_int_equal(output_open(&output, &options, false), 0);
	fflush(stdout);
	saved_out = dup(1);
	saved_err = dup(2);
	dup2(fileno(out), 1);
	dup2(fileno(err), 2);
	printed.code = measure(&fake.base, &options, output);
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
	assert_int_equal(printed.code, EXIT_DONE);
	assert_string_equal(printed.err, "fdscope: --only: no process was named nosuch at its end; "
					 "there were sh, nginx, wrk\n");
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
	assert_string_equal(printed.err, "");
	assert_non_null(strstr(printed.out, "no process was named nosuch at its end\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_name_that_processes_have_only_they_are_left),
		cmocka_unit_test(of_a_name_that_nobody_has_the_names_there_are_are_told),
		cmocka_unit_test(of_very_many_names_the_first_are_told),
		cmocka_unit_test(without_processes_there_are_no_names_to_tell),
	};

	return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
