/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the lines on the loop down to the one on descriptors each group has a
 * function here; findings, epoll instances and single descriptors have files of
 * their own. Widths and line breaks are left to user/report.
 */
#include "view/summary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "model/derive.h"
#include "model/fields.h"
#include "view/epolls.h"
#include "view/findings.h"
#include "view/words.h"

static double per_second(uint64_t count, uint64_t duration_ns)
{
	return duration_ns ? count * 1e9 / duration_ns : 0;
}

static double mean(uint64_t sum, uint64_t count)
{
	return count ? (double)sum / count : 0;
}

/* ---- the loop ---- */

#define STUCK_NS 1000000000ULL /* nobody means a loop to be busy for a second */

/* Of now.longest_wait_ns, "or more" says it all. */
static bool is_of_longest_wait(const struct inexact *inexact)
{
	return !strcmp(inexact->key, "now.longest_wait_ns");
}

static bool is_at_least(const struct profile_process *process)
{
	for (size_t i = 0; i < process->nr_inexact; i++) {
		if (is_of_longest_wait(&process->inexact[i]))
			return true;
	}
	return false;
}

/* A loop that is stuck returns from nothing, so no count shows it: said first. */
static void add_now(struct sheet *sheet, const struct profile_process *process)
{
	const struct profile_now *now = &process->now;
	char ns[UNITS_LEN], threads[COUNTED_LEN];

	if (now->longest_busy_ns >= STUCK_NS && !process->has_exited)
		sheet_line(sheet, "NOW",
			   "a thread left its wait %s ago and has not come back to it: busy, or "
			   "blocked in another call",
			   format_ns(ns, now->longest_busy_ns));
	if (now->waiting)
		sheet_line(sheet, "now", "%s waiting, the longest for %s%s",
			   format_counted(threads, now->waiting, "thread"),
			   format_ns(ns, now->longest_wait_ns),
			   is_at_least(process) ? " or more" : "");
}

static void add_returns(struct sheet *sheet, const char *name, const struct wait_counters *wait,
			uint64_t duration_ns)
{
	uint64_t wakeups = wait_wakeups(wait);
	char count[COUNTED_LEN], rate[UNITS_LEN], ready[UNITS_LEN], room[UNITS_LEN];
	struct words words = {};

	say(&words, "%s (%s/s)", format_counted(count, wakeups, "wakeup"),
	    format_ratio(rate, per_second(wakeups, duration_ns)));
	if (wakeups)
		say(&words, " with %s ready each", format_ratio(ready, mean(wait->ready, wakeups)));
	if (wait->watched)
		say(&words, " of %s watched",
		    format_ratio(room, mean(wait->watched, wait_calls(wait) - wait->failed)));
	say_count(&words, wait->timeouts, "timeout", "timeouts");
	say_count(&words, wait->empty_polls, "empty poll", "empty polls");
	say_count(&words, wait->interrupted, "interrupted", "interrupted");
	say_count(&words, wait->failed, "failed", "failed");
	say_count(&words, wait->saturated, "full batch", "full batches");
	say_count(&words, wait->redelivered, "redelivered", "redelivered");
	sheet_line(sheet, name, "%s", words.text);
}

/* The share is of the interval: above 100 % when several threads wait at once. */
static void add_wait_times(struct sheet *sheet, const struct wait_counters *wait,
			   uint64_t duration_ns)
{
	uint64_t calls = wait_calls(wait);
	char total[UNITS_LEN], share[UNITS_LEN], each[UNITS_LEN], slept[UNITS_LEN], cpu[UNITS_LEN];
	struct words words = {};

	say(&words, "%s in all (%s), %s a call; slept in %s of calls",
	    format_ns(total, wait->wait_ns), format_share(share, wait->wait_ns, duration_ns),
	    format_ns(each, mean(wait->wait_ns, calls)), format_share(slept, wait->sleeps, calls));
	if (wait->runqueue_ns > wait->wait_ns / 100)
		say(&words, "; %s of it runnable, without a CPU",
		    format_ns(cpu, wait->runqueue_ns));
	sheet_line(sheet, " waiting", "%s", words.text);
}

