/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What should have been counted and was not: each map filled, each kind of
 * memory unreadable, and the loss counted by its cause. programs_skipped must
 * not come about: see user/source/doors.h.
 */
#include "tests.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* Own probes, with room for this much. */
static struct tracer *small_tracer(uint32_t threads, uint32_t processes, uint32_t listeners)
{
	const struct probe_options options = {
		.limits = { threads, processes, listeners, 1024 },
	};

	return tracer_new(&options);
}

static bool is_inexact(const struct profile_process *process, const char *key)
{
	for (size_t i = 0; i < process->nr_inexact; i++) {
		if (!strcmp(process->inexact[i].key, key))
			return true;
	}
	return false;
}

struct crowd {
	pthread_barrier_t met, done;
	int fd, epfd;
};

static void *write_seven_times(void *context)
{
	struct crowd *crowd = context;
	const uint64_t one = 1;

	for (int i = 0; i < 7; i++)
		assert_int_equal(write(crowd->fd, &one, sizeof(one)), sizeof(one));
	pthread_barrier_wait(&crowd->met);
	pthread_barrier_wait(&crowd->done);
	return NULL;
}

static void *wait_five_times(void *context)
{
	struct crowd *crowd = context;
	struct epoll_event event;

	for (int i = 0; i < 5; i++)
		assert_int_equal(syscall(SYS_epoll_wait, crowd->epfd, &event, 1, 0), 0);
	pthread_barrier_wait(&crowd->met);
	pthread_barrier_wait(&crowd->done);
	return NULL;
}

static void start_crowd(struct crowd *crowd, pthread_t *threads, unsigned int nr,
			void *(*act)(void *))
{
	pthread_barrier_init(&crowd->met, NULL, nr + 1);
	pthread_barrier_init(&crowd->done, NULL, nr + 1);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, act, crowd), 0);
	pthread_barrier_wait(&crowd->met);
}

