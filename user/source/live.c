/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Profiles of the running kernel: finds the targets, goes live, waits for the
 * end of each interval and takes a snapshot. Holds the tool's only poll loop.
 */
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/err.h"
#include "source/child.h"
#include "source/procfs.h"

/* A target that has ended: what the kernel told of it, and what it left in its rows. */
struct ended {
	struct process_end end;
	bool is_reported; /* its last numbers were in a snapshot */
};

struct live {
	struct source base;
	const struct watch *watch;
	struct probes *probes;
	struct id_list named; /* tgids found at start */
	struct child child;
	int epoll_fd, signal_fd, timer_fd;
	sigset_t old_mask;
	struct snapshot first; /* of the interval at hand */
	struct ended *ended;
	size_t nr_ended;
	uint64_t live_ns;  /* CLOCK_MONOTONIC, when the probes went live */
	uint64_t start_ns; /* of the interval at hand, same clock */
	int64_t start; /* of the interval at hand, seconds since the epoch */
	uint64_t intervals_done;
	bool is_over; /* a signal, the duration, the command's end, all targets gone */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* ---- targets ---- */

static int find_pids(struct live *live)
{
	for (size_t i = 0; i < live->watch->nr_pids; i++) {
		uint32_t pid = live->watch->pids[i];

		if (!procfs_is_process(pid) || procfs_is_zombie(pid))
			return log_fail(EXIT_USAGE, "attach to %u: no such process (ps -e lists them)",
					pid);
		if (id_list_add(&live->named, pid))
			return log_fail(EXIT_NO_MEASURE, "attach to %u: out of memory", pid);
	}
	return 0;
}

static int find_by_ports(struct live *live)
{
	for (size_t i = 0; i < live->watch->nr_ports; i++) {
		uint16_t port = live->watch->ports[i];
		size_t before = live->named.nr;
		int err = procfs_by_port(port, &live->named);

		if (err) {
			log_err(-err, "look for who listens on port %u", port);
			return EXIT_NO_MEASURE;
		}
		if (live->named.nr == before)
			return log_fail(EXIT_USAGE,
					"attach to port %u: nobody listens there (ss -ltnp lists "
					"who does)",
					port);
	}
	return 0;
}

static int find_by_comm(struct live *live)
{
	int err;

	if (!live->watch->comm)
		return 0;
	err = procfs_by_comm(live->watch->comm, &live->named);
	if (err) {
		log_err(-err, "look for processes named %s", live->watch->comm);
		return EXIT_NO_MEASURE;
	}
	if (!live->named.nr)
		return log_fail(EXIT_USAGE, "attach to %s: no process has that name (ps -eo comm "
					    "lists them, at most 15 characters)",
				live->watch->comm);
	return 0;
}

static int find_by_cgroup(struct live *live)
{
	int err;

	if (!live->watch->cgroup)
		return 0;
	err = procfs_by_cgroup(live->watch->cgroup, &live->named);
	if (!err)
		return 0;
	log_err(-err, "attach to cgroup %s (give the path of a directory of cgroup2)",
		live->watch->cgroup);
	return EXIT_USAGE;
}

static int find_targets(struct live *live)
{
	int code = find_pids(live);

	if (!code)
		code = find_by_ports(live);
	if (!code)
		code = find_by_comm(live);
	if (!code && procfs_add_descendants(&live->named))
		code = log_fail(EXIT_NO_MEASURE, "look for the targets' children in /proc");
	if (!code)
		code = find_by_cgroup(live);
	return code;
}

static int add_targets(struct live *live)
{
	for (size_t i = 0; i < live->named.nr; i++) {
		int err = probes_add_target(live->probes, live->named.items[i]);

		if (err == -E2BIG)
			return log_fail(EXIT_NO_MEASURE,
					"attach to %zu processes: the table is too small (raise "
					"--max-processes)",
					live->named.nr);
		if (err) {
			log_err(-err, "attach to %u", live->named.items[i]);
			return EXIT_NO_MEASURE;
		}
	}
	return 0;
}

/* A target that ended before the probes were live left no trace of its end. */
static int drop_gone(void *context, uint32_t tgid, const struct process *process)
{
	struct live *live = context;

	(void)process;
	if (!procfs_is_process(tgid) || procfs_is_zombie(tgid))
		probes_remove_target(live->probes, tgid);
	return 0;
}

/* Ends with its targets: it was given a fixed set. */
static bool has_fixed_targets(const struct watch *watch)
{
	return watch->nr_pids || watch->nr_ports;
}

/* ---- snapshots ---- */

static void note_end(void *context, const struct process_end *end)
{
	struct live *live = context;
	struct ended *grown = array_grow(live->ended, live->nr_ended, sizeof(*grown));

	if (!grown)
		return; /* its rows still say whose they are */
	live->ended = grown;
	grown[live->nr_ended++] = (struct ended){ .end = *end };
}

struct census {
	struct live *live;
	struct snapshot *snapshot;
	bool is_before; /* sums of opened and closed before the walk, else after */
};

static struct snapshot_process *add_process(struct snapshot *snapshot, uint32_t tgid,
					    uint64_t start_ns)
{
	struct snapshot_process *grown, *process = snapshot_find(snapshot, tgid, start_ns);

	if (process)
		return process;
	grown = array_grow(snapshot->processes, snapshot->nr_processes, sizeof(*grown));
	if (!grown)
		return NULL;
	snapshot->processes = grown;
	process = &grown[snapshot->nr_processes++];
	memset(process, 0, sizeof(*process));
	process->tgid = tgid;
	process->start_ns = start_ns;
	return process;
}

/* Before the walk: what was opened and closed so far. */
static int note_fd_sums(void *context, uint32_t tgid, const struct process *process)
{
	struct census *census = context;
	struct snapshot_process *row = add_process(census->snapshot, tgid, process->start_ns);

	if (!row)
		return -ENOMEM;
	if (!row->fds.is_stable)
		probes_fd_sums(census->live->probes, tgid, row->start_ns, &row->fds.opened,
			       &row->fds.closed);
	return 0;
}

/* After it: the same still, or descriptors came and went meanwhile. */
static int take_census(void *context, uint32_t tgid, const struct process *process)
{
	struct census *census = context;
	struct snapshot_process *row = snapshot_find(census->snapshot, tgid, process->start_ns);
	uint64_t opened, closed;

	if (!row || row->fds.is_stable || !process->walk)
		return 0;
	row->fds.is_stable = probes_fd_sums(census->live->probes, tgid, row->start_ns, &opened,
					    &closed) &&
			     opened == row->fds.opened && closed == row->fds.closed;
	row->fds.is_known = true;
	row->fds.has_kinds = true;
	row->fds.limit = process->fd_limit;
	row->fds.open = 0;
	for (int kind = 0; kind < FD_KINDS; kind++) {
		row->fds.kinds[kind] = process->open[kind];
		row->fds.open += process->open[kind];
	}
	row->is_born_traced = process->born_traced;
	row->open_at_birth = process->open_at_birth;
	return 0;
}

static bool is_census_stable(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nr_processes; i++) {
		if (!snapshot->processes[i].fds.is_stable)
			return false;
	}
	return true;
}

