/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state machine of connection.h. Level-triggered, one recv() for each report; epoll_data
 * points to the connection, which outlives its descriptor, so an event that was queued for a
 * descriptor closed since finds a CLOSED connection and not the number's next holder.
 */
#include "connection.h"

#include "clock.h"
#include "log.h"
#include "options.h"
#include "pattern.h"
#include "request.h"
#include "results.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Of the 28 232 ports that ip_local_port_range has by default; a further source address for each
 * so many connections leaves room for those still in TIME_WAIT.
 */
#define CONNECTIONS_PER_SOURCE 20000

static bool is_unfinished(const struct connection *c)
{
	return (c->state >= CONNECTION_READY && c->state <= CONNECTION_RECEIVING) ||
	       (c->state == CONNECTION_CONNECTING && c->answered);
}

static void hang_up(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd); /* which also takes it out of the epoll set: it was never dup'ed */
	c->fd = -1;
	c->interest = 0;
	c->sent_ever = 0;
}

static void connection_close(struct connection *c, struct run *run)
{
	if (c->state == CONNECTION_CONNECTING)
		run->nr_connecting--;
	if (is_unfinished(c))
		run->nr_unfinished--;
	hang_up(c);
	c->state = CONNECTION_CLOSED;
}

/* A failed system call on this connection: counted by what it means, and the end of it. */
static void fail_errno(struct connection *c, struct run *run, int err, const char *doing)
{
	enum error_kind kind = ERROR_IO;

	if (err == ECONNRESET || err == EPIPE)
		kind = ERROR_RESET;
	if (c->state == CONNECTION_CONNECTING)
		kind = err == ECONNREFUSED ? ERROR_REFUSED : ERROR_CONNECT;
	results_error(run->results, kind, "connection %u, request %llu: %s: %s", c->idx,
		      (unsigned long long)c->answered, doing, strerror(err));
	connection_close(c, run);
}

/* An error of the response at hand; the connection goes on unless the caller closes it. */
static void mismatch(const struct connection *c, struct run *run, enum error_kind kind,
		     const char *what)
{
	results_error(run->results, kind, "connection %u, request %llu: %s", c->idx,
		      (unsigned long long)c->answered, what);
}

/* False: it failed and was closed. */
static bool set_interest(struct connection *c, struct run *run, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };
	int op = c->interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (c->interest == events)
		return true;
	if (epoll_ctl(run->epfd, op, c->fd, &ev) < 0) {
		fail_errno(c, run, errno, "epoll_ctl");
		return false;
	}
	c->interest = events;
	return true;
}

/* ---- connecting ---- */

/*
 * All of 127.0.0.0/8 is local, so the sources 127.0.0.2, 127.0.0.3, … need no set-up.
 * IP_BIND_ADDRESS_NO_PORT leaves the port to connect(), which only needs the whole 4-tuple to be
 * new; bind() itself would want the port to be free for any destination.
 */
static int bind_source(int fd, const struct connection *c, const struct options *opts)
{
	const struct sockaddr_in *server = (const struct sockaddr_in *)&opts->server;
	struct sockaddr_in source = { .sin_family = AF_INET };
	uint32_t nth = c->idx / CONNECTIONS_PER_SOURCE;
	int on = 1;

	if (nth == 0 || opts->server.ss_family != AF_INET ||
	    ntohl(server->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return 0;
	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + nth);
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&source, sizeof(source)) < 0)
		return -errno;
	return 0;
}

