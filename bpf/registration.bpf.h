/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What epoll instances watch: made by epoll_ctl or met by the walk over
 * descriptors, found again by the data that the kernel hands back with each
 * event, removed by epoll_ctl, by the last close, or when the kernel's own
 * struct epitem turns out to be gone.
 */
#ifndef FDSCOPE_REGISTRATION_BPF_H
#define FDSCOPE_REGISTRATION_BPF_H

#include "description.bpf.h"
#include "instance.bpf.h"

/* An event as it stands in user memory: packed on x86-64 only. Aligned as it is read here. */
struct user_event {
	__u32 events;
#if EPOLL_EVENT_BYTES == 16
	__u32 reserved;
#endif
	__u64 data;
} __attribute__((packed, aligned(4)));

static __u32 registration_hints[ROW_HINTS];

/* Names a row by what the program that waits gets back. */
static __always_inline __u32 *registration_hint(__u32 instance, __u64 data)
{
	return &registration_hints[row_hint(data + ((__u64)instance << 40))];
}

static __always_inline struct registration *registration_at(__u32 row_plus_1)
{
	__u32 row = row_plus_1 - 1;

	return bpf_map_lookup_elem(&registrations, &row); /* there is no row ~0 */
}

/* The description behind @row, unless its row is another's by now. */
static __always_inline struct description *described(struct registration *row)
{
	struct description *description = bpf_map_lookup_elem(&descriptions, &row->description);

	return description && description->born_ns == row->description_born_ns ? description : NULL;
}

/* Is the epitem of @row still its? The memory goes to other epitems or elsewhere later. */
static __always_inline bool is_alive(struct registration *row, __u64 ep)
{
	struct epitem *epi = (void *)row->epi;

	if (!epi)
		return true; /* not known */
	return is_linked(epi) && (__u64)READ(epi, ep) == ep &&
	       (__u64)READ(epi, ffd.file) == row->file && (__u32)READ(epi, ffd.fd) == row->fd;
}

static __always_inline __u64 instance_address(__u32 row)
{
	struct instance *instance = bpf_map_lookup_elem(&instances, &row);

	return instance ? instance->ep : 0;
}

static __always_inline void count_registrations(__u32 row, __u32 more)
{
	struct instance *instance = bpf_map_lookup_elem(&instances, &row);

	if (instance)
		__sync_fetch_and_add(&instance->nr_registrations, more);
}

/*
 * Is a registration that the walk at hand finds in this instance one that we
 * missed? The walks at the start, and the first of an instance whose making went
 * unseen, find what is older than the probes.
 */
static __always_inline bool is_late(__u32 row)
{
	struct instance *instance = bpf_map_lookup_elem(&instances, &row);

	return settled_walk && walk > settled_walk && instance && walk > instance->birth_walk + 1;
}

static __always_inline void set_events(struct registration *row, __u32 events)
{
	row->events = events;
	row->has_modes = !!(events & REGISTRATION_MODES);
}

/* ---- by data ---- */

/* The only one in @set, if there is just one, shares its data from now on, or no more. */
static __always_inline void set_sharing(__u64 set, bool shares_data)
{
	struct registration *only;
	__u32 row = PACKED_SUM(set);

	if (PACKED_NR(set) != 1)
		return;
	only = bpf_map_lookup_elem(&registrations, &row);
	if (only)
		only->shares_data = shares_data;
}

static __noinline int remove_data(struct registration *row, __u32 number)
{
	struct data_key key = { .data = row->data, .instance = row->instance };
	__u64 *set = bpf_map_lookup_elem(&registrations_by_data, &key);

	if (!set)
		return 0;
	__sync_fetch_and_add(set, -PACKED(number));
	if (!*set)
		bpf_map_delete_elem(&registrations_by_data, &key);
	else
		set_sharing(*set, 0);
	return 0;
}

static __always_inline __u64 *data_set(struct data_key *key)
{
	__u64 none = 0, *set = bpf_map_lookup_elem(&registrations_by_data, key);

	if (set)
		return set;
	bpf_map_update_elem(&registrations_by_data, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&registrations_by_data, key);
}

static __noinline int add_data(struct registration *row, __u32 number)
{
	struct data_key key = { .data = row->data, .instance = row->instance };
	__u64 *set = data_set(&key);

	if (!set) {
		count_loss(LOSS_REGISTRATIONS);
		return 0;
	}
	set_sharing(*set, 1);
	__sync_fetch_and_add(set, PACKED(number));
	row->shares_data = PACKED_NR(*set) > 1;
	return 0;
}

/* ---- rows ---- */

/* Whoever claims the row gives it back. Its key may lead to another row by now. */
static __noinline int forget_registration(struct registration *row, __u32 number)
{
	struct registration_key key = {
		.file = row->file,
		.instance = row->instance,
		.fd = row->fd,
	};
	struct description *description;
	__u32 *holder;

	if (!claim(&row->is_used, 0, number))
		return 0;
	holder = bpf_map_lookup_elem(&registrations_by_key, &key);
	if (holder && *holder == number)
		bpf_map_delete_elem(&registrations_by_key, &key);
	remove_data(row, number);
	description = described(row);
	if (description)
		__sync_fetch_and_add(&description->registrations, -PACKED(number));
	count_registrations(row->instance, -1);
	bpf_map_push_elem(&free_registrations, &number, 0);
	return 0;
}

