/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Options by argp. Every number is checked here, so nothing behind this file sees a zero, a
 * negative or a port that does not exist.
 */
#include "options.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "fdscope-load " FDSCOPE_VERSION;

enum {
	KEY_CONNECTIONS = 256,
	KEY_REQUESTS,
	KEY_IDLE,
	KEY_PATH,
	KEY_POST,
	KEY_BULK,
	KEY_PIECES,
	KEY_PAUSE,
	KEY_RECONNECT,
	KEY_LENGTH,
	KEY_EXPECT_FILE,
	KEY_HOST,
	KEY_PORT,
	KEY_TIMEOUT,
	KEY_JSON,
};

static const struct argp_option option_list[] = {
	{ "connections", KEY_CONNECTIONS, "N", 0, "Connections that send requests (1)", 0 },
	{ "requests", KEY_REQUESTS, "M", 0,
	  "Requests on each of them, one outstanding at a time (1)", 0 },
	{ "idle", KEY_IDLE, "N", 0,
	  "Further connections, opened first, that only stay open until the end (0)", 0 },
	{ "path", KEY_PATH, "PATH", 0, "What to GET (/bytes/1024)", 0 },
	{ "post", KEY_POST, "BYTES", 0, "POST a body of this size to /echo instead", 0 },
	{ "bulk", KEY_BULK, "BYTES", 0,
	  "With --post: the first connection posts one body, of this size, instead", 0 },
	{ "pieces", KEY_PIECES, "K", 0,
	  "Send each request in K writes: a GET in K parts, a POST with its body in K parts and the "
	  "head in front of the first. The next part waits until the server has read the one before "
	  "(1)",
	  0 },
	{ "pause", KEY_PAUSE, "MS", 0,
	  "Let each connection rest so long before each request, and before it is opened anew (0)",
	  0 },
	{ "reconnect", KEY_RECONNECT, NULL, 0,
	  "Close a connection after each response, and open it anew for the next request", 0 },
	{ "length", KEY_LENGTH, "N", 0,
	  "Expect bodies of N bytes, instead of the length that is implied", 0 },
	{ "expect-file", KEY_EXPECT_FILE, "FILE", 0, "Expect this file's content", 0 },
	{ "host", KEY_HOST, "ADDR", 0, "The server's IPv4 or IPv6 address (127.0.0.1)", 0 },
	{ "port", KEY_PORT, "N", 0, "The server's port (needed)", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "Give up after so long without progress (30)", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON object instead of text", 0 },
	{ .key = 'h', .flags = OPTION_HIDDEN }, /* as -? */
	{ 0 },
};

static const char doc[] =
	"A deterministic HTTP/1.1 load: the same requests every time, every response verified.\v"
	"All connections are open before the first request is sent, are kept alive (but with "
	"--reconnect), and are closed together at the end. A response must have status 200 and the right body: for /bytes/N, N "
	"bytes of a to z and 0 to 9 over and over; for POST /echo, what was sent; for any other "
	"path, the same as the first response's. Percentiles are within 0.4 % (a histogram); "
	"everything else is exact.\n"
	"\n"
	"Exit status: 0 every response was right, 1 one was not or something failed, 2 wrong use.\n"
	"\n"
	"EXAMPLES\n"
	"  fdscope-load --port 8080 --connections 100 --requests 1000\n"
	"        100 000 verified requests for /bytes/1024 to 127.0.0.1:8080\n"
	"  fdscope-load --port 80 --path /index.html --idle 5000 --json\n"
	"        one request beside 5000 idle connections\n"
	"  fdscope-load --port 8080 --post 65536 --pieces 7\n"
	"        an echo whose body arrives in seven parts\n"
	"  fdscope-load --port 8080 --requests 500 --reconnect --pause 2\n"
	"        500 connections, one after the other, one request on each\n"
	"  fdscope-load --port 8080 --path /logo.png --expect-file www/logo.png\n"
	"        compare with a file\n";

struct limits {
	uint64_t min;
	uint64_t max;
};

/* Only digits: strtoull() alone would take "-1", " 1" and "1x". */
static uint64_t number(struct argp_state *state, const char *name, const char *arg,
		       struct limits limits)
{
	unsigned long long n = 0;
	char *end = NULL;

	errno = 0;
	if (isdigit((unsigned char)arg[0]))
		n = strtoull(arg, &end, 10);
	if (!end || *end || errno || n < limits.min || n > limits.max)
		argp_failure(state, EXIT_USAGE, 0,
			     "--%s '%s': a whole number from %llu to %llu is needed", name, arg,
			     (unsigned long long)limits.min, (unsigned long long)limits.max);
	return n;
}

/* What would break the request line would not test the server but this client. */
static const char *path(struct argp_state *state, const char *arg)
{
	const char *s;

	if (arg[0] != '/')
		argp_failure(state, EXIT_USAGE, 0, "--path '%s': a path begins with /", arg);
	for (s = arg; *s; s++)
		if (!isgraph((unsigned char)*s))
			argp_failure(state, EXIT_USAGE, 0,
				     "--path '%s': write spaces and other bytes as %%XX", arg);
	return arg;
}

/* An address, not a name: who answers must not depend on a resolver. */
static void resolve(struct argp_state *state, struct options *opts)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *info;
	char port[8];

	snprintf(port, sizeof(port), "%u", opts->port);
	if (getaddrinfo(opts->host, port, &hints, &info))
		argp_failure(state, EXIT_USAGE, 0,
			     "--host '%s': not an IPv4 or IPv6 address (try 127.0.0.1 or ::1)",
			     opts->host);
	memcpy(&opts->server, info->ai_addr, info->ai_addrlen);
	opts->server_len = info->ai_addrlen;
	freeaddrinfo(info);
}

