/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/finding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "model/fields.h"

static struct profile_finding *current(struct search *search)
{
	struct profile *profile = search->profile;

	return search->err ? NULL : &profile->findings[profile->nr_findings - 1];
}

/* What @copy is, if it is something. */
static char *owned(struct search *search, char *copy)
{
	if (!copy)
		search->err = -ENOMEM;
	return copy;
}

static bool is_among(const char *const *ids, const char *id)
{
	for (; ids && *ids; ids++) {
		if (!strcmp(*ids, id))
			return true;
	}
	return false;
}

/* Findings about two listeners have different causes even in one process. */
static bool is_about(const struct profile_finding *finding, uint32_t tgid, const char *local)
{
	if (finding->subject_local && local)
		return !strcmp(finding->subject_local, local);
	return finding->tgid == tgid;
}

bool finding_stands(const struct search *search, const struct profile_process *process,
		    const char *local, const char *const *ids)
{
	for (size_t i = 0; i < search->profile->nr_findings; i++) {
		const struct profile_finding *finding = &search->profile->findings[i];

		if (is_among(ids, finding->id) && is_about(finding, process->tgid, local))
			return true;
	}
	return false;
}

static void add(struct search *search, uint32_t tgid, const char *local)
{
	struct profile *profile = search->profile;
	struct profile_finding *grown =
		array_grow(profile->findings, profile->nr_findings, sizeof(*grown));
	struct profile_finding *finding;

	if (!grown) {
		search->err = -ENOMEM;
		return;
	}
	profile->findings = grown;
	finding = &grown[profile->nr_findings++];
	*finding = (struct profile_finding){ .severity = search->kind->severity, .tgid = tgid };
	finding->id = owned(search, strdup(search->kind->id));
	if (!local)
		return;
	finding->subject = SUBJECT_LOCAL;
	finding->subject_local = owned(search, strdup(local));
}

bool finding_begin(struct search *search, const struct profile_process *process, const char *local)
{
	if (search->err || finding_stands(search, process, local, search->kind->named_by))
		return false;
	add(search, process->tgid, local);
	finding_rests_on(search, search->profile->duration_ns, "duration_ns");
	return !search->err;
}

void finding_on(struct search *search, enum subject subject, uint64_t number)
{
	struct profile_finding *finding = current(search);

	if (!finding)
		return;
	finding->subject = subject;
	finding->subject_number = number;
}

void finding_rests_on(struct search *search, double value, const char *key, ...)
{
	struct profile_finding *finding = current(search);
	struct evidence *grown;
	va_list args;

	if (!finding)
		return;
	grown = array_grow(finding->evidence, finding->nr_evidence, sizeof(*grown));
	if (!grown) {
		search->err = -ENOMEM;
		return;
	}
	finding->evidence = grown;
	va_start(args, key);
	grown += finding->nr_evidence;
	*grown = (struct evidence){ owned(search, text_of(key, args)), value };
	va_end(args);
	if (grown->key)
		finding->nr_evidence++;
}

void finding_says(struct search *search, const char *format, ...)
{
	struct profile_finding *finding = current(search);
	va_list args;

	if (!finding)
		return;
	va_start(args, format);
	search->err = text_append(&finding->message, format, args);
	va_end(args);
}

void finding_advises(struct search *search, const char *advice)
{
	struct profile_finding *finding = current(search);

	if (finding)
		finding->advice = owned(search, strdup(advice));
}

double finding_rate(const struct search *search, uint64_t count)
{
	uint64_t duration_ns = search->profile->duration_ns;

	return duration_ns ? count * 1e9 / duration_ns : 0;
}

bool finding_is_many(const struct search *search, uint64_t count, uint64_t least,
		     double least_a_second)
{
	return count >= least && finding_rate(search, count) >= least_a_second;
}

void switches_add(struct switches *waits, const struct profile_process *process)
{
	for (int family = 0; family < WAIT_FAMILIES; family++) {
		waits[family].switches += process->counters.waits[family].switches;
		waits[family].sleeps += process->counters.waits[family].sleeps;
		waits[family].woken += process->counters.waits[family].woken;
		waits[family].futile += process->counters.waits[family].futile;
	}
}

uint64_t switches_in_vain(const struct switches *waits)
{
	uint64_t sum = 0;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		sum += less(waits[family].switches, waits[family].sleeps);
	return sum;
}

/* Where the kernel was watched, it tells what context switches only bound. */
static void rests_on_wakeups(struct search *search, const struct switches *waits,
			     enum wait_family family)
{
	unsigned part = family == WAIT_EPOLL ? WAKEUPS_EPOLL : WAKEUPS_POLL;

	if (search->profile->wakeups & part)
		finding_rests_on(search, waits->woken, "%s.woken", wait_names[family]);
	if (search->profile->wakeups & WAKEUPS_SLEEPS)
		finding_rests_on(search, waits->futile, "%s.futile", wait_names[family]);
}

void finding_rests_on_switches(struct search *search, const struct switches *waits)
{
	for (int family = 0; family < WAIT_FAMILIES; family++) {
		if (!waits[family].switches)
			continue;
		finding_rests_on(search, waits[family].switches, "%s.switches", wait_names[family]);
		finding_rests_on(search, waits[family].sleeps, "%s.sleeps", wait_names[family]);
		rests_on_wakeups(search, &waits[family], family);
	}
}

void search_processes(struct search *search,
		      void (*look)(struct search *search, const struct profile_process *process))
{
	for (size_t i = 0; i < search->profile->nr_processes && !search->err; i++)
		look(search, &search->profile->processes[i]);
}
