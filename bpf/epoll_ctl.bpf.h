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
#define NO_ROW		  0xffffffff /* there was none to be had, and that is counted */

/* The epitem of @file and @fd in the instance at @ep, or NULL; nearly always the newest. */
static __noinline __u64 find_epitem(struct file *file, __u64 ep, __u32 fd)
{
	__u64 link = newest_link(file);

	for (int i = 0; i < EPITEMS_LOOKED_AT && link; i++) {
		struct epitem *epi = epitem_of(link);

		if ((__u64)READ(epi, ep) == ep && (__u32)READ(epi, ffd.fd) == fd)
			return (__u64)epi;
		link = older_link(file, link);
	}
	return 0;
}

/* The kernel takes all event bits from a ONESHOT that has fired. */
static __always_inline bool has_fired(struct registration *row)
{
	struct epitem *epi = (void *)row->epi;

	if (!epi)
		return row->is_fired;
	return !(BPF_CORE_READ(epi, event.events) & ~EP_PRIVATE_BITS);
}

/*
 * What epoll_ctl is about to change: that of @fd in the instance at @epfd. False
 * if another thread has closed one of them.
 */
static __always_inline bool find_subject(__u32 epfd, __u32 fd, __u64 *ep,
					 struct registration_key *key)
{
	struct task_struct *task = current_task();
	__u32 instance;

	*ep = (__u64)eventpoll_of(file_of(task, epfd));
	key->file = (__u64)file_of(task, fd);
	key->fd = fd;
	if (!*ep || !key->file)
		return false;
	instance = instance_row(*ep, epfd);
	key->instance = instance - 1;
	return instance != 0;
}

/* A row for what epoll_ctl adds; its number, plus 1. Its epitem is not known yet, or there is none. */
static __always_inline __u32 enter_registration(struct thread *thread,
						const struct registration_key *key,
						const struct user_event *event)
{
	struct registering from = {
		.key = *key,
		.data = event->data,
		.events = event->events | EPOLLERR | EPOLLHUP, /* as do_epoll_ctl() */
		.tgid = thread->tgid,
	};

	from.description = description_row(key->file);
	forget_dead_holder(key->instance, event->data);
	return new_registration(&from);
}

/* A row of the key of what was added is left over, or was found by a walk that came first. */
static __always_inline void forget_predecessor(struct registration *row, __u32 number)
{
	if (row->found_by_walk)
		__sync_fetch_and_add(&losses[LOSS_REGISTRATIONS], -1); /* not missed after all */
	forget_registration(row, number);
}

/*
 * Entry of epoll_ctl. An event can be returned to another thread before ADD
 * returns to this one, so the row is made here and taken back if the call fails.
 * What a MOD finds is gone when it returns. A function of its own, like the next,
 * so that the verifier follows it once.
 */
__weak int registration_entering(__u32 thread_row, __u32 epfd, int op, __u32 fd, __u64 address)
{
	struct thread *thread = bpf_map_lookup_elem(&threads, &thread_row);
	struct user_event event = {};
	struct registration_key key = {};
	struct registration *row;
	__u32 number = 0;
	__u64 ep;

	if (!thread)
		return 0; /* for the verifier */
	thread->registration = 0;
	thread->had_fired = 0;
	if (!find_subject(epfd, fd, &ep, &key))
		return 0;
	row = registration_of(description_of((struct file *)key.file), &key, &number);
	if (op == EPOLL_CTL_MOD)
		thread->had_fired = row && has_fired(row);
	if (op != EPOLL_CTL_ADD || (row && row->epi && is_alive(row, ep)))
		return 0; /* it will be EEXIST */
	if (bpf_probe_read_user(&event, sizeof(event), (void *)address))
		return 0;
	if (row)
		forget_predecessor(row, number);
	thread->registration = enter_registration(thread, &key, &event);
	if (!thread->registration)
		thread->registration = NO_ROW;
	return 0;
}

static __always_inline void registration_added(struct thread *thread, __u64 ep,
					       const struct registration_key *key,
					       struct user_event *event)
{
	struct registration *row = registration_at(thread->registration);
	__u32 number = thread->registration;

	if (number == NO_ROW)
		return;
	if (!row || row->file != key->file || row->fd != key->fd) {
		row = find_by_key(key, &number);
		if (row)
			forget_predecessor(row, number);
		number = enter_registration(thread, key, event);
		row = registration_at(number);
	}
	if (!row)
		return;
	row->epi = find_epitem((struct file *)key->file, ep, key->fd);
	if (!row->epi || !is_alive(row, ep))
		forget_registration(row, number - 1); /* removed meanwhile by another thread */
}

/* Arming a ONESHOT again that has fired changes it, whatever the mask says. */
static __always_inline void registration_changed(struct thread *thread, struct registration *row,
						 __u32 number, struct user_event *event)
{
	__u32 events = event->events | EPOLLERR | EPOLLHUP;

	if (row->events == events && row->data == event->data && !thread->had_fired)
		thread->counters.epoll_ctl.mod_unchanged++;
	set_events(row, events);
	row->is_fired = 0;
	if (row->data == event->data)
		return;
	remove_data(row, number);
	row->data = event->data;
	add_data(row, number);
}

/* An epoll_ctl that succeeded: @op of @fd in the instance at @epfd, with the event at @address. */
__weak int registration_noted(__u32 thread_row, __u32 epfd, int op, __u32 fd, __u64 address)
{
	struct thread *thread = bpf_map_lookup_elem(&threads, &thread_row);
	struct user_event event = {};
	struct registration_key key = {};
	struct registration *row;
	__u32 number = 0;
	__u64 ep;

	if (!thread || !find_subject(epfd, fd, &ep, &key))
		return 0;
	if (op != EPOLL_CTL_DEL && bpf_probe_read_user(&event, sizeof(event), (void *)address)) {
		thread->counters.losses[LOSS_USER_MEMORY]++;
		return 0;
	}
	if (op == EPOLL_CTL_ADD) {
		registration_added(thread, ep, &key, &event);
		return 0;
	}
	row = registration_of(description_of((struct file *)key.file), &key, &number);
	if (row && op == EPOLL_CTL_MOD) {
		registration_changed(thread, row, number, &event);
	} else if (row) {
		looks_everywhere = 1;
		forget_registration(row, number);
	}
	return 0;
}

/* What was entered for an ADD that failed, or whose descriptor is closed by now. */
static __noinline int take_back(struct thread *thread)
{
	struct registration *row = registration_at(thread->registration);

	if (row && !row->epi)
		forget_registration(row, thread->registration - 1);
	thread->registration = 0;
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
	if (thread->registration)
		take_back(thread);
}

#endif
