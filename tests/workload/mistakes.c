/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mistakes.c - the mistakes that findings are for, in shapes unlike the reference
 * server's, and programs that look like them and make none. Each waits for the
 * tool (hold()), goes on until it is ended, and has what it talks to in a process
 * that is no target. In the drawings t is a thread, s an epoll instance, c a
 * connection.
 */
#include <poll.h>
#include <sys/select.h>

#include "acts.h"

#define PEERS		 8
#define PATIENCE_SECONDS 20

static int near[PEERS], far[PEERS]; /* the ends of connections: ours, and the peer's */

/* ---- what the shapes are made of ------------------------------------------------------------- */

static void pause_ms(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* Sleeps until something is ready. */
static int wait_on(int set, struct epoll_event *ready, int max)
{
	int nr = epoll_wait(set, ready, max, -1);

	MUST(nr > 0);
	return nr;
}

static void new_pairs(int nr)
{
	for (int i = 0; i < nr; i++) {
		int ends[2];

		MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
		near[i] = ends[0];
		far[i] = ends[1];
	}
}

static int go[2];

/*
 * Holds, with our parent as a peer, who is no target: it does @act once let_peer_go() was called,
 * and then nothing. It has the far ends for itself, and none of the near ones.
 */
static void hold_with_peer(void (*act)(void), int nr)
{
	pid_t pid;
	char byte;

	MUST(!pipe(go));
	pid = fork();
	MUST(pid >= 0);
	if (pid) {
		close(go[1]);
		for (int i = 0; i < nr; i++)
			close(near[i]);
		if (read(go[0], &byte, 1) == 1)
			act();
		for (;;)
			pause();
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(go[0]);
	for (int i = 0; i < nr; i++)
		close(far[i]);
	end_after(PATIENCE_SECONDS); /* a child has none */
	hold();
}

static void let_peer_go(void)
{
	MUST(write(go[1], "g", 1) == 1);
}

static void no_peer(void)
{
}

static void start_thread(void *(*run)(void *))
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, run, NULL));
}

/* ---- edge-undrained -------------------------------------------------------------------------- */

#define FRAME_BYTES  16
#define HEADER_BYTES 4

