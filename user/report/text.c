/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where lines break, how wide columns are, how numbers are rounded. Knows titles,
 * lines, histograms and tables, not what they are about.
 */
#include "report/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/units.h"

#define WIDTH	    80
#define INDENT	    2
#define LABEL_WIDTH 12 /* of the column of labels, indent included */
#define BAR_WIDTH   40

/* Names come from other programs and from files: nothing in them may steer a terminal. */
static void put_clean(const char *text, size_t len, FILE *out)
{
	for (size_t i = 0; i < len; i++)
		fputc(iscntrl((unsigned char)text[i]) ? '?' : text[i], out);
}

static void print_title(const struct item *item, FILE *out)
{
	int left = strlen(item->label), right = item->text ? strlen(item->text) : 0;

	put_clean(item->label, left, out);
	if (right && left + right < WIDTH) {
		fprintf(out, "%*s", WIDTH - left - right, "");
		put_clean(item->text, right, out);
	}
	fputc('\n', out);
}

/* At a space, but not between a number and its unit. */
static bool may_cut(const char *text, size_t at)
{
	return text[at] == ' ' &&
	       !(at && isdigit((unsigned char)text[at - 1]) && begins_with_unit(text + at + 1));
}

/* Length of the part of @text that fits in @room, cut at a space where there is one. */
static size_t fitting(const char *text, size_t room)
{
	size_t len = strlen(text), cut;

	if (len <= room)
		return len;
	for (cut = room; cut > 0 && !may_cut(text, cut); cut--)
		;
	if (cut)
		return cut;
	for (cut = room; cut > 1 && (text[cut] & 0xc0) == 0x80; cut--)
		; /* between two characters of UTF-8 */
	return cut;
}

static void print_line(const struct item *item, FILE *out)
{
	const char *text = item->text, *label = item->label ? item->label : "";

	do {
		int width = strlen(label);
		size_t len;

		width = width < LABEL_WIDTH - 1 ? LABEL_WIDTH - 1 : width + 1;
		len = fitting(text, WIDTH - INDENT - width);
		fprintf(out, "%*s%-*s", INDENT, "", width, label);
		put_clean(text, len, out);
		fputc('\n', out);
		label = "";
		text += len;
		text += strspn(text, " ");
	} while (*text);
}

/* What a bucket holds, in words. */
static void name_bucket(size_t bucket, bool in_ns, char from[UNITS_LEN], char to[UNITS_LEN])
{
	uint64_t low = bucket ? 1ULL << (bucket - 1) : 0;
	uint64_t end = bucket ? low * 2 : 1;

	*to = '\0';
	if (in_ns) {
		format_ns(from, low);
		format_ns(to, end);
	} else {
		format_count(from, low);
		if (end - low > 1)
			format_count(to, end - 1);
	}
}

static int wider(int width, const char *text)
{
	int len = strlen(text);

	return len > width ? len : width;
}

/* Columns of a distribution, as wide as their widest entry. */
struct hist_layout {
	int from, to, count, bar;
};

static struct hist_layout lay_out_hist(const uint64_t *hist, bool in_ns, size_t first, size_t last)
{
	struct hist_layout layout = { 9, 9, 11, 0 };
	char from[UNITS_LEN], to[UNITS_LEN], count[UNITS_LEN];

	for (size_t i = first; i < last; i++) {
		name_bucket(i, in_ns, from, to);
		layout.from = wider(layout.from, from);
		layout.to = wider(layout.to, to);
		layout.count = wider(layout.count, format_count(count, hist[i]));
	}
	layout.bar = WIDTH - (int)strlen("     -  |") - 2 - layout.from - layout.to - layout.count;
	if (layout.bar > BAR_WIDTH)
		layout.bar = BAR_WIDTH;
	return layout;
}

static void print_bucket(const struct hist_layout *layout, size_t bucket, bool in_ns,
			 uint64_t count, double share, FILE *out)
{
	char from[UNITS_LEN], to[UNITS_LEN], text[UNITS_LEN];

	name_bucket(bucket, in_ns, from, to);
	fprintf(out, "    %*s %c %-*s %*s |%.*s\n", layout->from, from, *to ? '-' : ' ', layout->to,
		to, layout->count, format_count(text, count), (int)ceil(share * layout->bar),
		"****************************************");
}

static void print_hist(const struct item *item, FILE *out)
{
	size_t first = 0, last = hist_length(item->hist, HIST_NS_BUCKETS);
	struct hist_layout layout;
	uint64_t most = 1;

	if (!last)
		return;
	while (!item->hist[first])
		first++;
	for (size_t i = first; i < last; i++)
		most = item->hist[i] > most ? item->hist[i] : most;
	layout = lay_out_hist(item->hist, item->in_ns, first, last);
	fprintf(out, "%*s%s\n", INDENT, "", item->label);
	for (size_t i = first; i < last; i++)
		print_bucket(&layout, i, item->in_ns, item->hist[i], (double)item->hist[i] / most,
			     out);
}

static const char *cell_text(const struct cell *cell, bool is_round, char text[UNITS_LEN])
{
	switch (cell->unit) {
	case CELL_TEXT:
		return cell->text;
	case CELL_COUNT:
		return is_round ? format_round(text, cell->value) : format_count(text, cell->value);
	case CELL_ID:
		snprintf(text, UNITS_LEN, "%.0f", cell->value);
		return text;
	case CELL_RATIO:
		return format_ratio(text, cell->value);
	case CELL_BYTES:
		return format_bytes(text, cell->value);
	case CELL_NS:
		return format_ns(text, cell->value);
	case CELL_SHARE:
		return format_share(text, cell->value, 1);
	case CELL_CHANGE:
		return format_change(text, cell->value);
	case CELL_NONE:
		break;
	}
	return "-";
}

#define MAX_COLUMNS 32
#define GAP	    2 /* before each column */

/* Fills in @widths and returns their sum, gaps included. */
static int measure_columns(const struct table *table, bool is_round, int *widths)
{
	char text[UNITS_LEN];
	int sum = 0;

	for (size_t column = 0; column < table->nr_columns; column++) {
		widths[column] = 0;
		for (size_t row = 0; row < table->nr_rows; row++) {
			const struct cell *cell = &table->cells[row * table->nr_columns + column];

			widths[column] = wider(widths[column], cell_text(cell, is_round, text));
		}
		sum += GAP + widths[column];
	}
	return sum;
}

static void print_cell(const char *text, int width, bool at_left, FILE *out)
{
	int pad = width - (int)strlen(text);

	fprintf(out, "%*s", at_left ? GAP : GAP + pad, "");
	put_clean(text, strlen(text), out);
	if (at_left)
		fprintf(out, "%*s", pad, "");
}

/*
 * Headings at the left, numbers under each other at the right of their columns;
 * counts are rounded where they would not all fit.
 */
static void print_table(const struct table *table, FILE *out)
{
	int widths[MAX_COLUMNS];
	char text[UNITS_LEN];
	bool is_round;

	if (table->nr_columns > MAX_COLUMNS)
		return;
	is_round = measure_columns(table, false, widths) > WIDTH;
	if (is_round)
		measure_columns(table, true, widths);
	for (size_t row = 0; row < table->nr_rows; row++) {
		const struct cell *cells = &table->cells[row * table->nr_columns];

		for (size_t column = 0; column < table->nr_columns; column++)
			print_cell(cell_text(&cells[column], is_round, text), widths[column],
				   column == 0, out);
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
