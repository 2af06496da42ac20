/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting errors, and printing what was found. The names below are the JSON keys, too. */
#include "results.h"

#include "log.h"
#include "options.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

static const struct error_row {
	const char *name;
	const char *subject; /* one of them */
	const char *meaning; /* of one or of many */
} error_rows[NR_ERRORS] = {
	[ERROR_REFUSED] = { "refused", "connection", "refused" },
	[ERROR_CONNECT] = { "connect", "connection", "that failed otherwise" },
	[ERROR_RESET] = { "reset", "connection", "reset by the server" },
	[ERROR_SHORT] = { "short", "response", "that ended before the last byte" },
	[ERROR_CLOSED] = { "closed", "connection", "closed before the last request" },
	[ERROR_MALFORMED] = { "malformed", "response", "not of HTTP/1.1" },
	[ERROR_STATUS] = { "status", "response", "with a status other than 200" },
	[ERROR_LENGTH] = { "length", "response", "with a body of the wrong length" },
	[ERROR_CONTENT] = { "content", "response", "with the wrong content" },
	[ERROR_EARLY] = { "early", "response", "before the whole request was sent" },
	[ERROR_EXTRA] = { "extra", "connection", "with bytes that nobody asked for" },
	[ERROR_IDLE] = { "idle", "idle connection", "that did not stay open and silent" },
	[ERROR_TIMEOUT] = { "timeout", "connection", "without progress" },
	[ERROR_IO] = { "io", "connection", "on which a system call failed" },
};

void results_error(struct results *res, enum error_kind kind, const char *format, ...)
{
	char what[200];
	va_list args;

	if (res->errors[kind]++)
		return;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	log_line("%s error: %s", error_rows[kind].name, what);
}

bool results_all_right(const struct results *res)
{
	int i;

	for (i = 0; i < NR_ERRORS; i++)
		if (res->errors[i])
			return false;
	return true;
}

static double per_second(const struct results *res)
{
	return res->elapsed_ns ? res->requests * 1e9 / res->elapsed_ns : 0;
}

static void print_latency(const struct latency *lat)
{
	if (!lat->count)
		return;
	printf("latency us   min %.0f  mean %.0f  p50 %.0f  p90 %.0f  p99 %.0f  max %.0f\n",
	       lat->min_ns / 1e3, latency_mean_ns(lat) / 1e3, latency_percentile_ns(lat, 50) / 1e3,
	       latency_percentile_ns(lat, 90) / 1e3, latency_percentile_ns(lat, 99) / 1e3,
	       lat->max_ns / 1e3);
}

static void print_error(const struct error_row *row, uint64_t count)
{
	printf("errors       %-9s %llu %s%s %s\n", row->name, (unsigned long long)count,
	       row->subject, count == 1 ? "" : "s", row->meaning);
}

static void print_text(const struct results *res, const struct options *opts)
{
	uint64_t asked = (opts->connections - opts->has_bulk) * opts->requests + opts->has_bulk;
	uint64_t connections = opts->reconnects ? asked : opts->connections;
	int i;

	printf("connections  %llu of %llu, idle %u of %u\n", (unsigned long long)res->connections,
	       (unsigned long long)connections, res->idle, opts->idle);
	printf("requests     %llu of %llu\n", (unsigned long long)res->requests,
	       (unsigned long long)asked);
	printf("bytes        %llu\n", (unsigned long long)res->bytes);
	printf("elapsed      %.6f s\n", res->elapsed_ns / 1e9);
	printf("rate         %.0f requests/s\n", per_second(res));
	print_latency(&res->latency);
	if (results_all_right(res))
		puts("errors       none");
	for (i = 0; i < NR_ERRORS; i++)
		if (res->errors[i])
			print_error(&error_rows[i], res->errors[i]);
}

static json_t *json_latency(const struct latency *lat)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "min", (json_int_t)lat->min_ns, "mean",
			 (json_int_t)latency_mean_ns(lat), "p50",
			 (json_int_t)latency_percentile_ns(lat, 50), "p90",
			 (json_int_t)latency_percentile_ns(lat, 90), "p99",
			 (json_int_t)latency_percentile_ns(lat, 99), "max",
			 (json_int_t)lat->max_ns);
}

/* Every name, also with a count of 0: a script can ask for one without knowing what went wrong. */
static json_t *json_errors(const struct results *res)
{
	json_t *errors = json_object();
	int i;

	for (i = 0; i < NR_ERRORS; i++)
		if (json_object_set_new(errors, error_rows[i].name, json_integer(res->errors[i]))) {
			json_decref(errors);
			return NULL;
		}
	return errors;
}

/* latency_ns is left out when nothing was answered: 0 would be a guess. */
static int print_json(const struct results *res)
{
	json_t *root;
	int err = 0;

	root = json_pack("{s:I, s:i, s:I, s:I, s:I, s:f}", "connections",
			 (json_int_t)res->connections, "idle", (int)res->idle, "requests",
			 (json_int_t)res->requests, "bytes", (json_int_t)res->bytes, "elapsed_ns",
			 (json_int_t)res->elapsed_ns, "requests_per_second", per_second(res));
	if (res->latency.count &&
	    json_object_set_new(root, "latency_ns", json_latency(&res->latency)))
		err = -ENOMEM;
	if (json_object_set_new(root, "errors", json_errors(res)))
		err = -ENOMEM;
	if (!err && json_dumpf(root, stdout, JSON_REAL_PRECISION(9)))
		err = -EIO;
	json_decref(root);
	putchar('\n');
	return err;
}

int results_print(const struct results *res, const struct options *opts)
{
	int err = 0;

	if (opts->json)
		err = print_json(res);
	else
		print_text(res, opts);
	if (err == -ENOMEM)
		return log_err(ENOMEM, "build the JSON object");
	if (err || fflush(stdout) || ferror(stdout))
		return log_err(errno ? errno : EIO, "write the results to stdout");
	return 0;
}
