/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fdscope-server: the order of events, and the processes. With one worker this
 * process serves; with more it only watches over them, by calls that the tool
 * does not count (sigwaitinfo, waitpid).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "log.h"
#include "options.h"
#include "server.h"
#include "stats.h"
#include "worker.h"

/* 10 000 connections do not fit the usual soft limit of 1024. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Blocked before anybody can know that we are there: no early signal is lost. */
static void block_signals(void)
{
	sigset_t signals;

	worker_end_signals(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* One struct stats for each loop, and the last for this process outside of them. */
static struct stats *map_stats(int nr_loops)
{
	void *map = mmap(NULL, (nr_loops + 1) * sizeof(struct stats), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

/* Not by stdio, whose write would not be counted. */
static int announce(const struct server *server, struct stats *stats)
{
	char line[SERVER_LOCAL_MAX + 16];
	int len = snprintf(line, sizeof(line), "listening on %s\n", server->local);
	ssize_t n = call_write(stats, STDOUT_FILENO, call_kind_of(STDOUT_FILENO), line, len);

	return n < 0 ? log_err(-n, "write to stdout") : 0;
}

/*
 * In the child; does not return. It ends with the parent, however that ends,
 * also if it did before we could ask to be told.
 */
static void be_worker(struct server *server, int idx, pid_t parent, struct stats *stats)
{
	int threads = server->opts->threads;
	int first = idx * threads;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		exit(EXIT_FAILURE);
	server_close_listeners(server, first, first + threads, &stats[first]);
	err = worker_run(server, first, stats);
	server_close(server, &stats[first]);
	exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void end_workers(const pid_t *workers, int nr)
{
	for (int i = 0; i < nr; i++)
		if (workers[i] > 0)
			kill(workers[i], SIGTERM);
}

/* Takes the dead off the list. True if any of them was not asked to end. */
static bool reap(pid_t *workers, int nr, int *nr_alive, bool was_asked)
{
	bool is_bad = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < nr; i++) {
			if (workers[i] != pid)
				continue;
			workers[i] = 0;
			--*nr_alive;
			is_bad |= !was_asked || status;
		}
	}
	return is_bad;
}

/* A worker that ends by itself takes the others with it: its counts would be missed. */
static int watch_over(pid_t *workers, int nr, int nr_alive, bool was_asked)
{
	bool is_bad = false;
	sigset_t signals;

	worker_end_signals(&signals);
	sigaddset(&signals, SIGCHLD);
	while (nr_alive) {
		if (sigwaitinfo(&signals, NULL) == SIGCHLD)
			is_bad |= reap(workers, nr, &nr_alive, was_asked);
		else
			was_asked = true;
		if (was_asked || is_bad)
			end_workers(workers, nr);
	}
	return is_bad ? log_err(ECHILD, "a worker ended badly") : 0;
}

/*
 * Announces when the workers live and only they hold the listeners: who then
 * looks for who listens finds all of them, and not this process.
 */
static int supervise(struct server *server, struct stats *stats)
{
	int nr = server->opts->workers;
	pid_t *workers = calloc(nr, sizeof(*workers));
	pid_t parent = getpid();
	int nr_alive = 0;
	int err = 0, watch_err;

	if (!workers)
		return log_err(ENOMEM, "start %d workers", nr);
	for (int i = 0; i < nr; i++) {
		workers[i] = fork();
		if (!workers[i]) {
			free(workers);
			be_worker(server, i, parent, stats);
		}
		if (workers[i] < 0) {
			err = log_err(errno, "start worker %d", i + 1);
			break;
		}
		nr_alive++;
	}
	server_close_listeners(server, 0, 0, &stats[server->nr_loops]);
	if (!err)
		err = announce(server, &stats[server->nr_loops]);
	if (err)
		end_workers(workers, nr);
	watch_err = watch_over(workers, nr, nr_alive, err);
	free(workers);
	return err ? err : watch_err;
}

/* One row per listening socket: all loops on one, or one for each loop. */
static void sum_up(struct stats *sum, struct listener_stats *listeners, const struct server *server,
		   const struct stats *stats)
{
	for (int i = 0; i < server->nr_listeners; i++)
		listeners[i] = (struct listener_stats){ .local = server->local };
	memset(sum, 0, sizeof(*sum));
	stats_add(sum, &stats[server->nr_loops]);
	for (int i = 0; i < server->nr_loops; i++) {
		struct listener_stats *row = &listeners[server->nr_listeners == 1 ? 0 : i];

		stats_add(sum, &stats[i]);
		row->accepted += stats[i].accept.accepted;
		row->again += stats[i].accept.again;
	}
}

static int write_stats(const struct server *server, const struct stats *stats)
{
	struct listener_stats *listeners = calloc(server->nr_listeners, sizeof(*listeners));
	struct stats sum;
	int err;

	if (!listeners)
		return log_err(ENOMEM, "write %s", server->opts->stats);
	sum_up(&sum, listeners, server, stats);
	err = stats_write(&sum, listeners, server->nr_listeners, server->opts->stats);
	free(listeners);
	return err;
}

static int serve(struct server *server, struct stats *stats)
{
	int err;

	if (server->opts->workers > 1)
		return supervise(server, stats);
	err = announce(server, &stats[server->nr_loops]);
	return err ? err : worker_run(server, 0, stats);
}

int main(int argc, char **argv)
{
	struct options opts;
	struct server server;
	struct stats *stats;
	int nr_loops, err, stats_err = 0;

	options_parse(&opts, argc, argv);
	raise_fd_limit();
	block_signals();
	nr_loops = opts.workers * opts.threads;
	stats = map_stats(nr_loops);
	if (!stats) {
		log_err(errno, "map memory for the counts");
		return EXIT_FAILURE;
	}
	err = server_open(&server, &opts, &stats[nr_loops]);
	if (!err)
		err = serve(&server, stats);
	server_close(&server, &stats[nr_loops]);
	if (opts.stats && server.nr_listeners)
		stats_err = write_stats(&server, stats);
	return err || stats_err ? EXIT_FAILURE : EXIT_SUCCESS;
}
