/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Each way is a row: what it needs before the first byte, and one step, which
 * makes one attempt to move content into the socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "calls.h"
#include "send.h"

/* What one call asks for at most, so that the budget is looked at in between. */
#define SEND_CHUNK (256 << 10)
/* What copying reads at a time; a pipe of the default size holds as much. */
#define COPY_CHUNK (64 << 10)

/* Steps return the bytes the socket took, 0 at an unexpected end, or -errno. */
struct send_way {
	int (*begin)(struct sender *sender, struct reply *reply);
	ssize_t (*step)(struct sender *sender, struct reply *reply, int fd);
};

void sender_init(struct sender *sender, enum send_mode mode, struct stats *stats)
{
	*sender = (struct sender){ .mode = mode, .stats = stats };
}

static void close_pipe(struct sender *sender, const int ends[2])
{
	call_close(sender->stats, ends[0]);
	call_close(sender->stats, ends[1]);
}

void sender_close(struct sender *sender)
{
	while (sender->nr_idle)
		close_pipe(sender, sender->idle_pipes[--sender->nr_idle]);
}

void content_close(struct content *content, struct stats *stats)
{
	if (!content->is_shared) {
		if (content->map)
			munmap((void *)content->map, content->size);
		call_close(stats, content->fd);
	}
	*content = CONTENT_NONE;
}

static size_t offset(const struct reply *reply)
{
	return reply->at % reply->content.size;
}

/* What the next call may take: up to the content's end, where it starts over. */
static size_t next_len(const struct reply *reply, size_t max)
{
	uint64_t len = reply->content.size - offset(reply);

	if (len > reply->left)
		len = reply->left;
	return len < max ? len : max;
}

static void taken(struct reply *reply, size_t n)
{
	reply->at += n;
	reply->left -= n;
}

static int begin_nothing(struct sender *sender, struct reply *reply)
{
	(void)sender;
	(void)reply;
	return 0;
}

static ssize_t send_buffer(struct sender *sender, struct reply *reply, int fd, int flags)
{
	ssize_t n = call_send(sender->stats, fd, reply->buf + reply->buf_at,
			      reply->buf_end - reply->buf_at, flags);

	if (n > 0)
		reply->buf_at += n;
	if (reply->buf_at == reply->buf_end)
		reply->buf_at = reply->buf_end = 0;
	return n;
}

/* ---- copy: read into a buffer, write from it ---------------------------------------------- */

static int copy_fill(struct sender *sender, struct reply *reply)
{
	ssize_t n = call_pread(sender->stats, reply->content.fd, reply->buf + reply->buf_end,
			       next_len(reply, COPY_CHUNK), offset(reply));

	if (n <= 0)
		return n < 0 ? n : -EIO; /* the file became shorter than we announced */
	reply->buf_end += n;
	taken(reply, n);
	return 0;
}

/*
 * The first piece is put behind the head, and both leave in one call. No later
 * piece is longer than the first, so the buffer never has to grow.
 */
static int copy_begin(struct sender *sender, struct reply *reply)
{
	char *buf = realloc(reply->buf, reply->buf_end + next_len(reply, COPY_CHUNK));

	if (!buf)
		return -ENOMEM;
	reply->buf = buf;
	return copy_fill(sender, reply);
}

static ssize_t copy_step(struct sender *sender, struct reply *reply, int fd)
{
	int err = copy_fill(sender, reply);

	return err ? err : send_buffer(sender, reply, fd, 0);
}

/* ---- mmap, and whatever is in memory already ---------------------------------------------- */

