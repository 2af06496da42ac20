/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state machine of a connection. An event starts a turn; conn_step() makes
 * one step after the other until the turn is over, and settle() tells the loop
 * what to wait for next. While a response waits for room in the socket nothing
 * is read: a peer that does not read is not read from.
 *
 *	REQUEST --head, expects 100--> INTERIM --sent--> REQUEST
 *	REQUEST --complete or bad----> REPLY
 *	REPLY   --sent, keeps alive--> REQUEST
 *	REPLY   --sent, closes-------> closed
 *	REPLY   --sent, was bad------> LINGER --end of input--> closed
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "calls.h"
#include "conn.h"
#include "http.h"

/* One turn's share, so that a greedy peer cannot keep the others waiting. */
#define TURN_REQUESTS 32
#define TURN_BYTES    (1 << 20)
/*
 * greedy-connection: about 30 ms. After them there is more to read, so that it
 * is the first in its batch again, and the others in that batch wait.
 */
#define GREEDY_READS 8192
/* How much of what a refused peer still sends is read before we hang up. */
#define LINGER_BYTES_MAX (64 << 20)
#define BODY_FIRST_SIZE	 4096

enum conn_state { CONN_REQUEST, CONN_INTERIM, CONN_REPLY, CONN_LINGER };

/* A request and its response. Idle connections have none, and so stay small. */
struct exchange {
	struct reply reply;
	char *body; /* collected only if the answer needs it */
	uint64_t body_len;
	size_t body_capacity;
	bool needs_body;
	bool closes;
	bool lingers;
	struct http_parser parser; /* last: its tail is large and mostly untouched */
};

struct conn {
	struct watch watch;
	struct service *service;
	struct exchange *exchange; /* NULL between requests */
	char *rest;		   /* input that waits for its turn */
	size_t rest_at;
	size_t rest_len;
	uint64_t lingered_bytes;
	enum conn_state state;
	bool is_forsaken; /* ignored-hangup: the peer is gone, and nothing is waited for */
};

struct turn {
	const char *at; /* input not yet parsed, in the scratch buffer or the rest */
	const char *end;
	uint64_t bytes_left;
	unsigned int reads_left;
	unsigned int requests_left;
};

enum verdict { GO_ON, AWAIT_INPUT, AWAIT_ROOM, YIELD, CLOSE };

static unsigned int trigger_bits(const struct options *opts)
{
	return (opts->trigger == TRIGGER_EDGE ? WANT_EDGE : 0) |
	       (opts->trigger == TRIGGER_ONESHOT ? WANT_ONESHOT : 0);
}

static const struct options *options_of(const struct conn *conn)
{
	return conn->service->server->opts;
}

static enum fault fault_of(const struct conn *conn)
{
	return options_of(conn)->fault;
}

static void free_exchange(struct conn *conn)
{
	struct exchange *exchange = conn->exchange;

	if (!exchange)
		return;
	send_end(&conn->service->sender, &exchange->reply);
	free(exchange->body);
	free(exchange);
	conn->exchange = NULL;
}

/* The file outlives its descriptor, and so does its registration. */
static void keep_duplicate(struct service *service, int fd)
{
	call_close(service->stats, service->kept);
	service->kept = call_dup(service->stats, fd);
}

static void end_watch(struct loop *loop, struct conn *conn)
{
	if (fault_of(conn) == FAULT_FD_LEAK && !loop_remove(loop, &conn->watch))
		return;
	if (fault_of(conn) == FAULT_PHANTOM_EVENT)
		keep_duplicate(conn->service, conn->watch.fd);
	loop_close(loop, &conn->watch);
}

static void conn_close(struct loop *loop, struct watch *watch)
{
	struct conn *conn = (struct conn *)watch;

	free_exchange(conn);
	end_watch(loop, conn);
	free(conn->rest);
	free(conn);
}

/* ---- reading ------------------------------------------------------------------------------ */

/*
 * Level-triggered, and re-armed after a oneshot, the kernel reports again what
 * is still there: one read per event. An edge must be read until EAGAIN.
 */
static unsigned int reads_per_turn(const struct conn *conn, unsigned int ready)
{
	if (!(ready & (READY_IN | READY_ERROR)) || conn->is_forsaken)
		return 0;
	if (fault_of(conn) == FAULT_EDGE_UNDRAINED)
		return 1;
	if (fault_of(conn) == FAULT_GREEDY_CONNECTION)
		return GREEDY_READS;
	return options_of(conn)->trigger == TRIGGER_EDGE ? UINT_MAX : 1;
}

