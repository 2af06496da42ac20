/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: what is taken, and that everything wrong is refused with 2. */
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "failing.h"
#include "model/findings.h"
#include "options.h"

static int run_nothing(const struct options *options)
{
	(void)options;
	return 0;
}

/* One command for each way to take arguments, as in user/main.c. */
const struct command commands[] = {
	{ "attach", "[INTERVAL [COUNT]]", "s", "e",
	  OPTIONS_TARGET | OPTIONS_REPORT | OPTIONS_TABLES, run_nothing },
	{ "run", "-- COMMAND", "s", "e", OPTIONS_COMMAND | OPTIONS_REPORT | OPTIONS_TABLES,
	  run_nothing },
	{ "report", "FILE", "s", "e", OPTIONS_FILE | OPTIONS_REPORT, run_nothing },
	{ "compare", NULL, "s", "e", OPTIONS_COMPARE | OPTIONS_JSON, run_nothing },
	{},
};

struct parsed {
	struct options options;
	const struct command *command;
	int code;
	char said[4096]; /* on stdout and stderr */
};

#define MAX_WORDS 16

/* What is printed goes to a file meanwhile: a full pipe would block. */
static void parse_words(struct parsed *out, int argc, char **argv)
{
	FILE *said = tmpfile();
	int saved_out = dup(1), saved_err = dup(2);
	ssize_t len;

	assert_non_null(said);
	fflush(stdout);
	dup2(fileno(said), 1);
	dup2(fileno(said), 2);
	out->command = options_parse(&out->options, argc, argv, &out->code);
	fflush(stdout);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	close(saved_out);
	close(saved_err);
	len = pread(fileno(said), out->said, sizeof(out->said) - 1, 0);
	out->said[len > 0 ? len : 0] = '\0';
	fclose(said);
}

/* Parses "fdscope " and @line, cut at spaces; '' is an empty word. */
static struct parsed parse(const char *line)
{
	static char copy[512];
	static char *argv[MAX_WORDS + 1];
	struct parsed out = {};
	char *rest = copy, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	argv[0] = (char *)"fdscope";
	while (*line && (word = strsep(&rest, " "))) {
		assert_true(argc < MAX_WORDS);
		argv[argc++] = strcmp(word, "''") ? word : word + 2;
	}
	argv[argc] = NULL;
	parse_words(&out, argc, argv);
	return out;
}

static struct options taken(const char *line)
{
	struct parsed out = parse(line);

	if (!out.command || out.code)
		fail_msg("'%s' was refused: %s", line, out.said);
	return out.options;
}

/* One line, which names @what. */
static void assert_refused(const char *line, const char *what)
{
	struct parsed out = parse(line);

	if (out.command || out.code != EXIT_USAGE)
		fail_msg("'%s' was not refused", line);
	if (!strstr(out.said, what))
		fail_msg("'%s' is refused without '%s': %s", line, what, out.said);
	if (strchr(out.said, '\n') != out.said + strlen(out.said) - 1)
		fail_msg("'%s' is not refused in one line: %s", line, out.said);
}

static void attach_takes_targets_of_every_kind(void **state)
{
	struct options options;

	(void)state;
	options = taken("attach -p 1,22 -p 333");
	assert_int_equal(options.nr_pids, 3);
	assert_int_equal(options.pids[2], 333);
	options = taken("attach --port 80,8080");
	assert_int_equal(options.nr_ports, 2);
	assert_int_equal(options.ports[1], 8080);
	assert_string_equal(taken("attach --comm nginx").comm, "nginx");
	assert_string_equal(taken("attach --cgroup /sys/fs/cgroup/x").cgroup, "/sys/fs/cgroup/x");
	assert_true(taken("attach -a").all);
}

static void interval_count_and_duration_are_seconds(void **state)
{
	struct options options = taken("attach -a 1 5");

	(void)state;
	assert_int_equal(options.interval_ns, 1000000000);
	assert_int_equal(options.nr_intervals, 5);
	assert_int_equal(taken("attach 0.5 -a").interval_ns, 500000000);
	assert_int_equal(taken("attach -a -d 2.5").duration_ns, 2500000000);
	assert_int_equal(taken("attach -a").interval_ns, 0);
}

