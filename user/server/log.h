/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Words for people, on stderr. The server speaks only when it cannot go on, so
 * these writes are the one thing a loop does that its counts leave out.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

/* Prints "fdscope-server: FORMAT: strerror(err)" and returns -err. */
int log_err(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