static void check_parts(struct argp_state *state, const struct options *opts, uint64_t body_bytes)
{
	if (opts->is_post && opts->pieces > 1 && opts->pieces > body_bytes)
		argp_failure(state, EXIT_USAGE, 0,
			     "--pieces %u: a body of %llu bytes has fewer parts", opts->pieces,
			     (unsigned long long)body_bytes);
}

static void check_together(struct argp_state *state, const struct options *opts)
{
	if (!opts->port)
		argp_failure(state, EXIT_USAGE, 0,
			     "--port is needed: where does the server listen?");
	if (opts->is_post && opts->path)
		argp_failure(state, EXIT_USAGE, 0,
			     "--post goes to /echo: use either --path or --post");
	if (opts->is_post && opts->expect_file)
		argp_failure(state, EXIT_USAGE, 0,
			     "--post expects what it sent: --expect-file needs --path");
	if (opts->has_bulk && (!opts->is_post || opts->has_length))
		argp_failure(state, EXIT_USAGE, 0,
			     "--bulk needs --post, and knows what comes back without --length");
	if (opts->pause_ms >= opts->timeout_s * 1000)
		argp_failure(state, EXIT_USAGE, 0,
			     "--pause %u: must be shorter than --timeout, %u s", opts->pause_ms,
			     opts->timeout_s);
	check_parts(state, opts, opts->post_bytes);
	if (opts->has_bulk)
		check_parts(state, opts, opts->bulk_bytes);
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct options *opts = state->input;

	switch (key) {
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP); /* ends the program */
		break;
	case KEY_CONNECTIONS:
		opts->connections =
			number(state, "connections", arg, (struct limits){ 1, 1000000 });
		break;
	case KEY_REQUESTS:
		opts->requests = number(state, "requests", arg, (struct limits){ 1, 1000000000 });
		break;
	case KEY_IDLE:
		opts->idle = number(state, "idle", arg, (struct limits){ 0, 1000000 });
		break;
	case KEY_PATH:
		opts->path = path(state, arg);
		break;
	case KEY_POST:
		opts->post_bytes = number(state, "post", arg, (struct limits){ 0, 1 << 30 });
		opts->is_post = true;
		break;
	case KEY_BULK:
		opts->bulk_bytes = number(state, "bulk", arg, (struct limits){ 0, 1 << 30 });
		opts->has_bulk = true;
		break;
	case KEY_PIECES:
		opts->pieces = number(state, "pieces", arg, (struct limits){ 1, 1000000 });
		break;
	case KEY_PAUSE:
		opts->pause_ms = number(state, "pause", arg, (struct limits){ 0, 86400000 });
		break;
	case KEY_RECONNECT:
		opts->reconnects = true;
		break;
	case KEY_LENGTH:
		opts->length = number(state, "length", arg, (struct limits){ 0, INT64_MAX });
		opts->has_length = true;
		break;
	case KEY_EXPECT_FILE:
		opts->expect_file = arg;
		break;
	case KEY_HOST:
		opts->host = arg;
		break;
	case KEY_PORT:
		opts->port = number(state, "port", arg, (struct limits){ 1, 65535 });
		break;
	case KEY_TIMEOUT:
		opts->timeout_s = number(state, "timeout", arg, (struct limits){ 1, 86400 });
		break;
	case KEY_JSON:
		opts->json = true;
		break;
	case ARGP_KEY_ARG:
		argp_failure(state, EXIT_USAGE, 0, "'%s': only options are expected (see --help)",
			     arg);
		break;
	case ARGP_KEY_END:
		check_together(state, opts);
		resolve(state, opts);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void options_parse(struct options *opts, int argc, char **argv)
{
	const struct argp argp = { option_list, parse_one, NULL, doc, NULL, NULL, NULL };

	*opts = (struct options){
		.host = "127.0.0.1", .connections = 1, .requests = 1, .pieces = 1, .timeout_s = 30
	};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, opts);
}
