/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where profiles go: a file (whole or not at all), and stdout as JSON or as a
 * report for eyes.
 */
#ifndef FDSCOPE_OUTPUT_H
#define FDSCOPE_OUTPUT_H

#include "model/profile.h"
#include "options.h"

struct output;

/*
 * Makes sure that -o can be written before anything is measured. JSON of a series
 * of profiles has one a line. 0, EXIT_USAGE or, without memory, EXIT_NO_MEASURE,
 * logged.
 */
int output_open(struct output **out, const struct options *options, bool is_series);

/* Prints and saves one profile. 0 or EXIT_NO_MEASURE, logged. */
int output_profile(struct output *output, const struct profile *profile);

/* Puts the file in its place. 0 or EXIT_NO_MEASURE, logged. */
int output_finish(struct output *output);

/* Without output_finish() before, leaves no file behind. */
void output_close(struct output *output);

#endif
