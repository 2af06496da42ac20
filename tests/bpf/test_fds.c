/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Descriptors: opened and closed by every call that does so, the census by kind
 * beside /proc/PID/fd, and what no call accounts for. The sum
 * open(end) - open(start) = opened - closed is checked in every other test, too.
 */
#include "tests.h"

#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define SPARE 500 /* a number that nothing is open under */

static const uint64_t no_signals;

/* One opening call. */
struct opening {
	const char *name;
	long nr;
	long args[5];
	bool may_be_missing; /* not in every kernel, or not allowed everywhere */
};

static const char *kind_by_fstat(int fd)
{
	struct stat stat;

	must(fstat(fd, &stat), "fstat");
	return S_ISSOCK(stat.st_mode)	? "socket"
	       : S_ISFIFO(stat.st_mode) ? "pipe"
	       : S_ISREG(stat.st_mode)	? "file"
					: "other";
}

static uint64_t reads_of(const struct tracer *tracer, const char *kind, const char *key)
{
	char name[64];

	snprintf(name, sizeof(name), "io.read.%s.%s", kind, key);
	return value_of(tracer, own_process(tracer), name);
}

/* Whatever comes of a read of nothing, it goes to the kind that fstat tells. */
static void check_kind(struct tracer *tracer, int fd, const char *name)
{
	const char *kind = kind_by_fstat(fd);

	fcntl(fd, F_SETFL, O_NONBLOCK); /* refused by O_PATH, which cannot be read either */
	begin(tracer);
	if (syscall(SYS_read, fd, NULL, 0) > 0)
		fail_msg("%s: read something", name);
	end(tracer);
	if (reads_of(tracer, kind, "failed") + reads_of(tracer, kind, "again") +
		    reads_of(tracer, kind, "size_hist[0]") !=
	    1)
		fail_msg("%s: not counted as %s", name, kind);
}

static void check_opening(struct tracer *tracer, const struct opening *opening, const int pair[2])
{
	const long *args = opening->args;
	bool is_pair = opening->nr == SYS_socketpair || opening->nr == SYS_pipe ||
		       opening->nr == SYS_pipe2;
	uint64_t opens = is_pair ? 2 : 1;
	long result;

	begin(tracer);
	result = syscall(opening->nr, args[0], args[1], args[2], args[3], args[4]);
	end(tracer);
	if (result < 0 && !opening->may_be_missing)
		fail_msg("%s: %s", opening->name, strerror(errno));
	if (result < 0 || own_process(tracer)->counters.fds.opened != opens)
		print_message("%s: %s\n", opening->name,
			      result < 0 ? strerror(errno) : "miscounted");
	expect(tracer, { "fds.opened", result < 0 ? 0 : opens }, { "fds.unaccounted", 0 });
	if (is_pair) {
		close(pair[0]);
		close(pair[1]);
	} else if (result >= 0) {
		check_kind(tracer, result, opening->name);
		close(result);
	}
}

static void every_call_that_opens_counts(void **state)
{
	struct perf_event_attr perf = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(perf),
		.config = PERF_COUNT_SW_DUMMY,
	};
	const long null = (long)"/dev/null", root = (long)"/", name = (long)"fdscope-test";
	const long mask = (long)&no_signals;
	struct io_uring_params uring = {};
	struct open_how how = {};
	int pair[2];
	const struct opening openings[] = {
		{ "open", SYS_open, { null, O_RDONLY }, false },
		{ "openat", SYS_openat, { AT_FDCWD, null, O_RDONLY }, false },
		{ "openat2", SYS_openat2, { AT_FDCWD, null, (long)&how, sizeof(how) }, false },
		{ "creat", SYS_creat, { null, 0600 }, false },
		{ "socket", SYS_socket, { AF_UNIX, SOCK_STREAM }, false },
		{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, (long)pair }, false },
		{ "pipe", SYS_pipe, { (long)pair }, false },
		{ "pipe2", SYS_pipe2, { (long)pair, O_CLOEXEC }, false },
		{ "dup", SYS_dup, { 0 }, false },
		{ "dup2", SYS_dup2, { 0, SPARE }, false },
		{ "dup3", SYS_dup3, { 0, SPARE, O_CLOEXEC }, false },
		{ "fcntl F_DUPFD", SYS_fcntl, { 0, F_DUPFD }, false },
		{ "fcntl F_DUPFD_CLOEXEC", SYS_fcntl, { 0, F_DUPFD_CLOEXEC }, false },
		{ "epoll_create", SYS_epoll_create, { 1 }, false },
		{ "epoll_create1", SYS_epoll_create1, { EPOLL_CLOEXEC }, false },
		{ "eventfd", SYS_eventfd, { 0 }, false },
		{ "eventfd2", SYS_eventfd2, { 0, EFD_CLOEXEC }, false },
		{ "timerfd_create", SYS_timerfd_create, { CLOCK_MONOTONIC }, false },
		{ "signalfd", SYS_signalfd, { -1, mask, 8 }, false },
		{ "signalfd4", SYS_signalfd4, { -1, mask, 8, SFD_CLOEXEC }, false },
		{ "memfd_create", SYS_memfd_create, { name }, false },
		{ "pidfd_open", SYS_pidfd_open, { getpid() }, false },
		{ "inotify_init", SYS_inotify_init, {}, true },
		{ "inotify_init1", SYS_inotify_init1, {}, true },
		{ "fanotify_init", SYS_fanotify_init, { FAN_CLASS_NOTIF }, true },
		{ "memfd_secret", SYS_memfd_secret, {}, true },
		{ "userfaultfd", SYS_userfaultfd, {}, true },
		{ "perf_event_open", SYS_perf_event_open, { (long)&perf, 0, -1, -1 }, true },
		{ "io_uring_setup", SYS_io_uring_setup, { 1, (long)&uring }, true },
		{ "mq_open", SYS_mq_open, { name, O_CREAT | O_RDWR, 0600 }, true },
		{ "open_tree", SYS_open_tree, { AT_FDCWD, root }, true },
		{ "fsopen", SYS_fsopen, { (long)"tmpfs" }, true },
		{ "fspick", SYS_fspick, { AT_FDCWD, root }, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(openings); i++)
		check_opening(*state, &openings[i], pair);
	syscall(SYS_mq_unlink, "fdscope-test");
}

