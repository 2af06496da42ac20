/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables of keys, one a group, with what derives a value that is not stored;
 * then what walks over counters as plain words: add, subtract, is all of it 0.
 * The sums and shares themselves are made in derive.c.
 */
#include "model/fields.h"

#include <string.h>

#include "model/derive.h"

const char *const wait_names[WAIT_FAMILIES] = {
	[WAIT_EPOLL] = "epoll_wait",
	[WAIT_POLL] = "poll",
	[WAIT_SELECT] = "select",
};

const char *const io_names[IO_FAMILIES] = {
	[IO_READ] = "read",
	[IO_WRITE] = "write",
	[IO_SENDFILE] = "sendfile",
	[IO_SPLICE] = "splice",
	[IO_TEE] = "tee",
	[IO_VMSPLICE] = "vmsplice",
	[IO_COPY_FILE_RANGE] = "copy_file_range",
};

const char *const kind_names[FD_KINDS] = {
	[KIND_SOCKET] = "socket",   [KIND_FILE] = "file",   [KIND_PIPE] = "pipe",
	[KIND_OTHER] = "other",	    [KIND_EPOLL] = "epoll", [KIND_EVENTFD] = "eventfd",
	[KIND_TIMERFD] = "timerfd",
};

const char *const severity_names[SEVERITY_PROBLEM + 1] = {
	[SEVERITY_HINT] = "hint",
	[SEVERITY_PROBLEM] = "problem",
};

const char *const subject_names[SUBJECT_TID + 1] = {
	[SUBJECT_INSTANCE] = "instance",
	[SUBJECT_FD] = "fd",
	[SUBJECT_LOCAL] = "local",
	[SUBJECT_TID] = "tid",
};

/* Bits: edge, oneshot, exclusive. */
static const char *const trigger_names[8] = {
	"level",	   "edge",	     "level+oneshot",		"edge+oneshot",
	"level+exclusive", "edge+exclusive", "level+oneshot+exclusive", "edge+oneshot+exclusive",
};

const char *trigger_name(const struct profile_descriptor *descriptor)
{
	return trigger_names[descriptor->is_edge | descriptor->is_oneshot << 1 |
			     descriptor->is_exclusive << 2];
}

bool trigger_from_name(struct profile_descriptor *descriptor, const char *name)
{
	for (int bits = 0; bits < 8; bits++) {
		if (strcmp(name, trigger_names[bits]) != 0)
			continue;
		descriptor->is_edge = bits & 1;
		descriptor->is_oneshot = bits & 2;
		descriptor->is_exclusive = bits & 4;
		return true;
	}
	return false;
}

static uint64_t derive_wait_calls(const void *group)
{
	return wait_calls(group);
}

static uint64_t derive_wakeups(const void *group)
{
	return wait_wakeups(group);
}

static uint64_t derive_accept_calls(const void *group)
{
	return accept_calls(group);
}

static uint64_t derive_io_calls(const void *group)
{
	return io_calls(group);
}

static uint64_t derive_listener_accepted(const void *group)
{
	const struct profile_listener *listener = group;

	return hist_total(listener->queue_depth_hist, HIST_INT_BUCKETS);
}

static uint64_t derive_callback_calls(const void *group)
{
	return callback_calls(group);
}

static uint64_t derive_control(const void *group)
{
	return control_bytes(group);
}

static uint64_t derive_user_to_kernel(const void *group)
{
	return user_to_kernel_bytes(group);
}

static uint64_t derive_kernel_to_user(const void *group)
{
	return kernel_to_user_bytes(group);
}

static uint64_t derive_socket_out(const void *group)
{
	return socket_out_bytes(group);
}

static uint64_t derive_zero_copy(const void *group)
{
	return zero_copy_bytes(group);
}

#define STORED_AS(key_, type, member, unit_, help_)                                         \
	{                                                                                   \
		.key = key_, .help = help_, .unit = unit_, .offset = offsetof(type, member) \
	}
#define STORED(type, member, unit_, help_) STORED_AS(#member, type, member, unit_, help_)
#define STORED_WITH(needs_, key_, type, member, help_)                                            \
	{                                                                                         \
		.key = key_, .help = help_, .unit = UNIT_COUNT, .offset = offsetof(type, member), \
		.needs = needs_                                                                   \
	}
#define HIST(type, member, help_)                                         \
	{                                                                 \
		.key = #member, .help = help_, .unit = UNIT_HIST,         \
		.offset = offsetof(type, member),                         \
		.buckets = sizeof(((type *)0)->member) / sizeof(uint64_t) \
	}
