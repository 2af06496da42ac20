/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Three resources: /bytes/N, /echo, and the regular files below the root. The
 * same request always gets the same bytes: there is no Date field, which a
 * server that consults no clock must not send (RFC 9110, 6.6.1).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "answer.h"
#include "calls.h"

#define BYTES_PREFIX "/bytes/"
/* Up to 10^18 - 1, which no sum of offsets overflows. */
#define BYTES_DIGITS_MAX 18

enum resource { RESOURCE_FILE, RESOURCE_BYTES, RESOURCE_ECHO, RESOURCE_INVALID };

static enum resource resource_of(const struct http_request *request, char *path, size_t size)
{
	if (!http_path(request->target, path, size))
		return RESOURCE_INVALID;
	if (!strcmp(path, "/echo"))
		return RESOURCE_ECHO;
	if (!strncmp(path, BYTES_PREFIX, strlen(BYTES_PREFIX)))
		return RESOURCE_BYTES;
	return RESOURCE_FILE;
}

static bool is_allowed(enum resource resource, enum http_method method)
{
	return (resource == RESOURCE_ECHO) == (method == HTTP_POST);
}

void answer_error(struct answer *answer, int status)
{
	*answer = (struct answer){ .status = status, .content = CONTENT_NONE };
}

bool answer_refusal(struct answer *answer, const struct http_request *request)
{
	char path[HTTP_TEXT_MAX];
	enum resource resource = resource_of(request, path, sizeof(path));

	if (resource == RESOURCE_INVALID) {
		answer_error(answer, 400);
	} else if (!is_allowed(resource, request->method)) {
		answer_error(answer, 405);
		answer->allow = resource == RESOURCE_ECHO ? "POST" : "GET, HEAD";
	} else if (request->length > ANSWER_BODY_MAX) {
		answer_error(answer, 413);
	} else {
		return false;
	}
	return true;
}

bool answer_needs_body(const struct http_request *request)
{
	char path[HTTP_TEXT_MAX];

	return request->method == HTTP_POST &&
	       resource_of(request, path, sizeof(path)) == RESOURCE_ECHO;
}

static bool parse_bytes(uint64_t *nr, const char *digits)
{
	size_t len = strspn(digits, "0123456789");

	if (!len || len > BYTES_DIGITS_MAX || digits[len])
		return false;
	*nr = 0;
	for (; *digits; digits++)
		*nr = *nr * 10 + (*digits - '0');
	return true;
}

static void answer_bytes(struct answer *answer, const struct server *server, const char *digits)
{
	if (!parse_bytes(&answer->len, digits)) {
		answer_error(answer, 404);
		return;
	}
	answer->status = 200;
	answer->content = server->pattern;
}

int answer_status_of_error(int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
		return 404;
	case EACCES:
	case EPERM:
	case ELOOP:
	case EXDEV: /* the path leads out of the root */
	case ENXIO: /* a socket or a device without a driver */
		return 403;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN: /* openat2: a rename went on meanwhile */
		return 503;
	default:
		return 500;
	}
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static void answer_file(struct answer *answer, const struct server *server, struct stats *stats,
			const char *path)
{
	struct stat st;
	int fd;

	while (*path == '/')
		path++;
	if (server->root_fd < 0) {
		answer_error(answer, 404);
		return;
	}
	fd = call_open_beneath(stats, server->root_fd, *path ? path : ".", O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		answer_error(answer, answer_status_of_error(-fd));
		return;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		call_close(stats, fd);
		answer_error(answer, 403);
		return;
	}
	answer->status = 200;
	answer->len = st.st_size;
	answer->content = (struct content){ .fd = fd, .size = st.st_size };
}

static void answer_echo(struct answer *answer, struct http_piece body)
{
	answer->status = 200;
	answer->len = body.len;
	answer->content = (struct content){
		.map = body.data,
		.size = body.len,
		.fd = -1,
		.is_shared = true,
	};
}

/* copy-where-sendfile-fits: as those do that do not trust bodies to memory. */
static void answer_echo_from_file(struct answer *answer, struct stats *stats,
				  struct http_piece body)
{
	int fd = call_memfd(stats, "fdscope-server echo");
	ssize_t n = fd < 0 ? fd : call_write(stats, fd, KIND_FILE, body.data, body.len);

	if (n < 0 || (size_t)n < body.len) {
		call_close(stats, fd);
		answer_error(answer, 503);
		return;
	}
	answer->status = 200;
	answer->len = body.len;
	answer->content = (struct content){ .fd = fd, .size = body.len };
}

void answer_make(struct answer *answer, const struct server *server, struct stats *stats,
		 const struct http_request *request, struct http_piece body)
{
	char path[HTTP_TEXT_MAX];
	enum resource resource = resource_of(request, path, sizeof(path));

	if (answer_refusal(answer, request))
		return;
	*answer = (struct answer){ .content = CONTENT_NONE };
	if (resource == RESOURCE_BYTES)
		answer_bytes(answer, server, path + strlen(BYTES_PREFIX));
	else if (resource == RESOURCE_ECHO && server->opts->fault == FAULT_COPY_WHERE_SENDFILE_FITS)
		answer_echo_from_file(answer, stats, body);
	else if (resource == RESOURCE_ECHO)
		answer_echo(answer, body);
	else
		answer_file(answer, server, stats, path);
}

void answer_head(char *head, const struct answer *answer, bool has_text, bool closes)
{
	const char *reason = http_reason(answer->status);
	bool is_error = answer->status != 200;
	char text[64] = "";

	if (is_error)
		snprintf(text, sizeof(text), "%d %s\n", answer->status, reason);
	snprintf(head, SEND_HEAD_MAX,
		 "HTTP/1.1 %d %s\r\n"
		 "Content-Type: %s\r\n"
		 "Content-Length: %" PRIu64 "\r\n"
		 "%s%s%s"
		 "Connection: %s\r\n"
		 "\r\n"
		 "%s",
		 answer->status, reason, is_error ? "text/plain" : "application/octet-stream",
		 is_error ? strlen(text) : answer->len, answer->allow ? "Allow: " : "",
		 answer->allow ? answer->allow : "", answer->allow ? "\r\n" : "",
		 closes ? "close" : "keep-alive", has_text ? text : "");
}
