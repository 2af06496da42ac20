/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The document and its JSON. */
#include "unit.h"

#include <errno.h>

#include "failing.h"
#include "model/derive.h"
#include "model/fields.h"
#include "report/json.h"
#include "samples.h"
#include "view/document.h"

/* The member at a path of keys and row numbers like "processes.0.io". */
static json_t *at(json_t *document, const char *path)
{
	char copy[128], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while (document && (key = strsep(&rest, ".")))
		document = json_is_array(document) ? json_array_get(document, atoi(key))
						   : json_object_get(document, key);
	return document;
}

static json_int_t number(json_t *document, const char *path)
{
	json_t *value = at(document, path);

	if (!json_is_integer(value))
		fail_msg("%s is no whole number", path);
	return json_integer_value(value);
}

static json_int_t total(json_t *document, const char *path)
{
	json_t *bucket;
	json_int_t sum = 0;
	size_t i;

	json_array_foreach(at(document, path), i, bucket)
		sum += json_integer_value(bucket);
	return sum;
}

static void the_head_has_every_key_of_the_contract(void **state)
{
	static const char *const keys[] = {
		"schema",      "fdscope",	   "host.kernel",     "host.arch",
		"host.cpus",   "backend.syscalls", "backend.wakeups", "target.pids.1",
		"target.comm", "target.ports.1",   "target.all",      "target.command.0",
		"start",       "duration_ns",	   "complete",	      "losses",
		"unseen",      "processes",	   "findings",
	};
	struct profile profile;
	json_t *document;

	(void)state;
	sample_full(&profile);
	document = sample_document(&profile);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!at(document, keys[i]))
			fail_msg("%s is missing", keys[i]);
	}
	assert_string_equal(json_string_value(at(document, "start")), "2026-11-21T20:44:00Z");
	assert_true(json_is_false(at(document, "complete")));
	assert_int_equal(number(document, "losses.of_later"), 37);
	assert_int_equal(number(document, "unseen.of_later_too"), 41);
	json_decref(document);
	profile_free(&profile);
}

static void calls_of_waits_are_the_sum_of_their_outcomes(json_t *owner)
{
	for (int family = 0; family < WAIT_FAMILIES; family++) {
		json_t *wait = json_object_get(owner, wait_names[family]);

		assert_non_null(wait);
		assert_int_equal(number(wait, "calls"),
				 number(wait, "wakeups") + number(wait, "timeouts") +
					 number(wait, "empty_polls") + number(wait, "interrupted") +
					 number(wait, "failed"));
		assert_int_equal(number(wait, "wakeups"), total(wait, "ready_hist"));
		assert_int_equal(at(wait, "capacity") != NULL, family == WAIT_EPOLL);
		assert_int_equal(at(wait, "saturated") != NULL, family == WAIT_EPOLL);
	}
}

static void the_sums_of_the_contract_hold(void **state)
{
	struct profile profile;
	json_t *document, *process;

	(void)state;
	sample_full(&profile);
	document = sample_document(&profile);
	process = at(document, "processes.0");
	calls_of_waits_are_the_sum_of_their_outcomes(process);
	calls_of_waits_are_the_sum_of_their_outcomes(at(process, "threads.0"));
	assert_int_equal(number(process, "accept.calls"),
			 number(process, "accept.accepted") + number(process, "accept.again") +
				 number(process, "accept.fd_limit") +
				 number(process, "accept.interrupted") +
				 number(process, "accept.failed"));
	assert_int_equal(number(process, "accept.listeners.0.accepted"),
			 total(process, "accept.listeners.0.queue_depth_hist"));
	assert_int_equal(number(process, "copies.socket_out_bytes"),
			 number(process, "io.write.socket.bytes") +
				 number(process, "copies.zero_copy_bytes"));
	assert_int_equal(number(process, "copies.zero_copy_bytes"),
			 number(process, "io.sendfile.socket.bytes") +
				 number(process, "io.splice.socket.bytes"));
	json_decref(document);
	profile_free(&profile);
}

/* Adds up every number under @parts and subtracts @whole's: nothing may remain. */
static void assert_adds_up(json_t *whole, json_t *parts, const char *key)
{
	json_t *value, *row;
	const char *name;
	size_t i;
	json_int_t sum = 0;

	if (json_is_object(whole)) {
		json_object_foreach(whole, name, value) {
			json_t *inner = json_array();

			json_array_foreach(parts, i, row)
				json_array_append(inner, json_object_get(row, name));
			assert_adds_up(value, inner, name);
			json_decref(inner);
		}
	} else if (json_is_integer(whole)) {
		json_array_foreach(parts, i, row)
			sum += json_integer_value(row);
		if (sum != json_integer_value(whole))
			fail_msg("threads' %s do not add up", key);
	}
}

