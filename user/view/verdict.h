/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a comparison comes to: in a few sentences, each from the numbers of this comparison. */
#ifndef FDSCOPE_VERDICT_H
#define FDSCOPE_VERDICT_H

#include "model/comparison.h"
#include "view/sheet.h"

/* What the modes differ in most, and which is cheaper. There are at least two. */
void verdict_add(struct sheet *sheet, const struct comparison *comparison);

#endif
