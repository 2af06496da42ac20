/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * epoll-walk.c - random walks: two threads open, dup, close, register, change,
 * wait, read and write whatever comes, and beside each call its meaning is
 * counted as FIELDS of the manual has it, from what the kernel returned. A walk is
 * named by its seed, so that one that fails can be walked again.
 *
 *	t0  t1
 *	 | X |
 *	s0 s1 s2		each may be closed and made anew
 *	 | X | (lt, et, oneshot; data of its own, or another's)
 *	numbers			dup'ed, closed, used again
 *	 | X |
 *	descriptions		eventfds, semaphores, pipes, streams, datagrams
 */
#include "shapes.h"

#define STEPS		 3000
#define SETUP_STEPS	 60
#define SETS		 3
#define MAX_DESCRIPTIONS 4096
#define MAX_NUMBERS	 512
#define MAX_ROWS	 64
#define ENOUGH		 24 /* descriptions at a time */
#define ALWAYS		 (EPOLLERR | EPOLLHUP)

enum kind { EVENT, SEMAPHORE, PIPE, STREAM, DATAGRAM, KINDS };

struct row {
	int set; /* number */
	int stands_level, stands_edge, stands_oneshot;
	bool is_used[2]; /* by thread */
	unsigned int returns, level, edge, oneshot, in, out, err, hup;
	unsigned int redelivered, redelivered_in, idle_out, residual, spurious, edge_undrained;
	unsigned int phantom, ignored_hangup, unattributed, first_reads;
};

struct description {
	enum kind kind;
	int nr_numbers;
	int peer;
	bool is_known; /* was watched at some time: what is done before is of no interest */
	bool is_ignored, is_unwritten, is_unread, is_residual, has_ended;
	struct row *told_in; /* who told of IN last */
};

struct registration {
	struct row *row;
	struct description *description; /* NULL: no registration */
	int fd;
	uint32_t mask;
	uint64_t data;
};

/* An edge delivery with IN in the batch a thread was handed last. */
struct edge {
	struct row *row;
	int thread;
	struct description *description;
	bool is_drained;
};

static struct row rows[MAX_ROWS];
static struct description descriptions[MAX_DESCRIPTIONS];
static struct description *numbers[MAX_NUMBERS];
static struct registration registrations[MAX_NUMBERS];
static struct edge edges[MAX_EVENTS];
static int nr_rows, nr_descriptions, nr_edges, nr_mods, nr_unchanged, this_thread;
static struct row *sets[SETS];
static uint64_t last_data;
static unsigned int seed;
static struct helper *second;

static int any(int below)
{
	return rand_r(&seed) / 7 % below;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void put_number(int fd, struct description *description)
{
	MUST(fd >= 0 && fd < MAX_NUMBERS && !numbers[fd]);
	numbers[fd] = description;
	description->nr_numbers++;
}

/*
 * Number @fd is closed: the last one takes the description's registrations along, and what was not
 * drained is not there any more.
 */
static void drop_number(int fd)
{
	struct description *description = numbers[fd];

	numbers[fd] = NULL;
	if (--description->nr_numbers)
		return;
	for (int i = 0; i < nr_edges; i++)
		edges[i].is_drained |= edges[i].description == description;
	for (int i = 0; i < MAX_NUMBERS; i++) {
		if (registrations[i].description == description)
			registrations[i].description = NULL;
	}
}

/* One that is open, or -1. */
static int any_number(void)
{
	int nr = 0, pick;

	for (int fd = 0; fd < MAX_NUMBERS; fd++)
		nr += numbers[fd] != NULL;
	if (!nr)
		return -1;
	pick = any(nr);
	for (int fd = 0;; fd++) {
		if (numbers[fd] && !pick--)
			return fd;
	}
}

/* The peers are no concern of anybody: far away from the numbers that are used again. */
static int far_away(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, MAX_NUMBERS);

	MUST(moved >= 0);
	close(fd);
	return moved;
}

static void open_one(void)
{
	struct description *description = &descriptions[nr_descriptions];
	int ends[2] = { -1, -1 }, nr_open = 0;

	for (int fd = 0; fd < MAX_NUMBERS; fd++)
		nr_open += numbers[fd] != NULL;
	if (nr_open >= ENOUGH || nr_descriptions == MAX_DESCRIPTIONS)
		return;
	nr_descriptions++;
	description->kind = any(KINDS);
	if (description->kind == EVENT)
		ends[0] = new_event(any(2), 0);
	else if (description->kind == SEMAPHORE)
		ends[0] = new_event(any(3), EFD_SEMAPHORE);
	else if (description->kind == PIPE)
		MUST(!pipe2(ends, O_NONBLOCK));
	else
		MUST(!socketpair(AF_UNIX,
				 SOCK_NONBLOCK |
					 (description->kind == STREAM ? SOCK_STREAM : SOCK_DGRAM),
				 0, ends));
	description->peer = ends[1] < 0 ? -1 : far_away(ends[1]);
	put_number(ends[0], description);
}

static void dup_one(void)
{
	int fd = any_number(), over;

	if (fd < 0)
		return;
	over = any_number();
	if (any(3) || over == fd) {
		put_number(dup(fd), numbers[fd]);
		return;
	}
	MUST(dup2(fd, over) == over);
	drop_number(over);
	put_number(over, numbers[fd]);
}

static void close_one(void)
{
	int fd = any_number();

	if (fd < 0)
		return;
	close(fd);
	drop_number(fd);
}

/* ---- calls on descriptors -------------------------------------------------------------------- */

static void note_call(struct description *description)
{
	description->is_ignored = false;
}

static void note_read(struct description *description, size_t ask, ssize_t got)
{
	bool is_eagain = got < 0,
	     is_stream = description->kind == PIPE || description->kind == STREAM;
	bool is_draining =
		is_eagain || description->kind == EVENT || (is_stream && got < (ssize_t)ask);

	if (!description->is_known)
		return;
	note_call(description);
	description->is_residual = !is_draining;
	if (got >= 0) /* what still came was no end, even if one had been told */
		description->has_ended = is_stream && got == 0 && ask > 0;
	for (int i = 0; i < nr_edges; i++)
		edges[i].is_drained |= is_draining && edges[i].description == description;
	if (!description->is_unread)
		return;
	description->is_unread = false;
	description->told_in->first_reads++;
	description->told_in->spurious += is_eagain;
}

static void read_one(void)
{
	static const size_t asks[] = { 0, 1, 50, 100, 4096 };
	int fd = any_number();
	size_t ask;
	ssize_t got;

	if (fd < 0)
		return;
	ask = asks[any(5)];
	if (numbers[fd]->kind == EVENT || numbers[fd]->kind == SEMAPHORE)
		ask = 8;
	else if (numbers[fd]->kind == DATAGRAM)
		ask += 1;
	got = read(fd, bytes, ask);
	MUST(got >= 0 || errno == EAGAIN);
	note_read(numbers[fd], ask, got);
}

static void write_one(void)
{
	int fd = any_number();

	if (fd < 0 || numbers[fd]->peer == -2)
		return;
	switch (numbers[fd]->kind) {
	case EVENT:
	case SEMAPHORE:
		raise_by(fd, 1);
		break;
	case STREAM:
		give(fd, 10);
		break;
	default:
		return;
	}
	note_call(numbers[fd]);
	numbers[fd]->is_unwritten = false;
}

/* The other end takes what was written, and writes, or is closed once in a while. */
static void peer_acts(void)
{
	int fd = any_number(), peer;

	peer = fd < 0 ? -1 : numbers[fd]->peer;
	if (peer < 0)
		return;
	while (numbers[fd]->kind == STREAM && recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	if (any(20)) {
		MUST(write(peer, bytes, any(3) ? 100 : 50) > 0 || errno == EAGAIN);
		return;
	}
	close(peer);
	numbers[fd]->peer = -2;
}

/* ---- registrations --------------------------------------------------------------------------- */

static struct registration *find(struct row *row, int fd)
{
	for (int i = 0; i < MAX_NUMBERS; i++) {
		struct registration *registration = &registrations[i];

		if (registration->description == numbers[fd] && registration->row == row &&
		    registration->fd == fd)
			return registration;
	}
	return NULL;
}

static struct registration *free_registration(void)
{
	for (int i = 0; i < MAX_NUMBERS; i++) {
		if (!registrations[i].description)
			return &registrations[i];
	}
	MUST(!"room");
	return NULL;
}

static uint32_t any_mask(void)
{
	static const uint32_t triggers[] = {
		0, 0, EPOLLET, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT
	};
	static const uint32_t masks[] = { EPOLLIN, EPOLLIN, EPOLLIN, EPOLLIN | EPOLLOUT, EPOLLOUT };

	return masks[any(5)] | triggers[any(6)];
}

/* One of its own, mostly. */
static uint64_t any_data(void)
{
	return any(12) ? ++last_data : last_data;
}

static void register_one(void)
{
	struct row *row = sets[any(SETS)];
	struct registration *registration;
	int fd = any_number();

	if (fd < 0)
		return;
	registration = find(row, fd);
	if (registration && any(3))
		return;
	if (registration) {
		del(row->set, fd);
		registration->description = NULL;
	} else {
		registration = free_registration();
		*registration =
			(struct registration){ row, numbers[fd], fd, any_mask(), any_data() };
		add(row->set, fd, registration->mask, registration->data);
		registration->mask |= ALWAYS;
		numbers[fd]->is_known = true;
	}
	note_call(numbers[fd]);
}

/* What the kernel holds: of a ONESHOT whose data another one has, only it knows which has fired. */
static uint32_t held_mask(const struct registration *registration, int fd)
{
	char path[32], line[128];
	unsigned long long data;
	unsigned int mask;
	FILE *file;
	int tfd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", registration->row->set);
	file = fopen(path, "r");
	MUST(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "tfd: %d events: %x data: %llx", &tfd, &mask, &data) == 3 &&
		    tfd == fd && data == registration->data)
			break;
	}
	fclose(file);
	return mask;
}

