/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/array.h"

#include <stdlib.h>

void *array_grow(void *items, size_t nr, size_t size)
{
	if (nr & (nr - 1))
		return items;
	return reallocarray(items, nr ? nr * 2 : 1, size);
}