/* The socket is the caller's, through c->fd, also when this fails. */
static int begin_connect(struct connection *c, const struct options *opts)
{
	int on = 1;
	int err;

	c->fd = socket(opts->server.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	/* Each write is its own segment at once, not held back until the one before is acked. */
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return -errno;
	err = bind_source(c->fd, c, opts);
	if (err)
		return err;
	if (connect(c->fd, (const struct sockaddr *)&opts->server, opts->server_len) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	return 0;
}

void connection_open(struct connection *c, struct run *run)
{
	int err;

	c->state = CONNECTION_CONNECTING;
	run->nr_connecting++;
	err = begin_connect(c, run->opts);
	if (err)
		fail_errno(c, run, -err, "connect");
	else
		set_interest(c, run, EPOLLOUT);
}

/*
 * Without a listener on an ephemeral port, connect() may be given that very port as its source
 * and then TCP connects the socket to itself (simultaneous open, RFC 9293 section 3.5).
 */
static bool is_self_connected(int fd)
{
	struct sockaddr_storage ours = { 0 }, theirs = { 0 };
	socklen_t ours_len = sizeof(ours), theirs_len = sizeof(theirs);

	return getsockname(fd, (struct sockaddr *)&ours, &ours_len) == 0 &&
	       getpeername(fd, (struct sockaddr *)&theirs, &theirs_len) == 0 &&
	       ours_len == theirs_len && !memcmp(&ours, &theirs, ours_len);
}

/* connect(2), EINPROGRESS: writable, and SO_ERROR says how it went. */
static void finish_connect(struct connection *c, struct run *run)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (!err && is_self_connected(c->fd))
		err = ECONNREFUSED;
	if (err) {
		fail_errno(c, run, err, "connect");
		return;
	}
	run->nr_connecting--;
	run->progress_ns = clock_now_ns();
	if (c->is_idle) {
		c->state = CONNECTION_IDLE;
		run->results->idle++;
	} else {
		c->state = CONNECTION_READY;
		run->results->connections++;
		run->nr_unfinished += !c->answered;
	}
	if (set_interest(c, run, EPOLLIN) && c->answered)
		connection_start(c, run);
}

/* ---- sending ---- */

static void pause_after_piece(struct connection *c, struct run *run)
{
	c->piece++;
	c->piece_was_read = false;
	c->state = CONNECTION_PAUSED;
	c->next_paused = run->paused;
	run->paused = c;
}

/* One piece is one write unless the socket's buffer cannot take it whole. */
static void send_piece(struct connection *c, struct run *run)
{
	const struct request *request = &c->job->request;
	uint64_t end = request_piece_end(request, c->piece);
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	msg.msg_iovlen = request_iov(request, c->check.phase, c->sent, end, iov);
	n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN) {
		fail_errno(c, run, errno, "send");
		return;
	}
	if (n > 0) {
		c->sent += n;
		c->sent_ever += n;
		run->progress_ns = clock_now_ns();
	}
	if (c->sent < end) {
		set_interest(c, run, EPOLLIN | EPOLLOUT);
		return;
	}
	if (!set_interest(c, run, EPOLLIN))
		return;
	if (c->sent == request_len(request))
		c->state = CONNECTION_RECEIVING;
	else
		pause_after_piece(c, run);
}

/* 7 is prime to the period: neighbouring connections and requests differ. */
static unsigned int phase_of(const struct connection *c)
{
	return c->job->request.body ? (c->idx * 7ull + c->answered) % PATTERN_PERIOD : 0;
}

static void begin_request(struct connection *c, struct run *run)
{
	response_init(&c->response);
	body_check_init(&c->check, phase_of(c));
	c->sent = 0;
	c->piece = 0;
	c->state = CONNECTION_SENDING;
	c->began_ns = clock_now_ns();
	send_piece(c, run);
}

static void rest(struct connection *c, struct run *run, enum connection_state state)
{
	c->state = state;
	c->rested_ns = clock_now_ns() + run->opts->pause_ms * 1000000ull;
	c->next_resting = NULL;
	if (run->resting)
		run->last_resting->next_resting = c;
	else
		run->resting = c;
	run->last_resting = c;
}

static void rest_or_begin(struct connection *c, struct run *run)
{
	if (run->opts->pause_ms)
		rest(c, run, CONNECTION_RESTING);
	else
		begin_request(c, run);
}