static void add_busy_times(struct sheet *sheet, const struct wait_counters *wait,
			   uint64_t duration_ns)
{
	const uint64_t *hist = (const uint64_t *)wait->busy_ns_hist;
	uint64_t turns = hist_total(hist, HIST_NS_BUCKETS);
	char total[UNITS_LEN], share[UNITS_LEN], each[UNITS_LEN], tail[UNITS_LEN], most[UNITS_LEN];

	if (!turns)
		return;
	sheet_line(sheet, " busy", "%s in all (%s), %s a turn; 99 %% within %s, all within %s",
		   format_ns(total, wait->busy_ns), format_share(share, wait->busy_ns, duration_ns),
		   format_ns(each, mean(wait->busy_ns, turns)),
		   format_ns(tail, hist_quantile(hist, HIST_NS_BUCKETS, 990)),
		   format_ns(most, hist_quantile(hist, HIST_NS_BUCKETS, 1000)));
}

/* Zero where the kernel was not watched, as where it did nothing: then nothing is said. */
static void add_woken(struct sheet *sheet, const struct wait_counters *wait)
{
	char callbacks[COUNTED_LEN], woken[COUNTED_LEN], futile[COUNTED_LEN];
	struct words words = {};

	if (!wait->callbacks && !wait->woken && !wait->futile)
		return;
	say(&words, "%s", format_counted(woken, wait->woken, "time"));
	if (wait->callbacks)
		say(&words, " by %s", format_counted(callbacks, wait->callbacks, "callback"));
	say_count(&words, wait->filtered, "filtered", "filtered");
	if (wait->futile)
		say(&words, "; found nothing and slept on %s",
		    format_counted(futile, wait->futile, "time"));
	sheet_line(sheet, " woken", "%s", words.text);
}

static void add_wait(struct sheet *sheet, enum wait_family family, const struct wait_counters *wait,
		     uint64_t duration_ns, bool hist)
{
	if (!wait_calls(wait) && !wait->busy_ns && !wait->woken && !wait->callbacks)
		return;
	add_returns(sheet, wait_names[family], wait, duration_ns);
	if (wait_calls(wait))
		add_wait_times(sheet, wait, duration_ns);
	add_woken(sheet, wait);
	add_busy_times(sheet, wait, duration_ns);
	if (!hist)
		return;
	sheet_hist(sheet, "ready descriptors a wakeup", false, (const uint64_t *)wait->ready_hist,
		   HIST_INT_BUCKETS);
	sheet_hist(sheet, "time in a wait", true, (const uint64_t *)wait->wait_ns_hist,
		   HIST_NS_BUCKETS);
	sheet_hist(sheet, "time busy between waits", true, (const uint64_t *)wait->busy_ns_hist,
		   HIST_NS_BUCKETS);
}

static void add_epoll_ctl(struct sheet *sheet, const struct counters *counters)
{
	const struct epoll_ctl_counters *ctl = &counters->epoll_ctl;
	struct words words = {};

	if (!epoll_ctl_calls(ctl))
		return;
	say_count(&words, ctl->add, "added", "added");
	say_count(&words, ctl->mod, "modified", "modified");
	say_count(&words, ctl->mod_unchanged, "of them unchanged", "of them unchanged");
	say_count(&words, ctl->del, "deleted", "deleted");
	say_count(&words, ctl->failed, "failed", "failed");
	sheet_line(sheet, "epoll_ctl", "%s", words.text);
}

/* ---- accept ---- */

static void add_listener(struct sheet *sheet, const struct profile_listener *listener)
{
	const uint64_t *hist = listener->queue_depth_hist;
	uint64_t accepted = hist_total(hist, HIST_INT_BUCKETS);
	char count[UNITS_LEN], depth[UNITS_LEN], limit[UNITS_LEN], drops[UNITS_LEN];
	struct words words = {};

	say(&words, "%s: %s accepted", listener->local, format_count(count, accepted));
	say_count(&words, listener->again, "found none", "found none");
	if (accepted)
		say(&words, "; queue of %s left at most %s long",
		    format_count(limit, listener->queue_limit),
		    format_count(depth, hist_quantile(hist, HIST_INT_BUCKETS, 1000)));
	if (listener->drops)
		say(&words, "; %s DROPPED by the socket, its queue was full",
		    format_count(drops, listener->drops));
	sheet_line(sheet, " listener", "%s", words.text);
}

