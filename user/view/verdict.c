/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sentences on the modes that differ most, in system calls, copies, descriptors
 * looked through, triggers and CPU. A difference that chance could have made is
 * told as none. The table above them is left to view/comparison.c.
 */
#include "view/verdict.h"

#include <stdio.h>

#include "base/units.h"
#include "model/derive.h"
#include "model/quantities.h"

/* Counts repeat to about 1 %: below this the modes do the same. */
#define LEAST_GAP 0.02

static const struct part {
	const char *words;
	count_fn *count;
} call_parts[] = {
	{ "waits", count_waits },
	{ "epoll_ctl", count_ctl },
	{ "accepts", count_accepts },
	{ "socket reads that found data", count_socket_reads_done },
	{ "socket reads that found nothing", count_socket_reads_again },
	{ "file reads", count_other_reads },
	{ "writes", count_writes },
	{ "sendfile", count_sendfile },
	{ "splice", count_splice },
}, byte_parts[] = {
	{ "control data", count_control },
	{ "payload", count_payload },
};

#define NR_CALL_PARTS (sizeof(call_parts) / sizeof(*call_parts))
#define NR_BYTE_PARTS (sizeof(byte_parts) / sizeof(*byte_parts))

static struct contrast contrast_of(const struct comparison *comparison, count_fn *whole,
				   const struct part *parts, size_t nr_parts)
{
	count_fn *counts[NR_CALL_PARTS];

	for (size_t i = 0; i < nr_parts; i++)
		counts[i] = parts[i].count;
	return comparison_contrast(comparison, whole, counts, nr_parts);
}

static double mean(uint64_t sum, uint64_t nr)
{
	return nr ? (double)sum / nr : 0;
}

static void say_calls(struct sheet *sheet, const struct contrast *contrast)
{
	const struct part *part = &call_parts[contrast->part];
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN];

	sheet_line(sheet, "calls",
		   "%s made %s system calls a request, %s %s. The largest part of the difference: "
		   "%s, %s against %s.",
		   contrast->most->name,
		   format_ratio(a, comparison_per_request(contrast->most, count_calls)),
		   contrast->least->name,
		   format_ratio(b, comparison_per_request(contrast->least, count_calls)),
		   part->words,
		   format_ratio(c, comparison_per_request(contrast->most, part->count)),
		   format_ratio(d, comparison_per_request(contrast->least, part->count)));
}

/* Payload that went the long way, or what the calls themselves exchange with the kernel. */
static void say_bytes(struct sheet *sheet, const struct contrast *contrast)
{
	const struct comparison_mode *most = contrast->most, *least = contrast->least;
	const struct part *part = &byte_parts[contrast->part];
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN], why[128] = "";
	double share;

	if (part->count == count_payload && zero_copy_share(&least->totals.counters, &share) &&
	    share > 0)
		snprintf(why, sizeof(why),
			 "The latter sent %s without a copy: ", format_share(a, share, 1));
	sheet_line(sheet, "copies", "%s copied %s a request, %s %s. %s%s %s against %s.",
		   most->name, format_bytes(a, comparison_per_request(most, count_copied)),
		   least->name, format_bytes(b, comparison_per_request(least, count_copied)), why,
		   part->words, format_bytes(c, comparison_per_request(most, part->count)),
		   format_bytes(d, comparison_per_request(least, part->count)));
}

/* From here on nine tenths of what the kernel looks through are for nothing. */
#define WASTEFUL_SCAN 10

/* poll and select are handed every descriptor at every wait, ready or not; epoll is handed none. */
static bool is_scan_wasteful(const struct contrast *contrast)
{
	const struct totals *most = &contrast->most->totals;

	return !count_handed(&contrast->least->totals) &&
	       count_handed(most) > WASTEFUL_SCAN * count_ready(most);
}

static void say_scan(struct sheet *sheet, const struct contrast *contrast)
{
	const struct comparison_mode *most = contrast->most, *least = contrast->least;
	double more = comparison_per_request(most, count_control);
	double less = comparison_per_request(least, count_control);
	uint64_t waits = count_watching_waits(&most->totals);
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN], copied[128] = "";

	if (more > less) /* a set of select's is shorter than the events of epoll */
		snprintf(copied, sizeof(copied),
			 " That is %s of control data a request against %s.", format_bytes(c, more),
			 format_bytes(d, less));
	sheet_line(sheet, "scans",
		   "%s was handed %s descriptors at each wait to find %s ready, %s none.%s",
		   most->name, format_ratio(a, mean(count_handed(&most->totals), waits)),
		   format_ratio(b, mean(count_ready(&most->totals), waits)), least->name, copied);
}

/* ---- level, edge, oneshot ---- */

struct triggers {
	const struct comparison_mode *level, *edge, *oneshot; /* NULL: not compared */
};

static bool leaves_rest(const struct comparison_mode *mode)
{
	return mode && comparison_per_request(mode, count_residual) >= LEAST_GAP;
}

#define CLAUSE_LEN 256

/* How often it was told, and how much of that because it had not taken everything. */
static const char *deliveries_of(char text[CLAUSE_LEN], const struct comparison_mode *mode)
{
	const struct totals *totals = &mode->totals;
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN];

	format_ratio(a, comparison_per_request(mode, count_deliveries));
	format_ratio(b, comparison_per_request(mode, count_residual));
	format_bytes(c, mean(count_socket_read_bytes(totals), count_socket_reads_done(totals)));
	format_bytes(d, comparison_per_request(mode, count_socket_read_bytes));
	if (leaves_rest(mode))
		snprintf(text, CLAUSE_LEN,
			 "%s had %s deliveries a request, %s of them because a read took %s of %s "
			 "and left the rest",
			 mode->name, a, b, c, d);
	else
		snprintf(text, CLAUSE_LEN, "%s had %s deliveries a request", mode->name, a);
	return text;
}

