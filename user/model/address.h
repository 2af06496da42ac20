/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses of sockets in words, as they stand in the profile. The caller frees them. */
#ifndef FDSCOPE_ADDRESS_H
#define FDSCOPE_ADDRESS_H

#include <fdscope/epoll_rows.h>
#include <fdscope/rows.h>

/* Where it listens: a.b.c.d:p, [v6]:p, unix:/path, unix:@name, or unknown. NULL: memory is out. */
char *address_of_listener(const struct listener *listener);

/* The peer's, of a listener its own: as above; else the name of its kind. NULL: memory is out. */
char *address_of_description(const struct description *description);

#endif
