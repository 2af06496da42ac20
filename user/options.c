/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One table of all options; a command's argp is made of the rows it takes. */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/word.h"
#include "model/comparison.h"
#include "model/findings.h"
#include "model/mode.h"
#include "refusal.h"

#define DEFAULT_THREADS	      1024
#define DEFAULT_PROCESSES     1024
#define DEFAULT_LISTENERS     1024
#define DEFAULT_REGISTRATIONS 65536
#define DEFAULT_DESCRIPTORS   "10" /* --fds without a number */
#define WIDE_SCOPE	      8	   /* a whole system or cgroup: tables this many times larger */
#define DEFAULT_CONNECTIONS   50
#define DEFAULT_REQUESTS      1000
#define DEFAULT_SIZE_BYTES    4096
#define DEFAULT_REPEATS	      5

enum long_option {
	OPT_COMM = 256,
	OPT_PORT,
	OPT_CGROUP,
	OPT_PER_THREAD,
	OPT_HIST,
	OPT_JSON,
	OPT_STRICT,
	OPT_FAIL_ON,
	OPT_FDS,
	OPT_WAKEUPS,
	OPT_ONLY,
	OPT_MAX_THREADS,
	OPT_MAX_PROCESSES,
	OPT_MAX_LISTENERS,
	OPT_MAX_REGISTRATIONS,
	OPT_BACKEND,
	OPT_MODES,
	OPT_CONNECTIONS,
	OPT_IDLE,
	OPT_REQUESTS,
	OPT_SIZE,
	OPT_POST,
	OPT_PIECES,
	OPT_READ_CHUNK,
	OPT_REPEATS,
};

static const struct {
	unsigned set;
	struct argp_option option;
} rows[] = {
	{ OPTIONS_TARGET, { "pid", 'p', "PID[,PID...]", 0, "These processes", 1 } },
	{ OPTIONS_TARGET, { "comm", OPT_COMM, "NAME", 0, "Processes of this name", 1 } },
	{ OPTIONS_TARGET,
	  { "port", OPT_PORT, "N[,N...]", 0, "Whoever listens on this TCP port", 1 } },
	{ OPTIONS_TARGET, { "cgroup", OPT_CGROUP, "PATH", 0, "Members of this cgroup (v2)", 1 } },
	{ OPTIONS_TARGET, { "all", 'a', NULL, 0, "The whole system", 1 } },
	{ OPTIONS_TARGET, { "duration", 'd', "SECONDS", 0, "Stop after so long", 1 } },
	{ OPTIONS_COMMAND,
	  { "only", OPT_ONLY, "NAME", 0, "Report processes of this name only", 1 } },
	{ OPTIONS_REPORT, { "output", 'o', "FILE", 0, "Save the profile as JSON", 2 } },
	{ OPTIONS_REPORT | OPTIONS_JSON, { "json", OPT_JSON, NULL, 0, "Print JSON on stdout", 2 } },
	{ OPTIONS_REPORT, { "quiet", 'q', NULL, 0, "Print no report", 2 } },
	{ OPTIONS_REPORT, { "hist", OPT_HIST, NULL, 0, "Show distributions", 2 } },
	{ OPTIONS_REPORT, { "per-thread", OPT_PER_THREAD, NULL, 0, "Show threads", 2 } },
	{ OPTIONS_TABLES,
	  { "fds", OPT_FDS, "N", OPTION_ARG_OPTIONAL,
	    "Show the N (10) busiest descriptors; --fds=N: a number after a space is INTERVAL",
	    2 } },
	{ OPTIONS_TABLES,
	  { "wakeups", OPT_WAKEUPS, NULL, 0, "Show whom the kernel wakes, too", 2 } },
	{ OPTIONS_REPORT, { "strict", OPT_STRICT, NULL, 0, "Exit 3 if anything was lost", 2 } },
	{ OPTIONS_REPORT,
	  { "fail-on", OPT_FAIL_ON, "WHAT[,...]", 0,
	    "Exit 1 on a problem, on any finding (hint), or on those of an id", 2 } },
	{ OPTIONS_TABLES,
	  { "max-threads", OPT_MAX_THREADS, "N", 0,
	    "Room for so many threads (1024; -a, --cgroup: 8192)", 3 } },
	{ OPTIONS_TABLES,
	  { "max-processes", OPT_MAX_PROCESSES, "N", 0,
	    "Room for so many processes (1024; -a, --cgroup: 8192)", 3 } },
	{ OPTIONS_TABLES,
	  { "max-listeners", OPT_MAX_LISTENERS, "N", 0, "Room for so many listening sockets (1024)",
	    3 } },
	{ OPTIONS_TABLES,
	  { "max-registrations", OPT_MAX_REGISTRATIONS, "N", 0,
	    "Room for so many descriptors in epoll instances (65536)", 3 } },
	{ OPTIONS_TABLES,
	  { "backend", OPT_BACKEND, "NAME", 0,
	    "How to see the system calls: fentry, tp_btf, tp or auto, which chooses (auto)", 3 } },
	{ OPTIONS_COMPARE,
	  { "modes", OPT_MODES, "MODE[,...]", 0,
	    "select, poll, epoll-level, epoll-edge, epoll-oneshot (these five); copy, "
	    "mmap, sendfile, splice",
	    1 } },
	{ OPTIONS_COMPARE,
	  { "connections", OPT_CONNECTIONS, "N", 0, "Connections that ask, all at once (50)", 1 } },
	{ OPTIONS_COMPARE, { "idle", OPT_IDLE, "N", 0, "Connections that only stay open (0)", 1 } },
	{ OPTIONS_COMPARE,
	  { "requests", OPT_REQUESTS, "N", 0, "Requests on each connection (1000)", 1 } },
	{ OPTIONS_COMPARE, { "size", OPT_SIZE, "BYTES", 0, "Bytes of each answer (4096)", 1 } },
	{ OPTIONS_COMPARE,
	  { "post", OPT_POST, "BYTES", 0, "POST a body of so many; the answer is the same", 1 } },
	{ OPTIONS_COMPARE,
	  { "pieces", OPT_PIECES, "N", 0, "Send each request in N pieces (1)", 1 } },
	{ OPTIONS_COMPARE,
	  { "read-chunk", OPT_READ_CHUNK, "BYTES", 0, "The server reads so many at a time (16384)",
	    1 } },
	{ OPTIONS_COMPARE,
	  { "repeats", OPT_REPEATS, "N", 0, "Repetitions, for the spread (5)", 1 } },
	{ ~0U, { "help", 'h', NULL, 0, "Print this", 4 } },
};

