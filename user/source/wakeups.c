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
#include "source/wakeup_hooks.h"

struct wakeups {
	struct fdscope_bpf *skel;
	struct wakeup_choice choice;
	struct bpf_link *links[NR_WAKEUP_HOOKS];
};

/* ---- which functions can be traced ---- */

static int try_function(const struct btf *btf, const char *function)
{
	int id = btf ? btf__find_by_name_kind(btf, function, BTF_KIND_FUNC) : 0;

	return id > 0 ? trampoline_try(id) : -ENOENT;
}

/* Asks for each function once. */
static struct wakeup_choice choose(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int refused[NR_WAKEUP_HOOKS];

	for (size_t i = 0; i < NR_WAKEUP_HOOKS; i++) {
		const char *function = wakeup_hooks[i].function;
		size_t same = 0;

		while (strcmp(wakeup_hooks[same].function, function))
			same++;
		refused[i] = same < i ? refused[same] : try_function(btf, function);
	}
	btf__free(btf);
	return wakeup_hooks_choose(refused);
}

unsigned wakeups_try(int *err)
{
	struct wakeup_choice choice = choose();

	*err = choice.err;
	return choice.parts;
}

/* ---- programs ---- */

static struct bpf_program *program_of(const struct wakeups *wakeups, size_t i)
{
	return bpf_object__find_program_by_name(wakeups->skel->obj, wakeup_hooks[i].program);
}

static void say_missing(unsigned parts)
{
	for (unsigned part = 1; part & WAKEUPS_ALL; part <<= 1) {
		if (!(parts & part))
			log_note("--wakeups: this kernel does not show %s",
				 wakeups_part_shows(part));
	}
}

int wakeups_open(struct wakeups **out, struct fdscope_bpf *skel, bool is_wanted)
{
	struct wakeups *wakeups = calloc(1, sizeof(*wakeups));

	*out = wakeups;
	if (!wakeups)
		return -ENOMEM;
	wakeups->skel = skel;
	if (is_wanted) {
		wakeups->choice = choose();
		if (wakeups->choice.err)
			return wakeups->choice.err;
		say_missing(wakeups->choice.parts);
	}
	for (size_t i = 0; i < NR_WAKEUP_HOOKS; i++) {
		bpf_program__set_autoload(program_of(wakeups, i), wakeups->choice.is_chosen[i]);
		bpf_program__set_autoattach(program_of(wakeups, i), false);
	}
	return 0;
}

void wakeups_close(struct wakeups *wakeups)
{
	if (!wakeups)
		return;
	for (size_t i = 0; i < NR_WAKEUP_HOOKS; i++)
		bpf_link__destroy(wakeups->links[i]);
	free(wakeups);
}

int wakeups_attach(struct wakeups *wakeups)
{
	for (size_t i = 0; i < NR_WAKEUP_HOOKS; i++) {
		if (!wakeups->choice.is_chosen[i])
			continue;
		wakeups->links[i] = bpf_program__attach(program_of(wakeups, i));
		if (!wakeups->links[i])
			return log_err(errno, "--wakeups: attach to the kernel's %s",
				       wakeup_hooks[i].function);
	}
	return 0;
}

size_t wakeups_fds(const struct wakeups *wakeups, int *fds, size_t room)
{
	size_t nr = 0;

	for (size_t i = 0; wakeups && i < NR_WAKEUP_HOOKS && nr < room; i++) {
		if (wakeups->links[i])
			fds[nr++] = bpf_link__fd(wakeups->links[i]);
	}
	return nr;
}

unsigned wakeups_parts(const struct wakeups *wakeups)
{
	return wakeups ? wakeups->choice.parts : 0;
}
