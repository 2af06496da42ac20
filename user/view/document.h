/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The whole profile, key by key, in the order in which fdscope(8) describes it. */
#ifndef FDSCOPE_DOCUMENT_H
#define FDSCOPE_DOCUMENT_H

#include "model/profile.h"
#include "view/writer.h"

void document_write(const struct profile *profile, struct writer *writer);

#endif
