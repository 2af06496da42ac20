/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a run found: totals, latencies, and every error counted under a name. */
#ifndef LOAD_RESULTS_H
#define LOAD_RESULTS_H

#include "latency.h"

#include <stdbool.h>
#include <stdint.h>

struct options;

enum error_kind {
	ERROR_REFUSED,
	ERROR_CONNECT,
	ERROR_RESET,
	ERROR_SHORT,
	ERROR_CLOSED,
	ERROR_MALFORMED,
	ERROR_STATUS,
	ERROR_LENGTH,
	ERROR_CONTENT,
	ERROR_EARLY,
	ERROR_EXTRA,
	ERROR_IDLE,
	ERROR_TIMEOUT,
	ERROR_IO,
	NR_ERRORS,
};

struct results {
	uint64_t requests;    /* answered to the last byte, rightly or not */
	uint64_t bytes;	      /* of bodies received */
	uint64_t elapsed_ns;  /* first request's first byte to last response's last */
	uint64_t connections; /* that were established */
	uint32_t idle;
	uint64_t errors[NR_ERRORS];
	struct latency latency;
};

/* Counts an error; the first of each kind is also described on stderr, one sentence. */
__attribute__((format(printf, 3, 4))) void results_error(struct results *res, enum error_kind kind,
							 const char *format, ...);

bool results_all_right(const struct results *res);

/* Text or JSON on stdout: 0, or -errno with the reason logged when it could not be written. */
int results_print(const struct results *res, const struct options *opts);

#endif
