/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "comparisons.h"

#include "report/text.h"
#include "view/comparison.h"

const struct comparison_load sample_load = {
	.connections = 7,
	.idle = 11,
	.requests = 13,
	.repeats = 5,
	.size_bytes = 4096,
};

const char *const one_mode[] = { "poll" };
const char *const two_modes[] = { "poll", "epoll-edge" };

void begin_comparison(struct comparison *comparison, const char *const *names, size_t nr)
{
	assert_int_equal(comparison_init(comparison, &sample_load, names, nr), 0);
	comparison->kernel = "6.1.0";
}

void add_totals(struct comparison *comparison, size_t mode, const struct totals *totals)
{
	struct comparison_run run = {
		.is_traced = true,
		.is_complete = true,
		.totals = *totals,
		.measures = { 1e6, 10, 1e6 },
	};

	comparison_add(comparison, mode, &run);
	run.is_traced = false;
	comparison_add(comparison, mode, &run);
}

void add_counts(struct comparison *comparison, size_t mode, const struct counters *counters)
{
	const struct totals totals = { .counters = *counters };

	add_totals(comparison, mode, &totals);
}

const struct counters few_calls = {
	.waits[WAIT_POLL] = { .ready = 13,
			      .watched = 1300,
			      .in_bytes = 10400,
			      .out_bytes = 2600,
			      .ready_hist = { [1] = 13 } },
	.io[IO_READ][KIND_SOCKET] = { .moved = 91, .bytes = 910 },
};
const struct counters more_calls = {
	.waits[WAIT_EPOLL] = { .ready = 17,
			       .watched = 1700,
			       .watched_hist = { [7] = 17 },
			       .out_bytes = 204,
			       .ready_hist = { [1] = 17 } },
	.io[IO_READ][KIND_SOCKET] = { .moved = 91, .bytes = 910, .again = 91 },
};

const char *const triggers[] = { "epoll-level", "epoll-edge", "epoll-oneshot" };

void begin_triggers(struct comparison *comparison, unsigned int chunk)
{
	const uint64_t requests = REQUESTS, reads = requests * (64 / chunk);
	const struct io_counters done = { .moved = reads, .bytes = requests * 64 };
	struct totals level = {
		.counters.waits[WAIT_EPOLL] = { .ready = reads, .ready_hist = { [1] = reads } },
		.counters.io[IO_READ][KIND_SOCKET] = done,
		.epolls = { .deliveries.by.level = reads, .residual = reads - requests },
	};
	struct totals oneshot = level, edge = {
		.counters.waits[WAIT_EPOLL] = { .ready = requests,
						.ready_hist = { [1] = requests } },
		.counters.io[IO_READ][KIND_SOCKET] = done,
		.epolls.deliveries.by.edge = requests,
	};

	edge.counters.io[IO_READ][KIND_SOCKET].again = requests;
	oneshot.counters.epoll_ctl.mod = reads;
	begin_comparison(comparison, triggers, ARRAY_SIZE(triggers));
	add_totals(comparison, 0, &level);
	add_totals(comparison, 1, &edge);
	add_totals(comparison, 2, &oneshot);
}

char *comparison_text(const struct comparison *comparison)
{
	struct sheet sheet = {};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(comparison_make(&sheet, comparison), 0);
	assert_int_equal(text_print(&sheet, out), 0);
	sheet_free(&sheet);
	fclose(out);
	return text;
}

void assert_says(const char *text, const char *words)
{
	if (!text || !strstr(text, words))
		fail_msg("no \"%s\" in:\n%s", words, text ? text : "nothing");
}

void add_times(struct comparison *comparison, bool is_traced, const double *rates, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct comparison_run run = {
			.is_traced = is_traced,
			.is_complete = true,
			.measures = { [MEASURE_RATE] = rates[i] },
		};

		comparison_add(comparison, 0, &run);
	}
}
