/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages to stderr. Message and code leave together, so that no failure ends in success. */
#ifndef FDSCOPE_ERR_H
#define FDSCOPE_ERR_H

/* fdscope(8) EXIT STATUS */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_NO = 1,	     /* the answer is no */
	EXIT_USAGE = 2,	     /* usage or bad input */
	EXIT_NO_MEASURE = 3, /* could not measure */
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

/* Prints "fdscope: <message>: <reason of err>" and returns -err. @err is positive. */
int log_err(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "fdscope: <message>" and returns @code. */
int log_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "fdscope: <message>". */
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