static void change_one(void)
{
	struct row *row = sets[any(SETS)];
	struct registration *registration;
	uint32_t mask;
	uint64_t data;
	int fd = any_number();

	registration = fd < 0 ? NULL : find(row, fd);
	if (!registration)
		return;
	if (registration->mask & EPOLLONESHOT)
		registration->mask = held_mask(registration, fd);
	mask = any(2) ? registration->mask : any_mask();
	data = any(3) ? registration->data : any_data();
	if (any(2))
		mask &= ~ALWAYS; /* the kernel adds them */
	mod(row->set, fd, mask, data);
	note_call(numbers[fd]);
	nr_mods++;
	mask |= ALWAYS;
	nr_unchanged += mask == registration->mask && data == registration->data;
	registration->mask = mask;
	registration->data = data;
}

/* ---- waits ----------------------------------------------------------------------------------- */

static struct registration *traced(const struct row *row, uint64_t data)
{
	struct registration *found = NULL;

	for (int i = 0; i < MAX_NUMBERS; i++) {
		struct registration *registration = &registrations[i];

		if (!registration->description || registration->row != row ||
		    registration->data != data)
			continue;
		if (found)
			return NULL;
		found = registration;
	}
	return found;
}

static void note_level(struct row *row, struct registration *registration, uint32_t bits)
{
	struct description *description = registration->description;

	row->level++;
	row->redelivered += description->is_ignored;
	row->redelivered_in += description->is_ignored && bits & EPOLLIN;
	row->idle_out += description->is_unwritten && bits == EPOLLOUT;
	row->residual += description->is_residual && bits & EPOLLIN;
}

