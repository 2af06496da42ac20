/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* epoll_ctl: by operation and outcome, and the events it copies in. */
#include "tests.h"

#include <sys/epoll.h>

static void epoll_ctl_is_counted_by_operation(void **state)
{
	int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	struct epoll_event event = { .events = EPOLLIN };
	int fds[7];

	for (int i = 0; i < 7; i++)
		fds[i] = new_eventfd();
	begin(*state);
	for (int i = 0; i < 7; i++)
		assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i], &event), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_MOD, fds[i], &event), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_DEL, fds[i], &event), 0);
	end(*state);
	expect(*state, { "epoll_ctl.add", 7 }, { "epoll_ctl.mod", 5 }, { "epoll_ctl.del", 3 },
	       { "epoll_ctl.mod_unchanged", 5 }, { "epoll_ctl.in_bytes", 12 * EVENT_BYTES },
	       { "copies.control_bytes", 12 * EVENT_BYTES });
	for (int i = 0; i < 7; i++)
		close(fds[i]);
	close(epfd);
}

static void every_operation_but_del_copies_its_event_even_if_it_fails(void **state)
{
	int epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	struct epoll_event event = { .events = EPOLLIN };
	int fd = new_eventfd();

	must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
	begin(*state);
	for (int i = 0; i < 2; i++) /* EEXIST */
		assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), -1);
	for (int i = 0; i < 3; i++) /* EBADF */
		assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, -1, &event), -1);
	for (int i = 0; i < 5; i++) /* EINVAL: itself */
		assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_MOD, epfd, &event), -1);
	for (int i = 0; i < 7; i++) /* EINVAL: no such operation */
		assert_int_equal(epoll_ctl(epfd, 99, fd, &event), -1);
	for (int i = 0; i < 11; i++) /* EBADF */
		assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_DEL, -1, &event), -1);
	for (int i = 0; i < 13; i++) /* EBADF: no instance */
		assert_int_equal(epoll_ctl(-1, EPOLL_CTL_DEL, fd, NULL), -1);
	end(*state);
	expect(*state, { "epoll_ctl.failed", 41 }, { "epoll_ctl.in_bytes", EVENT_BYTES * 17 });
	close(fd);
	close(epfd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(epoll_ctl_is_counted_by_operation),
	cmocka_unit_test(every_operation_but_del_copies_its_event_even_if_it_fails),
};

const struct family epoll_ctl_tests = { tests, ARRAY_SIZE(tests) };
