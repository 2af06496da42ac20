/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF programs and their tables, from loading to unloading: whom they watch,
 * and when they count. Reading is in probes_read.c.
 */
#include "source/probe_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/err.h"
#include "source/doors.h"
#include "source/epolls.h"
#include "source/iterator.h"
#include "source/keeper.h"
#include "source/trampoline.h"
#include "source/wakeups.h"

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
		return log_fail(err,
				"load the BPF programs: /sys/kernel/btf/vmlinux is missing (needs "
				"a kernel with CONFIG_DEBUG_INFO_BTF)");
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

/* Asked for by name and not to be had: why, as far as the kernel tells. */
static int log_wakeups_error(int err)
{
	const char *reason = strerror(-err), *hint = "";

	if (err == -EPERM && geteuid())
		hint = " (needs CAP_BPF and CAP_PERFMON; run as root)";
	else if (err == -EPERM && trampoline_is_locked_down())
		reason = "it is locked down";
	return log_fail(err,
			"--wakeups: this kernel does not let its functions be traced: %s%s; "
			"fdscope check tells what can be had (without it all else is measured)",
			reason, hint);
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
		return options->wakeups ? log_wakeups_error(err) : log_load_error(err);
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
	struct fdscope_bpf__bss *bss = probes->skel->bss;
	int err;

	bss->walk++;
	bss->walk_next = 0;
	do {
		bss->walk_from = bss->walk_next;
		bss->walk_next = 0;
		err = iterator_run(probes->skel->links.task_met);
	} while (!err && bss->walk_next);
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
