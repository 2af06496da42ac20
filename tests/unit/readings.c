/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "readings.h"

#include <unistd.h>

#include "samples.h"

int with_stderr_to(char *said, size_t size, int (*call)(void *context), void *context)
{
	FILE *file = tmpfile();
	int saved = dup(2), result;
	ssize_t len;

	assert_non_null(file);
	dup2(fileno(file), 2);
	result = call(context);
	dup2(saved, 2);
	close(saved);
	len = pread(fileno(file), said, size - 1, 0);
	said[len > 0 ? len : 0] = '\0';
	fclose(file);
	return result;
}

void write_file(char path[PATH_LEN], const char *text, size_t len)
{
	int fd;

	strcpy(path, "/tmp/fdscope-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

struct opening {
	struct reading *reading;
	const char *path;
};

static int do_open(void *context)
{
	struct opening *opening = context;

	return source_open_saved(&opening->reading->source, opening->path,
				 &opening->reading->is_series);
}

void open_path(struct reading *out, const char *path)
{
	struct opening opening = { out, path };

	memset(out, 0, sizeof(*out));
	out->code = with_stderr_to(out->said, sizeof(out->said), do_open, &opening);
}

/* The member at a path like "processes.0.io"; the last part is left in @last. */
static json_t *parent_of(json_t *document, const char *path, char last[64])
{
	char copy[128], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", path);
	while (document && (key = strsep(&rest, "."))) {
		if (!rest) {
			snprintf(last, 64, "%s", key);
			return document;
		}
		document = json_is_array(document) ? json_array_get(document, atoi(key))
						   : json_object_get(document, key);
	}
	return NULL;
}

void change(json_t *document, const char *path, const char *value)
{
	char last[64];
	json_t *to = parent_of(document, path, last), *new = NULL;

	assert_non_null(to);
	if (value) {
		new = json_loads(value, JSON_DECODE_ANY, NULL);
		assert_non_null(new);
	}
	if (json_is_array(to))
		assert_int_equal(json_array_set_new(to, atoi(last), new), 0);
	else if (new)
		assert_int_equal(json_object_set_new(to, last, new), 0);
	else
		assert_int_equal(json_object_del(to, last), 0);
}

json_t *full_document(void)
{
	struct profile profile;
	json_t *document;

	sample_full(&profile);
	document = sample_document(&profile);
	profile_free(&profile);
	return document;
}

void read_text(struct profile *out, const char *text)
{
	struct reading reading;
	struct profile more;
	char path[PATH_LEN];

	write_file(path, text, strlen(text));
	open_path(&reading, path);
	if (reading.code)
		fail_msg("refused: %s", reading.said);
	assert_int_equal(source_next(reading.source, out), 1);
	assert_int_equal(source_next(reading.source, &more), 0);
	assert_int_equal(source_command_status(reading.source), 0);
	source_close(reading.source);
	unlink(path);
}
