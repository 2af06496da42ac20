/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The response parser: a line collector, one function for each kind of line, and bodies that are
 * passed through without a copy. RFC 9112 sections 4 to 7.
 */
#include "response.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

void response_init(struct response *rsp)
{
	memset(rsp, 0, offsetof(struct response, line));
	rsp->state = RESPONSE_STATUS_LINE;
}

bool response_is_over(const struct response *rsp)
{
	return rsp->state == RESPONSE_COMPLETE || rsp->state == RESPONSE_MALFORMED;
}

bool response_has_begun(const struct response *rsp)
{
	return rsp->head_bytes > 0;
}

void response_eof(struct response *rsp)
{
	if (rsp->state == RESPONSE_ENDLESS_BODY)
		rsp->state = RESPONSE_COMPLETE;
}

static void malformed(struct response *rsp, const char *why)
{
	rsp->state = RESPONSE_MALFORMED;
	rsp->why = why;
}

/* "HTTP/1.1 200 OK"; the reason phrase may be missing (RFC 9112 section 4). */
static void status_line(struct response *rsp)
{
	const char *s = rsp->line;

	if (rsp->line_len < 12 || memcmp(s, "HTTP/1.", 7) || (s[7] != '0' && s[7] != '1') ||
	    s[8] != ' ' || s[9] < '1' || s[9] > '5' || !isdigit((unsigned char)s[10]) ||
	    !isdigit((unsigned char)s[11]) || (rsp->line_len > 12 && s[12] != ' ')) {
		malformed(rsp, "no HTTP/1.x status line");
		return;
	}
	rsp->status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
	rsp->will_close = s[7] == '0';
	rsp->state = RESPONSE_HEADER_LINE;
}

static void content_length(struct response *rsp, struct span value)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < value.len && isdigit((unsigned char)value.start[i]); i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, value.start[i] - '0', &n))
			break;
	if (!value.len || i < value.len)
		malformed(rsp, "Content-Length is not a number");
	else if (rsp->has_length && rsp->content_length != n)
		malformed(rsp, "two different Content-Length headers");
	rsp->has_length = true;
	rsp->content_length = n;
}

static bool span_is(struct span s, const char *word)
{
	return s.len == strlen(word) && !strncasecmp(s.start, word, s.len);
}

static struct span trimmed(const char *start, const char *end)
{
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct span){ start, end - start };
}

/* A comma-separated list; "close" wins over anything else in it (RFC 9112 section 9.3). */
static void connection_options(struct response *rsp, struct span value)
{
	const char *end = value.start + value.len;
	const char *start = value.start;
	bool keep_alive = false;

	while (start < end) {
		const char *comma = memchr(start, ',', end - start);
		struct span option = trimmed(start, comma ? comma : end);

		if (span_is(option, "close")) {
			rsp->will_close = true;
			return;
		}
		keep_alive |= span_is(option, "keep-alive");
		start = comma ? comma + 1 : end;
	}
	if (keep_alive)
		rsp->will_close = false;
}

static void transfer_encoding(struct response *rsp, struct span value)
{
	if (!span_is(value, "chunked"))
		malformed(rsp, "a Transfer-Encoding other than chunked");
	rsp->is_chunked = true;
}

static const struct header {
	const char *name;
	void (*take)(struct response *rsp, struct span value);
} headers[] = {
	{ "Content-Length", content_length },
	{ "Transfer-Encoding", transfer_encoding },
	{ "Connection", connection_options },
};

static bool is_token(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.start[i]) &&
		    (!s.start[i] || !strchr("!#$%&'*+-.^_`|~", s.start[i])))
			return false;
	return s.len > 0;
}

static void field_line(struct response *rsp)
{
	const char *colon = memchr(rsp->line, ':', rsp->line_len);
	struct span name;
	size_t i;

	if (!colon || !is_token(name = (struct span){ rsp->line, colon - rsp->line })) {
		malformed(rsp, "a header line without a name");
		return;
	}
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (!span_is(name, headers[i].name))
			continue;
		if (rsp->line_cut)
			malformed(rsp, "a header that matters is too long");
		else
			headers[i].take(rsp, trimmed(colon + 1, rsp->line + rsp->line_len));
	}
}

