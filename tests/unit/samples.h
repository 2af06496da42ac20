/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Profiles to test with: one in which every key has a value of its own, and an empty one. */
#ifndef FDSCOPE_SAMPLES_H
#define FDSCOPE_SAMPLES_H

#include <jansson.h>

#include "model/profile.h"

/* Every counter a different number, sums as they must be, two threads. */
void sample_full(struct profile *out);

/* The same shape with few numbers: what is done once for each of its allocations is quick. */
void sample_thin(struct profile *out);

/* A profile of nobody. */
void sample_empty(struct profile *out);

/* As document_write() and JSON have it, on one line; the caller frees it. */
char *sample_json(const struct profile *profile);

/* The same, parsed. */
json_t *sample_document(const struct profile *profile);

#endif
