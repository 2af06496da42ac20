/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers for eyes: counts in groups of three, sizes in KiB, times in us and ms. */
#ifndef FDSCOPE_UNITS_H
#define FDSCOPE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define UNITS_LEN   32 /* room for any of these */
#define COUNTED_LEN 64 /* and with a noun */

/*
 * Each writes into @text and returns it, so that a call can stand among the
 * arguments of printf.
 */
char *format_count(char text[UNITS_LEN], uint64_t count); /* 12,034 */
char *format_ratio(char text[UNITS_LEN], double ratio);	  /* 0.03, 1.4, 12, 1,234 */
char *format_round(char text[UNITS_LEN], double count);	  /* 812, 12.0 k, 3.4 M */
char *format_bytes(char text[UNITS_LEN], double bytes);	  /* 812 B, 14.1 MiB */
char *format_ns(char text[UNITS_LEN], double ns);	  /* 850 ns, 82 us, 1.2 ms, 10.0 s */
char *format_share(char text[UNITS_LEN], double part, double whole); /* 4 %; 0 % of nothing */
char *format_change(char text[UNITS_LEN], double change);	     /* 0.12: +12 % */

/* With a noun that takes an s: 1 wakeup, 2 wakeups. */
char *format_counted(char text[COUNTED_LEN], uint64_t count, const char *noun);

/* Is the first word of @text a unit of these? Then it stays with the number before it. */
bool begins_with_unit(const char *text);

#endif
