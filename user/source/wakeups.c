/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/wakeups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/err.h"
#include <fdscope/config.h>
#include "fdscope.skel.h"
#include "source/trampoline.h"

/* Of two ways to see the same, on kernels that name it so or so; the first that can be had. */
enum way {
	ALWAYS,
	WITH_DONE_SCAN,
	WITH_SCAN_PROCS,
};

/*
 * In the order of attaching, which is the reverse of that of detaching: a
 * callback whose entry was seen is seen to return.
 */
static const struct hook {
	const char *program;
	const char *function;
	enum wakeups_part part;
	enum way way;
} hooks[] = {
	{ "ctl_ended", "do_epoll_ctl", WAKEUPS_CALLBACKS, ALWAYS },
	{ "ctl_begun", "do_epoll_ctl", WAKEUPS_CALLBACKS, ALWAYS },
	{ "scan_counted", "ep_done_scan", WAKEUPS_CALLBACKS, WITH_DONE_SCAN },
	{ "send_scan_counted", "ep_send_events_proc", WAKEUPS_CALLBACKS, WITH_SCAN_PROCS },
	{ "read_scan_counted", "ep_read_events_proc", WAKEUPS_CALLBACKS, WITH_SCAN_PROCS },
	{ "waiter_woken", "ep_autoremove_wake_function", WAKEUPS_EPOLL, ALWAYS },
	{ "poller_woken", "pollwake", WAKEUPS_POLL, ALWAYS },
	{ "wait_sleeps", "schedule_hrtimeout_range", WAKEUPS_SLEEPS, ALWAYS },
	{ "callback_returned", "ep_poll_callback", WAKEUPS_CALLBACKS, ALWAYS },
	{ "callback_entered", "ep_poll_callback", WAKEUPS_CALLBACKS, ALWAYS },
};

#define NR_HOOKS (sizeof(hooks) / sizeof(*hooks))

struct wakeups {
	struct fdscope_bpf *skel;
	bool is_chosen[NR_HOOKS];
	struct bpf_link *links[NR_HOOKS];
	unsigned parts;
};

/* What the kernel said to each hook: 0 or -errno. */
struct answers {
	int refused[NR_HOOKS];
};

/* ---- which functions can be traced ---- */

static int try_function(const struct btf *btf, const char *function)
{
	int id = btf ? btf__find_by_name_kind(btf, function, BTF_KIND_FUNC) : 0;

	return id > 0 ? trampoline_try(id) : -ENOENT;
}

static void try_all(struct answers *answers)
{
	struct btf *btf = btf__load_vmlinux_btf();

	for (size_t i = 0; i < NR_HOOKS; i++) {
		size_t same = 0;

		while (strcmp(hooks[same].function, hooks[i].function))
			same++;
		answers->refused[i] =
			same < i ? answers->refused[same] : try_function(btf, hooks[i].function);
	}
	btf__free(btf);
}

/* 0 if all of @part that is done in @way can be had. */
static int refused_in(const struct answers *answers, enum wakeups_part part, enum way way)
{
	for (size_t i = 0; i < NR_HOOKS; i++) {
		if (hooks[i].part == part && hooks[i].way == way && answers->refused[i])
			return answers->refused[i];
	}
	return 0;
}

/* The way in which @part is seen, if it is. */
static bool is_possible(const struct answers *answers, enum wakeups_part part, enum way *way)
{
	*way = refused_in(answers, part, WITH_DONE_SCAN) ? WITH_SCAN_PROCS : WITH_DONE_SCAN;
	return !refused_in(answers, part, ALWAYS) && !refused_in(answers, part, *way);
}

unsigned wakeups_try(int *err)
{
	struct answers answers;
	unsigned parts = 0;
	enum way way;

	try_all(&answers);
	for (unsigned part = 1; part & WAKEUPS_ALL; part <<= 1) {
		if (is_possible(&answers, part, &way))
			parts |= part;
	}
	*err = parts ? 0 : answers.refused[0];
	return parts;
}

/* ---- programs ---- */

/* 0 or, if nothing can be had, -errno. */
static int choose(struct wakeups *wakeups)
{
	struct answers answers;
	enum way way;

	try_all(&answers);
	for (size_t i = 0; i < NR_HOOKS; i++) {
		wakeups->is_chosen[i] = is_possible(&answers, hooks[i].part, &way) &&
					(hooks[i].way == ALWAYS || hooks[i].way == way);
		if (wakeups->is_chosen[i])
			wakeups->parts |= hooks[i].part;
	}
	return wakeups->parts ? 0 : answers.refused[0];
}

static struct bpf_program *program_of(const struct wakeups *wakeups, size_t i)
{
	return bpf_object__find_program_by_name(wakeups->skel->obj, hooks[i].program);
}

/* What each part shows. */
static const struct {
	enum wakeups_part part;
	const char *what;
} shown[] = {
	{ WAKEUPS_CALLBACKS, "what epoll is told" },
	{ WAKEUPS_EPOLL, "whom epoll wakes" },
	{ WAKEUPS_POLL, "whom poll and select wake" },
	{ WAKEUPS_SLEEPS, "who sleeps on" },
};

static void say_missing(const struct wakeups *wakeups)
{
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		if (!(wakeups->parts & shown[i].part))
			log_note("--wakeups: this kernel does not let be seen %s", shown[i].what);
	}
}

int wakeups_open(struct wakeups **out, struct fdscope_bpf *skel, bool is_wanted)
{
	struct wakeups *wakeups = calloc(1, sizeof(*wakeups));
	int err;

	*out = wakeups;
	if (!wakeups)
		return -ENOMEM;
	wakeups->skel = skel;
	err = is_wanted ? choose(wakeups) : 0;
	if (err)
		return err;
	if (is_wanted)
		say_missing(wakeups);
	for (size_t i = 0; i < NR_HOOKS; i++) {
		bpf_program__set_autoload(program_of(wakeups, i), wakeups->is_chosen[i]);
		bpf_program__set_autoattach(program_of(wakeups, i), false);
	}
	return 0;
}

void wakeups_close(struct wakeups *wakeups)
{
	if (!wakeups)
		return;
	for (size_t i = 0; i < NR_HOOKS; i++)
		bpf_link__destroy(wakeups->links[i]);
	free(wakeups);
}

int wakeups_attach(struct wakeups *wakeups)
{
	for (size_t i = 0; i < NR_HOOKS; i++) {
		if (!wakeups->is_chosen[i])
			continue;
		wakeups->links[i] = bpf_program__attach(program_of(wakeups, i));
		if (!wakeups->links[i])
			return log_err(errno, "watch the kernel's wakeups: attach to %s",
				       hooks[i].function);
	}
	return 0;
}

size_t wakeups_fds(const struct wakeups *wakeups, int *fds, size_t room)
{
	size_t nr = 0;

	for (size_t i = 0; wakeups && i < NR_HOOKS && nr < room; i++) {
		if (wakeups->links[i])
			fds[nr++] = bpf_link__fd(wakeups->links[i]);
	}
	return nr;
}

unsigned wakeups_parts(const struct wakeups *wakeups)
{
	return wakeups ? wakeups->parts : 0;
}
