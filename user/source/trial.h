/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finds out what can be measured here, by loading and attaching everything for a moment. */
#ifndef FDSCOPE_TRIAL_H
#define FDSCOPE_TRIAL_H

#include "model/ability.h"

void trial_run(struct ability *out);

/* Linux 6.6 gave struct eventpoll a count of its registrations; earlier ones keep none. */
bool trial_counts_registrations(void);

#endif
