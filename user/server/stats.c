/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Adding the counts of all loops up and writing them as JSON in the profile's
 * words. What is counted, and when, is decided in calls.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "stats.h"

_Static_assert(sizeof(struct stats) % sizeof(uint64_t) == 0, "stats_add() sees only counters");

void hist_count(uint64_t *hist, uint64_t value)
{
	hist[value ? 64 - __builtin_clzll(value) : 0]++;
}

void stats_add(struct stats *to, const struct stats *from)
{
	const uint64_t *source = (const uint64_t *)from;
	uint64_t *sum = (uint64_t *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*sum); i++)
		sum[i] += source[i];
}

static json_t *hist_json(const uint64_t *hist)
{
	json_t *array = json_array();
	int len = HIST_BUCKETS;

	while (len && !hist[len - 1])
		len--;
	for (int i = 0; i < len; i++)
		json_array_append_new(array, json_integer(hist[i]));
	return array;
}

static void set_count(json_t *object, const char *key, uint64_t count)
{
	json_object_set_new(object, key, json_integer(count));
}

static uint64_t wait_calls(const struct wait_stats *wait)
{
	return wait->wakeups + wait->timeouts + wait->empty_polls + wait->interrupted +
	       wait->failed;
}

static json_t *wait_json(const struct wait_stats *wait, enum wait_family family)
{
	json_t *group = json_object();

	set_count(group, "calls", wait_calls(wait));
	set_count(group, "wakeups", wait->wakeups);
	set_count(group, "timeouts", wait->timeouts);
	set_count(group, "empty_polls", wait->empty_polls);
	set_count(group, "interrupted", wait->interrupted);
	set_count(group, "failed", wait->failed);
	set_count(group, "ready", wait->ready);
	json_object_set_new(group, "ready_hist", hist_json(wait->ready_hist));
	set_count(group, "watched", wait->watched);
	json_object_set_new(group, "watched_hist", hist_json(wait->watched_hist));
	if (family == WAIT_EPOLL) {
		set_count(group, "capacity", wait->capacity);
		set_count(group, "saturated", wait->saturated);
	}
	set_count(group, "in_bytes", wait->in_bytes);
	set_count(group, "out_bytes", wait->out_bytes);
	return group;
}

static void set_waits(json_t *object, const struct stats *stats)
{
	static const char *const names[NR_WAITS] = { "epoll_wait", "poll", "select" };

	for (int i = 0; i < NR_WAITS; i++)
		if (wait_calls(&stats->waits[i]))
			json_object_set_new(object, names[i], wait_json(&stats->waits[i], i));
}

static void set_ctl(json_t *object, const struct ctl_stats *ctl)
{
	json_t *group;

	if (!(ctl->add + ctl->mod + ctl->del + ctl->failed))
		return;
	group = json_object();
	set_count(group, "add", ctl->add);
	set_count(group, "mod", ctl->mod);
	set_count(group, "mod_unchanged", ctl->mod_unchanged);
	set_count(group, "del", ctl->del);
	set_count(group, "failed", ctl->failed);
	set_count(group, "in_bytes", ctl->in_bytes);
	json_object_set_new(object, "epoll_ctl", group);
}

static json_t *listeners_json(const struct listener_stats *listeners, size_t nr_listeners)
{
	json_t *array = json_array();

	for (size_t i = 0; i < nr_listeners; i++) {
		json_t *row = json_object();

		json_object_set_new(row, "local", json_string(listeners[i].local));
		set_count(row, "accepted", listeners[i].accepted);
		set_count(row, "again", listeners[i].again);
		json_array_append_new(array, row);
	}
	return array;
}

static void set_accept(json_t *object, const struct accept_stats *accept,
		       const struct listener_stats *listeners, size_t nr_listeners)
{
	uint64_t calls = accept->accepted + accept->again + accept->fd_limit + accept->interrupted +
			 accept->failed;
	json_t *group;

	if (!calls)
		return;
	group = json_object();
	set_count(group, "calls", calls);
	set_count(group, "accepted", accept->accepted);
	set_count(group, "again", accept->again);
	set_count(group, "fd_limit", accept->fd_limit);
	set_count(group, "interrupted", accept->interrupted);
	set_count(group, "failed", accept->failed);
	json_object_set_new(group, "listeners", listeners_json(listeners, nr_listeners));
	json_object_set_new(object, "accept", group);
}

static json_t *io_json(const struct io_stats *io)
{
	json_t *group = json_object();

	set_count(group, "calls", io->calls);
	set_count(group, "bytes", io->bytes);
	set_count(group, "partial", io->partial);
	set_count(group, "end", io->end);
	set_count(group, "again", io->again);
	set_count(group, "interrupted", io->interrupted);
	set_count(group, "failed", io->failed);
	json_object_set_new(group, "size_hist", hist_json(io->size_hist));
	return group;
}

static void set_io(json_t *object, const struct stats *stats)
{
	static const char *const families[NR_IO] = { "read", "write", "sendfile", "splice" };
	static const char *const kinds[NR_KINDS] = { "socket", "file", "pipe", "other" };
	json_t *group = json_object();

	for (int i = 0; i < NR_IO; i++) {
		json_t *family = json_object();

		for (int k = 0; k < NR_KINDS; k++)
			if (stats->io[i][k].calls)
				json_object_set_new(family, kinds[k], io_json(&stats->io[i][k]));
		if (json_object_size(family))
			json_object_set(group, families[i], family);
		json_decref(family);
	}
	json_object_set_new(object, "io", group);
}

static json_t *stats_json(const struct stats *stats, const struct listener_stats *listeners,
			  size_t nr_listeners)
{
	json_t *object = json_object();
	json_t *fds = json_object();

	set_waits(object, stats);
	set_ctl(object, &stats->ctl);
	set_accept(object, &stats->accept, listeners, nr_listeners);
	set_io(object, stats);
	set_count(fds, "opened", stats->fds_opened);
	set_count(fds, "closed", stats->fds_closed);
	json_object_set_new(object, "fds", fds);
	return object;
}

static int write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= n;
	}
	return 0;
}

/* A reader of @path sees the old file or all of the new one, never a part. */
static int replace_file(const char *path, const char *text, size_t len)
{
	char temp[PATH_MAX];
	int fd, err;

	if (snprintf(temp, sizeof(temp), "%s.%d", path, (int)getpid()) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	err = write_whole(fd, text, len);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(temp, path))
		err = -errno;
	if (err)
		unlink(temp);
	return err;
}

/* jansson's callers would have to look at every result; nothing is written yet. */
static void *alloc_or_end(size_t size)
{
	void *memory = malloc(size);

	if (!memory) {
		log_err(ENOMEM, "write the counts");
		exit(EXIT_FAILURE);
	}
	return memory;
}

int stats_write(const struct stats *stats, const struct listener_stats *listeners,
		size_t nr_listeners, const char *path)
{
	json_t *object;
	char *text;
	int err;

	json_set_alloc_funcs(alloc_or_end, free);
	/* A seed of our own keeps jansson from reading one from /dev/urandom. */
	json_object_seed(1);
	object = stats_json(stats, listeners, nr_listeners);
	text = json_dumps(object, JSON_INDENT(1));
	json_decref(object);
	err = replace_file(path, text, strlen(text));
	free(text);
	return err ? log_err(-err, "write %s", path) : 0;
}
