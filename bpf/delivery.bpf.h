/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a wait reported: each event of epoll_wait is traced through its data to
 * the registration, each descriptor poll or select found ready to its open file
 * description. The events are read from the program's own array, many at a
 * time. Functions are global so that the verifier follows the body of each
 * loop once.
 */
#ifndef FDSCOPE_DELIVERY_BPF_H
#define FDSCOPE_DELIVERY_BPF_H

#include "registration.bpf.h"

#define EVENTS_READ  (144 / EPOLL_EVENT_BYTES) /* at a time, in whole words: see read_by_words() */
#define EVENT_CHUNKS 512		       /* that one function goes through */
#define NR_CHUNKS    64			       /* of pollfds */

/* The row of the listener that the current process was told of. */
static __noinline int count_delivered_listener(__u64 ino, __u32 tgid, __u64 start_ns,
					       bool is_exclusive)
{
	struct listener_key key = {
		.inode = ino,
		.process_start_ns = start_ns,
		.tgid = tgid,
	};
	struct listener *listener = bpf_map_lookup_elem(&listeners, &key);

	if (!listener)
		return 0;
	__sync_fetch_and_add(&listener->delivered, 1);
	if (is_exclusive)
		__sync_fetch_and_add(&listener->delivered_exclusive, 1);
	return 0;
}

static __always_inline void count_event_bits(struct delivery_counters *deliveries, __u32 mode,
					     __u32 events)
{
	deliveries->by.level += !(mode & EPOLLET);
	deliveries->by.edge += !!(mode & EPOLLET);
	deliveries->by.oneshot += !!(mode & EPOLLONESHOT);
	deliveries->by.exclusive += !!(mode & EPOLLEXCLUSIVE);
	deliveries->in += !!(events & EPOLLIN);
	deliveries->out += !!(events & EPOLLOUT);
	deliveries->err += !!(events & EPOLLERR);
	deliveries->hup += !!(events & EPOLLHUP);
	deliveries->rdhup += !!(events & EPOLLRDHUP);
	deliveries->pri += !!(events & EPOLLPRI);
}

static __always_inline bool is_out_alone(__u32 events)
{
	return events & EPOLLOUT && !(events & ~(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND));
}

/* The same was told before and nothing was done: @use counts it, and @row. */
#define COUNT_BOTH(use, row, member)                     \
	do {                                             \
		(use)->counters.member++;                \
		__sync_fetch_and_add(&(row)->member, 1); \
	} while (0)

/*
 * The table of descriptors, read once for all the events that a wait of the use in
 * @use_row returned with. A global function: to follow a member of the task costs
 * the verifier a search through all the kernel's types.
 */
__weak int read_table(__u32 use_row)
{
	struct epoll_use *use = bpf_map_lookup_elem(&epoll_uses, &use_row);
	struct files_struct *files = FOLLOW(current_task(), files);

	if (!use)
		return 0; /* for the verifier */
	use->nr_fds = files ? FOLLOW(FOLLOW(files, fdt), max_fds) : 0;
	use->fds = files ? (__u64)FOLLOW(FOLLOW(files, fdt), fd) : 0;
	return 0;
}

/* The file that @fd leads to, now that the wait has returned. */
static __always_inline __u64 file_held(struct epoll_use *use, __u32 fd)
{
	if (!use->fds)
		read_table(use->name.row);
	return fd < use->nr_fds ? read_word((void *)(use->fds + fd * sizeof(__u64))) : 0;
}

static __always_inline void look_for_phantom(struct epoll_use *use, struct registration *row)
{
	__u64 file = file_held(use, row->fd);

	if (file != row->file || !file)
		COUNT_BOTH(use, row, phantom);
}

static __always_inline void count_ignored(struct epoll_use *use, struct registration *row,
					  __u32 mode, __u32 events)
{
	if (!(mode & EPOLLET)) {
		COUNT_BOTH(use, row, redelivered);
		if (events & EPOLLIN)
			COUNT_BOTH(use, row, redelivered_in);
	}
	look_for_phantom(use, row);
}

/* EPOLLRDHUP is the end of what there is to read: whoever asks for it wants to know. */
#define EPOLL_ENDS (EPOLLERR | EPOLLHUP | EPOLLRDHUP)

/* An end that the delivery or the read before had told of already. */
static __noinline int note_hangup(struct epoll_use *use, struct registration *row,
				  struct description *description, __u32 events)
{
	if (description->has_ended)
		COUNT_BOTH(use, row, ignored_hangup);
	description->has_ended = 1;
	return 0;
}