void connection_start(struct connection *c, struct run *run)
{
	if (c->state == CONNECTION_READY)
		rest_or_begin(c, run);
}

void connection_rested(struct connection *c, struct run *run)
{
	if (c->state == CONNECTION_RESTING)
		begin_request(c, run);
	else if (c->state == CONNECTION_AWAY)
		connection_open(c, run);
}

/*
 * Seen read at two calls in a row. The millisecond between them lets the server find its socket
 * empty and go back to wait: one that reads until EAGAIN would otherwise take the next piece in
 * the same turn. And tcp_diag_get_info() looks at the queue before it takes the socket's lock
 * for tcp_info, so a single look can fall between a segment's arrival and its queueing.
 */
bool connection_resume(struct connection *c, struct run *run)
{
	bool was_read = c->piece_was_read;

	c->piece_was_read = peer_has_read(&run->peer, c->fd, c->sent_ever);
	if (!was_read || !c->piece_was_read)
		return false;
	c->state = CONNECTION_SENDING;
	send_piece(c, run);
	return true;
}

/* ---- receiving ---- */

static void verify(struct connection *c, struct run *run)
{
	char what[100];

	if (c->response.status != 200) {
		snprintf(what, sizeof(what), "status %u, expected 200", c->response.status);
		mismatch(c, run, ERROR_STATUS, what);
		return;
	}
	switch (expect_verdict(&c->job->expect, &c->check)) {
	case VERDICT_LENGTH:
		snprintf(what, sizeof(what), "a body of %llu bytes, expected %llu",
			 (unsigned long long)c->check.length,
			 (unsigned long long)c->job->expect.length);
		mismatch(c, run, ERROR_LENGTH, what);
		break;
	case VERDICT_CONTENT:
		if (c->check.differs)
			snprintf(what, sizeof(what), "the body differs at byte %llu",
				 (unsigned long long)c->check.differs_at);
		else
			snprintf(what, sizeof(what), "the body differs from the first response's");
		mismatch(c, run, ERROR_CONTENT, what);
		break;
	case VERDICT_RIGHT:
		break;
	}
}

static void request_answered(struct connection *c, struct run *run)
{
	run->answered_ns = run->progress_ns;
	run->results->requests++;
	latency_add(&run->results->latency, run->answered_ns - c->began_ns);
	verify(c, run);
	c->answered++;
}

/* Closed first and rested then, or opened again at once. */
static void reconnect(struct connection *c, struct run *run)
{
	hang_up(c);
	if (run->opts->pause_ms)
		rest(c, run, CONNECTION_AWAY);
	else
		connection_open(c, run);
}

static void next_request(struct connection *c, struct run *run)
{
	bool is_last = c->answered == c->job->requests;

	if (run->opts->reconnects && is_last) {
		connection_close(c, run);
	} else if (run->opts->reconnects) {
		reconnect(c, run);
	} else if (is_last) {
		c->state = CONNECTION_DONE;
		run->nr_unfinished--;
	} else if (c->response.will_close) {
		mismatch(c, run, ERROR_CLOSED, "the response before said Connection: close");
		connection_close(c, run);
	} else {
		rest_or_begin(c, run);
	}
}

/* @surplus: bytes behind the response, though nothing else was asked for. */
static void response_ended(struct connection *c, struct run *run, size_t surplus)
{
	if (c->response.state == RESPONSE_MALFORMED) {
		mismatch(c, run, ERROR_MALFORMED, c->response.why);
		connection_close(c, run);
		return;
	}
	if (c->state != CONNECTION_RECEIVING) {
		if (c->response.status == 200)
			mismatch(c, run, ERROR_EARLY, "answered before all of it was sent");
		else
			verify(c, run);
		connection_close(c, run);
		return;
	}
	request_answered(c, run);
	if (surplus) {
		mismatch(c, run, ERROR_EXTRA, "bytes behind the response before");
		connection_close(c, run);
		return;
	}
	next_request(c, run);
}