/* The empty line: RFC 9112 section 6.3 says how long the body is. */
static void end_of_head(struct response *rsp)
{
	if (rsp->is_chunked && rsp->has_length) {
		malformed(rsp, "both Content-Length and Transfer-Encoding");
	} else if (rsp->status / 100 == 1) {
		uint32_t head_bytes = rsp->head_bytes;

		response_init(rsp); /* interim: the response proper is still to come */
		rsp->head_bytes = head_bytes;
	} else if (rsp->status == 204 || rsp->status == 304) {
		rsp->state = RESPONSE_COMPLETE;
	} else if (rsp->is_chunked) {
		rsp->state = RESPONSE_CHUNK_SIZE_LINE;
	} else if (rsp->has_length) {
		rsp->body_left = rsp->content_length;
		rsp->state = rsp->body_left ? RESPONSE_COUNTED_BODY : RESPONSE_COMPLETE;
	} else {
		rsp->will_close = true;
		rsp->state = RESPONSE_ENDLESS_BODY;
	}
}

static void header_line(struct response *rsp)
{
	if (rsp->line_len)
		field_line(rsp);
	else
		end_of_head(rsp);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal, then perhaps extensions, which nobody needs to understand (section 7.1.1). */
static void chunk_size_line(struct response *rsp)
{
	struct span rest;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < rsp->line_len && hex_digit(rsp->line[i]) >= 0 && !(n >> 60); i++)
		n = n << 4 | hex_digit(rsp->line[i]);
	rest = trimmed(rsp->line + i, rsp->line + rsp->line_len);
	if (!i || (rest.len && *rest.start != ';')) {
		malformed(rsp, "a chunk without a size");
		return;
	}
	rsp->body_left = n;
	rsp->state = n ? RESPONSE_CHUNK_BODY : RESPONSE_TRAILER_LINE;
}

static void chunk_end_line(struct response *rsp)
{
	if (rsp->line_len)
		malformed(rsp, "a chunk longer than its size");
	else
		rsp->state = RESPONSE_CHUNK_SIZE_LINE;
}

static void whole_line(struct response *rsp)
{
	switch (rsp->state) {
	case RESPONSE_STATUS_LINE:
		status_line(rsp);
		break;
	case RESPONSE_HEADER_LINE:
		header_line(rsp);
		break;
	case RESPONSE_CHUNK_SIZE_LINE:
		chunk_size_line(rsp);
		break;
	case RESPONSE_CHUNK_END_LINE:
		chunk_end_line(rsp);
		break;
	default:
		if (!rsp->line_len)
			rsp->state = RESPONSE_COMPLETE;
	}
}

static void keep(struct response *rsp, char c)
{
	if (rsp->line_len < sizeof(rsp->line))
		rsp->line[rsp->line_len++] = c;
	else
		rsp->line_cut = true;
}

/* Takes one byte of a line; hands the line on when this byte ended it. */
static void line_byte(struct response *rsp, char c)
{
	if (rsp->saw_cr != (c == '\n')) {
		malformed(rsp, "a line that does not end in CR LF");
	} else if (c == '\n') {
		whole_line(rsp);
		rsp->line_len = 0;
		rsp->line_cut = false;
		rsp->saw_cr = false;
	} else if (c == '\r') {
		rsp->saw_cr = true;
	} else if (c == '\0') {
		malformed(rsp, "a NUL byte in a line");
	} else {
		keep(rsp, c);
	}
}

/* Lines around chunks do not count towards the limit: a body may have any number of them. */
static bool in_head(const struct response *rsp)
{
	return rsp->state == RESPONSE_STATUS_LINE || rsp->state == RESPONSE_HEADER_LINE ||
	       rsp->state == RESPONSE_TRAILER_LINE;
}

static void take_line_byte(struct response *rsp, char c)
{
	if (in_head(rsp) && ++rsp->head_bytes > RESPONSE_HEAD_LIMIT)
		malformed(rsp, "a head of more than 64 KiB");
	else
		line_byte(rsp, c);
}

static bool in_body(const struct response *rsp)
{
	return rsp->state == RESPONSE_COUNTED_BODY || rsp->state == RESPONSE_CHUNK_BODY ||
	       rsp->state == RESPONSE_ENDLESS_BODY;
}

static size_t take_body(struct response *rsp, const char *data, size_t len, struct span *body)
{
	if (rsp->state != RESPONSE_ENDLESS_BODY) {
		if (len > rsp->body_left)
			len = rsp->body_left;
		rsp->body_left -= len;
		if (!rsp->body_left)
			rsp->state = rsp->state == RESPONSE_CHUNK_BODY ? RESPONSE_CHUNK_END_LINE
								       : RESPONSE_COMPLETE;
	}
	*body = (struct span){ data, len };
	return len;
}

size_t response_parse(struct response *rsp, const char *data, size_t len, struct span *body)
{
	size_t used = 0;

	*body = (struct span){ NULL, 0 };
	while (used < len && !response_is_over(rsp)) {
		if (in_body(rsp))
			return used + take_body(rsp, data + used, len - used, body);
		take_line_byte(rsp, data[used++]);
	}
	return used;
}
