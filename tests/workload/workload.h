/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the workloads share: say who we are, wait until the tool is attached,
 * act, and print as `key=value` lines what the tool must show. Keys are paths
 * in the profile's process. What is written and read for this is of a known
 * number and size, so that a workload can expect it, too.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PID_BYTES    16	  /* hold() writes so many, in one call */
#define REPORT_BYTES 8192 /* report() does */

/* What must be is, or the workload is of no use. */
#define MUST(condition)                                                                    \
	((condition) ? (void)0                                                             \
		     : (fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, \
				strerror(errno)),                                          \
			exit(1)))

static char report_text[REPORT_BYTES];
static size_t report_len;

/* A workload that hangs ends after @seconds, or where all is slow FDSCOPE_PATIENCE times as many. */
static inline void end_after(unsigned int seconds)
{
	const char *factor = getenv("FDSCOPE_PATIENCE");

	alarm(seconds * (factor && atoi(factor) > 0 ? atoi(factor) : 1));
}

/* Prints our pid and reads a byte: one write to stdout, one read of stdin. */
static inline void hold(void)
{
	char line[PID_BYTES + 1], go;

	snprintf(line, sizeof(line), "pid=%-11d\n", getpid());
	MUST(write(STDOUT_FILENO, line, PID_BYTES) == PID_BYTES);
	MUST(read(STDIN_FILENO, &go, 1) == 1);
}

static inline void __attribute__((format(printf, 1, 2))) expect(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report_len +=
		vsnprintf(report_text + report_len, sizeof(report_text) - report_len, format, args);
	va_end(args);
	MUST(report_len + 1 < sizeof(report_text));
	report_text[report_len++] = '\n';
}

/* Prints what was expected: one write to stdout, filled up with empty lines. */
static inline void report(void)
{
	memset(report_text + report_len, '\n', sizeof(report_text) - report_len);
	MUST(write(STDOUT_FILENO, report_text, sizeof(report_text)) == sizeof(report_text));
}

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

#endif
