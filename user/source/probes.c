/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/probes.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <fdscope/config.h>
#include "base/array.h"
#include "base/err.h"
#include "fdscope.skel.h"
#include "source/doors.h"
#include "source/epolls.h"
#include "source/iterator.h"
#include "source/keeper.h"
#include "source/wakeups.h"

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

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

bool probes_see_io_uring(const struct probes *probes)
{
	return doors_see_io_uring(probes->skel);
}

static int set_sizes(struct fdscope_bpf *skel, const struct probe_limits *limits)
{
	const struct {
		struct bpf_map *map;
		uint32_t entries;
	} sizes[] = {
		{ skel->maps.threads, limits->threads },
		{ skel->maps.free_rows, limits->threads },
		{ skel->maps.rows_by_task, limits->threads },
		{ skel->maps.ended_rows, limits->threads },
		{ skel->maps.changes, limits->threads },
		{ skel->maps.processes, limits->processes },
		{ skel->maps.listeners, limits->listeners },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int err = bpf_map__set_max_entries(sizes[i].map, sizes[i].entries);

		if (err)
			return err;
	}
	return epolls_set_sizes(skel, limits);
}

/* Why the kernel would not have it, as far as an errno tells. */
static int log_load_error(int err)
{
	if (err == -EPERM || err == -EACCES)
		return log_err(
			-err, "load the BPF programs (needs CAP_BPF and CAP_PERFMON; run as root)");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return log_err(-err,
			       "load the BPF programs: /sys/kernel/btf/vmlinux is missing (needs a "
			       "kernel with CONFIG_DEBUG_INFO_BTF)");
	if (err == -ENOMEM || err == -E2BIG)
		return log_err(-err, "load the BPF programs (lower --max-threads?)");
	return log_err(-err, "load the BPF programs (fdscope check tells what this kernel allows)");
}

static int map_rows(struct probes *probes)
{
	int fd = bpf_map__fd(probes->skel->maps.threads);
	size_t bytes = (size_t)probes->nr_rows * sizeof(struct thread);

	probes->rows = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (probes->rows == MAP_FAILED) {
		probes->rows = NULL;
		return log_err(errno, "map the table of threads");
	}
	return 0;
}

static int push_row(const struct probes *probes, uint32_t row)
{
	return bpf_map_update_elem(bpf_map__fd(probes->skel->maps.free_rows), NULL, &row, BPF_ANY);
}

static int fill_free_rows(const struct probes *probes)
{
	for (uint32_t row = probes->nr_rows; row-- > 0;) {
		if (push_row(probes, row))
			return log_err(errno, "fill the table of free rows");
	}
	return 0;
}

static int take_end(void *context, void *data, size_t size)
{
	struct probes *probes = context;
	const struct process_end *end = data;

	if (size >= sizeof(*end) && end->tgid) /* else only to wake us: instances were closed */
		probes->on_end(probes->on_end_context, end);
	return 0;
}

/* All of it but sees_compat, which the door decides. */
static void fill_config(struct fdscope_bpf *skel, const struct probe_options *options)
{
	struct config config = {
		.all = options->all,
		.wakeups = options->wakeups,
		.cgroup = options->cgroup != NULL,
		.match_comm = options->comm != NULL,
		.held_tgid = options->held_tgid,
		.own_tgid = getpid(),
	};

	if (options->comm)
		strncpy(config.comm, options->comm, COMM_LEN - 1);
	*(struct config *)&skel->rodata->config = config;
}

/* Opens the programs and says which are to be loaded. 0 or -errno, logged. */
static int choose_programs(struct probes *probes, const struct probe_options *options,
			   enum backend backend)
{
	int err;

	probes->skel = fdscope_bpf__open();
	if (!probes->skel)
		return log_err(errno, "open the BPF programs");
	probes->nr_rows = options->limits.threads;
	fill_config(probes->skel, options);
	err = doors_open(probes->skel, backend, &probes->backend);
	if (err)
		return log_err(-err, "--backend fentry: trace the kernel's functions (auto takes "
				     "what works)");
	err = wakeups_open(&probes->wakeups, probes->skel, options->wakeups);
	if (err)
		return log_err(-err, "--wakeups: trace the kernel's functions (without it all else "
				     "is measured)");
	err = set_sizes(probes->skel, &options->limits);
	return err ? log_load_error(err) : 0;
}

#define LINKS_MAX 256

/* What takes long to be taken off is left to an orphan; if there is none to be had, it takes long. */
static void unload(struct probes *probes)
{
	int fds[LINKS_MAX], gate = -1;
	size_t nr = 0;

	if (probes->skel)
		nr = doors_fds(probes->skel, fds, LINKS_MAX);
	nr += wakeups_fds(probes->wakeups, fds + nr, LINKS_MAX - nr);
	if (nr)
		gate = keeper_start(fds, nr);
	wakeups_close(probes->wakeups);
	fdscope_bpf__destroy(probes->skel);
	if (gate >= 0)
		close(gate);
	probes->wakeups = NULL;
	probes->skel = NULL;
}

