/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One list of rows for the counts and one for the times; text and JSON are both
 * made from them.
 */
#include "view/comparison.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "model/quantities.h"
#include "view/verdict.h"

/* ---- rows ---- */

enum row_unit { ROW_COUNT, ROW_BYTES, ROW_SHARE };

enum row_kind {
	ROW_ALWAYS,
	ROW_IF_ANY,   /* in the text: left out when it is 0 in every mode */
	ROW_OF_EPOLL, /* the same, and only of modes that wait with epoll */
	ROW_IF_KNOWN, /* the same, and only of modes whose waits tell what they watch */
};

/* A count per request, or with @of, a ratio of two counts. */
static const struct row {
	const char *key;
	const char *heading; /* NULL: not in the text */
	enum row_unit unit;
	enum row_kind kind;
	count_fn *count;
	count_fn *of;
} rows[] = {
	{ "wakeups", "wakeups", ROW_COUNT, ROW_ALWAYS, count_wakeups, NULL },
	{ "ready", NULL, ROW_COUNT, ROW_ALWAYS, count_ready, NULL },
	{ "ready_per_wakeup", "ready per wakeup", ROW_COUNT, ROW_ALWAYS, count_ready,
	  count_wakeups },
	{ "deliveries", "deliveries", ROW_COUNT, ROW_OF_EPOLL, count_deliveries, NULL },
	{ "redelivered", "redelivered", ROW_COUNT, ROW_IF_ANY, count_redelivered, NULL },
	{ "residual", "  residual", ROW_COUNT, ROW_OF_EPOLL, count_residual, NULL },
	{ "spurious", "  spurious", ROW_COUNT, ROW_OF_EPOLL, count_spurious, NULL },
	{ "timeouts", "timeouts", ROW_COUNT, ROW_IF_ANY, count_timeouts, NULL },
	{ "empty_polls", "empty polls", ROW_COUNT, ROW_IF_ANY, count_empty_polls, NULL },
	{ "watched", NULL, ROW_COUNT, ROW_IF_KNOWN, count_watched, NULL },
	{ "watched_per_wait", "watched per wait", ROW_COUNT, ROW_IF_KNOWN, count_watched,
	  count_watching_waits },
	{ "calls", "system calls", ROW_COUNT, ROW_ALWAYS, count_calls, NULL },
	{ "waits", "  waits", ROW_COUNT, ROW_ALWAYS, count_waits, NULL },
	{ "epoll_ctl", "  epoll_ctl", ROW_COUNT, ROW_IF_ANY, count_ctl, NULL },
	{ "accepts", "  accepts", ROW_COUNT, ROW_ALWAYS, count_accepts, NULL },
	{ "accepted", NULL, ROW_COUNT, ROW_ALWAYS, count_accepted, NULL },
	{ "socket_reads", "  socket reads", ROW_COUNT, ROW_ALWAYS, count_socket_reads, NULL },
	{ "socket_reads_again", "    that would block", ROW_COUNT, ROW_IF_ANY,
	  count_socket_reads_again, NULL },
	{ "other_reads", "  file reads", ROW_COUNT, ROW_IF_ANY, count_other_reads, NULL },
	{ "writes", "  writes", ROW_COUNT, ROW_ALWAYS, count_writes, NULL },
	{ "sendfile", "  sendfile", ROW_COUNT, ROW_IF_ANY, count_sendfile, NULL },
	{ "splice", "  splice", ROW_COUNT, ROW_IF_ANY, count_splice, NULL },
	{ "sends_again", "    that would block", ROW_COUNT, ROW_IF_ANY, count_sends_again, NULL },
	{ "socket_read_bytes", NULL, ROW_BYTES, ROW_ALWAYS, count_socket_read_bytes, NULL },
	{ "user_to_kernel_bytes", "copied to the kernel", ROW_BYTES, ROW_ALWAYS, count_to_kernel,
	  NULL },
	{ "kernel_to_user_bytes", "copied from it", ROW_BYTES, ROW_ALWAYS, count_from_kernel,
	  NULL },
	{ "control_bytes", "  of both, control data", ROW_BYTES, ROW_ALWAYS, count_control, NULL },
	{ "socket_out_bytes", NULL, ROW_BYTES, ROW_ALWAYS, count_sent, NULL },
	{ "zero_copy_bytes", NULL, ROW_BYTES, ROW_ALWAYS, count_sent_zero_copy, NULL },
	{ "zero_copy_share", "sent without a copy", ROW_SHARE, ROW_IF_ANY, count_sent_zero_copy,
	  count_sent },
};

