/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/epolls.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/err.h"
#include <fdscope/config.h>
#include "fdscope.skel.h"
#include "source/probes.h"

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
	return 0;
}

static int push_row(const struct table *table, uint32_t row)
{
	return bpf_map_update_elem(table->free_fd, NULL, &row, BPF_ANY) ? -errno : 0;
}

/* The rows of low numbers are used first: the others' memory is never touched. */
static int open_table(struct table *table, const struct bpf_map *map, const struct bpf_map *free)
{
	int err = 0;

	table->row_bytes = bpf_map__value_size(map);
	table->nr_rows = bpf_map__max_entries(map);
	table->free_fd = bpf_map__fd(free);
	table->rows = mmap(NULL, table->nr_rows * table->row_bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED, bpf_map__fd(map), 0);
	if (table->rows == MAP_FAILED) {
		table->rows = NULL;
		return log_err(errno, "map the table %s", bpf_map__name(map));
	}
	for (uint32_t row = table->nr_rows; row-- > 0 && !err;)
		err = push_row(table, row);
	return err ? log_err(-err, "fill the table %s", bpf_map__name(free)) : 0;
}

static void close_table(struct table *table)
{
	if (table->rows)
		munmap(table->rows, table->nr_rows * table->row_bytes);
}

static struct instance *instance_at(const struct epolls *epolls, uint32_t row)
{
	return (struct instance *)epolls->instances.rows + row;
}

static struct epoll_use *use_at(const struct epolls *epolls, uint32_t row)
{
	return (struct epoll_use *)epolls->uses.rows + row;
}

static struct registration *registration_at(const struct epolls *epolls, uint32_t row)
{
	return (struct registration *)epolls->registrations.rows + row;
}

static struct bpf_link *attach_sweep(struct bpf_program *program, struct bpf_map *map)
{
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(map) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(program, &opts);
}

static int attach_sweeps(struct epolls *epolls)
{
	struct fdscope_bpf *skel = epolls->skel;

	epolls->registration_sweep =
		attach_sweep(skel->progs.registration_swept, skel->maps.registrations);
	epolls->description_sweep =
		attach_sweep(skel->progs.description_swept, skel->maps.descriptions);
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

/* ---- sweeping ---- */

/* Nothing is printed; reading is the pass over the map. */
static int run_sweep(const struct bpf_link *link)
{
	int fd = bpf_iter_create(bpf_link__fd(link));
	char discard[256];
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, discard, sizeof(discard));
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	close(fd);
	return n < 0 ? -errno : 0;
}

static int sweep(struct epolls *epolls, bool is_unheld_included)
{
	int err;

	epolls->skel->bss->sweeps_unheld = is_unheld_included;
	err = run_sweep(epolls->registration_sweep);
	if (!err)
		err = run_sweep(epolls->description_sweep);
	return err;
}

/* Until it begins to end: its descriptors are closed after that. */
static bool is_target(const struct epolls *epolls, uint32_t tgid)
{
	struct process process;

	return !bpf_map_lookup_elem(bpf_map__fd(epolls->skel->maps.processes), &tgid, &process);
}

/*
 * An instance that the walk did not meet although its last holder lives was
 * closed by something else than close. (Or it is on its way in a message: then it
 * is a new one to us when it arrives.)
 */
static void note_closed(struct epolls *epolls)
{
	int by_ep = bpf_map__fd(epolls->skel->maps.instances_by_ep);

	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++) {
		struct instance *instance = instance_at(epolls, row);

		if (!instance->ep || instance->is_closed || epolls_is_held(epolls, row) ||
		    !is_target(epolls, instance->holder_tgid))
			continue;
		instance->is_closed = 1;
		epolls->skel->bss->looks_everywhere = 1;
		bpf_map_delete_elem(by_ep, &instance->ep);
		__atomic_fetch_add(&epolls->skel->bss->epoch, 1, __ATOMIC_RELAXED);
	}
}

/* The passes go through every row, used or not. */
static bool is_anything_watched(const struct epolls *epolls)
{
	if (epolls->skel->bss->looks_everywhere)
		return true;
	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++) {
		if (instance_at(epolls, row)->nr_registrations)
			return true;
	}
	return false;
}

int epolls_sweep(struct epolls *epolls)
{
	note_closed(epolls);
	return is_anything_watched(epolls) ? sweep(epolls, false) : 0;
}

void epolls_settle(struct epolls *epolls)
{
	epolls->skel->bss->settled_walk = epolls->skel->bss->walk;
}

/* ---- reading ---- */

/* Rows of instances are used again; with how often that happened, the number is used once. */
static uint32_t instance_number(const struct epolls *epolls, uint32_t row)
{
	return epolls->generations[row] * epolls->instances.nr_rows + row;
}