/* Edge deliveries are looked at again when the thread waits again. */
static __noinline int note_edge(struct epoll_use *use, __u32 description, struct thread *thread,
				__u64 now)
{
	struct batch *batch = bpf_map_lookup_elem(&batches, &use->name.row);
	__u32 at = use->nr_edges;

	if (!batch)
		return 0; /* for the verifier */
	if (at >= BATCH_EDGES_MAX) {
		thread->counters.losses[LOSS_EVENTS]++;
		return 0;
	}
	batch->descriptions[at] = description;
	use->batch_ns = now;
	use->nr_edges = at + 1;
	thread->nr_edges++;
	return 0;
}

/* Whose the first read after it is. */
static __always_inline void note_told(struct epoll_use *use, struct description *description)
{
	if (description->told.word == use->name.word)
		return; /* it was the last one, too */
	description->told = use->name;
	description->told_start_ns = use->process_start_ns;
	description->told_tgid = use->tgid;
	description->told_instance = use->instance;
}

/* What holds of a description from its delivery until something is done on it. */
static __always_inline void note_delivery(struct epoll_use *use, struct registration *row,
					  struct description *description, __u32 mode, __u32 events,
					  __u64 now)
{
	bool is_level = !(mode & EPOLLET);

	if (is_level && description->is_unwritten && is_out_alone(events))
		COUNT_BOTH(use, row, idle_out);
	if (events & EPOLLOUT)
		description->is_unwritten = 1;
	if (events & EPOLLIN) {
		if (is_level && description->last_read == READ_RESIDUAL)
			COUNT_BOTH(use, row, residual);
		if (!is_level && !description->undrained_ns)
			description->undrained_ns = now;
		note_told(use, description);
		description->is_unread = 1;
	}
	description->delivered_ns = now;
}

/* One event of the registration in @row; @mode are its REGISTRATION_MODES. */
static __always_inline void registration_delivered(struct epoll_use *use, struct registration *row,
						   __u32 mode, __u32 events, __u64 now)
{
	struct description *description;
	struct thread *thread;

	count_event_bits(&use->counters.deliveries, mode, events);
	__sync_fetch_and_add(&row->deliveries, 1);
	row->tgid = use->tgid;
	if (mode & EPOLLONESHOT)
		row->is_fired = 1;
	description = described(row);
	if (!description) {
		if (!row->file && row->deliveries > 1) /* no target holds it: nobody did anything */
			count_ignored(use, row, mode, events);
		return;
	}
	description->registration = row->row;
	if (events & EPOLL_ENDS || (description->has_ended && events & EPOLLIN))
		note_hangup(use, row, description, events);
	if (description->is_ignored)
		count_ignored(use, row, mode, events);
	description->is_ignored = 1;
	note_delivery(use, row, description, mode, events, now);
	if (description->is_listener)
		count_delivered_listener(description->ino, use->tgid, use->process_start_ns,
					 mode & EPOLLEXCLUSIVE);
	if (mode & EPOLLET && events & EPOLLIN) {
		thread = bpf_map_lookup_elem(&threads, &use->thread);
		if (thread)
			note_edge(use, row->description, thread, now);
	}
}

/* One event that the use in @use_row was handed. */
__weak int event_delivered(__u32 use_row, __u32 events, __u64 data, __u64 now)
{
	struct epoll_use *use = bpf_map_lookup_elem(&epoll_uses, &use_row);
	struct registration *row;

	if (!use)
		return 0; /* for the verifier */
	row = registration_by_data(use->instance, data);
	if (!row) {
		use->counters.unattributed++;
		return 0;
	}
	registration_delivered(use, row, row->events & REGISTRATION_MODES, events, now);
	return 0;
}

/*
 * What nearly all events are: level, IN and nothing else, of a registration met
 * before. True if it was one and is counted, but for plain.deliveries, which is
 * added up by the caller. Short, as the verifier follows it for each of a loop's turns.
 */
