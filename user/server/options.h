/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the command line asked for. Parsing touches nothing else: whether the
 * port is free or the root exists is found out by those who use them.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "faults.h"

enum mux_kind { MUX_EPOLL, MUX_POLL, MUX_SELECT };
enum trigger { TRIGGER_LEVEL, TRIGGER_EDGE, TRIGGER_ONESHOT };
enum send_mode { SEND_COPY, SEND_MMAP, SEND_SENDFILE, SEND_SPLICE };

struct options {
	const char *root; /* NULL: no files are served */
	const char *bind;
	const char *stats; /* NULL: no counts are written */
	size_t read_chunk;
	int port;
	int backlog;
	int workers;
	int threads;
	int max_events;
	enum mux_kind mux;
	enum trigger trigger;
	enum send_mode send;
	enum fault fault;
	bool is_exclusive;
	bool is_reuseport;
};

/* Ends the process for --help, --version, --list-faults and wrong use (exit code 2). */
void options_parse(struct options *opts, int argc, char **argv);

#endif
