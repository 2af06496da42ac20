/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A command that is started, held before its execve, and released. */
#ifndef FDSCOPE_CHILD_H
#define FDSCOPE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int release_fd; /* written to, to let it go */
	int failure_fd; /* the errno of a failed execve arrives here */
	bool has_ended;
	int status; /* as waitpid() tells it */
};

/* Forks; the child waits to be released. @mask is the signal mask the command gets. 0 or -errno, logged. */
int child_hold(struct child *child, char *const *command, const sigset_t *mask);

/* Lets it go and waits for its execve. 0, or EXIT_NOT_FOUND or EXIT_NOT_EXECUTABLE, logged. */
int child_release(struct child *child, char *const *command);

/* Collects its end, if it has ended; true then. */
bool child_reap(struct child *child);

/* As the shell tells it: the exit status, or 128 and the signal's number. */
int child_exit_status(const struct child *child);

/* Ends a child that is still held. */
void child_abandon(struct child *child);

#endif
