/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A map from a pair of numbers to an index, for lists that are searched by key. */
#ifndef FDSCOPE_PAIR_MAP_H
#define FDSCOPE_PAIR_MAP_H

#include <stddef.h>
#include <stdint.h>

#define PAIR_MAP_NONE SIZE_MAX

/* Zeroed, it is empty. */
struct pair_map {
	struct pair_map_slot *slots;
	size_t nr_slots; /* a power of two, or 0 */
	size_t nr;
};

/* The index of the pair, or PAIR_MAP_NONE. */
size_t pair_map_find(const struct pair_map *map, uint64_t a, uint64_t b);

/* Adds the pair, which is not in the map; 0 or -ENOMEM. */
int pair_map_add(struct pair_map *map, uint64_t a, uint64_t b, size_t index);

/* Empties it and frees what it holds. */
void pair_map_free(struct pair_map *map);

#endif