static bool is_worth_a_line(const struct profile_listener *listener)
{
	return listener->drops || listener->again ||
	       hist_total(listener->queue_depth_hist, HIST_INT_BUCKETS);
}

static void add_accept(struct sheet *sheet, const struct profile_process *process,
		       uint64_t duration_ns)
{
	const struct accept_counters *accept = &process->counters.accept;
	char rate[UNITS_LEN];
	struct words words = {};

	if (accept_calls(accept)) {
		say_count(&words, accept->accepted, "connection", "connections");
		if (accept->accepted)
			say(&words, " (%s/s)",
			    format_ratio(rate, per_second(accept->accepted, duration_ns)));
		say_count(&words, accept->again, "call found none", "calls found none");
		say_count(&words, accept->fd_limit, "call out of descriptors",
			  "calls OUT OF DESCRIPTORS");
		say_count(&words, accept->interrupted, "interrupted", "interrupted");
		say_count(&words, accept->failed, "failed", "failed");
		sheet_line(sheet, "accept", "%s", words.text);
	}
	for (size_t i = 0; i < process->nr_listeners; i++) {
		if (is_worth_a_line(&process->listeners[i]))
			add_listener(sheet, &process->listeners[i]);
	}
}

/* ---- bytes ---- */

static void add_io(struct sheet *sheet, const char *label, enum fd_kind kind,
		   const struct io_counters *io)
{
	char calls[COUNTED_LEN], bytes[UNITS_LEN], each[UNITS_LEN];
	struct words words = {};

	say(&words, "%-6s %s", kind_names[kind], format_counted(calls, io_calls(io), "call"));
	if (io->bytes)
		say(&words, ", %s, %s each", format_bytes(bytes, io->bytes),
		    format_bytes(each, mean(io->bytes, io->moved)));
	say_count(&words, io->partial, "partial", "partial");
	say_count(&words, io->again, "would block", "would block");
	say_count(&words, io->end, "end", "ends");
	say_count(&words, io->interrupted, "interrupted", "interrupted");
	say_count(&words, io->failed, "failed", "failed");
	sheet_line(sheet, label, "%s", words.text);
}

static void add_all_io(struct sheet *sheet, const struct counters *counters)
{
	for (int family = 0; family < IO_FAMILIES; family++) {
		const char *label = io_names[family];

		for (int kind = 0; kind < IO_KINDS; kind++) {
			const struct io_counters *io = &counters->io[family][kind];

			if (!io_calls(io))
				continue;
			add_io(sheet, label, kind, io);
			label = "";
		}
	}
}

static void add_copies(struct sheet *sheet, const struct counters *counters)
{
	char in[UNITS_LEN], out[UNITS_LEN], control[UNITS_LEN], sent[UNITS_LEN], share[UNITS_LEN];

	if (!user_to_kernel_bytes(counters) && !kernel_to_user_bytes(counters))
		return;
	sheet_line(sheet, "copied", "%s to the kernel, %s from it (%s control data)",
		   format_bytes(in, user_to_kernel_bytes(counters)),
		   format_bytes(out, kernel_to_user_bytes(counters)),
		   format_bytes(control, control_bytes(counters)));
	if (socket_out_bytes(counters))
		sheet_line(sheet, "sent", "%s to sockets, %s of it zero-copy",
			   format_bytes(sent, socket_out_bytes(counters)),
			   format_share(share, zero_copy_bytes(counters),
					socket_out_bytes(counters)));
}

/* ---- descriptors ---- */

static void add_fds(struct sheet *sheet, const struct profile_process *process)
{
	const struct profile_fds *fds = &process->fds;
	const struct fd_counters *calls = &process->counters.fds;
	char open[UNITS_LEN], limit[UNITS_LEN];
	struct words words = {};

	if (fds->is_known)
		say(&words, "%s open of %s", format_count(open, fds->open),
		    format_count(limit, fds->limit));
	say_count(&words, calls->opened, "opened", "opened");
	say_count(&words, calls->closed, "closed", "closed");
	if (fds->has_unaccounted && fds->unaccounted)
		say(&words, "; %+lld came or went otherwise", (long long)fds->unaccounted);
	if (words.len)
		sheet_line(sheet, "fds", "%s", words.text);
}