/* The one other registration with the same data, if the kernel has it no more. */
static __always_inline void forget_dead_holder(__u32 instance, __u64 data)
{
	struct data_key key = { .data = data, .instance = instance };
	__u64 *set = bpf_map_lookup_elem(&registrations_by_data, &key);
	struct registration *holder;
	__u32 row;

	if (!set || PACKED_NR(*set) != 1)
		return;
	row = PACKED_SUM(*set);
	holder = bpf_map_lookup_elem(&registrations, &row);
	if (holder && !is_alive(holder, instance_address(instance)))
		forget_registration(holder, row);
}

/* What a registration is made of. */
struct registering {
	struct registration_key key;
	__u64 data;
	__u32 events;
	__u32 description; /* row, plus 1 */
	__u64 epi;
	__u32 tgid;
	__u32 found_by_walk;
};

/*
 * A row that nobody has yet; its number plus 1, or 0 and a loss when the table is
 * full. Unused where only ends are seen to (tasks.bpf.c).
 */
static __noinline __attribute__((unused)) __u32 new_registration(const struct registering *from)
{
	struct registration *row;
	struct description *description;
	__u32 number;

	if (bpf_map_pop_elem(&free_registrations, &number)) {
		count_loss(LOSS_REGISTRATIONS);
		return 0;
	}
	row = bpf_map_lookup_elem(&registrations, &number);
	if (!row)
		return 0; /* for the verifier */
	__builtin_memset(row, 0, offsetof(struct registration, version));
	row->born_ns = bpf_ktime_get_ns();
	row->file = from->key.file;
	row->instance = from->key.instance;
	row->fd = from->key.fd;
	row->data = from->data;
	set_events(row, from->events);
	description = description_at(from->description);
	row->description = from->description - 1;
	row->description_born_ns = description ? description->born_ns : 0;
	row->epi = from->epi;
	row->tgid = from->tgid;
	row->found_by_walk = from->found_by_walk;
	row->row = number;
	row->is_used = 1;
	if (bpf_map_update_elem(&registrations_by_key, &from->key, &number, BPF_NOEXIST)) {
		row->is_used = 0;
		bpf_map_push_elem(&free_registrations, &number, 0); /* another thread was first */
		return 0;
	}
	if (description)
		__sync_fetch_and_add(&description->registrations, PACKED(number));
	count_registrations(row->instance, 1);
	add_data(row, number);
	return number + 1;
}

static __noinline struct registration *find_by_key(const struct registration_key *key,
						   __u32 *number)
{
	__u32 *row = bpf_map_lookup_elem(&registrations_by_key, key);

	if (!row)
		return NULL;
	*number = *row;
	return bpf_map_lookup_elem(&registrations, row);
}

/* The registration of @key; nearly always the only one of its description. */
static __always_inline struct registration *
registration_of(struct description *description, const struct registration_key *key, __u32 *number)
{
	if (description && PACKED_NR(description->registrations) == 1) {
		__u32 row = PACKED_SUM(description->registrations);
		struct registration *only = bpf_map_lookup_elem(&registrations, &row);

		if (only && only->is_used && only->file == key->file &&
		    only->instance == key->instance && only->fd == key->fd) {
			*number = row;
			return only;
		}
	}
	return find_by_key(key, number);
}

static __noinline struct registration *search_by_data(__u32 instance, __u64 data, __u32 *hint)
{
	struct data_key key = { .data = data, .instance = instance };
	__u64 *set = bpf_map_lookup_elem(&registrations_by_data, &key);
	struct registration *only;
	__u32 row;

	if (!set || PACKED_NR(*set) != 1)
		return NULL;
	row = PACKED_SUM(*set);
	*hint = row;
	only = bpf_map_lookup_elem(&registrations, &row);
	return only && only->is_used && only->data == data && only->instance == instance ? only
											 : NULL;
}

/* The registration found last for an event like it, if it is plain. */
static __always_inline struct registration *hinted_registration(__u32 instance, __u64 data)
{
	struct registration *row =
		bpf_map_lookup_elem(&registrations, registration_hint(instance, data));

	return row && row->data == data && row->instance == instance &&
			       row->standing == REGISTRATION_PLAIN
		       ? row
		       : NULL;
}

/* The registration that an event with @data is of; NULL if there is none, or several. */
static __always_inline struct registration *registration_by_data(__u32 instance, __u64 data)
{
	__u32 *hint = registration_hint(instance, data);
	struct registration *row = bpf_map_lookup_elem(&registrations, hint);

	return row && row->data == data && row->instance == instance && row->is_used &&
			       !row->shares_data
		       ? row
		       : search_by_data(instance, data, hint);
}

#endif
