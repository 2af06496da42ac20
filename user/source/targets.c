/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/targets.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include "base/err.h"

static int find_pids(const struct watch *watch, struct id_list *out)
{
	for (size_t i = 0; i < watch->nr_pids; i++) {
		uint32_t pid = watch->pids[i], tgid = procfs_process_of(pid);

		if (tgid && tgid != pid)
			return log_fail(EXIT_USAGE,
					"attach to %u: this is a thread of %u (attach -p %u "
					"--per-thread)",
					pid, tgid, tgid);
		if (!tgid || !procfs_is_alive(pid))
			return log_fail(EXIT_USAGE,
					"attach to %u: no such process (ps -e lists them)", pid);
		if (id_list_add(out, pid))
			return log_fail(EXIT_NO_MEASURE, "attach to %u: out of memory", pid);
	}
	return 0;
}

static int find_by_ports(const struct watch *watch, struct id_list *out)
{
	for (size_t i = 0; i < watch->nr_ports; i++) {
		uint16_t port = watch->ports[i];
		struct id_list holders = {};
		int err = procfs_by_port(port, &holders);

		for (size_t j = 0; j < holders.nr && !err; j++)
			err = id_list_add(out, holders.items[j]);
		free(holders.items);
		if (err) {
			log_err(-err, "look for who listens on port %u (run as root)", port);
			return EXIT_NO_MEASURE;
		}
		if (!holders.nr)
			return log_fail(EXIT_USAGE,
					"attach to port %u: nobody listens there (ss -ltnp lists "
					"who does)",
					port);
	}
	return 0;
}

static int find_by_comm(const struct watch *watch, struct id_list *out)
{
	int err;

	if (!watch->comm)
		return 0;
	err = procfs_by_comm(watch->comm, out);
	if (err) {
		log_err(-err, "look for processes named %s", watch->comm);
		return EXIT_NO_MEASURE;
	}
	if (!out->nr)
		return log_fail(EXIT_USAGE,
				"attach to %s: no process has that name (ps -eo comm lists them)",
				watch->comm);
	return 0;
}

/* Also one of cgroup v1 lists its members, but the kernel's programs do not know it. */
static int find_by_cgroup(const struct watch *watch, struct id_list *out)
{
	const char *path = watch->cgroup;
	struct statfs fs;
	int err;

	if (!path)
		return 0;
	err = statfs(path, &fs) ? -errno : 0;
	if (!err && fs.f_type != CGROUP2_SUPER_MAGIC)
		return log_fail(EXIT_USAGE,
				"--cgroup %s: no directory of cgroup2 (findmnt -t cgroup2 tells "
				"where they are)",
				path);
	if (!err)
		err = procfs_by_cgroup(path, out);
	if (!err)
		return 0;
	log_err(-err, "--cgroup %s", path);
	return EXIT_USAGE;
}

int targets_find(const struct watch *watch, struct id_list *out)
{
	int code = find_pids(watch, out);

	if (!code)
		code = find_by_ports(watch, out);
	if (!code)
		code = find_by_comm(watch, out);
	if (!code && procfs_add_descendants(out))
		code = log_fail(EXIT_NO_MEASURE, "look for the targets' children in /proc");
	if (!code)
		code = find_by_cgroup(watch, out);
	return code;
}

int targets_find_late(const struct watch *watch, struct id_list *list)
{
	int err = watch->comm ? procfs_by_comm(watch->comm, list) : 0;

	for (size_t i = 0; i < watch->nr_ports && !err; i++)
		err = procfs_by_port(watch->ports[i], list);
	return err ? err : procfs_add_descendants(list);
}