/* ---- threads and processes ---- */

static void put(struct table *table, size_t row, size_t column, enum cell_unit unit, double value)
{
	table->cells[row * table->nr_columns + column] = (struct cell){ unit, value, NULL };
}

static void put_text(struct table *table, size_t row, size_t column, const char *text)
{
	table->cells[row * table->nr_columns + column] = (struct cell){ CELL_TEXT, 0, text };
}

static const char *const thread_headings[] = { "thread",  "tid",  "wakeups", "ready",
					       "accepts", "read", "written" };

#define THREAD_COLUMNS (sizeof(thread_headings) / sizeof(*thread_headings))

static void put_thread(struct table *table, size_t row, const struct profile_thread *thread)
{
	const struct counters *counters = &thread->counters;
	uint64_t wakeups = 0, ready = 0, in = 0, out = zero_copy_bytes(counters);

	for (int family = 0; family < WAIT_FAMILIES; family++) {
		wakeups += wait_wakeups(&counters->waits[family]);
		ready += counters->waits[family].ready;
	}
	for (int kind = 0; kind < IO_KINDS; kind++) {
		in += counters->io[IO_READ][kind].bytes;
		out += counters->io[IO_WRITE][kind].bytes;
	}
	put_text(table, row, 0, thread->tid ? thread->comm : "(ended)");
	put(table, row, 1, CELL_ID, thread->tid);
	put(table, row, 2, CELL_COUNT, wakeups);
	put(table, row, 3, CELL_COUNT, ready);
	put(table, row, 4, CELL_COUNT, counters->accept.accepted);
	put(table, row, 5, CELL_BYTES, in);
	put(table, row, 6, CELL_BYTES, out);
}

static void add_threads(struct sheet *sheet, const struct profile_process *process)
{
	struct table *table = sheet_table(sheet, process->nr_threads + 1, THREAD_COLUMNS);

	if (!table)
		return;
	for (size_t i = 0; i < THREAD_COLUMNS; i++)
		put_text(table, 0, i, thread_headings[i]);
	for (size_t i = 0; i < process->nr_threads; i++)
		put_thread(table, i + 1, &process->threads[i]);
}

/* Keys that stand together for the same reason share a line. */
static void add_inexact(struct sheet *sheet, const struct profile_process *process)
{
	const char *label = "inexact";
	struct words keys = {};

	for (size_t i = 0; i < process->nr_inexact; i++) {
		const struct inexact *inexact = &process->inexact[i];
		bool is_last = i + 1 == process->nr_inexact;

		if (is_of_longest_wait(inexact))
			continue;
		say(&keys, "%s%s", keys.len ? ", " : "", inexact->key);
		if (!is_last && keys.len < sizeof(keys.text) / 2 &&
		    !strcmp(inexact[1].reason, inexact->reason))
			continue;
		sheet_line(sheet, label, "%s: %s", keys.text, inexact->reason);
		keys = (struct words){};
		label = "";
	}
}

static void add_process(struct sheet *sheet, const struct profile_process *process,
			const struct profile *profile, const struct summary_options *options)
{
	sheet_blank(sheet);
	sheet_title(sheet, process->has_exited ? "ended" : "", "%s (%u)", process->comm,
		    process->tgid);
	add_now(sheet, process);
	for (int family = 0; family < WAIT_FAMILIES; family++)
		add_wait(sheet, family, &process->counters.waits[family], profile->duration_ns,
			 options->hist);
	add_epoll_ctl(sheet, &process->counters);
	epolls_add(sheet, process);
	add_accept(sheet, process, profile->duration_ns);
	add_all_io(sheet, &process->counters);
	add_copies(sheet, &process->counters);
	add_fds(sheet, process);
	descriptors_add(sheet, process);
	if (!all_calls(&process->counters))
		sheet_line(sheet, "calls", "none of those traced returned");
	add_inexact(sheet, process);
	if (options->per_thread && process->nr_threads)
		add_threads(sheet, process);
}

/* ---- the whole ---- */

