/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who was woken for what, for eyes: the epoll instances of a process and its descriptors. */
#ifndef FDSCOPE_VIEW_EPOLLS_H
#define FDSCOPE_VIEW_EPOLLS_H

#include "model/profile.h"
#include "view/sheet.h"

/* A line for each instance: what it watches, what it told, and what of that was in vain. */
void epolls_add(struct sheet *sheet, const struct profile_process *process);

/* A line for each descriptor that the profile shows. */
void descriptors_add(struct sheet *sheet, const struct profile_process *process);

#endif
