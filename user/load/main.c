/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fdscope-load: the deterministic HTTP load.
 *
 *	options.c     the command line
 *	request.c     the bytes of a request, and its pieces
 *	expect.c      what a body must be (pattern.c: the text both sides know)
 *	load.c        the loop over all connections
 *	connection.c  one connection, a state machine
 *	response.c    HTTP responses, parsed as they arrive
 *	peer.c        has the server read what it was sent
 *	results.c     errors by name, totals (latency.c: percentiles), text and JSON
 *
 * It shares no source with the server and the tool: it is a witness beside them.
 */
#include "load.h"
#include "options.h"
#include "results.h"

#include <stdlib.h>

static int job_init(struct job *job, const struct options *opts)
{
	int err = request_init(&job->request, opts);

	job->requests = opts->requests;
	return err ? err : expect_init(&job->expect, opts);
}

static int bulk_init(struct job *bulk, const struct options *opts)
{
	struct options as_bulk = *opts;

	as_bulk.post_bytes = opts->bulk_bytes;
	as_bulk.requests = 1;
	return job_init(bulk, &as_bulk);
}

static void job_free(struct job *job)
{
	expect_free(&job->expect);
	request_free(&job->request);
}

static int run(const struct options *opts, struct job *job, struct job *bulk)
{
	static struct results results; /* 58 KiB: too much for a stack */

	if (load_run(opts, job, bulk, &results))
		return EXIT_NO;
	if (results_print(&results, opts))
		return EXIT_NO;
	return results_all_right(&results) ? EXIT_SUCCESS : EXIT_NO;
}

int main(int argc, char **argv)
{
	struct job job = { 0 }, bulk = { 0 };
	struct options opts;
	int status = EXIT_USAGE;

	options_parse(&opts, argc, argv);
	if (!load_raise_limit(&opts) && !job_init(&job, &opts) &&
	    (!opts.has_bulk || !bulk_init(&bulk, &opts)))
		status = run(&opts, &job, opts.has_bulk ? &bulk : &job);
	job_free(&bulk);
	job_free(&job);
	return status;
}