static const char *const loss_advice[LOSSES] = {
	[LOSS_USER_MEMORY] = "memory of the target could not be read",
	[LOSS_SELECT_SETS] = "select with sets of more than 32,768 descriptors",
	[LOSS_TRUNCATED_MESSAGES] = "recvmmsg with MSG_TRUNC",
	[LOSS_LISTENERS] = "listens and accepts without a row: raise --max-listeners",
	[LOSS_EVENTS] = "events of waits that could not be looked at",
	[LOSS_THREADS] = "calls of threads without a row: raise --max-threads",
	[LOSS_PROCESSES] = "calls of processes without a row: raise --max-processes",
	[LOSS_OPEN_DESCRIPTORS] = "descriptor tables of more than 262,144",
	[LOSS_ENDED_PROCESSES] = "ends of processes came too fast to be noted",
	[LOSS_INSTANCES] = "uses of epoll instances without a row: raise --max-threads",
	[LOSS_REGISTRATIONS] = "registrations without a row (raise "
			       "--max-registrations), or unlike the kernel's",
	[LOSS_DESCRIPTIONS] = "descriptors without a row: raise --max-registrations",
	[LOSS_CALLBACKS] = "readiness callbacks whose end was not seen",
	[LOSS_PROGRAMS_SKIPPED] = "runs of a probe that the kernel skipped",
};

static const char *const unseen_words[UNSEENS] = {
	[UNSEEN_IO_URING] = "io_uring requests: their work is done without system calls",
	[UNSEEN_COMPAT] = "32-bit system calls",
	[UNSEEN_COMPAT_PROCESSES] = "32-bit programs, whose calls are not counted by fentry",
	[UNSEEN_BEGUN] = "calls begun before fentry's probes, whose end it does not see",
};

/* Of a later version: its name is all we know. */
static void add_others(struct sheet *sheet, const char *label, const struct profile_other *others,
		       size_t nr)
{
	char count[UNITS_LEN];

	for (size_t i = 0; i < nr; i++)
		sheet_line(sheet, label, "%s %s (of a later version of fdscope)",
			   format_count(count, others[i].count), others[i].name);
}

static void add_shortfalls(struct sheet *sheet, const struct profile *profile)
{
	char count[UNITS_LEN];

	for (int cause = 0; cause < LOSSES; cause++) {
		if (profile->losses[cause])
			sheet_line(sheet, "LOST", "%s %s",
				   format_count(count, profile->losses[cause]), loss_advice[cause]);
	}
	for (int what = 0; what < UNSEENS; what++) {
		if (profile->unseen[what])
			sheet_line(sheet, "unseen", "%s %s",
				   format_count(count, profile->unseen[what]), unseen_words[what]);
	}
	add_others(sheet, "LOST", profile->other_losses, profile->nr_other_losses);
	add_others(sheet, "unseen", profile->other_unseen, profile->nr_other_unseen);
}

static void add_head(struct sheet *sheet, const struct profile *profile)
{
	char start[32] = "", duration[UNITS_LEN], right[128];
	time_t seconds = profile->start;
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(start, sizeof(start), "%Y-%m-%d %H:%M:%S UTC", &utc);
	snprintf(right, sizeof(right), "%s, %s", format_ns(duration, profile->duration_ns),
		 profile_is_complete(profile) ? "nothing lost" : "INCOMPLETE");
	sheet_title(sheet, right, "%s", start);
	add_shortfalls(sheet, profile);
}

#define MOST_PROCESSES 20 /* on a whole system the rest does next to nothing */

int summary_make(struct sheet *sheet, const struct profile *profile,
		 const struct summary_options *options)
{
	add_head(sheet, profile);
	findings_show(sheet, profile);
	for (size_t i = 0; i < profile->nr_processes && i < MOST_PROCESSES; i++)
		add_process(sheet, &profile->processes[i], profile, options);
	sheet_blank(sheet);
	if (!profile->nr_processes && options->only)
		sheet_line(sheet, "", "no process was named %s at its end", options->only);
	else if (!profile->nr_processes)
		sheet_line(sheet, "", "no process made any of the traced calls");
	if (profile->nr_processes > MOST_PROCESSES)
		sheet_line(sheet, "", "and %zu less busy processes (--json has them all)",
			   profile->nr_processes - MOST_PROCESSES);
	return sheet->has_failed ? -ENOMEM : 0;
}
