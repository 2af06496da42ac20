/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What anyone could have put into a file is refused with a sentence that says where. */
#include "readings.h"

#include <unistd.h>

#include "base/err.h"
#include "samples.h"

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

static void assert_change_refused(const char *path, const char *value, const char *what)
{
	json_t *document = full_document();

	change(document, path, value);
	assert_document_refused(document, what);
	json_decref(document);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests_name("saved_refused", tests, NULL, NULL);
}
