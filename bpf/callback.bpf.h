/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One readiness callback, from its entry to its return. The kernel decides in
 * between, under the instance's lock, whether what came is queued:
 *
 *	entry    version + 1
 *	         read state ----+
 *	           | take lock  |  the window: nothing else may
 *	           | decide     |  have been done to the epitem
 *	           | wake, ...  |
 *	return   read state ----+
 *	         version + 1
 *
 * What it decided by is read at both ends. Only if nothing can have moved it in
 * between, and the end is what the decision leaves behind, is it told. What can:
 *
 *	a scan     is_scan tells one that goes on at either end, scans one within
 *	epoll_ctl  version and changing: see change.bpf.h
 *	another callback of the epitem, from another wait queue of its file: version
 *
 * Of two callbacks that overlap, one at most is told: the inner one, if it lies
 * within the other, whose additions it cannot see. If it was the outer one that
 * queued the epitem then, the inner one is called queued and the outer one, which
 * was coalesced or queued, unsettled. Of two alike it is not told which was which,
 * only how many were queued, and never is one called queued for which none was.
 * So nobody needs to know of the callbacks under way, and one whose end is
 * not seen leaves nothing behind.
 */
#ifndef FDSCOPE_CALLBACK_BPF_H
#define FDSCOPE_CALLBACK_BPF_H

#include "change.bpf.h"
#include "registration.bpf.h"

#define POLLFREE \
	0x4000	     /* the wait queue goes, and the epitem may: include/uapi/asm-generic/poll.h */
#define NESTED_MAX 8 /* EP_MAX_NESTS is 4 */

/* What the kernel decides by. */
struct epitem_state {
	__u64 scans;   /* of its instance */
	__u64 version; /* of its registration */
	__u32 events;
	__u8 is_scan; /* events are being taken out: what comes goes to ovflist */
	__u8 is_in_ovflist;
	__u8 is_ready;
	__u8 is_changing; /* an epoll_ctl is under way */
};

struct callback {
	__u64 wait;
	__u64 epi;
	__u64 ep;
	__u64 born_ns; /* of the registration */
	__u32 instance;
	__u32 registration; /* row, plus 1; 0: not known */
	struct epitem_state before;
};

/*
 * The callbacks under way on a CPU: their wait queues' locks are held with
 * interrupts off, so none moves to another, and who is called last returns
 * first. One of an instance that is watched by another calls that one's.
 */
struct callback_stack {
	__u32 depth;
	__u32 reserved;
	struct callback callbacks[NESTED_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct callback_stack);
} callback_stacks SEC(".maps");

static __always_inline struct callback_stack *callbacks_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&callback_stacks, &zero);
}

static __always_inline struct epitem *epitem_of_wait(struct wait_queue_entry *wait)
{
	struct eppoll_entry *entry =
		(void *)wait - bpf_core_field_offset(struct eppoll_entry, wait);

	return READ(entry, base);
}

/* Another CPU may be adding to it. */
static __always_inline __u64 load(__u64 *counter)
{
	return *(volatile __u64 *)counter;
}

static __always_inline void look_at(struct epitem_state *state, struct callback *callback)
{
	struct eventpoll *ep = (void *)callback->ep;
	struct epitem *epi = (void *)callback->epi;

	state->events = READ(epi, event.events);
	state->is_scan = (__u64)READ(ep, ovflist) != EP_UNACTIVE_PTR;
	state->is_in_ovflist = overflow_link(epi) != EP_UNACTIVE_PTR;
	state->is_ready = (__u64)READ(epi, rdllink.next) != (__u64)&epi->rdllink;
}

/* ---- entry ---- */

static __always_inline void count_lost_callbacks(__u32 nr)
{
	if (nr)
		__sync_fetch_and_add(&losses[LOSS_CALLBACKS], nr);
}

/* Hardly anything nests as deep: what fills the stack may be entries whose end was not seen. */
static __always_inline struct callback *push_callback(struct callback_stack *stack)
{
	__u32 at = stack->depth;

	if (at >= NESTED_MAX) {
		count_lost_callbacks(NESTED_MAX);
		at = 0;
	}
	stack->depth = at + 1;
	return &stack->callbacks[at & (NESTED_MAX - 1)];
}

static __always_inline struct registration *registration_of_epitem(struct epitem *epi,
								   __u32 instance, __u32 *number)
{
	struct registration_key key = {
		.file = (__u64)READ(epi, ffd.file),
		.instance = instance,
		.fd = READ(epi, ffd.fd),
	};

	return find_by_key(&key, number);
}

/* The new version; that of a later one, if others add at the same time. */
static __always_inline __u64 next_version(struct registration *row)
{
	__sync_fetch_and_add(&row->version, 1);
	return load(&row->version);
}