static void a_mount_and_a_handle_are_opened_by_calls_of_their_own(void **state)
{
	char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	struct file_handle *handle = (struct file_handle *)room;
	int context, mount, root, file = -1, mount_id;
	bool has_handle;

	root = must(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open /tmp");
	context = syscall(SYS_fsopen, "tmpfs", 0);
	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		skip(); /* no new mount calls */
	handle->handle_bytes = MAX_HANDLE_SZ;
	has_handle = !name_to_handle_at(root, "", handle, &mount_id, AT_EMPTY_PATH);
	begin(*state);
	mount = syscall(SYS_fsmount, context, 0, 0);
	if (has_handle)
		file = syscall(SYS_open_by_handle_at, root, handle, O_RDONLY);
	end(*state);
	assert_true(mount >= 0);
	expect(*state, { "fds.opened", 1 + (file >= 0) });
	close(mount);
	if (file >= 0)
		close(file);
	close(context);
	close(root);
}

static void a_call_that_fails_opens_nothing(void **state)
{
	int pair[2];

	begin(*state);
	assert_int_equal(syscall(SYS_open, "/nowhere/at/all", O_RDONLY), -1);
	assert_int_equal(syscall(SYS_socket, AF_MAX, 0, 0), -1);
	assert_int_equal(syscall(SYS_socketpair, AF_INET, SOCK_STREAM, 0, pair), -1);
	assert_int_equal(syscall(SYS_dup, -1), -1);
	assert_int_equal(syscall(SYS_dup2, -1, SPARE), -1);
	assert_int_equal(syscall(SYS_dup3, 0, 0, 0), -1);
	assert_int_equal(syscall(SYS_close, -1), -1);
	assert_int_equal(syscall(SYS_close_range, 7, 5, 0), -1);
	end(*state);
	expect(*state, { "fds.opened", 0 }, { "fds.closed", 0 });
}

/* signalfd on a descriptor changes it; dup2 onto itself does nothing. */
static void what_opens_nothing_new_is_not_counted(void **state)
{
	int fd = must(syscall(SYS_signalfd4, -1, &no_signals, 8, 0), "signalfd4");

	begin(*state);
	assert_int_equal(syscall(SYS_signalfd4, fd, &no_signals, 8, 0), fd);
	assert_int_equal(syscall(SYS_signalfd, fd, &no_signals, 8), fd);
	assert_int_equal(syscall(SYS_dup2, fd, fd), fd);
	must(syscall(SYS_fcntl, fd, F_GETFD), "fcntl");
	must(syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC), "fcntl");
	end(*state);
	expect(*state, { "fds.opened", 0 }, { "fds.closed", 0 });
	close(fd);
}

static void dup_onto_an_open_descriptor_closes_it(void **state)
{
	int fd = new_eventfd();

	must(dup2(0, SPARE), "dup2");
	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_dup2, fd, SPARE), SPARE);
	for (int i = 0; i < 2; i++)
		assert_int_equal(syscall(SYS_dup3, fd, SPARE, O_CLOEXEC), SPARE);
	end(*state);
	expect(*state, { "fds.opened", 5 }, { "fds.closed", 5 }, { "fds.unaccounted", 0 });
	close(fd);
	close(SPARE);
}

