/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The loop: opens all connections, lets them work, ends them. */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "expect.h"
#include "request.h"

struct options;
struct results;

/* What a connection asks for, how often, and what must come of it. */
struct job {
	struct request request;
	struct expect expect;
	uint64_t requests;
};

/* 0, or -errno with the reason logged: the options need more descriptors than are allowed. */
int load_raise_limit(const struct options *opts);

/*
 * Runs the load and fills the zeroed @results. @bulk is the first connection's job, @job that of
 * the others; they may be the same. What goes wrong with connections and responses is
 * in there; -errno, with the reason logged, only says that there could be no load at all.
 */
int load_run(const struct options *opts, struct job *job, struct job *bulk,
	     struct results *results);

#endif
