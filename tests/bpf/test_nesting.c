/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Callbacks that call the next one, deeper than are kept: those that cannot be told are lost. */
#include "waiters.h"

#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/epoll.h>

#include "model/derive.h"

#define CHAIN 5 /* as long as epoll_ctl lets them become: EP_MAX_NESTS in fs/eventpoll.c */
#define KEPT  8 /* NESTED_MAX in bpf/callback.bpf.h */

/*
 *	epfds[4]  told by epfds[3]
 *	  ...
 *	epfds[0]  told by the file
 *	  |
 *	  fd
 */
struct chain {
	int epfds[CHAIN];
	int fd;
};

static void chain_open(struct chain *chain, int fd)
{
	chain->fd = fd;
	for (int i = 0; i < CHAIN; i++) {
		chain->epfds[i] = new_epoll();
		watch(chain->epfds[i], i ? chain->epfds[i - 1] : chain->fd, EPOLLIN | EPOLLET);
	}
}

static void chain_close(struct chain *chain)
{
	for (int i = CHAIN; i-- > 0;)
		close(chain->epfds[i]);
	close(chain->fd);
}

/* What was told of is there. */
static void chain_wait(const struct chain *chain)
{
	for (int i = CHAIN; i-- > 0;)
		wait_for(chain->epfds[i], 1);
}

static uint64_t chain_told(struct tracer *tracer, const struct chain *chain)
{
	uint64_t told = 0;

	for (int i = 0; i < CHAIN; i++)
		told += callback_calls(&epoll_of(own_process(tracer), chain->epfds[i])->callbacks);
	return told;
}

/* Once @from's topmost instance is told, aio writes to @to's eventfd, within the same callback. */
static aio_context_t join(const struct chain *from, const struct chain *to)
{
	struct iocb polled = {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = from->epfds[CHAIN - 1],
		.aio_buf = POLLIN,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = to->fd,
	};
	struct iocb *submitted[] = { &polled };
	aio_context_t aio = 0;

	if (syscall(SYS_io_setup, 1, &aio) && errno == ENOSYS)
		skip();
	assert_int_equal(syscall(SYS_io_submit, aio, 1, submitted), 1);
	return aio;
}

/* What begins it is a socket: who writes to an eventfd has no other one written to meanwhile. */
static void callbacks_nested_deeper_than_are_kept_are_a_loss(void **state)
{
	struct chain first, second;
	aio_context_t aio;
	int pair[2];

	needs(state, WAKEUPS_CALLBACKS);
	new_pair(pair);
	chain_open(&first, pair[1]);
	chain_open(&second, new_eventfd());
	aio = join(&first, &second);
	begin(*state);
	put(pair[0], 8);
	chain_wait(&first);
	chain_wait(&second);
	end(*state);
	assert_int_equal(profile_of(*state)->losses[LOSS_CALLBACKS], KEPT);
	assert_int_equal(chain_told(*state, &first) + chain_told(*state, &second),
			 2 * CHAIN - KEPT);
	assert_false(profile_is_complete(profile_of(*state)));
	must(syscall(SYS_io_destroy, aio), "io_destroy");
	begin(*state); /* nothing is left behind */
	put(pair[0], 8);
	chain_wait(&first);
	end(*state);
	assert_int_equal(profile_of(*state)->losses[LOSS_CALLBACKS], 0);
	assert_int_equal(chain_told(*state, &first), CHAIN);
	chain_close(&second);
	chain_close(&first);
	close(pair[0]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(callbacks_nested_deeper_than_are_kept_are_a_loss),
};
const struct family nesting_tests = { tests, ARRAY_SIZE(tests) };
