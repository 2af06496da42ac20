/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One thread, one epoll set, in this order: idle connections, the others, first requests in the
 * order of the connections, then whatever the server answers first. Nothing is closed before the
 * last response has come, so the server's number of connections is constant meanwhile, unless
 * connections are opened anew for each request.
 */
#include "load.h"

#include "clock.h"
#include "connection.h"
#include "log.h"
#include "options.h"
#include "results.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * Connects under way at a time. Below the backlog of common servers (nginx 511, SOMAXCONN 4096),
 * so that a queue that overflows costs so many retransmitted SYNs of a second each, not all.
 */
#define MAX_CONNECTING 64

#define NR_EVENTS 256

/* Standard streams, the epoll set, the sock_diag socket, and a few the caller left open. */
#define OTHER_DESCRIPTORS 16

#define TICK_NS 1000000ull

struct load {
	struct run run;
	struct connection *connections;
	uint64_t nr_connections;
	uint64_t tick_ns; /* when paused connections were last looked at */
};

static uint64_t nr_connections(const struct options *opts)
{
	return (uint64_t)opts->idle + opts->connections;
}

int load_raise_limit(const struct options *opts)
{
	uint64_t needed = nr_connections(opts) + OTHER_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return log_err(errno, "getrlimit");
	if (needed > limit.rlim_max) {
		log_line("%llu connections need %llu descriptors, but only %llu are allowed: use "
			 "fewer, or raise the hard limit (ulimit -Hn)",
			 (unsigned long long)nr_connections(opts), (unsigned long long)needed,
			 (unsigned long long)limit.rlim_max);
		return -EMFILE;
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return log_err(errno, "setrlimit");
	return 0;
}

/* ---- one turn ---- */

/* The list is taken whole: who has to pause again puts itself on the new one. */
static void tick(struct run *run)
{
	struct connection *c = run->paused;

	run->paused = NULL;
	while (c) {
		struct connection *next = c->next_paused;

		if (c->state == CONNECTION_PAUSED && !connection_resume(c, run)) {
			c->next_paused = run->paused;
			run->paused = c;
		}
		c = next;
	}
}

/* In the order of their ends: every rest is as long as the others. */
static void end_rests(struct run *run, uint64_t now)
{
	struct connection *c;

	while ((c = run->resting) && c->rested_ns <= now) {
		run->resting = c->next_resting;
		run->progress_ns = now;
		connection_rested(c, run);
	}
}

static uint64_t deadline_ns(const struct run *run)
{
	return run->progress_ns + run->opts->timeout_s * 1000000000ull;
}

static int wait_ms(const struct run *run)
{
	uint64_t now = clock_now_ns();
	uint64_t until = deadline_ns(run);

	if (run->paused)
		return TICK_NS / 1000000;
	if (run->resting && run->resting->rested_ns < until)
		until = run->resting->rested_ns;
	return now < until ? (until - now) / 1000000 + 1 : 0;
}

/* -ETIMEDOUT when nothing has moved for as long as --timeout allows. */
static int turn(struct load *load)
{
	struct epoll_event events[NR_EVENTS];
	struct run *run = &load->run;
	uint64_t now;
	int i, n;

	n = epoll_wait(run->epfd, events, NR_EVENTS, wait_ms(run));
	if (n < 0 && errno != EINTR)
		return log_err(errno, "epoll_wait");
	for (i = 0; i < n; i++)
		connection_event(events[i].data.ptr, run, events[i].events);
	now = clock_now_ns();
	if (run->paused && now - load->tick_ns >= TICK_NS) {
		load->tick_ns = now;
		tick(run);
	}
	end_rests(run, now);
	return now >= deadline_ns(run) ? -ETIMEDOUT : 0;
}

/* ---- the run ---- */

static int open_range(struct load *load, uint64_t from, uint64_t to)
{
	struct run *run = &load->run;
	int err = 0;

	while (!err && (from < to || run->nr_connecting)) {
		while (from < to && run->nr_connecting < MAX_CONNECTING)
			connection_open(&load->connections[from++], run);
		if (run->nr_connecting)
			err = turn(load);
	}
	return err;
}

static int open_all(struct load *load)
{
	uint32_t idle = load->run.opts->idle;
	int err;

	load->run.progress_ns = clock_now_ns();
	err = open_range(load, 0, idle);
	return err ? err : open_range(load, idle, load->nr_connections);
}

static int serve_all(struct load *load)
{
	uint64_t began_ns = clock_now_ns();
	struct run *run = &load->run;
	uint64_t i;
	int err = 0;

	run->progress_ns = began_ns;
	for (i = run->opts->idle; i < load->nr_connections; i++)
		connection_start(&load->connections[i], run);
	while (!err && run->nr_unfinished)
		err = turn(load);
	if (run->answered_ns)
		run->results->elapsed_ns = run->answered_ns - began_ns;
	return err;
}

static int load_work(struct load *load)
{
	uint64_t i;
	int err;

	err = open_all(load);
	if (!err)
		err = serve_all(load);
	for (i = 0; i < load->nr_connections && err == -ETIMEDOUT; i++)
		connection_give_up(&load->connections[i], &load->run);
	for (i = 0; i < load->nr_connections; i++)
		connection_finish(&load->connections[i], &load->run);
	return err == -ETIMEDOUT ? 0 : err;
}

static int load_init(struct load *load, struct job *job, struct job *bulk)
{
	const struct options *opts = load->run.opts;
	uint64_t i;

	load->nr_connections = nr_connections(opts);
	load->connections = calloc(load->nr_connections, sizeof(*load->connections));
	load->run.buf = malloc(EXPECT_CHUNK);
	if (!load->connections || !load->run.buf)
		return log_err(ENOMEM, "set up %llu connections",
			       (unsigned long long)load->nr_connections);
	for (i = 0; i < load->nr_connections; i++) {
		load->connections[i].idx = i;
		load->connections[i].fd = -1;
		load->connections[i].is_idle = i < opts->idle;
		load->connections[i].job = i == opts->idle ? bulk : job;
	}
	load->run.epfd = epoll_create1(EPOLL_CLOEXEC);
	if (load->run.epfd < 0)
		return log_err(errno, "epoll_create1");
	if (opts->pieces > 1)
		peer_watch_init(&load->run.peer);
	return 0;
}

int load_run(const struct options *opts, struct job *job, struct job *bulk, struct results *results)
{
	struct load load = {
		.run = { .opts = opts, .results = results, .peer.diag_fd = -1, .epfd = -1 }
	};
	int err;

	err = load_init(&load, job, bulk);
	if (!err)
		err = load_work(&load);
	peer_watch_close(&load.run.peer);
	if (load.run.epfd >= 0)
		close(load.run.epfd);
	free(load.run.buf);
	free(load.connections);
	return err;
}
