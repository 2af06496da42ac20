/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The comparison as a table for eyes, modes side by side, and as a document.
 * Both are made from one list of rows.
 */
#ifndef FDSCOPE_VIEW_COMPARISON_H
#define FDSCOPE_VIEW_COMPARISON_H

#include "model/comparison.h"
#include "view/sheet.h"
#include "view/writer.h"

/* Fills in @sheet, which the caller frees. 0 or -ENOMEM. */
int comparison_make(struct sheet *sheet, const struct comparison *comparison);

void comparison_write(const struct comparison *comparison, struct writer *writer);

#endif