#define NR_ROWS (sizeof(rows) / sizeof(*rows))

static const struct time_row {
	const char *key;
	const char *heading;
	enum cell_unit unit;
} time_rows[MEASURES] = {
	[MEASURE_RATE] = { "requests_per_second", "requests a second", CELL_RATIO },
	[MEASURE_CPU] = { "cpu_us_per_request", "CPU us a request", CELL_RATIO },
	[MEASURE_P99] = { "p99_ns", "99 % answered within", CELL_NS },
};

static bool is_row_of(const struct row *row, const struct comparison_mode *mode)
{
	if (row->kind == ROW_IF_KNOWN)
		return knows_watched(&mode->totals);
	return row->kind != ROW_OF_EPOLL || waits_with_epoll(&mode->totals);
}

/* False where there is no such ratio: of another kind of wait, or nothing to divide by. */
static bool row_value(const struct row *row, const struct comparison_mode *mode, double *value)
{
	uint64_t of = row->of ? row->of(&mode->totals) : mode->requests;

	if (!of || !is_row_of(row, mode))
		return false;
	*value = (double)row->count(&mode->totals) / of;
	return true;
}

/* ---- text: the tables ---- */

/* Five columns of eight, and the headings: 78. */
#define MODES_PER_TABLE 5

#define EPOLL_PREFIX	 "epoll-"
#define EPOLL_PREFIX_LEN (sizeof(EPOLL_PREFIX) - 1)

/* The modes of one table. */
struct columns {
	const struct comparison_mode *modes;
	size_t nr;
	size_t nr_headings; /* lines of them */
};

static bool is_epoll(const struct comparison_mode *mode)
{
	return !strncmp(mode->name, EPOLL_PREFIX, EPOLL_PREFIX_LEN);
}

static struct columns columns_from(const struct comparison *comparison, size_t first)
{
	size_t left = comparison->nr_modes - first;
	struct columns columns = {
		.modes = &comparison->modes[first],
		.nr = left < MODES_PER_TABLE ? left : MODES_PER_TABLE,
		.nr_headings = 1,
	};

	for (size_t i = 0; i < columns.nr; i++) {
		if (is_epoll(&columns.modes[i]))
			columns.nr_headings = 2;
	}
	return columns;
}

static struct cell *cell_at(struct table *table, size_t row, size_t column)
{
	return &table->cells[row * table->nr_columns + column];
}

static void put(struct table *table, size_t row, size_t column, enum cell_unit unit, double value)
{
	*cell_at(table, row, column) = (struct cell){ .unit = unit, .value = value };
}

static void put_text(struct table *table, size_t row, size_t column, const char *text)
{
	*cell_at(table, row, column) = (struct cell){ .unit = CELL_TEXT, .text = text };
}

/* "epoll" above "level": the columns stay narrow. */
static void put_headings(struct table *table, const struct columns *columns, const char *title)
{
	size_t last = columns->nr_headings - 1;

	put_text(table, 0, 0, "");
	put_text(table, last, 0, title);
	for (size_t i = 0; i < columns->nr; i++) {
		const struct comparison_mode *mode = &columns->modes[i];
		size_t skipped = is_epoll(mode) ? EPOLL_PREFIX_LEN : 0;

		put_text(table, 0, i + 1, skipped ? "epoll" : "");
		put_text(table, last, i + 1, mode->name + skipped);
	}
}

static bool is_shown(const struct row *row, const struct columns *columns)
{
	if (!row->heading || row->kind == ROW_ALWAYS)
		return row->heading;
	for (size_t i = 0; i < columns->nr; i++) {
		if (row->count(&columns->modes[i].totals))
			return true;
	}
	return false;
}

static void put_value(struct table *table, size_t at, size_t column, const struct row *row,
		      const struct comparison_mode *mode)
{
	static const enum cell_unit units[] = {
		[ROW_COUNT] = CELL_RATIO,
		[ROW_BYTES] = CELL_BYTES,
		[ROW_SHARE] = CELL_SHARE,
	};
	double value;

	if (!row_value(row, mode, &value))
		return;
	/* None at all is not the same as 0.00. */
	put(table, at, column, value == 0 ? CELL_COUNT : units[row->unit], value);
}

