/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes and their threads; what they registered and were told is in decode_epolls.c. */
#include "source/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "model/derive.h"
#include "model/fields.h"
#include "source/decode_fields.h"
#include "source/decoder.h"

/* ---- the groups of processes and threads ---- */

/* Has a field of its family that this document leaves out for a good reason? */
static bool is_without(enum wait_family family, const struct field *field, const json_t *object)
{
	if (!field_is_for(field, family))
		return true;
	return family == WAIT_EPOLL && field_is_of_watched(field) &&
	       !json_object_get(object, "watched") && !json_object_get(object, "watched_hist");
}

static int read_wait_fields(struct decoder *d, const json_t *object, enum wait_family family,
			    struct wait_counters *wait)
{
	int err = 0;

	for (const struct field *field = wait_fields; field->key && !err; field++) {
		if (!is_without(family, field, object))
			err = decode_field(d, object, field, field_needs(field, family), wait);
	}
	if (!err && wait->ready_hist[0])
		err = decoder_refuse(d, "ready_hist", "counts wakeups with nothing ready");
	return err ? err : decode_check(d, object, wait_fields, wait);
}

static int read_waits(struct decoder *d, const json_t *parent, struct counters *counters)
{
	int err = 0;

	for (int family = 0; family < WAIT_FAMILIES && !err; family++) {
		const json_t *object;
		size_t len;

		err = decoder_find_object(d, parent, wait_names[family], &object);
		if (err || !object)
			continue;
		len = decoder_enter(d, wait_names[family]);
		err = read_wait_fields(d, object, family, &counters->waits[family]);
		decoder_leave(d, len);
	}
	return err;
}

/* moved has no key: it is what the other outcomes leave of calls. */
static int read_io_kind(struct decoder *d, const json_t *object, struct io_counters *io)
{
	uint64_t calls = 0, others;
	int err = decoder_get_count(d, object, "calls", MAX_COUNT, &calls);

	for (const struct field *field = io_fields; field->key && !err; field++)
		err = decode_field(d, object, field, field->needs, io);
	if (err)
		return err;
	others = io_calls(io);
	if (others > calls)
		return decoder_refuse(d, "calls",
				      "is %" PRIu64 ", less than the %" PRIu64
				      " that moved nothing",
				      calls, others);
	io->moved = calls - others;
	return 0;
}

static int read_io_family(struct decoder *d, const json_t *parent, const char *name,
			  struct io_counters *kinds)
{
	const json_t *family, *object;
	int err = decoder_find_object(d, parent, name, &family);
	size_t len = decoder_enter(d, name), inner;

	for (int kind = 0; kind < IO_KINDS && !err; kind++) {
		err = decoder_find_object(d, family, kind_names[kind], &object);
		if (err || !object)
			continue;
		inner = decoder_enter(d, kind_names[kind]);
		err = read_io_kind(d, object, &kinds[kind]);
		decoder_leave(d, inner);
	}
	decoder_leave(d, len);
	return err;
}

static int read_io(struct decoder *d, const json_t *parent, struct counters *counters)
{
	const json_t *io;
	int err = decoder_find_object(d, parent, "io", &io);
	size_t len = decoder_enter(d, "io");

	for (int family = 0; family < IO_FAMILIES && !err; family++)
		err = read_io_family(d, io, io_names[family], counters->io[family]);
	decoder_leave(d, len);
	return err;
}

/* Bytes that did not cross are some of those that were read. */
static int check_copies(const struct decoder *d, const struct counters *counters)
{
	uint64_t read = 0;

	for (int kind = 0; kind < IO_KINDS; kind++)
		read += counters->io[IO_READ][kind].bytes;
	if (counters->copies.truncated_bytes > read)
		return decoder_refuse(d, "copies.truncated_bytes", "is more than was read");
	return 0;
}

static int read_counters(struct decoder *d, const json_t *object, struct counters *counters)
{
	int err = read_waits(d, object, counters);

	if (!err)
		err = decode_group(d, object, "epoll_ctl", epoll_ctl_fields, &counters->epoll_ctl);
	if (!err)
		err = decode_group(d, object, "accept", accept_fields, &counters->accept);
	if (!err)
		err = read_io(d, object, counters);
	if (!err)
		err = decode_group(d, object, "copies", copies_fields, counters);
	if (!err)
		err = check_copies(d, counters);
	if (!err)
		err = decode_group(d, object, "fds", fds_fields, &counters->fds);
	return err;
}

/* ---- a process ---- */

static int get_comm(const struct decoder *d, const json_t *object, char comm[COMM_LEN])
{
	const json_t *value = json_object_get(object, "comm");
	int err = decoder_check_text(d, value, "comm", COMM_LEN - 1);

	if (!err)
		strcpy(comm, json_string_value(value));
	return err;
}

static int read_listener(struct decoder *d, const json_t *object, struct profile_listener *listener)
{
	int err = decoder_get_count(d, object, "inode", INT64_MAX, &listener->inode);

	if (!err)
		err = decoder_get_text(d, object, "local", &listener->local);
	return err ? err : decode_fields(d, object, listener_fields, listener);
}

