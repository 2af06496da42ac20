/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A readiness loop: waits, and hands each event to the watch it was for. It
 * knows nothing of connections. One thread runs it and alone touches it.
 */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mux.h"
#include "options.h"
#include "stats.h"

struct loop;
struct watch;

struct watch_ops {
	/* May close and free the watch; the loop does not touch it afterwards. */
	void (*ready)(struct loop *loop, struct watch *watch, unsigned int ready);
	/* The loop ends and the watch is still in it. */
	void (*release)(struct loop *loop, struct watch *watch);
};

/* One descriptor in a loop. Lives inside whatever owns the descriptor. */
struct watch {
	const struct watch_ops *ops;
	uint64_t tag;
	unsigned int interest;
	int fd;
	/*
	 * The kernel will not report again by itself what it has reported: a
	 * fired ONESHOT, or an edge that its handler left without draining.
	 */
	bool needs_arming;
};

/* 0 with *@loop, or -errno. @opts and @stats must outlive it. */
int loop_new(struct loop **loop, const struct options *opts, struct stats *stats);

/* Releases the watches that are left. NULL is fine. */
void loop_free(struct loop *loop);

/* Until loop_stop(), whose @err it returns; or -errno, logged, if waiting fails. */
int loop_run(struct loop *loop);

/*
 * The same for one of several threads that wait on one epoll instance, which
 * only shared-level-epoll has. Whoever is not waiting holds @lock; its waits
 * are counted in @stats, all else in the loop's.
 */
int loop_run_shared(struct loop *loop, struct stats *stats, pthread_mutex_t *lock);

/* Ends loop_run() after the batch at hand. */
void loop_stop(struct loop *loop, int err);

/*
 * Starts watching watch->fd. 0 or -errno; -ERANGE when the mux cannot hold a
 * descriptor number so high.
 */
int loop_add(struct loop *loop, struct watch *watch, unsigned int interest);

/*
 * Says what @watch waits for from now on, at no cost when that is what the
 * kernel holds already. 0 or -errno.
 */
int loop_want(struct loop *loop, struct watch *watch, unsigned int interest);

/* Stops watching; the descriptor stays open. 0 or -errno. */
int loop_remove(struct loop *loop, struct watch *watch);

/* Stops watching and closes the descriptor. */
void loop_close(struct loop *loop, struct watch *watch);

/* Calls @expire(@arg) once, @ms from now. One timer per loop; setting it again moves it. */
void loop_set_timer(struct loop *loop, int ms, void (*expire)(void *arg), void *arg);

struct stats *loop_stats(struct loop *loop);

#endif
