/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "unit.h"

#include "base/pair_map.h"

#define MANY 10007 /* a prime; several doublings */

static void an_empty_map_finds_nothing(void **state)
{
	struct pair_map map = {};

	(void)state;
	assert_true(pair_map_find(&map, 1, 2) == PAIR_MAP_NONE);
	pair_map_free(&map);
}

static void every_pair_is_found_again(void **state)
{
	struct pair_map map = {};

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(pair_map_add(&map, i % 101, i * 1000003, i), 0);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(pair_map_find(&map, i % 101, i * 1000003), i);
	assert_true(pair_map_find(&map, 101, 0) == PAIR_MAP_NONE);
	pair_map_free(&map);
}

static void the_order_of_a_pair_matters(void **state)
{
	struct pair_map map = {};

	(void)state;
	assert_int_equal(pair_map_add(&map, 1, 2, 7), 0);
	assert_true(pair_map_find(&map, 2, 1) == PAIR_MAP_NONE);
	assert_int_equal(pair_map_find(&map, 1, 2), 7);
	pair_map_free(&map);
}

static void a_freed_map_is_empty(void **state)
{
	struct pair_map map = {};

	(void)state;
	assert_int_equal(pair_map_add(&map, 1, 2, 7), 0);
	pair_map_free(&map);
	assert_true(pair_map_find(&map, 1, 2) == PAIR_MAP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_finds_nothing),
		cmocka_unit_test(every_pair_is_found_again),
		cmocka_unit_test(the_order_of_a_pair_matters),
		cmocka_unit_test(a_freed_map_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