#define NR_ROWS (sizeof(rows) / sizeof(*rows))

struct parse {
	struct options *options;
	const struct command *command;
	const struct argp_option *taken; /* that the command has */
	int nr_words;			 /* positional arguments seen */
	bool wants_help;
	int code;
};

/* Says what is wrong and stops the parse. */
static error_t refuse(struct argp_state *state, const char *format, ...)
{
	struct parse *parse = state->input;
	char message[256];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	parse->code = log_fail(EXIT_USAGE, "%s: %s (fdscope %s --help)", parse->command->name,
			       message, parse->command->name);
	return EINVAL;
}

static error_t number(struct argp_state *state, const char *what, const char *word, uint64_t min,
		      uint64_t max, uint64_t *out)
{
	if (word_to_number(word, min, max, out))
		return refuse(state, "%s '%s' is no number from %llu to %llu", what, word,
			      (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static error_t number32(struct argp_state *state, const char *what, const char *word, uint32_t min,
			uint32_t max, uint32_t *out)
{
	uint64_t value = 0;
	error_t err = number(state, what, word, min, max, &value);

	if (!err)
		*out = value;
	return err;
}

static error_t seconds(struct argp_state *state, const char *what, const char *word, uint64_t *ns)
{
	if (word_to_ns(word, ns))
		return refuse(state, "%s '%s' is no number of seconds above 0", what, word);
	return 0;
}

/* A name that a process can have: to match all of them is not what an empty variable meant. */
static error_t process_name(struct argp_state *state, const char *what, const char *word,
			    const char **out)
{
	if (!*word)
		return refuse(state, "%s '' names no process", what);
	*out = word;
	return 0;
}

static error_t each_word(struct argp_state *state, const char *list,
			 int (*add)(void *state, const char *word))
{
	int err = word_each(list, add, state);

	if (err != -ENOMEM)
		return err;
	((struct parse *)state->input)->code =
		log_fail(EXIT_NO_MEASURE, "read the command line: out of memory");
	return ENOMEM;
}

static int add_pid(void *context, const char *word)
{
	struct argp_state *state = context;
	struct options *options = ((struct parse *)state->input)->options;

	if (options->nr_pids == MAX_IDS)
		return refuse(state, "more than %d pids", MAX_IDS);
	return number32(state, "pid", word, 1, INT_MAX, &options->pids[options->nr_pids++]);
}

static int add_port(void *context, const char *word)
{
	struct argp_state *state = context;
	struct options *options = ((struct parse *)state->input)->options;
	uint64_t port = 0;
	error_t err;

	if (options->nr_ports == MAX_IDS)
		return refuse(state, "more than %d ports", MAX_IDS);
	err = number(state, "port", word, 1, 65535, &port);
	options->ports[options->nr_ports++] = port;
	return err;
}

static int add_mode(void *context, const char *word)
{
	struct argp_state *state = context;
	struct options *options = ((struct parse *)state->input)->options;
	const struct mode *mode = mode_named(word);

	if (!mode)
		return refuse(state, "there is no mode '%s'", word);
	if (options->nr_modes == MAX_MODES)
		return refuse(state, "more than %d modes", MAX_MODES);
	options->modes[options->nr_modes++] = mode->name;
	return 0;
}

/* The ids are too many for --help. */
static error_t refuse_finding(struct argp_state *state, const char *word)
{
	struct parse *parse = state->input;

	parse->code = log_fail(EXIT_USAGE,
			       "%s: --fail-on: there is no finding '%s' (fdscope(8), FINDINGS)",
			       parse->command->name, word);
	return EINVAL;
}

static int add_fail_on(void *context, const char *word)
{
	struct argp_state *state = context;
	struct options *options = ((struct parse *)state->input)->options;
	const struct finding_kind *kind = finding_kind_of(word);

	if (!strcmp(word, "problem"))
		options->fail_on_problems = true;
	else if (!strcmp(word, "hint"))
		options->fail_on_any = true;
	else if (kind)
		options->fail_on_kinds |= 1ULL << (kind - finding_kinds);
	else
		return refuse_finding(state, word);
	return 0;
}

static error_t take_target(int key, const char *arg, struct argp_state *state,
			   struct options *options)
{
	switch (key) {
	case 'p':
		return each_word(state, arg, add_pid);
	case OPT_PORT:
		return each_word(state, arg, add_port);
	case OPT_COMM:
		return process_name(state, "--comm", arg, &options->comm);
	case OPT_CGROUP:
		options->cgroup = arg;
		return 0;
	case 'a':
		options->all = true;
		return 0;
	case 'd':
		return seconds(state, "duration", arg, &options->duration_ns);
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t take_report(int key, const char *arg, struct argp_state *state,
			   struct options *options)
{
	switch (key) {
	case 'o':
		if (!strcmp(arg, "-"))
			return refuse(state, "-o -: use --json to print on stdout");
		options->output = arg;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case OPT_JSON:
		options->json = true;
		return 0;
	case OPT_HIST:
		options->hist = true;
		return 0;
	case OPT_PER_THREAD:
		options->per_thread = true;
		return 0;
	case OPT_STRICT:
		options->strict = true;
		return 0;
	case OPT_WAKEUPS:
		options->wakeups = true;
		return 0;
	case OPT_FAIL_ON:
		return each_word(state, arg, add_fail_on);
	case OPT_BACKEND:
		if (!backend_named(arg, &options->backend))
			return refuse(state, "there is no backend '%s'", arg);
		return 0;
	case OPT_ONLY:
		return process_name(state, "--only", arg, &options->only);
	}
	return ARGP_ERR_UNKNOWN;
}

#define MAX_TABLE      (1 << 20)
#define MAX_POST       (16 << 20) /* what the bundled server takes */
#define MAX_READ_CHUNK (16 << 20)

static error_t take_number(int key, const char *arg, struct argp_state *state,
			   struct options *options)
{
	switch (key) {
	case OPT_MAX_THREADS:
		return number32(state, "--max-threads", arg, 1, MAX_TABLE, &options->max_threads);
	case OPT_MAX_PROCESSES:
		return number32(state, "--max-processes", arg, 1, MAX_TABLE,
				&options->max_processes);
	case OPT_MAX_LISTENERS:
		return number32(state, "--max-listeners", arg, 1, MAX_TABLE,
				&options->max_listeners);
	case OPT_MAX_REGISTRATIONS:
		return number32(state, "--max-registrations", arg, 1, MAX_TABLE,
				&options->max_registrations);
	case OPT_FDS:
		return number32(state, "--fds", arg ? arg : DEFAULT_DESCRIPTORS, 1, MAX_TABLE,
				&options->nr_descriptors);
	case OPT_CONNECTIONS:
		return number32(state, "--connections", arg, 1, 100000, &options->connections);
	case OPT_IDLE:
		return number32(state, "--idle", arg, 0, 100000, &options->idle);
	case OPT_REQUESTS:
		return number32(state, "--requests", arg, 1, 1000000000, &options->requests);
	case OPT_REPEATS:
		return number32(state, "--repeats", arg, 1, COMPARISON_REPEATS_MAX,
				&options->repeats);
	case OPT_SIZE:
		options->has_size = true;
		return number(state, "--size", arg, 0, 1 << 30, &options->size_bytes);
	case OPT_POST:
		return number(state, "--post", arg, 1, MAX_POST, &options->post_bytes);
	case OPT_PIECES:
		return number32(state, "--pieces", arg, 1, 1000000, &options->pieces);
	case OPT_READ_CHUNK:
		return number32(state, "--read-chunk", arg, 1, MAX_READ_CHUNK,
				&options->read_chunk);
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t take_word(const char *word, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct options *options = parse->options;
	unsigned set = parse->command->options;

	parse->nr_words++;
	if (set & OPTIONS_COMMAND) {
		options->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	}
	if (set & OPTIONS_FILE && parse->nr_words == 1) {
		options->input = word;
		return 0;
	}
	if (set & OPTIONS_TARGET && parse->nr_words == 1)
		return seconds(state, "interval", word, &options->interval_ns);
	if (set & OPTIONS_TARGET && parse->nr_words == 2)
		return number(state, "count", word, 1, UINT32_MAX, &options->nr_intervals);
	return refuse(state, "'%s' is one word too many", word);
}

/* What getopt did not take. */
static error_t refuse_option(struct argp_state *state)
{
	const struct argp_option *options = ((struct parse *)state->input)->taken;
	const char *word = state->argv[state->next - 1];
	char why[256];

	if (refusal_of(options, word, why, sizeof(why)))
		return refuse(state, "%s", why);
	/* Of several letters in one word it is not past the word yet. */
	if (state->next < state->argc &&
	    refusal_of(options, state->argv[state->next], why, sizeof(why)))
		return refuse(state, "%s", why);
	return refuse(state, "'%s' is no option", word);
}

static size_t nr_scopes(const struct options *options)
{
	return !!options->nr_pids + !!options->nr_ports + !!options->comm + !!options->cgroup +
	       options->all;
}

/* The shortest request that the bundled load sends has more bytes than that. */
#define HEAD_PIECES 64

static error_t check_load(struct argp_state *state, const struct options *options)
{
	uint64_t most = options->post_bytes ? options->post_bytes : HEAD_PIECES;

	if (options->post_bytes && options->has_size)
		return refuse(state, "--post and --size exclude each other: the answer to a POST "
				     "is its body");
	if (options->pieces > most)
		return refuse(state, "--pieces %u: the %s cannot be cut into more than %llu",
			      options->pieces, options->post_bytes ? "body" : "request",
			      (unsigned long long)most);
	return 0;
}

static error_t check_whole(struct argp_state *state)
{
	struct parse *parse = state->input;
	const struct options *options = parse->options;
	unsigned set = parse->command->options;

	if (set & OPTIONS_TARGET && nr_scopes(options) != 1)
		return refuse(state, nr_scopes(options) ? "-p, --port, --comm, --cgroup and -a "
							  "exclude each other"
							: "whom? Give -p PID, --port N, --comm "
							  "NAME, --cgroup PATH or -a");
	if (set & OPTIONS_COMMAND && !options->command)
		return refuse(state, "run what? Give -- and a command");
	if (set & OPTIONS_FILE && !options->input)
		return refuse(state, "report on what? Give a saved profile");
	return check_load(state, options);
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;
	error_t err;

	switch (key) {
	case ARGP_KEY_ERROR:
		return parse->code || parse->wants_help ? 0 : refuse_option(state);
	case ARGP_KEY_ARG:
		return take_word(arg, state);
	case ARGP_KEY_END:
		return check_whole(state);
	case OPT_MODES:
		parse->options->nr_modes = 0;
		return each_word(state, arg, add_mode);
	case 'h':
		parse->wants_help = true;
		return EINVAL; /* ends the parse; argp prints no help of its own under ARGP_NO_ERRS */
	}
	err = take_target(key, arg, state, parse->options);
	if (err == ARGP_ERR_UNKNOWN)
		err = take_report(key, arg, state, parse->options);
	if (err == ARGP_ERR_UNKNOWN)
		err = take_number(key, arg, state, parse->options);
	return err;
}

static void set_defaults(struct options *options)
{
	uint32_t factor = options->all || options->cgroup ? WIDE_SCOPE : 1;

	if (!options->max_threads)
		options->max_threads = DEFAULT_THREADS * factor;
	if (!options->max_processes)
		options->max_processes = DEFAULT_PROCESSES * factor;
	if (!options->max_listeners)
		options->max_listeners = DEFAULT_LISTENERS;
	if (!options->max_registrations)
		options->max_registrations = DEFAULT_REGISTRATIONS;
}

static void begin(struct options *options)
{
	*options = (struct options){
		.connections = DEFAULT_CONNECTIONS,
		.requests = DEFAULT_REQUESTS,
		.size_bytes = DEFAULT_SIZE_BYTES,
		.pieces = 1,
		.repeats = DEFAULT_REPEATS,
	};
}

static const struct command *parse_command(struct options *options, const struct command *command,
					   int argc, char **argv, int *code)
{
	struct argp_option taken[NR_ROWS + 1] = {};
	struct parse parse = { .options = options, .command = command, .taken = taken };
	struct argp argp = { .options = taken,
			     .parser = parse_one,
			     .args_doc = command->arguments };
	char name[64], doc[2048];
	size_t nr = 0;
	error_t err;

	for (size_t i = 0; i < NR_ROWS; i++) {
		if (rows[i].set & command->options)
			taken[nr++] = rows[i].option;
	}
	snprintf(name, sizeof(name), "fdscope %s", command->name);
	snprintf(doc, sizeof(doc), "%s\v%s", command->summary, command->examples);
	argp.doc = doc;
	argv[0] = name;
	begin(options);
	err = argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_ERRS, NULL, &parse);
	if (parse.wants_help) {
		setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); /* two lines that help nobody */
		argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC,
			  name);
		*code = EXIT_DONE;
		return NULL;
	}
	if (err && !parse.code) {
		log_err(err, "%s: read the command line", command->name);
		parse.code = EXIT_NO_MEASURE;
	}
	*code = parse.code;
	set_defaults(options);
	return err ? NULL : command;
}

static void print_usage(FILE *out)
{
	fprintf(out, "Usage: fdscope COMMAND [OPTION...]\n"
		     "What does a running server's readiness loop do, and what does it cost?\n\n");
	for (const struct command *command = commands; command->name; command++)
		fprintf(out, "  %-10s%s\n", command->name, command->summary);
	fprintf(out,
		"\nEXAMPLES\n"
		"  fdscope attach --port 80 -d 10     what does the server on port 80 do?\n"
		"  fdscope run -- ./load-test         what did this command do, start to end?\n"
		"  fdscope compare                    select, poll, epoll: side by side\n"
		"\nfdscope COMMAND --help tells more; fdscope(8) explains every number.\n");
}

const struct command *options_parse(struct options *options, int argc, char **argv, int *code)
{
	const char *word = argc > 1 ? argv[1] : "";

	*code = EXIT_DONE;
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "-?")) {
		print_usage(stdout);
		return NULL;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		printf("fdscope %s\n", FDSCOPE_VERSION);
		return NULL;
	}
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(word, command->name))
			continue;
		return parse_command(options, command, argc - 1, argv + 1, code);
	}
	if (argc < 2) {
		print_usage(stderr);
		*code = EXIT_USAGE;
	} else {
		*code = log_fail(EXIT_USAGE, "there is no command '%s' (fdscope --help)", word);
	}
	return NULL;
}
