/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The epoll instances of a process, and what is registered with them. */
#include "source/decode.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/pair_map.h"
#include "source/decode_fields.h"
#include "source/decoder.h"

static int read_sharers(struct decoder *d, const json_t *object, struct profile_epoll *epoll)
{
	const json_t *tgids;
	size_t nr;
	int err = decoder_find_array(d, object, "shared_with", MAX_ROWS, &tgids, &nr);

	if (err || !nr)
		return err;
	epoll->shared_with = calloc(nr, sizeof(*epoll->shared_with));
	if (!epoll->shared_with)
		return decoder_no_memory(d);
	for (; epoll->nr_shared_with < nr && !err; epoll->nr_shared_with++) {
		const json_t *tgid = json_array_get(tgids, epoll->nr_shared_with);

		err = decoder_check_integer(d, tgid, "shared_with", 1, INT_MAX);
		epoll->shared_with[epoll->nr_shared_with] = json_integer_value(tgid);
	}
	return err;
}

static int check_instance(const struct decoder *d, const struct profile_epoll *epoll)
{
	if (!epoll->instance)
		return decoder_refuse(d, "instance", "is 0 or missing");
	if (epoll->epfd > INT_MAX)
		return decoder_refuse(d, "epfd", "is no descriptor");
	return 0;
}

static int read_epoll(struct decoder *d, const json_t *object, struct profile_epoll *epoll)
{
	int err = decode_fields(d, object, instance_fields, epoll);

	if (!err)
		err = check_instance(d, epoll);
	if (!err)
		err = read_sharers(d, object, epoll);
	if (!err)
		err = decode_group(d, object, "registrations", trigger_fields,
				   &epoll->registrations);
	if (!err)
		err = decode_group(d, object, "deliveries", delivery_fields,
				   &epoll->counters.deliveries);
	if (!err)
		err = decode_fields(d, object, epoll_fields, &epoll->counters);
	if (!err)
		err = decode_group(d, object, "undrained", undrained_fields, &epoll->undrained);
	if (!err)
		err = decode_group(d, object, "callbacks", callback_fields, &epoll->callbacks);
	return err;
}

/* A process has one row for an instance. */
static int check_unique(const struct decoder *d, const struct profile_process *process)
{
	struct pair_map seen = {};
	int err = 0;

	for (size_t i = 0; i < process->nr_epolls && !err; i++) {
		uint64_t instance = process->epolls[i].instance;

		if (pair_map_find(&seen, instance, 0) != PAIR_MAP_NONE)
			err = decoder_refuse(d, "epolls", "has instance %" PRIu64 " twice",
					     instance);
		else if (pair_map_add(&seen, instance, 0, i))
			err = decoder_no_memory(d);
	}
	pair_map_free(&seen);
	return err;
}

int decode_epolls(struct decoder *d, const json_t *object, struct profile_process *process)
{
	const json_t *rows;
	size_t nr, len;
	int err = decoder_find_array(d, object, "epolls", MAX_ROWS, &rows, &nr);

	if (err || !nr)
		return err;
	process->epolls = calloc(nr, sizeof(*process->epolls));
	if (!process->epolls)
		return decoder_no_memory(d);
	for (size_t i = 0; i < nr && !err; i++) {
		len = decoder_enter_row(d, "epolls", i);
		process->nr_epolls++;
		err = read_epoll(d, json_array_get(rows, i), &process->epolls[i]);
		decoder_leave(d, len);
	}
	return err ? err : check_unique(d, process);
}

static int read_kind(struct decoder *d, const json_t *object, uint32_t *out)
{
	const json_t *value = json_object_get(object, "kind");
	int err = decoder_check_text(d, value, "kind", MAX_TEXT);

	for (uint32_t kind = 0; kind < FD_KINDS && !err; kind++) {
		if (!strcmp(json_string_value(value), kind_names[kind])) {
			*out = kind;
			return 0;
		}
	}
	return err ? err : decoder_refuse(d, "kind", "is none that is known");
}

static int read_trigger(struct decoder *d, const json_t *object,
			struct profile_descriptor *descriptor)
{
	const json_t *value = json_object_get(object, "trigger");
	int err = decoder_check_text(d, value, "trigger", MAX_TEXT);

	if (err || trigger_from_name(descriptor, json_string_value(value)))
		return err;
	return decoder_refuse(d, "trigger", "is neither level nor edge, with what may follow");
}

static int read_descriptor(struct decoder *d, const json_t *object,
			   struct profile_descriptor *descriptor)
{
	int err = decoder_get_count(d, object, "fd", INT_MAX, &descriptor->fd);

	if (!err)
		err = read_kind(d, object, &descriptor->kind);
	if (!err)
		err = decoder_get_text(d, object, "name", &descriptor->name);
	if (!err)
		err = decoder_get_count(d, object, "instance", MAX_COUNT, &descriptor->instance);
	if (!err)
		err = read_trigger(d, object, descriptor);
	return err ? err : decode_fields(d, object, descriptor_fields, descriptor);
}

int decode_descriptors(struct decoder *d, const json_t *object, struct profile_process *process)
{
	const json_t *rows;
	size_t nr, len;
	int err = decoder_find_array(d, object, "descriptors", MAX_ROWS, &rows, &nr);

	if (err || !nr)
		return err;
	process->descriptors = calloc(nr, sizeof(*process->descriptors));
	if (!process->descriptors)
		return decoder_no_memory(d);
	for (size_t i = 0; i < nr && !err; i++) {
		len = decoder_enter_row(d, "descriptors", i);
		process->nr_descriptors++;
		err = read_descriptor(d, json_array_get(rows, i), &process->descriptors[i]);
		decoder_leave(d, len);
	}
	process->nr_shown_descriptors = process->nr_descriptors;
	return err;
}
