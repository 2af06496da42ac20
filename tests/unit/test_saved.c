/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Saved profiles: what was written is read again to the byte, and what anyone
 * could have put into a file is refused with a sentence that says where.
 */
#include "unit.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "failing.h"
#include "samples.h"
#include "source/source.h"

#define PATH_LEN 64

/* What opening @path came to; messages end up in @said. */
struct reading {
	struct source *source;
	bool is_series;
	int code;
	char said[1024];
};

/* stderr goes to a file while @call runs. */
static int with_stderr_to(char *said, size_t size, int (*call)(void *context), void *context)
{
	FILE *file = tmpfile();
	int saved = dup(2), result;
	ssize_t len;

	assert_non_null(file);
	dup2(fileno(file), 2);
	result = call(context);
	dup2(saved, 2);
	close(saved);
	len = pread(fileno(file), said, size - 1, 0);
	said[len > 0 ? len : 0] = '\0';
	fclose(file);
	return result;
}

static void write_file(char path[PATH_LEN], const char *text, size_t len)
{
	int fd;

	strcpy(path, "/tmp/fdscope-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

struct opening {
	struct reading *reading;
	const char *path;
};

static int do_open(void *context)
{
	struct opening *opening = context;

	return source_open_saved(&opening->reading->source, opening->path,
				 &opening->reading->is_series);
}

static void open_path(struct reading *out, const char *path)
{
	struct opening opening = { out, path };

	memset(out, 0, sizeof(*out));
	out->code = with_stderr_to(out->said, sizeof(out->said), do_open, &opening);
}

/* Refused on opening: exit code 2, and one line that names the file and @what. */
static void assert_text_refused(const char *text, size_t len, const char *what)
{
	struct reading reading;
	char path[PATH_LEN];

	write_file(path, text, len);
	open_path(&reading, path);
	unlink(path);
	if (reading.code == 0)
		fail_msg("not refused (%s): %.200s", what, text);
	assert_int_equal(reading.code, EXIT_USAGE);
	if (!strstr(reading.said, what))
		fail_msg("'%s' is not in: %s", what, reading.said);
	assert_non_null(strstr(reading.said, path));
	assert_ptr_equal(strchr(reading.said, '\n'), reading.said + strlen(reading.said) - 1);
}

static void assert_document_refused(json_t *document, const char *what)
{
	char *text = json_dumps(document, 0);

	assert_text_refused(text, strlen(text), what);
	free(text);
}

/* The member at a path like "processes.0.io"; the last part is left in @last. */
static json_t *parent_of(json_t *document, const char *path, char last[64])
{
	char copy[128], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while (document && (key = strsep(&rest, "."))) {
		if (!rest) {
			snprintf(last, 64, "%s", key);
			return document;
		}
		document = json_is_array(document) ? json_array_get(document, atoi(key))
						   : json_object_get(document, key);
	}
	return NULL;
}

/* Puts the JSON @value at @path; NULL takes away what is there. */
static void change(json_t *document, const char *path, const char *value)
{
	char last[64];
	json_t *to = parent_of(document, path, last), *new = NULL;

	assert_non_null(to);
	if (value) {
		new = json_loads(value, JSON_DECODE_ANY, NULL);
		assert_non_null(new);
	}
	if (json_is_array(to))
		assert_int_equal(json_array_set_new(to, atoi(last), new), 0);
	else if (new)
		assert_int_equal(json_object_set_new(to, last, new), 0);
	else
		assert_int_equal(json_object_del(to, last), 0);
}

static json_t *full_document(void)
{
	struct profile profile;
	json_t *document;

	sample_full(&profile);
	document = sample_document(&profile);
	profile_free(&profile);
	return document;
}

static void assert_change_refused(const char *path, const char *value, const char *what)
{
	json_t *document = full_document();

	change(document, path, value);
	assert_document_refused(document, what);
	json_decref(document);
}

/* Reads @text, which must be taken, and returns its only profile. */
static void read_text(struct profile *out, const char *text)
{
	struct reading reading;
	struct profile more;
	char path[PATH_LEN];

	write_file(path, text, strlen(text));
	open_path(&reading, path);
	if (reading.code)
		fail_msg("refused: %s", reading.said);
	assert_int_equal(source_next(reading.source, out), 1);
	assert_int_equal(source_next(reading.source, &more), 0);
	assert_int_equal(source_command_status(reading.source), 0);
	source_close(reading.source);
	unlink(path);
}

static void assert_round_trip(const struct profile *profile)
{
	char *before = sample_json(profile), *after;
	struct profile again;

	read_text(&again, before);
	after = sample_json(&again);
	for (size_t i = 0; i <= strlen(before); i++) {
		if (before[i] != after[i])
			fail_msg("differ: %.60s / %.60s", before + (i > 20 ? i - 20 : 0),
				 after + (i > 20 ? i - 20 : 0));
	}
	profile_free(&again);
	free(before);
	free(after);
}

/* ---- what was written is read ---- */

static void a_full_profile_comes_back_to_the_byte(void **state)
{
	struct profile profile;

	(void)state;
	sample_full(&profile);
	assert_round_trip(&profile);
	profile_free(&profile);
}

static void an_empty_profile_comes_back_to_the_byte(void **state)
{
	struct profile profile;

	(void)state;
	sample_empty(&profile);
	assert_round_trip(&profile);
	profile_free(&profile);
}

static void what_is_not_known_stays_unknown(void **state)
{
	struct profile profile;
	struct profile_process *process;

	(void)state;
	sample_full(&profile);
	process = profile.processes;
	process->fds = (struct profile_fds){};
	process->nr_listeners = 0;
	free(process->listeners->local);
	free(process->listeners);
	process->listeners = NULL;
	process->nr_shown_descriptors = 0;
	free(process->epolls->shared_with);
	free(process->epolls);
	process->epolls = NULL;
	process->nr_epolls = 0;
	for (int i = -1; i < 2; i++) {
		struct counters *counters =
			i < 0 ? &process->counters : &process->threads[i].counters;

		memset(counters->io, 0, sizeof(counters->io));
		memset(&counters->copies, 0, sizeof(counters->copies));
		memset(&counters->waits[WAIT_POLL], 0, sizeof(counters->waits[WAIT_POLL]));
		counters->waits[WAIT_EPOLL].watched = 0;
		memset(counters->waits[WAIT_EPOLL].watched_hist, 0,
		       sizeof(counters->waits[WAIT_EPOLL].watched_hist));
	}
	assert_round_trip(&profile);
	profile_free(&profile);
}

static void every_counter_comes_back(void **state)
{
	struct profile profile, again;
	char *text;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	read_text(&again, text);
	assert_memory_equal(&again.processes->counters, &profile.processes->counters,
			    sizeof(struct counters));
	assert_memory_equal(again.losses, profile.losses, sizeof(profile.losses));
	assert_memory_equal(again.unseen, profile.unseen, sizeof(profile.unseen));
	assert_int_equal(again.start, profile.start);
	free(text);
	profile_free(&again);
	profile_free(&profile);
}

/* Each part of the kernel's side has keys of its own. */
static void what_was_not_watched_stays_left_out(void **state)
{
	(void)state;
	for (unsigned parts = 0; parts <= WAKEUPS_ALL; parts++) {
		struct profile profile, again;
		char *text;

		sample_full(&profile);
		profile.wakeups = parts;
		assert_round_trip(&profile);
		text = sample_json(&profile);
		read_text(&again, text);
		assert_int_equal(again.wakeups, parts);
		assert_int_equal(again.processes->nr_inexact, profile.processes->nr_inexact);
		assert_int_equal(strstr(text, "\"futile\"") != NULL, (parts & WAKEUPS_SLEEPS) != 0);
		assert_int_equal(strstr(text, "\"passed_on\"") != NULL,
				 (parts & WAKEUPS_CALLBACKS) != 0);
		free(text);
		profile_free(&again);
		profile_free(&profile);
	}
}

static void what_instances_told_comes_back(void **state)
{
	struct profile profile, again;
	char *text;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	read_text(&again, text);
	assert_int_equal(again.processes->nr_epolls, 1);
	assert_memory_equal(&again.processes->epolls->counters,
			    &profile.processes->epolls->counters, sizeof(struct epoll_counters));
	assert_memory_equal(&again.processes->epolls->callbacks,
			    &profile.processes->epolls->callbacks,
			    sizeof(struct callback_counters));
	assert_int_equal(again.processes->nr_descriptors, 2);
	assert_int_equal(again.processes->nr_shown_descriptors, 2);
	assert_int_equal(again.nr_findings, profile.nr_findings);
	free(text);
	profile_free(&again);
	profile_free(&profile);
}

/* The one before deliveries were counted; its findings were an empty array. */
static void a_profile_of_the_version_before_is_read(void **state)
{
	static const char *const paths[] = { "findings",
					     "processes.0.epolls",
					     "processes.0.descriptors",
					     "processes.0.fds.close_wait",
					     "processes.0.epoll_ctl.mod_unchanged",
					     "processes.0.accept.listeners.0.delivered",
					     "processes.0.threads.0.epoll_ctl.mod_unchanged",
					     "processes.0.threads.1.epoll_ctl.mod_unchanged" };
	static const char *const marks[] = { "fds.unaccounted", "epoll_ctl.mod_unchanged",
					     "accept.listeners.delivered", "fds.close_wait" };
	json_t *document = full_document();
	struct profile profile;
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		change(document, paths[i], NULL);
	text = json_dumps(document, 0);
	read_text(&profile, text);
	assert_int_equal(profile.processes->nr_inexact, ARRAY_SIZE(marks));
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		assert_string_equal(profile.processes->inexact[i].key, marks[i]);
	assert_int_equal(profile.processes->nr_epolls, 0);
	assert_int_equal(profile.nr_findings, 0);
	profile_free(&profile);
	free(text);
	json_decref(document);
}

static void evidence_comes_back_to_the_digit(void **state)
{
	static const double values[] = {
		0,	  -0.5,	       1.0 / 3,	      99999.96,
		1e15 / 3, 123456789.5, 0.00001234567, 4611686018427387904.0
	};
	struct profile profile;

	(void)state;
	sample_full(&profile);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		profile.findings->evidence->value = values[i];
		assert_round_trip(&profile);
	}
	profile_free(&profile);
}

static void a_loss_of_a_later_version_is_kept(void **state)
{
	struct profile profile, again;
	char *text;

	(void)state;
	sample_empty(&profile);
	assert_int_equal(profile_add_loss(&profile, "of_later", 3), 0);
	text = sample_json(&profile);
	read_text(&again, text);
	assert_false(profile_is_complete(&again));
	assert_int_equal(again.nr_other_losses, 1);
	assert_int_equal(again.other_losses[0].count, 3);
	free(text);
	profile_free(&again);
	profile_free(&profile);
}

static void keys_of_a_later_version_are_passed_over(void **state)
{
	static const char *const paths[] = { "later",
					     "host.later",
					     "target.later",
					     "processes.0.later",
					     "processes.0.epoll_wait.later",
					     "processes.0.io.later",
					     "processes.0.io.read.later",
					     "processes.0.threads.0.later",
					     "processes.0.epolls.0.later",
					     "processes.0.epolls.0.deliveries.later",
					     "processes.0.descriptors.0.later",
					     "findings.0.later",
					     "findings.0.subject.later" };
	json_t *document = full_document();
	struct profile profile;
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		change(document, paths[i], "{ \"a\": [ 1, 2, 3 ] }");
	text = json_dumps(document, 0);
	read_text(&profile, text);
	profile_free(&profile);
	free(text);
	json_decref(document);
}

static void a_key_that_was_left_out_is_marked_inexact(void **state)
{
	json_t *document = full_document();
	struct profile profile;
	char *text;

	(void)state;
	change(document, "processes.0.threads", NULL);
	change(document, "processes.0.epoll_wait.sleeps", NULL);
	text = json_dumps(document, 0);
	read_text(&profile, text);
	assert_int_equal(profile.processes->nr_inexact, 2);
	assert_string_equal(profile.processes->inexact[1].key, "epoll_wait.sleeps");
	profile_free(&profile);
	free(text);
	json_decref(document);
}

/* ---- several in one file ---- */

static void a_profile_a_line_is_a_series(void **state)
{
	struct reading reading;
	struct profile profile;
	char path[PATH_LEN], *one, *three;

	(void)state;
	sample_full(&profile);
	one = sample_json(&profile);
	profile_free(&profile);
	three = calloc(3, strlen(one) + 1);
	strcat(strcat(strcat(three, one), one), one);
	write_file(path, three, strlen(three));
	open_path(&reading, path);
	assert_int_equal(reading.code, 0);
	assert_true(reading.is_series);
	for (int i = 0; i < 3; i++) {
		char *again;

		assert_int_equal(source_next(reading.source, &profile), 1);
		again = sample_json(&profile);
		assert_string_equal(again, one);
		free(again);
		profile_free(&profile);
	}
	assert_int_equal(source_next(reading.source, &profile), 0);
	source_close(reading.source);
	unlink(path);
	free(one);
	free(three);
}

static void the_runs_of_a_repetition_are_a_series(void **state)
{
	json_t *document = full_document(), *whole;
	struct reading reading;
	struct profile profile;
	char path[PATH_LEN], *text;

	(void)state;
	whole = json_pack("{s:i, s:[O,O]}", "schema", 1, "runs", document, document);
	text = json_dumps(whole, JSON_INDENT(2));
	write_file(path, text, strlen(text));
	open_path(&reading, path);
	assert_int_equal(reading.code, 0);
	assert_true(reading.is_series);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(source_next(reading.source, &profile), 1);
		assert_int_equal(profile.processes->tgid, 4711);
		profile_free(&profile);
	}
	assert_int_equal(source_next(reading.source, &profile), 0);
	source_close(reading.source);
	unlink(path);
	free(text);
	json_decref(whole);
	json_decref(document);
}

