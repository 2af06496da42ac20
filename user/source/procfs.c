/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is a target (by name, port, cgroup, descent) and what its threads are
 * inside of. Whoever ends meanwhile is not there, which is no error. epoll's
 * fdinfo is left to reconcile.c.
 */
#include "source/procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fdscope/calls.h>

#include "base/array.h"

bool id_list_has(const struct id_list *list, uint32_t id)
{
	for (size_t i = 0; i < list->nr; i++) {
		if (list->items[i] == id)
			return true;
	}
	return false;
}

int id_list_add(struct id_list *list, uint32_t id)
{
	uint32_t *grown;

	if (id_list_has(list, id))
		return 0;
	grown = array_grow(list->items, list->nr, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	grown[list->nr++] = id;
	return 0;
}

/* Calls @each for every directory entry that is a number, until it returns an error. */
static int each_number(const char *path, int (*each)(void *context, uint32_t number), void *context)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			err = each(context, strtoul(entry->d_name, NULL, 10));
	}
	closedir(dir);
	return err;
}

/* First line of a small file, without its end; false when it cannot be read. */
static bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool ok = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

uint32_t procfs_process_of(uint32_t tid)
{
	char path[64], line[128];
	unsigned tgid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file) && sscanf(line, "Tgid: %u", &tgid) != 1)
		;
	fclose(file);
	return tgid;
}

/* What follows the name in a stat file of proc(5): state, parent, ... A name may hold ')'. */
static bool read_stat(const char *path, char *state, uint32_t *parent)
{
	char line[1024], *after_name;

	if (!read_line(path, line, sizeof(line)))
		return false;
	after_name = strrchr(line, ')');
	return after_name && sscanf(after_name + 1, " %c %u", state, parent) == 2;
}

struct alive_search {
	uint32_t tgid;
	bool is_alive;
};

static int look_whether_alive(void *context, uint32_t tid)
{
	struct alive_search *search = context;
	uint32_t parent;
	char path[64], state;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", search->tgid, tid);
	if (read_stat(path, &state, &parent) && state != 'Z' && state != 'X')
		search->is_alive = true;
	return search->is_alive; /* stops the search */
}

bool procfs_is_alive(uint32_t tgid)
{
	struct alive_search search = { .tgid = tgid };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task", tgid);
	each_number(path, look_whether_alive, &search);
	return search.is_alive;
}

/* The parent of @tgid; 0 when it is gone. */
static uint32_t parent_of(uint32_t tgid)
{
	uint32_t parent = 0;
	char path[64], state;

	snprintf(path, sizeof(path), "/proc/%u/stat", tgid);
	return read_stat(path, &state, &parent) ? parent : 0;
}

bool procfs_comm(uint32_t tgid, char comm[COMM_LEN])
{
	char path[64], line[64];

	snprintf(path, sizeof(path), "/proc/%u/comm", tgid);
	if (!read_line(path, line, sizeof(line)))
		return false;
	memset(comm, 0, COMM_LEN);
	memcpy(comm, line, strnlen(line, COMM_LEN - 1));
	return true;
}

static int add_id(void *context, uint32_t id)
{
	return id_list_add(context, id);
}

int procfs_processes(struct id_list *out)
{
	return each_number("/proc", add_id, out);
}

int procfs_add_descendants(struct id_list *list)
{
	struct id_list all = {};
	size_t before;
	int err = procfs_processes(&all);

	do {
		before = list->nr;
		for (size_t i = 0; i < all.nr && !err; i++) {
			uint32_t parent = parent_of(all.items[i]);

			if (parent && id_list_has(list, parent) && procfs_is_alive(all.items[i]))
				err = id_list_add(list, all.items[i]);
		}
	} while (!err && list->nr != before);
	free(all.items);
	return err;
}

int procfs_by_comm(const char *comm, struct id_list *out)
{
	struct id_list all = {};
	int err = procfs_processes(&all);

	for (size_t i = 0; i < all.nr && !err; i++) {
		char name[COMM_LEN];

		if (!procfs_comm(all.items[i], name))
			continue;
		if (!strncmp(name, comm, COMM_LEN - 1) && all.items[i] != (uint32_t)getpid())
			err = id_list_add(out, all.items[i]);
	}
	free(all.items);
	return err;
}

#define TCP_LISTEN 0x0A /* the column st of /proc/net/tcp: proc(5) */