static void take_input(struct connection *c, struct run *run, size_t len)
{
	size_t used = 0;

	while (used < len && !response_is_over(&c->response)) {
		struct span body;

		used += response_parse(&c->response, run->buf + used, len - used, &body);
		expect_feed(&c->job->expect, &c->check, body.start, body.len);
		run->results->bytes += body.len;
	}
	if (response_is_over(&c->response))
		response_ended(c, run, len - used);
}

static void take_eof(struct connection *c, struct run *run)
{
	response_eof(&c->response);
	if (response_is_over(&c->response)) {
		response_ended(c, run, 0);
		return;
	}
	if (response_has_begun(&c->response)) {
		char what[100];

		snprintf(what, sizeof(what), "closed after %llu bytes of the body",
			 (unsigned long long)c->check.length);
		mismatch(c, run, ERROR_SHORT, what);
	} else {
		mismatch(c, run, ERROR_CLOSED, "closed before the response began");
	}
	connection_close(c, run);
}

static void receive(struct connection *c, struct run *run)
{
	ssize_t n = recv(c->fd, run->buf, EXPECT_CHUNK, 0);

	if (n < 0) {
		if (errno != EAGAIN)
			fail_errno(c, run, errno, "receive");
		return;
	}
	run->progress_ns = clock_now_ns();
	if (n > 0)
		take_input(c, run, n);
	else
		take_eof(c, run);
}

/* Input while nothing is outstanding. Only a connection that is done may see its end. */
static void receive_unasked(struct connection *c, struct run *run)
{
	ssize_t n = recv(c->fd, run->buf, EXPECT_CHUNK, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (c->state == CONNECTION_IDLE) {
		results_error(run->results, ERROR_IDLE, "idle connection %u: %s", c->idx,
			      n > 0    ? "the server sent something"
			      : n == 0 ? "the server closed it"
				       : strerror(errno));
	} else if (n > 0) {
		mismatch(c, run, ERROR_EXTRA, "bytes that nobody asked for");
	} else if (n < 0) {
		fail_errno(c, run, errno, "receive");
		return;
	} else if (c->state != CONNECTION_DONE) {
		mismatch(c, run, ERROR_CLOSED, "closed before it was sent");
	}
	connection_close(c, run);
}

void connection_event(struct connection *c, struct run *run, uint32_t events)
{
	switch (c->state) {
	case CONNECTION_CLOSED:
	case CONNECTION_AWAY:
		break;
	case CONNECTION_CONNECTING:
		finish_connect(c, run);
		break;
	case CONNECTION_IDLE:
	case CONNECTION_READY:
	case CONNECTION_RESTING:
	case CONNECTION_DONE:
		receive_unasked(c, run);
		break;
	case CONNECTION_SENDING:
	case CONNECTION_PAUSED:
	case CONNECTION_RECEIVING:
		if (events & ~EPOLLOUT)
			receive(c, run); /* first: an early answer says why a send fails */
		if ((events & EPOLLOUT) && c->state == CONNECTION_SENDING)
			send_piece(c, run);
		break;
	}
}

/* ---- the end ---- */

void connection_give_up(struct connection *c, struct run *run)
{
	if (c->state != CONNECTION_CONNECTING && !is_unfinished(c))
		return;
	mismatch(c, run, ERROR_TIMEOUT,
		 c->state == CONNECTION_CONNECTING  ? "connect: no answer"
		 : c->state == CONNECTION_RECEIVING ? "no answer"
						    : "the server does not read");
	connection_close(c, run);
}

void connection_finish(struct connection *c, struct run *run)
{
	if (c->state == CONNECTION_IDLE || c->state == CONNECTION_DONE)
		receive_unasked(c, run);
	connection_close(c, run);
}