static int read_listeners(struct decoder *d, const json_t *object, struct profile_process *process)
{
	const json_t *rows;
	size_t nr, len;
	int err = decoder_find_array(d, object, "listeners", MAX_ROWS, &rows, &nr);

	if (err || !nr)
		return err;
	process->listeners = calloc(nr, sizeof(*process->listeners));
	if (!process->listeners)
		return decoder_no_memory(d);
	for (size_t i = 0; i < nr && !err; i++) {
		len = decoder_enter_row(d, "listeners", i);
		process->nr_listeners++;
		err = read_listener(d, json_array_get(rows, i), &process->listeners[i]);
		decoder_leave(d, len);
	}
	return err;
}

static int read_accept(struct decoder *d, const json_t *object, struct profile_process *process)
{
	size_t len = decoder_enter(d, "accept");
	int err = read_listeners(d, json_object_get(object, "accept"), process);

	decoder_leave(d, len);
	return err;
}

static int read_kinds(struct decoder *d, const json_t *object, struct profile_fds *fds)
{
	const json_t *kinds;
	int err = decoder_find_object(d, object, "kinds", &kinds);
	size_t len = decoder_enter(d, "kinds");

	fds->has_kinds = !err && kinds;
	for (int kind = 0; kind < FD_KINDS && !err && kinds; kind++)
		err = decoder_get_count(d, kinds, kind_names[kind], MAX_COUNT, &fds->kinds[kind]);
	decoder_leave(d, len);
	return err || !kinds ? err : decode_fields(d, object, census_fields, fds);
}

static int read_fds(struct decoder *d, const json_t *process, struct profile_fds *fds)
{
	const json_t *object;
	int err = decoder_find_object(d, process, "fds", &object);
	size_t len;

	if (err || !object)
		return err;
	len = decoder_enter(d, "fds");
	fds->is_known = json_object_get(object, "open");
	fds->has_unaccounted = json_object_get(object, "unaccounted");
	if (fds->is_known)
		err = decoder_get_count(d, object, "open", MAX_COUNT, &fds->open);
	if (!err && fds->is_known)
		err = decoder_get_count(d, object, "limit", MAX_COUNT, &fds->limit);
	if (!err)
		err = read_kinds(d, object, fds);
	if (!err && fds->has_unaccounted)
		err = decoder_get_integer(d, object, "unaccounted", -MAX_COUNT, MAX_COUNT,
					  &fds->unaccounted);
	decoder_leave(d, len);
	return err;
}

static int read_thread(struct decoder *d, const json_t *object, struct profile_thread *thread)
{
	uint64_t tid = 0;
	int err = decoder_get_count(d, object, "tid", INT_MAX, &tid);

	thread->tid = tid;
	if (!err)
		err = get_comm(d, object, thread->comm);
	return err ? err : read_counters(d, object, &thread->counters);
}

/* Threads, ended ones included, are all of their process. */
static int check_threads(const struct decoder *d, const struct profile_process *process)
{
	struct counters rest = process->counters;

	for (size_t i = 0; i < process->nr_threads; i++)
		counters_subtract(&rest, &process->threads[i].counters);
	if (counters_is_empty(&rest, sizeof(rest)))
		return 0;
	return decoder_refuse(d, "threads", "do not add up to their process");
}

static int read_threads(struct decoder *d, const json_t *object, struct profile_process *process)
{
	const json_t *rows;
	size_t nr, len;
	int err = decoder_find_array(d, object, "threads", MAX_ROWS, &rows, &nr);

	if (err || !nr)
		return err;
	process->threads = calloc(nr, sizeof(*process->threads));
	if (!process->threads)
		return decoder_no_memory(d);
	for (size_t i = 0; i < nr && !err; i++) {
		len = decoder_enter_row(d, "threads", i);
		process->nr_threads++;
		err = read_thread(d, json_array_get(rows, i), &process->threads[i]);
		decoder_leave(d, len);
	}
	return err ? err : check_threads(d, process);
}

static int read_inexact(struct decoder *d, const json_t *object, struct profile_process *process)
{
	const json_t *marks;
	const char *key;
	json_t *reason;
	int err = decoder_find_object(d, object, "inexact", &marks);

	if (err)
		return err;
	json_object_foreach((json_t *)marks, key, reason) {
		err = decoder_check_text(d, reason, "inexact", MAX_TEXT);
		if (err)
			return err;
		if (profile_mark_inexact(process, key, json_string_value(reason)))
			return decoder_no_memory(d);
	}
	return 0;
}

int decode_process(struct decoder *d, const json_t *object, struct profile_process *process)
{
	uint64_t tgid = 0;
	int err = decoder_get_count(d, object, "tgid", INT_MAX, &tgid);

	process->tgid = tgid;
	d->process = process;
	d->process_path = strlen(d->path) + 1;
	if (!err)
		err = get_comm(d, object, process->comm);
	if (!err)
		err = decoder_get_boolean(d, object, "exited", &process->has_exited);
	if (!err)
		err = read_inexact(d, object, process);
	if (!err)
		err = decode_group(d, object, "now", now_fields, &process->now);
	if (!err)
		err = read_counters(d, object, &process->counters);
	if (!err)
		err = read_accept(d, object, process);
	if (!err)
		err = read_fds(d, object, &process->fds);
	if (!err)
		err = decode_epolls(d, object, process);
	if (!err)
		err = decode_descriptors(d, object, process);
	if (!err)
		err = read_threads(d, object, process);
	return err;
}
