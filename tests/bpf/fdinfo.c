/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an epoll instance watches: as the kernel tells in /proc/PID/fdinfo, and as the probes do. */
#include "tracer.h"

#include <sys/epoll.h>

#include "base/array.h"

/* What ONESHOT leaves of the mask when it fires: EP_PRIVATE_BITS in fs/eventpoll.c. */
#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

struct watched {
	unsigned int fd, events;
	unsigned long long data, ino;
};

struct watched_list {
	struct watched *items;
	size_t nr;
};

static void add_watched(struct watched_list *list, const struct watched *watched)
{
	struct watched *grown = array_grow(list->items, list->nr, sizeof(*grown));

	assert_non_null(grown);
	list->items = grown;
	grown[list->nr++] = *watched;
}

static int compare_watched(const void *a, const void *b)
{
	const struct watched *one = a, *other = b;

	if (one->fd != other->fd)
		return one->fd > other->fd ? 1 : -1;
	return (one->data > other->data) - (one->data < other->data);
}

/* ep_show_fdinfo(): numbers are hexadecimal but for that of the descriptor. */
static struct watched_list read_fdinfo(pid_t pid, int epfd)
{
	struct watched_list list = {};
	char path[64], line[256];
	FILE *fdinfo;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, epfd);
	fdinfo = fopen(path, "re");
	assert_non_null(fdinfo);
	while (fgets(line, sizeof(line), fdinfo)) {
		struct watched watched = {};

		if (sscanf(line, "tfd: %u events: %x data: %llx pos:%*d ino:%llx", &watched.fd,
			   &watched.events, &watched.data, &watched.ino) == 4)
			add_watched(&list, &watched);
	}
	fclose(fdinfo);
	return list;
}

static bool has_moved(const struct snapshot *first, const struct snapshot_use *use)
{
	for (size_t i = 0; i < first->nr_uses; i++) {
		const struct snapshot_use *before = &first->uses[i];

		if (before->instance == use->instance && before->tgid == use->tgid &&
		    before->start_ns == use->start_ns)
			return before->counters.returns != use->counters.returns;
	}
	return true;
}

/* Waited on as @epfd in the interval. */
static uint32_t instance_of(const struct tracer *tracer, pid_t pid, int epfd)
{
	for (size_t i = 0; i < tracer->last.nr_uses; i++) {
		const struct snapshot_use *use = &tracer->last.uses[i];

		if (use->tgid == (uint32_t)pid && use->epfd == (uint64_t)epfd &&
		    has_moved(&tracer->first, use))
			return use->instance;
	}
	fail_msg("process %d did not wait on %d", pid, epfd);
	return 0;
}

static struct watched_list read_snapshot(const struct snapshot *snapshot, uint32_t instance)
{
	struct watched_list list = {};

	for (size_t i = 0; i < snapshot->nr_registrations; i++) {
		const struct snapshot_registration *row = &snapshot->registrations[i];
		struct watched watched = {
			.fd = row->registration.fd,
			.events = row->registration.events,
			.data = row->registration.data,
			.ino = row->description.ino,
		};

		if (row->registration.instance != instance)
			continue;
		if (row->registration.is_fired)
			watched.events &= PRIVATE_BITS;
		add_watched(&list, &watched);
	}
	return list;
}

static void sort(struct watched_list *list)
{
	if (list->nr)
		qsort(list->items, list->nr, sizeof(*list->items), compare_watched);
}

size_t check_fdinfo(const struct tracer *tracer, pid_t pid, int epfd)
{
	struct watched_list ours = read_snapshot(&tracer->last, instance_of(tracer, pid, epfd));
	struct watched_list theirs = read_fdinfo(pid, epfd);
	size_t nr = theirs.nr;

	sort(&ours);
	sort(&theirs);
	assert_int_equal(ours.nr, theirs.nr);
	for (size_t i = 0; i < nr; i++) {
		assert_int_equal(ours.items[i].fd, theirs.items[i].fd);
		assert_int_equal(ours.items[i].events, theirs.items[i].events);
		assert_int_equal(ours.items[i].data, theirs.items[i].data);
		assert_int_equal(ours.items[i].ino, theirs.items[i].ino);
	}
	free(ours.items);
	free(theirs.items);
	return nr;
}