static enum verdict end_of_input(struct conn *conn)
{
	if (fault_of(conn) != FAULT_IGNORED_HANGUP || shutdown(conn->watch.fd, SHUT_WR))
		return CLOSE;
	conn->is_forsaken = true;
	return AWAIT_INPUT;
}

static enum verdict read_input(struct conn *conn, struct turn *turn)
{
	struct service *service = conn->service;
	ssize_t n;

	if (!turn->reads_left)
		return AWAIT_INPUT;
	if (!turn->bytes_left)
		return YIELD;
	turn->reads_left--;
	fault_between_reads(fault_of(conn), turn->reads_left);
	n = call_read(service->stats, conn->watch.fd, service->scratch,
		      options_of(conn)->read_chunk);
	if (n == -EAGAIN)
		return AWAIT_INPUT;
	if (n == -EINTR)
		return GO_ON;
	if (n <= 0)
		return n ? CLOSE : end_of_input(conn);
	turn->bytes_left -= (uint64_t)n < turn->bytes_left ? (uint64_t)n : turn->bytes_left;
	turn->at = service->scratch;
	turn->end = service->scratch + n;
	return GO_ON;
}

static enum verdict discard_input(struct conn *conn, struct turn *turn)
{
	conn->lingered_bytes += turn->end - turn->at;
	turn->at = turn->end;
	return conn->lingered_bytes > LINGER_BYTES_MAX ? CLOSE : read_input(conn, turn);
}

/* ---- answering ---------------------------------------------------------------------------- */

static int try_reply(struct conn *conn, const struct answer *answer)
{
	struct exchange *exchange = conn->exchange;
	bool is_head = exchange->parser.request.method == HTTP_HEAD;
	char head[SEND_HEAD_MAX];

	answer_head(head, answer, !is_head, exchange->closes);
	conn->state = CONN_REPLY;
	return send_begin(&conn->service->sender, &exchange->reply, head, &answer->content,
			  is_head ? 0 : answer->len);
}

/* While nothing is sent, trouble with the content can still become an error's answer. */
static enum verdict begin_reply(struct conn *conn, const struct answer *answer)
{
	struct answer apology;
	int err = try_reply(conn, answer);

	if (!err)
		return GO_ON;
	send_end(&conn->service->sender, &conn->exchange->reply);
	answer_error(&apology, answer_status_of_error(-err));
	return try_reply(conn, &apology) ? CLOSE : GO_ON;
}

/*
 * Nobody knows where in the input the next request would begin, so this answer
 * is the last. Closing at once with input unread would reset the connection and
 * take the answer from the peer (RFC 9112, 9.6): it lingers.
 */
static enum verdict refuse(struct conn *conn, const struct answer *answer)
{
	conn->exchange->closes = true;
	conn->exchange->lingers = true;
	return begin_reply(conn, answer);
}

static enum verdict refuse_with(struct conn *conn, int status)
{
	struct answer answer;

	answer_error(&answer, status);
	return refuse(conn, &answer);
}

static enum verdict begin_interim(struct conn *conn)
{
	struct content none = CONTENT_NONE;

	conn->state = CONN_INTERIM;
	if (send_begin(&conn->service->sender, &conn->exchange->reply,
		       "HTTP/1.1 100 Continue\r\n\r\n", &none, 0))
		return CLOSE;
	return GO_ON;
}

/*
 * A body that would not fit is not waited for, nor one that its sender holds
 * back until we agree. A peer that already sends need not be told to go on.
 */
static enum verdict on_head(struct conn *conn, const struct turn *turn)
{
	struct exchange *exchange = conn->exchange;
	const struct http_request *request = &exchange->parser.request;
	struct answer answer;

	exchange->closes = !request->keeps_alive;
	exchange->needs_body = answer_needs_body(request);
	if (!request->length && !request->is_chunked)
		return GO_ON;
	if (answer_refusal(&answer, request) && (answer.status == 413 || request->expects_continue))
		return refuse(conn, &answer);
	if (request->expects_continue && turn->at == turn->end)
		return begin_interim(conn);
	return GO_ON;
}

static int keep_body(struct exchange *exchange, struct http_piece piece)
{
	size_t wanted = exchange->body_len + piece.len;
	size_t capacity = exchange->body_capacity ? exchange->body_capacity : BODY_FIRST_SIZE;
	char *body;

	while (capacity < wanted)
		capacity *= 2;
	if (capacity > exchange->body_capacity) {
		body = realloc(exchange->body, capacity);
		if (!body)
			return -ENOMEM;
		exchange->body = body;
		exchange->body_capacity = capacity;
	}
	memcpy(exchange->body + exchange->body_len, piece.data, piece.len);
	return 0;
}

