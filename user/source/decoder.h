/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads typed values out of JSON and knows where it is, so that whatever is
 * wrong is said with the file and the path of the key. Knows nothing of what
 * the values mean. All return 0 or, logged, -EBADMSG or -ENOMEM.
 */
#ifndef FDSCOPE_DECODER_H
#define FDSCOPE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* A sum of counts and bytes, buckets included, then stays below 2^63. */
#define MAX_COUNT (1LL << 56)
#define MAX_NS	  INT64_MAX
#define MAX_ROWS  (1 << 20) /* the largest table that is measured with */
#define MAX_TEXT  4096

struct profile_process;

struct decoder {
	const char *name; /* of the file */
	char path[160];	  /* where we are: processes[0].epoll_wait */
	/* decode_process(): what is marked where a key was left out */
	struct profile_process *process;
	size_t process_path; /* length of its part of @path */
	unsigned wakeups;    /* enum wakeups_part of which a key was there */
};

/* Says what is wrong with @key here; -EBADMSG. */
int decoder_refuse(const struct decoder *d, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int decoder_no_memory(const struct decoder *d);

/* Steps into a member, or a row of one; the result is for decoder_leave(). */
size_t decoder_enter(struct decoder *d, const char *key);
size_t decoder_enter_row(struct decoder *d, const char *key, size_t row);
void decoder_leave(struct decoder *d, size_t len);

/* @value is what stands under @key; NULL: nothing does, which is refused. */
int decoder_check_integer(const struct decoder *d, const json_t *value, const char *key,
			  int64_t min, int64_t max);
int decoder_check_text(const struct decoder *d, const json_t *value, const char *key, size_t max);
/* A copy of @value, which the caller frees. */
int decoder_copy_text(const struct decoder *d, const json_t *value, const char *key, char **out);

/* The member @key of @object, which must be there. */
int decoder_get_integer(const struct decoder *d, const json_t *object, const char *key, int64_t min,
			int64_t max, int64_t *out);
int decoder_get_count(const struct decoder *d, const json_t *object, const char *key, int64_t max,
		      uint64_t *out);
int decoder_get_boolean(const struct decoder *d, const json_t *object, const char *key, bool *out);
int decoder_get_text(const struct decoder *d, const json_t *object, const char *key, char **out);
int decoder_need_object(const struct decoder *d, const json_t *object, const char *key,
			const json_t **out);

/* Members that may be left out; @out is NULL then. */
int decoder_find_object(const struct decoder *d, const json_t *object, const char *key,
			const json_t **out);
int decoder_find_array(const struct decoder *d, const json_t *object, const char *key, size_t max,
		       const json_t **out, size_t *nr);

#endif