static void end_crowd(struct crowd *crowd, pthread_t *threads, unsigned int nr)
{
	pthread_barrier_wait(&crowd->done);
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

/* Of three rows the main thread has one since the harness's own calls: two for five threads. */
static void threads_beyond_the_table_are_counted_as_lost(void **state)
{
	struct tracer *tracer = small_tracer(3, 3, 3);
	struct crowd crowd = { .fd = new_eventfd() };
	pthread_t threads[5];

	(void)state;
	begin(tracer);
	start_crowd(&crowd, threads, 5, write_seven_times);
	end(tracer);
	end_crowd(&crowd, threads, 5);
	expect(tracer, { "io.write.other.calls", 2 * 7 }, { "io.write.other.bytes", 2 * 7 * 8 },
	       { "io.write.other.size_hist[4]", 2 * 7 }, { "losses.threads", 3 * 7 });
	assert_false(profile_is_complete(profile_of(tracer)));
	tracer_free(tracer);
	close(crowd.fd);
}

/* A wait is looked at on entry and on return, and is yet one call. */
static void a_lost_wait_is_lost_once(void **state)
{
	struct tracer *tracer = small_tracer(3, 3, 3);
	struct crowd crowd = { .epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1") };
	pthread_t threads[5];

	(void)state;
	begin(tracer);
	start_crowd(&crowd, threads, 5, wait_five_times);
	end(tracer);
	end_crowd(&crowd, threads, 5);
	expect(tracer, { "epoll_wait.empty_polls", 2 * 5 }, { "epoll_wait.spins", 2 * 4 },
	       { "epoll_wait.capacity", 2 * 5 }, { "epoll_wait.watched_hist[0]", 2 * 5 },
	       { "losses.threads", 3 * 5 });
	tracer_free(tracer);
	close(crowd.epfd);
}

static void write_thrice(void *context)
{
	const uint64_t one = 1;

	for (int i = 0; i < 3; i++)
		require(write(*(int *)context, &one, sizeof(one)) == sizeof(one), "write");
}

/* The table holds us alone: no child becomes a target. */
static void processes_beyond_the_table_are_counted_as_lost(void **state)
{
	struct tracer *tracer = small_tracer(16, 1, 3);
	int fd = new_eventfd();
	pid_t pids[5];

	(void)state;
	begin(tracer);
	for (int i = 0; i < 5; i++)
		pids[i] = run_child(write_thrice, &fd);
	end(tracer);
	expect(tracer, { "losses.processes", 5 });
	for (int i = 0; i < 5; i++)
		assert_false(has_process(tracer, pids[i]));
	tracer_free(tracer);
	close(fd);
}

static int new_listener(uint64_t *inode)
{
	int fd = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
	struct sockaddr address = { .sa_family = AF_UNIX };
	struct stat stat;

	must(bind(fd, &address, sizeof(sa_family_t)), "bind");
	must(listen(fd, 5), "listen");
	must(fstat(fd, &stat), "fstat");
	*inode = stat.st_ino;
	return fd;
}

static void listeners_beyond_the_table_are_counted_as_lost(void **state)
{
	struct tracer *tracer = small_tracer(16, 3, 1);
	uint64_t first_inode, second_inode;
	int first, second;

	(void)state;
	first = new_listener(&first_inode);
	begin(tracer); /* the walk meets the first, and the table is full */
	second = new_listener(&second_inode);
	for (int i = 0; i < 5; i++)
		assert_int_equal(syscall(SYS_accept, first, NULL, NULL), -1);
	for (int i = 0; i < 7; i++)
		assert_int_equal(syscall(SYS_accept, second, NULL, NULL), -1);
	end(tracer);
	/* listen and seven accepts */
	expect(tracer, { "accept.again", 12 }, { "losses.listeners", 8 }, { "fds.opened", 1 });
	assert_int_equal(listener_of(own_process(tracer), first_inode)->again, 5);
	assert_true(is_inexact(own_process(tracer), "accept.listeners"));
	tracer_free(tracer);
	close(first);
	close(second);
}

/*
 * A page of a file that this process has not touched yet: the kernel faults it
 * in, the probes cannot.
 */
static void *untouched_page(int fd, const void *content, size_t bytes)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(page != MAP_FAILED);
	assert_int_equal(pwrite(fd, content, bytes, 0), bytes);
	must(madvise(page, 4096, MADV_DONTNEED), "madvise");
	return page;
}

static int new_page_file(void)
{
	int fd = must(memfd_create("fdscope-test", MFD_CLOEXEC), "memfd_create");

	must(ftruncate(fd, 4096), "ftruncate");
	return fd;
}

/* Counts as not zero, although it is, and as a loss. */
static void a_timeout_that_cannot_be_read_is_a_loss(void **state)
{
	const struct timespec zero = {};
	struct timespec *timeout;
	int fd = new_page_file();

	timeout = untouched_page(fd, &zero, sizeof(zero));
	begin(*state);
	for (int i = 0; i < 3; i++) {
		must(madvise(timeout, 4096, MADV_DONTNEED), "madvise");
		assert_int_equal(syscall(SYS_ppoll, NULL, 0, timeout, NULL, 0), 0);
	}
	for (int i = 0; i < 2; i++) /* what the kernel cannot read either */
		assert_int_equal(syscall(SYS_ppoll, NULL, 0, (void *)-4096L, NULL, 0), -1);
	end(*state);
	expect(*state, { "poll.timeouts", 3 }, { "poll.failed", 2 }, { "poll.watched_hist[0]", 3 },
	       { "poll.in_bytes", 16 * 5 }, { "losses.user_memory", 5 });
	assert_false(profile_is_complete(profile_of(*state)));
	assert_true(own_process(*state)->nr_inexact > 0);
	munmap(timeout, 4096);
	close(fd);
}

static void a_set_that_cannot_be_read_is_a_loss(void **state)
{
	struct timeval none = {};
	uint64_t set[8] = { 1 };
	int fd = new_page_file();
	void *page;

	page = untouched_page(fd, set, sizeof(set));
	begin(*state);
	for (int i = 0; i < 3; i++) {
		must(madvise(page, 4096, MADV_DONTNEED), "madvise");
		must(syscall(SYS_select, 1, NULL, NULL, page, &none), "select");
	}
	end(*state);
	expect(*state, { "select.empty_polls", 3 }, { "select.spins", 2 },
	       { "select.watched_hist[0]", 3 }, { "select.in_bytes", 3 * (16 + 8) },
	       { "select.out_bytes", 3 * 8 }, { "losses.user_memory", 3 });
	munmap(page, 4096);
	close(fd);
}

static void an_address_size_that_cannot_be_read_is_a_loss(void **state)
{
	int page_fd = new_page_file(), listener, client, accepted;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct sockaddr_storage at;
	uint64_t inode;
	void *page;

	listener = new_listener(&inode);
	must(getsockname(listener, (struct sockaddr *)&at, &len), "getsockname");
	client = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	must(connect(client, (struct sockaddr *)&at, len), "connect");
	len = sizeof(peer);
	page = untouched_page(page_fd, &len, sizeof(len));
	begin(*state);
	accepted = must(syscall(SYS_accept, listener, &peer, page), "accept");
	end(*state);
	/* An unnamed peer: a family and no more. */
	expect(*state, { "accept.accepted", 1 }, { "accept.in_bytes", 4 },
	       { "accept.out_bytes", 2 + 4 }, { "fds.opened", 1 }, { "losses.user_memory", 1 });
	munmap(page, 4096);
	close(page_fd);
	close(listener);
	close(client);
	close(accepted);
}

struct remote {
	struct iovec *iov;
	int fd;
	uint32_t entered;
};

static void *write_with_iovecs(void *context)
{
	struct remote *remote = context;

	remote->entered = gettid();
	assert_int_equal(writev(remote->fd, remote->iov, 1), 1 << 20);
	return NULL;
}

/* The iovecs are read when the call returns; another thread has unmapped them by then. */
static void iovecs_that_are_gone_at_return_are_a_loss(void **state)
{
	struct remote remote = {};
	static char block[1 << 20];
	pthread_t thread;
	uint64_t moved = 0;
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	remote.fd = pair[0];
	remote.iov = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*remote.iov = (struct iovec){ block, sizeof(block) };
	begin(*state);
	assert_int_equal(pthread_create(&thread, NULL, write_with_iovecs, &remote), 0);
	while (!__atomic_load_n(&remote.entered, __ATOMIC_ACQUIRE))
		;
	await_sleep_in(remote.entered, SYS_writev);
	munmap(remote.iov, 4096);
	while (moved < sizeof(block))
		moved += must(recv(pair[1], block, sizeof(block), 0), "recv");
	pthread_join(thread, NULL);
	end(*state);
	/* What was moved is known, what was asked is not: not partial. */
	expect(*state, { "io.write.socket.calls", 1 }, { "io.write.socket.bytes", 1 << 20 },
	       { "io.write.socket.size_hist[21]", 1 }, { "losses.user_memory", 1 },
	       { "io.read.*", ANY }, { "fds.*", ANY });
	close(pair[0]);
	close(pair[1]);
}

/* Takes CAP_SYS_RESOURCE, which root in a container may lack. */
static bool may_open(rlim_t nr)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	if (nr <= limit.rlim_cur)
		return true;
	limit.rlim_cur = nr;
	limit.rlim_max = limit.rlim_max > nr ? limit.rlim_max : nr;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void restore_limit(const struct rlimit *limit)
{
	must(setrlimit(RLIMIT_NOFILE, limit), "setrlimit");
}

/* With the highest descriptor @nr - 1 the table has the next power of two of slots. */
static void select_all(void *context)
{
	static uint64_t set[2 * SELECT_FDS_MAX / 64];
	int nr = *(int *)context;
	struct timeval none = {};

	must(dup2(new_eventfd(), nr - 1), "dup2");
	for (size_t i = 0; i < ARRAY_SIZE(set); i++)
		set[i] = ~0ULL; /* pages that were never touched cannot be read */
	memset(set, 0, sizeof(set));
	for (int i = 0; i < 3; i++) {
		set[(nr - 1) / 64] = 1ULL << (nr - 1) % 64;
		must(syscall(SYS_select, 2 * SELECT_FDS_MAX, NULL, NULL, set, &none), "select");
	}
}

static void check_long_select(struct tracer *tracer, int nr, uint64_t slots, bool is_lost)
{
	struct rlimit limit;
	pid_t pid;

	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	if (!may_open(nr))
		skip();
	begin(tracer);
	pid = run_child(select_all, &nr);
	end(tracer);
	restore_limit(&limit);
	expect_of(tracer, process_of(tracer, pid), { "select.empty_polls", 3 },
		  { "select.spins", 2 }, { "select.watched", is_lost ? 0 : 3 },
		  { "select.watched_hist[0]", is_lost ? 3 : 0 },
		  { "select.watched_hist[1]", is_lost ? 0 : 3 },
		  { "select.in_bytes", 3 * (16 + slots / 8) },
		  { "select.out_bytes", 3 * slots / 8 }, { "fds.opened", 2 },
		  { "losses.select_sets", is_lost ? 3 : 0 });
	assert_int_equal(is_inexact(process_of(tracer, pid), "select.watched"), is_lost);
}

static void sets_as_long_as_can_be_are_looked_at_whole(void **state)
{
	check_long_select(*state, SELECT_FDS_MAX / 2 + 1000, SELECT_FDS_MAX, false);
}

static void sets_too_long_to_look_at_are_a_loss(void **state)
{
	check_long_select(*state, SELECT_FDS_MAX + 1000, 2 * SELECT_FDS_MAX, true);
}

static void end_with_a_table_too_long(void *context)
{
	(void)context;
	must(dup2(0, OPEN_FDS_MAX), "dup2");
}

/* Counted once, when the process ends. */
static void a_table_too_long_to_count_is_a_loss(void **state)
{
	struct rlimit limit;
	pid_t pid;

	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	if (!may_open(OPEN_FDS_MAX + 1))
		skip();
	begin(*state);
	pid = run_child(end_with_a_table_too_long, NULL);
	end(*state);
	restore_limit(&limit);
	expect_listed_of(*state, process_of(*state, pid), { "fds.opened", 1 },
			 { "losses.open_descriptors", 1 });
}

/* The ring holds 256 KiB; nobody reads it meanwhile. */
#define MANY_ENDS 4201

static void end_many(void *context)
{
	(void)context;
	for (int i = 0; i < MANY_ENDS; i++) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(0);
		require(waitpid(pid, NULL, 0) == pid, "waitpid");
	}
}