static void one_profile_is_no_series(void **state)
{
	struct reading reading;
	struct profile profile;
	char path[PATH_LEN], *text;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	write_file(path, text, strlen(text));
	open_path(&reading, path);
	assert_int_equal(reading.code, 0);
	assert_false(reading.is_series);
	source_close(reading.source); /* with its profile not asked for */
	profile_free(&profile);
	free(text);
	unlink(path);
}

struct next {
	struct source *source;
	struct profile *out;
};

static int do_next(void *context)
{
	struct next *next = context;

	return source_next(next->source, next->out);
}

static void a_later_line_that_is_cut_off_is_bad_input(void **state)
{
	struct reading reading;
	struct profile profile;
	struct next next;
	char path[PATH_LEN], *text, *twice;
	size_t len;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	profile_free(&profile);
	len = strlen(text);
	twice = malloc(2 * len + 1);
	memcpy(twice, text, len);
	memcpy(twice + len, text, len);
	write_file(path, twice, 2 * len - 40);
	open_path(&reading, path);
	assert_int_equal(reading.code, 0);
	next = (struct next){ reading.source, &profile };
	assert_int_equal(source_next(reading.source, &profile), 1);
	profile_free(&profile);
	assert_int_equal(with_stderr_to(reading.said, sizeof(reading.said), do_next, &next),
			 -EBADMSG);
	assert_non_null(strstr(reading.said, "not whole"));
	source_close(reading.source);
	unlink(path);
	free(text);
	free(twice);
}

