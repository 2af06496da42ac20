/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line. Parsing touches nothing but the struct; wrong use ends the program. */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define EXIT_NO	   1 /* a mismatch or an error */
#define EXIT_USAGE 2

struct options {
	struct sockaddr_storage server;
	socklen_t server_len;
	const char *host;
	const char *path;	 /* NULL: /bytes/1024, unless is_post */
	const char *expect_file; /* NULL: what the path implies */
	uint64_t requests;	 /* on each connection */
	uint64_t post_bytes;
	uint64_t bulk_bytes; /* what the first connection posts instead, once */
	uint64_t length;
	uint32_t connections;
	uint32_t idle;
	uint32_t pieces;
	uint32_t pause_ms;
	uint32_t timeout_s;
	uint16_t port;
	bool is_post;
	bool has_bulk;
	bool has_length;
	bool reconnects;
	bool json;
};

/* Prints one sentence and exits with EXIT_USAGE when the command line is wrong. */
void options_parse(struct options *opts, int argc, char **argv);

#endif
