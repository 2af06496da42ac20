/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1.x requests, from bytes in any pieces to a request and its body. Pure:
 * no I/O, no allocation, no clock. Strict where leniency has let requests be
 * smuggled (RFC 9112): lines end in CRLF, a length is given once and in one way,
 * fields do not fold.
 *
 *	while ((event = http_parse(&parser, &at, end, &body)) != HTTP_MORE)
 *		HTTP_HEAD_READ:  parser.request is complete up to its body
 *		HTTP_BODY_PIECE: body is the next piece of it
 *		HTTP_COMPLETE:   http_begin() before what follows
 *		HTTP_BAD:        parser.status says why; nothing more can be parsed
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Target and the line being read share this room. RFC 9110 asks for 8000 and more. */
#define HTTP_TEXT_MAX 8192
/* Of a whole head, and of the trailers of a chunked body. */
#define HTTP_HEAD_MAX 32768

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST };

enum http_event { HTTP_MORE, HTTP_HEAD_READ, HTTP_BODY_PIECE, HTTP_COMPLETE, HTTP_BAD };

struct http_piece {
	const char *data;
	size_t len;
};

struct http_request {
	const char *target; /* as sent, NUL-terminated; NUL itself is refused */
	uint64_t length;    /* of the body, unless it is chunked */
	enum http_method method;
	int minor; /* HTTP/1.minor, at most 1 */
	bool is_chunked;
	bool keeps_alive;
	bool expects_continue;
};

enum http_state {
	HTTP_AT_REQUEST_LINE,
	HTTP_AT_FIELD,
	HTTP_AT_BODY,
	HTTP_AT_CHUNK_SIZE,
	HTTP_AT_CHUNK,
	HTTP_AT_CHUNK_END,
	HTTP_AT_TRAILER,
	HTTP_AT_END,
	HTTP_AT_FAULT,
};

struct http_parser {
	struct http_request request;
	uint64_t left;	   /* of the body or of the chunk at hand */
	size_t head_bytes; /* seen so far, to bound it */
	size_t line_at;	   /* where in text the line at hand begins */
	size_t line_len;
	enum http_state state;
	int status; /* after HTTP_BAD: the status to answer with */
	bool has_length;
	bool has_host;
	bool says_close;
	bool says_keep_alive;
	char text[HTTP_TEXT_MAX];
};

void http_begin(struct http_parser *parser);

/*
 * Takes bytes from *@at, which moves on, up to the next event. HTTP_MORE means
 * that all of them were taken.
 */
enum http_event http_parse(struct http_parser *parser, const char **at, const char *end,
			   struct http_piece *body);

/*
 * The path of @target without its query, percent-decoded, in @path, which has
 * room for @size bytes. False if it is no path or cannot be decoded.
 */
bool http_path(const char *target, char *path, size_t size);

/* The reason phrase of a status this server uses. */
const char *http_reason(int status);

#endif
