/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/mode.h"

#include <stddef.h>
#include <string.h>

static const struct mode modes[] = {
	{ "select", "select", NULL, "copy" },
	{ "poll", "poll", NULL, "copy" },
	{ "epoll-level", "epoll", "level", "copy" },
	{ "epoll-edge", "epoll", "edge", "copy" },
	{ "epoll-oneshot", "epoll", "oneshot", "copy" },
	{ "copy", "epoll", "level", "copy" },
	{ "mmap", "epoll", "level", "mmap" },
	{ "sendfile", "epoll", "level", "sendfile" },
	{ "splice", "epoll", "level", "splice" },
};

const struct mode *mode_named(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (!strcmp(name, modes[i].name))
			return &modes[i];
	}
	return NULL;
}
