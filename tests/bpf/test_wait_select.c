/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* select and pselect6: outcomes, ready counts a set, the union that is watched, sets' bytes. */
#include "tests.h"

#include <sys/select.h>
#include <sys/time.h>

#define NR   91 /* two words of each set */
#define SETS (3 * 16)

struct sets {
	fd_set in, out, ex;
};

typedef long select_call(int nr, struct sets *sets, int ms);

static const uint64_t no_signals;
static const struct {
	const uint64_t *mask;
	size_t size;
} mask_pack = { &no_signals, sizeof(no_signals) };

static long call_select(int nr, struct sets *sets, int ms)
{
	struct timeval timeout = { .tv_usec = ms * 1000L };

	return syscall(SYS_select, nr, &sets->in, &sets->out, &sets->ex, ms < 0 ? NULL : &timeout);
}

static long call_pselect(int nr, struct sets *sets, int ms)
{
	struct timespec timeout = { .tv_nsec = ms * 1000000L };

	return syscall(SYS_pselect6, nr, &sets->in, &sets->out, &sets->ex, ms < 0 ? NULL : &timeout,
		       &mask_pack);
}

/* Eventfds at known places: 70 is readable and writable, 80 writable, 90 a full one: neither. */
static void place_fds(void)
{
	const uint64_t one = 1, full = UINT64_MAX - 1;
	int fd = new_eventfd();

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	must(dup2(fd, 70), "dup2");
	close(fd);
	fd = new_eventfd();
	must(dup2(fd, 80), "dup2");
	close(fd);
	fd = new_eventfd();
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	must(dup2(fd, 90), "dup2");
	close(fd);
}

static void close_placed(void)
{
	close(70);
	close(80);
	close(90);
}

/* 80 is not readable and nothing is ever exceptional: none is ready. */
static struct sets quiet_sets(void)
{
	struct sets sets = {};

	FD_SET(80, &sets.in);
	FD_SET(90, &sets.out);
	FD_SET(90, &sets.ex);
	FD_SET(91, &sets.ex); /* beyond NR: not looked at */
	FD_SET(127, &sets.in);
	return sets;
}

/* 70 is ready in two sets, 80 in one: three ready of the union {70, 80, 90}. */
static struct sets ready_sets(void)
{
	struct sets sets = {};

	FD_SET(70, &sets.in);
	FD_SET(70, &sets.out);
	FD_SET(80, &sets.in);
	FD_SET(80, &sets.out);
	FD_SET(90, &sets.ex);
	return sets;
}

static void make_returns(select_call *call)
{
	struct sets sets;
	timer_t timer;

	for (int i = 0; i < 3; i++)
		assert_int_equal((sets = quiet_sets(), call(NR, &sets, 1)), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal((sets = quiet_sets(), call(NR, &sets, 0)), 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal((sets = ready_sets(), call(NR, &sets, 100)), 3);
	timer = start_interrupting();
	for (int i = 0; i < 13; i++)
		assert_int_equal((sets = quiet_sets(), call(NR, &sets, -1)), -1);
	stop_interrupting(timer);
}

static void make_failures(select_call *call)
{
	struct sets sets;

	for (int i = 0; i < 11; i++) { /* EBADF: 91 is not open, but now below the limit */
		sets = quiet_sets();
		assert_int_equal(call(NR + 1, &sets, 100), -1);
		assert_int_equal(errno, EBADF);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal((sets = quiet_sets(), call(-1, &sets, 100)), -1);
}

static void check_every_outcome(struct tracer *tracer, select_call *call, uint64_t mask_bytes)
{
	uint64_t in_bytes = SETS * (3 + 5 + 7 + 13 + 11) + 16 * (41 - 13) + mask_bytes;
	uint64_t out_bytes = SETS * (3 + 5 + 7) + 16 * (3 + 7 + 11 + 2);

	place_fds();
	begin(tracer);
	make_returns(call);
	make_failures(call);
	end(tracer);
	expect(tracer, { "select.calls", 41 }, { "select.wakeups", 7 }, { "select.timeouts", 3 },
	       { "select.empty_polls", 5 }, { "select.interrupted", 13 }, { "select.failed", 13 },
	       { "select.spins", 4 }, { "select.redelivered", 2 * 6 },
	       { "select.redelivered_in", 6 }, { "select.idle_out", 6 }, { "select.immediate", 7 },
	       { "select.ready", 21 }, { "select.ready_hist[2]", 7 },
	       { "select.watched", 2 * (3 + 5 + 13) + 3 * 7 }, { "select.watched_hist[2]", 28 },
	       { "select.in_bytes", in_bytes }, { "select.out_bytes", out_bytes },
	       { "copies.control_bytes", in_bytes + out_bytes });
	close_placed();
}

static void select_is_counted_by_outcome(void **state)
{
	check_every_outcome(*state, call_select, 0);
}

static void pselect6_copies_its_mask_and_where_it_is(void **state)
{
	check_every_outcome(*state, call_pselect, 41 * (16 + 8));
}

static void null_sets_and_masks_are_not_copied(void **state)
{
	const struct {
		const uint64_t *mask;
		size_t size;
	} no_mask = { NULL, 8 };
	struct timespec zero = {};
	struct timeval none = {};
	struct sets sets;

	place_fds();
	begin(*state);
	for (int i = 0; i < 3; i++) { /* one set of three */
		sets = quiet_sets();
		assert_int_equal(syscall(SYS_select, NR, NULL, &sets.out, NULL, &none), 0);
	}
	for (int i = 0; i < 5; i++) /* no set at all */
		assert_int_equal(syscall(SYS_select, NR, NULL, NULL, NULL, &none), 0);
	for (int i = 0; i < 7; i++) /* no pack */
		assert_int_equal(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, NULL), 0);
	for (int i = 0; i < 11; i++) /* a pack without a mask */
		assert_int_equal(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, &no_mask), 0);
	end(*state);
	expect(*state, { "select.empty_polls", 26 }, { "select.spins", 25 },
	       { "select.watched", 3 }, { "select.watched_hist[0]", 23 },
	       { "select.watched_hist[1]", 3 }, { "select.in_bytes", 16 * 3 + 16 * 26 + 16 * 11 },
	       { "select.out_bytes", 16 * 3 });
	close_placed();
}

static void pselect6_writes_no_time_left_before_it_begins(void **state)
{
	const struct {
		const uint64_t *mask;
		size_t size;
	} bad_size = { &no_signals, 7 };
	struct timespec sane = { .tv_sec = 1 }, bad = { .tv_nsec = 2000000000 };

	begin(*state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &sane, &bad_size), -1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &bad, NULL), -1);
	end(*state);
	assert_true(sane.tv_sec == 1 && bad.tv_nsec == 2000000000);
	expect(*state, { "select.failed", 8 }, { "select.in_bytes", 16 * 8 + 16 * 3 });
}