static void note_edge(struct row *row, struct description *description, uint32_t bits)
{
	row->edge++;
	if (bits & EPOLLIN)
		edges[nr_edges++] = (struct edge){ row, this_thread, description, false };
}

static void note_delivery(struct row *row, const struct epoll_event *event)
{
	struct registration *registration = traced(row, event->data.u64);
	struct description *description;

	if (!registration) {
		row->unattributed++;
		return;
	}
	description = registration->description;
	row->oneshot += (registration->mask & EPOLLONESHOT) != 0;
	row->in += (event->events & EPOLLIN) != 0;
	row->out += (event->events & EPOLLOUT) != 0;
	row->err += (event->events & EPOLLERR) != 0;
	row->hup += (event->events & EPOLLHUP) != 0;
	if (event->events & (EPOLLERR | EPOLLHUP) ||
	    (description->has_ended && event->events & EPOLLIN)) {
		row->ignored_hangup += description->has_ended;
		description->has_ended = true;
	}
	row->phantom += description->is_ignored && numbers[registration->fd] != description;
	if (registration->mask & EPOLLET)
		note_edge(row, description, event->events);
	else
		note_level(row, registration, event->events);
	description->is_ignored = true;
	description->is_unwritten |= (event->events & EPOLLOUT) != 0;
	if (event->events & EPOLLIN) {
		description->is_unread = true;
		description->told_in = row;
	}
	if (registration->mask & EPOLLONESHOT)
		registration->mask &= EPOLLET | EPOLLONESHOT;
}

/* What this thread was handed by the set before and did not drain. */
static void end_batch(struct row *row)
{
	int kept = 0;

	for (int i = 0; i < nr_edges; i++) {
		if (edges[i].row == row && edges[i].thread == this_thread)
			row->edge_undrained += !edges[i].is_drained;
		else
			edges[kept++] = edges[i];
	}
	nr_edges = kept;
}

static void wait_on_one(void)
{
	static const int asks[] = { 1, 2, 5, 64 };
	struct row *row = sets[any(SETS)];
	int nr;

	end_batch(row);
	nr = epoll_wait(row->set, events, asks[any(4)], 0);
	MUST(nr >= 0);
	row->returns++;
	row->is_used[this_thread] = true;
	for (int i = 0; i < nr; i++)
		note_delivery(row, &events[i]);
}

/* ---- the walk -------------------------------------------------------------------------------- */

static void make_set(int i)
{
	MUST(nr_rows < MAX_ROWS);
	sets[i] = &rows[nr_rows++];
	sets[i]->set = far_away(new_set());
}

