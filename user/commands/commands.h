/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands. Each returns an exit code, with the reason logged if it is not 0. */
#ifndef FDSCOPE_COMMANDS_H
#define FDSCOPE_COMMANDS_H

#include "options.h"

int attach_run(const struct options *options);
int run_run(const struct options *options);
int report_run(const struct options *options);
int compare_run(const struct options *options);
int check_run(const struct options *options);

extern const char attach_examples[];
extern const char run_examples[];
extern const char report_examples[];
extern const char compare_examples[];
extern const char check_examples[];

#endif
