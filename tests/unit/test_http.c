/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The server's request parser: each request is parsed whole and a byte at a
 * time, and must come to the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/http.h"

#define HOST "Host: x\r\n"

/* What parsing came to: the last event and what was seen up to it. */
struct outcome {
	struct http_parser parser;
	enum http_event event;
	int nr_heads;
	int nr_complete;
	size_t body_len;
	char body[256];
};

static void take(struct outcome *out, struct http_piece piece)
{
	assert_true(out->body_len + piece.len < sizeof(out->body));
	memcpy(out->body + out->body_len, piece.data, piece.len);
	out->body_len += piece.len;
}

/* Stops behind the first complete request, unless @all of them are wanted. */
static void feed(struct outcome *out, const char *at, const char *end, bool all)
{
	struct http_piece piece;

	while (true) {
		out->event = http_parse(&out->parser, &at, end, &piece);
		if (out->event == HTTP_HEAD_READ) {
			out->nr_heads++;
		} else if (out->event == HTTP_BODY_PIECE) {
			take(out, piece);
		} else if (out->event == HTTP_COMPLETE && all) {
			out->nr_complete++;
			http_begin(&out->parser);
		} else {
			return;
		}
	}
}

static void parse_in_pieces(struct outcome *out, const char *text, size_t len, size_t piece,
			    bool all)
{
	memset(out, 0, sizeof(*out));
	http_begin(&out->parser);
	for (size_t i = 0; i < len; i += piece) {
		size_t n = len - i < piece ? len - i : piece;

		feed(out, text + i, text + i + n, all);
		if (out->event == HTTP_BAD || (out->event == HTTP_COMPLETE && !all))
			return;
	}
}

static void parse(struct outcome *out, const char *text)
{
	struct outcome bytewise;

	parse_in_pieces(&bytewise, text, strlen(text), 1, false);
	parse_in_pieces(out, text, strlen(text), strlen(text), false);
	assert_int_equal(bytewise.event, out->event);
	assert_int_equal(bytewise.parser.status, out->parser.status);
	assert_int_equal(bytewise.body_len, out->body_len);
	assert_memory_equal(bytewise.body, out->body, out->body_len);
}

static void assert_refused(const char *text, int status)
{
	struct outcome out;

	parse(&out, text);
	if (out.event != HTTP_BAD || out.parser.status != status)
		fail_msg("event %d, status %d for: %s", out.event, out.parser.status, text);
}

static void assert_taken(const char *text)
{
	struct outcome out;

	parse(&out, text);
	if (out.event != HTTP_COMPLETE)
		fail_msg("event %d, status %d for: %s", out.event, out.parser.status, text);
}

