/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables themselves: sized, opened, listed. */
#include "source/epoll_tables.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "source/clock.h"
#include "source/iterator.h"
#include "source/probes.h"

int epolls_set_sizes(struct fdscope_bpf *skel, const struct probe_limits *limits)
{
	uint32_t nr_registrations = limits->registrations;
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{ skel->maps.instances, limits->threads },
		{ skel->maps.free_instances, limits->threads },
		{ skel->maps.instances_by_ep, limits->threads },
		{ skel->maps.epoll_uses, limits->threads },
		{ skel->maps.free_uses, limits->threads },
		{ skel->maps.uses_by_thread, limits->threads },
		{ skel->maps.ended_uses, limits->threads },
		{ skel->maps.batches, limits->threads },
		{ skel->maps.registrations, nr_registrations },
		{ skel->maps.free_registrations, nr_registrations },
		{ skel->maps.registrations_by_key, nr_registrations },
		{ skel->maps.registrations_by_data, nr_registrations },
		{ skel->maps.descriptions, nr_registrations },
		{ skel->maps.free_descriptions, nr_registrations },
		{ skel->maps.descriptions_by_file, nr_registrations },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int err = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);

		if (err)
			return err;
	}
	/* They need to be told which map to go through: attached in epolls_open(). */
	bpf_program__set_autoattach(skel->progs.registration_swept, false);
	bpf_program__set_autoattach(skel->progs.description_swept, false);
	bpf_program__set_autoattach(skel->progs.registration_freed, false);
	bpf_program__set_autoattach(skel->progs.description_freed, false);
	return 0;
}

static int open_table(struct table *table, const struct bpf_map *map, const struct bpf_map *free)
{
	table->row_bytes = bpf_map__value_size(map);
	table->nr_rows = bpf_map__max_entries(map);
	table->free_fd = bpf_map__fd(free);
	table->rows = mmap(NULL, table->nr_rows * table->row_bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED, bpf_map__fd(map), 0);
	if (table->rows == MAP_FAILED) {
		table->rows = NULL;
		return log_err(errno, "map the table %s", bpf_map__name(map));
	}
	return 0;
}

/* All rows are nobody's; those of low numbers are given out first. */
static int free_rows(const struct epolls *epolls)
{
	struct fdscope_bpf *skel = epolls->skel;
	int err = 0;

	for (uint32_t row = epolls->uses.nr_rows; row-- > 0 && !err;) {
		err = push_row(&epolls->instances, row);
		if (!err)
			err = push_row(&epolls->uses, row);
	}
	/* These are many: a system call for each would take longer than all the rest. */
	if (!err)
		err = iterator_once(skel->progs.registration_freed, skel->maps.registrations);
	if (!err)
		err = iterator_once(skel->progs.description_freed, skel->maps.descriptions);
	return err ? log_err(-err, "fill the tables of free rows") : 0;
}

static void close_table(struct table *table)
{
	if (table->rows)
		munmap(table->rows, table->nr_rows * table->row_bytes);
}

static int attach_sweeps(struct epolls *epolls)
{
	struct fdscope_bpf *skel = epolls->skel;

	epolls->registration_sweep =
		iterator_over(skel->progs.registration_swept, skel->maps.registrations);
	epolls->description_sweep =
		iterator_over(skel->progs.description_swept, skel->maps.descriptions);
	if (!epolls->registration_sweep || !epolls->description_sweep)
		return log_err(errno, "attach the sweep over registrations");
	return 0;
}

int epolls_open(struct epolls **out, struct fdscope_bpf *skel, const struct thread *threads,
		const struct probe_limits *limits)
{
	struct epolls *epolls = calloc(1, sizeof(*epolls));
	int err;

	if (!epolls)
		return log_err(ENOMEM, "open the tables of epoll instances");
	epolls->skel = skel;
	epolls->threads = threads;
	epolls->nr_threads = limits->threads;
	epolls->generations = calloc(limits->threads, sizeof(*epolls->generations));
	epolls->places = calloc(limits->threads, sizeof(*epolls->places));
	epolls->copies = calloc(limits->threads, sizeof(*epolls->copies));
	epolls->is_read = calloc(limits->threads, sizeof(*epolls->is_read));
	err = 0;
	if (!epolls->generations || !epolls->places || !epolls->copies || !epolls->is_read)
		err = log_err(ENOMEM, "open the tables of epoll instances");
	if (!err)
		err = open_table(&epolls->instances, skel->maps.instances,
				 skel->maps.free_instances);
	if (!err)
		err = open_table(&epolls->uses, skel->maps.epoll_uses, skel->maps.free_uses);
	if (!err)
		err = open_table(&epolls->registrations, skel->maps.registrations,
				 skel->maps.free_registrations);
	if (!err)
		err = open_table(&epolls->descriptions, skel->maps.descriptions,
				 skel->maps.free_descriptions);
	if (!err)
		err = free_rows(epolls);
	if (!err)
		err = attach_sweeps(epolls);
	if (err) {
		epolls_close(epolls);
		return err;
	}
	*out = epolls;
	return 0;
}