static int add_instance(struct snapshot *out, uint32_t instance)
{
	struct snapshot_instance *grown =
		array_grow(out->instances, out->nr_instances, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	out->instances = grown;
	grown[out->nr_instances++] = (struct snapshot_instance){ .instance = instance };
	return 0;
}

static int read_instances(const struct epolls *epolls, struct snapshot *out)
{
	out->nr_instances = 0;
	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++) {
		int err;

		epolls->places[row] = 0;
		if (!instance_at(epolls, row)->ep)
			continue;
		err = add_instance(out, instance_number(epolls, row));
		if (err)
			return err;
		epolls->places[row] = out->nr_instances;
	}
	return 0;
}

static void count_trigger(struct trigger_counters *by, uint32_t events)
{
	const uint32_t edge = 1U << 31, oneshot = 1U << 30, exclusive = 1U << 28;

	by->level += !(events & edge);
	by->edge += !!(events & edge);
	by->oneshot += !!(events & oneshot);
	by->exclusive += !!(events & exclusive);
}

static int read_registration(const struct epolls *epolls, struct snapshot *out,
			     const struct registration *row)
{
	const struct description *descriptions = epolls->descriptions.rows;
	struct snapshot_registration *grown =
		array_grow(out->registrations, out->nr_registrations, sizeof(*grown));
	size_t place = epolls->places[row->instance];

	if (!grown)
		return -ENOMEM;
	out->registrations = grown;
	grown += out->nr_registrations++;
	memset(grown, 0, sizeof(*grown));
	grown->registration = *row;
	grown->registration.instance = instance_number(epolls, row->instance);
	if (row->description && row->description <= epolls->descriptions.nr_rows &&
	    descriptions[row->description - 1].born_ns == row->description_born_ns)
		grown->description = descriptions[row->description - 1];
	if (place)
		count_trigger(&out->instances[place - 1].registrations, row->events);
	return 0;
}

static int read_registrations(const struct epolls *epolls, struct snapshot *out)
{
	int err = 0;

	out->nr_registrations = 0;
	for (uint32_t row = 0; row < epolls->registrations.nr_rows && !err; row++) {
		const struct registration *registration = registration_at(epolls, row);

		if (registration->is_used && registration->instance < epolls->instances.nr_rows &&
		    !instance_at(epolls, registration->instance)->is_closed)
			err = read_registration(epolls, out, registration);
	}
	return err;
}

#define MAX_COPY_TRIES 100000

/* A copy of @row that its thread did not write to meanwhile. */
static bool copy_use(const struct epolls *epolls, struct epoll_use *to, const struct epoll_use *row)
{
	for (int tries = 0; tries < MAX_COPY_TRIES; tries++) {
		const __u64 *seq = &epolls->threads[row->thread % epolls->nr_threads].seq;
		uint64_t before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);

		if (before & 1) {
			sched_yield();
			continue;
		}
		*to = *row;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	*to = *row;
	return false;
}

static void add_epoll_counters(struct epoll_counters *to, const struct epoll_counters *from)
{
	const uint64_t *in = (const uint64_t *)from;
	uint64_t *out = (uint64_t *)to;

	for (size_t i = 0; i < EPOLL_WORDS; i++)
		out[i] += in[i];
}