#define DERIVED(key_, unit_, derive_, help_)                                 \
	{                                                                    \
		.key = key_, .help = help_, .unit = unit_, .derive = derive_ \
	}

#define WAIT struct wait_counters
const struct field wait_fields[] = {
	DERIVED("calls", UNIT_COUNT, derive_wait_calls, "returns, of every outcome below"),
	DERIVED("wakeups", UNIT_COUNT, derive_wakeups,
		"returns with at least one ready descriptor"),
	STORED(WAIT, timeouts, UNIT_COUNT, "returned 0, the timeout at entry was not zero"),
	STORED(WAIT, empty_polls, UNIT_COUNT, "returned 0, the timeout at entry was zero"),
	STORED(WAIT, spins, UNIT_COUNT, "of empty_polls, right after another one"),
	STORED(WAIT, interrupted, UNIT_COUNT, "ended by a signal"),
	STORED(WAIT, failed, UNIT_COUNT, "any other error"),
	STORED(WAIT, immediate, UNIT_COUNT, "wakeups during which the thread did not sleep"),
	STORED(WAIT, sleeps, UNIT_COUNT, "calls during which the thread slept"),
	STORED(WAIT, switches, UNIT_COUNT, "voluntary context switches inside these calls"),
	STORED(WAIT, ready, UNIT_COUNT, "sum of ready descriptors"),
	HIST(WAIT, ready_hist, "distribution of ready descriptors a wakeup"),
	STORED(WAIT, watched, UNIT_COUNT, "sum of descriptors watched, over all but failed calls"),
	HIST(WAIT, watched_hist, "distribution of descriptors watched"),
	STORED(WAIT, capacity, UNIT_COUNT, "epoll: sum of maxevents"),
	STORED(WAIT, saturated, UNIT_COUNT, "epoll: returns with ready == maxevents"),
	STORED(WAIT, redelivered, UNIT_COUNT,
	       "poll, select: of ready, no call on it since it was reported last"),
	STORED(WAIT, redelivered_in, UNIT_COUNT, "poll, select: of redelivered, those to be read"),
	STORED(WAIT, idle_out, UNIT_COUNT,
	       "poll, select: of ready, to be written alone, no write since it was last so"),
	STORED(WAIT, ignored_hangup, UNIT_COUNT,
	       "poll, select: of ready, an error or hangup that was reported before"),
	STORED(WAIT, wait_ns, UNIT_NS, "entry to return"),
	HIST(WAIT, wait_ns_hist, "distribution of wait_ns"),
	STORED(WAIT, runqueue_ns, UNIT_NS, "of wait_ns, runnable and waiting for a CPU"),
	STORED(WAIT, busy_ns, UNIT_NS, "return to the entry of the thread's next wait"),
	HIST(WAIT, busy_ns_hist, "distribution of busy_ns"),
	STORED(WAIT, in_bytes, UNIT_BYTES, "control data copied into the kernel"),
	STORED(WAIT, out_bytes, UNIT_BYTES, "control data copied out of it"),
	STORED_WITH(WAKEUPS_POLL, "callbacks", WAIT, callbacks,
		    "poll, select: times a watched file told the waiting thread"),
	STORED_WITH(WAKEUPS_POLL, "filtered", WAIT, filtered,
		    "of callbacks, of nothing that was waited for"),
	STORED_WITH(WAKEUPS_EPOLL | WAKEUPS_POLL, "woken", WAIT, woken,
		    "times the waiting thread was asleep, and woken to look"),
	STORED_WITH(WAKEUPS_SLEEPS, "futile", WAIT, futile,
		    "woken, found nothing and went to sleep again, without a return"),
	{},
};

#define CTL struct epoll_ctl_counters
const struct field epoll_ctl_fields[] = {
	STORED(CTL, add, UNIT_COUNT, "registrations made"),
	STORED(CTL, mod, UNIT_COUNT, "registrations changed"),
	STORED(CTL, mod_unchanged, UNIT_COUNT, "of mod, with the mask and data held before"),
	STORED(CTL, del, UNIT_COUNT, "registrations removed"),
	STORED(CTL, failed, UNIT_COUNT, "calls that failed"),
	STORED(CTL, in_bytes, UNIT_BYTES, "events copied in, by all operations but DEL"),
	{},
};

