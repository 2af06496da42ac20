/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Intervals: snapshots before and after, and the profile between them. */
#include "tracer.h"

#include "base/array.h"
#include "model/fields.h"
#include "source/epolls.h"
#include "source/procfs.h"
#include "source/reconcile.h"

/*
 * An emulated machine takes seconds to load the programs. With FDSCOPE_LOAD_ONCE
 * the tests that want tables of their own are skipped.
 */
static void spare_another_load(void)
{
	static bool has_loaded;

	if (has_loaded && getenv("FDSCOPE_LOAD_ONCE"))
		skip();
	has_loaded = true;
}

#define OWN_FDS_FROM 200

/* Tests choose numbers of descriptors; those of the programs and links keep out of the way. */
static void take_numbers(bool *taken)
{
	int fd;

	while ((fd = must(dup(0), "dup")) < OWN_FDS_FROM)
		taken[fd] = true;
	close(fd);
}

static void give_numbers(const bool *taken)
{
	for (int fd = 0; fd < OWN_FDS_FROM; fd++) {
		if (taken[fd])
			close(fd);
	}
}

/* FDSCOPE_BACKEND=tp_btf, tp or fentry: not the one that suits the kernel. */
struct tracer *tracer_load(const struct probe_options *options)
{
	const char *name = getenv("FDSCOPE_BACKEND");
	struct probe_options with_backend = *options;
	bool taken[OWN_FDS_FROM] = {};
	struct tracer *tracer;

	assert_true(backend_named(name ? name : "auto", &with_backend.backend));
	spare_another_load();
	tracer = calloc(1, sizeof(*tracer));
	assert_non_null(tracer);
	take_numbers(taken);
	assert_int_equal(probes_open(&tracer->probes, &with_backend), 0);
	give_numbers(taken);
	return tracer;
}

void tracer_go_live(struct tracer *tracer)
{
	bool taken[OWN_FDS_FROM] = {};

	take_numbers(taken);
	assert_int_equal(probes_attach(tracer->probes), 0);
	give_numbers(taken);
}

struct tracer *tracer_new(const struct probe_options *options)
{
	struct tracer *tracer = tracer_load(options);

	assert_int_equal(probes_add_target(tracer->probes, getpid()), 0);
	tracer_go_live(tracer);
	return tracer;
}

void tracer_free(struct tracer *tracer)
{
	if (!tracer)
		return;
	probes_close(tracer->probes);
	snapshot_free(&tracer->first);
	snapshot_free(&tracer->last);
	snapshot_free(&tracer->archive);
	profile_free(&tracer->profile);
	free(tracer->ends);
	free(tracer);
}

struct probes *tracer_probes(struct tracer *tracer)
{
	return tracer->probes;
}

size_t tracer_intervals(const struct tracer *tracer)
{
	return tracer->nr_intervals;
}

static void note_end(void *context, const struct process_end *end)
{
	struct tracer *tracer = context;
	struct process_end *grown = array_grow(tracer->ends, tracer->nr_ends, sizeof(*grown));

	assert_non_null(grown);
	tracer->ends = grown;
	grown[tracer->nr_ends++] = *end;
}

static bool has_ended(void *context, uint32_t tgid, uint64_t start_ns)
{
	const struct tracer *tracer = context;

	for (size_t i = 0; i < tracer->nr_ends; i++) {
		if (tracer->ends[i].tgid == tgid && tracer->ends[i].start_ns == start_ns)
			return true;
	}
	return false;
}

/* So that their rows can be used again. What they did was in an interval, or is nobody's concern. */
static void forget_ended(struct tracer *tracer)
{
	struct probes *probes = tracer->probes;
	struct snapshot archive = {};

	probes_take_ended(probes, note_end, tracer);
	for (size_t i = 0; i < tracer->nr_ends; i++)
		probes_close_process(probes, tracer->ends[i].tgid, tracer->ends[i].start_ns);
	for (uint32_t i = 0; i < probes_nr_rows(probes); i++) {
		const struct thread *row = probes_row(probes, i);

		if (row->state == THREAD_ENDED &&
		    has_ended(tracer, row->tgid, row->process_start_ns))
			assert_int_equal(probes_retire_row(probes, i, &archive), 0);
	}
	assert_int_equal(probes_retire_listeners(probes, has_ended, tracer, &archive), 0);
	assert_int_equal(epolls_retire_uses(probes_epolls(probes), has_ended, tracer, &archive), 0);
	assert_int_equal(epolls_drop_unheld(probes_epolls(probes), has_ended, tracer, &archive), 0);
	snapshot_free(&archive);
	free(tracer->ends);
	tracer->ends = NULL;
	tracer->nr_ends = 0;
}

