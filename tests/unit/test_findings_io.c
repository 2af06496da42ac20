/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings of how bytes are moved, and of descriptors that stay. */
#include "scene.h"

/* ---- tiny-io ---- */

static struct io_counters *add_io(struct profile_process *process, enum io_family family,
				  enum fd_kind kind, uint64_t calls, unsigned bucket)
{
	struct io_counters *io = &process->counters.io[family][kind];

	io->moved += calls;
	io->size_hist[bucket] += calls;
	io->bytes += calls << (bucket - 1);
	return io;
}

static void requests_read_a_byte_at_a_time_are_tiny(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);
	const struct profile_finding *finding;

	(void)state;
	add_wakeups(process, WAIT_EPOLL, 30000);
	add_io(process, IO_READ, KIND_SOCKET, 30000, 1)->end = 5;
	finding = the_finding(&profile, "tiny-io");
	assert_rests_on(finding, "io.read.socket.calls", 30005);
	assert_rests_on(finding, "io.read.socket.bytes", 30000);
	assert_rests_on(finding, "io.read.socket.partial", 0);
	assert_string_equal(finding->message,
			    "30,000 bytes were read in 30,000 calls on sockets, 1.00 at a time.");
	profile_free(&profile);
}

static void small_requests_into_a_large_buffer_are_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);

	(void)state;
	add_wakeups(process, WAIT_EPOLL, 30000);
	add_io(process, IO_READ, KIND_SOCKET, 30000, 6)->partial = 30000;
	assert_nothing_found(&profile);
}

/* Five bytes of header, then the record. */
static void tls_reads_its_headers_apart(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);

	(void)state;
	add_io(process, IO_READ, KIND_SOCKET, 30000, 3);
	add_io(process, IO_READ, KIND_SOCKET, 30000, 8);
	assert_nothing_found(&profile);
}

static void an_eventfd_is_read_by_eight_bytes(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);

	(void)state;
	add_io(process, IO_READ, KIND_OTHER, 30000, 4);
	add_io(process, IO_READ, KIND_PIPE, 30000, 1);
	assert_nothing_found(&profile);
}

static void an_answer_written_in_crumbs_is_tiny(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);

	(void)state;
	add_wakeups(process, WAIT_EPOLL, 1000);
	add_io(process, IO_WRITE, KIND_SOCKET, 4000, 4);
	assert_rests_on(the_finding(&profile, "tiny-io"), "io.write.socket.bytes", 32000);
	profile_free(&profile);
}

static void both_are_told_in_one(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);
	const struct profile_finding *finding;

	(void)state;
	add_io(process, IO_READ, KIND_SOCKET, 600, 1);
	add_io(process, IO_WRITE, KIND_SOCKET, 600, 1);
	finding = the_finding(&profile, "tiny-io");
	assert_string_equal(
		finding->message,
		"600 bytes were read in 600 calls on sockets, 1.00 at a time. 600 bytes "
		"were written in 600 calls on sockets, 1.00 at a time.");
	profile_free(&profile);
}

/* "+OK", and one message to a hundred who listen. */
static void short_answers_and_messages_to_many_are_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);

	(void)state;
	add_wakeups(process, WAIT_EPOLL, 4000);
	add_io(process, IO_WRITE, KIND_SOCKET, 4000, 3);
	assert_nothing_found(&profile);

	profile = scene();
	process = add_process(&profile);
	add_wakeups(process, WAIT_EPOLL, 100);
	add_io(process, IO_WRITE, KIND_SOCKET, 10000, 6);
	assert_nothing_found(&profile);
}

/* ---- copy-where-sendfile-fits ---- */

#define MIB (1024 * 1024ULL)

static struct profile_process *add_copy(struct profile *profile, uint64_t in, uint64_t out)
{
	struct profile_process *process = add_process(profile);

	process->counters.io[IO_READ][KIND_FILE].bytes = in;
	process->counters.io[IO_WRITE][KIND_SOCKET].bytes = out;
	return process;
}

static void files_read_and_written_to_sockets_fit_sendfile(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_copy(&profile, 20 * MIB, 21 * MIB);
	finding = the_finding(&profile, "copy-where-sendfile-fits");
	assert_rests_on(finding, "io.read.file.bytes", 20 * MIB);
	assert_rests_on(finding, "io.write.socket.bytes", 21 * MIB);
	assert_rests_on(finding, "copies.zero_copy_share", 0);
	profile_free(&profile);
}

static void what_is_made_of_files_does_not_fit(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_copy(&profile, 20 * MIB, 26 * MIB);
	assert_nothing_found(&profile);
	profile = scene();
	add_copy(&profile, 20 * MIB, 15 * MIB);
	assert_nothing_found(&profile);
}

static void who_sends_with_sendfile_knows_it(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_copy(&profile, 20 * MIB, 21 * MIB)->counters.io[IO_SENDFILE][KIND_SOCKET].bytes =
		3 * MIB;
	assert_nothing_found(&profile);
}

