/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tables hold, read while the kernel goes on writing to them, and rows
 * given back whose threads, processes and listeners are no more.
 */
#include "source/probe_tables.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/array.h"
#include "source/epolls.h"

#define MAX_COPY_TRIES 100000
#define MAX_READ_TRIES 200

/* A copy of @row that its thread did not write to meanwhile; false when there was none to be had. */
static bool copy_row(struct thread *to, const struct thread *row)
{
	for (int tries = 0; tries < MAX_COPY_TRIES; tries++) {
		uint64_t seq = __atomic_load_n(&row->seq, __ATOMIC_ACQUIRE);

		if (seq & 1) {
			sched_yield();
			continue;
		}
		*to = *row;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&row->seq, __ATOMIC_RELAXED) == seq)
			return true;
	}
	*to = *row;
	return false;
}

/* A row, appended. The caller says whether it stays, by nr_threads. */
static struct thread *append_row(struct snapshot *out, const struct thread *row)
{
	struct thread *grown = array_grow(out->threads, out->nr_threads, sizeof(*grown));

	if (!grown)
		return NULL;
	out->threads = grown;
	out->is_torn |= !copy_row(&grown[out->nr_threads], row);
	return &grown[out->nr_threads];
}

/*
 * A thread's row and what it counted on its epoll instances, of one moment; or,
 * where it never stood still, torn.
 */
static int copy_thread(const struct probes *probes, struct snapshot *out, const struct thread *row)
{
	struct thread *copy = append_row(out, row);

	for (int tries = 0; copy && tries < MAX_COPY_TRIES; tries++) {
		epolls_copy_uses(probes->epolls, copy);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&row->seq, __ATOMIC_RELAXED) == copy->seq)
			break;
		out->is_torn |= !copy_row(copy, row) || tries == MAX_COPY_TRIES - 1;
	}
	if (!copy)
		return -ENOMEM;
	if (copy->state == THREAD_FREE)
		return 0;
	out->nr_threads++;
	return copy->state == THREAD_LIVE ? epolls_keep_copied(probes->epolls, out) : 0;
}

static int copy_rows(const struct probes *probes, struct snapshot *out)
{
	int err = 0;

	out->nr_threads = 0;
	for (uint32_t i = 0; i < probes->nr_rows && !err; i++) {
		if (probes_row_state(&probes->rows[i]) != THREAD_FREE)
			err = copy_thread(probes, out, &probes->rows[i]);
	}
	return err;
}

/* The row of @key, appended; gone meanwhile is no error. */
static int append_listener(int fd, struct snapshot *out, const struct listener_key *key)
{
	struct snapshot_listener *grown =
		array_grow(out->listeners, out->nr_listeners, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	out->listeners = grown;
	grown += out->nr_listeners;
	if (!bpf_map_lookup_elem(fd, key, &grown->counters)) {
		grown->key = *key;
		out->nr_listeners++;
	}
	return 0;
}

static int copy_listeners(const struct probes *probes, struct snapshot *out)
{
	int fd = bpf_map__fd(probes->skel->maps.listeners), err = 0;
	struct listener_key key, *previous = NULL;

	out->nr_listeners = 0;
	while (!err && !bpf_map_get_next_key(fd, previous, &key)) {
		previous = &key;
		err = append_listener(fd, out, &key);
	}
	return err;
}

/* Outcomes that are counted on a listener, too. */
static uint64_t accept_outcomes(const struct thread *rows, size_t nr)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nr; i++) {
		if (rows[i].state != THREAD_FREE)
			sum += rows[i].counters.accept.accepted + rows[i].counters.accept.again;
	}
	return sum;
}

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static uint64_t skipped_runs(const struct probes *probes)
{
	struct bpf_program *program;
	uint64_t misses = 0;

	bpf_object__for_each_program(program, probes->skel->obj) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (bpf_program__fd(program) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			misses += info.recursion_misses;
	}
	return misses;
}

/* Odd while a fold is under way, so that it equals no other. */
uint64_t probes_folds(const struct probes *probes)
{
	uint64_t done = load((uint64_t *)&probes->skel->bss->folds_done);
	uint64_t begun = load((uint64_t *)&probes->skel->bss->folds_begun);

	return done * 2 + (begun != done);
}

/*
 * Rows and listeners have many writers, so the whole is read until nothing
 * that links them moved: no thread was being folded into its process, and
 * as many accepts stand in the rows after reading the listeners as before.
 */
int probes_read(struct probes *probes, struct snapshot *out)
{
	out->is_torn = true;
	for (int tries = 0; tries < MAX_READ_TRIES && out->is_torn; tries++) {
		uint64_t folds = probes_folds(probes);
		int err;

		out->is_torn = false;
		epolls_begin_read(probes->epolls, out);
		err = copy_rows(probes, out);
		if (!err)
			err = copy_listeners(probes, out);
		if (!err)
			err = epolls_read(probes->epolls, out);
		if (err)
			return err;
		out->is_torn |= accept_outcomes(probes->rows, probes->nr_rows) !=
					accept_outcomes(out->threads, out->nr_threads) ||
				folds & 1 || probes_folds(probes) != folds;
	}
	for (int i = 0; i < LOSSES; i++)
		out->losses[i] = load((uint64_t *)&probes->skel->bss->losses[i]);
	for (int i = 0; i < UNSEENS; i++)
		out->unseen[i] = load((uint64_t *)&probes->skel->bss->unseen[i]);
	out->losses[LOSS_PROGRAMS_SKIPPED] = skipped_runs(probes);
	return 0;
}

int probes_each_process(struct probes *probes,
			int (*on_process)(void *context, uint32_t tgid,
					  const struct process *process),
			void *context)
{
	uint32_t tgid, next;
	int fd = processes_fd(probes);
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more) {
		struct process process;
		int err = 0;

		tgid = next;
		more = !bpf_map_get_next_key(fd, &tgid, &next);
		if (!bpf_map_lookup_elem(fd, &tgid, &process))
			err = on_process(context, tgid, &process);
		if (err)
			return err;
	}
	return 0;
}

uint32_t probes_nr_rows(const struct probes *probes)
{
	return probes->nr_rows;
}

const struct thread *probes_row(const struct probes *probes, uint32_t i)
{
	return &probes->rows[i];
}

void probes_close_process(struct probes *probes, uint32_t tgid, uint64_t start_ns)
{
	struct process_key key = { .start_ns = start_ns, .tgid = tgid };

	bpf_map_delete_elem(bpf_map__fd(probes->skel->maps.ended_rows), &key);
}

int probes_retire_row(struct probes *probes, uint32_t i, struct snapshot *archive)
{
	if (!append_row(archive, &probes->rows[i]))
		return -ENOMEM;
	archive->nr_threads++;
	memset(&probes->rows[i], 0, sizeof(probes->rows[i]));
	push_row(probes, i);
	return 0;
}

int probes_retire_listeners(struct probes *probes,
			    bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
			    void *context, struct snapshot *archive)
{
	int fd = bpf_map__fd(probes->skel->maps.listeners), err = 0;
	struct listener_key key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);

	while (more && !err) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!is_ended(context, key.tgid, key.process_start_ns))
			continue;
		err = append_listener(fd, archive, &key);
		bpf_map_delete_elem(fd, &key);
	}
	return err;
}
