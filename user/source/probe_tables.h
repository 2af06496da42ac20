/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables behind probes.h, which probes.c makes and probes_read.c reads, and
 * gives their rows back. Nobody else includes this.
 */
#ifndef FDSCOPE_PROBE_TABLES_H
#define FDSCOPE_PROBE_TABLES_H

#include <stdint.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <fdscope/config.h>
#include "fdscope.skel.h"
#include "source/probes.h"

struct probes {
	struct fdscope_bpf *skel;
	struct ring_buffer *ended;
	struct epolls *epolls;
	enum backend backend;
	struct wakeups *wakeups;
	struct thread *rows; /* the map threads, shared with the kernel */
	uint32_t nr_rows;
	void (*on_end)(void *context, const struct process_end *end);
	void *on_end_context;
};

static inline int push_row(const struct probes *probes, uint32_t row)
{
	return bpf_map_update_elem(bpf_map__fd(probes->skel->maps.free_rows), NULL, &row, BPF_ANY);
}

static inline int processes_fd(const struct probes *probes)
{
	return bpf_map__fd(probes->skel->maps.processes);
}

#endif
