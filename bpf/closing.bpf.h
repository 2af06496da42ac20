/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Descriptors that are watched and closed. The kernel ends a registration with
 * the last reference to the open file description and not before: a dup'ed or
 * inherited descriptor keeps it. Ends that this does not see (exec, a reference
 * in flight) are found by the sweep over registrations.
 */
#ifndef FDSCOPE_CLOSING_BPF_H
#define FDSCOPE_CLOSING_BPF_H

#include "registration.bpf.h"

#define EPITEMS_ENDED 64 /* those of a file in more instances are left to the sweep */

/* Does the instance at @ep end with the current task, too? What it watches is then read as it stood. */
static __always_inline bool ends_with_us(__u64 ep, __u32 row)
{
	struct instance *instance = bpf_map_lookup_elem(&instances, &row);
	struct file *file;

	if (!instance)
		return false;
	file = file_of(current_task(), instance->holder_fd);
	return file && eventpoll_of(file) == (struct eventpoll *)ep && is_last_reference(file);
}

/*
 * The registration of the epitem at @address, whose file is about to be closed
 * for good; if @is_exit, because the process ends.
 */
__weak int registration_closing(__u64 address, int is_exit)
{
	struct epitem *epi = (struct epitem *)address;
	__u64 ep = (__u64)READ(epi, ep);
	__u32 *instance = bpf_map_lookup_elem(&instances_by_ep, &ep);
	struct registration_key key = {};
	struct registration *row;
	__u32 number;

	if (!instance || (is_exit && ends_with_us(ep, *instance)))
		return 0;
	key.file = (__u64)READ(epi, ffd.file);
	key.instance = *instance;
	key.fd = READ(epi, ffd.fd);
	row = find_by_key(&key, &number);
	if (row)
		forget_registration(row, number);
	return 0;
}

static __noinline int registrations_closing(struct file *file, bool is_exit)
{
	__u64 link = newest_link(file);

	for (int i = 0; i < EPITEMS_ENDED && link; i++) {
		registration_closing((__u64)epitem_of(link), is_exit);
		link = older_link(file, link);
	}
	return 0;
}

/*
 * The current task gives up its descriptor @fd, if @is_exit because its process
 * ends: if nothing else refers to the description, it is forgotten.
 */
__weak int descriptor_given_up(__u32 fd, int is_exit)
{
	struct file *file = file_of(current_task(), fd);
	__u64 address = (__u64)file;
	struct description *description;
	__u32 *row;

	if (!file || (!looks_everywhere && !is_in_epoll(file)) || !is_last_reference(file))
		return 0;
	registrations_closing(file, is_exit);
	row = bpf_map_lookup_elem(&descriptions_by_file, &address);
	description = row ? bpf_map_lookup_elem(&descriptions, row) : NULL;
	if (description)
		forget_description(description, *row);
	return 0;
}

/* close: what ends with the descriptor is noted, and forgotten when the call has returned. */
static __always_inline void description_closing(struct thread *thread, struct task_struct *task,
						__u32 fd)
{
	struct file *file = file_of(task, fd);
	struct description *description;
	__u64 address = (__u64)file;
	__u32 *row;

	thread->description = 0;
	thread->closing_ep = 0;
	if (!file || !is_last_reference(file))
		return;
	thread->closing_ep = (__u64)eventpoll_of(file);
	if (!looks_everywhere && !is_in_epoll(file))
		return;
	description = description_of(file);
	row = description ? bpf_map_lookup_elem(&descriptions_by_file, &address) : NULL;
	if (!row)
		return;
	thread->description = *row + 1;
	thread->description_born_ns = description->born_ns;
	if (PACKED_NR(description->registrations) > 1)
		registrations_closing(file, false);
}

static __always_inline void close_done(struct thread *thread)
{
	struct description *description = description_at(thread->description);
	struct registration *registration;
	__u32 row;

	if (thread->closing_ep)
		instance_ended(thread->closing_ep, true);
	thread->closing_ep = 0;
	if (!description || description->born_ns != thread->description_born_ns)
		return;
	if (PACKED_NR(description->registrations) == 1) {
		row = PACKED_SUM(description->registrations);
		registration = bpf_map_lookup_elem(&registrations, &row);
		if (registration && is_of(registration, description))
			forget_registration(registration, row);
	}
	forget_description(description, thread->description - 1);
	thread->description = 0;
}

#define RANGE_STEP 64

__weak int some_given_up(__u32 from, __u32 last)
{
	for (__u32 i = 0; i < RANGE_STEP && from + i <= last; i++)
		descriptor_given_up(from + i, false);
	return 0;
}

/* close_range: up to RANGE_STEP * RANGE_STEP descriptors; those beyond are left to the sweep. */
__weak int range_given_up(__u32 first, __u32 last)
{
	struct task_struct *task = current_task();
	struct files_struct *files = FOLLOW(task, files);
	__u32 max_fds = files ? FOLLOW(FOLLOW(files, fdt), max_fds) : 0;

	if (last >= max_fds)
		last = max_fds - 1;
	for (__u32 i = 0; i < RANGE_STEP; i++) {
		__u32 from = first + i * RANGE_STEP;

		if (!max_fds || from > last)
			break;
		some_given_up(from, last);
	}
	return 0;
}

#endif