void give_back_rows(struct tracer *tracer)
{
	probes_take_ended(tracer->probes, note_end, tracer);
	assert_int_equal(epolls_drop_unheld(probes_epolls(tracer->probes), has_ended, tracer,
					    &tracer->archive),
			 0);
}

static void add_archive(const struct snapshot *archive, struct snapshot *last)
{
	for (size_t i = 0; i < archive->nr_uses; i++)
		assert_int_equal(epolls_add_use(last, &archive->uses[i]), 0);
}

static struct snapshot_process *add_row(struct snapshot *snapshot, uint32_t tgid, uint64_t start_ns)
{
	struct snapshot_process *row = snapshot_add_process(snapshot, tgid, start_ns);

	assert_non_null(row);
	row->is_named = true;
	return row;
}

static void sum_opened(const struct snapshot *snapshot, struct snapshot_process *row)
{
	row->fds.opened = row->fds.closed = 0;
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		const struct thread *thread = &snapshot->threads[i];

		if (thread->tgid != row->tgid || thread->process_start_ns != row->start_ns)
			continue;
		row->fds.opened += thread->counters.fds.opened;
		row->fds.closed += thread->counters.fds.closed;
	}
}

/* Our own census holds the descriptor of the walk itself. */
static int take_census(void *context, uint32_t tgid, const struct process *process)
{
	struct snapshot *snapshot = context;
	struct snapshot_process *row = add_row(snapshot, tgid, process->start_ns);

	row->is_born_traced = process->born_traced;
	row->open_at_birth = process->open_at_birth;
	row->is_compat = process->is_compat;
	row->fds.is_known = row->fds.is_stable = row->fds.has_kinds = process->walk != 0;
	row->fds.limit = process->fd_limit;
	row->fds.open = 0;
	for (int kind = 0; kind < FD_KINDS; kind++) {
		row->fds.kinds[kind] = process->open[kind];
		row->fds.open += process->open[kind];
	}
	if (tgid == (uint32_t)getpid() && process->walk) {
		row->fds.kinds[KIND_OTHER]--;
		row->fds.open--;
	}
	sum_opened(snapshot, row);
	return 0;
}

void look_around(struct tracer *tracer)
{
	assert_int_equal(probes_walk_descriptors(tracer->probes), 0);
	assert_int_equal(epolls_sweep(probes_epolls(tracer->probes)), 0);
}

/* As the observer does at its start: the first walk makes targets and their instances known. */
static void meet(struct tracer *tracer)
{
	if (tracer->has_met)
		return;
	tracer->has_met = true;
	look_around(tracer);
	look_around(tracer);
	assert_int_equal(reconcile_at_start(tracer->probes), 0);
}

void begin(struct tracer *tracer)
{
	struct snapshot *first = &tracer->first;

	tracer->nr_wanted = 0; /* of a test that failed before it could compare */
	snapshot_free(first);
	forget_ended(tracer);
	snapshot_free(&tracer->archive);
	meet(tracer);
	look_around(tracer);
	assert_int_equal(probes_read(tracer->probes, first), 0);
	assert_int_equal(probes_each_process(tracer->probes, take_census, first), 0);
	first->taken_ns = first->live_ns = now_ns();
}

static void add_ended(struct tracer *tracer, struct snapshot *last)
{
	probes_take_ended(tracer->probes, note_end, tracer);
	for (size_t i = 0; i < tracer->nr_ends; i++) {
		const struct process_end *end = &tracer->ends[i];
		struct snapshot_process *row = add_row(last, end->tgid, end->start_ns);

		memcpy(row->comm, end->comm, COMM_LEN);
		row->has_exited = true;
		row->is_born_traced = end->born_traced;
		row->open_at_birth = end->open_at_birth;
		row->is_compat = end->is_compat;
		row->fds.is_known = row->fds.is_stable = true;
		row->fds.open = end->open;
		row->fds.limit = end->fd_limit;
		sum_opened(last, row);
	}
}

