/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/backend.h"

#include <string.h>

static const char *const names[BACKENDS] = {
	[BACKEND_AUTO] = "auto",
	[BACKEND_FENTRY] = "fentry",
	[BACKEND_TP_BTF] = "tp_btf",
	[BACKEND_TP] = "tp",
};

const char *backend_name(enum backend backend)
{
	return names[backend];
}

bool backend_named(const char *name, enum backend *out)
{
	for (enum backend backend = 0; backend < BACKENDS; backend++) {
		if (!names[backend] || strcmp(name, names[backend]))
			continue;
		*out = backend;
		return true;
	}
	return false;
}
