/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One of our own programs, started beside us and ended by us: its output can be
 * read, Ctrl-C in the terminal does not reach it, and it does not outlive us.
 */
#ifndef FDSCOPE_PROGRAM_H
#define FDSCOPE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct program {
	const char *name; /* for messages */
	pid_t pid;	  /* 0: not started */
	int out_fd;	  /* the read ends of its stdout and stderr */
	int err_fd;
	bool has_ended;
	int status; /* as waitpid() tells it */
};

/* @args[0] is the path. SIGCHLD must be blocked. 0 or -errno, logged. */
int program_start(struct program *program, const char *name, const char *const *args);

/*
 * Reads a line of its stdout, without the newline. Waits up to @seconds for it;
 * -ETIMEDOUT then, -EPIPE when the output ended before.
 */
int program_read_line(struct program *program, char *line, size_t size, int seconds);

/* All of its stdout that fits; for a program that has ended. */
void program_read_output(struct program *program, char *text, size_t size);

/* Collects its end, if it has ended; true then. */
bool program_has_ended(struct program *program);

/* True if it ended by itself with status 0. */
bool program_is_done(const struct program *program);

/* SIGTERM, and if that does not help, SIGKILL; collects its end. */
void program_end(struct program *program);

/* How it ended, in words: the first line it wrote to stderr, else its status. */
void program_last_words(struct program *program, char *words, size_t size);

/* Ends it if need be. A zeroed struct is fine. */
void program_free(struct program *program);

#endif