#define ACCEPT struct accept_counters
const struct field accept_fields[] = {
	DERIVED("calls", UNIT_COUNT, derive_accept_calls, "of every outcome below"),
	STORED(ACCEPT, accepted, UNIT_COUNT, "connections accepted"),
	STORED(ACCEPT, again, UNIT_COUNT, "found none (EAGAIN)"),
	STORED(ACCEPT, fd_limit, UNIT_COUNT, "out of descriptors (EMFILE, ENFILE)"),
	STORED(ACCEPT, interrupted, UNIT_COUNT, "ended by a signal"),
	STORED(ACCEPT, failed, UNIT_COUNT, "any other error"),
	STORED(ACCEPT, in_bytes, UNIT_BYTES, "sizes of address buffers, copied in"),
	STORED(ACCEPT, out_bytes, UNIT_BYTES, "addresses and their sizes, copied out"),
	{},
};

#define LISTENER struct profile_listener
const struct field listener_fields[] = {
	DERIVED("accepted", UNIT_COUNT, derive_listener_accepted, "connections accepted"),
	STORED(LISTENER, again, UNIT_COUNT, "accepts that found none"),
	STORED(LISTENER, delivered, UNIT_COUNT, "times a wait reported it"),
	STORED(LISTENER, delivered_exclusive, UNIT_COUNT,
	       "of them, registered with EPOLLEXCLUSIVE"),
	STORED(LISTENER, queue_limit, UNIT_COUNT, "connections the accept queue holds"),
	HIST(LISTENER, queue_depth_hist, "queue left behind by each accept"),
	STORED(LISTENER, drops, UNIT_COUNT, "connections the queue had no room for"),
	{},
};

#define IO struct io_counters
const struct field io_fields[] = {
	DERIVED("calls", UNIT_COUNT, derive_io_calls, "that moved something, or ended as below"),
	STORED(IO, bytes, UNIT_BYTES, "sum of results"),
	STORED(IO, partial, UNIT_COUNT, "moved something, but less than asked"),
	STORED(IO, end, UNIT_COUNT, "result 0: end of stream, file or pipe"),
	STORED(IO, again, UNIT_COUNT, "would block (EAGAIN)"),
	STORED(IO, interrupted, UNIT_COUNT, "ended by a signal"),
	STORED(IO, failed, UNIT_COUNT, "any other error"),
	HIST(IO, size_hist, "distribution of results, 0 included"),
	{},
};

const struct field copies_fields[] = {
	DERIVED("control_bytes", UNIT_BYTES, derive_control, "of waits, epoll_ctl and accept"),
	DERIVED("user_to_kernel_bytes", UNIT_BYTES, derive_user_to_kernel, "payload and control"),
	DERIVED("kernel_to_user_bytes", UNIT_BYTES, derive_kernel_to_user, "payload and control"),
	DERIVED("socket_out_bytes", UNIT_BYTES, derive_socket_out, "all payload sent to sockets"),
	DERIVED("zero_copy_bytes", UNIT_BYTES, derive_zero_copy, "of it, by sendfile and splice"),
	STORED_AS("truncated_bytes", struct counters, copies.truncated_bytes, UNIT_BYTES,
		  "of read, thrown away (MSG_TRUNC)"),
	STORED_AS("vmsplice_in_bytes", struct counters, copies.vmsplice_in_bytes, UNIT_BYTES,
		  "of vmsplice, to user memory"),
	{},
};

#define FDS struct fd_counters
const struct field fds_fields[] = {
	STORED(FDS, opened, UNIT_COUNT, "descriptors opened by calls"),
	STORED(FDS, closed, UNIT_COUNT, "descriptors closed by calls"),
	{},
};

#define CENSUS struct profile_fds
const struct field census_fields[] = {
	STORED(CENSUS, close_wait, UNIT_COUNT,
	       "TCP sockets open though the peer closed 1000 ticks ago or more"),
	{},
};

#define INSTANCE struct profile_epoll
const struct field instance_fields[] = {
	STORED(INSTANCE, instance, UNIT_COUNT, "names the instance, in the whole profile"),
	STORED(INSTANCE, epfd, UNIT_COUNT, "its descriptor, as last waited on"),
	STORED(INSTANCE, threads, UNIT_COUNT, "threads that ever returned from a wait on it"),
	{},
};

#define TRIGGER struct trigger_counters
const struct field trigger_fields[] = {
	STORED(TRIGGER, level, UNIT_COUNT, "level-triggered; with edge, all"),
	STORED(TRIGGER, edge, UNIT_COUNT, "edge-triggered"),
	STORED(TRIGGER, oneshot, UNIT_COUNT, "of all, EPOLLONESHOT"),
	STORED(TRIGGER, exclusive, UNIT_COUNT, "of all, EPOLLEXCLUSIVE"),
	{},
};

