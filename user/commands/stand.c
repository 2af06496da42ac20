/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Puts the two command lines together, starts and ends the programs, and reads
 * the clocks around the load. Which modes are run, how often and in which order
 * is left to compare.c; what came out, to model/comparison.c.
 */
#include "commands/stand.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "commands/measure.h"
#include "commands/program.h"
#include "source/procfs.h"

#define START_SECONDS	10 /* the server listens within milliseconds */
#define SETTLE_SECONDS	10 /* and has closed its connections as soon */
#define SETTLE_PAUSE_NS 500000

/* One run: the server, the load beside it, and what watches. */
struct run {
	const struct stand *stand;
	const struct mode *mode;
	struct program server, load;
	struct source *source; /* NULL: untraced */
	struct watch watch;
	uint32_t server_pid;
	int port;
	struct comparison_run *result;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time = {};

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

/* ---- command lines ---- */

#define MAX_ARGS   24 /* with the NULL at the end */
#define NUMBER_LEN 24

struct command_line {
	const char *args[MAX_ARGS];
	size_t nr;
	char numbers[MAX_ARGS / 2][NUMBER_LEN];
	size_t nr_numbers;
};

static void put(struct command_line *line, const char *word)
{
	assert(line->nr < MAX_ARGS - 1);
	line->args[line->nr++] = word;
}

static void put_option(struct command_line *line, const char *option, const char *value)
{
	put(line, option);
	put(line, value);
}

static void put_number(struct command_line *line, const char *option, uint64_t value)
{
	char *number = line->numbers[line->nr_numbers++];

	snprintf(number, NUMBER_LEN, "%llu", (unsigned long long)value);
	put_option(line, option, number);
}

/* ---- interruption ---- */

static int interrupted(void)
{
	return log_fail(EXIT_NO_MEASURE, "compare: interrupted before all runs were done");
}

/* Waits so long at most. True if we are asked to end. */
static bool is_interrupted(const struct stand *stand, long ns)
{
	struct timespec timeout = { .tv_nsec = ns };

	return sigtimedwait(&stand->end_signals, NULL, &timeout) > 0;
}

/* ---- the server ---- */

static int server_failed(struct run *run, const char *what)
{
	char words[256];

	program_last_words(&run->server, words, sizeof(words));
	return log_fail(EXIT_NO_MEASURE, "compare: %s: the server %s: %s", run->mode->name, what,
			words);
}

static void server_command(struct command_line *command, const struct run *run)
{
	const struct mode *mode = run->mode;
	uint32_t read_chunk = run->stand->options->read_chunk;

	put(command, run->stand->server_path);
	put_number(command, "--port", 0);
	put_option(command, "--mux", mode->mux);
	put_option(command, "--send", mode->send);
	if (mode->trigger)
		put_option(command, "--trigger", mode->trigger);
	if (read_chunk)
		put_number(command, "--read-chunk", read_chunk);
}

static int start_server(struct run *run)
{
	struct command_line command = {};
	char line[128];
	int err;

	server_command(&command, run);
	if (program_start(&run->server, "fdscope-server", command.args))
		return EXIT_NO_MEASURE;
	err = program_read_line(&run->server, line, sizeof(line), START_SECONDS);
	if (!err && sscanf(line, "listening on 127.0.0.1:%d", &run->port) == 1) {
		run->server_pid = run->server.pid;
		return 0;
	}
	program_end(&run->server);
	return server_failed(run, "did not start");
}

static int count_sockets(uint32_t pid)
{
	char path[64], target[32];
	struct dirent *entry;
	int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		nr += len > 7 && !memcmp(target, "socket:", 7);
	}
	if (dir)
		closedir(dir);
	return nr;
}

/* Nothing but the listener is left of the load, and the server waits. */
static bool is_at_rest(uint32_t pid)
{
	static const struct id_list nobody;

	return count_sockets(pid) == 1 && procfs_count_inside(pid, &nobody).waiting == 1;
}

/*
 * Until the server is at rest. Only then is all that it did counted, in the
 * counters and on its CPU clock alike, and two runs can be compared to the last
 * call.
 */
static int settle(struct run *run)
{
	uint64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + SETTLE_SECONDS * 1000000000ULL;

	while (!is_at_rest(run->server_pid)) {
		if (program_has_ended(&run->server))
			return server_failed(run, "ended early");
		if (clock_ns(CLOCK_MONOTONIC) > deadline_ns)
			return log_fail(EXIT_NO_MEASURE,
					"compare: %s: the server did not come to rest within %d s",
					run->mode->name, SETTLE_SECONDS);
		if (is_interrupted(run->stand, SETTLE_PAUSE_NS))
			return interrupted();
	}
	return 0;
}

/*
 * The process's own clock, read twice: in ns and without the start of the
 * program, which wait4() counts in us together with the rest.
 */
static int read_cpu_clock(struct run *run, uint64_t *ns)
{
	clockid_t clock;
	int err = clock_getcpuclockid(run->server_pid, &clock);

	if (err) {
		log_err(err, "compare: read the CPU clock of the server");
		return EXIT_NO_MEASURE;
	}
	*ns = clock_ns(clock);
	return 0;
}

static int stop_server(struct run *run)
{
	program_end(&run->server);
	return program_is_done(&run->server) ? 0 : server_failed(run, "ended badly");
}

/* ---- the load ---- */

static int load_failed(struct run *run)
{
	char words[256];

	if (program_has_ended(&run->server))
		return server_failed(run, "ended early");
	program_last_words(&run->load, words, sizeof(words));
	return log_fail(EXIT_NO_MEASURE, "compare: %s: %s", run->mode->name, words);
}

