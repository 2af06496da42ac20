/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a body must be, and the running comparison with it: no body is ever stored. Knows nothing
 * of sockets or HTTP.
 */
#ifndef LOAD_EXPECT_H
#define LOAD_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As much as is compared at a time, and read from a socket at a time. */
#define EXPECT_CHUNK 65536

struct options;

enum expect_kind {
	EXPECT_PATTERN, /* /bytes/N and echoes */
	EXPECT_CONTENT, /* a file's */
	EXPECT_SAME,	/* as the first response's */
};

struct expect {
	char *content; /* a file's, or a window of the pattern */
	uint64_t content_len;
	uint64_t length;
	uint64_t hash; /* EXPECT_SAME, once first_seen */
	enum expect_kind kind;
	bool has_length;
	bool first_seen;
};

/* How far one response's body has been compared. */
struct body_check {
	uint64_t length;
	uint64_t hash;
	uint64_t differs_at; /* when it differs; EXPECT_SAME cannot tell where */
	unsigned int phase;  /* of the pattern */
	bool differs;
};

enum verdict {
	VERDICT_RIGHT,
	VERDICT_LENGTH,
	VERDICT_CONTENT,
};

/* 0, or -errno with the reason logged: a file that cannot be read, no memory. */
int expect_init(struct expect *exp, const struct options *opts);

void expect_free(struct expect *exp);

void body_check_init(struct body_check *check, unsigned int phase);

/* Compares the next @len bytes of a body, at most EXPECT_CHUNK. */
void expect_feed(const struct expect *exp, struct body_check *check, const char *data, size_t len);

/* The body is complete. The first one asked about is what EXPECT_SAME compares the others with. */
enum verdict expect_verdict(struct expect *exp, struct body_check *check);

#endif
