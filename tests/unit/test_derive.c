/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sums that the profile promises. */
#include "unit.h"

#include "model/derive.h"

static void calls_of_a_wait_are_its_five_outcomes(void **state)
{
	const struct wait_counters wait = {
		.timeouts = 2,
		.empty_polls = 3,
		.interrupted = 5,
		.failed = 7,
		.immediate = 1000,
		.sleeps = 1000,
		.ready_hist = { [1] = 11, [5] = 13, [HIST_INT_BUCKETS - 1] = 17 },
	};

	(void)state;
	assert_int_equal(wait_wakeups(&wait), 11 + 13 + 17);
	assert_int_equal(wait_calls(&wait), 11 + 13 + 17 + 2 + 3 + 5 + 7);
}

static void calls_of_accept_epoll_ctl_and_io_are_their_outcomes(void **state)
{
	const struct accept_counters accept = { 2, 3, 5, 7, 11, 1000, 1000, 1000 };
	const struct epoll_ctl_counters ctl = { 2, 3, 5, 7, 1000, 1 };
	const struct io_counters io = {
		.moved = 2,
		.bytes = 1000,
		.partial = 1,
		.end = 3,
		.again = 5,
		.interrupted = 7,
		.failed = 11,
	};

	(void)state;
	assert_int_equal(accept_calls(&accept), 28);
	assert_int_equal(epoll_ctl_calls(&ctl), 17);
	assert_int_equal(io_calls(&io), 28);
}

static void control_bytes_are_those_of_waits_epoll_ctl_and_accept(void **state)
{
	struct counters counters = {
		.epoll_ctl.in_bytes = 2,
		.accept = { .in_bytes = 3, .out_bytes = 5 },
	};

	(void)state;
	for (int family = 0; family < WAIT_FAMILIES; family++) {
		counters.waits[family].in_bytes = 7 * (family + 1);
		counters.waits[family].out_bytes = 100 * (family + 1);
	}
	assert_int_equal(control_bytes(&counters), 10 + 42 + 600);
	assert_int_equal(user_to_kernel_bytes(&counters), 5 + 42);
	assert_int_equal(kernel_to_user_bytes(&counters), 5 + 600);
}

static void reads_and_writes_cross_and_the_other_families_do_not(void **state)
{
	struct counters counters = {};

	(void)state;
	for (int family = 0; family < IO_FAMILIES; family++) {
		for (int kind = 0; kind < IO_KINDS; kind++)
			counters.io[family][kind].bytes = 1ULL << (4 * family + kind);
	}
	assert_int_equal(kernel_to_user_bytes(&counters), 0xf);
	assert_int_equal(user_to_kernel_bytes(&counters), 0xf0);
}

static void truncated_bytes_did_not_cross_and_vmsplice_from_a_pipe_did(void **state)
{
	struct counters counters = { .copies = { .truncated_bytes = 3, .vmsplice_in_bytes = 7 } };

	(void)state;
	counters.io[IO_READ][KIND_SOCKET].bytes = 11;
	assert_int_equal(kernel_to_user_bytes(&counters), 11 - 3 + 7);
}

static void sendfile_and_splice_to_sockets_are_zero_copy(void **state)
{
	struct counters counters = {};
	double share;

	(void)state;
	assert_false(zero_copy_share(&counters, &share));
	for (int family = 0; family < IO_FAMILIES; family++) {
		for (int kind = 0; kind < IO_KINDS; kind++)
			counters.io[family][kind].bytes = 1ULL << (4 * family + kind);
	}
	assert_int_equal(zero_copy_bytes(&counters), 0x1100);
	assert_int_equal(socket_out_bytes(&counters), 0x1110);
	assert_true(zero_copy_share(&counters, &share));
	assert_true(share > 0.9961 && share < 0.9964);
}

static void a_family_without_work_leaves_no_calls(void **state)
{
	struct counters counters = {};

	(void)state;
	assert_int_equal(all_calls(&counters), 0);
	counters.waits[WAIT_SELECT].failed = 2;
	counters.io[IO_TEE][KIND_PIPE].again = 3;
	counters.accept.fd_limit = 5;
	counters.epoll_ctl.del = 7;
	assert_int_equal(all_calls(&counters), 17);
}

static void a_quantile_is_the_upper_bound_of_its_bucket(void **state)
{
	const uint64_t hist[8] = { [0] = 50, [3] = 49, [7] = 1 };
	const uint64_t huge[64] = { [1] = 1ULL << 61, [63] = 1ULL << 61 };
	const uint64_t none[8] = {};

	(void)state;
	assert_int_equal(hist_quantile(hist, 8, 500), 0);
	assert_int_equal(hist_quantile(hist, 8, 990), 7);
	assert_int_equal(hist_quantile(hist, 8, 1000), 127);
	assert_int_equal(hist_quantile(none, 8, 1000), 0);
	assert_int_equal(hist_quantile(huge, 64, 500), 1);
	assert_int_equal(hist_quantile(huge, 64, 1000), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_of_a_wait_are_its_five_outcomes),
		cmocka_unit_test(calls_of_accept_epoll_ctl_and_io_are_their_outcomes),
		cmocka_unit_test(control_bytes_are_those_of_waits_epoll_ctl_and_accept),
		cmocka_unit_test(reads_and_writes_cross_and_the_other_families_do_not),
		cmocka_unit_test(truncated_bytes_did_not_cross_and_vmsplice_from_a_pipe_did),
		cmocka_unit_test(sendfile_and_splice_to_sockets_are_zero_copy),
		cmocka_unit_test(a_family_without_work_leaves_no_calls),
		cmocka_unit_test(a_quantile_is_the_upper_bound_of_its_bucket),
	};

	return cmocka_run_group_tests_name("derive", tests, NULL, NULL);
}
