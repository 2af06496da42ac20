/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The request parser. Lines are collected and then looked at whole, which costs
 * a copy and saves a state for every character; bodies are passed through.
 */
#include <string.h>
#include <strings.h>

#include "http.h"

/* A number of 19 digits or 15 hex digits fits without a look at overflow. */
#define DIGITS_MAX     19
#define HEX_DIGITS_MAX 15

void http_begin(struct http_parser *parser)
{
	memset(parser, 0, offsetof(struct http_parser, text));
}

static enum http_event bad(struct http_parser *parser, int status)
{
	parser->state = HTTP_AT_FAULT;
	parser->status = status;
	return HTTP_BAD;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* tchar of RFC 9110, 5.6.2; strchr() would find the NUL. */
static bool is_token_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_token_char(text[i]))
			return false;
	return len > 0;
}

/* Visible ASCII: what a target may be made of. */
static bool is_visible(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
			return false;
	return len > 0;
}

/* A field's value: no control characters but tabs; bytes above ASCII pass. */
static bool is_field_value(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return true;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool piece_is(struct http_piece piece, const char *word)
{
	return piece.len == strlen(word) && !strncasecmp(piece.data, word, piece.len);
}

static struct http_piece trimmed(const char *text, size_t len)
{
	while (len && (*text == ' ' || *text == '\t'))
		text++, len--;
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	return (struct http_piece){ text, len };
}

/* The first element of a comma-separated list, which moves on behind it. */
static struct http_piece next_element(struct http_piece *list)
{
	const char *comma = memchr(list->data, ',', list->len);
	size_t len = comma ? (size_t)(comma - list->data) : list->len;
	struct http_piece element = trimmed(list->data, len);

	len += comma != NULL;
	list->data += len;
	list->len -= len;
	return element;
}

/* ---- the request line --------------------------------------------------------------------- */

static bool parse_method(struct http_request *request, struct http_piece name)
{
	/* Methods are case-sensitive (RFC 9110, 9.1). */
	static const char *const names[] = { "GET", "HEAD", "POST" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (name.len == strlen(names[i]) && !memcmp(name.data, names[i], name.len)) {
			request->method = i;
			return true;
		}
	}
	return false;
}

/* 0, or the status that refuses the version. */
static int parse_version(struct http_request *request, struct http_piece version)
{
	const char *text = version.data;

	if (version.len != 8 || memcmp(text, "HTTP/", 5) || !is_digit(text[5]) || text[6] != '.' ||
	    !is_digit(text[7]))
		return 400;
	if (text[5] != '1')
		return 505;
	request->minor = text[7] > '0';
	return 0;
}

/* method SP target SP version, and a space nowhere else. */
static enum http_event parse_request_line(struct http_parser *parser, char *line, size_t len)
{
	struct http_request *request = &parser->request;
	char *end = line + len;
	char *target = memchr(line, ' ', len);
	char *version = target ? memchr(target + 1, ' ', end - target - 1) : NULL;
	int status;

	if (!len)
		return HTTP_MORE; /* an empty line before it is skipped (RFC 9112, 2.2) */
	if (!version || !is_token(line, target - line) ||
	    !is_visible(target + 1, version - target - 1))
		return bad(parser, 400);
	status = parse_version(request, (struct http_piece){ version + 1, end - version - 1 });
	if (status)
		return bad(parser, status);
	if (!parse_method(request, (struct http_piece){ line, target - line }))
		return bad(parser, 501);
	*version = '\0';
	request->target = target + 1;
	parser->line_at = version + 1 - parser->text;
	parser->state = HTTP_AT_FIELD;
	return HTTP_MORE;
}

/* ---- fields ------------------------------------------------------------------------------- */

/* 0, or the status that refuses the field; the same for all of these. */
static int parse_content_length(struct http_parser *parser, struct http_piece value)
{
	uint64_t length = 0;

	if (parser->has_length || !value.len || value.len > DIGITS_MAX)
		return 400;
	for (size_t i = 0; i < value.len; i++) {
		if (!is_digit(value.data[i]))
			return 400;
		length = length * 10 + (value.data[i] - '0');
	}
	parser->has_length = true;
	parser->request.length = length;
	return 0;
}

static int parse_transfer_encoding(struct http_parser *parser, struct http_piece value)
{
	/* HTTP/1.0 has none; a proxy before us may have ignored it (RFC 9112, 6.1). */
	if (parser->request.is_chunked || !parser->request.minor)
		return 400;
	if (!piece_is(value, "chunked"))
		return 501;
	parser->request.is_chunked = true;
	return 0;
}

static int parse_connection(struct http_parser *parser, struct http_piece value)
{
	while (value.len) {
		struct http_piece option = next_element(&value);

		parser->says_close |= piece_is(option, "close");
		parser->says_keep_alive |= piece_is(option, "keep-alive");
	}
	return 0;
}

static int parse_expect(struct http_parser *parser, struct http_piece value)
{
	if (!piece_is(value, "100-continue"))
		return 417;
	/* From HTTP/1.0 it is ignored (RFC 9110, 10.1.1). */
	parser->request.expects_continue = parser->request.minor > 0;
	return 0;
}

static int parse_host(struct http_parser *parser, struct http_piece value)
{
	(void)value;
	if (parser->has_host)
		return 400;
	parser->has_host = true;
	return 0;
}

static int parse_known_field(struct http_parser *parser, struct http_piece name,
			     struct http_piece value)
{
	static const struct {
		const char *name;
		int (*parse)(struct http_parser *parser, struct http_piece value);
	} fields[] = {
		{ "Content-Length", parse_content_length },
		{ "Transfer-Encoding", parse_transfer_encoding },
		{ "Connection", parse_connection },
		{ "Expect", parse_expect },
		{ "Host", parse_host },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (piece_is(name, fields[i].name))
			return fields[i].parse(parser, value);
	return 0;
}

/* 0, or the status that refuses the line. */
static int parse_field(struct http_parser *parser, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	struct http_piece name, value;

	/* A space before the colon or at the line's start fails here as well. */
	if (!colon || !is_token(line, colon - line))
		return 400;
	name = (struct http_piece){ line, colon - line };
	value = trimmed(colon + 1, line + len - colon - 1);
	if (!is_field_value(value.data, value.len))
		return 400;
	return parser->state == HTTP_AT_TRAILER ? 0 : parse_known_field(parser, name, value);
}

static enum http_event end_of_head(struct http_parser *parser)
{
	struct http_request *request = &parser->request;

	/* Both lengths at once are how requests are smuggled (RFC 9112, 6.3). */
	if (request->is_chunked && parser->has_length)
		return bad(parser, 400);
	if (request->minor && !parser->has_host)
		return bad(parser, 400);
	request->keeps_alive = !parser->says_close && (request->minor || parser->says_keep_alive);
	parser->left = request->length;
	parser->head_bytes = 0; /* counts the trailers from here */
	if (request->is_chunked)
		parser->state = HTTP_AT_CHUNK_SIZE;
	else
		parser->state = request->length ? HTTP_AT_BODY : HTTP_AT_END;
	return HTTP_HEAD_READ;
}

/* ---- chunks ------------------------------------------------------------------------------- */

/* Extensions, behind a semicolon, are allowed and mean nothing to us. */
static enum http_event parse_chunk_size(struct http_parser *parser, const char *line, size_t len)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < len && hex_value(line[i]) >= 0; i++) {
		if (i == HEX_DIGITS_MAX)
			return bad(parser, 400);
		size = size << 4 | hex_value(line[i]);
	}
	if (!i || (i < len && line[i] != ';') || !is_field_value(line + i, len - i))
		return bad(parser, 400);
	parser->left = size;
	parser->state = size ? HTTP_AT_CHUNK : HTTP_AT_TRAILER;
	parser->head_bytes = 0;
	return HTTP_MORE;
}