/* 7 descriptors with gaps between 600 and 700, 3 of them in the middle. */
static void close_range_closes_what_is_open_in_it(void **state)
{
	static const int numbers[] = { 600, 601, 639, 640, 650, 699, 700 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		must(dup2(0, numbers[i]), "dup2");
	begin(*state);
	if (syscall(SYS_close_range, 620, 698, CLOSE_RANGE_CLOEXEC))
		assert_int_equal(errno, EINVAL); /* before 5.11 there is no such flag */
	end(*state);
	expect(*state, { "fds.closed", 0 });
	begin(*state);
	must(syscall(SYS_close_range, 639, 650, 0), "close_range");
	end(*state);
	expect(*state, { "fds.closed", 3 }, { "fds.unaccounted", 0 });
	begin(*state);
	must(syscall(SYS_close_range, 600, ~0U, 0), "close_range");
	end(*state);
	expect(*state, { "fds.closed", 4 }, { "fds.unaccounted", 0 });
}

struct stage {
	uint32_t reached, allowed;
	int nr;
	pid_t pid;
};

/* From nothing open at all, so that the census is known to the last descriptor. */
static void open_some_of_each(void *context)
{
	struct stage *stage = context;
	int pair[2];

	syscall(SYS_close_range, 0, ~0U, 0);
	for (int i = 0; i < 2; i++)
		syscall(SYS_memfd_create, "fdscope-test", 0);
	for (int i = 0; i < 3; i++)
		epoll_create1(0);
	for (int i = 0; i < 5; i++)
		eventfd(0, 0);
	for (int i = 0; i < 7; i++)
		timerfd_create(CLOCK_MONOTONIC, 0);
	for (int i = 0; i < 11; i++)
		socket(AF_UNIX, SOCK_STREAM, 0);
	for (int i = 0; i < 13; i++)
		open("/dev/null", O_RDONLY);
	pipe(pair);
	raise_to(&stage->reached, 1);
	await(&stage->allowed, 1);
}

static void the_census_tells_kinds(void **state)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	size_t inherited = 0;
	pid_t pid;

	begin(*state);
	inherited = count_fds_of(getpid());
	pid = start_child(open_some_of_each, stage);
	await(&stage->reached, 1);
	end(*state);
	assert_int_equal(count_fds_of(pid), 43);
	expect_of(*state, process_of(*state, pid), { "fds.open", 43 }, { "fds.opened", 43 },
		  { "fds.closed", inherited }, { "fds.unaccounted", 0 }, { "fds.kinds.file", 2 },
		  { "fds.kinds.epoll", 3 }, { "fds.kinds.eventfd", 5 }, { "fds.kinds.timerfd", 7 },
		  { "fds.kinds.socket", 11 }, { "fds.kinds.other", 13 }, { "fds.kinds.pipe", 2 });
	raise_to(&stage->allowed, 1);
	wait_child(pid);
}

static void lower_the_limit(void *context)
{
	const struct rlimit limit = { .rlim_cur = 997, .rlim_max = 1009 };

	(void)context;
	must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

static void the_limit_is_the_soft_one(void **state)
{
	pid_t pid;

	begin(*state);
	pid = run_child(lower_the_limit, NULL);
	end(*state);
	expect_of(*state, process_of(*state, pid), { "fds.limit", 997 });
	expect_listed_of(*state, own_process(*state), { "fds.open", count_fds_of(getpid()) });
}

/* A table of several words and more than one read of the bitmap (2048 bits), with gaps. */
static void open_thousands_with_gaps(void *context)
{
	struct stage *stage = context;

	for (int fd = 600; fd < 9000; fd += 7)
		must(dup2(0, fd), "dup2");
	raise_to(&stage->reached, 1);
	await(&stage->allowed, 1);
	must(syscall(SYS_close_range, 2047, 2049, 0), "close_range"); /* at most one */
	must(syscall(SYS_close_range, 4000, ~0U, 0), "close_range");
}

static void a_long_table_with_gaps_is_counted_whole(void **state)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	uint64_t opened = 0, closed = 0;
	size_t inherited;
	pid_t pid;

	for (int fd = 600; fd < 9000; fd += 7) {
		opened++;
		closed += fd >= 4000 || (fd >= 2047 && fd <= 2049);
	}
	begin(*state);
	inherited = count_fds_of(getpid());
	pid = start_child(open_thousands_with_gaps, stage);
	await(&stage->reached, 1);
	assert_int_equal(count_fds_of(pid), inherited + opened);
	raise_to(&stage->allowed, 1);
	wait_child(pid);
	end(*state);
	expect_of(*state, process_of(*state, pid), { "fds.opened", opened },
		  { "fds.closed", closed }, { "fds.open", inherited + opened - closed },
		  { "fds.unaccounted", 0 });
}

static void do_nothing(void *context)
{
	(void)context;
}

