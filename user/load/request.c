/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests as bytes; sending them is connection.c's business. */
#include "request.h"

#include "log.h"
#include "options.h"
#include "pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int head_new(char **head, const struct options *opts)
{
	bool is_v6 = opts->server.ss_family == AF_INET6;
	char host[80];

	snprintf(host, sizeof(host), is_v6 ? "[%s]:%u" : "%s:%u", opts->host, opts->port);
	if (opts->is_post)
		return asprintf(head,
				"POST /echo HTTP/1.1\r\nHost: %s\r\nUser-Agent: fdscope-load\r\n"
				"Content-Type: application/octet-stream\r\n"
				"Content-Length: %llu\r\n\r\n",
				host, (unsigned long long)opts->post_bytes);
	return asprintf(head, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fdscope-load\r\n\r\n",
			opts->path ? opts->path : "/bytes/1024", host);
}

int request_init(struct request *req, const struct options *opts)
{
	*req = (struct request){ .pieces = opts->pieces };
	if (head_new(&req->head, opts) < 0) {
		req->head = NULL;
		return log_err(ENOMEM, "build the request");
	}
	req->head_len = strlen(req->head);
	if (!opts->is_post && req->pieces > req->head_len) {
		log_line("--pieces %u: the request is only %llu bytes long", req->pieces,
			 (unsigned long long)req->head_len);
		request_free(req);
		return -EINVAL;
	}
	if (!opts->is_post)
		return 0;
	req->body_len = opts->post_bytes;
	req->body = pattern_new(req->body_len);
	if (!req->body) {
		request_free(req);
		return log_err(ENOMEM, "build a body of %llu bytes",
			       (unsigned long long)opts->post_bytes);
	}
	return 0;
}

void request_free(struct request *req)
{
	free(req->head);
	free(req->body);
	req->head = req->body = NULL;
}

uint64_t request_len(const struct request *req)
{
	return req->head_len + req->body_len;
}

uint64_t request_piece_end(const struct request *req, uint32_t idx)
{
	if (!req->body)
		return req->head_len * (idx + 1) / req->pieces;
	return req->head_len + req->body_len * (idx + 1) / req->pieces;
}

int request_iov(const struct request *req, unsigned int phase, uint64_t start, uint64_t end,
		struct iovec iov[2])
{
	uint64_t head_end = end < req->head_len ? end : req->head_len;
	int n = 0;

	if (start < head_end)
		iov[n++] = (struct iovec){ req->head + start, head_end - start };
	if (end > req->head_len) {
		uint64_t from = start > req->head_len ? start - req->head_len : 0;

		iov[n++] = (struct iovec){ req->body + phase + from, end - req->head_len - from };
	}
	return n;
}
