/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Only what is worth a line: of instances that were told nothing the first stands
 * for all, and zeros are left out. Sums, order and the choice of descriptors are
 * the model's.
 */
#include "view/epolls.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "model/derive.h"
#include "model/fields.h"
#include "view/words.h"

#define MOST_EPOLLS  8 /* a loop for each of many threads: the rest look like these */
#define MOST_SHARERS 4 /* named one by one */

/* "2 level, 508 edge (1 exclusive); 14,813 events (13 level)" */
static void say_triggers(struct words *words, const struct profile_epoll *epoll)
{
	const struct trigger_counters *watched = &epoll->registrations;
	const struct trigger_counters *told = &epoll->counters.deliveries.by;
	struct words subsets = {};
	char count[COUNTED_LEN];

	say_count(words, watched->level, "level", "level");
	say_count(words, watched->edge, "edge", "edge");
	if (!words->len)
		say(words, "nothing registered");
	say_count(&subsets, watched->oneshot, "oneshot", "oneshot");
	say_count(&subsets, watched->exclusive, "exclusive", "exclusive");
	if (subsets.len)
		say(words, " (%s)", subsets.text);
	say(words, "; %s", format_counted(count, told->level + told->edge, "event"));
	if (told->level && told->edge)
		say(words, " (%s level)", format_count(count, told->level));
}

static void say_in_vain(struct words *words, const struct epoll_counters *counters)
{
	say_count(words, counters->redelivered, "redelivered", "redelivered");
	say_count(words, counters->residual, "residual", "residual");
	say_count(words, counters->spurious, "spurious", "spurious");
	say_count(words, counters->edge_undrained, "edge undrained", "edges undrained");
	say_count(words, counters->unattributed, "unattributed", "unattributed");
}

static void say_company(struct words *words, const struct profile_epoll *epoll)
{
	if (epoll->threads > 1)
		say(words, "; by %llu threads", (unsigned long long)epoll->threads);
	if (epoll->nr_shared_with > MOST_SHARERS)
		say(words, "; shared with %zu other processes", epoll->nr_shared_with);
	for (size_t i = 0; i < epoll->nr_shared_with && epoll->nr_shared_with <= MOST_SHARERS; i++)
		say(words, "%s %u", i ? "," : "; shared with", epoll->shared_with[i]);
}

static void say_undrained(struct words *words, const struct profile_undrained *undrained)
{
	char count[UNITS_LEN], bytes[UNITS_LEN], ns[UNITS_LEN];

	if (!undrained->descriptors)
		return;
	say(words, "; %s UNDRAINED with %s unread, the longest for %s",
	    format_count(count, undrained->descriptors),
	    format_bytes(bytes, undrained->unread_bytes), format_ns(ns, undrained->longest_ns));
}

/* "1,208 callbacks: 1,000 queued, 208 coalesced, 990 tasks woken" */
static void add_callbacks(struct sheet *sheet, const struct callback_counters *callbacks)
{
	const __u64 *outcomes = callbacks->outcomes;
	uint64_t calls = callback_calls(callbacks);
	struct words words = {}, outcome = {};
	char count[COUNTED_LEN];

	if (!calls)
		return;
	say(&words, "%s: ", format_counted(count, calls, "callback"));
	say_count(&outcome, outcomes[CALLBACK_QUEUED], "queued", "queued");
	say_count(&outcome, outcomes[CALLBACK_COALESCED], "coalesced", "coalesced");
	say_count(&outcome, outcomes[CALLBACK_FILTERED], "filtered", "filtered");
	say_count(&outcome, outcomes[CALLBACK_UNSETTLED], "unsettled", "unsettled");
	say(&words, "%s", outcome.text);
	say_count(&words, callbacks->woken, "task woken", "tasks woken");
	say_count(&words, callbacks->passed_on, "passed on", "passed on");
	sheet_line(sheet, " told", "%s", words.text);
}

