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
#include "expect.h"
#include "load.h"
#include "options.h"
#include "request.h"
#include "results.h"

#include <stdlib.h>

static int run(const struct options *opts, const struct request *request, struct expect *expect)
{
	static struct results results; /* 58 KiB: too much for a stack */

	if (load_run(opts, request, expect, &results))
		return EXIT_NO;
	if (results_print(&results, opts))
		return EXIT_NO;
	return results_all_right(&results) ? EXIT_SUCCESS : EXIT_NO;
}

int main(int argc, char **argv)
{
	struct request request = { 0 };
	struct expect expect = { 0 };
	struct options opts;
	int status = EXIT_USAGE;

	options_parse(&opts, argc, argv);
	if (!load_raise_limit(&opts) && !request_init(&request, &opts) &&
	    !expect_init(&expect, &opts))
		status = run(&opts, &request, &expect);
	expect_free(&expect);
	request_free(&request);
	return status;
}
