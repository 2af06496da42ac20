/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A loop with all that belongs to it, and the threads that run several.
 *
 * A loop learns of the end from a signalfd that nobody reads: the signal stays
 * pending for the whole process, so every loop sees it ready, whichever wakes
 * first, and no read disturbs the counts.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "calls.h"
#include "conn.h"
#include "listener.h"
#include "log.h"
#include "loop.h"
#include "worker.h"

struct runner {
	const struct server *server;
	struct stats *stats;
	pthread_t thread;
	int idx;
	int err;
};

void worker_end_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
}

static void end_ready(struct loop *loop, struct watch *watch, unsigned int ready)
{
	(void)watch;
	(void)ready;
	loop_stop(loop, 0);
}

static const struct watch_ops end_ops = { .ready = end_ready, .release = loop_close };

static int watch_end(struct loop *loop, struct watch *watch)
{
	sigset_t signals;
	int err;

	worker_end_signals(&signals);
	*watch = (struct watch){ .ops = &end_ops };
	watch->fd = call_signalfd(loop_stats(loop), &signals);
	if (watch->fd < 0)
		return watch->fd;
	err = loop_add(loop, watch, WANT_IN);
	if (err)
		call_close(loop_stats(loop), watch->fd);
	return err;
}

static int run_loop(const struct server *server, int idx, struct stats *stats)
{
	struct service service = { 0 };
	struct listener listener;
	struct watch end;
	struct loop *loop;
	int err;

	err = loop_new(&loop, server->opts, stats);
	if (err)
		return log_err(-err, "set up a loop");
	err = service_init(&service, server, loop);
	if (!err)
		err = watch_end(loop, &end);
	if (!err)
		err = listener_start(&listener, &service, server_listener(server, idx));
	err = err ? log_err(-err, "set up a loop") : loop_run(loop);
	loop_free(loop);
	service_close(&service);
	return err;
}

/* If one loop fails, the others of this process end with it. */
static void *run(void *arg)
{
	struct runner *runner = arg;

	runner->err = run_loop(runner->server, runner->idx, runner->stats);
	if (runner->err)
		kill(getpid(), SIGTERM);
	return NULL;
}

static int start_threads(struct runner *runners, int nr)
{
	for (int i = 1; i < nr; i++) {
		int err = pthread_create(&runners[i].thread, NULL, run, &runners[i]);

		if (err) {
			log_err(err, "start thread %d", i + 1);
			kill(getpid(), SIGTERM);
			return i;
		}
	}
	return nr;
}

int worker_run(const struct server *server, int first, struct stats *stats)
{
	int nr = server->opts->threads;
	struct runner *runners = calloc(nr, sizeof(*runners));
	int nr_started;
	int err;

	if (!runners)
		return log_err(ENOMEM, "start %d threads", nr);
	for (int i = 0; i < nr; i++)
		runners[i] = (struct runner){
			.server = server,
			.idx = first + i,
			.stats = &stats[first + i],
		};
	nr_started = start_threads(runners, nr);
	err = nr_started < nr ? -EAGAIN : 0;
	run(&runners[0]);
	for (int i = 1; i < nr_started; i++)
		pthread_join(runners[i].thread, NULL);
	for (int i = 0; i < nr_started && !err; i++)
		err = runners[i].err;
	free(runners);
	return err;
}