static void threads_add_up_to_their_process_in_every_key(void **state)
{
	static const char *const groups[] = { "epoll_wait", "poll", "select",
					      "epoll_ctl",  "io",   "copies" };
	struct profile profile;
	json_t *document, *process, *thread;
	size_t i;

	(void)state;
	sample_full(&profile);
	document = sample_document(&profile);
	process = at(document, "processes.0");
	for (size_t group = 0; group < ARRAY_SIZE(groups); group++) {
		json_t *parts = json_array();

		json_array_foreach(at(process, "threads"), i, thread)
			json_array_append(parts, json_object_get(thread, groups[group]));
		assert_non_null(at(process, groups[group]));
		assert_adds_up(at(process, groups[group]), parts, groups[group]);
		json_decref(parts);
	}
	json_decref(document);
	profile_free(&profile);
}

static void trailing_zeros_of_histograms_are_dropped(void **state)
{
	struct profile profile;
	json_t *document;

	(void)state;
	sample_full(&profile);
	memset(profile.processes->counters.waits[WAIT_EPOLL].ready_hist, 0,
	       sizeof(profile.processes->counters.waits[WAIT_EPOLL].ready_hist));
	profile.processes->counters.waits[WAIT_EPOLL].ready_hist[2] = 7;
	document = sample_document(&profile);
	assert_int_equal(json_array_size(at(document, "processes.0.epoll_wait.ready_hist")), 3);
	json_decref(document);
	profile_free(&profile);
}

static void what_is_not_known_is_left_out(void **state)
{
	struct profile profile;
	json_t *document;

	(void)state;
	sample_full(&profile);
	profile.processes->fds = (struct profile_fds){};
	memset(profile.processes->counters.io, 0, sizeof(profile.processes->counters.io));
	memset(profile.processes->counters.waits[WAIT_EPOLL].watched_hist, 0,
	       sizeof(profile.processes->counters.waits[WAIT_EPOLL].watched_hist));
	document = sample_document(&profile);
	assert_null(at(document, "processes.0.fds.open"));
	assert_null(at(document, "processes.0.fds.kinds"));
	assert_null(at(document, "processes.0.fds.close_wait"));
	assert_null(at(document, "processes.0.fds.unaccounted"));
	assert_null(at(document, "processes.0.io"));
	assert_null(at(document, "processes.0.copies.zero_copy_share"));
	assert_null(at(document, "processes.0.epoll_wait.watched"));
	assert_non_null(at(document, "processes.0.poll.watched"));
	json_decref(document);
	profile_free(&profile);
}

static void what_an_instance_told_has_every_key_of_the_contract(void **state)
{
	static const char *const keys[] = {
		"instance",
		"epfd",
		"threads",
		"shared_with.1",
		"registrations.edge",
		"deliveries.edge",
		"deliveries.rdhup",
		"returns",
		"redelivered",
		"redelivered_in",
		"idle_out",
		"ignored_hangup",
		"residual",
		"spurious",
		"edge_undrained",
		"edge_accept_left",
		"phantom",
		"unattributed",
		"first_read_ns_hist",
		"undrained.longest_ns",
	};
	struct profile profile;
	json_t *document, *epoll;

	(void)state;
	sample_full(&profile);
	document = sample_document(&profile);
	epoll = at(document, "processes.0.epolls.0");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!at(epoll, keys[i]))
			fail_msg("%s is missing", keys[i]);
	}
	assert_int_equal(number(epoll, "registrations.exclusive"), 59);
	assert_int_equal(number(epoll, "deliveries.level"),
			 profile.processes->epolls->counters.deliveries.by.level);
	assert_null(at(document, "processes.0.epoll_wait.redelivered"));
	assert_non_null(at(document, "processes.0.poll.redelivered"));
	json_decref(document);
	profile_free(&profile);
}

static void only_so_many_descriptors_are_shown_as_were_asked_for(void **state)
{
	struct profile profile;
	json_t *document, *rows;

	(void)state;
	sample_full(&profile);
	document = sample_document(&profile);
	rows = at(document, "processes.0.descriptors");
	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(json_string_value(at(rows, "0.trigger")), "edge+oneshot");
	assert_string_equal(json_string_value(at(rows, "0.kind")), "socket");
	assert_string_equal(json_string_value(at(rows, "1.trigger")), "level");
	json_decref(document);
	profile.processes->nr_shown_descriptors = 0;
	document = sample_document(&profile);
	assert_null(at(document, "processes.0.descriptors"));
	json_decref(document);
	profile_free(&profile);
}