static void add_counts(struct sheet *sheet, const struct columns *columns)
{
	size_t nr_shown = 0, at = columns->nr_headings;
	struct table *table;

	for (size_t i = 0; i < NR_ROWS; i++)
		nr_shown += is_shown(&rows[i], columns);
	table = sheet_table(sheet, nr_shown + at, columns->nr + 1);
	if (!table)
		return;
	put_headings(table, columns, "for each request");
	for (size_t i = 0; i < NR_ROWS; i++) {
		if (!is_shown(&rows[i], columns))
			continue;
		put_text(table, at, 0, rows[i].heading);
		for (size_t j = 0; j < columns->nr; j++)
			put_value(table, at, j + 1, &rows[i], &columns->modes[j]);
		at++;
	}
}

/* Untraced first: that is what the server costs; tracing is what we cost. */
#define LINES_PER_TIME 5

static void put_time(struct table *table, size_t at, enum measure measure,
		     const struct columns *columns)
{
	const struct time_row *row = &time_rows[measure];

	put_text(table, at, 0, row->heading);
	put_text(table, at + 1, 0, "  spread, +-");
	put_text(table, at + 2, 0, "  while traced");
	put_text(table, at + 3, 0, "  spread, +-");
	put_text(table, at + 4, 0, "  change by tracing");
	for (size_t i = 0; i < columns->nr; i++) {
		const struct comparison_mode *mode = &columns->modes[i];
		double change;

		for (int is_traced = 0; is_traced < 2; is_traced++) {
			struct spread spread = comparison_spread(mode, measure, is_traced);

			put(table, at + 2 * is_traced, i + 1, row->unit, spread.median);
			if (mode->nr[is_traced] > 1) /* one alone tells no spread */
				put(table, at + 2 * is_traced + 1, i + 1, CELL_SHARE,
				    spread_share(&spread));
		}
		if (comparison_change(mode, measure, &change))
			put(table, at + 4, i + 1, CELL_CHANGE, change);
	}
}

static void add_times(struct sheet *sheet, const struct columns *columns)
{
	size_t at = columns->nr_headings;
	struct table *table;

	table = sheet_table(sheet, MEASURES * LINES_PER_TIME + at, columns->nr + 1);
	if (!table)
		return;
	put_headings(table, columns, "untraced");
	for (int measure = 0; measure < MEASURES; measure++)
		put_time(table, at + measure * LINES_PER_TIME, measure, columns);
}

/* ---- text: the whole ---- */

static bool is_complete(const struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->nr_modes; i++) {
		if (!comparison->modes[i].is_complete)
			return false;
	}
	return true;
}

#define SELECT_REASON "it cannot watch descriptors from 1,024 on"

static uint32_t pieces_of(const struct comparison_load *load)
{
	return load->pieces ? load->pieces : 1;
}

/* What is special about them. */
static void add_requests(struct sheet *sheet, const struct comparison_load *load)
{
	char pieces[64] = "", chunk[64] = "", number[UNITS_LEN];

	if (pieces_of(load) > 1)
		snprintf(pieces, sizeof(pieces), ", sent in %s pieces",
			 format_count(number, load->pieces));
	if (load->read_chunk)
		snprintf(chunk, sizeof(chunk), ", read at most %s at a time",
			 format_bytes(number, load->read_chunk));
	if (load->is_post || *pieces || *chunk)
		sheet_line(sheet, "requests", "%s%s%s",
			   load->is_post ? "POST, answered with their own body" : "GET", pieces,
			   chunk);
}

static void add_head(struct sheet *sheet, const struct comparison *comparison)
{
	const struct comparison_load *load = &comparison->load;
	char right[128], connections[COUNTED_LEN], requests[COUNTED_LEN], size[UNITS_LEN],
		idle[UNITS_LEN], repeats[COUNTED_LEN];

	snprintf(right, sizeof(right), "Linux %s", comparison->kernel);
	sheet_title(sheet, right, "%s x %s of %s",
		    format_counted(connections, load->connections, "connection"),
		    format_counted(requests, load->requests, "request"),
		    format_bytes(size, load->size_bytes));
	sheet_title(sheet, is_complete(comparison) ? "nothing lost" : "INCOMPLETE",
		    "%s idle, %s, each traced and untraced", format_count(idle, load->idle),
		    format_counted(repeats, load->repeats, "repetition"));
	add_requests(sheet, load);
	for (size_t i = 0; i < comparison->nr_modes; i++) {
		if (!comparison->modes[i].is_complete)
			sheet_line(sheet, "LOST", "counts of %s", comparison->modes[i].name);
	}
	if (comparison->is_without_select)
		sheet_line(sheet, "left out", "select: %s", SELECT_REASON);
}

