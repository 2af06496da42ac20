/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/source.h"

int source_next(struct source *source, struct profile *out)
{
	return source->ops->next(source, out);
}

int source_command_status(const struct source *source)
{
	return source->ops->command_status ? source->ops->command_status(source) : 0;
}

void source_close(struct source *source)
{
	if (source)
		source->ops->close(source);
}
