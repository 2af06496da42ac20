/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int compare_fds(const void *one, const void *other)
{
	return *(const int *)one - *(const int *)other;
}

static void close_between(unsigned int first, unsigned int last)
{
	if (first <= last)
		syscall(SYS_close_range, first, last, 0);
}

/* The reader of a pipe that we inherited waits for its end: it must not be held open here. */
static void close_others(const int *fds, size_t nr)
{
	int *kept = malloc(nr * sizeof(*kept));
	unsigned int next = 0;

	if (!kept)
		_exit(1);
	for (size_t i = 0; i < nr; i++)
		kept[i] = fds[i];
	qsort(kept, nr, sizeof(*kept), compare_fds);
	for (size_t i = 0; i < nr; i++) {
		if (kept[i])
			close_between(next, kept[i] - 1);
		next = kept[i] + 1;
	}
	close_between(next, ~0U);
	free(kept);
}

/* The last of @fds is the gate. */
static void keep(const int *fds, size_t nr)
{
	sigset_t none;
	char nothing;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (chdir("/"))
		_exit(1);
	close_others(fds, nr);
	while (read(fds[nr - 1], &nothing, 1) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < nr; i++)
		close(fds[i]);
	_exit(0);
}

/* As the child of a child that has ended it is nobody's to wait for. 0 or -errno. */
static int fork_orphan(const int *fds, size_t nr)
{
	pid_t pid = fork(), orphan;
	int status;

	if (pid < 0)
		return -errno;
	if (!pid) {
		orphan = fork();
		if (!orphan)
			keep(fds, nr);
		_exit(orphan < 0 ? errno : 0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

int keeper_start(const int *fds, size_t nr)
{
	int *all = malloc((nr + 1) * sizeof(*all)), gate[2], err;

	if (!all)
		return -ENOMEM;
	if (pipe2(gate, O_CLOEXEC)) {
		free(all);
		return -errno;
	}
	for (size_t i = 0; i < nr; i++)
		all[i] = fds[i];
	all[nr] = gate[0];
	err = fork_orphan(all, nr + 1);
	close(gate[0]);
	if (err)
		close(gate[1]);
	free(all);
	return err ? err : gate[1];
}