static void ends_that_nobody_heard_of_are_a_loss(void **state)
{
	struct tracer *tracer = small_tracer(16, 16, 3);
	size_t heard;
	pid_t pid;

	(void)state;
	begin(tracer);
	pid = run_child(end_many, NULL);
	end(tracer);
	heard = profile_of(tracer)->nr_processes - 1; /* without us */
	assert_true(profile_of(tracer)->losses[LOSS_ENDED_PROCESSES] > 0);
	assert_int_equal(heard + profile_of(tracer)->losses[LOSS_ENDED_PROCESSES], MANY_ENDS + 1);
	assert_false(has_process(tracer, pid)); /* the last to end */
	tracer_free(tracer);
}

#define RIVALS	      7
#define RIVALS_WRITES 3001

static void *write_against_the_others(void *context)
{
	struct crowd *crowd = context;
	const uint64_t one = 1;

	pthread_barrier_wait(&crowd->met);
	for (int i = 0; i < RIVALS_WRITES; i++)
		require(write(crowd->fd, &one, sizeof(one)) == sizeof(one), "write");
	return NULL;
}

/* All on one CPU, so that they end each other's turns wherever the tick finds them. */
static void write_on_one_cpu(void *context)
{
	struct crowd crowd = { .fd = *(int *)context };
	pthread_t threads[RIVALS];
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	require(!sched_setaffinity(0, sizeof(cpu), &cpu), "sched_setaffinity");
	pthread_barrier_init(&crowd.met, NULL, RIVALS);
	for (int i = 0; i < RIVALS; i++)
		require(!pthread_create(&threads[i], NULL, write_against_the_others, &crowd),
			"pthread_create");
	for (int i = 0; i < RIVALS; i++)
		pthread_join(threads[i], NULL);
}

