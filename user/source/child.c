/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

/* In the child: waits for a byte, or for the end of fdscope, then becomes the command. */
static void become(char *const *command, const sigset_t *mask, int hold_fd, int failure_fd)
{
	char go;
	int err;

	if (read(hold_fd, &go, 1) != 1)
		_exit(0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	err = errno;
	if (write(failure_fd, &err, sizeof(err)) < 0)
		_exit(EXIT_NOT_EXECUTABLE);
	_exit(err == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

int child_hold(struct child *child, char *const *command, const sigset_t *mask)
{
	int hold[2], failure[2];

	memset(child, 0, sizeof(*child));
	if (pipe2(hold, O_CLOEXEC))
		return log_err(errno, "hold %s", command[0]);
	if (pipe2(failure, O_CLOEXEC)) {
		close(hold[0]);
		close(hold[1]);
		return log_err(errno, "hold %s", command[0]);
	}
	child->pid = fork();
	if (child->pid == 0) {
		close(hold[1]);
		close(failure[0]);
		become(command, mask, hold[0], failure[1]);
	}
	close(hold[0]);
	close(failure[1]);
	child->release_fd = hold[1];
	child->failure_fd = failure[0];
	return child->pid < 0 ? log_err(errno, "start %s", command[0]) : 0;
}

int child_release(struct child *child, char *const *command)
{
	ssize_t n;
	int err;

	if (write(child->release_fd, "g", 1) < 0)
		log_err(errno, "release %s", command[0]);
	close(child->release_fd);
	child->release_fd = -1;
	/* A successful execve closes the other end: end of file. */
	do
		n = read(child->failure_fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	close(child->failure_fd);
	child->failure_fd = -1;
	if (n != sizeof(err))
		return 0;
	waitpid(child->pid, &child->status, 0);
	child->has_ended = true;
	log_err(err, "run %s", command[0]);
	return err == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

bool child_reap(struct child *child)
{
	if (child->pid > 0 && !child->has_ended &&
	    waitpid(child->pid, &child->status, WNOHANG) == child->pid)
		child->has_ended = true;
	return child->has_ended;
}

int child_exit_status(const struct child *child)
{
	if (!child->has_ended)
		return 0;
	return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status)
					  : WEXITSTATUS(child->status);
}

void child_abandon(struct child *child)
{
	if (child->pid <= 0 || child->has_ended || child->release_fd < 0)
		return;
	close(child->release_fd); /* end of file: it leaves */
	close(child->failure_fd);
	waitpid(child->pid, &child->status, 0);
	child->has_ended = true;
}
