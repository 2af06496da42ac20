/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The test program executed by its own tests, under another name. */
#include "tests.h"

#include <sys/epoll.h>

int after_exec(void)
{
	int epfd = epoll_create1(0);
	struct epoll_event event;

	for (int i = 0; i < POLLS_AFTER_EXEC; i++)
		syscall(SYS_epoll_wait, epfd, &event, 1, 0);
	close(epfd);
	return EXIT_SUCCESS;
}

void exec_anew(void)
{
	char *const argv[] = { NEW_COMM, AFTER_EXEC, NULL };
	char target[4096] = {};

	require(readlink("/proc/self/exe", target, sizeof(target) - 1) > 0, "readlink");
	unlink(NEW_PROGRAM);
	require(symlink(target, NEW_PROGRAM) == 0, "symlink");
	execv(NEW_PROGRAM, argv);
	require(false, "execv");
}
