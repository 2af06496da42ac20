/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The load client's response parser. Every well-formed response is parsed whole, split at every
 * byte and byte by byte, and must come out the same; every malformed one must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "load/response.h"

#define BODY_MAX 4096

struct outcome {
	struct response rsp;
	char body[BODY_MAX];
	size_t body_len;
	size_t used;
};

static void outcome_init(struct outcome *out)
{
	response_init(&out->rsp);
	out->body_len = out->used = 0;
}

/* As connection.c does it: until the bytes are used up or the response is over. */
static void feed(struct outcome *out, const char *data, size_t len)
{
	size_t used = 0;

	while (used < len && !response_is_over(&out->rsp)) {
		struct span body;
		size_t n = response_parse(&out->rsp, data + used, len - used, &body);

		assert_true(n > 0 && n <= len - used);
		assert_true(out->body_len + body.len <= BODY_MAX);
		if (body.len) {
			assert_true(body.start >= data + used);
			assert_true(body.start + body.len <= data + used + n);
			memcpy(out->body + out->body_len, body.start, body.len);
		}
		out->body_len += body.len;
		used += n;
	}
	out->used += used;
}

static void assert_outcome(const struct outcome *out, const char *text, const char *body)
{
	assert_int_equal(out->rsp.state, RESPONSE_COMPLETE);
	assert_int_equal(out->rsp.status, 200);
	assert_int_equal(out->used, strlen(text));
	assert_int_equal(out->body_len, strlen(body));
	assert_memory_equal(out->body, body, out->body_len);
}

/* @text is one whole response with status 200 and this @body, however it is cut. */
static void assert_parses(const char *text, const char *body)
{
	size_t len = strlen(text);
	struct outcome out;
	size_t i;

	for (i = 0; i <= len; i++) {
		outcome_init(&out);
		feed(&out, text, i);
		assert_int_equal(response_is_over(&out.rsp), i == len);
		assert_int_equal(response_has_begun(&out.rsp), i > 0);
		feed(&out, text + i, len - i);
		assert_outcome(&out, text, body);
	}
	outcome_init(&out);
	for (i = 0; i < len; i++)
		feed(&out, text + i, 1);
	assert_outcome(&out, text, body);
}

static void assert_refused(const char *data, size_t len)
{
	struct outcome out;
	size_t i;

	for (i = 0; i < len; i++) {
		outcome_init(&out);
		feed(&out, data, i);
		feed(&out, data + i, len - i);
		assert_int_equal(out.rsp.state, RESPONSE_MALFORMED);
		assert_non_null(out.rsp.why);
	}
}

static struct outcome parsed(const char *text)
{
	struct outcome out;

	outcome_init(&out);
	feed(&out, text, strlen(text));
	return out;
}

static void a_counted_body_ends_at_its_length(void **state)
{
	(void)state;
	assert_parses("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello");
	assert_parses("HTTP/1.1 200 OK\r\ncontent-length:5 \t\r\nX: y\r\n\r\nhello", "hello");
}

static void a_length_of_zero_is_complete_with_the_head(void **state)
{
	(void)state;
	assert_parses("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "");
}

static void chunks_are_joined_and_their_frames_dropped(void **state)
{
	(void)state;
	assert_parses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "5\r\nhello\r\nB\r\n, the world\r\n0\r\n\r\n",
		      "hello, the world");
}

static void chunk_extensions_and_trailers_are_skipped(void **state)
{
	(void)state;
	assert_parses("HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n"
		      "0005;a=\"b\"\r\nhello\r\n1 ; x\r\n!\r\n00;last\r\nDigest: x\r\nY: z\r\n\r\n",
		      "hello!");
}

static void an_interim_response_is_not_the_answer(void **state)
{
	(void)state;
	assert_parses("HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n"
		      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
		      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		      "ok");
}

static void a_missing_reason_phrase_is_no_fault(void **state)
{
	(void)state;
	assert_parses("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", "x");
	assert_parses("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx", "x");
}

