/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that hold saved profiles, or what is none, and what reading them comes to. */
#ifndef FDSCOPE_TEST_READINGS_H
#define FDSCOPE_TEST_READINGS_H

#include "unit.h"

#include <jansson.h>

#include "model/profile.h"
#include "source/source.h"

#define PATH_LEN 64

/* What opening a path came to; messages end up in @said. */
struct reading {
	struct source *source;
	bool is_series;
	int code;
	char said[1024];
};

/* What @call returns; stderr goes to @said while it runs. */
int with_stderr_to(char *said, size_t size, int (*call)(void *context), void *context);

/* A file of its own with @text in it; the caller unlinks it. */
void write_file(char path[PATH_LEN], const char *text, size_t len);
void open_path(struct reading *out, const char *path);
/* Reads @text, which must be taken, and returns its only profile. */
void read_text(struct profile *out, const char *text);

/* sample_full(), as it is saved. */
json_t *full_document(void);
/* Puts the JSON @value at a path like "processes.0.io"; NULL takes away what is there. */
void change(json_t *document, const char *path, const char *value);

#endif