static void what_to_print_is_taken_by_all_that_report(void **state)
{
	static const char *const lines[] = {
		"attach -a --per-thread --hist --json -o x -q --strict",
		"run --per-thread --hist --json -o x -q --strict -- true",
		"report --per-thread --hist --json -o x -q --strict file",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct options options = taken(lines[i]);

		assert_true(options.per_thread && options.hist && options.json && options.quiet);
		assert_true(options.strict);
		assert_string_equal(options.output, "x");
	}
}

static void the_busiest_descriptors_are_shown_by_live_commands(void **state)
{
	(void)state;
	assert_int_equal(taken("attach -a").nr_descriptors, 0);
	assert_int_equal(taken("attach -a --fds").nr_descriptors, 10);
	assert_int_equal(taken("attach --fds -a 3").nr_descriptors, 10);
	assert_int_equal(taken("attach -a --fds=37").nr_descriptors, 37);
	assert_int_equal(taken("run --fds=7 -- true").nr_descriptors, 7);
}

static void the_kernel_is_watched_if_asked_for(void **state)
{
	(void)state;
	assert_false(taken("attach -a").wakeups);
	assert_true(taken("attach -a --wakeups").wakeups);
	assert_true(taken("run --wakeups -- true").wakeups);
}

static uint64_t bit_of(const char *id)
{
	return 1ULL << (finding_kind_of(id) - finding_kinds);
}

static void what_to_fail_on_is_a_severity_or_ids(void **state)
{
	struct options options = taken("attach -a");

	(void)state;
	assert_false(options.fail_on_any || options.fail_on_problems || options.fail_on_kinds);
	options = taken("report --fail-on problem x.json");
	assert_true(options.fail_on_problems && !options.fail_on_any && !options.fail_on_kinds);
	options = taken("attach -a --fail-on hint");
	assert_true(options.fail_on_any);
	options = taken("run --fail-on herd,tiny-io --fail-on fd-leak -- true");
	assert_false(options.fail_on_any || options.fail_on_problems);
	assert_true(options.fail_on_kinds ==
		    (bit_of("herd") | bit_of("tiny-io") | bit_of("fd-leak")));
	options = taken("attach -a --fail-on problem,tiny-io");
	assert_true(options.fail_on_problems && options.fail_on_kinds == bit_of("tiny-io"));
}

static void the_command_keeps_its_own_options(void **state)
{
	struct options options = taken("run --only web -o x -- ./server -p 80 --json");

	(void)state;
	assert_string_equal(options.only, "web");
	assert_string_equal(options.command[0], "./server");
	assert_string_equal(options.command[1], "-p");
	assert_string_equal(options.command[3], "--json");
	assert_null(options.command[4]);
	assert_false(options.json);
	assert_string_equal(taken("run ./server --json").command[1], "--json");
}

static void report_takes_one_file(void **state)
{
	(void)state;
	assert_string_equal(taken("report base.json").input, "base.json");
	assert_string_equal(taken("report -- -odd-name").input, "-odd-name");
}

static void compare_has_defaults_and_takes_modes(void **state)
{
	struct options options = taken("compare");

	(void)state;
	assert_int_equal(options.nr_modes, 0);
	assert_true(options.connections && options.requests && options.size_bytes);
	options = taken("compare --modes poll,epoll-edge --connections 7 --idle 100 --requests 11 "
			"--size 13 --repeats 2 --json");
	assert_int_equal(options.nr_modes, 2);
	assert_string_equal(options.modes[1], "epoll-edge");
	assert_int_equal(options.connections, 7);
	assert_int_equal(options.idle, 100);
	assert_int_equal(options.requests, 11);
	assert_int_equal(options.size_bytes, 13);
	assert_int_equal(options.repeats, 2);
	assert_true(options.json);
	options = taken("compare --pieces 17 --read-chunk 19");
	assert_int_equal(options.pieces, 17);
	assert_int_equal(options.read_chunk, 19);
	assert_int_equal(options.post_bytes, 0);
	assert_int_equal(taken("compare --post 23").post_bytes, 23);
	assert_int_equal(taken("compare --pieces 1000 --post 1000").pieces, 1000);
}