static void say_level(struct sheet *sheet, const struct triggers *triggers)
{
	char text[CLAUSE_LEN];

	sheet_line(sheet, "triggers", "%s%s;", deliveries_of(text, triggers->level),
		   count_residual(&triggers->level->totals) ? "" : " and left nothing unread");
}

static void say_edge(struct sheet *sheet, const struct triggers *triggers)
{
	bool instead = leaves_rest(triggers->level) || leaves_rest(triggers->oneshot);
	char text[CLAUSE_LEN], reads[UNITS_LEN];

	sheet_line(sheet, triggers->level ? NULL : "triggers",
		   "%s and read on to EAGAIN%s, %s extra reads a request%s",
		   deliveries_of(text, triggers->edge), instead ? " instead" : "",
		   format_ratio(reads,
				comparison_per_request(triggers->edge, count_socket_reads_again)),
		   triggers->oneshot ? ";" : ".");
}

/* It is told again as level is; the reason need not be. */
static void say_oneshot(struct sheet *sheet, const struct triggers *triggers)
{
	const struct comparison_mode *oneshot = triggers->oneshot;
	char text[CLAUSE_LEN], deliveries[UNITS_LEN], ctl[UNITS_LEN];

	if (leaves_rest(oneshot) && leaves_rest(triggers->level))
		snprintf(text, sizeof(text), "%s had %s for the same reason", oneshot->name,
			 format_ratio(deliveries,
				      comparison_per_request(oneshot, count_deliveries)));
	else
		deliveries_of(text, oneshot);
	sheet_line(sheet, NULL,
		   "%s, and armed its descriptor again after each, %s epoll_ctl a request.", text,
		   format_ratio(ctl, comparison_per_request(oneshot, count_ctl)));
}

/* One sentence: what telling again, reading on and arming again came to in this run. */
static void say_triggers(struct sheet *sheet, const struct triggers *triggers)
{
	if (triggers->level)
		say_level(sheet, triggers);
	if (triggers->edge)
		say_edge(sheet, triggers);
	if (triggers->oneshot)
		say_oneshot(sheet, triggers);
}

/* Of a mode that was told nothing, nothing can be said. */
static const struct comparison_mode *told_mode(const struct comparison *comparison,
					       const char *name)
{
	const struct comparison_mode *mode = comparison_mode_named(comparison, name);

	return mode && count_deliveries(&mode->totals) ? mode : NULL;
}

/* False if there are not two to set beside each other. */
static bool find_triggers(struct triggers *triggers, const struct comparison *comparison)
{
	triggers->level = told_mode(comparison, "epoll-level");
	triggers->edge = told_mode(comparison, "epoll-edge");
	triggers->oneshot = told_mode(comparison, "epoll-oneshot");
	return !!triggers->level + !!triggers->edge + !!triggers->oneshot > 1;
}

/* ---- CPU ---- */

/* Which one is cheaper is said only where no two repetitions say otherwise. */
static void say_cpu(struct sheet *sheet, const struct comparison *comparison)
{
	const struct comparison_mode *least = comparison->modes, *most = comparison->modes;
	struct spread low = comparison_spread(least, MEASURE_CPU, false), high = low;
	char a[UNITS_LEN], b[UNITS_LEN];

	for (size_t i = 1; i < comparison->nr_modes; i++) {
		const struct comparison_mode *mode = &comparison->modes[i];
		struct spread spread = comparison_spread(mode, MEASURE_CPU, false);

		if (spread.median < low.median) {
			low = spread;
			least = mode;
		}
		if (spread.median > high.median) {
			high = spread;
			most = mode;
		}
	}
	format_ratio(a, low.median);
	format_ratio(b, high.median);
	if (comparison->load.repeats < COMPARISON_REPEATS_LEAST)
		sheet_line(sheet, "CPU",
			   "%s to %s us a request; with less than %d repetitions that does not say "
			   "which mode is cheaper.",
			   a, b, COMPARISON_REPEATS_LEAST);
	else if (spreads_are_apart(&low, &high))
		sheet_line(sheet, "CPU", "%s took least, %s us a request; %s most, %s us.",
			   least->name, a, most->name, b);
	else
		sheet_line(sheet, "CPU",
			   "%s to %s us a request, but repetitions differ as much: that does not "
			   "say which mode is cheaper.",
			   a, b);
}

/* What differs most, then what it costs. */
void verdict_add(struct sheet *sheet, const struct comparison *comparison)
{
	struct triggers triggers;
	struct contrast scans = comparison_contrast(comparison, count_handed, NULL, 0);
	struct contrast calls = contrast_of(comparison, count_calls, call_parts, NR_CALL_PARTS);
	struct contrast bytes = contrast_of(comparison, count_copied, byte_parts, NR_BYTE_PARTS);

	if (is_scan_wasteful(&scans))
		say_scan(sheet, &scans);
	else if (bytes.gap < LEAST_GAP && calls.gap < LEAST_GAP)
		sheet_line(sheet, "calls",
			   "The modes made as many system calls and copied as "
			   "much, within 2 %%.");
	else if (bytes.gap > calls.gap)
		say_bytes(sheet, &bytes);
	else
		say_calls(sheet, &calls);
	if (find_triggers(&triggers, comparison))
		say_triggers(sheet, &triggers);
	say_cpu(sheet, comparison);
}
