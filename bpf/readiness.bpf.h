/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What poll and select reported: each descriptor found ready, by its open file
 * description. The results are read from the program's own arrays, until as
 * many have been met as the call said are ready.
 */
#ifndef FDSCOPE_READINESS_BPF_H
#define FDSCOPE_READINESS_BPF_H

#include "delivery.bpf.h"
#include "sets.bpf.h"

#define POLLFDS_READ 16

static __always_inline void count_report(struct wait_counters *wait,
					 struct description *description, __u32 events)
{
	if (description->is_poll_ignored) {
		wait->redelivered++;
		wait->redelivered_in += !!(events & EPOLLIN);
	}
	wait->idle_out += description->is_poll_unwritten && is_out_alone(events);
	if (events & EPOLL_ENDS || (description->has_ended && events & EPOLLIN)) {
		wait->ignored_hangup += description->has_ended;
		description->has_ended = 1;
	}
	description->is_poll_ignored = 1;
	if (events & EPOLLOUT)
		description->is_poll_unwritten = 1;
}

/* A wait of the thread in @thread_row, of @family, reported @events of @fd. */
__weak int descriptor_reported(__u32 thread_row, __u32 family, __u32 fd, __u32 events)
{
	struct thread *thread = bpf_map_lookup_elem(&threads, &thread_row);
	struct file *file = file_of(current_task(), fd);
	struct description *description;

	barrier_var(family); /* for the verifier: clamp the copy that is used */
	if (!thread || !file || family >= WAIT_FAMILIES)
		return 0; /* closed meanwhile by another thread, or never open (POLLNVAL) */
	if (file_kind(file) == KIND_FILE)
		return 0; /* always ready */
	description = description_of(file);
	if (!description)
		description = description_at(description_row((__u64)file));
	if (!description)
		return 0;
	count_report(&thread->counters.waits[family], description, events);
	if (description->is_listener)
		count_delivered_listener(description->ino, thread->tgid, thread->process_start_ns,
					 false);
	return 0;
}

struct pollfd_seen {
	__s32 fd;
	__s16 events;
	__s16 revents;
};

#define NOT_READ -1

/* Of @nr pollfds at @array looks at POLLFDS_READ: how many are ready, or NOT_READ. */
__weak int some_pollfds_reported(__u32 thread_row, __u64 array, __u64 nr)
{
	struct pollfd_seen seen[POLLFDS_READ];
	__u64 bytes = nr * sizeof(*seen);
	int ready = 0;

	barrier_var(bytes); /* for the verifier: clamp the copy that is used */
	if (bytes > sizeof(seen))
		bytes = sizeof(seen);
	if (bpf_probe_read_user(seen, bytes, (void *)array))
		return NOT_READ;
	for (__u32 i = 0; i < POLLFDS_READ && i < nr; i++) {
		if (!seen[i].revents || seen[i].fd < 0)
			continue;
		descriptor_reported(thread_row, WAIT_POLL, seen[i].fd, (__u16)seen[i].revents);
		ready++;
	}
	return ready;
}

/* Each goes through NR_CHUNKS times as many as the one before, as for events. */
__weak int more_pollfds_reported(__u32 thread_row, __u64 array, __u64 nr, int ready)
{
	int found = 0, some;

	for (__u32 i = 0; i < NR_CHUNKS && found < ready; i++) {
		__u32 done = i * POLLFDS_READ;

		if (done >= nr)
			break;
		some = some_pollfds_reported(thread_row, array + done * sizeof(struct pollfd_seen),
					     nr - done);
		if (some == NOT_READ)
			return NOT_READ;
		found += some;
	}
	return found;
}

__weak int many_pollfds_reported(__u32 thread_row, __u64 array, __u64 nr, int ready)
{
	int found = 0, more;

	for (__u32 i = 0; i < NR_CHUNKS && found < ready; i++) {
		__u32 done = i * POLLFDS_READ * NR_CHUNKS;

		if (done >= nr)
			break;
		more = more_pollfds_reported(thread_row, array + done * sizeof(struct pollfd_seen),
					     nr - done, ready - found);
		if (more == NOT_READ)
			return NOT_READ;
		found += more;
	}
	return found;
}

/* NOT_READ, or how many of @ready were met. */
__weak int all_pollfds_reported(__u32 thread_row, __u64 array, __u64 nr, int ready)
{
	int found = 0, many;

	for (__u32 i = 0; i < NR_CHUNKS && found < ready; i++) {
		__u32 done = i * POLLFDS_READ * NR_CHUNKS * NR_CHUNKS;

		if (done >= nr)
			break;
		many = many_pollfds_reported(thread_row,
					     array + (__u64)done * sizeof(struct pollfd_seen),
					     nr - done, ready - found);
		if (many == NOT_READ)
			return NOT_READ;
		found += many;
	}
	return found;
}

/* The members of the three words of select's sets that begin at descriptor @base. */
__weak int word_reported(__u32 thread_row, __u32 base, __u64 in, __u64 out, __u64 ex)
{
	__u64 any = in | out | ex;

	for (__u32 i = 0; i < 64; i++) {
		__u32 at = count_bits((any & -any) - 1);
		__u32 events;

		if (!any)
			break;
		/* Without branches, which double the verifier's ways on. */
		events = (in >> at & 1) * EPOLLIN | (out >> at & 1) * EPOLLOUT |
			 (ex >> at & 1) * EPOLLPRI;
		descriptor_reported(thread_row, WAIT_SELECT, base + at, events);
		any &= any - 1;
	}
	return 0;
}

/* Words @at, of SET_WORDS, of the three sets; not 0 if they could not be read. */
__weak int some_words_reported(__u32 thread_row, __u64 in_set, __u64 out_set, __u64 ex_set,
			       __u64 base_and_bits)
{
	unsigned long in[SET_WORDS], out[SET_WORDS], ex[SET_WORDS];
	__u32 base = base_and_bits >> 32, bits = base_and_bits;

	if (read_set(in, in_set, base, bits) || read_set(out, out_set, base, bits) ||
	    read_set(ex, ex_set, base, bits))
		return NOT_READ;
	for (__u32 i = 0; i < SET_WORDS; i++) {
		if (in[i] | out[i] | ex[i])
			word_reported(thread_row, base + i * 64, in[i], out[i], ex[i]);
	}
	return 0;
}

__weak int all_words_reported(__u32 thread_row, __u64 in_set, __u64 out_set, __u64 ex_set,
			      __u32 nr_fds)
{
	for (__u32 base = 0; base < SELECT_FDS_MAX; base += SET_BITS) {
		if (base >= nr_fds)
			break;
		if (some_words_reported(thread_row, in_set, out_set, ex_set,
					(__u64)base << 32 | (nr_fds - base)))
			return NOT_READ;
	}
	return 0;
}

#endif
