/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line, parsed; parsing touches nothing else. */
#ifndef FDSCOPE_OPTIONS_H
#define FDSCOPE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/backend.h"

#define MAX_MODES 16
#define MAX_IDS	  64

struct options {
	/* whom to watch */
	uint32_t pids[MAX_IDS];
	size_t nr_pids;
	uint16_t ports[MAX_IDS];
	size_t nr_ports;
	const char *comm;
	const char *cgroup;
	bool all;
	char **command; /* run: NULL-terminated */

	/* for how long */
	uint64_t interval_ns;  /* 0: none */
	uint64_t nr_intervals; /* 0: no end */
	uint64_t duration_ns;  /* 0: none */

	/* what to print */
	bool per_thread;
	bool hist;
	bool json;
	bool quiet;
	bool strict;
	bool wakeups;
	uint32_t nr_descriptors; /* --fds: of each process; 0: none */
	const char *output;	 /* -o */
	const char *only;	 /* --only */
	const char *input;	 /* report: the saved profile */

	/* --fail-on: exit 1 if one of these is found */
	bool fail_on_any;
	bool fail_on_problems;
	uint64_t fail_on_kinds; /* bits by place in finding_kinds */

	/* sizes of tables; 0: the default */
	uint32_t max_threads;
	uint32_t max_processes;
	uint32_t max_listeners;
	uint32_t max_registrations;

	enum backend backend;

	/* compare */
	const char *modes[MAX_MODES]; /* names that there are: mode_named() */
	size_t nr_modes;
	uint32_t connections;
	uint32_t idle;
	uint32_t requests;
	uint32_t repeats;
	uint64_t size_bytes;
	uint64_t post_bytes; /* 0: GET */
	uint32_t pieces;
	uint32_t read_chunk; /* 0: the server's default */
	bool has_size;	     /* --size was given */
};

/* What a command takes from the command line. */
enum option_set {
	OPTIONS_TARGET = 1 << 0,  /* -p, --comm, --port, --cgroup, -a, -d, interval, count */
	OPTIONS_COMMAND = 1 << 1, /* -- COMMAND... and --only */
	OPTIONS_REPORT = 1 << 2,  /* --per-thread --hist --json -o -q --strict --fail-on */
	OPTIONS_TABLES = 1 << 3,  /* --max-threads and the like; --fds; --wakeups */
	OPTIONS_FILE = 1 << 4,	  /* a saved profile */
	OPTIONS_COMPARE = 1 << 5,
	OPTIONS_JSON = 1 << 6, /* --json alone */
};

struct command {
	const char *name;
	const char *arguments; /* as in its usage line */
	const char *summary;
	const char *examples;			   /* what --help ends with */
	unsigned options;			   /* enum option_set */
	int (*run)(const struct options *options); /* returns an exit code */
};

/* Ended by one without a name. */
extern const struct command commands[];

/*
 * Parses the whole line. Returns the command to run, or NULL with the exit code
 * in @code: --help and --version print and end with 0, anything wrong is said
 * on stderr and ends with EXIT_USAGE.
 */
const struct command *options_parse(struct options *options, int argc, char **argv, int *code);

#endif
