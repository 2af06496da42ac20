/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which functions are behind the traced calls, whether this kernel would run our
 * programs for all of them, and how trampolines are attached and, in the end,
 * left behind. Other programs are attached by probes.c, those that look inside
 * the kernel's waits by wakeups.c.
 */
#include "source/doors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/membarrier.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <fdscope/calls.h>
#include <fdscope/config.h>
#include "base/err.h"
#include "fdscope.skel.h"
#include "source/trampoline.h"

#define OPENER(name)	  { CALL_FUNCTION(name), true },
#define CALLED(name, ...) { CALL_FUNCTION(name), false },

/* The functions behind the traced calls. */
static const struct {
	const char *function;
	bool only_opens;
} traced[] = { TRACED_CALLS(OPENER, CALLED, CALLED){ RESUMES_POLL, false } };

#define NR_TRACED (sizeof(traced) / sizeof(*traced))

/* Their BTF ids, or 0. */
struct functions {
	uint32_t ids[NR_TRACED];
};

static int index_of(const char *name)
{
	for (size_t i = 0; i < NR_TRACED; i++) {
		if (!strcmp(traced[i].function, name))
			return i;
	}
	return -1;
}

static void find_functions(const struct btf *btf, struct functions *functions)
{
	memset(functions, 0, sizeof(*functions));
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		int i;

		if (!btf_is_func(type))
			continue;
		i = index_of(btf__name_by_offset(btf, type->name_off));
		if (i >= 0)
			functions->ids[i] = id;
	}
}

static bool is_missing(const struct functions *functions, size_t i)
{
	return !functions->ids[i] && !traced[i].only_opens;
}

/*
 * A call that the kernel has but tells no types of would go by unseen. One that
 * only opens a descriptor may: the profile then has that as unaccounted.
 */
static bool has_untyped(const struct functions *functions)
{
	char line[256], name[128];
	size_t nr_missing = 0;
	bool found = false;
	FILE *file;

	for (size_t i = 0; i < NR_TRACED; i++)
		nr_missing += is_missing(functions, i);
	if (!nr_missing)
		return false;
	file = fopen("/proc/kallsyms", "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		int i;

		if (sscanf(line, "%*s %*c %127s", name) != 1)
			continue;
		i = index_of(name);
		found = i >= 0 && is_missing(functions, i);
	}
	if (file)
		fclose(file);
	return found || !file;
}

#define PREEMPT_MODE "/sys/kernel/debug/sched/preempt" /* "none voluntary (full) lazy" */

/*
 * Can a thread be preempted in the kernel? Its version tells whether it was built
 * so (init/version-timestamp.c), and debugfs, where that is decided at boot; what
 * cannot be read is taken for yes.
 */
static bool is_preemptible(void)
{
	char mode[128] = "";
	struct utsname uts;
	FILE *file;

	uname(&uts);
	if (!strstr(uts.version, "PREEMPT"))
		return false;
	file = strstr(uts.version, "PREEMPT_DYNAMIC") ? fopen(PREEMPT_MODE, "re") : NULL;
	if (file && !fgets(mode, sizeof(mode), file))
		mode[0] = '\0';
	if (file)
		fclose(file);
	return !strstr(mode, "(none)") && !strstr(mode, "(voluntary)");
}

static int try_fentry(const struct btf *btf, struct functions *functions)
{
	int err;

	if (!btf)
		return -ENOENT;
	find_functions(btf, functions);
	if (!functions->ids[0] || has_untyped(functions))
		return -ENOENT;
	err = trampoline_try_argument(functions->ids[0]);
	/* Who takes trampolines off takes the last one off last: see doors_fds(). */
	return err ? err : trampoline_try(functions->ids[NR_TRACED - 1]);
}

static bool has(const struct btf *btf, const char *name, uint32_t kind)
{
	return btf && btf__find_by_name_kind(btf, name, kind) > 0;
}