void epolls_close(struct epolls *epolls)
{
	if (!epolls)
		return;
	bpf_link__destroy(epolls->registration_sweep);
	bpf_link__destroy(epolls->description_sweep);
	close_table(&epolls->instances);
	close_table(&epolls->uses);
	close_table(&epolls->registrations);
	close_table(&epolls->descriptions);
	free(epolls->generations);
	free(epolls->places);
	free(epolls->copies);
	free(epolls->is_read);
	free(epolls);
}

bool epolls_is_held(const struct epolls *epolls, uint32_t row)
{
	const struct instance *instance = instance_at(epolls, row);

	return instance->ep && instance->walk == epolls->skel->bss->walk;
}

int epolls_each_held(struct epolls *epolls,
		     int (*each)(void *context, uint32_t row, const struct instance *instance),
		     void *context)
{
	int err = 0;

	for (uint32_t row = 0; row < epolls->instances.nr_rows && !err; row++) {
		if (epolls_is_held(epolls, row))
			err = each(context, row, instance_at(epolls, row));
	}
	return err;
}

int epolls_each_registration(struct epolls *epolls,
			     int (*each)(void *context, const struct watched *registration),
			     void *context)
{
	int err = 0;

	for (uint32_t row = 0; row < epolls->registrations.nr_rows && !err; row++) {
		const struct registration *registration = registration_at(epolls, row);
		struct watched watched = {
			.instance = registration->instance,
			.fd = registration->fd,
			.events = registration->events,
			.data = registration->data,
		};

		if (registration->is_used)
			err = each(context, &watched);
	}
	return err;
}

/*
 * As add_data() in bpf/registration.bpf.h, but not atomic: a registration that is
 * made with the same data in this very moment goes unnoticed, and their events are
 * taken for this one's until the sweep.
 */
static int add_data(struct epolls *epolls, uint32_t row)
{
	int fd = bpf_map__fd(epolls->skel->maps.registrations_by_data);
	struct registration *registration = registration_at(epolls, row);
	struct data_key key = { .data = registration->data, .instance = registration->instance };
	uint64_t set = 0;

	if (!bpf_map_lookup_elem(fd, &key, &set) && PACKED_NR(set)) {
		registration->shares_data = 1;
		if (PACKED_NR(set) == 1)
			registration_at(epolls, PACKED_SUM(set))->shares_data = 1;
	}
	set += PACKED(row);
	return bpf_map_update_elem(fd, &key, &set, BPF_ANY) ? -errno : 0;
}

int epolls_add_unheld(struct epolls *epolls, const struct watched *watched)
{
	int by_key = bpf_map__fd(epolls->skel->maps.registrations_by_key);
	struct registration_key key = { .instance = watched->instance, .fd = watched->fd };
	struct registration *registration;
	uint32_t row;

	if (bpf_map_lookup_and_delete_elem(epolls->registrations.free_fd, NULL, &row)) {
		epolls->skel->bss->losses[LOSS_REGISTRATIONS]++;
		return 0;
	}
	registration = registration_at(epolls, row);
	memset(registration, 0, offsetof(struct registration, version));
	registration->born_ns = clock_now_ns();
	registration->instance = watched->instance;
	registration->fd = watched->fd;
	registration->row = row;
	registration->description = ~0U; /* its file is not known */
	registration->events = watched->events;
	registration->has_modes = !!(watched->events & REGISTRATION_MODES);
	registration->data = watched->data;
	registration->tgid = instance_at(epolls, watched->instance)->holder_tgid;
	if (bpf_map_update_elem(by_key, &key, &row, BPF_NOEXIST)) {
		push_row(&epolls->registrations, row); /* a second one of the same number */
		epolls->skel->bss->losses[LOSS_REGISTRATIONS]++;
		return 0;
	}
	__atomic_fetch_add(&instance_at(epolls, watched->instance)->nr_registrations, 1,
			   __ATOMIC_RELAXED);
	registration->is_used = 1;
	return add_data(epolls, row);
}
