/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prints a sheet in at most 80 columns. */
#ifndef FDSCOPE_TEXT_H
#define FDSCOPE_TEXT_H

#include <stdio.h>

#include "view/sheet.h"

/* 0, or -errno when memory was out or @out cannot be written. */
int text_print(const struct sheet *sheet, FILE *out);

#endif