static void a_wide_scope_gets_larger_tables_unless_told(void **state)
{
	(void)state;
	assert_true(taken("attach -a").max_threads > taken("attach -p 1").max_threads);
	assert_int_equal(taken("attach -a --max-threads 7").max_threads, 7);
	assert_int_equal(taken("run --max-processes 3 -- true").max_processes, 3);
	assert_int_equal(taken("run --max-listeners 5 -- true").max_listeners, 5);
	assert_int_equal(taken("run -- true").max_registrations, 65536);
	assert_int_equal(taken("attach -a --max-registrations 9").max_registrations, 9);
	assert_int_equal(taken("attach -a").backend, BACKEND_AUTO);
	assert_int_equal(taken("attach -a --backend auto").backend, BACKEND_AUTO);
	assert_int_equal(taken("attach -a --backend tp_btf").backend, BACKEND_TP_BTF);
	assert_int_equal(taken("run --backend=fentry -- true").backend, BACKEND_FENTRY);
}

static void wrong_use_is_refused_in_one_sentence(void **state)
{
	static const struct {
		const char *line, *what;
	} wrong[] = {
		{ "frobnicate", "frobnicate" },
		{ "''", "no command" },
		{ "--frobnicate", "--frobnicate" },
		{ "attach", "whom" },
		{ "attach -a --frobnicate", "'--frobnicate' is no option" },
		{ "attach -a -z", "'-z' is no option" },
		{ "attach -a 0", "interval '0'" },
		{ "attach -a -1", "interval '-1'" },
		{ "attach -a 1 0", "count '0'" },
		{ "attach -a 1 -1", "'-1'" },
		{ "attach -a x", "interval 'x'" },
		{ "attach -a nan", "interval 'nan'" },
		{ "attach -a inf", "interval 'inf'" },
		{ "attach -a 1e300", "interval '1e300'" },
		{ "attach -a ''", "interval ''" },
		{ "attach -a 1 2 3", "'3'" },
		{ "attach -a -d 0", "duration '0'" },
		{ "attach -a -d -1", "duration '-1'" },
		{ "attach -a -d", "'-d' needs a value" },
		{ "attach -p", "'-p' needs a value" },
		{ "attach -ap", "'-p' needs a value" },
		{ "attach --pid", "'--pid' needs a value" },
		{ "attach --pi", "'--pi' needs a value" },
		{ "attach -a --json=x", "'--json' takes no value" },
		{ "attach -a --quick=x", "'--quick' is no option" },
		{ "attach -a --max 3", "'--max' is no option" },
		{ "attach -zq", "'-z' is no option" },
		{ "attach -a -qz", "'-z' is no option" },
		{ "attach -a -q -15", "interval '-15'" },
		{ "attach --comm ''", "--comm ''" },
		{ "attach --comm", "'--comm' needs a value" },
		{ "attach -p 0", "pid '0'" },
		{ "attach -p -5", "pid '-5'" },
		{ "attach -p 1x", "pid '1x'" },
		{ "attach -p 1,,2", "pid ''" },
		{ "attach -p ''", "pid ''" },
		{ "attach -p 99999999999999999999", "pid" },
		{ "attach --port 0", "port '0'" },
		{ "attach --port 65536", "port '65536'" },
		{ "attach --port http", "port 'http'" },
		{ "attach -p 1 --port 80", "exclude" },
		{ "attach -a --comm x", "exclude" },
		{ "attach -a --max-threads 0", "--max-threads" },
		{ "attach -a --max-threads 99999999999", "--max-threads" },
		{ "attach -a --only x", "--only" },
		{ "attach -a --max-registrations 0", "--max-registrations" },
		{ "attach -a --backend kprobe", "there is no backend 'kprobe'" },
		{ "report --backend fentry x.json", "'--backend' is no option" },
		{ "attach -a --fds=0", "--fds '0'" },
		{ "attach -a --fds=", "--fds ''" },
		{ "attach -a --fail-on", "'--fail-on' needs a value" },
		{ "attach -a --fail-on ''", "no finding ''" },
		{ "attach -a --fail-on herd,", "no finding ''" },
		{ "attach -a --fail-on herd,hird", "no finding 'hird' (fdscope(8), FINDINGS)" },
		{ "report --fail-on Problem x", "no finding 'Problem'" },
		{ "report --fds x", "'--fds' is no option" },
		{ "report --wakeups x", "'--wakeups' is no option" },
		{ "compare --fail-on hint", "'--fail-on' is no option" },
		{ "run", "run what" },
		{ "run -o x", "run what" },
		{ "run -o - -- true", "-o -: use --json" },
		{ "run --only '' -- true", "--only ''" },
		{ "run --", "run what" },
		{ "run -p 1 -- true", "-p" },
		{ "report", "report on what" },
		{ "report a b", "'b'" },
		{ "report a -d 1", "-d" },
		{ "compare --modes", "--modes" },
		{ "compare --modes quick", "quick" },
		{ "compare --modes poll,", "''" },
		{ "compare --connections 0", "--connections" },
		{ "compare extra", "extra" },
		{ "compare --post 0", "--post" },
		{ "compare --read-chunk 0", "--read-chunk" },
		{ "compare --pieces 65", "--pieces 65: the request" },
		{ "compare --pieces 8 --post 7", "--pieces 8: the body" },
		{ "compare --post 7 --size 7", "exclude each other" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_refused(wrong[i].line, wrong[i].what);
}

static void too_many_targets_are_refused(void **state)
{
	char line[512] = "attach -p 1";

	(void)state;
	for (int i = 0; i < MAX_IDS; i++)
		strcat(line, ",1");
	assert_refused(line, "more than");
	memcpy(line, "attach --port", strlen("attach --port"));
	strcpy(line, "attach --port 1");
	for (int i = 0; i < MAX_IDS; i++)
		strcat(line, ",1");
	assert_refused(line, "more than");
}

static void nothing_at_all_shows_the_usage_and_is_wrong(void **state)
{
	struct parsed out = parse("");

	(void)state;
	assert_null(out.command);
	assert_int_equal(out.code, EXIT_USAGE);
	assert_non_null(strstr(out.said, "Usage: fdscope"));
}

static void help_and_version_end_well(void **state)
{
	static const char *const lines[] = { "--help",	      "-h",
					     "attach --help", "run -h",
					     "report --help", "compare --help" };
	struct parsed out = parse("--version");

	(void)state;
	assert_int_equal(out.code, EXIT_DONE);
	assert_non_null(strstr(out.said, "fdscope 0"));
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		out = parse(lines[i]);
		assert_null(out.command);
		assert_int_equal(out.code, EXIT_DONE);
		assert_non_null(strstr(out.said, "Usage: fdscope"));
		assert_null(strstr(out.said, "Mandatory")); /* argp's note */
	}
}

static int parse_list(void *context)
{
	char line[] = "attach";
	char flag[] = "-p", list[] = "1,2,3";
	char *argv[] = { (char *)"fdscope", line, flag, list, NULL };
	struct parsed out = {};

	(void)context;
	out.command = options_parse(&out.options, 4, argv, &out.code);
	assert_int_equal(out.command == NULL, out.code != 0);
	return out.code;
}

static void any_allocation_may_fail(void **state)
{
	(void)state;
	failing_each(parse_list, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_takes_targets_of_every_kind),
		cmocka_unit_test(interval_count_and_duration_are_seconds),
		cmocka_unit_test(what_to_print_is_taken_by_all_that_report),
		cmocka_unit_test(the_busiest_descriptors_are_shown_by_live_commands),
		cmocka_unit_test(the_kernel_is_watched_if_asked_for),
		cmocka_unit_test(what_to_fail_on_is_a_severity_or_ids),
		cmocka_unit_test(the_command_keeps_its_own_options),
		cmocka_unit_test(report_takes_one_file),
		cmocka_unit_test(compare_has_defaults_and_takes_modes),
		cmocka_unit_test(a_wide_scope_gets_larger_tables_unless_told),
		cmocka_unit_test(wrong_use_is_refused_in_one_sentence),
		cmocka_unit_test(too_many_targets_are_refused),
		cmocka_unit_test(nothing_at_all_shows_the_usage_and_is_wrong),
		cmocka_unit_test(help_and_version_end_well),
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