int epolls_add_use(struct snapshot *out, const struct snapshot_use *use)
{
	uint64_t who = (uint64_t)use->instance << 32 | use->tgid;
	size_t at = pair_map_find(&out->by_use, who, use->start_ns);
	struct snapshot_use *grown;

	if (at != PAIR_MAP_NONE) {
		out->uses[at].threads += use->threads;
		add_epoll_counters(&out->uses[at].counters, &use->counters);
		return 0;
	}
	grown = array_grow(out->uses, out->nr_uses, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	out->uses = grown;
	if (pair_map_add(&out->by_use, who, use->start_ns, out->nr_uses))
		return -ENOMEM;
	grown[out->nr_uses++] = *use;
	return 0;
}

static int add_copy(const struct epolls *epolls, struct snapshot *out, const struct epoll_use *copy)
{
	struct snapshot_use use = {};

	if (copy->state == USE_FREE || copy->instance >= epolls->instances.nr_rows)
		return 0;
	use.instance = instance_number(epolls, copy->instance);
	use.tgid = copy->tgid;
	use.start_ns = copy->process_start_ns;
	use.epfd = copy->epfd;
	use.threads = copy->nr_threads;
	use.counters = copy->counters;
	return epolls_add_use(out, &use);
}

static int read_use(const struct epolls *epolls, struct snapshot *out, const struct epoll_use *row)
{
	struct epoll_use copy;

	out->is_torn |= !copy_use(epolls, &copy, row);
	return add_copy(epolls, out, &copy);
}

void epolls_begin_read(struct epolls *epolls, struct snapshot *out)
{
	out->nr_uses = 0;
	pair_map_free(&out->by_use);
	memset(epolls->is_read, 0, epolls->uses.nr_rows * sizeof(*epolls->is_read));
}

/* The list may change under us; then what is copied is not kept. */
void epolls_copy_uses(struct epolls *epolls, const struct thread *thread)
{
	uint32_t next = thread->epoll_use;

	epolls->nr_copies = 0;
	while (next && next <= epolls->uses.nr_rows && epolls->nr_copies < epolls->uses.nr_rows) {
		struct epoll_use *copy = &epolls->copies[epolls->nr_copies++];

		*copy = *use_at(epolls, next - 1);
		copy->row = next - 1;
		next = copy->next;
	}
}

int epolls_keep_copied(struct epolls *epolls, struct snapshot *out)
{
	int err = 0;

	for (size_t i = 0; i < epolls->nr_copies && !err; i++) {
		epolls->is_read[epolls->copies[i].row] = true;
		err = add_copy(epolls, out, &epolls->copies[i]);
	}
	return err;
}

/* Those of ended threads. */
static int read_other_uses(const struct epolls *epolls, struct snapshot *out)
{
	int err = 0;

	for (uint32_t row = 0; row < epolls->uses.nr_rows && !err; row++) {
		const struct epoll_use *use = use_at(epolls, row);

		if (!epolls->is_read[row] &&
		    __atomic_load_n(&use->state, __ATOMIC_ACQUIRE) != USE_FREE)
			err = read_use(epolls, out, use);
	}
	return err;
}

int epolls_read(struct epolls *epolls, struct snapshot *out)
{
	int err = read_instances(epolls, out);

	if (!err)
		err = read_registrations(epolls, out);
	if (!err)
		err = read_other_uses(epolls, out);
	return err;
}

/* ---- reconciling ---- */

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

/* As add_data() in bpf/registration.bpf.h, but not atomic: nothing is counted by this data yet. */
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

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
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
	memset(registration, 0, sizeof(*registration));
	registration->born_ns = now_ns();
	registration->instance = watched->instance;
	registration->fd = watched->fd;
	registration->events = watched->events;
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

/* ---- retiring ---- */

static void free_use(struct epolls *epolls, struct epoll_use *use, uint32_t row)
{
	struct use_key key = {
		.start_ns = use->process_start_ns,
		.tgid = use->tgid,
		.instance = use->instance,
	};

	struct thread_use_key thread_key = {
		.thread = use->thread,
		.instance = use->instance,
	};
	int ended_uses = bpf_map__fd(epolls->skel->maps.ended_uses);
	uint32_t ended;

	if (!bpf_map_lookup_elem(ended_uses, &key, &ended) && ended == row)
		bpf_map_delete_elem(ended_uses, &key);
	if (use->state == USE_LIVE) /* its thread's end was not seen */
		bpf_map_delete_elem(bpf_map__fd(epolls->skel->maps.uses_by_thread), &thread_key);
	use->state = USE_FREE;
	use->serial++;
	push_row(&epolls->uses, row);
}

int epolls_retire_uses(struct epolls *epolls,
		       bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
		       void *context, struct snapshot *archive)
{
	for (uint32_t row = 0; row < epolls->uses.nr_rows; row++) {
		struct epoll_use *use = use_at(epolls, row);
		int err;

		if (use->state == USE_FREE || !is_ended(context, use->tgid, use->process_start_ns))
			continue;
		err = read_use(epolls, archive, use);
		if (err)
			return err;
		free_use(epolls, use, row);
	}
	return 0;
}

/* Returns when every BPF program that was running has returned: they hold RCU's read lock. */
static void wait_for_programs(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* Makes it known that the row goes, if it is of ended threads. */
static bool begin_to_retire(struct epoll_use *use)
{
	uint32_t ended = USE_ENDED;

	return __atomic_compare_exchange_n(&use->state, &ended, USE_RETIRING, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Instances that are closed and that no live thread has a use of: nothing is added to them. */
static void find_finished(const struct epolls *epolls, bool *finished)
{
	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++)
		finished[row] = instance_at(epolls, row)->is_closed;
	for (uint32_t row = 0; row < epolls->uses.nr_rows; row++) {
		const struct epoll_use *use = use_at(epolls, row);

		if (__atomic_load_n(&use->state, __ATOMIC_ACQUIRE) == USE_LIVE &&
		    use->instance < epolls->instances.nr_rows)
			finished[use->instance] = false;
	}
}

/*
 * What ended threads did on instances that are closed: all of an instance at
 * once, for the next snapshot has it no more. A thread that was ending its use
 * when we looked may still be adding to one: we wait until it has.
 */
static int retire_closed_uses(struct epolls *epolls, struct snapshot *archive)
{
	bool *finished = calloc(epolls->instances.nr_rows, sizeof(*finished));
	uint32_t nr = 0;
	int err = finished ? 0 : -ENOMEM;

	if (finished)
		find_finished(epolls, finished);
	for (uint32_t row = 0; row < epolls->uses.nr_rows && finished; row++) {
		struct epoll_use *use = use_at(epolls, row);

		if (use->instance < epolls->instances.nr_rows && finished[use->instance])
			nr += begin_to_retire(use);
	}
	if (nr)
		wait_for_programs();
	for (uint32_t row = 0; row < epolls->uses.nr_rows && nr && !err; row++) {
		struct epoll_use *use = use_at(epolls, row);

		if (use->state != USE_RETIRING)
			continue;
		err = read_use(epolls, archive, use);
		if (!err)
			free_use(epolls, use, row);
	}
	free(finished);
	return err;
}

/* What is known of an instance's row when it is asked whether it can go. */
struct leaving {
	bool is_used;
	bool leaves;
	struct trigger_counters registrations;
};

static void look_at_rows(const struct epolls *epolls, struct leaving *leaving)
{
	for (uint32_t row = 0; row < epolls->uses.nr_rows; row++) {
		const struct epoll_use *use = use_at(epolls, row);

		if (use->state != USE_FREE && use->instance < epolls->instances.nr_rows)
			leaving[use->instance].is_used = true;
	}
	for (uint32_t row = 0; row < epolls->registrations.nr_rows; row++) {
		const struct registration *registration = registration_at(epolls, row);

		if (registration->is_used && registration->instance < epolls->instances.nr_rows)
			count_trigger(&leaving[registration->instance].registrations,
				      registration->events);
	}
}

static int archive_instance(struct epolls *epolls, uint32_t row, struct leaving *leaving,
			    struct snapshot *archive)
{
	int err = add_instance(archive, instance_number(epolls, row));

	leaving->leaves = !err;
	if (!err && !instance_at(epolls, row)->is_closed)
		archive->instances[archive->nr_instances - 1].registrations =
			leaving->registrations;
	return err;
}

static void free_instance(struct epolls *epolls, uint32_t row)
{
	struct instance *instance = instance_at(epolls, row);
	int by_ep = bpf_map__fd(epolls->skel->maps.instances_by_ep);
	uint32_t current;

	if (!bpf_map_lookup_elem(by_ep, &instance->ep, &current) && current == row)
		bpf_map_delete_elem(by_ep, &instance->ep);
	instance->ep = 0;
	instance->is_closed = 0;
	epolls->generations[row]++;
	push_row(&epolls->instances, row);
}

static int drop_unheld(struct epolls *epolls, struct leaving *leaving,
		       bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
		       void *context, struct snapshot *archive)
{
	uint32_t nr_rows = epolls->instances.nr_rows, nr = 0;
	int err;

	err = retire_closed_uses(epolls, archive);
	look_at_rows(epolls, leaving);
	for (uint32_t row = 0; row < nr_rows && !err; row++) {
		const struct instance *instance = instance_at(epolls, row);

		if (!instance->ep || leaving[row].is_used ||
		    (!instance->is_closed &&
		     !is_ended(context, instance->holder_tgid, instance->holder_start_ns)))
			continue;
		err = archive_instance(epolls, row, &leaving[row], archive);
		nr++;
	}
	if (!err && nr)
		err = sweep(epolls, true);
	for (uint32_t row = 0; row < nr_rows && nr; row++) {
		if (leaving[row].leaves && !instance_at(epolls, row)->nr_registrations)
			free_instance(epolls, row);
	}
	return err;
}

int epolls_drop_unheld(struct epolls *epolls,
		       bool (*is_ended)(void *context, uint32_t tgid, uint64_t start_ns),
		       void *context, struct snapshot *archive)
{
	struct leaving *leaving = calloc(epolls->instances.nr_rows, sizeof(*leaving));
	int err = leaving ? drop_unheld(epolls, leaving, is_ended, context, archive) : -ENOMEM;

	free(leaving);
	return err;
}

bool epolls_are_short(const struct epolls *epolls)
{
	uint64_t nr_registrations = 0;
	uint32_t nr_instances = 0, nr_closed = 0;

	for (uint32_t row = 0; row < epolls->instances.nr_rows; row++) {
		nr_instances += instance_at(epolls, row)->ep != 0;
		nr_closed += instance_at(epolls, row)->is_closed;
		nr_registrations += instance_at(epolls, row)->nr_registrations;
	}
	return nr_closed > epolls->instances.nr_rows / 8 ||
	       nr_instances > epolls->instances.nr_rows / 2 ||
	       nr_registrations > epolls->registrations.nr_rows / 2;
}