static void a_request_has_method_target_and_version(void **state)
{
	struct outcome out;

	(void)state;
	parse(&out, "HEAD /a/b?c HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(out.event, HTTP_COMPLETE);
	assert_int_equal(out.nr_heads, 1);
	assert_int_equal(out.parser.request.method, HTTP_HEAD);
	assert_int_equal(out.parser.request.minor, 1);
	assert_string_equal(out.parser.request.target, "/a/b?c");
}

static void methods_are_known_or_not_implemented(void **state)
{
	(void)state;
	assert_taken("GET / HTTP/1.0\r\n\r\n");
	assert_taken("POST / HTTP/1.0\r\n\r\n");
	assert_refused("PUT / HTTP/1.0\r\n\r\n", 501);
	assert_refused("get / HTTP/1.0\r\n\r\n", 501);
	assert_refused("GET, / HTTP/1.0\r\n\r\n", 400);
}

static void a_malformed_request_line_is_refused(void **state)
{
	(void)state;
	assert_refused("GET\r\n", 400);
	assert_refused("GET /\r\n", 400);
	assert_refused("GET  / HTTP/1.1\r\n", 400);
	assert_refused("GET / HTTP/1.1 \r\n", 400);
	assert_refused(" GET / HTTP/1.1\r\n", 400);
	assert_refused("GET / http/1.1\r\n", 400);
	assert_refused("GET / HTTP/11\r\n", 400);
	assert_refused("GET /\x01 HTTP/1.1\r\n", 400);
	assert_refused("GET /\xc3\xa4 HTTP/1.1\r\n", 400);
}

static void other_versions_are_refused(void **state)
{
	struct outcome out;

	(void)state;
	assert_refused("GET / HTTP/2.0\r\n", 505);
	assert_refused("GET / HTTP/0.9\r\n", 505);
	parse(&out, "GET / HTTP/1.7\r\n" HOST "\r\n");
	assert_int_equal(out.event, HTTP_COMPLETE);
	assert_int_equal(out.parser.request.minor, 1);
}

static void empty_lines_before_a_request_are_skipped(void **state)
{
	(void)state;
	assert_taken("\r\n\r\nGET / HTTP/1.0\r\n\r\n");
}

static void a_bare_lf_ends_no_line(void **state)
{
	(void)state;
	assert_refused("GET / HTTP/1.0\n\n", 400);
	assert_refused("GET / HTTP/1.0\r\nA: b\n\r\n", 400);
	assert_refused("\n", 400);
	assert_refused("GET / HTTP/1.0\r\nA: b\rc\r\n\r\n", 400);
}

static void a_nul_is_refused_anywhere(void **state)
{
	static const char line[] = "GET /\0 HTTP/1.0\r\n\r\n";
	static const char field[] = "GET / HTTP/1.0\r\nA: \0\r\n\r\n";
	static const char name[] = "GET / HTTP/1.0\r\nA\0: b\r\n\r\n";
	struct outcome out;

	(void)state;
	parse_in_pieces(&out, line, sizeof(line) - 1, 7, false);
	assert_int_equal(out.parser.status, 400);
	parse_in_pieces(&out, field, sizeof(field) - 1, 7, false);
	assert_int_equal(out.parser.status, 400);
	parse_in_pieces(&out, name, sizeof(name) - 1, 7, false);
	assert_int_equal(out.parser.status, 400);
}

static void http_1_1_needs_one_host(void **state)
{
	(void)state;
	assert_refused("GET / HTTP/1.1\r\n\r\n", 400);
	assert_refused("GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400);
	assert_taken("GET / HTTP/1.0\r\n\r\n");
}

static void malformed_fields_are_refused(void **state)
{
	(void)state;
	assert_refused("GET / HTTP/1.0\r\nA b\r\n\r\n", 400);
	assert_refused("GET / HTTP/1.0\r\nA : b\r\n\r\n", 400);
	assert_refused("GET / HTTP/1.0\r\n: b\r\n\r\n", 400);
	assert_refused("GET / HTTP/1.0\r\nA: b\r\n c\r\n\r\n", 400);
	assert_refused("GET / HTTP/1.0\r\nA: \x7f\r\n\r\n", 400);
	assert_taken("GET / HTTP/1.0\r\nA:\tb\xff \r\nB:\r\n\r\n");
}

static bool keeps_alive(const char *text)
{
	struct outcome out;

	parse(&out, text);
	assert_int_equal(out.event, HTTP_COMPLETE);
	return out.parser.request.keeps_alive;
}

static void connections_persist_by_version_and_by_word(void **state)
{
	(void)state;
	assert_true(keeps_alive("GET / HTTP/1.1\r\n" HOST "\r\n"));
	assert_false(keeps_alive("GET / HTTP/1.1\r\n" HOST "Connection: Close\r\n\r\n"));
	assert_false(keeps_alive("GET / HTTP/1.1\r\n" HOST "connection: te, close\r\n\r\n"));
	assert_false(keeps_alive("GET / HTTP/1.0\r\n\r\n"));
	assert_true(keeps_alive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
	assert_false(keeps_alive("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"));
	assert_false(keeps_alive("GET / HTTP/1.0\r\nConnection: keep-alive-ish\r\n\r\n"));
}

static void a_body_is_as_long_as_its_content_length(void **state)
{
	struct outcome out;

	(void)state;
	parse(&out, "POST / HTTP/1.0\r\nContent-Length: 7\r\n\r\n1234567GET");
	assert_int_equal(out.event, HTTP_COMPLETE);
	assert_int_equal(out.body_len, 7);
	assert_memory_equal(out.body, "1234567", 7);
	parse(&out, "POST / HTTP/1.0\r\nContent-Length: 7\r\n\r\n123456");
	assert_int_equal(out.event, HTTP_MORE);
	parse(&out, "POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(out.event, HTTP_COMPLETE);
}

static void a_content_length_is_one_number(void **state)
{
	(void)state;
	assert_refused("POST / HTTP/1.0\r\nContent-Length:\r\n\r\n", 400);
	assert_refused("POST / HTTP/1.0\r\nContent-Length: -1\r\n\r\n", 400);
	assert_refused("POST / HTTP/1.0\r\nContent-Length: +1\r\n\r\n", 400);
	assert_refused("POST / HTTP/1.0\r\nContent-Length: 0x1\r\n\r\n", 400);
	assert_refused("POST / HTTP/1.0\r\nContent-Length: 1 2\r\n\r\n", 400);
	assert_refused("POST / HTTP/1.0\r\nContent-Length: 1, 1\r\n\r\n", 400);
	assert_refused("POST / HTTP/1.0\r\nContent-Length: 18446744073709551617\r\n\r\n", 400);
	assert_refused("POST / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400);
}

#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

static void chunks_are_joined(void **state)
{
	struct outcome out;

	(void)state;
	parse(&out, CHUNKED "3\r\nabc\r\n00A;n=\"v\"\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n");
	assert_int_equal(out.event, HTTP_COMPLETE);
	assert_true(out.parser.request.is_chunked);
	assert_int_equal(out.body_len, 13);
	assert_memory_equal(out.body, "abc0123456789", 13);
	assert_taken(CHUNKED "0\r\n\r\n");
}

static void malformed_chunks_are_refused(void **state)
{
	(void)state;
	assert_refused(CHUNKED "\r\n", 400);
	assert_refused(CHUNKED "x\r\n", 400);
	assert_refused(CHUNKED "-1\r\n", 400);
	assert_refused(CHUNKED "1 \r\n", 400);
	assert_refused(CHUNKED "1\n", 400);
	assert_refused(CHUNKED "1000000000000000\r\n", 400);
	assert_refused(CHUNKED "1\r\nab\r\n", 400);
	assert_refused(CHUNKED "0\r\nno colon\r\n\r\n", 400);
}

static void trailers_do_not_change_the_request(void **state)
{
	struct outcome out;

	(void)state;
	parse(&out, CHUNKED "0\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
	assert_int_equal(out.event, HTTP_COMPLETE);
	assert_true(out.parser.request.keeps_alive);
	assert_int_equal(out.parser.request.length, 0);
}

static void two_lengths_are_refused(void **state)
{
	(void)state;
	assert_refused("POST / HTTP/1.1\r\n" HOST
		       "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		       400);
	assert_refused("POST / HTTP/1.1\r\n" HOST
		       "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
		       400);
	assert_refused("POST / HTTP/1.1\r\n" HOST
		       "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		       400);
}

static void only_chunked_is_a_known_encoding(void **state)
{
	(void)state;
	assert_refused("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501);
	assert_refused("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501);
	assert_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
	assert_taken("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n");
}

static void only_http_1_1_can_expect(void **state)
{
	struct outcome out;

	(void)state;
	parse(&out, "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n\r\n");
	assert_true(out.parser.request.expects_continue);
	parse(&out, "POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
	assert_false(out.parser.request.expects_continue);
	assert_refused("POST / HTTP/1.1\r\n" HOST "Expect: more\r\n\r\n", 417);
}

static void long_lines_are_refused(void **state)
{
	static char text[4 * HTTP_HEAD_MAX];
	struct outcome out;
	int len;

	(void)state;
	len = snprintf(text, sizeof(text), "GET /%08191d HTTP/1.0\r\n\r\n", 0);
	parse_in_pieces(&out, text, len, 1000, false);
	assert_int_equal(out.parser.status, 414);
	len = snprintf(text, sizeof(text), "GET /%08000d HTTP/1.0\r\n\r\n", 0);
	parse_in_pieces(&out, text, len, 1000, false);
	assert_int_equal(out.event, HTTP_COMPLETE);
	len = snprintf(text, sizeof(text), "GET / HTTP/1.0\r\nA: %08191d\r\n\r\n", 0);
	parse_in_pieces(&out, text, len, 1000, false);
	assert_int_equal(out.parser.status, 431);
	len = snprintf(text, sizeof(text), CHUNKED "1;%08191d\r\n", 0);
	parse_in_pieces(&out, text, len, 1000, false);
	assert_int_equal(out.parser.status, 400);
}

static void many_fields_are_refused(void **state)
{
	static char text[4 * HTTP_HEAD_MAX];
	struct outcome out;
	int len;

	(void)state;
	len = snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n");
	while (len <= HTTP_HEAD_MAX)
		len += snprintf(text + len, sizeof(text) - len, "Name: value\r\n");
	parse_in_pieces(&out, text, len, 997, false);
	assert_int_equal(out.event, HTTP_BAD);
	assert_int_equal(out.parser.status, 431);
}

static void pipelined_requests_are_told_apart_in_any_pieces(void **state)
{
	static const char text[] = "GET /1 HTTP/1.1\r\n" HOST "\r\n" CHUNKED "3\r\nabc\r\n0\r\n\r\n"
				   "POST /3 HTTP/1.0\r\nContent-Length: 2\r\n\r\nde"
				   "\r\nGET /4 HTTP/1.0\r\n\r\n";
	struct outcome out;

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		parse_in_pieces(&out, text, sizeof(text) - 1, piece, true);
		assert_int_equal(out.event, HTTP_MORE);
		assert_int_equal(out.nr_heads, 4);
		assert_int_equal(out.nr_complete, 4);
		assert_int_equal(out.body_len, 5);
		assert_memory_equal(out.body, "abcde", 5);
	}
}

static void a_refused_parser_stays_refused(void **state)
{
	struct http_piece piece;
	struct outcome out;
	const char *at = "GET / HTTP/1.0\r\n\r\n";

	(void)state;
	parse(&out, "nonsense\r\n");
	assert_int_equal(http_parse(&out.parser, &at, at + strlen(at), &piece), HTTP_BAD);
}

static void assert_path(const char *target, const char *want)
{
	char path[64];
	bool is_path = http_path(target, path, sizeof(path));

	assert_int_equal(is_path, want != NULL);
	if (want)
		assert_string_equal(path, want);
}

static void a_path_is_decoded_and_without_query(void **state)
{
	(void)state;
	assert_path("/a/b", "/a/b");
	assert_path("/a%20b%2Fc?d=%00", "/a b/c");
	assert_path("/?/b", "/");
	assert_path("http://host:80/a", "/a");
	assert_path("HTTP://host", "/");
	assert_path("*", NULL);
	assert_path("host:80", NULL);
	assert_path("/%", NULL);
	assert_path("/%4", NULL);
	assert_path("/%4g", NULL);
	assert_path("/%00", NULL);
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
	char path[4];

	(void)state;
	assert_true(http_path("/ab", path, sizeof(path)));
	assert_false(http_path("/abc", path, sizeof(path)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_has_method_target_and_version),
		cmocka_unit_test(methods_are_known_or_not_implemented),
		cmocka_unit_test(a_malformed_request_line_is_refused),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(empty_lines_before_a_request_are_skipped),
		cmocka_unit_test(a_bare_lf_ends_no_line),
		cmocka_unit_test(a_nul_is_refused_anywhere),
		cmocka_unit_test(http_1_1_needs_one_host),
		cmocka_unit_test(malformed_fields_are_refused),
		cmocka_unit_test(connections_persist_by_version_and_by_word),
		cmocka_unit_test(a_body_is_as_long_as_its_content_length),
		cmocka_unit_test(a_content_length_is_one_number),
		cmocka_unit_test(chunks_are_joined),
		cmocka_unit_test(malformed_chunks_are_refused),
		cmocka_unit_test(trailers_do_not_change_the_request),
		cmocka_unit_test(two_lengths_are_refused),
		cmocka_unit_test(only_chunked_is_a_known_encoding),
		cmocka_unit_test(only_http_1_1_can_expect),
		cmocka_unit_test(long_lines_are_refused),
		cmocka_unit_test(many_fields_are_refused),
		cmocka_unit_test(pipelined_requests_are_told_apart_in_any_pieces),
		cmocka_unit_test(a_refused_parser_stays_refused),
		cmocka_unit_test(a_path_is_decoded_and_without_query),
		cmocka_unit_test(a_path_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