static void a_finding_names_its_subject(void **state)
{
	struct profile profile;
	json_t *document, *findings;

	(void)state;
	sample_full(&profile);
	document = sample_document(&profile);
	findings = at(document, "findings");
	assert_int_equal(json_object_size(at(findings, "0.subject")), 0);
	assert_int_equal(number(findings, "1.subject.instance"), 61);
	assert_int_equal(number(findings, "2.subject.fd"), 62);
	assert_string_equal(json_string_value(at(findings, "3.subject.local")), "[::1]:8080");
	assert_int_equal(number(findings, "4.subject.tid"), 64);
	assert_string_equal(json_string_value(at(findings, "2.severity")), "problem");
	assert_string_equal(json_string_value(at(findings, "3.severity")), "hint");
	json_decref(document);
	profile_free(&profile);
}

/* Keys have dots in them, so the path ends above them. */
static json_t *evidence_as_written(struct profile *profile, double value)
{
	json_t *document, *written;

	profile->findings->evidence->value = value;
	document = sample_document(profile);
	written = json_object_get(at(document, "findings.0.evidence"), "epolls.edge_undrained");
	json_incref(written);
	json_decref(document);
	return written;
}

static void evidence_is_whole_where_it_can_be(void **state)
{
	static const struct {
		double value;
		json_int_t whole;
	} cases[] = {
		{ 0, 0 },
		{ -7, -7 },
		{ 12345678901.0, 12345678901 },
		{ 1234567.5, 1234568 },
		{ 99999.96, 100000 },
		{ 0.99999999, 1 },
	};
	struct profile profile;
	json_t *written;

	(void)state;
	sample_full(&profile);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		written = evidence_as_written(&profile, cases[i].value);
		assert_true(json_is_integer(written));
		assert_int_equal(json_integer_value(written), cases[i].whole);
		json_decref(written);
	}
	written = evidence_as_written(&profile, 1234.5678);
	assert_true(json_is_real(written));
	assert_float_equal(json_real_value(written), 1234.57, 1e-9);
	json_decref(written);
	profile_free(&profile);
}

static void names_that_are_no_utf_8_become_question_marks(void **state)
{
	struct profile profile;
	json_t *document;

	(void)state;
	sample_full(&profile);
	strcpy(profile.processes->comm, "caf\xe9\xff\"\n");
	strcpy(profile.processes->threads[0].comm, "caf\xc3\xa9");
	document = sample_document(&profile);
	assert_string_equal(json_string_value(at(document, "processes.0.comm")), "caf??\"\n");
	assert_string_equal(json_string_value(at(document, "processes.0.threads.0.comm")),
			    "caf\xc3\xa9");
	json_decref(document);
	profile_free(&profile);
}

static void a_full_disk_is_an_error(void **state)
{
	struct json_writer *json = json_writer_new();
	FILE *full = fopen("/dev/full", "w");
	struct profile profile;

	(void)state;
	if (!full)
		skip();
	setvbuf(full, NULL, _IONBF, 0);
	sample_full(&profile);
	document_write(&profile, json_writer_base(json));
	assert_int_equal(json_writer_print(json, full, true), -ENOSPC);
	fclose(full);
	json_writer_free(json);
	profile_free(&profile);
}

static int write_json(void *context)
{
	struct json_writer *json = json_writer_new();
	FILE *out;
	int err;

	if (!json)
		return -ENOMEM;
	out = fopen("/dev/null", "w");
	assert_non_null(out);
	document_write(context, json_writer_base(json));
	err = json_writer_print(json, out, false);
	fclose(out);
	json_writer_free(json);
	return err;
}

static void any_allocation_may_fail(void **state)
{
	struct profile profile;

	(void)state;
	sample_thin(&profile);
	strcpy(profile.processes->comm, "caf\xe9");
	failing_include_jansson();
	failing_each(write_json, &profile);
	profile_free(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_has_every_key_of_the_contract),
		cmocka_unit_test(the_sums_of_the_contract_hold),
		cmocka_unit_test(threads_add_up_to_their_process_in_every_key),
		cmocka_unit_test(trailing_zeros_of_histograms_are_dropped),
		cmocka_unit_test(what_is_not_known_is_left_out),
		cmocka_unit_test(what_an_instance_told_has_every_key_of_the_contract),
		cmocka_unit_test(only_so_many_descriptors_are_shown_as_were_asked_for),
		cmocka_unit_test(a_finding_names_its_subject),
		cmocka_unit_test(evidence_is_whole_where_it_can_be),
		cmocka_unit_test(names_that_are_no_utf_8_become_question_marks),
		cmocka_unit_test(a_full_disk_is_an_error),
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
