/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* epoll_ctl: what was registered, changed and removed. */
#ifndef FDSCOPE_EPOLL_CTL_BPF_H
#define FDSCOPE_EPOLL_CTL_BPF_H

#include "registration.bpf.h"
#include "task.bpf.h"

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

#define EPITEMS_LOOKED_AT 8

/* The event as the program passed it. The kernel adds ERR and HUP to every mask: do_epoll_ctl(). */
struct epoll_event_passed {
	__u32 events;
#if EPOLL_EVENT_BYTES == 16
	__u32 reserved;
#endif
	__u64 data;
} __attribute__((packed));

static __always_inline bool read_event(struct thread *thread, __u64 address,
				       struct epoll_event_passed *event)
{
	if (bpf_probe_read_user(event, sizeof(*event), (void *)address)) {
		thread->counters.losses[LOSS_USER_MEMORY]++;
		return false;
	}
	event->events |= EPOLLERR | EPOLLHUP;
	return true;
}

/* The epitem of @file and @fd in the instance at @ep, or NULL. New ones are at the head of the list. */
static __noinline __u64 find_epitem(struct file *file, __u64 ep, __u32 fd)
{
	struct hlist_head *head = READ(file, f_ep);
	struct hlist_node *node = head ? READ(head, first) : NULL;

	for (int i = 0; i < EPITEMS_LOOKED_AT && node; i++) {
		struct epitem *epi = epitem_of(node);

		if ((__u64)READ(epi, ep) == ep && (__u32)READ(epi, ffd.fd) == fd)
			return (__u64)epi;
		node = READ(node, next);
	}
	return 0;
}

/* A row of that key is left over from a descriptor whose end went unseen, or the walk came first. */
static __always_inline void registration_added(struct thread *thread, struct file *file, __u64 ep,
					       const struct registration_key *key,
					       struct epoll_event_passed *event)
{
	struct registering from = {
		.key = *key,
		.data = event->data,
		.events = event->events,
		.tgid = thread->tgid,
	};
	struct registration *row;
	__u32 number;

	from.description = description_row((__u64)file);
	row = find_by_key(key, &number);
	if (row && row->found_by_walk == walk && is_late(key->instance))
		__sync_fetch_and_add(&losses[LOSS_REGISTRATIONS], -1); /* not missed after all */
	if (row)
		forget_registration(row, number);
	forget_dead_holder(key->instance, event->data);
	from.epi = find_epitem(file, ep, key->fd);
	new_registration(&from);
}

/* Arming a ONESHOT again that has fired changes it, whatever the mask says. */
static __always_inline void registration_changed(struct thread *thread, struct registration *row,
						 __u32 number, struct epoll_event_passed *event)
{
	if (row->events == event->events && row->data == event->data && !row->is_fired)
		thread->counters.epoll_ctl.mod_unchanged++;
	row->events = event->events;
	row->is_fired = 0;
	if (row->data == event->data)
		return;
	remove_data(row, number);
	row->data = event->data;
	add_data(row, number);
}

/*
 * An epoll_ctl that succeeded: @op of @fd in the instance at @epfd, with the event
 * at @address. A function of its own so that the verifier follows it once.
 */
__weak int registration_noted(__u32 thread_row, __u32 epfd, int op, __u32 fd, __u64 address)
{
	struct thread *thread = bpf_map_lookup_elem(&threads, &thread_row);
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 ep = (__u64)eventpoll_of(file_of(task, epfd));
	struct epoll_event_passed event = {};
	struct registration_key key = {};
	struct registration *row;
	struct file *file = file_of(task, fd);
	__u32 instance, number = 0;

	if (!thread || !ep || !file)
		return 0; /* closed meanwhile by another thread */
	instance = instance_row(ep, epfd);
	if (!instance)
		return 0;
	key.file = (__u64)file;
	key.instance = instance - 1;
	key.fd = fd;
	if (op != EPOLL_CTL_DEL && !read_event(thread, address, &event))
		return 0;
	if (op == EPOLL_CTL_ADD) {
		registration_added(thread, file, ep, &key, &event);
		return 0;
	}
	row = registration_of(description_of(file), &key, &number);
	if (row && op == EPOLL_CTL_MOD) {
		registration_changed(thread, row, number, &event);
	} else if (row) {
		looks_everywhere = 1;
		forget_registration(row, number);
	}
	return 0;
}

/* Every operation but DEL has its event copied in before anything is checked: ep_op_has_event(). */
static __always_inline void epoll_ctl_done(struct thread *thread, struct task_struct *task,
					   struct pt_regs *regs, long ret)
{
	struct epoll_ctl_counters *ctl = &thread->counters.epoll_ctl;
	struct file *file = file_of(task, ARG3(regs));
	struct description *description = file ? description_of(file) : NULL;
	int op = ARG2(regs);

	if (description)
		note_call(description);
	if (op != EPOLL_CTL_DEL)
		ctl->in_bytes += EPOLL_EVENT_BYTES;
	if (ret)
		ctl->failed++;
	else if (op == EPOLL_CTL_ADD)
		ctl->add++;
	else if (op == EPOLL_CTL_MOD)
		ctl->mod++;
	else
		ctl->del++;
	if (!ret)
		registration_noted(thread->row, ARG1(regs), op, ARG3(regs), ARG4(regs));
}

#endif