static void small_files_are_copied_cheaply(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_copy(&profile, 20 * MIB, 21 * MIB)->counters.io[IO_READ][KIND_FILE].moved =
		20 * MIB / 4095;
	assert_nothing_found(&profile);
}

static void little_is_copied_cheaply(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_copy(&profile, MIB - 1, MIB);
	assert_nothing_found(&profile);
}

/* ---- fd-leak ---- */

static struct profile_process *add_fds(struct profile *profile, uint64_t sockets)
{
	struct profile_process *process = add_process(profile);

	process->fds = (struct profile_fds){
		.is_known = true,
		.has_kinds = true,
		.has_growth = true,
		.open = 200,
		.limit = 1024,
	};
	process->fds.kinds[KIND_SOCKET] = sockets;
	return process;
}

static void set_growth(struct profile_process *process, enum fd_kind kind, int64_t growth)
{
	process->fds.growth[kind] = growth;
	process->fds.kinds[kind] += growth;
}

static void descriptors_that_only_become_more_leak(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 5);
	const struct profile_finding *finding;

	(void)state;
	set_growth(process, KIND_PIPE, 40);
	set_growth(process, KIND_EPOLL, 33);
	process->counters.fds = (struct fd_counters){ 1073, 1000 };
	finding = the_finding(&profile, "fd-leak");
	assert_rests_on(finding, "fds.kinds.pipe.growth", 40);
	assert_rests_on(finding, "fds.kinds.pipe", 40);
	assert_rests_on(finding, "fds.opened", 1073);
	assert_rests_on(finding, "fds.closed", 1000);
	profile_free(&profile);
}

static void descriptors_that_come_with_connections_are_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 50);

	(void)state;
	set_growth(process, KIND_PIPE, 200);
	set_growth(process, KIND_FILE, 50);
	assert_nothing_found(&profile);
}

static void files_may_be_kept_open(void **state)
{
	struct profile profile = scene();

	(void)state;
	set_growth(add_fds(&profile, 1), KIND_FILE, 255);
	assert_nothing_found(&profile);

	profile = scene();
	set_growth(add_fds(&profile, 1), KIND_FILE, 256);
	assert_rests_on(the_finding(&profile, "fd-leak"), "fds.kinds.file.growth", 256);
	profile_free(&profile);
}

/* A file may have grown more, but has its reasons. */
static void the_kind_that_leaks_is_named(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 1);

	(void)state;
	set_growth(process, KIND_FILE, 200);
	set_growth(process, KIND_EVENTFD, 33);
	set_growth(process, KIND_EPOLL, 34);
	assert_rests_on(the_finding(&profile, "fd-leak"), "fds.kinds.epoll.growth", 34);
	profile_free(&profile);
}

static void a_few_more_are_healthy(void **state)
{
	struct profile profile = scene();

	(void)state;
	set_growth(add_fds(&profile, 0), KIND_EVENTFD, 31);
	assert_nothing_found(&profile);
}

static void a_ramp_of_connections_is_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 0);

	(void)state;
	set_growth(process, KIND_SOCKET, 1000);
	process->counters.fds.opened = process->counters.accept.accepted = 1000;
	assert_nothing_found(&profile);
}

static void sockets_whose_peers_are_gone_leak(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 100);
	const struct profile_finding *finding;

	(void)state;
	process->fds.close_wait = 16;
	finding = the_finding(&profile, "fd-leak");
	assert_rests_on(finding, "fds.close_wait", 16);
	assert_rests_on(finding, "fds.kinds.socket", 100);
	profile_free(&profile);

	profile = scene();
	add_fds(&profile, 100)->fds.close_wait = 15;
	assert_nothing_found(&profile);
}

static void connections_read_to_their_end_and_not_closed_leak(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 0);
	const struct profile_finding *finding;

	(void)state;
	set_growth(process, KIND_SOCKET, 320);
	process->counters.fds.opened = 320;
	process->counters.io[IO_READ][KIND_SOCKET].end = 320;
	finding = the_finding(&profile, "fd-leak");
	assert_rests_on(finding, "io.read.socket.end", 320);
	assert_rests_on(finding, "fds.kinds.socket.growth", 320);
	assert_non_null(strstr(finding->message, "peers of 320 connections"));
	profile_free(&profile);
}

/* Of the kinds nothing is known any more. */
static void a_process_that_has_ended_leaked_all_the_same(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);

	(void)state;
	process->has_exited = true;
	process->fds = (struct profile_fds){ .is_known = true, .open = 329, .limit = 1024 };
	process->counters.fds = (struct fd_counters){ 331, 2 };
	process->counters.io[IO_READ][KIND_SOCKET].end = 320;
	assert_non_null(
		strstr(the_finding(&profile, "fd-leak")->message, "peers of 318 connections"));
	profile_free(&profile);
}

