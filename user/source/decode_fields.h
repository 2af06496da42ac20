/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads groups of keys, driven by the tables in model/fields.h, so that a key is
 * listed once. Stored facts are read, derived ones compared with what follows
 * from those. All return 0 or, logged, -EBADMSG or -ENOMEM.
 */
#ifndef FDSCOPE_DECODE_FIELDS_H
#define FDSCOPE_DECODE_FIELDS_H

#include "model/fields.h"
#include "source/decoder.h"

/*
 * One stored field; a derived one is left for decode_check(). @needs: that of
 * enum wakeups_part without which it was not measured.
 */
int decode_field(struct decoder *d, const json_t *object, const struct field *field, unsigned needs,
		 void *group);

/* What the document says of sums must be the sums. */
int decode_check(const struct decoder *d, const json_t *object, const struct field *fields,
		 const void *group);

/* Both, for all of @fields. */
int decode_fields(struct decoder *d, const json_t *object, const struct field *fields, void *group);

/* A group of @parent, which may be left out: it saw nothing then. */
int decode_group(struct decoder *d, const json_t *parent, const char *key,
		 const struct field *fields, void *group);

#endif
