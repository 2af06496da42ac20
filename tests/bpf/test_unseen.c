/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What cannot be seen is said, and leaves the profile complete. */
#include "tests.h"

#include <linux/io_uring.h>
#include <sys/mman.h>

/* ia32's numbers: 20 is getpid here and writev there. */
static long call_compat_getpid(void)
{
	long result = 20;

	asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static void calls_by_ia32_numbers_are_unseen(void **state)
{
	if (call_compat_getpid() != getpid())
		skip(); /* CONFIG_IA32_EMULATION is off */
	begin(*state);
	for (int i = 0; i < 7; i++)
		assert_int_equal(call_compat_getpid(), getpid());
	end(*state);
	expect(*state, { "unseen.compat_calls", 7 });
	assert_true(profile_is_complete(profile_of(*state)));
}

struct ring {
	int fd;
	char *queue;
	struct io_uring_sqe *entries;
	struct io_uring_params params;
};

static void map_ring(struct ring *ring)
{
	size_t bytes = ring->params.sq_off.array + ring->params.sq_entries * sizeof(uint32_t);

	ring->queue =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->entries = mmap(NULL, ring->params.sq_entries * sizeof(*ring->entries),
			     PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQES);
	assert_true(ring->queue != MAP_FAILED && ring->entries != MAP_FAILED);
}

static void submit(struct ring *ring, unsigned int nr)
{
	uint32_t *tail = (uint32_t *)(ring->queue + ring->params.sq_off.tail);
	uint32_t *array = (uint32_t *)(ring->queue + ring->params.sq_off.array);

	for (unsigned int i = 0; i < nr; i++) {
		memset(&ring->entries[i], 0, sizeof(ring->entries[i]));
		ring->entries[i].opcode = IORING_OP_NOP;
		array[(*tail + i) & (ring->params.sq_entries - 1)] = i;
	}
	__atomic_store_n(tail, *tail + nr, __ATOMIC_RELEASE);
	assert_int_equal(syscall(SYS_io_uring_enter, ring->fd, nr, 0, 0, NULL, 0), nr);
}

static void requests_through_io_uring_are_unseen(void **state)
{
	struct ring ring = {};

	ring.fd = syscall(SYS_io_uring_setup, 8, &ring.params);
	if (ring.fd < 0 || !probes_see_io_uring(tracer_probes(*state)))
		skip(); /* no io_uring, or no tracepoint in it */
	map_ring(&ring);
	begin(*state);
	submit(&ring, 5);
	submit(&ring, 2);
	end(*state);
	expect(*state, { "unseen.io_uring_requests", 7 });
	close(ring.fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(calls_by_ia32_numbers_are_unseen),
	cmocka_unit_test(requests_through_io_uring_are_unseen),
};

const struct family unseen_tests = { tests, ARRAY_SIZE(tests) };