/* What the kernel has of it, to see that we have the same. */
static int nr_standing(const struct row *row)
{
	char path[64], line[256];
	int nr = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", row->set);
	file = fopen(path, "r");
	MUST(file);
	while (fgets(line, sizeof(line), file))
		nr += !strncmp(line, "tfd:", 4);
	fclose(file);
	return nr;
}

/* How its registrations stand, at the end or when it is closed. */
static void note_standing(struct row *row)
{
	for (int i = 0; i < MAX_NUMBERS; i++) {
		if (!registrations[i].description || registrations[i].row != row)
			continue;
		row->stands_level += !(registrations[i].mask & EPOLLET);
		row->stands_edge += (registrations[i].mask & EPOLLET) != 0;
		row->stands_oneshot += (registrations[i].mask & EPOLLONESHOT) != 0;
	}
	MUST(nr_standing(row) == row->stands_level + row->stands_edge);
}

static void close_a_set(void)
{
	int i = any(SETS);

	if (any(60) || nr_rows == MAX_ROWS)
		return;
	note_standing(sets[i]);
	close(sets[i]->set);
	for (int n = 0; n < MAX_NUMBERS; n++) {
		if (registrations[n].row == sets[i])
			registrations[n].description = NULL;
	}
	make_set(i);
}

static void set_up_step(void)
{
	static void (*const steps[])(void) = { open_one,  open_one,	dup_one,
					       close_one, register_one, register_one };

	steps[any(6)]();
}

static void step(void)
{
	static void (*const steps[])(void) = {
		open_one,     open_one,	    dup_one,	  close_one,   close_one,   close_a_set,
		register_one, register_one, register_one, change_one,  change_one,  read_one,
		read_one,     read_one,	    write_one,	  write_one,   peer_acts,   peer_acts,
		peer_acts,    wait_on_one,  wait_on_one,  wait_on_one, wait_on_one, wait_on_one,
	};

	steps[any(sizeof(steps) / sizeof(*steps))]();
}

static void say_row(const struct row *row)
{
	char standing[128] =
		"registrations.level=* registrations.edge=* registrations.oneshot=*"; /* closed */

	if (row == sets[0] || row == sets[1] || row == sets[2])
		snprintf(standing, sizeof(standing),
			 "registrations.level=%d registrations.edge=%d registrations.oneshot=%d",
			 row->stands_level, row->stands_edge, row->stands_oneshot);
	THREADS_ROW(row->set, row->is_used[0] + row->is_used[1],
		    "%s returns=%u deliveries.level=%u deliveries.edge=%u deliveries.oneshot=%u "
		    "deliveries.in=%u deliveries.out=%u deliveries.err=%u deliveries.hup=%u "
		    "redelivered=%u redelivered_in=%u idle_out=%u residual=%u spurious=%u "
		    "edge_undrained=%u phantom=%u unattributed=%u first_reads=%u ignored_hangup=%u",
		    standing, row->returns, row->level, row->edge, row->oneshot, row->in, row->out,
		    row->err, row->hup, row->redelivered, row->redelivered_in, row->idle_out,
		    row->residual, row->spurious, row->edge_undrained, row->phantom,
		    row->unattributed, row->first_reads, row->ignored_hangup);
}

/* Who comes late does not know what was watched and is no more. */
static void forget_the_unwatched(void)
{
	for (int i = 0; i < nr_descriptions; i++)
		descriptions[i].is_known = false;
	for (int i = 0; i < MAX_NUMBERS; i++) {
		if (registrations[i].description)
			registrations[i].description->is_known = true;
	}
}

static void walk(void)
{
	seed = atoi(strrchr(current->name, '_') + 1) * 7919;
	second = new_helper();
	for (int i = 0; i < SETS; i++)
		make_set(i);
	for (int i = 0; i < SETUP_STEPS; i++)
		set_up_step();
	if (is_late)
		forget_the_unwatched();
	begin();
	for (int i = 0; i < STEPS; i++) {
		this_thread = any(2);
		if (this_thread)
			in_thread(second, step);
		else
			step();
	}
	for (int i = 0; i < SETS; i++)
		note_standing(sets[i]);
	for (int i = 0; i < nr_rows; i++) {
		if (rows[i].returns)
			say_row(&rows[i]);
	}
	KEY("epoll_ctl.mod=%d", nr_mods);
	KEY("epoll_ctl.mod_unchanged=%d", nr_unchanged);
}

/* clang-format off */
#define WALK(n) { .name = "walk_" #n, .run = walk }

static const struct shape shapes[] = {
	WALK(1), WALK(2), WALK(3), WALK(4),  WALK(5),  WALK(6),
	WALK(7), WALK(8), WALK(9), WALK(10), WALK(11), WALK(12),
};

int main(int argc, char **argv)
{
	return direct(shapes, sizeof(shapes) / sizeof(*shapes), argc, argv);
}
