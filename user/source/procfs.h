/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What /proc tells of processes, as plain answers. */
#ifndef FDSCOPE_PROCFS_H
#define FDSCOPE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdscope/rows.h>

/* A list of ids; the caller frees items. */
struct id_list {
	uint32_t *items;
	size_t nr;
};

/* Adds @id unless it is there; 0 or -ENOMEM. */
int id_list_add(struct id_list *list, uint32_t id);
bool id_list_has(const struct id_list *list, uint32_t id);

/* The process that thread @tid belongs to; itself for a process, 0 for nobody. */
uint32_t procfs_process_of(uint32_t tid);
/* Has a thread that has not ended: not its main thread, perhaps. */
bool procfs_is_alive(uint32_t tgid);

/* The name of @tgid; false, and @comm as it was, when it is gone. */
bool procfs_comm(uint32_t tgid, char comm[COMM_LEN]);

/* All processes; 0 or -errno. */
int procfs_processes(struct id_list *out);
/* Adds to @list every descendant of its members. 0 or -errno. */
int procfs_add_descendants(struct id_list *list);
/* Those named @comm. */
int procfs_by_comm(const char *comm, struct id_list *out);
/*
 * Those with a descriptor for a TCP or TCP6 socket that listens on @port, in our
 * network namespace. -EACCES if there is such a socket, but whose it is cannot be read.
 */
int procfs_by_port(uint16_t port, struct id_list *out);
/* Those in the cgroup at @path, a directory of cgroup2. */
int procfs_by_cgroup(const char *path, struct id_list *out);

struct inside {
	uint32_t waiting;   /* in a system call that waits for readiness */
	uint32_t elsewhere; /* in another one that is traced */
	bool is_denied;	    /* some may not be looked at: ptrace(2), access mode checking */
};

/* Where threads of @tgid are, those in @but left out: proc(5) /proc/PID/syscall. */
struct inside procfs_count_inside(uint32_t tgid, const struct id_list *but);

bool procfs_is_mounted(void);

/* True if our ids are those of the initial pid namespace, the kernel's own. */
bool procfs_in_initial_pid_namespace(void);

#endif
