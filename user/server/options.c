/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command line, by argp. Each option with a word for its value is a row in
 * a table of names, so that its error message can list what would be right.
 */
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define EXIT_USAGE	 2
#define READ_CHUNK_MAX	 (16L << 20)
#define MAX_EVENTS_LIMIT (1L << 20)

const char *argp_program_version = "fdscope-server " FDSCOPE_VERSION;

enum option_key {
	OPT_MUX = 256,
	OPT_TRIGGER,
	OPT_EXCLUSIVE,
	OPT_SEND,
	OPT_ROOT,
	OPT_WORKERS,
	OPT_THREADS,
	OPT_REUSEPORT,
	OPT_READ_CHUNK,
	OPT_MAX_EVENTS,
	OPT_PORT,
	OPT_BIND,
	OPT_BACKLOG,
	OPT_STATS,
	OPT_FAULT,
	OPT_LIST_FAULTS,
};

static const struct argp_option option_list[] = {
	{ "mux", OPT_MUX, "CALL", 0, "Wait with epoll, poll or select (epoll)", 1 },
	{ "trigger", OPT_TRIGGER, "HOW", 0,
	  "Register for level, edge or oneshot with epoll (level)", 1 },
	{ "exclusive", OPT_EXCLUSIVE, NULL, 0, "Register the listener with EPOLLEXCLUSIVE", 1 },
	{ "max-events", OPT_MAX_EVENTS, "N", 0, "Events one epoll_wait may return (64)", 1 },
	{ "read-chunk", OPT_READ_CHUNK, "BYTES", 0,
	  "What one read of a socket asks for (16384); file reads ask for 65536 regardless", 1 },
	{ "send", OPT_SEND, "WAY", 0, "Send content by copy, mmap, sendfile or splice (copy)", 1 },
	{ "workers", OPT_WORKERS, "N", 0, "Processes (1); from 2 on a parent watches over them",
	  2 },
	{ "threads", OPT_THREADS, "N", 0, "Loops in each process, a thread each (1)", 2 },
	{ "reuseport", OPT_REUSEPORT, NULL, 0, "Give each loop a listener of its own", 2 },
	{ "bind", OPT_BIND, "ADDR", 0, "Listen on this IPv4 or IPv6 address (127.0.0.1)", 3 },
	{ "port", OPT_PORT, "N", 0, "Listen on this port; 0 lets the kernel choose (0)", 3 },
	{ "backlog", OPT_BACKLOG, "N", 0, "Length of the accept queue (511)", 3 },
	{ "root", OPT_ROOT, "DIR", 0, "Serve the regular files below DIR", 4 },
	{ "stats", OPT_STATS, "FILE", 0, "On SIGTERM or SIGINT write the server's own counts", 4 },
	{ "fault", OPT_FAULT, "NAME", 0,
	  "Make this mistake, in the modes it takes unless others are asked for", 5 },
	{ "list-faults", OPT_LIST_FAULTS, NULL, 0,
	  "List the mistakes: name, what it is, the finding that fdscope must raise, and the "
	  "arguments of fdscope-load, beside --port, that provoke it; tabs between them",
	  5 },
	{ .key = 'h', .flags = OPTION_HIDDEN }, /* as -? */
	{ 0 },
};

static const char doc[] =
	"Reference HTTP/1.1 server: GET of files and of /bytes/N, POST /echo.\n"
	"Prints `listening on ADDR:PORT' once it listens; SIGTERM or SIGINT ends it."
	"\v"
	"EXAMPLES\n"
	"  fdscope-server --port 8080 --root /srv/www\n"
	"      files, read and written, epoll level-triggered\n"
	"  fdscope-server --trigger edge --send sendfile --workers 2 --exclusive\n"
	"      two processes on one listener, edge-triggered, zero-copy\n"
	"  fdscope-server --mux poll --read-chunk 4096 --stats counts.json\n"
	"      poll, small reads, and its own counts at the end\n"
	"  fdscope-server --fault idle-write-interest\n"
	"      a loop that spins as soon as a connection is idle\n";

static int word(struct argp_state *state, const char *option, const char *const *words,
		const char *arg)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], arg))
			return i;
	argp_error(state, "--%s %s: not a known value (see --help)", option, arg);
	return 0;
}

