/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One connection: connect, then request after request, each verified, until all are answered or
 * something is wrong. Knows its own socket only; which connections there are, and when, is
 * load.c's business.
 */
#ifndef LOAD_CONNECTION_H
#define LOAD_CONNECTION_H

#include "load.h"
#include "peer.h"
#include "response.h"

#include <stdbool.h>
#include <stdint.h>

struct options;
struct results;

/*
 * CLOSED -> CONNECTING -> IDLE                         stays so until the end
 *                ^     -> READY -> SENDING <-> PAUSED  PAUSED: between two pieces
 *                |                   |  ^
 *                |                   v  |              next request
 *              AWAY <-----------  RECEIVING -> DONE    stays open until the end
 *
 * With --pause a connection is RESTING before it is SENDING. With --reconnect it goes AWAY after
 * each response but the last, and from CONNECTING to where READY leads. Any error leads back to
 * CLOSED, for good.
 */
enum connection_state {
	CONNECTION_CLOSED,
	CONNECTION_CONNECTING,
	CONNECTION_IDLE,
	CONNECTION_READY,
	CONNECTION_AWAY,
	CONNECTION_RESTING,
	CONNECTION_SENDING,
	CONNECTION_PAUSED,
	CONNECTION_RECEIVING,
	CONNECTION_DONE,
};

struct connection {
	struct connection *next_paused;
	struct connection *next_resting;
	struct job *job;
	uint64_t rested_ns; /* when it is, if RESTING or AWAY */
	uint64_t began_ns;  /* this request: just before its first byte was written */
	uint64_t answered;  /* requests */
	uint64_t sent;	    /* bytes of this request */
	uint64_t sent_ever; /* bytes on this connection */
	uint32_t idx;	    /* from 0, in the order of opening, idle ones first */
	uint32_t piece;	    /* the one that is being sent, or waits */
	uint32_t interest;  /* as epoll has it */
	int fd;
	enum connection_state state;
	bool is_idle;
	bool piece_was_read; /* seen at the tick before */
	struct body_check check;
	struct response response;
};

/* What the connections of a run share. */
struct run {
	const struct options *opts;
	struct results *results;
	struct peer_watch peer;
	struct connection *paused; /* a list; members that are not PAUSED have left */
	struct connection
		*resting; /* a queue; members that are neither RESTING nor AWAY have left */
	struct connection *last_resting;
	char *buf;	      /* EXPECT_CHUNK bytes */
	uint64_t progress_ns; /* when a byte or a connection last moved */
	uint64_t answered_ns; /* when a response was last complete */
	uint32_t nr_connecting;
	uint32_t nr_unfinished; /* established, requests still to be answered */
	int epfd;
};

/* Begins to connect; the outcome is seen in c->state when the run's nr_connecting falls. */
void connection_open(struct connection *c, struct run *run);

/* Sends the first request of a READY connection, or lets it rest before. */
void connection_start(struct connection *c, struct run *run);

/* What epoll reported. A connection closed earlier in the same batch ignores it. */
void connection_event(struct connection *c, struct run *run, uint32_t events);

/*
 * To be called about every millisecond for each paused connection: sends the next piece once two
 * calls in a row have found the piece before read. False while it waits on.
 */
bool connection_resume(struct connection *c, struct run *run);

/* To be called when c->rested_ns has come: the next request, or a new connection for it. */
void connection_rested(struct connection *c, struct run *run);

/* No progress for too long: an error unless it is closed, idle or done. */
void connection_give_up(struct connection *c, struct run *run);

/* The end of the run: a last look for bytes nobody asked for, then close. */
void connection_finish(struct connection *c, struct run *run);

#endif