/* Whatever happens to us or to the two programs is told by a signal. */
static int wait_for_load(struct run *run)
{
	sigset_t signals = run->stand->end_signals;

	sigaddset(&signals, SIGCHLD);
	while (!program_has_ended(&run->load)) {
		int signal;

		if (program_has_ended(&run->server))
			return server_failed(run, "ended early");
		signal = sigwaitinfo(&signals, NULL);
		if (signal > 0 && signal != SIGCHLD)
			return interrupted();
	}
	return program_is_done(&run->load) ? 0 : load_failed(run);
}

static int read_results(struct run *run)
{
	const struct options *options = run->stand->options;
	double *measures = run->result->measures;
	json_int_t requests = 0, p99_ns = 0;
	json_t *results;
	char text[4096];
	int err;

	program_read_output(&run->load, text, sizeof(text));
	results = json_loads(text, 0, NULL);
	err = json_unpack(results, "{s:I, s:F, s:{s:I}}", "requests", &requests,
			  "requests_per_second", &measures[MEASURE_RATE], "latency_ns", "p99",
			  &p99_ns);
	json_decref(results);
	if (err || requests != (json_int_t)options->connections * options->requests)
		return log_fail(EXIT_NO_MEASURE,
				"compare: %s: the results of fdscope-load are not those of %u "
				"connections with %u requests each",
				run->mode->name, options->connections, options->requests);
	measures[MEASURE_P99] = p99_ns;
	return 0;
}

static void load_command(struct command_line *command, const struct run *run)
{
	const struct options *options = run->stand->options;

	put(command, run->stand->load_path);
	put(command, "--json");
	put_number(command, "--port", run->port);
	put_number(command, "--connections", options->connections);
	put_number(command, "--requests", options->requests);
	put_number(command, "--idle", options->idle);
	put_number(command, "--pieces", options->pieces);
	if (options->post_bytes)
		put_number(command, "--post", options->post_bytes);
}

static int run_load(struct run *run)
{
	const struct options *options = run->stand->options;
	struct command_line command = {};
	char path[64];
	int code;

	load_command(&command, run);
	snprintf(path, sizeof(path), "/bytes/%llu", (unsigned long long)options->size_bytes);
	if (!options->post_bytes)
		put_option(&command, "--path", path);
	if (program_start(&run->load, "fdscope-load", command.args))
		return EXIT_NO_MEASURE;
	code = wait_for_load(run);
	return code ? code : read_results(run);
}

/* ---- a run ---- */

static int go_live(struct run *run)
{
	measure_watch(&run->watch, run->stand->options);
	run->watch.pids = &run->server_pid;
	run->watch.nr_pids = 1;
	run->watch.is_timed_by_caller = true;
	return source_open_live(&run->source, &run->watch);
}

static int take_profile(struct run *run)
{
	struct profile profile;
	int code = 0;

	if (source_next(run->source, &profile) <= 0)
		return EXIT_NO_MEASURE;
	run->result->is_complete = profile_is_complete(&profile);
	if (profile.nr_processes == 1)
		totals_of(&run->result->totals, &profile.processes[0]);
	else
		code = log_fail(EXIT_NO_MEASURE,
				"compare: %s: the profile is not of the server alone",
				run->mode->name);
	profile_free(&profile);
	return code;
}

static int measure_load(struct run *run)
{
	const struct options *options = run->stand->options;
	uint64_t before_ns = 0, after_ns = 0;
	int code = read_cpu_clock(run, &before_ns);

	if (!code)
		code = run_load(run);
	if (!code)
		code = settle(run);
	if (!code)
		code = read_cpu_clock(run, &after_ns);
	run->result->measures[MEASURE_CPU] =
		(after_ns - before_ns) / 1e3 / ((double)options->connections * options->requests);
	return code;
}

static int run_whole(struct run *run)
{
	int code = start_server(run);

	if (!code)
		code = settle(run);
	if (!code && run->result->is_traced)
		code = go_live(run);
	if (!code)
		code = measure_load(run);
	if (!code && run->result->is_traced)
		code = take_profile(run);
	return code ? code : stop_server(run);
}

static int find_program(char path[PATH_MAX], const char *directory, const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", directory, name);
	if (!access(path, X_OK))
		return 0;
	return log_fail(EXIT_NO_MEASURE,
			"compare: run %s: %s (it is looked for beside fdscope; make builds it)",
			path, strerror(errno));
}

static int find_programs(struct stand *stand)
{
	char directory[PATH_MAX - 32];
	ssize_t len = readlink("/proc/self/exe", directory, sizeof(directory) - 1);
	int code;

	if (len < 0) {
		log_err(errno, "compare: read /proc/self/exe");
		return EXIT_NO_MEASURE;
	}
	directory[len] = '\0';
	*strrchr(directory, '/') = '\0';
	code = find_program(stand->server_path, directory, "fdscope-server");
	return code ? code : find_program(stand->load_path, directory, "fdscope-load");
}

static void block_signals(struct stand *stand)
{
	sigset_t blocked;

	sigemptyset(&stand->end_signals);
	sigaddset(&stand->end_signals, SIGINT);
	sigaddset(&stand->end_signals, SIGTERM);
	sigaddset(&stand->end_signals, SIGHUP);
	blocked = stand->end_signals;
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
}

int stand_open(struct stand *stand, const struct options *options)
{
	stand->options = options;
	block_signals(stand);
	return find_programs(stand);
}

int stand_run(const struct stand *stand, const struct mode *mode, struct comparison_run *result)
{
	struct run run = { .stand = stand, .mode = mode, .result = result };
	int code;

	if (is_interrupted(stand, 0))
		return interrupted();
	code = run_whole(&run);
	source_close(run.source);
	program_free(&run.load);
	program_free(&run.server);
	return code;
}
