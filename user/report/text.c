/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "report/text.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"

#define WIDTH	    80
#define LABEL_WIDTH 12 /* of the column of labels, indent included */
#define BAR_WIDTH   40

static void print_title(const struct item *item, FILE *out)
{
	int room = WIDTH - (int)strlen(item->label);

	if (item->text && *item->text && room > (int)strlen(item->text))
		fprintf(out, "%s%*s\n", item->label, room, item->text);
	else
		fprintf(out, "%s\n", item->label);
}

/* Length of the part of @text that fits in @room, cut at a space where there is one. */
static size_t fitting(const char *text, size_t room)
{
	size_t len = strlen(text), cut;

	if (len <= room)
		return len;
	for (cut = room; cut > 0 && text[cut] != ' '; cut--)
		;
	return cut ? cut : len; /* a word too long for any line stays whole */
}

static void print_line(const struct item *item, FILE *out)
{
	const char *text = item->text, *label = item->label ? item->label : "";

	do {
		size_t len = fitting(text, WIDTH - LABEL_WIDTH - 1);

		fprintf(out, "  %-*s%.*s\n", LABEL_WIDTH - 1, label, (int)len, text);
		label = "";
		text += len;
		text += strspn(text, " ");
	} while (*text);
}

static void print_bucket(size_t bucket, bool in_ns, FILE *out)
{
	uint64_t low = bucket ? 1ULL << (bucket - 1) : 0;
	uint64_t end = bucket ? low * 2 : 1;
	char from[UNITS_LEN], to[UNITS_LEN];

	if (in_ns)
		fprintf(out, "    %9s - %-9s", format_ns(from, low), format_ns(to, end));
	else if (end - low == 1)
		fprintf(out, "    %9s   %-9s", format_count(from, low), "");
	else
		fprintf(out, "    %9s - %-9s", format_count(from, low), format_count(to, end - 1));
}

static void print_hist(const struct item *item, FILE *out)
{
	size_t first = 0, last = hist_length(item->hist, HIST_NS_BUCKETS);
	uint64_t most = 1;

	if (!last)
		return;
	while (!item->hist[first])
		first++;
	for (size_t i = first; i < last; i++)
		most = item->hist[i] > most ? item->hist[i] : most;
	fprintf(out, "  %s\n", item->label);
	for (size_t i = first; i < last; i++) {
		char count[UNITS_LEN];
		int bar = (item->hist[i] * BAR_WIDTH + most - 1) / most;

		print_bucket(i, item->in_ns, out);
		fprintf(out, "%12s |%.*s\n", format_count(count, item->hist[i]), bar,
			"****************************************");
	}
}

static const char *cell_text(const struct cell *cell, char text[UNITS_LEN])
{
	switch (cell->unit) {
	case CELL_TEXT:
		return cell->text;
	case CELL_COUNT:
		return format_count(text, cell->value);
	case CELL_RATIO:
		return format_ratio(text, cell->value);
	case CELL_BYTES:
		return format_bytes(text, cell->value);
	case CELL_NS:
		return format_ns(text, cell->value);
	case CELL_NONE:
		break;
	}
	return "-";
}

#define MAX_COLUMNS 32

static void measure_columns(const struct table *table, int *widths)
{
	char text[UNITS_LEN];

	for (size_t column = 0; column < table->nr_columns; column++) {
		widths[column] = 0;
		for (size_t row = 0; row < table->nr_rows; row++) {
			const struct cell *cell = &table->cells[row * table->nr_columns + column];
			int len = strlen(cell_text(cell, text));

			widths[column] = len > widths[column] ? len : widths[column];
		}
	}
}

/* Headings at the left, numbers under each other at the right of their columns. */
static void print_table(const struct table *table, FILE *out)
{
	int widths[MAX_COLUMNS];
	char text[UNITS_LEN];

	if (table->nr_columns > MAX_COLUMNS)
		return;
	measure_columns(table, widths);
	for (size_t row = 0; row < table->nr_rows; row++) {
		const struct cell *cells = &table->cells[row * table->nr_columns];

		fprintf(out, "  %-*s", widths[0], cell_text(&cells[0], text));
		for (size_t column = 1; column < table->nr_columns; column++)
			fprintf(out, "  %*s", widths[column], cell_text(&cells[column], text));
		fputc('\n', out);
	}
}

static void print_item(const struct item *item, FILE *out)
{
	switch (item->kind) {
	case ITEM_TITLE:
		print_title(item, out);
		break;
	case ITEM_LINE:
		print_line(item, out);
		break;
	case ITEM_BLANK:
		fputc('\n', out);
		break;
	case ITEM_HIST:
		print_hist(item, out);
		break;
	case ITEM_TABLE:
		print_table(&item->table, out);
		break;
	}
}

int text_print(const struct sheet *sheet, FILE *out)
{
	if (sheet->has_failed)
		return -ENOMEM;
	for (size_t i = 0; i < sheet->nr_items; i++)
		print_item(&sheet->items[i], out);
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}
