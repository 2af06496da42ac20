/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every unit test needs, in the order in which cmocka needs it. */
#ifndef FDSCOPE_UNIT_H
#define FDSCOPE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))

#endif
