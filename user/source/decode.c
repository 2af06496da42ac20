/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stands above the processes. Keys that are not known here are passed
 * over: keys are only ever added.
 */
#include "source/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "source/decoder.h"

static int read_host(struct decoder *d, const json_t *document, struct profile_host *host)
{
	const json_t *object;
	int err = decoder_need_object(d, document, "host", &object);
	size_t len = decoder_enter(d, "host");

	if (!err)
		err = decoder_get_text(d, object, "kernel", &host->kernel);
	if (!err)
		err = decoder_get_text(d, object, "arch", &host->arch);
	if (!err)
		err = decoder_get_count(d, object, "cpus", MAX_ROWS, &host->cpus);
	decoder_leave(d, len);
	return err;
}

static int read_backend(struct decoder *d, const json_t *document, struct profile *out)
{
	const json_t *object;
	int err = decoder_need_object(d, document, "backend", &object);
	size_t len = decoder_enter(d, "backend");

	if (!err)
		err = decoder_get_text(d, object, "syscalls", &out->backend_syscalls);
	if (!err)
		err = decoder_get_text(d, object, "wakeups", &out->backend_wakeups);
	decoder_leave(d, len);
	return err;
}

static int read_pids(struct decoder *d, const json_t *object, struct profile_target *target)
{
	const json_t *pids;
	size_t nr;
	int err = decoder_find_array(d, object, "pids", MAX_ROWS, &pids, &nr);

	if (err || !nr)
		return err;
	target->pids = calloc(nr, sizeof(*target->pids));
	if (!target->pids)
		return decoder_no_memory(d);
	for (; target->nr_pids < nr && !err; target->nr_pids++) {
		const json_t *pid = json_array_get(pids, target->nr_pids);

		err = decoder_check_integer(d, pid, "pids", 0, INT_MAX);
		target->pids[target->nr_pids] = json_integer_value(pid);
	}
	return err;
}

static int read_ports(struct decoder *d, const json_t *object, struct profile_target *target)
{
	const json_t *ports;
	size_t nr;
	int err = decoder_find_array(d, object, "ports", MAX_ROWS, &ports, &nr);

	if (err || !nr)
		return err;
	target->ports = calloc(nr, sizeof(*target->ports));
	if (!target->ports)
		return decoder_no_memory(d);
	for (; target->nr_ports < nr && !err; target->nr_ports++) {
		const json_t *port = json_array_get(ports, target->nr_ports);

		err = decoder_check_integer(d, port, "ports", 0, UINT16_MAX);
		target->ports[target->nr_ports] = json_integer_value(port);
	}
	return err;
}

static int read_command(struct decoder *d, const json_t *object, struct profile_target *target)
{
	const json_t *words;
	size_t nr;
	int err = decoder_find_array(d, object, "command", MAX_ROWS, &words, &nr);

	if (err || !words)
		return err;
	target->command = calloc(nr + 1, sizeof(*target->command));
	if (!target->command)
		return decoder_no_memory(d);
	for (size_t i = 0; i < nr && !err; i++)
		err = decoder_copy_text(d, json_array_get(words, i), "command",
					&target->command[i]);
	return err;
}

static int read_target(struct decoder *d, const json_t *document, struct profile_target *target)
{
	const json_t *object;
	int err = decoder_need_object(d, document, "target", &object);
	size_t len = decoder_enter(d, "target");

	if (!err && json_object_get(object, "comm"))
		err = decoder_get_text(d, object, "comm", &target->comm);
	if (!err && json_object_get(object, "cgroup"))
		err = decoder_get_text(d, object, "cgroup", &target->cgroup);
	if (!err)
		err = decoder_get_boolean(d, object, "all", &target->all);
	if (!err)
		err = read_pids(d, object, target);
	if (!err)
		err = read_ports(d, object, target);
	if (!err)
		err = read_command(d, object, target);
	decoder_leave(d, len);
	return err;
}

