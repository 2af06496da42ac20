/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Runs the bundled server in each mode under the same load, traced and
 * untraced in turn, and collects what came of it. What it means is worked out
 * in model/comparison.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "commands/commands.h"
#include "commands/stand.h"
#include "model/comparison.h"
#include "report/json.h"
#include "report/text.h"
#include "view/comparison.h"

const char compare_examples[] =
	"EXAMPLES\n"
	"  fdscope compare                       select, poll and epoll under one load\n"
	"  fdscope compare --idle 1000           what do idle connections cost poll?\n"
	"  fdscope compare --modes epoll-level,epoll-edge,epoll-oneshot\n"
	"  fdscope compare --post 65536 --read-chunk 4096\n"
	"                                        what do small reads cost?\n"
	"  fdscope compare --modes copy,mmap,sendfile,splice --size 65536";

static const char *const default_modes[] = { "select", "poll", "epoll-level", "epoll-edge",
					     "epoll-oneshot" };

#define NR_DEFAULT_MODES (sizeof(default_modes) / sizeof(*default_modes))

/* Descriptors that the server needs itself are fewer than this. */
#define OTHER_DESCRIPTORS 16

struct bench {
	const struct options *options;
	struct stand stand;
	struct comparison comparison;
};

static void show_progress(const struct bench *bench, uint32_t repeat, size_t mode)
{
	if (!isatty(STDERR_FILENO))
		return;
	/* The cursor goes back: whatever is said next overwrites it. */
	fprintf(stderr, "\r\033[Krepetition %u of %u: %s\r", repeat + 1,
		bench->comparison.load.repeats, bench->comparison.modes[mode].name);
	fflush(stderr);
}

static void clear_progress(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\033[K");
}

static int run_once(struct bench *bench, size_t mode, bool is_traced)
{
	const char *name = bench->comparison.modes[mode].name;
	struct comparison_run run = { .is_traced = is_traced };
	int code = stand_run(&bench->stand, mode_named(name), &run);

	if (!code)
		comparison_add(&bench->comparison, mode, &run);
	return code;
}

/*
 * A machine gets slower and faster by itself. Whichever run of a pair, and
 * whichever mode, came first in one repetition comes last in the next.
 */
static int run_all(struct bench *bench)
{
	const struct comparison *comparison = &bench->comparison;
	int code = 0;

	for (uint32_t repeat = 0; repeat < comparison->load.repeats; repeat++) {
		bool is_odd = repeat % 2;

		for (size_t i = 0; i < comparison->nr_modes && !code; i++) {
			size_t mode = is_odd ? comparison->nr_modes - 1 - i : i;

			show_progress(bench, repeat, mode);
			code = run_once(bench, mode, !is_odd);
			if (!code)
				code = run_once(bench, mode, is_odd);
			clear_progress();
		}
	}
	return code;
}

static bool fits_select(const struct options *options)
{
	return (uint64_t)options->connections + options->idle <= FD_SETSIZE - OTHER_DESCRIPTORS;
}

static int choose_modes(struct bench *bench)
{
	const struct options *options = bench->options;
	const char *const *asked = options->nr_modes ? options->modes : default_modes;
	size_t nr_asked = options->nr_modes ? options->nr_modes : NR_DEFAULT_MODES, nr = 0;
	const char *modes[MAX_MODES];
	struct comparison_load load = {
		.connections = options->connections,
		.idle = options->idle,
		.requests = options->requests,
		.repeats = options->repeats,
		.size_bytes = options->post_bytes ? options->post_bytes : options->size_bytes,
		.is_post = options->post_bytes,
		.pieces = options->pieces,
		.read_chunk = options->read_chunk,
	};

	for (size_t i = 0; i < nr_asked; i++) {
		if (strcmp(asked[i], "select") || fits_select(options))
			modes[nr++] = asked[i];
	}
	if (!nr)
		return log_fail(EXIT_USAGE,
				"compare: select cannot watch %u connections (%d with its server's "
				"own descriptors: give less, or another mode)",
				options->connections + options->idle, FD_SETSIZE);
	if (comparison_init(&bench->comparison, &load, modes, nr))
		return log_fail(EXIT_NO_MEASURE, "compare: out of memory");
	bench->comparison.is_without_select = nr < nr_asked;
	return 0;
}

static int print_text(const struct comparison *comparison)
{
	struct sheet sheet = {};
	int err = comparison_make(&sheet, comparison);

	if (!err)
		err = text_print(&sheet, stdout);
	sheet_free(&sheet);
	return err;
}

static int print_json(const struct comparison *comparison)
{
	struct json_writer *json = json_writer_new();
	int err = -ENOMEM;

	if (json) {
		comparison_write(comparison, json_writer_base(json));
		err = json_writer_print(json, stdout, false);
	}
	if (!err && fflush(stdout))
		err = -errno;
	json_writer_free(json);
	return err;
}

static int print(struct bench *bench)
{
	struct utsname uts;
	int err;

	uname(&uts);
	bench->comparison.kernel = uts.release;
	err = bench->options->json ? print_json(&bench->comparison)
				   : print_text(&bench->comparison);
	if (!err)
		return 0;
	log_err(-err, "compare: print the table");
	return EXIT_NO_MEASURE;
}

int compare_run(const struct options *options)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int code;

	if (!bench)
		return log_fail(EXIT_NO_MEASURE, "compare: out of memory");
	bench->options = options;
	code = choose_modes(bench);
	if (!code)
		code = stand_open(&bench->stand, options);
	if (!code)
		code = run_all(bench);
	if (!code)
		code = print(bench);
	comparison_free(&bench->comparison);
	free(bench);
	return code;
}
