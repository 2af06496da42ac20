/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LENGTH(names) ((int)(sizeof(names) / sizeof(*(names))))

char *format_count(char text[UNITS_LEN], uint64_t count)
{
	char digits[UNITS_LEN];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *to = text;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

char *format_counted(char text[COUNTED_LEN], uint64_t count, const char *noun)
{
	char number[UNITS_LEN];

	snprintf(text, COUNTED_LEN, "%s %s%s", format_count(number, count), noun,
		 count == 1 ? "" : "s");
	return text;
}

/* Three digits that mean something, more only above 1000. */
static int decimals_of(double value)
{
	return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

char *format_ratio(char text[UNITS_LEN], double ratio)
{
	if (ratio >= 999.5 && ratio < 1e18)
		return format_count(text, llround(ratio));
	if (ratio >= 1e18)
		snprintf(text, UNITS_LEN, "%.1e", ratio);
	else
		snprintf(text, UNITS_LEN, "%.*f", decimals_of(ratio), ratio);
	return text;
}

static const char *const rounds[] = { "", "k", "M", "G", "T", "P", "E" };
static const char *const bytes_names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
static const char *const ns_names[] = { "ns", "us", "ms", "s" };

/* The largest unit in which @value is at least 1. */
static char *format_scaled(char text[UNITS_LEN], double value, double step,
			   const char *const *names, int nr_names)
{
	int i = 0;

	while (i + 1 < nr_names && value >= step - 0.5) {
		value /= step;
		i++;
	}
	if (i == 0)
		snprintf(text, UNITS_LEN, "%.0f %s", value, names[i]);
	else
		snprintf(text, UNITS_LEN, "%.*f %s", value < 99.95 ? 1 : 0, value, names[i]);
	return text;
}

char *format_round(char text[UNITS_LEN], double count)
{
	if (count < 999.5)
		return format_count(text, llround(count));
	return format_scaled(text, count, 1000, rounds, LENGTH(rounds));
}

char *format_bytes(char text[UNITS_LEN], double bytes)
{
	return format_scaled(text, bytes, 1024, bytes_names, LENGTH(bytes_names));
}

char *format_ns(char text[UNITS_LEN], double ns)
{
	return format_scaled(text, ns, 1000, ns_names, LENGTH(ns_names));
}

char *format_share(char text[UNITS_LEN], double part, double whole)
{
	double percent = whole > 0 ? 100 * part / whole : 0;

	if (percent > 0 && percent < 1)
		snprintf(text, UNITS_LEN, "<1 %%");
	else if (percent > 99 && percent < 100)
		snprintf(text, UNITS_LEN, ">99 %%");
	else
		snprintf(text, UNITS_LEN, "%.0f %%", percent);
	return text;
}

char *format_change(char text[UNITS_LEN], double change)
{
	long percent = lround(change * 100);

	snprintf(text, UNITS_LEN, percent ? "%+ld %%" : "%ld %%", percent);
	return text;
}

static bool is_among(const char *word, size_t len, const char *const *names, int nr_names)
{
	for (int i = 0; i < nr_names; i++) {
		if (strlen(names[i]) == len && !strncmp(word, names[i], len))
			return true;
	}
	return false;
}

bool begins_with_unit(const char *text)
{
	size_t len = strcspn(text, " .,;:()/");

	return (len == 1 && *text == '%') ||
	       is_among(text, len, bytes_names, LENGTH(bytes_names)) ||
	       is_among(text, len, ns_names, LENGTH(ns_names)) ||
	       (len && is_among(text, len, rounds, LENGTH(rounds)));
}
