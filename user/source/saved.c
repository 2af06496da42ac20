/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Profiles from a file: one object, one after the other as an interval leaves
 * them, or the runs of a repeated measurement. They are read as they are asked
 * for, so that a long file or a pipe is no matter.
 */
#include "source/source.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "source/decode.h"

struct saved {
	struct source base;
	const char *path;
	FILE *file;
	json_t *document; /* with runs that are still to be read; else NULL */
	size_t next_run;
	uint64_t nr_read;     /* objects so far, for messages */
	struct profile first; /* read when the file was opened, until it is asked for */
	bool has_first;
};

/* Passes over white space: 1 if there is more, 0 at the end, or -errno, logged. */
static int has_more(struct saved *saved)
{
	int c;

	do {
		c = getc(saved->file);
	} while (c != EOF && isspace(c));
	if (c != EOF)
		return ungetc(c, saved->file) == EOF ? log_err(ENOMEM, "read %s", saved->path) : 1;
	return ferror(saved->file) ? log_err(errno, "read %s", saved->path) : 0;
}

/* What went wrong: the disk, memory, or the text. */
static int explain(const struct saved *saved, const json_error_t *error)
{
	if (ferror(saved->file))
		return log_err(errno, "read %s", saved->path);
	if (errno == ENOMEM) /* jansson 2.14 calls it a syntax error, or nothing */
		return log_err(ENOMEM, "read %s", saved->path);
	return log_fail(-EBADMSG,
			"read %s: not whole, or not JSON: line %d: %s (profiles are saved "
			"with -o)",
			saved->path, error->line, error->text);
}

/* The next object of the file: 1, 0 at its end, -errno, logged. */
static int load(struct saved *saved, json_t **document)
{
	const size_t flags = JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES;
	json_error_t error;
	int more = has_more(saved);

	if (more <= 0)
		return more;
	errno = 0;
	*document = json_loadf(saved->file, flags, &error);
	if (!*document)
		return explain(saved, &error);
	saved->nr_read++;
	return 1;
}

static int decode(const struct saved *saved, struct profile *out, const json_t *object,
		  uint64_t number)
{
	char name[512];
	int err;

	snprintf(name, sizeof(name), number > 1 ? "%s, profile %" PRIu64 : "%s", saved->path,
		 number);
	err = decode_profile(out, object, name);
	return err ? err : 1;
}

static int next_run(struct saved *saved, struct profile *out)
{
	const json_t *runs = json_object_get(saved->document, "runs");
	size_t run = saved->next_run++;
	int n = decode(saved, out, json_array_get(runs, run), run + 1);

	if (n < 0 || saved->next_run == json_array_size(runs)) {
		json_decref(saved->document);
		saved->document = NULL;
	}
	return n;
}

/* Takes over @document. */
static int begin_runs(struct saved *saved, json_t *document, struct profile *out)
{
	int err = decode_schema(document, saved->path);

	if (!err && !json_array_size(json_object_get(document, "runs")))
		err = log_fail(-EBADMSG, "read %s: runs is no array, or empty", saved->path);
	if (err) {
		json_decref(document);
		return err;
	}
	saved->document = document;
	saved->next_run = 0;
	return next_run(saved, out);
}

static int read_next(struct saved *saved, struct profile *out)
{
	json_t *document;
	int n;

	if (saved->document)
		return next_run(saved, out);
	n = load(saved, &document);
	if (n <= 0)
		return n;
	if (json_object_get(document, "runs"))
		return begin_runs(saved, document, out);
	n = decode(saved, out, document, saved->nr_read);
	json_decref(document);
	return n;
}

static int saved_next(struct source *base, struct profile *out)
{
	struct saved *saved = (struct saved *)base;

	if (!saved->has_first)
		return read_next(saved, out);
	*out = saved->first;
	saved->has_first = false;
	return 1;
}

static void saved_close(struct source *base)
{
	struct saved *saved = (struct saved *)base;

	if (saved->has_first)
		profile_free(&saved->first);
	json_decref(saved->document);
	if (saved->file)
		fclose(saved->file);
	free(saved);
}

static const struct source_ops saved_ops = {
	.next = saved_next,
	.close = saved_close,
};

/* The first profile, and whether there are others. */
static int begin(struct saved *saved, bool *is_series)
{
	int n;

	saved->file = fopen(saved->path, "re");
	if (!saved->file)
		return log_err(errno, "read %s", saved->path);
	n = read_next(saved, &saved->first);
	if (n == 0)
		return log_fail(-EBADMSG, "read %s: empty, no profile", saved->path);
	if (n < 0)
		return n;
	saved->has_first = true;
	n = saved->document ? 1 : has_more(saved);
	*is_series = n > 0;
	return n < 0 ? n : 0;
}

int source_open_saved(struct source **out, const char *path, bool *is_series)
{
	struct saved *saved = calloc(1, sizeof(*saved));
	int err;

	if (!saved) {
		log_err(ENOMEM, "read %s", path);
		return EXIT_NO_MEASURE;
	}
	saved->base.ops = &saved_ops;
	saved->path = path;
	err = begin(saved, is_series);
	if (!err) {
		*out = &saved->base;
		return 0;
	}
	saved_close(&saved->base);
	return err == -ENOMEM ? EXIT_NO_MEASURE : EXIT_USAGE;
}
