/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The loop: opens all connections, lets them work, ends them. */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

struct expect;
struct options;
struct request;
struct results;

/* 0, or -errno with the reason logged: the options need more descriptors than are allowed. */
int load_raise_limit(const struct options *opts);

/*
 * Runs the load and fills the zeroed @results. What goes wrong with connections and responses is
 * in there; -errno, with the reason logged, only says that there could be no load at all.
 */
int load_run(const struct options *opts, const struct request *request, struct expect *expect,
	     struct results *results);

#endif