/* ---- what anyone could have written ---- */

static void what_is_no_json_is_refused(void **state)
{
	static const char *const texts[] = { "x",
					     "{",
					     "{]",
					     "{\"schema\":1",
					     "\xff\xfe",
					     "{\"a\":1e}",
					     "{\"schema\":1,\"schema\":1}",
					     "{\"schema\":99999999999999999999}",
					     "{\"a\":\"\033[2J" };

	(void)state;
	assert_text_refused("", 0, "empty");
	assert_text_refused(" \n\t ", 4, "empty");
	assert_text_refused("\0\0\0", 3, "not JSON");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_text_refused(texts[i], strlen(texts[i]), "not JSON");
}

static void a_profile_cut_anywhere_is_refused(void **state)
{
	struct profile profile;
	char *text;

	(void)state;
	sample_full(&profile);
	text = sample_json(&profile);
	for (size_t len = 1; len < strlen(text) - 1; len += 997)
		assert_text_refused(text, len, "not whole");
	free(text);
	profile_free(&profile);
}

static void json_that_is_no_profile_is_refused(void **state)
{
	static const char *const texts[] = { "[]", "{}", "{\"a\":1}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_text_refused(texts[i], strlen(texts[i]), "no profile");
}

static void depth_has_an_end(void **state)
{
	char *deep = malloc(100001);

	(void)state;
	memset(deep, '[', 100000);
	deep[100000] = '\0';
	memcpy(deep, "{\"a\":", 5);
	assert_text_refused(deep, 100000, "depth");
	free(deep);
}

static void another_schema_is_refused(void **state)
{
	(void)state;
	assert_change_refused("schema", "2", "schema is 2");
	assert_change_refused("schema", "0", "schema is 0");
	assert_change_refused("schema", "\"1\"", "schema is no whole number");
	assert_change_refused("schema", "-1", "schema is -1");
}

static void what_a_file_cannot_give_is_refused(void **state)
{
	struct reading reading;

	(void)state;
	open_path(&reading, "/nonexistent/profile.json");
	assert_int_equal(reading.code, EXIT_USAGE);
	assert_non_null(strstr(reading.said, "/nonexistent/profile.json: No such file"));
	open_path(&reading, "/tmp");
	assert_int_equal(reading.code, EXIT_USAGE);
	assert_non_null(strstr(reading.said, "/tmp: Is a directory"));
}

/* Every value by every wrong type: the message names the key. */
static void every_type_is_checked(void **state)
{
	static const struct {
		const char *path, *wrong, *what;
	} cases[] = {
		{ "fdscope", "1", "fdscope is no string" },
		{ "host", "[]", "host is no object" },
		{ "host.kernel", "null", "host.kernel is no string" },
		{ "host.cpus", "2.5", "host.cpus is no whole number" },
		{ "backend.syscalls", "{}", "backend.syscalls is no string" },
		{ "target", "1", "target is no object" },
		{ "target.pids", "1", "target.pids is no array" },
		{ "target.pids.1", "\"x\"", "target.pids is no whole number" },
		{ "target.ports.0", "65536", "target.ports is 65536" },
		{ "target.comm", "1", "target.comm is no string" },
		{ "target.command", "\"x\"", "target.command is no array" },
		{ "target.command.0", "1", "target.command is no string" },
		{ "target.all", "0", "target.all is neither" },
		{ "start", "1", "start is no string" },
		{ "start", "\"yesterday\"", "start is no time" },
		{ "start", "\"2026-13-21T20:44:00Z\"", "start is no time" },
		{ "start", "\"2026-11-21T20:44:00Zx\"", "start is no time" },
		{ "duration_ns", "-1", "duration_ns is -1" },
		{ "duration_ns", "1e9", "duration_ns is no whole number" },
		{ "complete", "1", "complete is neither" },
		{ "losses", "[]", "losses is no object" },
		{ "losses.threads", "-1", "losses.threads is -1" },
		{ "losses.of_later", "true", "losses.of_later is no whole number" },
		{ "unseen", "null", "unseen is no object" },
		{ "processes", "{}", "processes is no array" },
		{ "processes.0", "1", "processes[0].tgid is missing" },
		{ "processes.0.tgid", "-1", "processes[0].tgid is -1" },
		{ "processes.0.tgid", "4294967296", "processes[0].tgid is 4294967296" },
		{ "processes.0.comm", "\"longer than 15 b\"", "processes[0].comm is longer" },
		{ "processes.0.exited", "\"no\"", "processes[0].exited is neither" },
		{ "processes.0.inexact", "[]", "processes[0].inexact is no object" },
		{ "processes.0.inexact.x", "1", "processes[0].inexact is no string" },
		{ "processes.0.now", "1", "processes[0].now is no object" },
		{ "processes.0.now.waiting", "-1", "processes[0].now.waiting is -1" },
		{ "processes.0.epoll_wait", "[]", "processes[0].epoll_wait is no object" },
		{ "processes.0.epoll_wait.timeouts", "-7", "epoll_wait.timeouts is -7" },
		{ "processes.0.epoll_wait.timeouts", "\"7\"", "epoll_wait.timeouts is no whole" },
		{ "processes.0.epoll_wait.timeouts", "9223372036854775807",
		  "epoll_wait.timeouts is 92" },
		{ "processes.0.epoll_wait.ready_hist", "7", "epoll_wait.ready_hist is no array" },
		{ "processes.0.epoll_wait.ready_hist.3", "-7", "epoll_wait.ready_hist is -7" },
		{ "processes.0.epoll_wait.ready_hist.3", "null",
		  "epoll_wait.ready_hist is no whole" },
		{ "processes.0.epoll_ctl.add", "false", "epoll_ctl.add is no whole number" },
		{ "processes.0.accept.listeners", "{}", "accept.listeners is no array" },
		{ "processes.0.accept.listeners.0", "0", "accept.listeners[0].inode is missing" },
		{ "processes.0.accept.listeners.0.local", "0", "listeners[0].local is no string" },
		{ "processes.0.io", "[]", "processes[0].io is no object" },
		{ "processes.0.io.read", "[]", "processes[0].io.read is no object" },
		{ "processes.0.io.read.pipe", "[]", "processes[0].io.read.pipe is no object" },
		{ "processes.0.io.read.pipe.end", "{}", "io.read.pipe.end is no whole number" },
		{ "processes.0.copies", "[]", "processes[0].copies is no object" },
		{ "processes.0.fds.open", "-1", "processes[0].fds.open is -1" },
		{ "processes.0.fds.kinds", "[]", "processes[0].fds.kinds is no object" },
		{ "processes.0.fds.kinds.epoll", "-1", "processes[0].fds.kinds.epoll is -1" },
		{ "processes.0.fds.unaccounted", "0.5",
		  "processes[0].fds.unaccounted is no whole" },
		{ "processes.0.fds.close_wait", "-1", "processes[0].fds.close_wait is -1" },
		{ "processes.0.epolls", "{}", "processes[0].epolls is no array" },
		{ "processes.0.epolls.0", "7", "epolls[0].instance is 0 or missing" },
		{ "processes.0.epolls.0.instance", "0", "epolls[0].instance is 0 or missing" },
		{ "processes.0.epolls.0.instance", "-1", "epolls[0].instance is -1" },
		{ "processes.0.epolls.0.epfd", "2147483648", "epolls[0].epfd is no descriptor" },
		{ "processes.0.epolls.0.threads", "\"2\"", "epolls[0].threads is no whole" },
		{ "processes.0.epolls.0.shared_with", "7", "epolls[0].shared_with is no array" },
		{ "processes.0.epolls.0.shared_with.1", "0", "epolls[0].shared_with is 0" },
		{ "processes.0.epolls.0.shared_with.1", "null",
		  "epolls[0].shared_with is no whole" },
		{ "processes.0.epolls.0.registrations", "[]", "registrations is no object" },
		{ "processes.0.epolls.0.registrations.level", "-1", "registrations.level is -1" },
		{ "processes.0.epolls.0.deliveries", "1", "deliveries is no object" },
		{ "processes.0.epolls.0.deliveries.pri", "1.5", "deliveries.pri is no whole" },
		{ "processes.0.epolls.0.redelivered", "true", "redelivered is no whole" },
		{ "processes.0.epolls.0.first_read_ns_hist", "1",
		  "first_read_ns_hist is no array" },
		{ "processes.0.epolls.0.undrained", "[]", "undrained is no object" },
		{ "processes.0.epolls.0.undrained.longest_ns", "-1", "undrained.longest_ns is -1" },
		{ "processes.0.descriptors", "{}", "processes[0].descriptors is no array" },
		{ "processes.0.descriptors.1", "[]", "descriptors[1].fd is missing" },
		{ "processes.0.descriptors.1.fd", "2147483648", "descriptors[1].fd is 2147483648" },
		{ "processes.0.descriptors.1.kind", "7", "descriptors[1].kind is no string" },
		{ "processes.0.descriptors.1.kind", "\"tape\"",
		  "descriptors[1].kind is none that is known" },
		{ "processes.0.descriptors.1.name", "null", "descriptors[1].name is no string" },
		{ "processes.0.descriptors.1.trigger", "\"both\"", "descriptors[1].trigger is" },
		{ "processes.0.descriptors.1.trigger", "{}",
		  "descriptors[1].trigger is no string" },
		{ "processes.0.descriptors.1.reads", "-7", "descriptors[1].reads is -7" },
		{ "findings", "{}", "findings is no array" },
		{ "findings.0", "1", "findings[0].id is missing" },
		{ "findings.0.id", "1", "findings[0].id is no string" },
		{ "findings.0.severity", "\"dire\"", "findings[0].severity is neither" },
		{ "findings.0.severity", "1", "findings[0].severity is no string" },
		{ "findings.0.tgid", "-1", "findings[0].tgid is -1" },
		{ "findings.0.subject", "\"x\"", "findings[0].subject is no object" },
		{ "findings.1.subject.instance", "\"x\"", "subject.instance is no whole number" },
		{ "findings.1.subject.fd", "7", "findings[1].subject.fd is a second one" },
		{ "findings.3.subject.local", "7", "findings[3].subject.local is no string" },
		{ "findings.0.evidence", "[]", "findings[0].evidence is no object" },
		{ "findings.0.evidence.x", "\"7\"", "findings[0].evidence.x is no number" },
		{ "findings.0.evidence.x", "1e300", "findings[0].evidence.x is out of range" },
		{ "findings.0.evidence.x", "-9223372036854775807", "evidence.x is out of range" },
		{ "findings.0.message", "[]", "findings[0].message is no string" },
		{ "findings.0.advice", "0", "findings[0].advice is no string" },
		{ "processes.0.threads", "{}", "processes[0].threads is no array" },
		{ "processes.0.threads.0.tid", "-1", "threads[0].tid is -1" },
		{ "processes.0.threads.0.comm", "1", "threads[0].comm is no string" },
		{ "processes.0.threads.1.poll", "1", "threads[1].poll is no object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_change_refused(cases[i].path, cases[i].wrong, cases[i].what);
}

static void what_must_be_there_is_missed(void **state)
{
	static const char *const paths[] = { "fdscope",	 "host",       "host.arch", "backend",
					     "target",	 "target.all", "start",	    "duration_ns",
					     "complete", "losses",     "unseen",    "processes" };
	static const char *const of_process[] = { "tgid", "comm", "exited" };
	static const char *const of_finding[] = { "id",	      "severity", "tgid",  "subject",
						  "evidence", "message",  "advice" };
	char path[64], what[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(what, sizeof(what), "%s is missing", paths[i]);
		assert_change_refused(paths[i], NULL, what);
	}
	for (size_t i = 0; i < ARRAY_SIZE(of_process); i++) {
		snprintf(path, sizeof(path), "processes.0.%s", of_process[i]);
		snprintf(what, sizeof(what), "processes[0].%s is missing", of_process[i]);
		assert_change_refused(path, NULL, what);
	}
	for (size_t i = 0; i < ARRAY_SIZE(of_finding); i++) {
		snprintf(path, sizeof(path), "findings.1.%s", of_finding[i]);
		snprintf(what, sizeof(what), "findings[1].%s is missing", of_finding[i]);
		assert_change_refused(path, NULL, what);
	}
}

static void an_instance_is_a_processes_only_once(void **state)
{
	json_t *document = full_document();
	json_t *epolls = json_object_get(json_array_get(json_object_get(document, "processes"), 0),
					 "epolls");

	(void)state;
	json_array_append(epolls, json_array_get(epolls, 0));
	assert_document_refused(document, "processes[0].epolls has instance 3 twice");
	json_decref(document);
}

static void a_histogram_that_is_too_long_is_refused(void **state)
{
	char buckets[512] = "[0";

	(void)state;
	for (int i = 1; i < 65; i++)
		strcat(buckets, ",0");
	strcat(buckets, "]");
	assert_change_refused("processes.0.epoll_wait.wait_ns_hist", buckets,
			      "wait_ns_hist has 65 buckets, more than 64");
	assert_change_refused("processes.0.poll.ready_hist", buckets,
			      "ready_hist has 65 buckets, more than 32");
}

static void sums_that_contradict_each_other_are_refused(void **state)
{
	(void)state;
	assert_change_refused("processes.0.epoll_wait.calls", "7", "epoll_wait.calls is 7, but");
	assert_change_refused("processes.0.epoll_wait.wakeups", "7",
			      "epoll_wait.wakeups is 7, but");
	assert_change_refused("processes.0.epoll_wait.ready_hist.0", "7",
			      "epoll_wait.ready_hist counts wakeups with nothing ready");
	assert_change_refused("processes.0.accept.calls", "7", "accept.calls is 7, but");
	assert_change_refused("processes.0.accept.listeners.0.accepted", "7",
			      "accept.listeners[0].accepted is 7, but");
	assert_change_refused("processes.0.io.read.socket.calls", "7", "io.read.socket.calls is 7");
	assert_change_refused("processes.0.copies.control_bytes", "7", "copies.control_bytes is 7");
	assert_change_refused("processes.0.copies.zero_copy_bytes", "7", "zero_copy_bytes is 7");
	assert_change_refused("processes.0.copies.truncated_bytes", "99999999", "copies");
	assert_change_refused("complete", "true", "complete contradicts losses");
	assert_change_refused("processes.0.threads.0.fds.opened", "7",
			      "processes[0].threads do not add up");
}

static void runs_that_are_none_are_refused(void **state)
{
	static const char *const texts[] = { "{\"schema\":1,\"runs\":[]}",
					     "{\"schema\":1,\"runs\":7}",
					     "{\"schema\":1,\"runs\":[7]}",
					     "{\"schema\":2,\"runs\":[{}]}" };
	static const char *const what[] = { "runs is no array, or empty",
					    "runs is no array, or empty", "no profile",
					    "schema is 2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_text_refused(texts[i], strlen(texts[i]), what[i]);
}

/* ---- memory ---- */

static int open_and_read(void *context)
{
	struct source *source;
	struct profile profile;
	bool is_series;
	int code = source_open_saved(&source, context, &is_series), n;

	if (code) {
		assert_int_equal(code, EXIT_NO_MEASURE);
		return code;
	}
	while ((n = source_next(source, &profile)) > 0)
		profile_free(&profile);
	source_close(source);
	return n;
}

struct trial {
	char *path;
};

static int try_each(void *context)
{
	failing_each(open_and_read, ((struct trial *)context)->path);
	return 0;
}

static void any_allocation_may_fail(void **state)
{
	struct profile profile;
	char path[PATH_LEN], said[64], *text, *twice;
	struct trial trial = { path };

	(void)state;
	sample_thin(&profile);
	text = sample_json(&profile);
	twice = calloc(2, strlen(text) + 1);
	strcat(strcat(twice, text), text);
	write_file(path, twice, strlen(twice));
	with_stderr_to(said, sizeof(said), try_each, &trial);
	unlink(path);
	free(text);
	free(twice);
	profile_free(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_profile_comes_back_to_the_byte),
		cmocka_unit_test(an_empty_profile_comes_back_to_the_byte),
		cmocka_unit_test(what_is_not_known_stays_unknown),
		cmocka_unit_test(every_counter_comes_back),
		cmocka_unit_test(what_was_not_watched_stays_left_out),
		cmocka_unit_test(what_instances_told_comes_back),
		cmocka_unit_test(a_profile_of_the_version_before_is_read),
		cmocka_unit_test(evidence_comes_back_to_the_digit),
		cmocka_unit_test(a_loss_of_a_later_version_is_kept),
		cmocka_unit_test(keys_of_a_later_version_are_passed_over),
		cmocka_unit_test(a_key_that_was_left_out_is_marked_inexact),
		cmocka_unit_test(a_profile_a_line_is_a_series),
		cmocka_unit_test(the_runs_of_a_repetition_are_a_series),
		cmocka_unit_test(one_profile_is_no_series),
		cmocka_unit_test(a_later_line_that_is_cut_off_is_bad_input),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_profile_cut_anywhere_is_refused),
		cmocka_unit_test(json_that_is_no_profile_is_refused),
		cmocka_unit_test(depth_has_an_end),
		cmocka_unit_test(another_schema_is_refused),
		cmocka_unit_test(what_a_file_cannot_give_is_refused),
		cmocka_unit_test(every_type_is_checked),
		cmocka_unit_test(what_must_be_there_is_missed),
		cmocka_unit_test(an_instance_is_a_processes_only_once),
		cmocka_unit_test(a_histogram_that_is_too_long_is_refused),
		cmocka_unit_test(sums_that_contradict_each_other_are_refused),
		cmocka_unit_test(runs_that_are_none_are_refused),
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("saved", tests, NULL, NULL);
}
