/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_among(const int *fds, size_t nr, int fd)
{
	for (size_t i = 0; i < nr; i++) {
		if (fds[i] == fd)
			return true;
	}
	return false;
}

/* The reader of a pipe that its parent inherited waits for its end: it must not be held open here. */
static void close_others(const int *fds, size_t nr, int gate)
{
	struct rlimit limit;
	int end = getrlimit(RLIMIT_NOFILE, &limit) ? 1024 : limit.rlim_cur;

	for (int fd = 0; fd < end; fd++) {
		if (fd != gate && !is_among(fds, nr, fd))
			close(fd);
	}
}

/* The child of a child that has ended: nobody's to wait for. */
static void keep(const int *fds, size_t nr, int gate)
{
	char none;

	if (fork())
		_exit(0);
	setsid();
	close_others(fds, nr, gate);
	while (read(gate, &none, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

int keeper_start(const int *fds, size_t nr)
{
	int gate[2];
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		keep(fds, nr, gate[0]);
	} else if (pid > 0) {
		waitpid(pid, NULL, 0);
		close(gate[0]);
		return gate[1];
	}
	close(gate[0]);
	close(gate[1]);
	return -ECHILD;
}
