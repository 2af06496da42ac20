/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * puppet.c - does what it is told, a line at a time, and answers when it is
 * done: so a script has processes, threads and waits exactly when it wants them.
 *
 *	wait N		N epoll_waits, each of which finds one descriptor ready
 *	child N		the same in a child that ends; answers with its pid
 *	keep N		the same in a child that stays
 *	thread N	the same in a thread that ends
 *	stay N		the same in a thread that stays, outside of any wait
 *	exec PATH N	becomes PATH, a puppet again, that first waits N times
 *	sleep		waits where nothing ever comes; no answer
 *	spin		one wait, then never another; answers before it
 *	exit STATUS	no answer
 *
 * It ends when its standard input does, or after a minute.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "workload.h"

static void wait_times(int n)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int ready_fd = eventfd(1, EFD_CLOEXEC); /* never read: ready each time */

	MUST(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ready_fd, &event));
	for (int i = 0; i < n; i++)
		MUST(epoll_wait(epoll_fd, &event, 1, -1) == 1);
	close(ready_fd);
	close(epoll_fd);
}

static void answer(const char *format, int value)
{
	char line[32];
	int len = snprintf(line, sizeof(line), format, value);

	MUST(write(STDOUT_FILENO, line, len) == len);
}

static void child(int n, int stays)
{
	int done[2];
	char byte;
	pid_t pid;

	MUST(!pipe(done));
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		wait_times(n);
		close(done[0]);
		MUST(write(done[1], "d", 1) == 1);
		if (stays)
			pause();
		_exit(0);
	}
	close(done[1]);
	MUST(read(done[0], &byte, 1) == 1);
	close(done[0]);
	if (!stays)
		MUST(waitpid(pid, NULL, 0) == pid);
	answer("%d\n", pid);
}

struct thread {
	int waits;
	int stays;
	pthread_barrier_t done;
};

static void *run_thread(void *context)
{
	struct thread *thread = context;

	wait_times(thread->waits);
	pthread_barrier_wait(&thread->done);
	if (thread->stays)
		pause();
	return NULL;
}

static void thread(int n, int stays)
{
	struct thread *thread = malloc(sizeof(*thread));
	pthread_t id;

	*thread = (struct thread){ .waits = n, .stays = stays };
	pthread_barrier_init(&thread->done, NULL, 2);
	MUST(!pthread_create(&id, NULL, run_thread, thread));
	pthread_barrier_wait(&thread->done);
	if (!stays)
		pthread_join(id, NULL);
	answer("done\n", 0);
}

static void wait_for_nothing(void)
{
	struct epoll_event event;

	epoll_wait(epoll_create1(EPOLL_CLOEXEC), &event, 1, -1);
}

static void obey(const char *line)
{
	char path[256];
	int n = 0;

	if (sscanf(line, "wait %d", &n) == 1) {
		wait_times(n);
		answer("done\n", 0);
	} else if (sscanf(line, "child %d", &n) == 1 || sscanf(line, "keep %d", &n) == 1) {
		child(n, line[0] == 'k');
	} else if (sscanf(line, "thread %d", &n) == 1 || sscanf(line, "stay %d", &n) == 1) {
		thread(n, line[0] == 's');
	} else if (sscanf(line, "exec %255s %d", path, &n) == 2) {
		char number[16];

		snprintf(number, sizeof(number), "%d", n);
		execl(path, path, number, NULL);
		MUST(!"execl");
	} else if (!strcmp(line, "sleep")) {
		wait_for_nothing();
	} else if (!strcmp(line, "spin")) {
		answer("done\n", 0);
		wait_times(1);
		for (;;)
			getppid(); /* a call that is not counted, so that the tool's view goes on */
	} else if (sscanf(line, "exit %d", &n) == 1) {
		exit(n);
	} else {
		MUST(!"a command I know");
	}
}

int main(int argc, char **argv)
{
	char line[512];
	ssize_t len;

	end_after(100); /* as long as attach.sh */
	if (argc > 1)
		wait_times(atoi(argv[1]));
	answer("pid=%d\n", getpid());
	while ((len = read(STDIN_FILENO, line, sizeof(line) - 1)) > 0) {
		line[len] = '\0';
		line[strcspn(line, "\n")] = '\0';
		obey(line);
	}
	return 0;
}
