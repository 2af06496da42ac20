/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From JSON to a profile. What it reads may come from anyone: every type, range
 * and length is looked at, and so is every sum that the document states itself.
 */
#ifndef FDSCOPE_DECODE_H
#define FDSCOPE_DECODE_H

#include <jansson.h>

#include "model/profile.h"

/*
 * Fills in @out, which the caller then frees. @name is what messages call the
 * document. 0, or -EBADMSG (no profile, or one that contradicts itself) or
 * -ENOMEM, logged, with nothing to free.
 */
int decode_profile(struct profile *out, const json_t *document, const char *name);

struct decoder;

/* A member of "processes"; what was read must be freed after a failure, too. */
int decode_process(struct decoder *d, const json_t *object, struct profile_process *process);

/* Groups of such a member, likewise. */
int decode_epolls(struct decoder *d, const json_t *object, struct profile_process *process);
int decode_descriptors(struct decoder *d, const json_t *object, struct profile_process *process);

/* What stands under "findings"; what was read must be freed after a failure, too. */
int decode_findings(struct decoder *d, const json_t *document, struct profile *out);

/* Is it of the schema that is read here? 0 or -EBADMSG, logged. */
int decode_schema(const json_t *document, const char *name);

#endif