/* Where programs run preemptibly, one that was preempted is skipped for all others of its CPU. */
static void threads_that_preempt_each_other_lose_nothing(void **state)
{
	int fd = new_eventfd();
	pid_t pid;

	begin(*state);
	pid = run_child(write_on_one_cpu, &fd);
	end(*state);
	expect_of(*state, process_of(*state, pid),
		  { "io.write.other.calls", RIVALS * RIVALS_WRITES },
		  { "io.write.other.bytes", 8 * RIVALS * RIVALS_WRITES },
		  { "io.write.other.size_hist[4]", RIVALS * RIVALS_WRITES });
	assert_true(profile_is_complete(profile_of(*state)));
	close(fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(threads_beyond_the_table_are_counted_as_lost),
	cmocka_unit_test(a_lost_wait_is_lost_once),
	cmocka_unit_test(processes_beyond_the_table_are_counted_as_lost),
	cmocka_unit_test(listeners_beyond_the_table_are_counted_as_lost),
	cmocka_unit_test(a_timeout_that_cannot_be_read_is_a_loss),
	cmocka_unit_test(a_set_that_cannot_be_read_is_a_loss),
	cmocka_unit_test(an_address_size_that_cannot_be_read_is_a_loss),
	cmocka_unit_test(iovecs_that_are_gone_at_return_are_a_loss),
	cmocka_unit_test(sets_as_long_as_can_be_are_looked_at_whole),
	cmocka_unit_test(sets_too_long_to_look_at_are_a_loss),
	cmocka_unit_test(a_table_too_long_to_count_is_a_loss),
	cmocka_unit_test(ends_that_nobody_heard_of_are_a_loss),
	cmocka_unit_test(threads_that_preempt_each_other_lose_nothing),
};

const struct family losses_tests = { tests, ARRAY_SIZE(tests) };
