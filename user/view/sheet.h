/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A report for eyes as a view leaves it: titles, labelled lines, distributions,
 * tables. How wide it gets and where lines break is the writer's affair. A
 * sheet owns its items.
 */
#ifndef FDSCOPE_SHEET_H
#define FDSCOPE_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/fields.h"

/* What a table's cell holds. */
enum cell_unit {
	CELL_TEXT,
	CELL_COUNT,
	CELL_ID,    /* a number that counts nothing: as it is */
	CELL_RATIO, /* with as many decimals as mean something */
	CELL_BYTES,
	CELL_NS,
	CELL_SHARE,  /* in percent */
	CELL_CHANGE, /* in percent, with its sign */
	CELL_NONE,   /* nothing to show: a dash */
};

struct cell {
	enum cell_unit unit;
	double value;
	const char *text; /* CELL_TEXT: a constant, or the sheet's through sheet_keep() */
};

struct table {
	size_t nr_columns;
	struct cell *cells; /* row after row; the first row and column are headings */
	size_t nr_rows;
};

enum item_kind {
	ITEM_TITLE, /* label at the left, text at the right end */
	ITEM_LINE,  /* label, then text */
	ITEM_BLANK,
	ITEM_HIST,
	ITEM_TABLE,
};

struct item {
	enum item_kind kind;
	char *label;
	char *text;
	bool in_ns; /* ITEM_HIST: of times, else of counts */
	uint64_t hist[HIST_NS_BUCKETS];
	struct table table;
};

struct sheet {
	struct item *items;
	size_t nr_items;
	bool has_failed; /* memory was out */
};

void sheet_free(struct sheet *sheet);

void sheet_title(struct sheet *sheet, const char *right, const char *left, ...)
	__attribute__((format(printf, 3, 4)));
/* @label is NULL for a further line under the same label. */
void sheet_line(struct sheet *sheet, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void sheet_blank(struct sheet *sheet);
void sheet_hist(struct sheet *sheet, const char *label, bool in_ns, const uint64_t *hist,
		size_t buckets);
/* A table to fill in: cells are CELL_NONE. NULL when memory is out. */
struct table *sheet_table(struct sheet *sheet, size_t nr_rows, size_t nr_columns);

#endif