/* Adds the inodes of sockets that listen on @port. */
static int listening_inodes(const char *path, uint16_t port, struct id_list *inodes)
{
	FILE *file = fopen(path, "re");
	char line[512];
	int err = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno; /* no IPv6 */
	while (!err && fgets(line, sizeof(line), file)) {
		unsigned local_port, state, inode;

		if (sscanf(line,
			   " %*d: %*[0-9A-Fa-f]:%X %*[0-9A-Fa-f]:%*X %X %*s %*s %*s %*u %*u %u",
			   &local_port, &state, &inode) == 3 &&
		    local_port == port && state == TCP_LISTEN)
			err = id_list_add(inodes, inode);
	}
	fclose(file);
	return err;
}

struct holder_search {
	const struct id_list *inodes;
	uint32_t tgid;
	bool is_holder;
};

static int look_at_fd(void *context, uint32_t fd)
{
	struct holder_search *search = context;
	char path[64], link[64];
	unsigned inode;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%u/fd/%u", search->tgid, fd);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return 0;
	link[len] = '\0';
	if (sscanf(link, "socket:[%u]", &inode) == 1 && id_list_has(search->inodes, inode))
		search->is_holder = true;
	return search->is_holder; /* stops the search */
}

int procfs_by_port(uint16_t port, struct id_list *out)
{
	struct id_list inodes = {}, all = {};
	int err = listening_inodes("/proc/net/tcp", port, &inodes);

	if (!err)
		err = listening_inodes("/proc/net/tcp6", port, &inodes);
	if (!err && inodes.nr)
		err = procfs_processes(&all);
	for (size_t i = 0; i < all.nr && !err; i++) {
		struct holder_search search = { .inodes = &inodes, .tgid = all.items[i] };
		char path[64];

		snprintf(path, sizeof(path), "/proc/%u/fd", all.items[i]);
		each_number(path, look_at_fd, &search);
		if (search.is_holder)
			err = id_list_add(out, all.items[i]);
	}
	if (!err && inodes.nr && !out->nr)
		err = -EACCES;
	free(inodes.items);
	free(all.items);
	return err;
}

int procfs_by_cgroup(const char *path, struct id_list *out)
{
	char procs[PATH_MAX];
	unsigned tgid;
	int err = 0;
	FILE *file;

	if ((size_t)snprintf(procs, sizeof(procs), "%s/cgroup.procs", path) >= sizeof(procs))
		return -ENAMETOOLONG;
	file = fopen(procs, "re");
	if (!file)
		return -errno;
	while (!err && fscanf(file, "%u", &tgid) == 1)
		err = id_list_add(out, tgid);
	fclose(file);
	return err;
}

static bool waits_for_readiness(long nr)
{
	switch (nr) {
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
	case SYS_poll:
	case SYS_select:
#endif
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_ppoll:
	case SYS_pselect6:
		return true;
	}
	return false;
}

/* restart_syscall goes on with what a signal broke off: the kernel function it sleeps in tells. */
static bool resumes_poll(uint32_t tgid, uint32_t tid)
{
	char path[64], line[128];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/wchan", tgid, tid);
	return read_line(path, line, sizeof(line)) && strstr(line, "poll");
}

#define NR_CALLS 512

#define TRACED(name, ...) [__NR_##name] = true,

static bool is_traced(long nr)
{
	static const bool traced[NR_CALLS] = { TRACED_CALLS(TRACED, TRACED, TRACED) };

	return nr >= 0 && nr < NR_CALLS && traced[nr];
}

struct inside_count {
	uint32_t tgid;
	const struct id_list *but;
	struct inside inside;
};

static int look_at_task(void *context, uint32_t tid)
{
	struct inside_count *count = context;
	char path[64], line[256];
	long nr;

	if (id_list_has(count->but, tid))
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/syscall", count->tgid, tid);
	errno = 0;
	if (!read_line(path, line, sizeof(line))) {
		count->inside.is_denied |= errno == EPERM || errno == EACCES;
		return 0;
	}
	/* "running", "-1 ..." outside a call, or the number and the arguments */
	if (sscanf(line, "%ld 0x", &nr) != 1)
		return 0;
	if (waits_for_readiness(nr) ||
	    (nr == SYS_restart_syscall && resumes_poll(count->tgid, tid)))
		count->inside.waiting++;
	else if (is_traced(nr))
		count->inside.elsewhere++;
	return 0;
}

struct inside procfs_count_inside(uint32_t tgid, const struct id_list *but)
{
	struct inside_count count = { .tgid = tgid, .but = but };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task", tgid);
	each_number(path, look_at_task, &count);
	return count.inside;
}

bool procfs_is_mounted(void)
{
	struct statfs fs;

	return !statfs("/proc", &fs) && fs.f_type == PROC_SUPER_MAGIC;
}

/* include/linux/proc_ns.h: PROC_PID_INIT_INO */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU

bool procfs_in_initial_pid_namespace(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino == INITIAL_PID_NAMESPACE;
}
