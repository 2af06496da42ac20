/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a request is answered with: its status and its content. Sending it is
 * left to send.c, and when to close to conn.c.
 */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include "http.h"
#include "send.h"
#include "server.h"

/* The largest request body that is taken. */
#define ANSWER_BODY_MAX (16 << 20)

struct answer {
	struct content content;
	uint64_t len;
	int status;
	const char *allow; /* with 405 */
};

/* Whether the head of @request is enough to refuse it; if so, with this answer. */
bool answer_refusal(struct answer *answer, const struct http_request *request);

/* Whether the body of @request is to be handed to answer_make(). */
bool answer_needs_body(const struct http_request *request);

/* Always makes one. The content may point into @body. */
void answer_make(struct answer *answer, const struct server *server, struct stats *stats,
		 const struct http_request *request, struct http_piece body);

/* The status that tells a client of @err. */
int answer_status_of_error(int err);

void answer_error(struct answer *answer, int status);

/* Writes the head, and the text of an error that has one, into SEND_HEAD_MAX bytes. */
void answer_head(char *head, const struct answer *answer, bool has_text, bool closes);

#endif
