/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bodies against the pattern, against a file, or against each other. */
#include "expect.h"

#include "log.h"
#include "options.h"
#include "pattern.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FNV-1a, 64 bits: not against malice, but no lost, doubled or swapped block gets by. */
#define FNV_OFFSET 14695981039346656037ull
#define FNV_PRIME  1099511628211ull

/* "/bytes/N", and nothing but digits in N. */
static bool is_bytes_path(const char *path, uint64_t *n)
{
	static const char prefix[] = "/bytes/";
	char *end;

	if (strncmp(path, prefix, strlen(prefix)) || !isdigit((unsigned char)path[strlen(prefix)]))
		return false;
	errno = 0;
	*n = strtoull(path + strlen(prefix), &end, 10);
	return !*end && !errno;
}

static int read_all(int fd, char *buf, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, buf + done, len - done);

		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA; /* it became shorter */
		done += n;
	}
	return 0;
}

static int load_file(struct expect *exp, const char *file)
{
	struct stat st;
	int err = 0;
	int fd;

	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return log_err(errno, "--expect-file: open %s", file);
	if (fstat(fd, &st) < 0) {
		err = log_err(errno, "--expect-file: stat %s", file);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		log_line("--expect-file %s: not a regular file", file);
		err = -EINVAL;
		goto out;
	}
	exp->content = malloc(st.st_size + 1);
	if (!exp->content) {
		err = log_err(ENOMEM, "--expect-file: hold %s", file);
		goto out;
	}
	err = read_all(fd, exp->content, st.st_size);
	if (err)
		log_err(-err, "--expect-file: read %s", file);
	exp->content_len = exp->length = st.st_size;
	exp->has_length = true;
out:
	close(fd);
	return err;
}

int expect_init(struct expect *exp, const struct options *opts)
{
	const char *path = opts->path ? opts->path : "/bytes/1024";
	int err = 0;

	*exp = (struct expect){ .kind = EXPECT_SAME };
	if (opts->expect_file) {
		exp->kind = EXPECT_CONTENT;
		err = load_file(exp, opts->expect_file);
	} else if (opts->is_post || is_bytes_path(path, &exp->length)) {
		exp->kind = EXPECT_PATTERN;
		exp->has_length = true;
		if (opts->is_post)
			exp->length = opts->post_bytes;
		exp->content = pattern_new(EXPECT_CHUNK);
		if (!exp->content)
			err = log_err(ENOMEM, "build the expected body");
	}
	if (opts->has_length) {
		exp->has_length = true;
		exp->length = opts->length;
	}
	if (err)
		expect_free(exp);
	return err;
}

void expect_free(struct expect *exp)
{
	free(exp->content);
	exp->content = NULL;
}

void body_check_init(struct body_check *check, unsigned int phase)
{
	*check = (struct body_check){ .hash = FNV_OFFSET, .phase = phase };
}

static uint64_t hash_more(uint64_t hash, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)data[i]) * FNV_PRIME;
	return hash;
}

/* Bytes behind the expected content's end are not compared: the length says what is wrong. */
static void compare(struct body_check *check, const char *data, const char *wanted, size_t len)
{
	size_t i = 0;

	if (check->differs || !len || !memcmp(data, wanted, len))
		return;
	while (data[i] == wanted[i])
		i++;
	check->differs = true;
	check->differs_at = check->length + i;
}

void expect_feed(const struct expect *exp, struct body_check *check, const char *data, size_t len)
{
	uint64_t at = check->length;

	assert(len <= EXPECT_CHUNK);
	switch (exp->kind) {
	case EXPECT_PATTERN:
		compare(check, data, exp->content + (at + check->phase) % PATTERN_PERIOD, len);
		break;
	case EXPECT_CONTENT:
		if (at < exp->content_len)
			compare(check, data, exp->content + at,
				len < exp->content_len - at ? len : exp->content_len - at);
		break;
	case EXPECT_SAME:
		check->hash = hash_more(check->hash, data, len);
		break;
	}
	check->length += len;
}

enum verdict expect_verdict(struct expect *exp, struct body_check *check)
{
	if (exp->has_length && check->length != exp->length)
		return VERDICT_LENGTH;
	if (exp->kind != EXPECT_SAME)
		return check->differs ? VERDICT_CONTENT : VERDICT_RIGHT;
	if (!exp->first_seen) {
		exp->first_seen = true;
		exp->has_length = true;
		exp->length = check->length;
		exp->hash = check->hash;
	}
	return check->hash == exp->hash ? VERDICT_RIGHT : VERDICT_CONTENT;
}