#define CENSUS_TRIES 20

/* Counts descriptors until no target opened or closed one meanwhile. */
static int count_descriptors(struct live *live, struct snapshot *snapshot)
{
	struct census census = { .live = live, .snapshot = snapshot };
	int err = 0;

	for (int tries = 0; tries < CENSUS_TRIES && !err; tries++) {
		err = probes_each_process(live->probes, note_fd_sums, &census);
		if (!err)
			err = probes_walk_descriptors(live->probes);
		if (!err)
			err = probes_each_process(live->probes, take_census, &census);
		if (!err && is_census_stable(snapshot))
			break;
	}
	return err;
}

static void sum_fds(const struct snapshot *snapshot, struct snapshot_process *row)
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

/* What the kernel told at the process's end is exact: nobody opens anything after that. */
static void describe_end(const struct snapshot *snapshot, struct snapshot_process *row,
			 const struct process_end *end)
{
	memcpy(row->comm, end->comm, COMM_LEN);
	row->has_exited = true;
	row->is_born_traced = end->born_traced;
	row->open_at_birth = end->open_at_birth;
	row->fds = (struct fd_census){
		.is_known = true,
		.is_stable = true,
		.open = end->open,
		.limit = end->fd_limit,
	};
	sum_fds(snapshot, row);
}

static int add_ended(struct live *live, struct snapshot *snapshot)
{
	for (size_t i = 0; i < live->nr_ended; i++) {
		const struct process_end *end = &live->ended[i].end;
		struct snapshot_process *row = add_process(snapshot, end->tgid, end->start_ns);

		if (!row)
			return -ENOMEM;
		describe_end(snapshot, row, end);
		live->ended[i].is_reported = true;
	}
	return 0;
}

