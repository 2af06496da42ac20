/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "waiters.h"

#include <sys/epoll.h>
#include <sys/stat.h>

/* FDSCOPE_MUST_RUN: see tests/run. */
void needs(void **state, unsigned parts)
{
	const char *must_run = getenv("FDSCOPE_MUST_RUN");

	if (!(parts & ~probes_wakeups(tracer_probes(*state))))
		return;
	if (must_run && strstr(must_run, "wakeups"))
		fail_msg("this kernel is known to let its functions be traced");
	skip();
}

static void *hold_and_wait(void *context)
{
	struct waiter *waiter = context;

	raise_to(&waiter->tid, gettid());
	await(&waiter->may_wait, 1);
	waiter->result = waiter->wait(waiter->context);
	return NULL;
}

void waiter_start(struct waiter *waiter, int (*wait)(void *context), long call, void *context)
{
	*waiter = (struct waiter){ .wait = wait, .context = context, .call = call };
	assert_int_equal(pthread_create(&waiter->thread, NULL, hold_and_wait, waiter), 0);
	await(&waiter->tid, 1);
}

void waiter_wait(struct waiter *waiter)
{
	raise_to(&waiter->may_wait, 1);
	waiter_await_sleep(waiter);
}

void waiter_await_sleep(const struct waiter *waiter)
{
	await_sleep_in(waiter->tid, waiter->call);
}

int waiter_end(struct waiter *waiter)
{
	assert_int_equal(pthread_join(waiter->thread, NULL), 0);
	return waiter->result;
}

int wait_on_instance(void *context)
{
	struct epoll_event event;

	return syscall(SYS_epoll_wait, *(int *)context, &event, 1, -1);
}

void fifo_open(struct fifo *fifo)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/fdscope-fifo-%d", getpid());
	must(mkfifo(path, 0600), "mkfifo");
	fifo->in = must(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), "open to read");
	fifo->out = -1;
	unlink(path);
}

void fifo_stir(struct fifo *fifo)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fifo->in);
	fifo->out = must(open(path, O_WRONLY | O_CLOEXEC), "open to write");
}

void fifo_close(struct fifo *fifo)
{
	close(fifo->in);
	if (fifo->out >= 0)
		close(fifo->out);
}