/*
 * Do the programs of raw tracepoints run preemptibly? Tracepoints are protected
 * by an SRCU domain of theirs then. Kernels up to 6.12 had one of that name for
 * something else; struct tracepoint_ext came when it went.
 */
static bool raw_is_preemptible(const struct btf *btf)
{
	return has(btf, "tracepoint_srcu_srcu_data", BTF_KIND_VAR) &&
	       has(btf, "tracepoint_ext", BTF_KIND_STRUCT);
}

/* Classic tracepoints are found by their number, which stands in tracefs. */
static bool has_tracefs(void)
{
	return !access("/sys/kernel/tracing/events/raw_syscalls", R_OK) ||
	       !access("/sys/kernel/debug/tracing/events/raw_syscalls", R_OK);
}

static enum backend exact_tracepoints(const struct btf *btf)
{
	if (!raw_is_preemptible(btf))
		return BACKEND_TP_BTF;
	if (has_tracefs())
		return BACKEND_TP;
	log_note("tracefs cannot be read at /sys/kernel/tracing: under load calls may be missed, "
		 "and are counted as programs_skipped");
	return BACKEND_TP_BTF;
}

int doors_try_fentry(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct functions functions;
	int err = try_fentry(btf, &functions);

	btf__free(btf);
	return err ? err : is_preemptible() ? -EAGAIN : 0;
}

/* The row of @traced that @program is attached to, or -1: it is no trampoline's. */
static int traced_by(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	if (strncmp(section, "fentry/", 7) && strncmp(section, "fexit/", 6))
		return -1;
	return index_of(strchr(section, '/') + 1);
}

static void open_trampolines(struct fdscope_bpf *skel, const struct functions *functions)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skel->obj) {
		int i = traced_by(program);

		if (i < 0)
			continue;
		bpf_program__set_autoload(program, functions->ids[i] != 0);
		bpf_program__set_autoattach(program, false);
	}
}

/* The tracepoints of system calls, and of tasks and io_uring, which there is no trampoline for. */
static void open_tracepoints(struct fdscope_bpf *skel, enum backend backend, const struct btf *btf)
{
	const bool is_classic = backend == BACKEND_TP, is_raw = !is_classic;
	/* Not every kernel has them. */
	const bool has_new = has(btf, "btf_trace_io_uring_submit_req", BTF_KIND_TYPEDEF);
	const bool has_old = has(btf, "btf_trace_io_uring_submit_sqe", BTF_KIND_TYPEDEF);
	const struct {
		struct bpf_program *program;
		bool is_open;
	} tracepoints[] = {
		{ skel->progs.syscall_enter, backend == BACKEND_TP_BTF },
		{ skel->progs.syscall_exit, backend == BACKEND_TP_BTF },
		{ skel->progs.task_fork, is_raw },
		{ skel->progs.task_exec, is_raw },
		{ skel->progs.task_exit, is_raw },
		{ skel->progs.io_uring_submit, is_raw && has_new },
		{ skel->progs.io_uring_submit_old, is_raw && has_old && !has_new },
		{ skel->progs.syscall_enter_classic, is_classic },
		{ skel->progs.syscall_exit_classic, is_classic },
		{ skel->progs.task_fork_classic, is_classic },
		{ skel->progs.task_exec_classic, is_classic },
		{ skel->progs.task_exit_classic, is_classic },
		{ skel->progs.io_uring_submit_classic, is_classic && has_new },
	};

	for (size_t i = 0; i < sizeof(tracepoints) / sizeof(*tracepoints); i++)
		bpf_program__set_autoload(tracepoints[i].program, tracepoints[i].is_open);
}

/* Another fdscope that has ended may still have its trampolines taken off, for ten seconds or so. */
#define TRY_AGAIN_US 100000
#define MAX_TRIES    300

/* The one to open in place of @wanted; 0 or -errno. */
static int choose(const struct btf *btf, enum backend wanted, struct functions *functions,
		  enum backend *chosen)
{
	int err;