static void the_same_length_twice_is_one_length(void **state)
{
	(void)state;
	assert_parses("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "x");
}

static void bytes_behind_the_end_are_left(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500";
	struct outcome out = parsed(text);

	(void)state;
	assert_int_equal(out.rsp.state, RESPONSE_COMPLETE);
	assert_int_equal(out.used, strlen(text) - strlen("HTTP/1.1 500"));
}

static void no_content_and_not_modified_have_no_body(void **state)
{
	struct outcome out = parsed("HTTP/1.1 204 No Content\r\n\r\n");

	(void)state;
	assert_int_equal(out.rsp.state, RESPONSE_COMPLETE);
	assert_int_equal(out.rsp.status, 204);
	out = parsed("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
	assert_int_equal(out.rsp.state, RESPONSE_COMPLETE);
	assert_int_equal(out.body_len, 0);
}

static void an_endless_body_ends_with_the_connection(void **state)
{
	struct outcome out = parsed("HTTP/1.1 200 OK\r\n\r\nuntil the end");

	(void)state;
	assert_false(response_is_over(&out.rsp));
	assert_true(out.rsp.will_close);
	response_eof(&out.rsp);
	assert_int_equal(out.rsp.state, RESPONSE_COMPLETE);
	assert_int_equal(out.body_len, strlen("until the end"));
}

static void a_close_before_the_end_does_not_complete(void **state)
{
	static const char *const texts[] = {
		"",
		"HTTP/1.1 2",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct outcome out = parsed(texts[i]);

		response_eof(&out.rsp);
		assert_false(response_is_over(&out.rsp));
	}
}

static bool closes(const char *version, const char *header)
{
	struct outcome out;
	char text[200];

	snprintf(text, sizeof(text), "%s 200 OK\r\nContent-Length: 0\r\n%s\r\n", version, header);
	out = parsed(text);
	assert_int_equal(out.rsp.state, RESPONSE_COMPLETE);
	return out.rsp.will_close;
}

static void the_server_says_whether_it_closes(void **state)
{
	(void)state;
	assert_false(closes("HTTP/1.1", ""));
	assert_false(closes("HTTP/1.1", "Connection: keep-alive\r\n"));
	assert_true(closes("HTTP/1.1", "Connection: close\r\n"));
	assert_true(closes("HTTP/1.1", "CONNECTION: x ,\tClose\r\n"));
	assert_true(closes("HTTP/1.1", "Connection: close, keep-alive\r\n"));
	assert_false(closes("HTTP/1.1", "Connection: closed\r\n"));
	assert_true(closes("HTTP/1.0", ""));
	assert_false(closes("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

static void a_long_line_of_no_interest_is_skipped(void **state)
{
	char text[5000];

	(void)state;
	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\nX-Long: %0*d\r\nContent-Length: 2\r\n\r\nok", 4000, 7);
	assert_parses(text, "ok");
}

static void a_length_of_the_full_width_is_taken(void **state)
{
	struct outcome out =
		parsed("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx");

	(void)state;
	assert_int_equal(out.rsp.state, RESPONSE_COUNTED_BODY);
	assert_true(out.rsp.body_left == UINT64_MAX - 1);
}

#define HEAD	"HTTP/1.1 200 OK\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

static void what_is_not_http_is_refused(void **state)
{
	static const char *const texts[] = {
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/2 200 OK\r\n",
		"HTTP/1.2 200 OK\r\n",
		"HTTP/1.1  200 OK\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 099 Low\r\n",
		"HTTP/1.1 600 High\r\n",
		"\r\nHTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\n",
		HEAD "no colon\r\n",
		HEAD ": no name\r\n",
		HEAD "a space : x\r\n",
		HEAD "A: b\r\n folded\r\n",
		HEAD "A: b\rc\r\n",
		HEAD "Content-Length: 1\n",
		HEAD "Content-Length:\r\n",
		HEAD "Content-Length: -1\r\n",
		HEAD "Content-Length: +1\r\n",
		HEAD "Content-Length: 1x\r\n",
		HEAD "Content-Length: 0x10\r\n",
		HEAD "Content-Length: 1 2\r\n",
		HEAD "Content-Length: 18446744073709551616\r\n",
		HEAD "Content-Length: 99999999999999999999999\r\n",
		HEAD "Content-Length: 1\r\nContent-Length: 2\r\n",
		HEAD "Transfer-Encoding: gzip\r\n",
		HEAD "Transfer-Encoding: gzip, chunked\r\n",
		HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		CHUNKED "\r\n",
		CHUNKED "x\r\n",
		CHUNKED "-1\r\n",
		CHUNKED "0x5\r\n",
		CHUNKED "5 5\r\n",
		CHUNKED "5\nhello",
		CHUNKED "5\r\nhello!\r\n",
		CHUNKED "5\r\nhello0\r\n",
		CHUNKED "10000000000000000\r\n",
		CHUNKED "0\r\n\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], strlen(texts[i]));
}

static void a_nul_byte_in_the_head_is_refused(void **state)
{
	static const char text[] = HEAD "A: \0b\r\n";

	(void)state;
	assert_refused(text, sizeof(text) - 1);
}

static void an_overlong_header_that_matters_is_refused(void **state)
{
	char text[1000];

	(void)state;
	snprintf(text, sizeof(text), HEAD "Content-Length: %0*d\r\n", RESPONSE_LINE_KEPT, 2);
	assert_refused(text, strlen(text));
}

static void an_endless_head_is_refused(void **state)
{
	static const char line[] = "X: y\r\n";
	struct outcome out = parsed(HEAD);
	size_t i;

	(void)state;
	for (i = 0; i < RESPONSE_HEAD_LIMIT / strlen(line); i++)
		feed(&out, line, strlen(line));
	assert_int_equal(out.rsp.state, RESPONSE_MALFORMED);
	assert_int_equal(out.used, RESPONSE_HEAD_LIMIT + 1);
}

static void endless_interim_responses_are_refused(void **state)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct outcome out = parsed(interim);
	size_t i;

	(void)state;
	for (i = 0; i < RESPONSE_HEAD_LIMIT / strlen(interim); i++)
		feed(&out, interim, strlen(interim));
	assert_int_equal(out.rsp.state, RESPONSE_MALFORMED);
}

static void a_body_of_many_chunks_is_not_an_endless_head(void **state)
{
	struct outcome out = parsed(CHUNKED);
	size_t i;

	(void)state;
	for (i = 0; i < RESPONSE_HEAD_LIMIT; i++) {
		feed(&out, "1\r\nx\r\n", 6);
		assert_false(response_is_over(&out.rsp));
		out.body_len = 0;
	}
	feed(&out, "0\r\n\r\n", 5);
	assert_int_equal(out.rsp.state, RESPONSE_COMPLETE);
}

/* Not a fuzzer's reach, but the same bytes every time: it must stop, and stay within bounds. */
static void arbitrary_bytes_do_no_harm(void **state)
{
	static const char alphabet[] = "HTP/1. 20\r\n:;x\0Content-Length: 5";
	uint32_t seed = 1;
	int round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		struct outcome out = parsed(round % 2 ? CHUNKED : HEAD);
		char bytes[64];
		size_t i;

		for (i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = alphabet[(seed >> 16) % sizeof(alphabet)];
		}
		feed(&out, bytes, sizeof(bytes));
		assert_true(response_is_over(&out.rsp) || out.rsp.state < RESPONSE_COMPLETE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counted_body_ends_at_its_length),
		cmocka_unit_test(a_length_of_zero_is_complete_with_the_head),
		cmocka_unit_test(chunks_are_joined_and_their_frames_dropped),
		cmocka_unit_test(chunk_extensions_and_trailers_are_skipped),
		cmocka_unit_test(an_interim_response_is_not_the_answer),
		cmocka_unit_test(a_missing_reason_phrase_is_no_fault),
		cmocka_unit_test(the_same_length_twice_is_one_length),
		cmocka_unit_test(bytes_behind_the_end_are_left),
		cmocka_unit_test(no_content_and_not_modified_have_no_body),
		cmocka_unit_test(an_endless_body_ends_with_the_connection),
		cmocka_unit_test(a_close_before_the_end_does_not_complete),
		cmocka_unit_test(the_server_says_whether_it_closes),
		cmocka_unit_test(a_long_line_of_no_interest_is_skipped),
		cmocka_unit_test(a_length_of_the_full_width_is_taken),
		cmocka_unit_test(what_is_not_http_is_refused),
		cmocka_unit_test(a_nul_byte_in_the_head_is_refused),
		cmocka_unit_test(an_overlong_header_that_matters_is_refused),
		cmocka_unit_test(an_endless_head_is_refused),
		cmocka_unit_test(endless_interim_responses_are_refused),
		cmocka_unit_test(a_body_of_many_chunks_is_not_an_endless_head),
		cmocka_unit_test(arbitrary_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