static void add_epoll(struct sheet *sheet, const struct profile_epoll *epoll)
{
	struct words words = {};
	char label[32];

	snprintf(label, sizeof(label), "epfd %llu", (unsigned long long)epoll->epfd);
	say_triggers(&words, epoll);
	say_in_vain(&words, &epoll->counters);
	say_company(&words, epoll);
	say_undrained(&words, &epoll->undrained);
	sheet_line(sheet, label, "%s", words.text);
	add_callbacks(sheet, &epoll->callbacks);
}

/* Loops of idle threads look like each other: the first stands for those that were told nothing. */
static bool is_worth_a_line(const struct profile_process *process, size_t i)
{
	const struct profile_epoll *epoll = &process->epolls[i];
	const struct trigger_counters *told = &epoll->counters.deliveries.by;

	return i == 0 || told->level || told->edge || epoll->counters.unattributed ||
	       epoll->undrained.descriptors;
}

void epolls_add(struct sheet *sheet, const struct profile_process *process)
{
	size_t shown = 0;

	for (size_t i = 0; i < process->nr_epolls && shown < MOST_EPOLLS; i++) {
		if (!is_worth_a_line(process, i))
			continue;
		add_epoll(sheet, &process->epolls[i]);
		shown++;
	}
	if (shown < process->nr_epolls)
		sheet_line(sheet, "", "and %zu less busy (--json has them all)",
			   process->nr_epolls - shown);
}

/* ---- descriptors ---- */

/* Columns of words, as wide as the widest; an address of IPv6 may stand out. */
struct layout {
	int name, trigger;
};

#define NAME_WIDTH 21 /* 255.255.255.255:65535 */

static struct layout lay_out(const struct profile_process *process)
{
	struct layout layout = {};

	for (size_t i = 0; i < process->nr_shown_descriptors; i++) {
		int name = strlen(process->descriptors[i].name);
		int trigger = strlen(trigger_name(&process->descriptors[i]));

		if (name > layout.name)
			layout.name = name < NAME_WIDTH ? name : NAME_WIDTH;
		if (trigger > layout.trigger)
			layout.trigger = trigger;
	}
	return layout;
}

/* The same number can be in several instances of its process. */
static void say_instance(struct words *words, const struct profile_process *process,
			 uint64_t instance)
{
	for (size_t i = 0; i < process->nr_epolls && process->nr_epolls > 1; i++) {
		if (process->epolls[i].instance == instance)
			say(words, " in epfd %llu", (unsigned long long)process->epolls[i].epfd);
	}
}

static void say_bytes(struct words *words, uint64_t bytes, const char *what)
{
	char text[UNITS_LEN];

	if (bytes)
		say(words, ", %s %s", format_bytes(text, bytes), what);
}

static void add_descriptor(struct sheet *sheet, const struct profile_process *process,
			   const struct profile_descriptor *row, const struct layout *layout)
{
	char label[32], count[COUNTED_LEN], ns[UNITS_LEN];
	struct words words = {};

	snprintf(label, sizeof(label), "fd %llu", (unsigned long long)row->fd);
	say(&words, "%-*.120s %-*s %s", layout->name, row->name, layout->trigger, trigger_name(row),
	    format_counted(count, row->deliveries, "event"));
	say_instance(&words, process, row->instance);
	say_bytes(&words, row->read_bytes, "read");
	say_bytes(&words, row->write_bytes, "written");
	say_count(&words, row->redelivered, "redelivered", "redelivered");
	say_count(&words, row->residual, "residual", "residual");
	say_count(&words, row->spurious, "spurious", "spurious");
	say_count(&words, row->edge_undrained, "edge undrained", "edges undrained");
	say_count(&words, row->callbacks, "callback", "callbacks");
	say_bytes(&words, row->unread_bytes, "UNREAD");
	if (row->unread_bytes)
		say(&words, " for %s", format_ns(ns, row->undrained_ns));
	sheet_line(sheet, label, "%s", words.text);
}

void descriptors_add(struct sheet *sheet, const struct profile_process *process)
{
	struct layout layout = lay_out(process);

	for (size_t i = 0; i < process->nr_shown_descriptors; i++)
		add_descriptor(sheet, process, &process->descriptors[i], &layout);
}