/* As 2026-11-21T20:44:00Z and in no other way. */
static int read_start(struct decoder *d, const json_t *document, struct profile *out)
{
	const json_t *value = json_object_get(document, "start");
	struct tm utc = {};
	const char *end;
	int err = decoder_check_text(d, value, "start", MAX_TEXT);

	if (err)
		return err;
	end = strptime(json_string_value(value), "%Y-%m-%dT%H:%M:%SZ", &utc);
	if (!end || *end || json_string_length(value) != strlen("2026-11-21T20:44:00Z"))
		return decoder_refuse(d, "start", "is no time like 2026-11-21T20:44:00Z");
	out->start = timegm(&utc);
	return 0;
}

/* Causes that a later version added are kept under their names. */
static int read_named(struct decoder *d, const json_t *document, const char *group,
		      int (*add)(struct profile *out, const char *name, uint64_t count),
		      struct profile *out)
{
	const json_t *object;
	const char *name;
	json_t *count;
	int err = decoder_need_object(d, document, group, &object);
	size_t len = decoder_enter(d, group);

	if (!err) {
		json_object_foreach((json_t *)object, name, count) {
			err = decoder_check_integer(d, count, name, 0, MAX_COUNT);
			if (!err && add(out, name, json_integer_value(count)))
				err = decoder_no_memory(d);
			if (err)
				break;
		}
	}
	decoder_leave(d, len);
	return err;
}

static int read_shortfalls(struct decoder *d, const json_t *document, struct profile *out)
{
	bool is_complete = false;
	int err = decoder_get_boolean(d, document, "complete", &is_complete);

	if (!err)
		err = read_named(d, document, "losses", profile_add_loss, out);
	if (!err)
		err = read_named(d, document, "unseen", profile_add_unseen, out);
	if (!err && is_complete != profile_is_complete(out))
		err = decoder_refuse(d, "complete", "contradicts losses");
	return err;
}

static int read_processes(struct decoder *d, const json_t *document, struct profile *out)
{
	const json_t *rows;
	size_t nr, len;
	int err = decoder_find_array(d, document, "processes", MAX_ROWS, &rows, &nr);

	if (err)
		return err;
	if (!rows)
		return decoder_refuse(d, "processes", "is missing");
	out->processes = calloc(nr + 1, sizeof(*out->processes));
	if (!out->processes)
		return decoder_no_memory(d);
	for (size_t i = 0; i < nr && !err; i++) {
		len = decoder_enter_row(d, "processes", i);
		out->nr_processes++;
		err = decode_process(d, json_array_get(rows, i), &out->processes[i]);
		decoder_leave(d, len);
	}
	return err;
}

int decode_schema(const json_t *document, const char *name)
{
	struct decoder d = { .name = name };
	int64_t schema = 0;
	int err;

	if (!json_is_object(document))
		return log_fail(-EBADMSG, "read %s: no profile (a JSON object was expected)", name);
	if (!json_object_get(document, "schema"))
		return log_fail(-EBADMSG, "read %s: no profile (it has no schema)", name);
	err = decoder_get_integer(&d, document, "schema", 0, INT64_MAX, &schema);
	if (err || schema == PROFILE_SCHEMA)
		return err;
	return decoder_refuse(&d, "schema",
			      "is %" PRId64 ", and this version reads %d (use the version that "
			      "wrote it, or a later one)",
			      schema, PROFILE_SCHEMA);
}

int decode_profile(struct profile *out, const json_t *document, const char *name)
{
	struct decoder d = { .name = name };
	int err = decode_schema(document, name);

	memset(out, 0, sizeof(*out));
	if (!err)
		err = decoder_get_text(&d, document, "fdscope", &out->version);
	if (!err)
		err = read_host(&d, document, &out->host);
	if (!err)
		err = read_backend(&d, document, out);
	if (!err)
		err = read_target(&d, document, &out->target);
	if (!err)
		err = read_start(&d, document, out);
	if (!err)
		err = decoder_get_count(&d, document, "duration_ns", MAX_NS, &out->duration_ns);
	if (!err)
		err = read_shortfalls(&d, document, out);
	if (!err)
		err = read_processes(&d, document, out);
	out->wakeups = d.wakeups;
	if (!err)
		err = decode_findings(&d, document, out);
	if (err)
		profile_free(out);
	return err;
}