/* Stopped in the middle of a load. */
static void connections_open_at_a_process_end_are_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_process(&profile);

	(void)state;
	process->has_exited = true;
	process->fds = (struct profile_fds){ .is_known = true, .open = 329, .limit = 1024 };
	process->counters.fds = (struct fd_counters){ 1000, 680 };
	process->counters.io[IO_READ][KIND_SOCKET].end = 680;
	assert_nothing_found(&profile);
}

static void connections_read_to_their_end_and_closed_are_healthy(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 0);

	(void)state;
	set_growth(process, KIND_SOCKET, 320);
	process->counters.fds = (struct fd_counters){ 10000, 9680 };
	process->counters.io[IO_READ][KIND_SOCKET].end = 9680;
	assert_nothing_found(&profile);
}

static void without_a_census_nothing_is_known(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 0);

	(void)state;
	set_growth(process, KIND_EVENTFD, 1000);
	process->fds.has_kinds = false;
	assert_nothing_found(&profile);

	profile = scene();
	process = add_process(&profile);
	process->counters.fds.opened = process->counters.io[IO_READ][KIND_SOCKET].end = 100;
	assert_nothing_found(&profile);
}

static void sockets_not_closed_because_of_an_ignored_hangup_are_not_told_twice(void **state)
{
	struct profile profile = scene();
	struct profile_process *process = add_fds(&profile, 100);
	struct profile_epoll *epoll = add_epoll(process, 5);

	(void)state;
	process->fds.close_wait = 100;
	add_wakeups(process, WAIT_EPOLL, 50000);
	epoll->counters.returns = 50000;
	epoll->counters.ignored_hangup = 50000;
	assert_found(&profile, "ignored-hangup");
}

/* ---- io-uring-unseen ---- */

static void work_through_io_uring_is_told(void **state)
{
	struct profile profile = scene();
	const struct profile_finding *finding;

	(void)state;
	add_wakeups(add_process(&profile), WAIT_EPOLL, 1000);
	profile.unseen[UNSEEN_IO_URING] = 100;
	finding = the_finding(&profile, "io-uring-unseen");
	assert_int_equal(finding->tgid, 101);
	assert_rests_on(finding, "unseen.io_uring_requests", 100);
	assert_rests_on(finding, "calls", 1000);
	profile_free(&profile);
}

static void a_little_of_it_is_not(void **state)
{
	struct profile profile = scene();

	(void)state;
	add_wakeups(add_process(&profile), WAIT_EPOLL, 100000);
	profile.unseen[UNSEEN_IO_URING] = 999;
	assert_nothing_found(&profile);
}

static void of_nobody_nothing_is_told(void **state)
{
	struct profile profile = scene();

	(void)state;
	profile.unseen[UNSEEN_IO_URING] = 999;
	assert_nothing_found(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_read_a_byte_at_a_time_are_tiny),
		cmocka_unit_test(small_requests_into_a_large_buffer_are_healthy),
		cmocka_unit_test(tls_reads_its_headers_apart),
		cmocka_unit_test(an_eventfd_is_read_by_eight_bytes),
		cmocka_unit_test(an_answer_written_in_crumbs_is_tiny),
		cmocka_unit_test(both_are_told_in_one),
		cmocka_unit_test(short_answers_and_messages_to_many_are_healthy),
		cmocka_unit_test(files_read_and_written_to_sockets_fit_sendfile),
		cmocka_unit_test(what_is_made_of_files_does_not_fit),
		cmocka_unit_test(who_sends_with_sendfile_knows_it),
		cmocka_unit_test(small_files_are_copied_cheaply),
		cmocka_unit_test(little_is_copied_cheaply),
		cmocka_unit_test(descriptors_that_only_become_more_leak),
		cmocka_unit_test(descriptors_that_come_with_connections_are_healthy),
		cmocka_unit_test(files_may_be_kept_open),
		cmocka_unit_test(the_kind_that_leaks_is_named),
		cmocka_unit_test(a_few_more_are_healthy),
		cmocka_unit_test(a_ramp_of_connections_is_healthy),
		cmocka_unit_test(sockets_whose_peers_are_gone_leak),
		cmocka_unit_test(connections_read_to_their_end_and_not_closed_leak),
		cmocka_unit_test(a_process_that_has_ended_leaked_all_the_same),
		cmocka_unit_test(connections_open_at_a_process_end_are_healthy),
		cmocka_unit_test(connections_read_to_their_end_and_closed_are_healthy),
		cmocka_unit_test(without_a_census_nothing_is_known),
		cmocka_unit_test(
			sockets_not_closed_because_of_an_ignored_hangup_are_not_told_twice),
		cmocka_unit_test(work_through_io_uring_is_told),
		cmocka_unit_test(a_little_of_it_is_not),
		cmocka_unit_test(of_nobody_nothing_is_told),
	};

	return cmocka_run_group_tests_name("findings_io", tests, NULL, NULL);
}
