/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "view/ability.h"

#include <errno.h>
#include <string.h>

#include "model/wakeups_part.h"
#include "view/words.h"

static const char *yes_no(bool is, const char *yes, const char *no)
{
	return is ? yes : no;
}

/* Without BTF the errno is of looking for it, and tells nothing. */
static const char *no_system_calls(const struct ability *ability)
{
	bool is_denied = ability->system_calls == EPERM || ability->system_calls == EACCES;

	return ability->has_btf || is_denied ? strerror(ability->system_calls) : "there is no BTF";
}

static void show_system_calls(struct sheet *sheet, const struct ability *ability)
{
	if (ability->system_calls)
		sheet_line(sheet, "calls", "NO: the probes do not attach: %s%s",
			   no_system_calls(ability),
			   ability->is_root ? "" : " (needs CAP_BPF and CAP_PERFMON; run as root)");
	else
		sheet_line(sheet, "calls",
			   "yes: waits, accept, epoll_ctl, reads, writes, sendfile, splice, "
			   "descriptors");
}

/* Of doors_try_fentry(). */
static const char *no_trampolines(int err)
{
	return err == EAGAIN ? "this kernel is preemptible, it would miss calls" : strerror(err);
}

static void show_backend(struct sheet *sheet, const struct ability *ability)
{
	if (ability->backend == BACKEND_FENTRY)
		sheet_line(sheet, "backend",
			   "fentry: other calls of other processes are not slowed at all");
	else
		sheet_line(sheet, "backend",
			   "%s: every call of every process is slowed a little; no fentry: %s",
			   backend_name(ability->backend), no_trampolines(ability->trampolines));
}

static void show_wakeups(struct sheet *sheet, const struct ability *ability)
{
	struct words inside = {};

	for (unsigned part = 1; part & WAKEUPS_ALL; part <<= 1) {
		if (ability->wakeups & part)
			say(&inside, "%s%s", inside.len ? ", " : "", wakeups_part_shows(part));
	}
	if (inside.len)
		sheet_line(sheet, "wakeups",
			   "as returns to user space; with --wakeups inside the kernel, too: %s",
			   inside.text);
	else
		sheet_line(sheet, "wakeups",
			   "as returns to user space; --wakeups cannot be had here");
}

static void show_ids(struct sheet *sheet, const struct ability *ability)
{
	if (!ability->has_proc)
		sheet_line(sheet, "pids", "NO: /proc is not mounted");
	else if (!ability->in_initial_namespace)
		sheet_line(sheet, "pids",
			   "NO: this is a pid namespace of its own (run on the host)");
}

void ability_show(struct sheet *sheet, const struct ability *ability)
{
	sheet_line(sheet, "kernel", "Linux %s, %s", ability->kernel, ability->arch);
	sheet_line(sheet, "BTF", "%s",
		   yes_no(ability->has_btf, "yes",
			  "NO: /sys/kernel/btf/vmlinux is missing (needs CONFIG_DEBUG_INFO_BTF)"));
	show_ids(sheet, ability);
	show_system_calls(sheet, ability);
	if (ability->system_calls)
		return; /* the rest was not tried */
	show_backend(sheet, ability);
	sheet_line(sheet, "watched", "%s",
		   yes_no(ability->sees_registrations, "yes, epoll's registrations are counted",
			  "for poll and select; this kernel does not count epoll's registrations"));
	show_wakeups(sheet, ability);
	sheet_line(sheet, "io_uring", "%s",
		   yes_no(ability->sees_io_uring,
			  "its requests are counted, as unseen; their work is not",
			  "not seen, not even counted"));
	sheet_line(sheet, "32-bit", "%s counted, as unseen",
		   yes_no(ability->backend == BACKEND_FENTRY, "programs are", "calls are"));
}

void ability_write(struct writer *w, const struct ability *ability)
{
	w->ops->begin_object(w, NULL);
	w->ops->text(w, "kernel", ability->kernel);
	w->ops->text(w, "arch", ability->arch);
	w->ops->boolean(w, "btf", ability->has_btf);
	w->ops->boolean(w, "proc", ability->has_proc);
	if (ability->has_proc)
		w->ops->boolean(w, "initial_pid_namespace", ability->in_initial_namespace);
	w->ops->begin_object(w, "backend");
	w->ops->text(w, "syscalls",
		     ability->system_calls ? "none" : backend_name(ability->backend));
	if (!ability->system_calls)
		w->ops->text(w, "wakeups", ability->wakeups ? "fentry" : "none");
	w->ops->end(w);
	if (ability->system_calls)
		w->ops->text(w, "reason", no_system_calls(ability));
	if (ability->trampolines)
		w->ops->text(w, "fentry", no_trampolines(ability->trampolines));
	if (!ability->system_calls) {
		w->ops->boolean(w, "epoll_watched", ability->sees_registrations);
		w->ops->boolean(w, "io_uring_requests", ability->sees_io_uring);
	}
	w->ops->boolean(w, "can_measure", ability_can_measure(ability));
	w->ops->end(w);
}