/* Born with a long table, and gone: nothing opened, nothing closed, nothing unaccounted for. */
static void fork_from_a_long_table(void *context)
{
	struct stage *stage = context;

	for (int fd = 100; fd < 5000; fd += 3)
		must(dup2(0, fd), "dup2");
	stage->nr = count_fds_of(getpid());
	stage->pid = start_child(do_nothing, NULL);
	wait_child(stage->pid);
}

static void a_forked_child_starts_with_its_parents_table(void **state)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	pid_t pid;

	begin(*state);
	pid = run_child(fork_from_a_long_table, stage);
	end(*state);
	expect_listed_of(*state, process_of(*state, pid), { "fds.unaccounted", 0 });
	expect_of(*state, process_of(*state, stage->pid), { "fds.open", stage->nr },
		  { "fds.opened", 0 }, { "fds.closed", 0 }, { "fds.unaccounted", 0 });
}

/* 7 go at exec, 3 stay; what the loader opens it closes. */
static void exec_with_cloexec(void *context)
{
	struct stage *stage = context;
	char *const argv[] = { "fdscope-after-exec", AFTER_EXEC, NULL };

	syscall(SYS_close_range, 3, ~0U, 0);
	for (int i = 0; i < 7; i++)
		must(eventfd(0, EFD_CLOEXEC), "eventfd");
	for (int i = 0; i < 3; i++)
		must(dup2(0, 3000 + 1000 * i), "dup2");
	stage->nr = count_fds_of(getpid());
	execv("/proc/self/exe", argv);
	require(false, "execv");
}

static void exec_closes_what_is_marked(void **state)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	const struct profile_process *process;
	uint64_t inherited;
	pid_t pid;

	inherited = count_fds_of(getpid());
	begin(*state);
	pid = run_child(exec_with_cloexec, stage);
	end(*state);
	process = process_of(*state, pid);
	assert_true(inherited >= 3);
	assert_int_equal(stage->nr, 3 + 7 + 3);
	expect_listed_of(*state, process, { "fds.open", 3 + 3 }, { "fds.unaccounted", 0 });
	assert_int_equal(process->counters.fds.opened + inherited - process->counters.fds.closed,
			 3 + 3);
}

static void send_fds(int to, const int *fds, unsigned int nr)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = {}, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *header;

	msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
	header = CMSG_FIRSTHDR(&msg);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(header), fds, nr * sizeof(int));
	must(sendmsg(to, &msg, 0), "sendmsg");
}

static void receive_fds(int from, int *fds, unsigned int nr)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = {}, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };

	assert_int_equal(recvmsg(from, &msg, 0), 1);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), nr * sizeof(int));
}

static void descriptors_that_came_by_message_are_unaccounted(void **state)
{
	int pair[2], sent[5] = {}, got[5];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	begin(*state);
	send_fds(pair[0], sent, 5);
	receive_fds(pair[1], got, 5);
	end(*state);
	expect(*state, { "fds.unaccounted", 5 }, { "fds.opened", 0 }, { "io.*", ANY });
	begin(*state);
	for (int i = 0; i < 5; i++)
		close(got[i]);
	end(*state);
	expect(*state, { "fds.closed", 5 }, { "fds.unaccounted", 0 });
	close(pair[0]);
	close(pair[1]);
}

static void descriptors_taken_from_another_process_are_unaccounted(void **state)
{
	int pidfd = must(syscall(SYS_pidfd_open, getpid(), 0), "pidfd_open");
	int got[3];

	begin(*state);
	for (int i = 0; i < 3; i++)
		got[i] = must(syscall(SYS_pidfd_getfd, pidfd, 0, 0), "pidfd_getfd");
	end(*state);
	expect(*state, { "fds.unaccounted", 3 });
	for (int i = 0; i < 3; i++)
		close(got[i]);
	close(pidfd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_call_that_opens_counts),
	cmocka_unit_test(a_mount_and_a_handle_are_opened_by_calls_of_their_own),
	cmocka_unit_test(a_call_that_fails_opens_nothing),
	cmocka_unit_test(what_opens_nothing_new_is_not_counted),
	cmocka_unit_test(dup_onto_an_open_descriptor_closes_it),
	cmocka_unit_test(close_range_closes_what_is_open_in_it),
	cmocka_unit_test(the_census_tells_kinds),
	cmocka_unit_test(the_limit_is_the_soft_one),
	cmocka_unit_test(a_long_table_with_gaps_is_counted_whole),
	cmocka_unit_test(a_forked_child_starts_with_its_parents_table),
	cmocka_unit_test(exec_closes_what_is_marked),
	cmocka_unit_test(descriptors_that_came_by_message_are_unaccounted),
	cmocka_unit_test(descriptors_taken_from_another_process_are_unaccounted),
};

const struct family fds_tests = { tests, ARRAY_SIZE(tests) };
