/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was found, in plain words: it stands first, the numbers below are its evidence. */
#ifndef FDSCOPE_VIEW_FINDINGS_H
#define FDSCOPE_VIEW_FINDINGS_H

#include "model/profile.h"
#include "view/sheet.h"

/* Adds them to @sheet, the worst first; that there are none is said as well. */
void findings_show(struct sheet *sheet, const struct profile *profile);

#endif
