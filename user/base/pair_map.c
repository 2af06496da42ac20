/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open addressing, at most half full. */
#include "base/pair_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pair_map_slot {
	uint64_t a, b;
	size_t index_plus_1; /* 0: free */
};

#define FIRST_SLOTS 64

/* Fibonacci hashing: multiplying by 2^64 / phi spreads neighbouring keys. */
static size_t slot_of(const struct pair_map *map, uint64_t a, uint64_t b)
{
	uint64_t hash = (a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15ULL;

	return (hash ^ hash >> 32) & (map->nr_slots - 1);
}

/* The pair's slot, or the free one where it would go. The map has slots. */
static struct pair_map_slot *locate(const struct pair_map *map, uint64_t a, uint64_t b)
{
	size_t at = slot_of(map, a, b);

	while (map->slots[at].index_plus_1 && (map->slots[at].a != a || map->slots[at].b != b))
		at = (at + 1) & (map->nr_slots - 1);
	return &map->slots[at];
}

size_t pair_map_find(const struct pair_map *map, uint64_t a, uint64_t b)
{
	return map->nr ? locate(map, a, b)->index_plus_1 - 1 : PAIR_MAP_NONE;
}

static int grow(struct pair_map *map)
{
	struct pair_map larger = { .nr_slots = map->nr_slots ? map->nr_slots * 2 : FIRST_SLOTS };

	larger.slots = calloc(larger.nr_slots, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->nr_slots; i++) {
		const struct pair_map_slot *slot = &map->slots[i];

		if (slot->index_plus_1)
			*locate(&larger, slot->a, slot->b) = *slot;
	}
	larger.nr = map->nr;
	free(map->slots);
	*map = larger;
	return 0;
}

int pair_map_add(struct pair_map *map, uint64_t a, uint64_t b, size_t index)
{
	int err = map->nr * 2 >= map->nr_slots ? grow(map) : 0;

	if (err)
		return err;
	*locate(map, a, b) = (struct pair_map_slot){ a, b, index + 1 };
	map->nr++;
	return 0;
}

void pair_map_free(struct pair_map *map)
{
	free(map->slots);
	memset(map, 0, sizeof(*map));
}