static void swap(void *one, void *other, size_t bytes)
{
	uint8_t kept[64];

	assert_true(bytes <= sizeof(kept));
	memcpy(kept, one, bytes);
	memcpy(one, other, bytes);
	memcpy(other, kept, bytes);
}

#define SWAP(one, other) swap(&(one), &(other), sizeof(one))

/*
 * The walk opens, reads and closes a descriptor of ours, so the counters are
 * read before it; it reads the listeners' drops and finds what is registered,
 * so they are read after it.
 */
static void take_last(struct tracer *tracer)
{
	struct snapshot *last = &tracer->last, again = {};

	snapshot_free(last);
	last->live_ns = tracer->first.live_ns;
	last->taken_ns = now_ns();
	assert_int_equal(probes_read(tracer->probes, last), 0);
	assert_false(last->is_torn);
	add_archive(&tracer->archive, last);
	add_ended(tracer, last);
	look_around(tracer);
	assert_int_equal(probes_read(tracer->probes, &again), 0);
	SWAP(last->listeners, again.listeners);
	SWAP(last->nr_listeners, again.nr_listeners);
	SWAP(last->instances, again.instances);
	SWAP(last->nr_instances, again.nr_instances);
	SWAP(last->registrations, again.registrations);
	SWAP(last->nr_registrations, again.nr_registrations);
	snapshot_free(&again);
	assert_int_equal(probes_each_process(tracer->probes, take_census, last), 0);
	for (size_t i = 0; i < last->nr_processes; i++) {
		if (!last->processes[i].has_exited)
			procfs_comm(last->processes[i].tgid, last->processes[i].comm);
	}
}

void end(struct tracer *tracer)
{
	take_last(tracer);
	profile_free(&tracer->profile);
	assert_int_equal(profile_between(&tracer->profile, &tracer->first, &tracer->last,
					 &(struct profile_detail){ .per_thread = true }),
			 0);
	tracer->nr_intervals++;
	forget_ended(tracer);
	for (size_t i = 0; i < tracer->profile.nr_processes; i++)
		check_sums_of(&tracer->profile, &tracer->profile.processes[i]);
}

const struct profile *profile_of(const struct tracer *tracer)
{
	return &tracer->profile;
}

static const struct profile_process *find_process(const struct tracer *tracer, pid_t tgid)
{
	for (size_t i = 0; i < tracer->profile.nr_processes; i++) {
		if (tracer->profile.processes[i].tgid == (uint32_t)tgid)
			return &tracer->profile.processes[i];
	}
	return NULL;
}

bool has_process(const struct tracer *tracer, pid_t tgid)
{
	return find_process(tracer, tgid);
}

const struct profile_process *process_of(const struct tracer *tracer, pid_t tgid)
{
	const struct profile_process *process = find_process(tracer, tgid);

	if (!process)
		fail_msg("process %d is not in the profile", tgid);
	return process;
}

const struct profile_process *own_process(const struct tracer *tracer)
{
	return process_of(tracer, getpid());
}

const struct profile_listener *listener_of(const struct profile_process *process, uint64_t inode)
{
	for (size_t i = 0; i < process->nr_listeners; i++) {
		if (process->listeners[i].inode == inode)
			return &process->listeners[i];
	}
	fail_msg("no listener has inode %llu", (unsigned long long)inode);
	return NULL;
}

const struct profile_epoll *epoll_of(const struct profile_process *process, int epfd)
{
	const struct profile_epoll *found = NULL;

	for (size_t i = 0; i < process->nr_epolls; i++) {
		if (process->epolls[i].epfd != (uint64_t)epfd)
			continue;
		if (found)
			fail_msg("several instances were waited on as %d", epfd);
		found = &process->epolls[i];
	}
	if (!found)
		fail_msg("nothing was waited on as %d", epfd);
	return found;
}

const struct profile_descriptor *descriptor_of(const struct profile_process *process, int epfd,
					       int fd)
{
	uint64_t instance = epoll_of(process, epfd)->instance;

	for (size_t i = 0; i < process->nr_descriptors; i++) {
		const struct profile_descriptor *row = &process->descriptors[i];

		if (row->instance == instance && row->fd == (uint64_t)fd)
			return row;
	}
	fail_msg("%d did nothing in the instance of %d", fd, epfd);
	return NULL;
}
