/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "view/findings.h"

#include <stdio.h>
#include <string.h>

#include "view/words.h"

/* By tgid alone; of a process that has ended since its number was given out again, either name. */
static const char *name_of(const struct profile *profile, uint32_t tgid)
{
	for (size_t i = 0; i < profile->nr_processes; i++) {
		if (profile->processes[i].tgid == tgid)
			return profile->processes[i].comm;
	}
	return "process";
}

static void say_subject(struct words *words, const struct profile_finding *finding)
{
	unsigned long long number = finding->subject_number;

	switch (finding->subject) {
	case SUBJECT_PROCESS:
		break;
	case SUBJECT_INSTANCE:
		say(words, " epoll instance %llu", number);
		break;
	case SUBJECT_FD:
		say(words, " fd %llu", number);
		break;
	case SUBJECT_LOCAL:
		say(words, " %s", finding->subject_local);
		break;
	case SUBJECT_TID:
		say(words, " thread %llu", number);
		break;
	}
}

#define MOST_OTHERS 5

/* The same mistake elsewhere needs no advice of its own. */
static void show_others(struct sheet *sheet, const struct profile *profile, size_t first,
			size_t end)
{
	struct words words = {};

	for (size_t i = first; i < end && i < first + MOST_OTHERS; i++) {
		const struct profile_finding *finding = &profile->findings[i];

		say(&words, "%s%s (%u)", words.len ? "; " : "", name_of(profile, finding->tgid),
		    finding->tgid);
		say_subject(&words, finding);
	}
	if (end > first + MOST_OTHERS)
		say(&words, "; and %zu more (--json has them all)", end - first - MOST_OTHERS);
	if (words.len)
		sheet_line(sheet, "also", "%s", words.text);
}

/* As they are sorted, all of one kind stand together. */
static size_t end_of_kind(const struct profile *profile, size_t first)
{
	size_t end = first + 1;

	while (end < profile->nr_findings &&
	       !strcmp(profile->findings[end].id, profile->findings[first].id))
		end++;
	return end;
}

static void show_kind(struct sheet *sheet, const struct profile *profile, size_t first, size_t end)
{
	const struct profile_finding *finding = &profile->findings[first];
	char who[64];

	snprintf(who, sizeof(who), "%s (%u)", name_of(profile, finding->tgid), finding->tgid);
	sheet_blank(sheet);
	sheet_title(sheet, who, "%s %.50s",
		    finding->severity == SEVERITY_PROBLEM ? "PROBLEM" : "hint", finding->id);
	sheet_line(sheet, "seen", "%s", finding->message);
	sheet_line(sheet, "advice", "%s", finding->advice);
	show_others(sheet, profile, first + 1, end);
}

void findings_show(struct sheet *sheet, const struct profile *profile)
{
	size_t end;

	for (size_t first = 0; first < profile->nr_findings; first = end) {
		end = end_of_kind(profile, first);
		show_kind(sheet, profile, first, end);
	}
	if (!profile->nr_findings && profile->nr_processes)
		sheet_line(sheet, "findings", "none");
}
