/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The profile's keys: for each group, what its members are called, in which
 * unit, and where they are stored or how they follow from what is stored. The
 * one list from which JSON is written and read and tables are made.
 */
#ifndef FDSCOPE_FIELDS_H
#define FDSCOPE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/profile.h"

enum unit {
	UNIT_COUNT,
	UNIT_BYTES,
	UNIT_NS,
	UNIT_HIST, /* log2 buckets of counts or of the unit in the key */
};

struct field {
	const char *key;
	const char *help; /* one line, as in fdscope(8) FIELDS */
	enum unit unit;
	size_t offset;	/* of the stored uint64_t, or of the first bucket */
	size_t buckets; /* UNIT_HIST */
	/* Derived, if not NULL: nothing is stored and offset means nothing. */
	uint64_t (*derive)(const void *group);
	unsigned needs; /* enum wakeups_part without which it is left out; 0: always there */
};

/* A group of the profile: an array of fields, ended by one without a key. */
extern const struct field wait_fields[];       /* struct wait_counters */
extern const struct field epoll_ctl_fields[];  /* struct epoll_ctl_counters */
extern const struct field accept_fields[];     /* struct accept_counters */
extern const struct field io_fields[];	       /* struct io_counters */
extern const struct field copies_fields[];     /* struct counters; all derived */
extern const struct field fds_fields[];	       /* struct fd_counters */
extern const struct field listener_fields[];   /* struct profile_listener */
extern const struct field now_fields[];	       /* struct profile_now */
extern const struct field census_fields[];     /* struct profile_fds; with its kinds */
extern const struct field instance_fields[];   /* struct profile_epoll */
extern const struct field trigger_fields[];    /* struct trigger_counters */
extern const struct field delivery_fields[];   /* struct delivery_counters */
extern const struct field epoll_fields[];      /* struct epoll_counters */
extern const struct field undrained_fields[];  /* struct profile_undrained */
extern const struct field callback_fields[];   /* struct callback_counters */
extern const struct field descriptor_fields[]; /* struct profile_descriptor */

/* Names of the groups and kinds, by enum wait_family, io_family and fd_kind. */
extern const char *const wait_names[WAIT_FAMILIES];
extern const char *const io_names[IO_FAMILIES];
extern const char *const kind_names[FD_KINDS];

extern const char *const severity_names[SEVERITY_PROBLEM + 1];
extern const char *const subject_names[SUBJECT_TID + 1]; /* keys; NULL for SUBJECT_PROCESS */

/* How a descriptor is registered: level or edge, with +oneshot and +exclusive. */
const char *trigger_name(const struct profile_descriptor *descriptor);
/* The reverse; false if it is the name of no trigger. */
bool trigger_from_name(struct profile_descriptor *descriptor, const char *name);

uint64_t field_value(const struct field *field, const void *group);
const uint64_t *field_hist(const struct field *field, const void *group);

/*
 * Does a wait of @family have it? maxevents has no counterpart in poll and
 * select, and what epoll delivered in vain or was told is told instance by instance.
 */
bool field_is_for(const struct field *field, enum wait_family family);
/* What of field->needs it takes for a wait of @family. */
unsigned field_needs(const struct field *field, enum wait_family family);
/* watched and its histogram: left out where the kernel does not tell. */
bool field_is_of_watched(const struct field *field);

void counters_add(struct counters *to, const struct counters *from);
void counters_subtract(struct counters *to, const struct counters *from);

/* True if all of @bytes of counters at @group are 0. */
bool counters_is_empty(const void *group, size_t bytes);

/* How many buckets up to the last that is not 0. */
size_t hist_length(const uint64_t *hist, size_t buckets);
uint64_t hist_total(const uint64_t *hist, size_t buckets);

#endif