static long number(struct argp_state *state, const char *option, const char *arg, long min,
		   long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (errno || end == arg || *end || n < min || n > max)
		argp_error(state, "--%s %s: not a number from %ld to %ld", option, arg, min, max);
	return n;
}

static const char *address(struct argp_state *state, const char *arg)
{
	char binary[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, arg, binary) != 1 && inet_pton(AF_INET6, arg, binary) != 1)
		argp_error(state, "--bind %s: neither an IPv4 nor an IPv6 address", arg);
	return arg;
}

static enum fault fault(struct argp_state *state, const char *arg)
{
	enum fault named = fault_of_name(arg);

	if (!named)
		argp_error(state, "--fault %s: not a known fault (see --list-faults)", arg);
	return named;
}

static const char *const mux_words[] = { "epoll", "poll", "select", NULL };
static const char *const trigger_words[] = { "level", "edge", "oneshot", NULL };
static const char *const send_words[] = { "copy", "mmap", "sendfile", "splice", NULL };

struct parse {
	struct options *opts;
	const char *epoll_only; /* the last option seen that needs epoll */
};

/* Only epoll has triggers, exclusive waiters and a bounded batch. */
static void check_epoll_only(struct argp_state *state, const struct parse *parse)
{
	if (parse->epoll_only && parse->opts->mux != MUX_EPOLL)
		argp_error(state, "--%s is for --mux epoll only", parse->epoll_only);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct options *opts = parse->opts;

	switch (key) {
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP); /* ends the program */
		return 0;
	case OPT_MUX:
		opts->mux = word(state, "mux", mux_words, arg);
		return 0;
	case OPT_TRIGGER:
		opts->trigger = word(state, "trigger", trigger_words, arg);
		parse->epoll_only = "trigger";
		return 0;
	case OPT_EXCLUSIVE:
		opts->is_exclusive = true;
		parse->epoll_only = "exclusive";
		return 0;
	case OPT_MAX_EVENTS:
		opts->max_events = number(state, "max-events", arg, 1, MAX_EVENTS_LIMIT);
		parse->epoll_only = "max-events";
		return 0;
	case OPT_READ_CHUNK:
		opts->read_chunk = number(state, "read-chunk", arg, 1, READ_CHUNK_MAX);
		return 0;
	case OPT_SEND:
		opts->send = word(state, "send", send_words, arg);
		return 0;
	case OPT_WORKERS:
		opts->workers = number(state, "workers", arg, 1, 256);
		return 0;
	case OPT_THREADS:
		opts->threads = number(state, "threads", arg, 1, 256);
		return 0;
	case OPT_REUSEPORT:
		opts->is_reuseport = true;
		return 0;
	case OPT_BIND:
		opts->bind = address(state, arg);
		return 0;
	case OPT_PORT:
		opts->port = number(state, "port", arg, 0, 65535);
		return 0;
	case OPT_BACKLOG:
		opts->backlog = number(state, "backlog", arg, 0, INT_MAX);
		return 0;
	case OPT_ROOT:
		opts->root = arg;
		return 0;
	case OPT_STATS:
		opts->stats = arg;
		return 0;
	case OPT_FAULT:
		opts->fault = fault(state, arg);
		if (opts->fault != FAULT_LINEAR_SCAN)
			parse->epoll_only = "fault";
		return 0;
	case OPT_LIST_FAULTS:
		fault_list();
		exit(fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS);
	case ARGP_KEY_END:
		check_epoll_only(state, parse);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void parse_args(struct options *opts, int argc, char **argv)
{
	static const struct argp argp = { .options = option_list,
					  .parser = parse_option,
					  .doc = doc };
	struct parse parse = { .opts = opts };

	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &parse))
		exit(EXIT_USAGE);
}

static void set_defaults(struct options *opts, enum fault fault)
{
	*opts = (struct options){
		.bind = "127.0.0.1",
		.read_chunk = 16384,
		.backlog = 511,
		.workers = 1,
		.threads = 1,
		.max_events = 64,
		.fault = fault,
	};
	fault_set_modes(opts);
}

/* A fault changes the defaults, so who names one is parsed again on top of those. */
void options_parse(struct options *opts, int argc, char **argv)
{
	set_defaults(opts, FAULT_NONE);
	parse_args(opts, argc, argv);
	if (!opts->fault)
		return;
	set_defaults(opts, opts->fault);
	parse_args(opts, argc, argv);
}