static enum http_event take_body(struct http_parser *parser, const char **at, const char *end,
				 struct http_piece *body)
{
	uint64_t len = end - *at;

	if (len > parser->left)
		len = parser->left;
	*body = (struct http_piece){ *at, len };
	*at += len;
	parser->left -= len;
	if (!parser->left)
		parser->state = parser->state == HTTP_AT_CHUNK ? HTTP_AT_CHUNK_END : HTTP_AT_END;
	return HTTP_BODY_PIECE;
}

/* ---- lines -------------------------------------------------------------------------------- */

static enum http_event parse_line(struct http_parser *parser, char *line, size_t len)
{
	int status;

	switch (parser->state) {
	case HTTP_AT_REQUEST_LINE:
		return parse_request_line(parser, line, len);
	case HTTP_AT_FIELD:
		if (!len)
			return end_of_head(parser);
		break;
	case HTTP_AT_CHUNK_SIZE:
		return parse_chunk_size(parser, line, len);
	case HTTP_AT_CHUNK_END:
		parser->state = HTTP_AT_CHUNK_SIZE;
		return len ? bad(parser, 400) : HTTP_MORE;
	default: /* HTTP_AT_TRAILER */
		if (!len) {
			parser->state = HTTP_AT_END;
			return HTTP_MORE;
		}
	}
	status = parse_field(parser, line, len);
	return status ? bad(parser, status) : HTTP_MORE;
}