	*chosen = wanted;
	if (wanted == BACKEND_TP_BTF || wanted == BACKEND_TP)
		return 0;
	if (wanted == BACKEND_TRACEPOINTS || (wanted == BACKEND_AUTO && is_preemptible())) {
		*chosen = exact_tracepoints(btf);
		return 0;
	}
	err = try_fentry(btf, functions);
	for (int tries = 0; err == -EBUSY && wanted == BACKEND_FENTRY && tries < MAX_TRIES;
	     tries++) {
		usleep(TRY_AGAIN_US);
		err = try_fentry(btf, functions);
	}
	if (err && wanted == BACKEND_FENTRY)
		return err;
	*chosen = err ? exact_tracepoints(btf) : BACKEND_FENTRY;
	return 0;
}

int doors_open(struct fdscope_bpf *skel, enum backend wanted, enum backend *opened)
{
	struct btf *btf = btf__load_vmlinux_btf(); /* without it nothing will load anyway */
	struct functions functions;
	int err = choose(btf, wanted, &functions, opened);

	if (!err) {
		open_tracepoints(skel, *opened, btf);
		skel->rodata->config.sees_compat = *opened != BACKEND_FENTRY;
	}
	if (!err && *opened == BACKEND_FENTRY)
		open_trampolines(skel, &functions);
	btf__free(btf);
	return err;
}

bool doors_see_io_uring(const struct fdscope_bpf *skel)
{
	return bpf_program__autoload(skel->progs.io_uring_submit) ||
	       bpf_program__autoload(skel->progs.io_uring_submit_old) ||
	       bpf_program__autoload(skel->progs.io_uring_submit_classic);
}

/* The link of each program, or NULL. */
static struct bpf_link **link_of(const struct fdscope_bpf *skel, int i)
{
	return skel->skeleton->progs[i].link;
}

static bool is_trampoline(const struct fdscope_bpf *skel, int i)
{
	return traced_by(*skel->skeleton->progs[i].prog) >= 0;
}

int doors_attach(struct fdscope_bpf *skel)
{
	for (int i = 0; i < skel->skeleton->prog_cnt; i++) {
		struct bpf_program *program = *skel->skeleton->progs[i].prog;

		if (!is_trampoline(skel, i) || !bpf_program__autoload(program))
			continue;
		*link_of(skel, i) = bpf_program__attach(program);
		if (!*link_of(skel, i))
			return -errno;
	}
	return 0;
}

/* Programs run in read sections of RCU. Some kernels cannot wait for their end so (nohz_full). */
static bool have_programs_ended(void)
{
	return !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static void clear_hints(struct fdscope_bpf *skel)
{
	memset(skel->bss->cpu_hints, 0xff, sizeof(skel->bss->cpu_hints));
}

/*
 * No program finds a row from here on: once nothing is live, none that begins leaves
 * a hint of one. False if it is not known that those that began before have ended.
 */
static bool forget_rows(struct fdscope_bpf *skel)
{
	bool is_known = have_programs_ended();

	clear_hints(skel);
	return is_known && have_programs_ended();
}

void doors_detach(struct fdscope_bpf *skel)
{
	bool is_quiet = forget_rows(skel);

	for (int i = 0; i < skel->skeleton->prog_cnt; i++) {
		if (is_trampoline(skel, i) && is_quiet)
			continue;
		bpf_link__destroy(*link_of(skel, i));
		*link_of(skel, i) = NULL;
		if (!is_quiet)
			clear_hints(skel); /* one that had begun may have left some */
	}
}

size_t doors_fds(const struct fdscope_bpf *skel, int *fds, size_t room)
{
	size_t nr = 0;

	for (int i = 0; i < skel->skeleton->prog_cnt && nr < room; i++) {
		if (is_trampoline(skel, i) && *link_of(skel, i))
			fds[nr++] = bpf_link__fd(*link_of(skel, i));
	}
	return nr;
}
