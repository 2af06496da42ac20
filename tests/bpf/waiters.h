/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads of this process that sleep in a wait, for tests of who wakes them.
 * They are up before an interval begins and are joined after it.
 */
#ifndef FDSCOPE_TESTS_BPF_WAITERS_H
#define FDSCOPE_TESTS_BPF_WAITERS_H

#include "tests.h"

#include <pthread.h>

struct waiter {
	int (*wait)(void *context); /* returns what the call did; none of them does any other */
	void *context;
	long call; /* the number of the system call it makes */
	pthread_t thread;
	uint32_t tid, may_wait;
	int result;
};

/* Skips the test unless the kernel lets all of @parts be watched: enum wakeups_part. */
void needs(void **state, unsigned parts);

/* Makes the thread, which then holds. */
void waiter_start(struct waiter *waiter, int (*wait)(void *context), long call, void *context);
/* Lets it make its call and returns when it sleeps in there. */
void waiter_wait(struct waiter *waiter);
/* Returns when it sleeps there, again if it was just woken. */
void waiter_await_sleep(const struct waiter *waiter);
/* Its result, when it has returned from the call. */
int waiter_end(struct waiter *waiter);

/* epoll_wait, without end, for one event of the instance whose descriptor @context points to. */
int wait_on_instance(void *context);

/*
 * A FIFO without a name, open for reading, that no writer has had open yet. The
 * first one to open it wakes who waits to read, for whom there is nothing: fs/pipe.c,
 * wake_up_partner().
 */
struct fifo {
	int in, out;
};

void fifo_open(struct fifo *fifo);
/* Opens it for writing. */
void fifo_stir(struct fifo *fifo);
void fifo_close(struct fifo *fifo);

#endif