/* Rows of a process whose end was not heard of (LOSS_ENDED_PROCESSES) still count. */
static int add_orphans(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		const struct thread *thread = &snapshot->threads[i];
		struct snapshot_process *row;

		row = add_process(snapshot, thread->tgid, thread->process_start_ns);
		if (!row)
			return -ENOMEM;
		if (!row->comm[0] && thread->tid == thread->tgid)
			memcpy(row->comm, thread->comm, COMM_LEN);
	}
	return 0;
}

static int list_known_threads(const struct snapshot *snapshot, uint32_t tgid, struct id_list *out)
{
	for (size_t i = 0; i < snapshot->nr_threads; i++) {
		const struct thread *thread = &snapshot->threads[i];
		int err;

		if (thread->tgid != tgid || thread->state != THREAD_LIVE)
			continue;
		err = id_list_add(out, thread->tid);
		if (err)
			return err;
	}
	return 0;
}

/* What only /proc knows: the present name, and threads that returned from nothing yet. */
static int ask_procfs(struct live *live, struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->nr_processes; i++) {
		struct snapshot_process *row = &snapshot->processes[i];
		struct id_list known = {};
		int err;

		row->is_named = !live->child.pid && !live->watch->all &&
				id_list_has(&live->named, row->tgid);
		if (row->has_exited)
			continue;
		procfs_comm(row->tgid, row->comm);
		err = list_known_threads(snapshot, row->tgid, &known);
		if (!err)
			row->waiting_unseen = procfs_count_waiting(row->tgid, &known);
		free(known.items);
		if (err)
			return err;
	}
	return 0;
}

/* The last snapshot is taken when the probes are detached, the census just before. */
static int take_snapshot(struct live *live, struct snapshot *out, bool is_last)
{
	int err = count_descriptors(live, out);

	if (!err && is_last)
		probes_detach(live->probes);
	if (!err) {
		probes_take_ended(live->probes, note_end, live);
		out->taken_ns = now_ns();
		out->live_ns = live->live_ns;
		err = probes_read(live->probes, out);
	}
	if (!err)
		err = add_ended(live, out);
	if (!err)
		err = add_orphans(out);
	if (!err)
		err = ask_procfs(live, out);
	if (err)
		log_err(-err, "read the counters");
	return err;
}

/* Forgets the ended processes that a snapshot has shown, so that their rows can be used again. */
static void forget_reported(struct live *live)
{
	size_t kept = 0;

	for (size_t i = 0; i < live->nr_ended; i++) {
		struct ended *ended = &live->ended[i];

		if (!ended->is_reported ||
		    !probes_forget(live->probes, ended->end.tgid, ended->end.start_ns))
			live->ended[kept++] = *ended;
	}
	live->nr_ended = kept;
}

/* ---- the loop ---- */