static int load_chosen(struct probes *probes)
{
	int err = fdscope_bpf__load(probes->skel);

	return err ? err : doors_attach(probes->skel);
}

/* What was not asked for by name may be refused. */
static int load_programs(struct probes *probes, const struct probe_options *options)
{
	int err;

	libbpf_set_print(print_nothing);
	err = choose_programs(probes, options, options->backend);
	if (err)
		return err;
	err = load_chosen(probes);
	if (err && options->backend == BACKEND_AUTO && probes->backend == BACKEND_FENTRY) {
		unload(probes);
		err = choose_programs(probes, options, BACKEND_TRACEPOINTS);
		if (err)
			return err;
		err = load_chosen(probes);
	}
	return err ? log_load_error(err) : 0;
}

/* The map keeps the cgroup; its descriptor is not needed any more. */
static int watch_cgroup(const struct probes *probes, const char *path)
{
	uint32_t zero = 0;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return log_err(errno, "watch the cgroup %s", path);
	if (bpf_map_update_elem(bpf_map__fd(probes->skel->maps.cgroups), &zero, &fd, BPF_ANY))
		err = log_err(errno, "watch the cgroup %s", path);
	close(fd);
	return err;
}

int probes_open(struct probes **out, const struct probe_options *options)
{
	struct probes *probes = calloc(1, sizeof(*probes));
	int err;

	if (!probes)
		return log_err(ENOMEM, "load the BPF programs");
	err = load_programs(probes, options);
	if (!err)
		err = map_rows(probes);
	if (!err)
		err = fill_free_rows(probes);
	if (!err)
		err = epolls_open(&probes->epolls, probes->skel, probes->rows, &options->limits);
	if (!err && options->cgroup)
		err = watch_cgroup(probes, options->cgroup);
	if (!err) {
		probes->ended = ring_buffer__new(bpf_map__fd(probes->skel->maps.ended_processes),
						 take_end, probes, NULL);
		if (!probes->ended)
			err = log_err(errno, "open the ring of ended processes");
	}
	if (err) {
		probes_close(probes);
		return err;
	}
	*out = probes;
	return 0;
}

void probes_close(struct probes *probes)
{
	if (!probes)
		return;
	epolls_close(probes->epolls);
	if (probes->rows)
		munmap(probes->rows, (size_t)probes->nr_rows * sizeof(struct thread));
	ring_buffer__free(probes->ended);
	unload(probes);
	free(probes);
}

enum backend probes_backend(const struct probes *probes)
{
	return probes->backend;
}

struct epolls *probes_epolls(struct probes *probes)
{
	return probes->epolls;
}

static int processes_fd(const struct probes *probes)
{
	return bpf_map__fd(probes->skel->maps.processes);
}

int probes_add_target(struct probes *probes, uint32_t tgid)
{
	struct process birth = {};

	if (!bpf_map_update_elem(processes_fd(probes), &tgid, &birth, BPF_NOEXIST) ||
	    errno == EEXIST)
		return 0;
	return -errno;
}

void probes_remove_target(struct probes *probes, uint32_t tgid)
{
	bpf_map_delete_elem(processes_fd(probes), &tgid);
}

bool probes_has_targets(const struct probes *probes)
{
	uint32_t tgid;

	return !bpf_map_get_next_key(processes_fd(probes), NULL, &tgid);
}

static void set_live(struct probes *probes, uint32_t is_live)
{
	__atomic_store_n(&probes->skel->bss->is_live, is_live, __ATOMIC_SEQ_CST);
}

int probes_attach(struct probes *probes)
{
	int err = fdscope_bpf__attach(probes->skel);

	if (err)
		return log_err(-err,
			       "attach the probes (fdscope check tells what this kernel allows)");
	err = wakeups_attach(probes->wakeups);
	if (!err)
		set_live(probes, 1);
	return err;
}

void probes_detach(struct probes *probes)
{
	set_live(probes, 0);
	doors_detach(probes->skel);
}

unsigned probes_wakeups(const struct probes *probes)
{
	return wakeups_parts(probes->wakeups);
}

int probes_walk_descriptors(struct probes *probes)
{
	int err;

	probes->skel->bss->walk++;
	err = iterator_run(probes->skel->links.descriptor_met);
	return err ? log_err(-err, "walk over the open descriptors") : 0;
}

int probes_ended_fd(const struct probes *probes)
{
	return ring_buffer__epoll_fd(probes->ended);
}

void probes_take_ended(struct probes *probes,
		       void (*on_end)(void *context, const struct process_end *end), void *context)
{
	probes->on_end = on_end;
	probes->on_end_context = context;
	ring_buffer__consume(probes->ended);
}

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