#define DELIVERY struct delivery_counters
const struct field delivery_fields[] = {
	STORED_AS("level", DELIVERY, by.level, UNIT_COUNT, "of level-triggered registrations"),
	STORED_AS("edge", DELIVERY, by.edge, UNIT_COUNT, "of edge-triggered ones; all the rest"),
	STORED_AS("oneshot", DELIVERY, by.oneshot, UNIT_COUNT, "of all, EPOLLONESHOT"),
	STORED_AS("exclusive", DELIVERY, by.exclusive, UNIT_COUNT, "of all, EPOLLEXCLUSIVE"),
	STORED(DELIVERY, in, UNIT_COUNT, "of all, with EPOLLIN"),
	STORED(DELIVERY, out, UNIT_COUNT, "of all, with EPOLLOUT"),
	STORED(DELIVERY, err, UNIT_COUNT, "of all, with EPOLLERR"),
	STORED(DELIVERY, hup, UNIT_COUNT, "of all, with EPOLLHUP"),
	STORED(DELIVERY, rdhup, UNIT_COUNT, "of all, with EPOLLRDHUP"),
	STORED(DELIVERY, pri, UNIT_COUNT, "of all, with EPOLLPRI"),
	{},
};

#define EPOLL struct epoll_counters
const struct field epoll_fields[] = {
	STORED(EPOLL, returns, UNIT_COUNT, "waits on it that returned, with whatever result"),
	STORED(EPOLL, redelivered, UNIT_COUNT, "level, no call on it since its last delivery"),
	STORED(EPOLL, redelivered_in, UNIT_COUNT, "of redelivered, with EPOLLIN"),
	STORED(EPOLL, idle_out, UNIT_COUNT,
	       "level, EPOLLOUT alone, no write since its last delivery with OUT"),
	STORED(EPOLL, ignored_hangup, UNIT_COUNT,
	       "ERR, HUP or an end of stream that the delivery before told already"),
	STORED(EPOLL, residual, UNIT_COUNT, "level IN, its latest read left something behind"),
	STORED(EPOLL, spurious, UNIT_COUNT, "IN, the first read or accept after it found nothing"),
	STORED(EPOLL, edge_undrained, UNIT_COUNT,
	       "edge IN, not read to the end when the thread waited again"),
	STORED(EPOLL, edge_accept_left, UNIT_COUNT,
	       "edge IN of a listener, connections left when the thread waited again"),
	STORED(EPOLL, phantom, UNIT_COUNT,
	       "redelivered, the registered number leads to it no more"),
	STORED(EPOLL, unattributed, UNIT_COUNT,
	       "events whose data is of no registration, or of several"),
	HIST(EPOLL, first_read_ns_hist, "distribution of the time from delivery to first read"),
	{},
};

#define UNDRAINED struct profile_undrained
const struct field undrained_fields[] = {
	STORED(UNDRAINED, descriptors, UNIT_COUNT,
	       "edge-triggered, with unread bytes nobody is told of any more"),
	STORED(UNDRAINED, unread_bytes, UNIT_BYTES, "that stand there at the end"),
	STORED(UNDRAINED, longest_ns, UNIT_NS, "since the delivery that was not drained"),
	{},
};