static int watch_fd(struct live *live, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(live->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int block_signals(struct live *live, sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
	return sigprocmask(SIG_BLOCK, set, &live->old_mask) ? -errno : 0;
}

static int open_loop(struct live *live, const sigset_t *signals)
{
	int err;

	live->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	live->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	live->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (live->epoll_fd < 0 || live->signal_fd < 0 || live->timer_fd < 0)
		return log_err(errno, "open the event loop");
	err = watch_fd(live, live->signal_fd);
	if (!err)
		err = watch_fd(live, live->timer_fd);
	if (!err)
		err = watch_fd(live, probes_ended_fd(live->probes));
	return err ? log_err(-err, "open the event loop") : 0;
}

static uint64_t end_of_interval(const struct live *live)
{
	const struct watch *watch = live->watch;
	uint64_t end = 0;

	if (watch->interval_ns)
		end = live->live_ns + (live->intervals_done + 1) * watch->interval_ns;
	if (watch->duration_ns && (!end || live->live_ns + watch->duration_ns < end))
		end = live->live_ns + watch->duration_ns;
	return end;
}

static void set_timer(struct live *live)
{
	uint64_t end = end_of_interval(live);
	struct itimerspec when = {
		.it_value = { .tv_sec = end / 1000000000, .tv_nsec = end % 1000000000 },
	};

	timerfd_settime(live->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* A command in the terminal gets Ctrl-C itself; it decides when it ends, and we report then. */
static void take_signals(struct live *live)
{
	struct signalfd_siginfo info;

	while (read(live->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			if (live->child.pid && child_reap(&live->child))
				live->is_over = true;
		} else if (!live->child.pid) {
			live->is_over = true;
		} else if (info.ssi_signo != SIGINT && !live->child.has_ended) {
			kill(live->child.pid, info.ssi_signo);
		}
	}
}

static void take_ended(struct live *live)
{
	probes_take_ended(live->probes, note_end, live);
	if (has_fixed_targets(live->watch) && !probes_has_targets(live->probes))
		live->is_over = true;
}

/* Returns when the interval is over, or everything is. */
static int wait_for_end(struct live *live)
{
	uint64_t expirations;

	set_timer(live);
	while (!live->is_over) {
		struct epoll_event event;
		int n = epoll_wait(live->epoll_fd, &event, 1, -1);

		if (n < 0 && errno != EINTR)
			return log_err(errno, "wait for the end of the interval");
		if (n <= 0)
			continue;
		if (event.data.fd == live->signal_fd)
			take_signals(live);
		else if (event.data.fd == live->timer_fd) {
			if (read(live->timer_fd, &expirations, sizeof(expirations)) > 0)
				return 0;
		} else
			take_ended(live);
	}
	return 0;
}

/* ---- profiles ---- */

static char **copy_command(char *const *command)
{
	char **copy;
	size_t nr = 0;

	while (command[nr])
		nr++;
	copy = calloc(nr + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < nr; i++)
		copy[i] = strdup(command[i]);
	return copy;
}

static int describe_target(const struct live *live, struct profile_target *target)
{
	const struct watch *watch = live->watch;

	target->all = watch->all;
	if (watch->nr_pids) {
		target->pids = malloc(watch->nr_pids * sizeof(*watch->pids));
		if (!target->pids)
			return -ENOMEM;
		memcpy(target->pids, watch->pids, watch->nr_pids * sizeof(*watch->pids));
		target->nr_pids = watch->nr_pids;
	}
	if (watch->nr_ports) {
		target->ports = malloc(watch->nr_ports * sizeof(*watch->ports));
		if (!target->ports)
			return -ENOMEM;
		memcpy(target->ports, watch->ports, watch->nr_ports * sizeof(*watch->ports));
		target->nr_ports = watch->nr_ports;
	}
	target->comm = watch->comm ? strdup(watch->comm) : NULL;
	target->cgroup = watch->cgroup ? strdup(watch->cgroup) : NULL;
	target->command = watch->command ? copy_command(watch->command) : NULL;
	if ((watch->comm && !target->comm) || (watch->cgroup && !target->cgroup) ||
	    (watch->command && !target->command))
		return -ENOMEM;
	return 0;
}

static int describe(const struct live *live, struct profile *out)
{
	struct utsname uts;

	uname(&uts);
	out->version = strdup(FDSCOPE_VERSION);
	out->host.kernel = strdup(uts.release);
	out->host.arch = strdup(uts.machine);
	out->host.cpus = sysconf(_SC_NPROCESSORS_ONLN);
	out->backend_syscalls = strdup("tp_btf");
	out->backend_wakeups = strdup("none");
	out->start = live->start;
	if (!out->version || !out->host.kernel || !out->host.arch || !out->backend_syscalls ||
	    !out->backend_wakeups)
		return -ENOMEM;
	return describe_target(live, &out->target);
}

static int make_profile(struct live *live, const struct snapshot *last, struct profile *out)
{
	int err;

	memset(out, 0, sizeof(*out));
	err = describe(live, out);
	if (!err)
		err = profile_between(out, &live->first, last, live->watch->per_thread);
	if (err) {
		profile_free(out);
		log_err(-err, "put the profile together");
	}
	return err;
}

static bool is_last_interval(const struct live *live)
{
	const struct watch *watch = live->watch;

	return live->is_over || !watch->interval_ns ||
	       (watch->nr_intervals && live->intervals_done >= watch->nr_intervals) ||
	       (watch->duration_ns && now_ns() >= live->live_ns + watch->duration_ns);
}

static int live_next(struct source *base, struct profile *out)
{
	struct live *live = (struct live *)base;
	struct snapshot last = {};
	int err;

	if (!live->probes)
		return 0;
	err = wait_for_end(live);
	live->intervals_done++;
	live->is_over = is_last_interval(live);
	if (!err)
		err = take_snapshot(live, &last, live->is_over);
	if (!err)
		err = make_profile(live, &last, out);
	forget_reported(live);
	snapshot_free(&live->first);
	live->first = last;
	live->start = time(NULL);
	if (live->is_over || err) {
		probes_close(live->probes);
		live->probes = NULL;
	}
	return err ? err : 1;
}

static int live_command_status(const struct source *base)
{
	return child_exit_status(&((const struct live *)base)->child);
}

static void live_close(struct source *base)
{
	struct live *live = (struct live *)base;

	child_abandon(&live->child);
	probes_close(live->probes);
	snapshot_free(&live->first);
	free(live->ended);
	free(live->named.items);
	if (live->epoll_fd >= 0)
		close(live->epoll_fd);
	if (live->signal_fd >= 0)
		close(live->signal_fd);
	if (live->timer_fd >= 0)
		close(live->timer_fd);
	sigprocmask(SIG_SETMASK, &live->old_mask, NULL);
	free(live);
}

static const struct source_ops live_ops = {
	.next = live_next,
	.command_status = live_command_status,
	.close = live_close,
};

static int open_probes(struct live *live)
{
	const struct watch *watch = live->watch;
	struct config config = {
		.all = watch->all,
		.cgroup = watch->cgroup != NULL,
		.match_comm = watch->comm != NULL,
		.held_tgid = live->child.pid,
		.own_tgid = getpid(),
	};
	int cgroup_fd = -1, err;

	if (watch->comm)
		strncpy(config.comm, watch->comm, COMM_LEN - 1);
	if (watch->cgroup)
		cgroup_fd = open(watch->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = probes_open(&live->probes, &config, &watch->limits, cgroup_fd);
	if (cgroup_fd >= 0)
		close(cgroup_fd);
	return err;
}

/* From here on everything is counted; what was open before is noted. */
static int go_live(struct live *live)
{
	int err = probes_attach(live->probes);

	if (err)
		return EXIT_NO_MEASURE;
	live->live_ns = now_ns();
	live->start = time(NULL);
	probes_each_process(live->probes, drop_gone, live);
	if (has_fixed_targets(live->watch) && !probes_has_targets(live->probes))
		return log_fail(EXIT_NO_MEASURE, "attach: every target ended before the probes were "
						 "live");
	return take_snapshot(live, &live->first, false) ? EXIT_NO_MEASURE : 0;
}

static void say_tracing(const struct live *live)
{
	const struct watch *watch = live->watch;

	fprintf(stderr, "tracing");
	if (watch->command)
		fprintf(stderr, " %s", watch->command[0]);
	else if (watch->all)
		fprintf(stderr, " all processes");
	else
		fprintf(stderr, " %zu process%s", live->named.nr, live->named.nr == 1 ? "" : "es");
	fprintf(stderr, "%s\n",
		watch->command || watch->duration_ns || watch->nr_intervals ? "" : ", Ctrl-C to end");
}

static int start(struct live *live)
{
	sigset_t signals;
	int code;

	if (block_signals(live, &signals))
		return log_fail(EXIT_NO_MEASURE, "block signals");
	if (live->watch->command &&
	    child_hold(&live->child, live->watch->command, &live->old_mask))
		return EXIT_NO_MEASURE;
	code = find_targets(live);
	if (!code && open_probes(live))
		code = EXIT_NO_MEASURE;
	if (!code)
		code = add_targets(live);
	if (!code && open_loop(live, &signals))
		code = EXIT_NO_MEASURE;
	if (!code)
		code = go_live(live);
	if (code)
		return code;
	say_tracing(live);
	return live->watch->command ? child_release(&live->child, live->watch->command) : 0;
}

int source_open_live(struct source **out, const struct watch *watch)
{
	struct live *live = calloc(1, sizeof(*live));
	int code;

	if (!live)
		return log_fail(EXIT_NO_MEASURE, "attach: out of memory");
	live->base.ops = &live_ops;
	live->watch = watch;
	live->epoll_fd = live->signal_fd = live->timer_fd = -1;
	if (!procfs_in_initial_pid_namespace())
		code = log_fail(EXIT_NO_MEASURE, "attach: this is a pid namespace of its own, and the "
						 "kernel counts by the host's ids (run it on the host)");
	else
		code = start(live);
	if (code) {
		live_close(&live->base);
		return code;
	}
	*out = &live->base;
	return 0;
}
