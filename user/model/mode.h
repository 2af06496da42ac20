/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ways in which compare can run the bundled server. */
#ifndef FDSCOPE_MODE_H
#define FDSCOPE_MODE_H

/* Its name, and the server's options. */
struct mode {
	const char *name;
	const char *mux;
	const char *trigger; /* NULL: not epoll */
	const char *send;
};

/* NULL if there is none of this name. */
const struct mode *mode_named(const char *name);

#endif