/* To each connection, three frames at once. */
static void send_frames(void)
{
	for (int i = 0; i < PEERS; i++)
		MUST(write(far[i], bytes, 3 * FRAME_BYTES) == 3 * FRAME_BYTES);
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (et)
 *	c0 ... c7, each with three frames
 *
 * As protocol libraries do: the length, then so many bytes, and that was a message. What stands
 * behind it is seen when the next one comes, if one does.
 */
static void one_frame_an_edge(void)
{
	int set = new_set();

	new_pairs(PEERS);
	for (int i = 0; i < PEERS; i++)
		add(set, near[i], EPOLLIN | EPOLLET, i);
	hold_with_peer(send_frames, PEERS);
	let_peer_go();
	for (;;) {
		int nr = wait_on(set, events, PEERS);

		for (int i = 0; i < nr; i++) {
			int fd = near[events[i].data.u64];

			MUST(recv(fd, bytes, HEADER_BYTES, MSG_WAITALL) == HEADER_BYTES);
			MUST(recv(fd, bytes, FRAME_BYTES - HEADER_BYTES, MSG_WAITALL) ==
			     FRAME_BYTES - HEADER_BYTES);
		}
	}
}

/* ---- ignored-readiness ----------------------------------------------------------------------- */

static int shared_set;
static volatile unsigned long ticks;

static void *count_ticks(void *unused)
{
	struct epoll_event event;

	(void)unused;
	for (;;) {
		wait_on(shared_set, &event, 1);
		ticks++;
	}
	return NULL;
}

/*
 *	t0  t1
 *	  \ |
 *	   s0
 *	    | (lt)
 *	   a timer, every 100 ms
 *
 * The callback does what is due and never reads how often it is.
 */
static void a_timer_nobody_reads(void)
{
	struct itimerspec spec = { .it_value.tv_nsec = 100000000,
				   .it_interval.tv_nsec = 100000000 };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	shared_set = new_set();
	add(shared_set, timer, EPOLLIN, (uintptr_t)count_ticks);
	hold();
	MUST(!timerfd_settime(timer, 0, &spec, NULL));
	start_thread(count_ticks);
	count_ticks(NULL);
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	s1
 *	 | (lt)
 *	an eventfd, raised
 *
 * One loop inside another, and nobody turns the inner one.
 */
static void a_nested_instance_nobody_waits_on(void)
{
	int set = new_set(), inner = new_set(), raised = eventfd(1, EFD_NONBLOCK);
	struct epoll_event event;

	add(inner, raised, EPOLLIN, raised);
	add(set, inner, EPOLLIN, inner);
	hold();
	for (;;)
		wait_on(set, &event, 1);
}

/* ---- phantom-event --------------------------------------------------------------------------- */

static void send_something(void)
{
	MUST(write(far[0], bytes, 100) == 100);
}

static void hang_up(void)
{
	close(far[0]);
}

/* A loop that knows nobody by that name any more. */
static void look_for_nobody(int set)
{
	struct epoll_event event;

	for (;;) {
		wait_on(set, &event, 1);
		MUST(event.data.u64 == 1);
	}
}

/*
 *	t0	       a child, for something else
 *	 |	        |
 *	s0	       s0
 *	 | (lt)         | (lt)
 *	c0 (closed)    c0
 */
static void closed_here_and_kept_by_a_child(void)
{
	int set = new_set();

	new_pairs(1);
	add(set, near[0], EPOLLIN, 1);
	hold_with_peer(send_something, 1);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	close(near[0]);
	let_peer_go();
	look_for_nobody(set);
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt)
 *	c0 (closed)   dup(c0), in a library's hands
 */
static void closed_here_and_kept_by_a_dup(void)
{
	int set = new_set();

	new_pairs(1);
	add(set, near[0], EPOLLIN | EPOLLRDHUP, 1);
	MUST(dup(near[0]) >= 0);
	hold_with_peer(hang_up, 1);
	close(near[0]);
	let_peer_go();
	look_for_nobody(set);
}

/* ---- idle-write-interest --------------------------------------------------------------------- */

/*
 *	t0
 *	 |
 *	poll
 *	 | (IN OUT)
 *	c0 ... c7, with nothing to send
 */
static void out_of_habit_in_poll(void)
{
	struct pollfd entries[PEERS];

	new_pairs(PEERS);
	for (int i = 0; i < PEERS; i++)
		entries[i] = (struct pollfd){ near[i], POLLIN | POLLOUT, 0 };
	hold_with_peer(no_peer, PEERS);
	for (;;) {
		MUST(poll(entries, PEERS, -1) == PEERS);
		for (int i = 0; i < PEERS; i++)
			MUST(entries[i].revents == POLLOUT);
	}
}

/* ---- ignored-hangup -------------------------------------------------------------------------- */

/*
 *	t0
 *	 |
 *	select
 *	 |
 *	c0, whose peer is gone	c1, quiet
 *
 * Reading says the end each time, and each time it is taken for nothing yet.
 */
static void an_end_taken_for_nothing_yet_in_select(void)
{
	new_pairs(2);
	hold_with_peer(hang_up, 2);
	let_peer_go();
	for (;;) {
		fd_set in;

		FD_ZERO(&in);
		FD_SET(near[0], &in);
		FD_SET(near[1], &in);
		MUST(select(near[1] + 1, &in, NULL, NULL, NULL) == 1);
		MUST(FD_ISSET(near[0], &in) && read(near[0], bytes, 4096) == 0);
	}
}

static void shut_down(void)
{
	MUST(!shutdown(far[0], SHUT_WR));
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt: RDHUP)
 *	c0, whose peer has said all it had to say
 *
 * It is not read from for the time being, and the half-close is of no interest then.
 */
static void a_half_close_of_no_interest(void)
{
	struct epoll_event event;
	int set = new_set();

	new_pairs(1);
	add(set, near[0], EPOLLRDHUP, 1);
	hold_with_peer(shut_down, 1);
	let_peer_go();
	for (;;)
		wait_on(set, &event, 1);
}

/* ---- herd ------------------------------------------------------------------------------------ */

#define HERD 4

static int listener;
static union any_address address;
static socklen_t address_size;

static void come_and_go(void)
{
	close(listener);
	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
			return;		       /* the other end has been ended */
		MUST(read(fd, bytes, 1) <= 0); /* until it is served, that is: closed */
		close(fd);
		pause_ms(2);
	}
}

static void *accept_own(void *unused)
{
	struct epoll_event event;
	int set = new_set();

	(void)unused;
	add(set, listener, EPOLLIN, listener);
	for (;;) {
		uint64_t until;

		wait_on(set, &event, 1);
		/* Something to do first, so that all who were woken find that there is something. */
		for (until = now_ns() + 200000; now_ns() < until;)
			;
		close(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	}
	return NULL;
}

/*
 *	t0  t1  t2  t3
 *	 |   |   |   |
 *	s0  s1  s2  s3
 *	  \  \  /  / (lt)
 *	   a listener
 *
 * A loop for each thread, and one listener in all of them.
 */
static void a_listener_in_every_threads_loop(void)
{
	listener = new_listener(AF_INET, &address, &address_size);
	hold_with_peer(come_and_go, 0);
	let_peer_go();
	for (int i = 1; i < HERD; i++)
		start_thread(accept_own);
	accept_own(NULL);
}

/* ---- no mistakes ----------------------------------------------------------------------------- */

static int queue[2]; /* numbers of connections with something to read */

static void send_and_pause(void)
{
	for (;;) {
		for (int i = 0; i < PEERS; i++) {
			MUST(write(far[i], bytes, 1000) == 1000);
			pause_ms(3);
		}
	}
}

static void *drain_what_is_handed_over(void *unused)
{
	int fd;

	(void)unused;
	for (;;) {
		MUST(read(queue[0], &fd, sizeof(fd)) == sizeof(fd));
		while (read(fd, bytes, 512) > 0)
			;
		MUST(errno == EAGAIN);
	}
	return NULL;
}

/*
 *	t0  t1
 *	 |   |
 *	s0   |
 *	 \   | (et)
 *	  c0 ... c7
 *
 * t0 waits, t1 reads: t0 is in its next wait long before.
 */
static void an_edge_handed_over_to_another_thread(void)
{
	int set = new_set();

	new_pairs(PEERS);
	MUST(!pipe(queue));
	for (int i = 0; i < PEERS; i++)
		add(set, near[i], EPOLLIN | EPOLLET, near[i]);
	hold_with_peer(send_and_pause, PEERS);
	let_peer_go();
	start_thread(drain_what_is_handed_over);
	for (;;) {
		int nr = wait_on(set, events, PEERS);

		for (int i = 0; i < nr; i++) {
			int fd = events[i].data.fd;

			MUST(write(queue[1], &fd, sizeof(fd)) == sizeof(fd));
		}
	}
}

static void *serve_oneshot(void *unused)
{
	struct epoll_event event;

	(void)unused;
	for (;;) {
		int fd;

		wait_on(shared_set, &event, 1);
		fd = event.data.fd;
		MUST(read(fd, bytes, 4096) > 0);
		event = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.fd = fd };
		MUST(!epoll_ctl(shared_set, EPOLL_CTL_MOD, fd, &event));
	}
	return NULL;
}

/*
 *	t0  t1  t2
 *	  \  | /
 *	    s0
 *	     | (lt, oneshot)
 *	c0 ... c7
 */
static void oneshots_served_by_several_threads(void)
{
	shared_set = new_set();
	new_pairs(PEERS);
	for (int i = 0; i < PEERS; i++)
		add(shared_set, near[i], EPOLLIN | EPOLLONESHOT, near[i]);
	hold_with_peer(send_and_pause, PEERS);
	let_peer_go();
	start_thread(serve_oneshot);
	start_thread(serve_oneshot);
	serve_oneshot(NULL);
}

/* A slow reader: there is always room soon, and always more to send. */
static void read_slowly(void)
{
	for (;;) {
		if (read(far[0], bytes, sizeof(bytes)) <= 0)
			pause_ms(1);
	}
}

/*
 *	t0
 *	 |
 *	s0
 *	 | (lt: IN OUT)
 *	c0, with more to send than it takes
 *
 * OUT is what it waits for, and each time it writes.
 */
static void out_with_something_to_send(void)
{
	struct epoll_event event;
	int set = new_set();

	new_pairs(1);
	add(set, near[0], EPOLLIN | EPOLLOUT, 1);
	hold_with_peer(read_slowly, 1);
	let_peer_go();
	for (;;) {
		wait_on(set, &event, 1);
		MUST(write(near[0], bytes, sizeof(bytes)) > 0);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} mistakes[] = {
	{ "one-frame-an-edge", one_frame_an_edge },
	{ "a-timer-nobody-reads", a_timer_nobody_reads },
	{ "a-nested-instance-nobody-waits-on", a_nested_instance_nobody_waits_on },
	{ "closed-here-and-kept-by-a-child", closed_here_and_kept_by_a_child },
	{ "closed-here-and-kept-by-a-dup", closed_here_and_kept_by_a_dup },
	{ "out-of-habit-in-poll", out_of_habit_in_poll },
	{ "an-end-taken-for-nothing-yet-in-select", an_end_taken_for_nothing_yet_in_select },
	{ "a-half-close-of-no-interest", a_half_close_of_no_interest },
	{ "a-listener-in-every-threads-loop", a_listener_in_every_threads_loop },
	{ "an-edge-handed-over-to-another-thread", an_edge_handed_over_to_another_thread },
	{ "oneshots-served-by-several-threads", oneshots_served_by_several_threads },
	{ "out-with-something-to-send", out_with_something_to_send },
};

int main(int argc, char **argv)
{
	MUST(argc == 2);
	end_after(PATIENCE_SECONDS);
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		if (!strcmp(argv[1], mistakes[i].name))
			mistakes[i].run();
	}
	MUST(!"a mistake I know");
}
