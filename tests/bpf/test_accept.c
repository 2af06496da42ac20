/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* accept and accept4: outcomes, the listeners behind them, their queues and drops. */
#include "tests.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/sock_diag.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

struct listening {
	int fd;
	uint64_t inode;
	union address address;
	socklen_t len;
};

static uint64_t inode_of(int fd)
{
	struct stat stat;

	must(fstat(fd, &stat), "fstat");
	return stat.st_ino;
}

static struct listening listen_at(const union address *address, socklen_t len, int backlog,
				  bool shares_port)
{
	struct listening to = { .len = sizeof(to.address) };
	int one = 1;

	to.fd = must(socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		     "socket");
	if (shares_port)
		must(setsockopt(to.fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), "reuseport");
	must(bind(to.fd, &address->any, len), "bind");
	must(listen(to.fd, backlog), "listen");
	must(getsockname(to.fd, &to.address.any, &to.len), "getsockname");
	to.inode = inode_of(to.fd);
	return to;
}

static struct listening listen_tcp(int backlog)
{
	const union address address = {
		.in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	};

	return listen_at(&address, sizeof(address.in), backlog, false);
}

static struct listening listen_unix(int backlog)
{
	/* No name given: the kernel finds an abstract one. */
	const union address address = { .un.sun_family = AF_UNIX };

	return listen_at(&address, sizeof(sa_family_t), backlog, false);
}

static int connect_to(const struct listening *to)
{
	int fd = must(socket(to->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	must(connect(fd, &to->address.any, to->len), "connect");
	return fd;
}

/* connect() may return before its ACK went through the softirq: ask the listener itself. */
static void await_queue(const struct listening *to, unsigned int nr)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	uint64_t deadline = now_ns() + 10000000000ULL;

	do {
		must(getsockopt(to->fd, IPPROTO_TCP, TCP_INFO, &info, &len), "TCP_INFO");
	} while (info.tcpi_unacked != nr && now_ns() < deadline);
	assert_int_equal(info.tcpi_unacked, nr);
}

static void close_all(const int *fds, int nr)
{
	for (int i = 0; i < nr; i++)
		close(fds[i]);
}

/* 5 wait; each accept leaves one less behind: 4, 3, 2, 1, 0. */
static void drain_five(struct tracer *tracer, const struct listening *to, int *clients)
{
	int accepted[5];

	for (int i = 0; i < 5; i++)
		clients[i] = connect_to(to);
	if (to->address.any.sa_family != AF_UNIX)
		await_queue(to, 5);
	begin(tracer);
	for (int i = 0; i < 5; i++)
		accepted[i] = must(syscall(SYS_accept4, to->fd, NULL, NULL, 0), "accept4");
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_accept, to->fd, NULL, NULL), -1);
	end(tracer);
	expect(tracer, { "accept.calls", 8 }, { "accept.accepted", 5 }, { "accept.again", 3 },
	       { "fds.opened", 5 }, { "copies.control_bytes", 0 });
	close_all(accepted, 5);
	close_all(clients, 5);
}

static void check_drained(struct tracer *tracer, struct listening *to, uint64_t limit,
			  const char *local)
{
	const struct profile_listener *row;
	int clients[5];

	drain_five(tracer, to, clients);
	row = listener_of(own_process(tracer), to->inode);
	assert_string_equal(row->local, local);
	assert_int_equal(row->again, 3);
	assert_int_equal(row->queue_limit, limit);
	assert_int_equal(row->drops, 0);
	assert_int_equal(row->queue_depth_hist[0], 1); /* 0 */
	assert_int_equal(row->queue_depth_hist[1], 1); /* 1 */
	assert_int_equal(row->queue_depth_hist[2], 2); /* 2, 3 */
	assert_int_equal(row->queue_depth_hist[3], 1); /* 4 */
	close(to->fd);
}

static void a_tcp_listener_shows_its_queue(void **state)
{
	struct listening to = listen_tcp(7);
	char local[64];

	snprintf(local, sizeof(local), "127.0.0.1:%u", ntohs(to.address.in.sin_port));
	check_drained(*state, &to, 7, local);
}

