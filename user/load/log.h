/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One sentence on stderr. The message and the code leave together: log_err() returns -err. */
#ifndef LOAD_LOG_H
#define LOAD_LOG_H

__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* Appends strerror(err) and returns -err. */
__attribute__((format(printf, 2, 3))) int log_err(int err, const char *format, ...);

#endif
