/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings, as the version that saved them put them. */
#include "source/decode.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "source/decoder.h"

#define MAX_EVIDENCE (1LL << 62)

static int read_severity(struct decoder *d, const json_t *object, enum severity *out)
{
	const json_t *value = json_object_get(object, "severity");
	int err = decoder_check_text(d, value, "severity", MAX_TEXT);

	if (err)
		return err;
	for (enum severity i = SEVERITY_HINT; i <= SEVERITY_PROBLEM; i++) {
		if (!strcmp(json_string_value(value), severity_names[i])) {
			*out = i;
			return 0;
		}
	}
	return decoder_refuse(d, "severity", "is neither problem nor hint");
}

static int read_subject(struct decoder *d, const json_t *finding, struct profile_finding *out)
{
	const json_t *object;
	int err = decoder_need_object(d, finding, "subject", &object);
	size_t len = decoder_enter(d, "subject");

	for (enum subject i = SUBJECT_INSTANCE; i <= SUBJECT_TID && !err; i++) {
		if (!json_object_get(object, subject_names[i]))
			continue;
		if (out->subject != SUBJECT_PROCESS)
			err = decoder_refuse(d, subject_names[i], "is a second one");
		else if (i == SUBJECT_LOCAL)
			err = decoder_get_text(d, object, subject_names[i], &out->subject_local);
		else
			err = decoder_get_count(d, object, subject_names[i], MAX_COUNT,
						&out->subject_number);
		out->subject = i;
	}
	decoder_leave(d, len);
	return err;
}

static int read_number(struct decoder *d, const json_t *value, const char *key, double *out)
{
	*out = json_number_value(value);
	if (!json_is_number(value))
		return decoder_refuse(d, key, "is no number");
	if (*out < -MAX_EVIDENCE || *out > MAX_EVIDENCE)
		return decoder_refuse(d, key, "is out of range");
	return 0;
}

static int read_numbers(struct decoder *d, const json_t *object, struct profile_finding *out)
{
	const char *key;
	json_t *value;

	out->evidence = calloc(json_object_size(object) + 1, sizeof(*out->evidence));
	if (!out->evidence)
		return decoder_no_memory(d);
	json_object_foreach((json_t *)object, key, value) {
		struct evidence *evidence = &out->evidence[out->nr_evidence++];
		int err = read_number(d, value, key, &evidence->value);

		if (err)
			return err;
		evidence->key = strdup(key);
		if (!evidence->key)
			return decoder_no_memory(d);
	}
	return 0;
}

static int read_evidence(struct decoder *d, const json_t *finding, struct profile_finding *out)
{
	const json_t *object;
	int err = decoder_need_object(d, finding, "evidence", &object);
	size_t len = decoder_enter(d, "evidence");

	if (!err)
		err = read_numbers(d, object, out);
	decoder_leave(d, len);
	return err;
}

static int read_finding(struct decoder *d, const json_t *object, struct profile_finding *out)
{
	uint64_t tgid = 0;
	int err = decoder_get_text(d, object, "id", &out->id);

	if (!err)
		err = read_severity(d, object, &out->severity);
	if (!err)
		err = decoder_get_count(d, object, "tgid", INT_MAX, &tgid);
	out->tgid = tgid;
	if (!err)
		err = read_subject(d, object, out);
	if (!err)
		err = read_evidence(d, object, out);
	if (!err)
		err = decoder_get_text(d, object, "message", &out->message);
	if (!err)
		err = decoder_get_text(d, object, "advice", &out->advice);
	return err;
}

int decode_findings(struct decoder *d, const json_t *document, struct profile *out)
{
	const json_t *rows;
	size_t nr, len;
	int err = decoder_find_array(d, document, "findings", MAX_ROWS, &rows, &nr);

	if (err || !nr)
		return err;
	out->findings = calloc(nr, sizeof(*out->findings));
	if (!out->findings)
		return decoder_no_memory(d);
	for (size_t i = 0; i < nr && !err; i++) {
		len = decoder_enter_row(d, "findings", i);
		out->nr_findings++;
		err = read_finding(d, json_array_get(rows, i), &out->findings[i]);
		decoder_leave(d, len);
	}
	return err;
}
