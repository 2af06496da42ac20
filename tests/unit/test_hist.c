/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The arithmetic that BPF and user space share. */
#include "unit.h"

#include <fdscope/hist.h>

static void bucket_0_counts_the_value_0(void **state)
{
	(void)state;
	assert_int_equal(hist_bucket(0), 0);
}

static void bucket_k_counts_from_a_power_of_two_up_to_the_next(void **state)
{
	(void)state;
	for (unsigned k = 1; k <= 64; k++) {
		uint64_t low = 1ULL << (k - 1), high = k < 64 ? (1ULL << k) - 1 : UINT64_MAX;

		assert_int_equal(hist_bucket(low), k);
		assert_int_equal(hist_bucket(low + (high - low) / 2), k);
		assert_int_equal(hist_bucket(high), k);
	}
}

static void every_int_and_every_interval_has_a_bucket(void **state)
{
	(void)state;
	assert_int_equal(hist_bucket(INT32_MAX), HIST_INT_BUCKETS - 1);
	assert_int_equal(hist_bucket(INT64_MAX), HIST_NS_BUCKETS - 1);
	assert_true(hist_bucket(1024ULL * INT32_MAX) < HIST_BYTES_BUCKETS);
}

static void bits_are_counted_as_the_compiler_counts_them(void **state)
{
	uint64_t word = 88172645463325252ULL;

	(void)state;
	assert_int_equal(count_bits(0), 0);
	assert_int_equal(count_bits(UINT64_MAX), 64);
	for (int i = 0; i < 10007; i++) {
		assert_int_equal(count_bits(word), __builtin_popcountll(word));
		word ^= word << 13;
		word ^= word >> 7;
		word ^= word << 17;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bucket_0_counts_the_value_0),
		cmocka_unit_test(bucket_k_counts_from_a_power_of_two_up_to_the_next),
		cmocka_unit_test(every_int_and_every_interval_has_a_bucket),
		cmocka_unit_test(bits_are_counted_as_the_compiler_counts_them),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