int comparison_make(struct sheet *sheet, const struct comparison *comparison)
{
	struct columns columns;

	add_head(sheet, comparison);
	for (size_t first = 0; first < comparison->nr_modes; first += columns.nr) {
		columns = columns_from(comparison, first);
		sheet_blank(sheet);
		add_counts(sheet, &columns);
		sheet_blank(sheet);
		add_times(sheet, &columns);
	}
	if (comparison->nr_modes > 1) {
		sheet_blank(sheet);
		verdict_add(sheet, comparison);
	}
	return sheet->has_failed ? -ENOMEM : 0;
}

/* ---- the document ---- */

#define COMPARISON_SCHEMA 1

static void write_load(struct writer *w, const struct comparison_load *load)
{
	w->ops->begin_object(w, "load");
	w->ops->integer(w, "connections", load->connections);
	w->ops->integer(w, "idle", load->idle);
	w->ops->integer(w, "requests", load->requests);
	w->ops->integer(w, "size_bytes", load->size_bytes);
	w->ops->boolean(w, "post", load->is_post);
	w->ops->integer(w, "pieces", pieces_of(load));
	if (load->read_chunk)
		w->ops->integer(w, "read_chunk_bytes", load->read_chunk);
	w->ops->integer(w, "repeats", load->repeats);
	w->ops->end(w);
}

/* Sums, means per request, and ratios; what has nothing to be divided by is left out. */
static void write_counts(struct writer *w, const struct comparison_mode *mode)
{
	double value;

	w->ops->begin_object(w, "totals");
	for (size_t i = 0; i < NR_ROWS; i++) {
		if (!rows[i].of && is_row_of(&rows[i], mode))
			w->ops->integer(w, rows[i].key, rows[i].count(&mode->totals));
	}
	w->ops->end(w);
	w->ops->begin_object(w, "per_request");
	for (size_t i = 0; i < NR_ROWS; i++) {
		if (!rows[i].of && row_value(&rows[i], mode, &value))
			w->ops->real(w, rows[i].key, value);
	}
	w->ops->end(w);
	for (size_t i = 0; i < NR_ROWS; i++) {
		if (rows[i].of && row_value(&rows[i], mode, &value))
			w->ops->real(w, rows[i].key, value);
	}
}

static void write_spread(struct writer *w, const char *key, const struct spread *spread)
{
	w->ops->begin_object(w, key);
	w->ops->real(w, "median", spread->median);
	w->ops->real(w, "min", spread->min);
	w->ops->real(w, "max", spread->max);
	w->ops->end(w);
}

static void write_time(struct writer *w, const struct comparison_mode *mode, enum measure measure)
{
	struct spread traced = comparison_spread(mode, measure, true);
	struct spread untraced = comparison_spread(mode, measure, false);
	double change;

	w->ops->begin_object(w, time_rows[measure].key);
	write_spread(w, "traced", &traced);
	write_spread(w, "untraced", &untraced);
	if (comparison_change(mode, measure, &change))
		w->ops->real(w, "change", change);
	w->ops->end(w);
}

static void write_mode(struct writer *w, const struct comparison_mode *mode)
{
	w->ops->begin_object(w, NULL);
	w->ops->text(w, "mode", mode->name);
	w->ops->boolean(w, "complete", mode->is_complete);
	w->ops->integer(w, "requests", mode->requests);
	write_counts(w, mode);
	for (int measure = 0; measure < MEASURES; measure++)
		write_time(w, mode, measure);
	w->ops->end(w);
}

static void write_left_out(struct writer *w, const struct comparison *comparison)
{
	w->ops->begin_object(w, "left_out");
	if (comparison->is_without_select)
		w->ops->text(w, "select", SELECT_REASON);
	w->ops->end(w);
}

void comparison_write(const struct comparison *comparison, struct writer *w)
{
	w->ops->begin_object(w, NULL);
	w->ops->integer(w, "schema", COMPARISON_SCHEMA);
	w->ops->text(w, "fdscope", FDSCOPE_VERSION);
	w->ops->text(w, "kernel", comparison->kernel);
	write_load(w, &comparison->load);
	w->ops->boolean(w, "complete", is_complete(comparison));
	write_left_out(w, comparison);
	w->ops->begin_array(w, "modes");
	for (size_t i = 0; i < comparison->nr_modes; i++)
		write_mode(w, &comparison->modes[i]);
	w->ops->end(w);
	w->ops->end(w);
}