static void a_tcp6_listener_shows_its_queue(void **state)
{
	const union address address = {
		.in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT },
	};
	struct listening to = listen_at(&address, sizeof(address.in6), 11, false);
	char local[64];

	snprintf(local, sizeof(local), "[::1]:%u", ntohs(to.address.in6.sin6_port));
	check_drained(*state, &to, 11, local);
}

static void an_abstract_unix_listener_shows_its_queue(void **state)
{
	struct listening to = listen_unix(13);
	char local[128];

	snprintf(local, sizeof(local), "unix:@%.*s", (int)(to.len - sizeof(sa_family_t) - 1),
		 to.address.un.sun_path + 1);
	check_drained(*state, &to, 13, local);
}

static void a_unix_listener_shows_its_path(void **state)
{
	union address address = { .un.sun_family = AF_UNIX };
	struct listening to;
	char local[128];

	snprintf(address.un.sun_path, sizeof(address.un.sun_path), "/tmp/fdscope-test-%d",
		 getpid());
	snprintf(local, sizeof(local), "unix:%s", address.un.sun_path);
	to = listen_at(&address, sizeof(address.un), 17, false);
	check_drained(*state, &to, 17, local);
	unlink(address.un.sun_path);
}

static void each_reuseport_sibling_has_its_own_row(void **state)
{
	union address address = {
		.in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
	};
	struct listening first = listen_at(&address, sizeof(address.in), 5, true), second;
	const struct profile_process *process;

	address = first.address;
	second = listen_at(&address, sizeof(address.in), 7, true);
	begin(*state);
	for (int i = 0; i < 2; i++)
		syscall(SYS_accept, first.fd, NULL, NULL);
	for (int i = 0; i < 3; i++)
		syscall(SYS_accept, second.fd, NULL, NULL);
	end(*state);
	process = own_process(*state);
	expect(*state, { "accept.again", 5 });
	assert_int_equal(listener_of(process, first.inode)->again, 2);
	assert_int_equal(listener_of(process, second.inode)->again, 3);
	assert_int_equal(listener_of(process, first.inode)->queue_limit, 5);
	assert_int_equal(listener_of(process, second.inode)->queue_limit, 7);
	assert_string_equal(listener_of(process, first.inode)->local,
			    listener_of(process, second.inode)->local);
	close(first.fd);
	close(second.fd);
}

static void accept_three_times(void *context)
{
	const struct listening *to = context;

	for (int i = 0; i < 3; i++)
		require(syscall(SYS_accept, to->fd, NULL, NULL) == -1, "find none");
}

static void a_listener_two_processes_share_has_a_row_in_each(void **state)
{
	struct listening to = listen_tcp(5);
	pid_t pid;

	begin(*state);
	pid = run_child(accept_three_times, &to);
	for (int i = 0; i < 7; i++)
		syscall(SYS_accept, to.fd, NULL, NULL);
	end(*state);
	expect(*state, { "accept.again", 7 });
	expect_of(*state, process_of(*state, pid), { "accept.again", 3 });
	assert_int_equal(listener_of(own_process(*state), to.inode)->again, 7);
	assert_int_equal(listener_of(process_of(*state, pid), to.inode)->again, 3);
	close(to.fd);
}

/* At most this many descriptors for as long as it takes: what is open stays open. */
static void set_fd_limit(rlim_t soft)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	limit.rlim_cur = soft;
	must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

static void accept_out_of_descriptors_is_fd_limit(void **state)
{
	struct listening to = listen_tcp(5);
	struct rlimit limit;
	int free_fd = dup(0);

	close(free_fd);
	must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
	begin(*state);
	set_fd_limit(free_fd);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(syscall(SYS_accept, to.fd, NULL, NULL), -1);
		assert_int_equal(errno, EMFILE);
	}
	set_fd_limit(limit.rlim_cur);
	end(*state);
	expect(*state, { "accept.calls", 7 }, { "accept.fd_limit", 7 });
	close(to.fd);
}