static enum verdict on_body(struct conn *conn, struct http_piece piece)
{
	struct exchange *exchange = conn->exchange;

	if (exchange->body_len + piece.len > ANSWER_BODY_MAX)
		return refuse_with(conn, 413);
	if (exchange->needs_body && keep_body(exchange, piece))
		return refuse_with(conn, 503);
	exchange->body_len += piece.len;
	return GO_ON;
}

static enum verdict on_complete(struct conn *conn)
{
	struct exchange *exchange = conn->exchange;
	struct http_piece body = { exchange->body, exchange->body ? exchange->body_len : 0 };
	struct answer answer;

	answer_make(&answer, conn->service->server, conn->service->stats, &exchange->parser.request,
		    body);
	return begin_reply(conn, &answer);
}

static int begin_exchange(struct conn *conn)
{
	struct exchange *exchange = malloc(sizeof(*exchange));

	if (!exchange)
		return -ENOMEM;
	memset(exchange, 0, offsetof(struct exchange, parser));
	exchange->reply.content = CONTENT_NONE;
	exchange->reply.pipe[0] = exchange->reply.pipe[1] = -1;
	http_begin(&exchange->parser);
	conn->exchange = exchange;
	return 0;
}

static enum verdict parse_request(struct conn *conn, struct turn *turn)
{
	struct http_piece piece;

	if (!conn->exchange && turn->at == turn->end)
		return read_input(conn, turn);
	if (!conn->exchange && begin_exchange(conn))
		return CLOSE;
	switch (http_parse(&conn->exchange->parser, &turn->at, turn->end, &piece)) {
	case HTTP_MORE:
		return read_input(conn, turn);
	case HTTP_HEAD_READ:
		return on_head(conn, turn);
	case HTTP_BODY_PIECE:
		return on_body(conn, piece);
	case HTTP_COMPLETE:
		return on_complete(conn);
	default: /* HTTP_BAD */
		return refuse_with(conn, conn->exchange->parser.status);
	}
}

/* ---- sending ------------------------------------------------------------------------------ */

static enum verdict next_request(struct conn *conn, struct turn *turn)
{
	conn->state = CONN_REQUEST;
	free_exchange(conn);
	if (--turn->requests_left || turn->at == turn->end)
		return GO_ON;
	return YIELD;
}

static enum verdict begin_linger(struct conn *conn)
{
	if (shutdown(conn->watch.fd, SHUT_WR))
		return CLOSE;
	free_exchange(conn);
	conn->state = CONN_LINGER;
	return GO_ON;
}

static enum verdict reply_sent(struct conn *conn, struct turn *turn)
{
	struct exchange *exchange = conn->exchange;

	if (conn->state == CONN_INTERIM) {
		send_end(&conn->service->sender, &exchange->reply);
		conn->state = CONN_REQUEST;
		return GO_ON;
	}
	if (exchange->lingers)
		return begin_linger(conn);
	return exchange->closes ? CLOSE : next_request(conn, turn);
}

static enum verdict push_reply(struct conn *conn, struct turn *turn)
{
	struct reply *reply = &conn->exchange->reply;

	switch (send_some(&conn->service->sender, reply, conn->watch.fd, &turn->bytes_left)) {
	case SEND_DONE:
		return reply_sent(conn, turn);
	case SEND_FULL:
		return AWAIT_ROOM;
	case SEND_BUDGET:
		return YIELD;
	default: /* SEND_FAILED */
		return CLOSE;
	}
}

/* ---- turns -------------------------------------------------------------------------------- */

static enum verdict conn_step(struct conn *conn, struct turn *turn)
{
	switch (conn->state) {
	case CONN_REQUEST:
		return parse_request(conn, turn);
	case CONN_INTERIM:
	case CONN_REPLY:
		return push_reply(conn, turn);
	case CONN_LINGER:
		return discard_input(conn, turn);
	}
	return CLOSE;
}

