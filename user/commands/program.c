/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

#define END_SECONDS 5 /* our programs end in milliseconds when asked to */

/* In the child. Only the standard streams are passed on: descriptors are counted. */
static void become(const char *const *args, pid_t parent, int out_fd, int err_fd)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_NO_MEASURE);
	dup2(null_fd, STDIN_FILENO);
	dup2(out_fd, STDOUT_FILENO);
	dup2(err_fd, STDERR_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(args[0], (char *const *)args);
	dprintf(STDERR_FILENO, "%s: %s\n", args[0], strerror(errno));
	_exit(EXIT_NOT_EXECUTABLE);
}

int program_start(struct program *program, const char *name, const char *const *args)
{
	int out[2], err[2];
	pid_t parent = getpid();

	*program = (struct program){ .name = name };
	if (pipe2(out, O_CLOEXEC))
		return log_err(errno, "start %s", args[0]);
	if (pipe2(err, O_CLOEXEC)) {
		close(out[0]);
		close(out[1]);
		return log_err(errno, "start %s", args[0]);
	}
	program->pid = fork();
	if (program->pid == 0)
		become(args, parent, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	if (program->pid < 0) {
		program->pid = 0;
		close(out[0]);
		close(err[0]);
		return log_err(errno, "start %s", args[0]);
	}
	program->out_fd = out[0];
	program->err_fd = err[0];
	return 0;
}

static int ms_until(const struct timespec *deadline)
{
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (deadline->tv_sec - now.tv_sec) * 1000 + (deadline->tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? ms : 0;
}

int program_read_line(struct program *program, char *line, size_t size, int seconds)
{
	struct pollfd watched = { .fd = program->out_fd, .events = POLLIN };
	struct timespec deadline;
	size_t len = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += seconds;
	while (len + 1 < size) {
		int n = poll(&watched, 1, ms_until(&deadline));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ETIMEDOUT;
		if (read(program->out_fd, &line[len], 1) != 1)
			return -EPIPE;
		if (line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';
	return 0;
}

/* Up to the end of file, or what fits. */
static size_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len + 1 < size && (n = read(fd, text + len, size - 1 - len)) != 0) {
		if (n > 0)
			len += n;
		else if (errno != EINTR)
			break;
	}
	text[len] = '\0';
	return len;
}

void program_read_output(struct program *program, char *text, size_t size)
{
	read_all(program->out_fd, text, size);
}

bool program_has_ended(struct program *program)
{
	if (program->pid && !program->has_ended &&
	    waitpid(program->pid, &program->status, WNOHANG) == program->pid)
		program->has_ended = true;
	return program->has_ended;
}

bool program_is_done(const struct program *program)
{
	return program->has_ended && WIFEXITED(program->status) && !WEXITSTATUS(program->status);
}

/* SIGCHLD is blocked: none can come between the look and the wait and be missed. */
static bool wait_for_end(struct program *program, int seconds)
{
	struct timespec timeout = { .tv_sec = seconds };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (!program_has_ended(program)) {
		if (sigtimedwait(&child, NULL, &timeout) < 0 && errno == EAGAIN)
			return program_has_ended(program);
	}
	return true;
}

void program_end(struct program *program)
{
	if (!program->pid || program_has_ended(program))
		return;
	kill(program->pid, SIGTERM);
	if (wait_for_end(program, END_SECONDS))
		return;
	kill(program->pid, SIGKILL);
	while (waitpid(program->pid, &program->status, 0) < 0 && errno == EINTR)
		;
	program->has_ended = true;
}

void program_last_words(struct program *program, char *words, size_t size)
{
	size_t len = 0;

	if (program->has_ended)
		len = read_all(program->err_fd, words, size);
	words[strcspn(words, "\n")] = '\0';
	if (len && *words)
		return;
	if (!program->has_ended)
		snprintf(words, size, "%s still runs", program->name);
	else if (WIFSIGNALED(program->status))
		snprintf(words, size, "%s was ended by signal %d", program->name,
			 WTERMSIG(program->status));
	else
		snprintf(words, size, "%s ended with status %d", program->name,
			 WEXITSTATUS(program->status));
}

void program_free(struct program *program)
{
	if (!program->pid)
		return;
	program_end(program);
	close(program->out_fd);
	close(program->err_fd);
	program->pid = 0;
}
