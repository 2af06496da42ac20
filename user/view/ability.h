/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can be measured here, for eyes and as a document. */
#ifndef FDSCOPE_VIEW_ABILITY_H
#define FDSCOPE_VIEW_ABILITY_H

#include "model/ability.h"
#include "view/sheet.h"
#include "view/writer.h"

void ability_show(struct sheet *sheet, const struct ability *ability);
void ability_write(struct writer *writer, const struct ability *ability);

#endif
