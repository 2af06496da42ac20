/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Profiles of the running kernel: finds the targets, goes live, waits for the
 * end of each interval and takes a snapshot. Holds the tool's only poll loop.
 */
#include "source/source.h"

#include <errno.h>
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

#include "base/err.h"
#include "model/findings.h"
#include "source/child.h"
#include "source/clock.h"
#include "source/observer.h"
#include "source/targets.h"

struct live {
	struct source base;
	const struct watch *watch;
	struct probes *probes;
	struct observer *observer;
	struct id_list named; /* tgids found at start */
	struct child child;
	int epoll_fd, signal_fd, timer_fd;
	sigset_t old_mask;
	struct snapshot first; /* of the interval at hand */
	uint64_t live_ns;      /* CLOCK_MONOTONIC, when the probes went live */
	uint64_t begun_ns;     /* CLOCK_MONOTONIC, when the first interval began */
	int64_t start;	       /* of the interval at hand, seconds since the epoch */
	uint64_t intervals_done;
	bool is_done; /* the last profile was given out */
	bool is_over; /* a signal, the duration, the command's end, all targets gone */
};

/* Ends with its targets: it was given a fixed set. */
static bool has_fixed_targets(const struct watch *watch)
{
	return watch->nr_pids || watch->nr_ports;
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
		end = live->begun_ns + (live->intervals_done + 1) * watch->interval_ns;
	if (watch->duration_ns && (!end || live->begun_ns + watch->duration_ns < end))
		end = live->begun_ns + watch->duration_ns;
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

/* The terminal has shown the ^C of whoever pressed it: what follows begins a line of its own. */
static void end_line_of_terminal(void)
{
	FILE *terminal = isatty(STDERR_FILENO) ? stderr : stdout;

	if (isatty(fileno(terminal)))
		fputc('\n', terminal);
}

/* A command in the terminal gets Ctrl-C itself; it decides when it ends, and we report then. */
static void take_signals(struct live *live)
{
	struct signalfd_siginfo info;

	while (read(live->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGINT)
			end_line_of_terminal();
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
	observer_take_ended(live->observer);
	if (has_fixed_targets(live->watch) && !probes_has_targets(live->probes))
		live->is_over = true;
}

/* Returns when the interval is over, or everything is. */
static int wait_for_end(struct live *live)
{
	uint64_t expirations;

	if (live->watch->is_timed_by_caller)
		return 0;
	set_timer(live);
	take_ended(live); /* the snapshot before may have heard of the last end already */
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
	out->backend_syscalls = strdup(backend_name(probes_backend(live->probes)));
	out->wakeups = probes_wakeups(live->probes);
	out->backend_wakeups = strdup(out->wakeups ? "fentry" : "none");
	out->start = live->start;
	if (!out->version || !out->host.kernel || !out->host.arch || !out->backend_syscalls ||
	    !out->backend_wakeups)
		return -ENOMEM;
	return describe_target(live, &out->target);
}

static int make_profile(struct live *live, const struct snapshot *last, struct profile *out)
{
	const struct profile_detail detail = {
		.per_thread = live->watch->per_thread,
		.nr_descriptors = live->watch->nr_descriptors,
	};
	int err;

	memset(out, 0, sizeof(*out));
	err = describe(live, out);
	if (!err)
		err = profile_between(out, &live->first, last, &detail);
	if (!err)
		err = findings_add(out);
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
	       (watch->duration_ns && clock_now_ns() >= live->begun_ns + watch->duration_ns);
}

static int live_next(struct source *base, struct profile *out)
{
	struct live *live = (struct live *)base;
	struct snapshot last = {};
	int err;

	if (live->is_done)
		return 0;
	err = wait_for_end(live);
	live->intervals_done++;
	live->is_over = is_last_interval(live);
	if (!err)
		err = observer_snapshot(live->observer, &last, live->is_over);
	if (!err)
		err = make_profile(live, &last, out);
	observer_forget_ended(live->observer);
	snapshot_free(&live->first);
	live->first = last;
	live->start = time(NULL);
	live->is_done = live->is_over || err;
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
	observer_free(live->observer);
	probes_close(live->probes);
	snapshot_free(&live->first);
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

/*
 * Trampolines cost those who are watched less, and bystanders next to nothing,
 * but take a second to attach and several to detach: not for what is short.
 */
static enum backend wanted_backend(const struct watch *watch)
{
	bool is_short = watch->command || watch->is_timed_by_caller;

	return watch->backend == BACKEND_AUTO && is_short ? BACKEND_TRACEPOINTS : watch->backend;
}

static int open_probes(struct live *live)
{
	const struct watch *watch = live->watch;
	const struct probe_options options = {
		.limits = watch->limits,
		.backend = wanted_backend(watch),
		.wakeups = watch->wakeups,
		.all = watch->all,
		.comm = watch->comm,
		.cgroup = watch->cgroup,
		.held_tgid = live->child.pid,
	};
	int err = probes_open(&live->probes, &options);

	if (err)
		return err;
	live->observer = observer_new(live->probes, &live->named);
	return live->observer ? 0 : log_err(ENOMEM, "attach");
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
	if (!procfs_is_alive(tgid))
		probes_remove_target(live->probes, tgid);
	return 0;
}

/* From here on everything is counted; what was open before is noted. */
static int go_live(struct live *live)
{
	int code;

	observer_before_live(live->observer);
	if (probes_attach(live->probes))
		return EXIT_NO_MEASURE;
	live->live_ns = clock_now_ns();
	observer_go_live(live->observer, live->live_ns);
	live->start = time(NULL);
	if (targets_find_late(live->watch, &live->named))
		return log_fail(EXIT_NO_MEASURE, "look for the targets' new children in /proc");
	code = add_targets(live);
	if (code)
		return code;
	probes_each_process(live->probes, drop_gone, live);
	if (has_fixed_targets(live->watch) && !probes_has_targets(live->probes))
		return log_fail(EXIT_NO_MEASURE, "every target ended before the probes were live");
	return observer_snapshot(live->observer, &live->first, false) ? EXIT_NO_MEASURE : 0;
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
		watch->command || watch->duration_ns || watch->nr_intervals ? ""
									    : ", Ctrl-C to end");
}

static int start(struct live *live)
{
	sigset_t signals;
	int code;

	if (block_signals(live, &signals))
		return log_fail(EXIT_NO_MEASURE, "block signals");
	if (live->watch->command && child_hold(&live->child, live->watch->command, &live->old_mask))
		return EXIT_NO_MEASURE;
	code = targets_find(live->watch, &live->named);
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
	live->begun_ns = live->first.taken_ns;
	if (!live->watch->is_timed_by_caller)
		say_tracing(live);
	if (!live->watch->command)
		return 0;
	code = child_release(&live->child, live->watch->command);
	live->start = time(NULL);
	live->first.taken_ns = clock_now_ns(); /* nothing was counted before its execve */
	live->begun_ns = live->first.taken_ns;
	return code;
}

/* The kernel counts by the host's ids; /proc has to tell the same ones. */
static int look_at_ids(void)
{
	if (!procfs_is_mounted())
		return log_fail(EXIT_NO_MEASURE,
				"/proc is not mounted: targets are looked for there");
	if (!procfs_in_initial_pid_namespace())
		return log_fail(EXIT_NO_MEASURE,
				"this is a pid namespace of its own, and the kernel counts by the "
				"host's ids (run it on the host)");
	return 0;
}

int source_open_live(struct source **out, const struct watch *watch)
{
	struct live *live = calloc(1, sizeof(*live));
	int code;

	if (!live)
		return log_fail(EXIT_NO_MEASURE, "out of memory");
	live->base.ops = &live_ops;
	live->watch = watch;
	live->epoll_fd = live->signal_fd = live->timer_fd = -1;
	code = look_at_ids();
	if (!code)
		code = start(live);
	if (code) {
		live_close(&live->base);
		return code;
	}
	*out = &live->base;
	return 0;
}
