/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An HTTP/1.x response, parsed as its bytes arrive. Pure: no I/O, no allocation, no clock; what
 * the body should have been is not its business. Strict on purpose: this parser is in a client
 * that verifies servers, so whatever RFC 9112 does not allow is malformed.
 */
#ifndef LOAD_RESPONSE_H
#define LOAD_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Header lines may be longer; what lies beyond is skipped. The three headers that matter here
 * are far shorter, and are refused when they are not.
 */
#define RESPONSE_LINE_KEPT 256

/* All lines of one response together: status, headers, chunk sizes' and trailers' own lines. */
#define RESPONSE_HEAD_LIMIT 65536

enum response_state {
	RESPONSE_STATUS_LINE,
	RESPONSE_HEADER_LINE,
	RESPONSE_CHUNK_SIZE_LINE,
	RESPONSE_CHUNK_END_LINE,
	RESPONSE_TRAILER_LINE,
	RESPONSE_COUNTED_BODY,
	RESPONSE_CHUNK_BODY,
	RESPONSE_ENDLESS_BODY, /* until the server closes */
	RESPONSE_COMPLETE,
	RESPONSE_MALFORMED,
};

struct response {
	uint64_t body_left; /* of a counted body, or of this chunk */
	uint64_t content_length;
	const char *why; /* malformed: in words */
	uint32_t head_bytes;
	uint16_t line_len;
	uint16_t status;
	enum response_state state;
	bool has_length;
	bool is_chunked;
	bool will_close; /* the server said that it closes after this one */
	bool saw_cr;
	bool line_cut;
	char line[RESPONSE_LINE_KEPT];
};

/* A stretch of body inside the bytes that were given to response_parse(). */
struct span {
	const char *start;
	size_t len;
};

void response_init(struct response *rsp);

/*
 * Takes bytes from @data until a stretch of body is found, the response ends or @len is used
 * up, and returns how many it took; @body is what was found, or empty. Call again with the
 * rest until all is taken or response_is_over(). Bytes behind the end are left untaken.
 */
size_t response_parse(struct response *rsp, const char *data, size_t len, struct span *body);

/* The server closed: completes a body that ends so; anything else stays as incomplete as it was. */
void response_eof(struct response *rsp);

/* Complete or malformed: no further byte belongs to it. */
bool response_is_over(const struct response *rsp);

/* At least one byte of it was seen. */
bool response_has_begun(const struct response *rsp);

#endif