static void accept_broken_off_or_refused_is_neither_again(void **state)
{
	struct listening to = listen_tcp(5);
	int unconnected = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	timer_t timer;

	set_blocking(to.fd, true);
	begin(*state);
	timer = start_interrupting();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(syscall(SYS_accept4, to.fd, NULL, NULL, 0), -1);
		assert_int_equal(errno, EINTR);
	}
	stop_interrupting(timer);
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_accept, unconnected, NULL, NULL), -1); /* EINVAL */
	for (int i = 0; i < 7; i++)
		assert_int_equal(syscall(SYS_accept, -1, NULL, NULL), -1); /* EBADF */
	end(*state);
	expect(*state, { "accept.calls", 15 }, { "accept.interrupted", 5 },
	       { "accept.failed", 10 });
	close(unconnected);
	close(to.fd);
}

/* The size is read and written, 4 bytes each, and of the address what fits. */
static void addresses_are_control_data(void **state)
{
	struct listening to = listen_tcp(31);
	int clients[10], accepted[10];
	union address peer;

	for (int i = 0; i < 10; i++)
		clients[i] = connect_to(&to);
	await_queue(&to, 10);
	begin(*state);
	for (int i = 0; i < 10; i++) {
		socklen_t len = i < 2 ? sizeof(peer) : i < 5 ? 7 : 0;

		accepted[i] =
			must(syscall(SYS_accept4, to.fd, i < 8 ? &peer : NULL, &len, 0), "accept4");
	}
	end(*state);
	expect(*state, { "accept.accepted", 10 }, { "accept.in_bytes", 8 * 4 },
	       { "accept.out_bytes", 2 * 16 + 3 * 7 + 3 * 0 + 8 * 4 },
	       { "copies.control_bytes", 2 * 16 + 3 * 7 + 16 * 4 }, { "fds.opened", 10 });
	close_all(accepted, 10);
	close_all(clients, 10);
	close(to.fd);
}

static uint32_t drops_of(int fd)
{
	uint32_t values[SK_MEMINFO_VARS] = {};
	socklen_t len = sizeof(values);

	must(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &len), "SO_MEMINFO");
	return values[SK_MEMINFO_DROPS];
}

/* What ss prints behind the d of skmem:(...,dN); fails the test if it does not. */
static unsigned int drops_by_ss(unsigned int port)
{
	char command[128], line[1024];
	unsigned int drops = UINT32_MAX;
	FILE *ss;

	snprintf(command, sizeof(command), "ss -Hltnm 'sport = :%u'", port);
	ss = popen(command, "re");
	assert_non_null(ss);
	while (fgets(line, sizeof(line), ss)) {
		const char *at = strstr(line, ",d");

		if (strstr(line, "skmem:(") && at)
			drops = strtoul(at + 2, NULL, 10);
	}
	pclose(ss);
	assert_true(drops != UINT32_MAX);
	return drops;
}

/* Room for two: one that waits at the limit and one more. */
static void connections_without_room_are_drops(void **state)
{
	struct listening to = listen_tcp(1);
	uint32_t before, after;
	int clients[23];

	begin(*state);
	before = drops_of(to.fd);
	for (int i = 0; i < 23; i++) {
		clients[i] = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
				  "socket");
		connect(clients[i], &to.address.any, to.len);
	}
	close_all(clients, 23); /* before any of them tries again */
	after = drops_of(to.fd);
	end(*state);
	assert_true(after - before >= 23 - 2);
	assert_int_equal(drops_of(to.fd), after);
	expect(*state, { "fds.opened", 23 }, { "fds.closed", 23 });
	assert_int_equal(listener_of(own_process(*state), to.inode)->drops, after - before);
	assert_int_equal(drops_by_ss(ntohs(to.address.in.sin_port)), after);
	close(to.fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_tcp_listener_shows_its_queue),
	cmocka_unit_test(a_tcp6_listener_shows_its_queue),
	cmocka_unit_test(an_abstract_unix_listener_shows_its_queue),
	cmocka_unit_test(a_unix_listener_shows_its_path),
	cmocka_unit_test(each_reuseport_sibling_has_its_own_row),
	cmocka_unit_test(a_listener_two_processes_share_has_a_row_in_each),
	cmocka_unit_test(accept_out_of_descriptors_is_fd_limit),
	cmocka_unit_test(accept_broken_off_or_refused_is_neither_again),
	cmocka_unit_test(addresses_are_control_data),
	cmocka_unit_test(connections_without_room_are_drops),
};

const struct family accept_tests = { tests, ARRAY_SIZE(tests) };