static __always_inline void callback_begins(struct wait_queue_entry *wait, struct epitem *epi,
					    __u64 ep, __u32 row)
{
	struct instance *instance = bpf_map_lookup_elem(&instances, &row);
	struct callback_stack *stack = callbacks_here();
	struct registration *registration;
	struct callback *callback;
	__u32 number = 0;

	if (!instance || !stack)
		return; /* for the verifier */
	callback = push_callback(stack);
	callback->wait = (__u64)wait;
	callback->epi = (__u64)epi;
	callback->ep = ep;
	callback->instance = row;
	callback->registration = 0;
	registration = registration_of_epitem(epi, row, &number);
	if (registration) {
		callback->registration = number + 1;
		callback->born_ns = registration->born_ns;
		callback->before.version = next_version(registration);
		callback->before.is_changing = load(&registration->changing) != 0;
	}
	callback->before.scans = load(&instance->scans);
	look_at(&callback->before, callback);
}

/* ---- return ---- */

/* The callback of @wait, and none above it any more; NULL: of no target, begun unseen, or lost. */
static __always_inline struct callback *pop_callback(struct callback_stack *stack, __u64 wait)
{
	for (__u32 i = 0; i < NESTED_MAX; i++) {
		__u32 at = stack->depth - 1 - i;

		if (at >= NESTED_MAX)
			break;
		if (stack->callbacks[at].wait != wait)
			continue;
		count_lost_callbacks(i);
		stack->depth = at;
		return &stack->callbacks[at];
	}
	return NULL;
}

/* The registration that it began with, unless that is gone. */
static __always_inline struct registration *registration_of_callback(struct callback *callback)
{
	struct registration *row = registration_at(callback->registration);

	return row && row->born_ns == callback->born_ns ? row : NULL;
}

/* The kernel asks in this order: ep_poll_callback() in fs/eventpoll.c. */
static __always_inline __u32 outcome_between(const struct epitem_state *before,
					     const struct epitem_state *after, __u32 flags)
{
	__u32 asked = before->events & ~EP_PRIVATE_BITS;
	bool was_queued = before->is_scan ? before->is_in_ovflist : before->is_ready;
	bool is_queued = after->is_scan ? after->is_in_ovflist : after->is_ready;

	if (before->is_changing || before->version + 1 != after->version ||
	    before->scans != after->scans || before->events != after->events ||
	    before->is_scan != after->is_scan)
		return CALLBACK_UNSETTLED;
	if (!asked || (flags && !(flags & before->events)))
		return CALLBACK_FILTERED;
	if (!is_queued)
		return CALLBACK_UNSETTLED;
	return was_queued ? CALLBACK_COALESCED : CALLBACK_QUEUED;
}

static __always_inline __u32 outcome_of(struct callback *callback, struct registration *row,
					struct instance *instance, __u64 key)
{
	struct epitem_state after = {};

	if (!row)
		return CALLBACK_UNSETTLED;
	look_at(&after, callback);
	after.scans = load(&instance->scans);
	after.version = next_version(row);
	return key & POLLFREE ? CALLBACK_UNSETTLED
			      : outcome_between(&callback->before, &after, key);
}

static __always_inline void count_callback(struct callback_counters *counters, __u32 outcome,
					   bool is_passed_on)
{
	__sync_fetch_and_add(&counters->outcomes[outcome & (CALLBACK_OUTCOMES - 1)], 1);
	if (is_passed_on)
		__sync_fetch_and_add(&counters->passed_on, 1);
}

static __always_inline void callback_ends(struct callback *callback, __u64 key, bool is_passed_on)
{
	struct instance *instance = bpf_map_lookup_elem(&instances, &callback->instance);
	struct registration *row = registration_of_callback(callback);
	__u32 outcome;

	if (!instance)
		return; /* for the verifier */
	outcome = outcome_of(callback, row, instance, key);
	count_callback(&instance->callbacks, outcome, is_passed_on);
	if (row)
		count_callback(&row->callbacks, outcome, is_passed_on);
}

/* ---- in between ---- */

/* A task was woken by the callback that is under way here, if one is: others wake, too. */
static __always_inline void callback_woke(void)
{
	struct callback_stack *stack = callbacks_here();
	struct callback *callback;
	struct registration *row;
	struct instance *instance;

	if (!stack || !stack->depth)
		return;
	callback = &stack->callbacks[(stack->depth - 1) & (NESTED_MAX - 1)];
	instance = bpf_map_lookup_elem(&instances, &callback->instance);
	if (instance)
		__sync_fetch_and_add(&instance->callbacks.woken, 1);
	row = registration_of_callback(callback);
	if (row)
		__sync_fetch_and_add(&row->callbacks.woken, 1);
}

#endif
