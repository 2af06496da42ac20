/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "view/sheet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void sheet_free(struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->nr_items; i++) {
		free(sheet->items[i].label);
		free(sheet->items[i].text);
		free(sheet->items[i].table.cells);
	}
	free(sheet->items);
	memset(sheet, 0, sizeof(*sheet));
}

static struct item *add_item(struct sheet *sheet, enum item_kind kind)
{
	struct item *grown = array_grow(sheet->items, sheet->nr_items, sizeof(*grown));

	if (!grown) {
		sheet->has_failed = true;
		return NULL;
	}
	sheet->items = grown;
	grown += sheet->nr_items++;
	memset(grown, 0, sizeof(*grown));
	grown->kind = kind;
	return grown;
}

static char *copy_of(struct sheet *sheet, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		sheet->has_failed = true;
	return copy;
}

static char *print_of(struct sheet *sheet, const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) >= 0)
		return text;
	sheet->has_failed = true;
	return NULL;
}

void sheet_title(struct sheet *sheet, const char *right, const char *left, ...)
{
	struct item *item = add_item(sheet, ITEM_TITLE);
	va_list args;

	if (!item)
		return;
	va_start(args, left);
	item->label = print_of(sheet, left, args);
	va_end(args);
	item->text = copy_of(sheet, right);
}

void sheet_line(struct sheet *sheet, const char *label, const char *format, ...)
{
	struct item *item = add_item(sheet, ITEM_LINE);
	va_list args;

	if (!item)
		return;
	va_start(args, format);
	item->text = print_of(sheet, format, args);
	va_end(args);
	item->label = copy_of(sheet, label);
}

void sheet_blank(struct sheet *sheet)
{
	add_item(sheet, ITEM_BLANK);
}

void sheet_hist(struct sheet *sheet, const char *label, bool in_ns, const uint64_t *hist,
		size_t buckets)
{
	struct item *item = add_item(sheet, ITEM_HIST);

	if (!item)
		return;
	item->label = copy_of(sheet, label);
	item->in_ns = in_ns;
	memcpy(item->hist, hist, buckets * sizeof(*hist));
}

struct table *sheet_table(struct sheet *sheet, size_t nr_rows, size_t nr_columns)
{
	struct item *item = add_item(sheet, ITEM_TABLE);

	if (!item)
		return NULL;
	item->table.cells = calloc(nr_rows * nr_columns, sizeof(*item->table.cells));
	if (!item->table.cells) {
		sheet->has_failed = true;
		return NULL;
	}
	item->table.nr_rows = nr_rows;
	item->table.nr_columns = nr_columns;
	for (size_t i = 0; i < nr_rows * nr_columns; i++)
		item->table.cells[i].unit = CELL_NONE;
	return &item->table;
}
