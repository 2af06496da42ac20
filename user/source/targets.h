/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From what the user named to processes. */
#ifndef FDSCOPE_TARGETS_H
#define FDSCOPE_TARGETS_H

#include "source/procfs.h"
#include "source/source.h"

/*
 * Fills @out with the processes that @watch names by pid, port, name or cgroup,
 * and with their descendants. 0 or an exit code, logged: nobody there is
 * EXIT_USAGE.
 */
int targets_find(const struct watch *watch, struct id_list *out);

/*
 * Adds who has come since: children born, names taken and ports listened on
 * while the probes were being attached. Silent: who is gone meanwhile is gone. 0 or -errno.
 */
int targets_find_late(const struct watch *watch, struct id_list *list);

#endif
