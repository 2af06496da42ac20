/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables behind epolls.h, for the files that read them (epolls_read.c) and
 * give their rows back (epolls_retire.c). Nobody else includes this.
 */
#ifndef FDSCOPE_EPOLL_TABLES_H
#define FDSCOPE_EPOLL_TABLES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <fdscope/config.h>
#include "fdscope.skel.h"
#include "source/epolls.h"

/* A map of rows, shared with the kernel. */
struct table {
	void *rows;
	size_t row_bytes;
	uint32_t nr_rows;
	int free_fd; /* the stack of numbers that are nobody's */
};

struct epolls {
	struct fdscope_bpf *skel;
	const struct thread *threads;
	uint32_t nr_threads;
	struct table instances, uses, registrations, descriptions;
	uint32_t *generations;	  /* how often the row of an instance was given back */
	struct epoll_use *copies; /* of the thread being read */
	size_t nr_copies;
	bool *is_read;	/* uses that are in the snapshot being taken */
	size_t *places; /* where each stands in the snapshot being taken, plus 1 */
	struct bpf_link *registration_sweep, *description_sweep;
};

static inline int push_row(const struct table *table, uint32_t row)
{
	return bpf_map_update_elem(table->free_fd, NULL, &row, BPF_ANY) ? -errno : 0;
}

static inline struct instance *instance_at(const struct epolls *epolls, uint32_t row)
{
	return (struct instance *)epolls->instances.rows + row;
}

/* Do the registrations in @instance stand, or did when it ended? */
static inline bool is_watching(const struct instance *instance)
{
	return !instance->is_closed || instance->keeps_registrations;
}

static inline struct epoll_use *use_at(const struct epolls *epolls, uint32_t row)
{
	return (struct epoll_use *)epolls->uses.rows + row;
}

static inline struct registration *registration_at(const struct epolls *epolls, uint32_t row)
{
	return (struct registration *)epolls->registrations.rows + row;
}

/* Rows of instances are used again; with how often that happened, the number is used once. */
static inline uint32_t instance_number(const struct epolls *epolls, uint32_t row)
{
	return epolls->generations[row] * epolls->instances.nr_rows + row;
}

/* Adds to @by one registration with the mask @events. */
void epolls_count_trigger(struct trigger_counters *by, uint32_t events);

/* Appends @instance to those of @out; 0 or -ENOMEM. */
int epolls_add_instance(struct snapshot *out, uint32_t instance);

/* Adds the use in @row to those of @out; 0 or -ENOMEM. */
int epolls_read_use(const struct epolls *epolls, struct snapshot *out, const struct epoll_use *row);

#endif