/* select carries microseconds over into seconds where the others refuse them. */
static void select_accepts_more_microseconds_than_a_second_has(void **state)
{
	begin(*state);
	for (int i = 0; i < 3; i++) {
		struct timeval timeout = { .tv_usec = 1700000 };
		struct sets sets = {};

		FD_SET(0, &sets.out); /* something that is always writable or not open */
		syscall(SYS_select, -1, NULL, NULL, NULL, &timeout);
		assert_true(timeout.tv_sec == 1 && timeout.tv_usec < 700000);
	}
	end(*state);
	expect(*state, { "select.failed", 3 }, { "select.in_bytes", 16 * 3 },
	       { "select.out_bytes", 16 * 3 });
}

/* proc(5): FDSize, descriptor slots. */
static unsigned int table_size(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned int size = 0;
	char line[256];

	assert_non_null(status);
	while (!size && fgets(line, sizeof(line), status))
		sscanf(line, "FDSize: %u", &size);
	fclose(status);
	assert_true(size >= 64);
	return size;
}

static void what_lies_beyond_the_table_is_not_watched(void **state)
{
	uint64_t set[4096 / 64] = {};
	struct timeval none = {};
	uint64_t size;

	place_fds();
	size = table_size();
	assert_true(size + 70 < 4096);
	begin(*state);
	for (int i = 0; i < 7; i++) {
		memset(set, 0, sizeof(set));
		set[80 / 64] |= 1ULL << 80 % 64;
		set[(size + 65) / 64] |= 1ULL << (size + 65) % 64;
		assert_int_equal(syscall(SYS_select, 4096, set, NULL, NULL, &none), 0);
	}
	end(*state);
	expect(*state, { "select.empty_polls", 7 }, { "select.spins", 6 }, { "select.watched", 7 },
	       { "select.watched_hist[1]", 7 }, { "select.in_bytes", 7 * (16 + size / 8) },
	       { "select.out_bytes", 7 * size / 8 });
	close_placed();
}

/* In a child, for its table stays large. */
static void select_of_a_thousand(void *context)
{
	uint64_t set[2048 / 64] = {};
	struct timeval none = {};
	int fd = new_eventfd();

	(void)context;
	for (int to = 1000; to < 2003; to++) {
		require(dup2(fd, to) == to, "dup2");
		set[to / 64] |= 1ULL << to % 64;
	}
	for (int i = 0; i < 3; i++)
		require(syscall(SYS_select, 2002, set, NULL, NULL, &none) == 0, "select");
}

static void a_set_of_many_words_is_looked_at_whole(void **state)
{
	pid_t pid;

	begin(*state);
	pid = run_child(select_of_a_thousand, NULL);
	end(*state);
	/* The first call empties the set. */
	expect_of(*state, process_of(*state, pid), { "select.empty_polls", 3 },
		  { "select.spins", 2 }, { "select.watched", 1002 },
		  { "select.watched_hist[10]", 1 }, { "select.watched_hist[0]", 2 },
		  { "select.in_bytes", 3 * (16 + 2048 / 8) }, { "select.out_bytes", 3 * 2048 / 8 },
		  { "fds.opened", 1 + 1003 });
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(select_is_counted_by_outcome),
	cmocka_unit_test(pselect6_copies_its_mask_and_where_it_is),
	cmocka_unit_test(null_sets_and_masks_are_not_copied),
	cmocka_unit_test(pselect6_writes_no_time_left_before_it_begins),
	cmocka_unit_test(select_accepts_more_microseconds_than_a_second_has),
	cmocka_unit_test(what_lies_beyond_the_table_is_not_watched),
	cmocka_unit_test(a_set_of_many_words_is_looked_at_whole),
};

const struct family wait_select_tests = { tests, ARRAY_SIZE(tests) };
