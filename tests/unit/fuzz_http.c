/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libFuzzer target for the request parser. The first byte says in what pieces
 * the rest arrives; parsed in pieces and whole it must come to the same.
 *
 *	clang -g -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iuser \
 *		tests/unit/fuzz_http.c user/server/http.c -o .build/fuzz_http
 *	.build/fuzz_http -max_total_time=60
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http.h"

/* A digest of all that was parsed, the same however it was cut. */
struct digest {
	uint64_t hash;
	uint64_t body_bytes;
	uint64_t nr_complete;
	enum http_event last;
	int status;
};

static void mix(struct digest *digest, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		digest->hash = (digest->hash ^ (unsigned char)data[i]) * 1099511628211u;
}

static void check_head(const struct http_parser *parser)
{
	char path[HTTP_TEXT_MAX];

	if (parser->request.is_chunked && parser->request.length)
		abort();
	if (http_path(parser->request.target, path, sizeof(path)) && path[0] != '/')
		abort();
}

static void feed(struct http_parser *parser, struct digest *digest, const char *at, const char *end)
{
	struct http_piece piece;

	while (true) {
		digest->last = http_parse(parser, &at, end, &piece);
		switch (digest->last) {
		case HTTP_HEAD_READ:
			check_head(parser);
			mix(digest, parser->request.target, strlen(parser->request.target));
			break;
		case HTTP_BODY_PIECE:
			mix(digest, piece.data, piece.len);
			digest->body_bytes += piece.len;
			break;
		case HTTP_COMPLETE:
			digest->nr_complete++;
			http_begin(parser);
			break;
		case HTTP_MORE:
			if (at != end)
				abort();
			return;
		case HTTP_BAD:
			digest->status = parser->status;
			return;
		}
	}
}

/* Each piece in memory of its own, so that ASan sees a read beyond it. */
static struct digest parse(const char *text, size_t len, size_t piece)
{
	struct digest digest = { 0 };
	struct http_parser parser;

	http_begin(&parser);
	for (size_t i = 0; i < len && digest.last != HTTP_BAD; i += piece) {
		size_t n = len - i < piece ? len - i : piece;
		char *copy = malloc(n);

		memcpy(copy, text + i, n);
		feed(&parser, &digest, copy, copy + n);
		free(copy);
	}
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct digest whole, pieces;

	if (size < 2)
		return 0;
	whole = parse(text, size - 1, size - 1);
	pieces = parse(text, size - 1, data[0] % 32 + 1);
	if (whole.last != pieces.last || whole.status != pieces.status ||
	    whole.hash != pieces.hash || whole.body_bytes != pieces.body_bytes ||
	    whole.nr_complete != pieces.nr_complete)
		abort();
	return 0;
}
