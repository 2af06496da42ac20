/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The four ways to get content into a socket: copied through a buffer, sent
 * from a mapping, by sendfile, or spliced through a pipe. All four take the
 * same content from the same kind of descriptor, so that they can be compared.
 */
#ifndef SERVER_SEND_H
#define SERVER_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "stats.h"

/* Room for any head that answer_head() writes, with the text of an error. */
#define SEND_HEAD_MAX	512
#define SEND_IDLE_PIPES 16

/*
 * Where a body comes from: @size bytes, over and over if more than that are
 * sent. With a map they can be had from memory, else from the descriptor.
 */
struct content {
	const char *map; /* NULL: none */
	uint64_t size;
	int fd;		/* -1: memory only */
	bool is_shared; /* descriptor and map belong to somebody else */
};

/* One per loop. */
struct sender {
	struct stats *stats;
	enum send_mode mode;
	int nr_idle;
	int idle_pipes[SEND_IDLE_PIPES][2];
};

/* One response on its way out. */
struct reply {
	struct content content;
	uint64_t at;   /* in the content */
	uint64_t left; /* of the content, not yet taken from it */
	char *buf;     /* the head; in copy mode content as well */
	size_t buf_at;
	size_t buf_end;
	size_t piped; /* bytes that wait in the pipe */
	int pipe[2];
	const struct send_way *way;
};

#define CONTENT_NONE ((struct content){ .fd = -1 })

enum send_result {
	SEND_DONE,
	SEND_FULL,   /* the socket takes no more */
	SEND_BUDGET, /* the socket may take more, but others must have their turn */
	SEND_FAILED,
};

void sender_init(struct sender *sender, enum send_mode mode, struct stats *stats);
void sender_close(struct sender *sender);

/* Closes and unmaps what is not shared. */
void content_close(struct content *content, struct stats *stats);

/*
 * Prepares @head followed by @len bytes of @content, which becomes the reply's
 * even on failure. 0 or -errno.
 */
int send_begin(struct sender *sender, struct reply *reply, const char *head,
	       const struct content *content, uint64_t len);

/* Sends until all is sent, the socket is full or *@budget bytes are used up. */
enum send_result send_some(struct sender *sender, struct reply *reply, int fd, uint64_t *budget);

/* Gives back what the reply holds, finished or not. */
void send_end(struct sender *sender, struct reply *reply);

#endif