static __always_inline bool plain_event_delivered(struct epoll_use *use, __u32 instance,
						  __u32 events, __u64 data, __u64 now)
{
	struct description *description;
	struct registration *row;

	if (events != EPOLLIN)
		return false;
	row = hinted_registration(instance, data);
	if (!row)
		return false;
	description = described(row);
	if (!description || description->has_ended_or_listens)
		return false;
	__sync_fetch_and_add(&row->deliveries, 1);
	row->tgid = use->tgid;
	description->registration = row->row;
	if (description->is_ignored) {
		use->plain.redelivered++;
		__sync_fetch_and_add(&row->plain_redelivered, 1);
		look_for_phantom(use, row);
	} else {
		description->is_ignored = 1;
	}
	note_delivery(use, row, description, 0, EPOLLIN, now);
	return true;
}

/*
 * Reads @bytes of user memory at @address, to where there is room for whole words.
 * The kernel copies words, and single bytes of what is left: a word more is read
 * faster than a part of one, unless it is on a page that is not there.
 */
static __always_inline bool read_by_words(void *to, __u64 bytes, __u64 address)
{
	return !bpf_probe_read_user(to, (bytes + 7) & ~7, (void *)address) ||
	       !bpf_probe_read_user(to, bytes, (void *)address);
}

/* Up to EVENTS_READ of the @nr events at @array; not 0 if they could not be read. */
__weak int some_events_delivered(__u32 use_row, __u64 array, __u64 nr, __u64 now)
{
	struct epoll_use *use = bpf_map_lookup_elem(&epoll_uses, &use_row);
	struct user_event seen[EVENTS_READ];
	__u32 instance;
	__u64 bytes;

	barrier_var(nr); /* for the verifier: clamp the copy that is used */
	if (nr > EVENTS_READ)
		nr = EVENTS_READ;
	bytes = nr * sizeof(*seen);
	barrier_var(bytes);
	if (bytes > sizeof(seen))
		bytes = sizeof(seen); /* for the verifier */
	if (!use)
		return 0; /* for the verifier */
	if (!read_by_words(seen, bytes, array))
		return 1;
	instance = use->instance;
	use->plain.deliveries += nr;
	for (__u32 i = 0; i < nr; i++) {
		if (!are_spills_tracked() && i >= EVENTS_READ)
			break; /* for the verifier */
		if (plain_event_delivered(use, instance, seen[i].events, seen[i].data, now))
			continue;
		event_delivered(use_row, seen[i].events, seen[i].data, now);
		use->plain.deliveries--;
	}
	return 0;
}

/*
 * Each of these goes through EVENT_CHUNKS times as many as the one before: thousands,
 * then two million or more, which is above what a process can open (fs.nr_open).
 * One loop as long would take the verifier a second, and a third level the stack
 * that the events are read to.
 */
__weak int more_events_delivered(__u32 use_row, __u64 array, __u64 nr, __u64 now)
{
	for (__u32 i = 0; i < EVENT_CHUNKS; i++) {
		__u32 done = i * EVENTS_READ;

		if (done >= nr)
			break;
		if (some_events_delivered(use_row, array + done * EPOLL_EVENT_BYTES, nr - done,
					  now))
			return 1;
	}
	return 0;
}

__weak int all_events_delivered(__u32 use_row, __u64 array, __u64 nr, __u64 now)
{
	for (__u32 i = 0; i < EVENT_CHUNKS; i++) {
		__u32 done = i * EVENTS_READ * EVENT_CHUNKS;

		if (done >= nr)
			return 0;
		if (more_events_delivered(use_row, array + (__u64)done * EPOLL_EVENT_BYTES,
					  nr - done, now))
			return 1;
	}
	return 1;
}

/* The one event at @array: most waits return with one. */
static __always_inline bool one_event_delivered(struct epoll_use *use, __u64 array, __u64 now)
{
	struct user_event seen[2]; /* room for whole words */

	if (!read_by_words(seen, sizeof(*seen), array))
		return false;
	if (plain_event_delivered(use, use->instance, seen->events, seen->data, now))
		use->plain.deliveries++;
	else
		event_delivered(use->name.row, seen->events, seen->data, now);
	return true;
}

/* The @nr events at @array, user memory, that the thread's wait returned with at @now. */
static __always_inline void note_events(struct thread *thread, struct epoll_use *use, __u64 array,
					__u64 nr, __u64 now)
{
	bool is_done;

	if (nr == 1)
		is_done = one_event_delivered(use, array, now);
	else if (nr <= EVENTS_READ)
		is_done = !some_events_delivered(use->name.row, array, nr, now);
	else
		is_done = !all_events_delivered(use->name.row, array, nr, now);
	if (!is_done)
		thread->counters.losses[LOSS_EVENTS]++;
}

#endif