/* Input that was read and not parsed outlives the scratch buffer here. */
static int keep_rest(struct conn *conn, const struct turn *turn)
{
	size_t len = turn->end - turn->at;
	char *rest;

	if (conn->rest && turn->end == conn->rest + conn->rest_len && len) {
		conn->rest_at = turn->at - conn->rest;
		return 0;
	}
	rest = len ? malloc(len) : NULL;
	if (len && !rest)
		return -ENOMEM;
	if (len)
		memcpy(rest, turn->at, len);
	free(conn->rest);
	conn->rest = rest;
	conn->rest_at = 0;
	conn->rest_len = len;
	return 0;
}

/*
 * After a yield there is more to do than the kernel knows of. Waiting for room
 * in a socket that has room brings the connection back, behind the others that
 * are ready; and a peer that takes nothing gets nothing more done.
 */
static unsigned int interest_after(const struct conn *conn, enum verdict verdict)
{
	bool has_work = conn->rest || conn->state == CONN_INTERIM || conn->state == CONN_REPLY;

	if (conn->is_forsaken)
		return 0;
	if (fault_of(conn) == FAULT_IDLE_WRITE_INTEREST)
		return WANT_IN | WANT_OUT;
	if (verdict == AWAIT_ROOM || (verdict == YIELD && has_work))
		return WANT_OUT;
	return WANT_IN;
}

/* ctl-churn: by two calls what mostly needs none. */
static int want(struct loop *loop, struct conn *conn, unsigned int interest)
{
	int err;

	if (fault_of(conn) != FAULT_CTL_CHURN)
		return loop_want(loop, &conn->watch, interest);
	err = loop_remove(loop, &conn->watch);
	return err ? err : loop_add(loop, &conn->watch, interest);
}

static void settle(struct conn *conn, const struct turn *turn, enum verdict verdict)
{
	struct loop *loop = conn->service->loop;
	unsigned int interest;

	if (verdict == CLOSE || keep_rest(conn, turn)) {
		conn_close(loop, &conn->watch);
		return;
	}
	/* A yield leaves an edge undrained: no second one would come by itself. */
	if (verdict == YIELD && options_of(conn)->trigger == TRIGGER_EDGE)
		conn->watch.needs_arming = true;
	interest = interest_after(conn, verdict) | trigger_bits(options_of(conn));
	if (want(loop, conn, interest))
		conn_close(loop, &conn->watch);
}

/*
 * What the state asks for is tried whatever was reported. So ERR or HUP alone
 * ends in a read or a send that fails, and the connection is closed.
 */
static void conn_ready(struct loop *loop, struct watch *watch, unsigned int ready)
{
	struct conn *conn = (struct conn *)watch;
	bool is_greedy = fault_of(conn) == FAULT_GREEDY_CONNECTION;
	struct turn turn = {
		.at = conn->rest + conn->rest_at,
		.end = conn->rest + conn->rest_len,
		.bytes_left = is_greedy ? UINT64_MAX : TURN_BYTES,
		.reads_left = reads_per_turn(conn, ready),
		.requests_left = is_greedy ? UINT_MAX : TURN_REQUESTS,
	};
	enum verdict verdict;

	(void)loop;
	do {
		verdict = conn_step(conn, &turn);
	} while (verdict == GO_ON);
	settle(conn, &turn, verdict);
}

static const struct watch_ops conn_ops = { .ready = conn_ready, .release = conn_close };

/* We cannot watch it: no memory, or a number beyond select. A new socket has room for this. */
static void turn_away(struct service *service, int fd)
{
	struct answer answer;
	char head[SEND_HEAD_MAX];

	answer_error(&answer, 503);
	answer_head(head, &answer, true, true);
	call_send(service->stats, fd, head, strlen(head), MSG_DONTWAIT);
	call_close(service->stats, fd);
}

void conn_open(struct service *service, int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	int one = 1;

	if (!conn)
		goto away;
	conn->service = service;
	conn->watch.ops = &conn_ops;
	conn->watch.fd = fd;
	if (loop_add(service->loop, &conn->watch, WANT_IN | trigger_bits(options_of(conn))))
		goto away;
	/* Small answers in a row must not wait for the peer's delayed ACKs. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return;
away:
	free(conn);
	turn_away(service, fd);
}

int service_init(struct service *service, const struct server *server, struct loop *loop)
{
	*service = (struct service){
		.server = server,
		.loop = loop,
		.stats = loop_stats(loop),
		.scratch = malloc(server->opts->read_chunk),
		.kept = -1,
	};
	sender_init(&service->sender, server->opts->send, service->stats);
	return service->scratch ? 0 : -ENOMEM;
}

void service_close(struct service *service)
{
	call_close(service->stats, service->kept);
	sender_close(&service->sender);
	free(service->scratch);
}