#define CALLBACK struct callback_counters
#define OUTCOME(key_, outcome_, help_) \
	STORED_WITH(WAKEUPS_CALLBACKS, key_, CALLBACK, outcomes[CALLBACK_##outcome_], help_)

const struct field callback_fields[] = {
	{
		.key = "calls",
		.help = "of every outcome below",
		.unit = UNIT_COUNT,
		.derive = derive_callback_calls,
		.needs = WAKEUPS_CALLBACKS,
	},
	OUTCOME("filtered", FILTERED, "of nothing that is registered for, or a ONESHOT has fired"),
	OUTCOME("coalesced", COALESCED, "of what was queued already"),
	OUTCOME("queued", QUEUED, "to be looked at by the next wait"),
	OUTCOME("unsettled", UNSETTLED, "one of these, while something else was done to it"),
	STORED_WITH(WAKEUPS_CALLBACKS | WAKEUPS_EPOLL, "woken", CALLBACK, woken,
		    "tasks woken, of whatever process"),
	STORED_WITH(WAKEUPS_CALLBACKS, "passed_on", CALLBACK, passed_on,
		    "EPOLLEXCLUSIVE: woke nobody, and left it to the next waiter"),
	{},
};

#define DESCRIPTOR struct profile_descriptor
const struct field descriptor_fields[] = {
	STORED(DESCRIPTOR, deliveries, UNIT_COUNT, "times a wait reported it"),
	STORED(DESCRIPTOR, redelivered, UNIT_COUNT, "of them, as in epolls"),
	STORED(DESCRIPTOR, redelivered_in, UNIT_COUNT, "of them, as in epolls"),
	STORED(DESCRIPTOR, idle_out, UNIT_COUNT, "of them, as in epolls"),
	STORED(DESCRIPTOR, ignored_hangup, UNIT_COUNT, "of them, as in epolls"),
	STORED(DESCRIPTOR, residual, UNIT_COUNT, "of them, as in epolls"),
	STORED(DESCRIPTOR, spurious, UNIT_COUNT, "of them, as in epolls"),
	STORED(DESCRIPTOR, edge_undrained, UNIT_COUNT, "of them, as in epolls"),
	STORED(DESCRIPTOR, phantom, UNIT_COUNT, "of them, as in epolls"),
	STORED(DESCRIPTOR, reads, UNIT_COUNT, "by whatever number, that moved something"),
	STORED(DESCRIPTOR, read_bytes, UNIT_BYTES, "by these"),
	STORED(DESCRIPTOR, write_bytes, UNIT_BYTES, "written, by whatever number"),
	STORED(DESCRIPTOR, unread_bytes, UNIT_BYTES, "standing on an undrained edge at the end"),
	STORED(DESCRIPTOR, undrained_ns, UNIT_NS, "for how long"),
	STORED_WITH(WAKEUPS_CALLBACKS, "callbacks", DESCRIPTOR, callbacks,
		    "calls, as in epolls.callbacks"),
	STORED_WITH(WAKEUPS_CALLBACKS, "filtered", DESCRIPTOR, filtered, "of them"),
	STORED_WITH(WAKEUPS_CALLBACKS, "coalesced", DESCRIPTOR, coalesced, "of them"),
	STORED_WITH(WAKEUPS_CALLBACKS | WAKEUPS_EPOLL, "woken", DESCRIPTOR, woken,
		    "tasks woken by them"),
	{},
};

#define NOW struct profile_now
const struct field now_fields[] = {
	STORED(NOW, waiting, UNIT_COUNT, "threads inside a wait at the end"),
	STORED(NOW, longest_wait_ns, UNIT_NS, "of them, how long the longest"),
	STORED(NOW, longest_busy_ns, UNIT_NS, "longest that a thread is out of its wait"),
	{},
};

uint64_t field_value(const struct field *field, const void *group)
{
	if (field->derive)
		return field->derive(group);
	return *(const uint64_t *)((const char *)group + field->offset);
}

const uint64_t *field_hist(const struct field *field, const void *group)
{
	return (const uint64_t *)((const char *)group + field->offset);
}

bool field_is_for(const struct field *field, enum wait_family family)
{
	if (field->derive)
		return true;
	if (field->needs == WAKEUPS_POLL)
		return family != WAIT_EPOLL;
	switch (field->offset) {
	case offsetof(struct wait_counters, capacity):
	case offsetof(struct wait_counters, saturated):
		return family == WAIT_EPOLL;
	case offsetof(struct wait_counters, redelivered):
	case offsetof(struct wait_counters, redelivered_in):
	case offsetof(struct wait_counters, idle_out):
	case offsetof(struct wait_counters, ignored_hangup):
		return family != WAIT_EPOLL;
	}
	return true;
}

unsigned field_needs(const struct field *field, enum wait_family family)
{
	return field->needs & ~(family == WAIT_EPOLL ? WAKEUPS_POLL : WAKEUPS_EPOLL);
}

bool field_is_of_watched(const struct field *field)
{
	return field->offset == offsetof(struct wait_counters, watched) ||
	       field->offset == offsetof(struct wait_counters, watched_hist);
}

void counters_add(struct counters *to, const struct counters *from)
{
	const uint64_t *in = (const uint64_t *)from;
	uint64_t *out = (uint64_t *)to;

	for (size_t i = 0; i < COUNTERS_WORDS; i++)
		out[i] += in[i];
}

void counters_subtract(struct counters *to, const struct counters *from)
{
	const uint64_t *in = (const uint64_t *)from;
	uint64_t *out = (uint64_t *)to;

	for (size_t i = 0; i < COUNTERS_WORDS; i++)
		out[i] -= in[i];
}

bool counters_is_empty(const void *group, size_t bytes)
{
	const uint64_t *words = group;

	for (size_t i = 0; i < bytes / sizeof(*words); i++) {
		if (words[i])
			return false;
	}
	return true;
}

size_t hist_length(const uint64_t *hist, size_t buckets)
{
	while (buckets && !hist[buckets - 1])
		buckets--;
	return buckets;
}

uint64_t hist_total(const uint64_t *hist, size_t buckets)
{
	uint64_t total = 0;

	for (size_t i = 0; i < buckets; i++)
		total += hist[i];
	return total;
}