static int map_begin(struct sender *sender, struct reply *reply)
{
	struct content *content = &reply->content;
	void *map;

	(void)sender;
	if (content->map)
		return 0;
	map = mmap(NULL, content->size, PROT_READ, MAP_SHARED, content->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	content->map = map;
	return 0;
}

/* If the file was cut meanwhile, send() says EFAULT; only our own access would raise SIGBUS. */
static ssize_t map_step(struct sender *sender, struct reply *reply, int fd)
{
	size_t len = next_len(reply, SEND_CHUNK);
	ssize_t n = call_send(sender->stats, fd, reply->content.map + offset(reply), len,
			      len < reply->left ? MSG_MORE : 0);

	if (n > 0)
		taken(reply, n);
	return n;
}

/* ---- sendfile ----------------------------------------------------------------------------- */

static ssize_t sendfile_step(struct sender *sender, struct reply *reply, int fd)
{
	ssize_t n = call_sendfile(sender->stats, fd, reply->content.fd, offset(reply),
				  next_len(reply, SEND_CHUNK));

	if (n > 0)
		taken(reply, n);
	return n;
}

/* ---- splice: file to pipe, pipe to socket ------------------------------------------------- */

static int splice_begin(struct sender *sender, struct reply *reply)
{
	if (!sender->nr_idle)
		return call_pipe(sender->stats, reply->pipe);
	memcpy(reply->pipe, sender->idle_pipes[--sender->nr_idle], sizeof(reply->pipe));
	return 0;
}

/* A pipe that still holds bytes of a broken-off reply must not reach another one. */
static void splice_end(struct sender *sender, struct reply *reply)
{
	if (reply->pipe[0] < 0)
		return;
	if (reply->piped || sender->nr_idle == SEND_IDLE_PIPES)
		close_pipe(sender, reply->pipe);
	else
		memcpy(sender->idle_pipes[sender->nr_idle++], reply->pipe, sizeof(reply->pipe));
	reply->pipe[0] = reply->pipe[1] = -1;
}

static ssize_t splice_fill(struct sender *sender, struct reply *reply)
{
	loff_t at = offset(reply);
	ssize_t n = call_splice(sender->stats, reply->content.fd, &at, reply->pipe[1], KIND_PIPE,
				next_len(reply, SEND_CHUNK), 0);

	if (n > 0) {
		reply->piped = n;
		taken(reply, n);
	}
	return n;
}

/* What the socket did not take stays in the pipe until the next step. */
static ssize_t splice_step(struct sender *sender, struct reply *reply, int fd)
{
	ssize_t n;

	if (!reply->piped) {
		n = splice_fill(sender, reply);
		if (n <= 0)
			return n == -EAGAIN ? -EIO : n; /* the pipe was empty: no waiting helps */
	}
	n = call_splice(sender->stats, reply->pipe[0], NULL, fd, KIND_SOCKET, reply->piped,
			reply->left ? SPLICE_F_MORE : 0);
	if (n > 0)
		reply->piped -= n;
	return n;
}

/* ---- all of them -------------------------------------------------------------------------- */

static const struct send_way ways[] = {
	[SEND_COPY] = { copy_begin, copy_step },
	[SEND_MMAP] = { map_begin, map_step },
	[SEND_SENDFILE] = { begin_nothing, sendfile_step },
	[SEND_SPLICE] = { splice_begin, splice_step },
};

int send_begin(struct sender *sender, struct reply *reply, const char *head,
	       const struct content *content, uint64_t len)
{
	bool is_memory = content->fd < 0;

	*reply = (struct reply){
		.content = *content,
		.left = len,
		.buf = strdup(head),
		.buf_end = strlen(head),
		.pipe = { -1, -1 },
		.way = &ways[is_memory ? SEND_MMAP : sender->mode],
	};
	if (!reply->buf)
		return -ENOMEM;
	return len ? reply->way->begin(sender, reply) : 0;
}

static bool is_sent(const struct reply *reply)
{
	return reply->buf_at == reply->buf_end && !reply->left && !reply->piped;
}

/* MSG_MORE: the head waits for the content, and both share a segment. */
static ssize_t send_step(struct sender *sender, struct reply *reply, int fd)
{
	bool is_head = reply->way->step != copy_step;

	if (reply->buf_at < reply->buf_end)
		return send_buffer(sender, reply, fd, is_head && reply->left ? MSG_MORE : 0);
	return reply->way->step(sender, reply, fd);
}

enum send_result send_some(struct sender *sender, struct reply *reply, int fd, uint64_t *budget)
{
	while (!is_sent(reply)) {
		ssize_t n;

		if (!*budget)
			return SEND_BUDGET;
		n = send_step(sender, reply, fd);
		if (n == -EAGAIN)
			return SEND_FULL;
		if (n == -EINTR)
			continue;
		if (n <= 0)
			return SEND_FAILED;
		*budget -= (uint64_t)n < *budget ? (uint64_t)n : *budget;
	}
	return SEND_DONE;
}

void send_end(struct sender *sender, struct reply *reply)
{
	splice_end(sender, reply);
	content_close(&reply->content, sender->stats);
	free(reply->buf);
	reply->buf = NULL;
}
