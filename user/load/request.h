/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bytes of a request, and where its pieces end. All requests of a run share them; only an
 * echo's body differs, by the phase at which it begins in the pattern, so that an answer meant
 * for another connection or for the request before does not pass.
 */
#ifndef LOAD_REQUEST_H
#define LOAD_REQUEST_H

#include <stdint.h>
#include <sys/uio.h>

struct options;

struct request {
	char *head;
	char *body; /* NULL unless it is a POST */
	uint64_t head_len;
	uint64_t body_len;
	uint32_t pieces;
};

/* 0, or -errno with the reason logged: -EINVAL when it cannot be cut into so many pieces. */
int request_init(struct request *req, const struct options *opts);

void request_free(struct request *req);

uint64_t request_len(const struct request *req);

/* The offset at which piece @idx (from 0) ends; pieces differ in size by at most one byte. */
uint64_t request_piece_end(const struct request *req, uint32_t idx);

/* Fills @iov with the bytes from @start up to @end; returns how many elements it took. */
int request_iov(const struct request *req, unsigned int phase, uint64_t start, uint64_t end,
		struct iovec iov[2]);

#endif