static int too_long(const struct http_parser *parser)
{
	switch (parser->state) {
	case HTTP_AT_REQUEST_LINE:
		return 414;
	case HTTP_AT_CHUNK_SIZE:
	case HTTP_AT_CHUNK_END:
		return 400;
	default:
		return 431;
	}
}

/* Adds bytes to the line at hand up to its LF. True when it is whole. */
static bool take_line(struct http_parser *parser, const char **at, const char *end)
{
	size_t room = sizeof(parser->text) - parser->line_at - parser->line_len;
	const char *lf = memchr(*at, '\n', end - *at);
	size_t len = (lf ? lf + 1 : end) - *at;

	parser->head_bytes += len;
	if (len > room || parser->head_bytes > HTTP_HEAD_MAX) {
		bad(parser, too_long(parser));
		return false;
	}
	memcpy(parser->text + parser->line_at + parser->line_len, *at, len);
	parser->line_len += len;
	*at += len;
	return lf != NULL;
}

static enum http_event take_and_parse_line(struct http_parser *parser, const char **at,
					   const char *end)
{
	char *line = parser->text + parser->line_at;
	size_t len;

	if (!take_line(parser, at, end))
		return parser->state == HTTP_AT_FAULT ? HTTP_BAD : HTTP_MORE;
	len = parser->line_len;
	parser->line_len = 0;
	if (len < 2 || line[len - 2] != '\r')
		return bad(parser, 400); /* a bare LF ends no line */
	return parse_line(parser, line, len - 2);
}

enum http_event http_parse(struct http_parser *parser, const char **at, const char *end,
			   struct http_piece *body)
{
	enum http_event event = HTTP_MORE;

	while (event == HTTP_MORE) {
		if (parser->state == HTTP_AT_END)
			return HTTP_COMPLETE;
		if (parser->state == HTTP_AT_FAULT)
			return HTTP_BAD;
		if (*at == end)
			return HTTP_MORE;
		if (parser->state == HTTP_AT_BODY || parser->state == HTTP_AT_CHUNK)
			event = take_body(parser, at, end, body);
		else
			event = take_and_parse_line(parser, at, end);
	}
	return event;
}

/* ---- targets and statuses ----------------------------------------------------------------- */

/* Behind "http://authority" in the absolute form, which servers must take too. */
static const char *path_of_target(const char *target)
{
	const char *slash;

	if (*target == '/')
		return target;
	if (strncasecmp(target, "http://", 7))
		return NULL;
	slash = strchr(target + 7, '/');
	return slash ? slash : "/";
}

/* The byte that %XY stands for, or -1; a NUL would end the path early. */
static int percent_value(const char *text)
{
	int high = hex_value(text[0]);
	int low = high < 0 ? -1 : hex_value(text[1]);

	if (low < 0 || !(high << 4 | low))
		return -1;
	return high << 4 | low;
}

bool http_path(const char *target, char *path, size_t size)
{
	const char *from = path_of_target(target);
	size_t len = 0;

	if (!from)
		return false;
	for (; *from && *from != '?' && *from != '#'; from++) {
		int c = (unsigned char)*from;

		if (c == '%') {
			c = percent_value(from + 1);
			from += 2;
		}
		if (c < 0 || len + 1 >= size)
			return false;
		path[len++] = c;
	}
	path[len] = '\0';
	return true;
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}
