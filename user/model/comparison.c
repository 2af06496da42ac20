/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/comparison.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int comparison_init(struct comparison *comparison, const struct comparison_load *load,
		    const char *const *modes, size_t nr_modes)
{
	*comparison = (struct comparison){ .load = *load };
	comparison->modes = calloc(nr_modes, sizeof(*comparison->modes));
	if (!comparison->modes)
		return -ENOMEM;
	comparison->nr_modes = nr_modes;
	for (size_t i = 0; i < nr_modes; i++) {
		comparison->modes[i].name = modes[i];
		comparison->modes[i].is_complete = true;
	}
	return 0;
}

void comparison_free(struct comparison *comparison)
{
	free(comparison->modes);
	comparison->modes = NULL;
	comparison->nr_modes = 0;
}

void comparison_add(struct comparison *comparison, size_t mode, const struct comparison_run *run)
{
	const struct comparison_load *load = &comparison->load;
	struct comparison_mode *to = &comparison->modes[mode];
	size_t n = to->nr[run->is_traced]++;

	assert(mode < comparison->nr_modes && n < COMPARISON_REPEATS_MAX);
	for (int measure = 0; measure < MEASURES; measure++)
		to->values[run->is_traced][measure][n] = run->measures[measure];
	if (!run->is_traced)
		return;
	to->requests += (uint64_t)load->connections * load->requests;
	totals_add(&to->totals, &run->totals);
	to->is_complete &= run->is_complete;
}

/* ---- medians and spread ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static struct spread spread_of(double *values, size_t nr)
{
	struct spread spread = {};

	if (!nr)
		return spread;
	qsort(values, nr, sizeof(*values), by_value);
	spread.min = values[0];
	spread.max = values[nr - 1];
	spread.median = (values[(nr - 1) / 2] + values[nr / 2]) / 2;
	return spread;
}

struct spread comparison_spread(const struct comparison_mode *mode, enum measure measure,
				bool is_traced)
{
	double values[COMPARISON_REPEATS_MAX];

	memcpy(values, mode->values[is_traced][measure], sizeof(values));
	return spread_of(values, mode->nr[is_traced]);
}

static bool is_outside(double value, const struct spread *range)
{
	return value < range->min || value > range->max;
}

bool comparison_change(const struct comparison_mode *mode, enum measure measure, double *change)
{
	struct spread untraced = comparison_spread(mode, measure, false);
	struct spread traced = comparison_spread(mode, measure, true);

	if (mode->nr[0] < COMPARISON_REPEATS_LEAST || mode->nr[1] < COMPARISON_REPEATS_LEAST ||
	    untraced.median <= 0 || !is_outside(traced.median, &untraced) ||
	    !is_outside(untraced.median, &traced))
		return false;
	*change = traced.median / untraced.median - 1;
	return true;
}

double spread_share(const struct spread *spread)
{
	return spread->median > 0 ? (spread->max - spread->min) / 2 / spread->median : 0;
}

bool spreads_are_apart(const struct spread *one, const struct spread *other)
{
	return one->max < other->min || other->max < one->min;
}

/* ---- counts ---- */

const struct comparison_mode *comparison_mode_named(const struct comparison *comparison,
						    const char *name)
{
	for (size_t i = 0; i < comparison->nr_modes; i++) {
		if (!strcmp(comparison->modes[i].name, name))
			return &comparison->modes[i];
	}
	return NULL;
}

double comparison_per_request(const struct comparison_mode *mode, count_fn *count)
{
	return mode->requests ? (double)count(&mode->totals) / mode->requests : 0;
}

struct contrast comparison_contrast(const struct comparison *comparison, count_fn *whole,
				    count_fn *const *parts, size_t nr_parts)
{
	const struct comparison_mode *modes = comparison->modes;
	struct contrast contrast = { .most = &modes[0], .least = &modes[0] };
	double most, least, rise = 0;

	most = least = comparison_per_request(&modes[0], whole);
	for (size_t i = 1; i < comparison->nr_modes; i++) {
		double each = comparison_per_request(&modes[i], whole);

		if (each > most) {
			most = each;
			contrast.most = &modes[i];
		}
		if (each < least) {
			least = each;
			contrast.least = &modes[i];
		}
	}
	contrast.gap = most > 0 ? (most - least) / most : 0;
	for (size_t i = 0; i < nr_parts; i++) {
		double more = comparison_per_request(contrast.most, parts[i]) -
			      comparison_per_request(contrast.least, parts[i]);

		if (more > rise) {
			rise = more;
			contrast.part = i;
		}
	}
	return contrast;
}
