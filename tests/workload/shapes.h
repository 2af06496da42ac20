/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What programs made of shapes share. A shape is a function that sets up epoll
 * instances and descriptors, calls begin(), makes the kernel do exactly known
 * things, and says what the tool must show of it. Each runs in a process of its
 * own, one after the other, and stays until all have been looked at.
 *
 *	PROGRAM early [SHAPE...]	the tool is there before anything is set up
 *	PROGRAM late [SHAPE...]		all shapes stand in begin() when it attaches
 *
 * Output: `pid=` as hold() does; `targets=PID[,PID...]`, then a byte is read;
 * for each shape `shape NAME PID` and
 *
 *	row PID KEY=VALUE ...	a row of PID's `epolls`, by the names of the profile and
 *				whole: what is not named is 0. A histogram is its sum.
 *	key PID KEY=VALUE	another number of PID's
 *	same PID EPFD PID EPFD	both are one instance
 *
 * and `end`, after which the next byte ends it.
 */
#ifndef SHAPES_H
#define SHAPES_H

#include "acts.h"

#define MAX_SHAPES 64 /* processes that can be named to the tool at once */
#define SHAPE_FDS  3  /* descriptors a shape can take with it through exec */

struct shape {
	const char *name;
	void (*run)(void);
	void (*run_after_exec)(int, int, int); /* or NULL */
};

/* clang-format off */
#define SHAPE(function) { .name = #function, .run = function }
/* clang-format on */

static bool is_late;
static int to_director;

/* What follows is seen by the tool; what came before is if it was there early. */
static inline void begin(void)
{
	if (!is_late)
		return;
	say(to_director);
	MUST(hear(to_director));
}

/* ---- what must be shown ---------------------------------------------------------------------- */

#define ROW(set, text, ...)	       row_of(getpid(), set, 1, text, ##__VA_ARGS__)
#define THREADS_ROW(set, n, text, ...) row_of(getpid(), set, n, text, ##__VA_ARGS__)

static inline void __attribute__((format(printf, 4, 5)))
row_of(pid_t pid, int set, int threads, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	MUST(vsnprintf(text, sizeof(text), format, args) < (int)sizeof(text));
	va_end(args);
	expect("row %d epfd=%d threads=%d %s", pid, set, threads, text);
}

#define KEY(text, ...) expect("key %d " text, getpid(), ##__VA_ARGS__)

/* ---- exec ------------------------------------------------------------------------------------ */

static const struct shape *current;

/* The shape's other half, in a new image of this program. What was expected is to be said there. */
static inline void go_on_after_exec(int a, int b, int c)
{
	char numbers[SHAPE_FDS + 1][16];

	snprintf(numbers[0], sizeof(numbers[0]), "%d", to_director);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", a);
	snprintf(numbers[2], sizeof(numbers[2]), "%d", b);
	snprintf(numbers[3], sizeof(numbers[3]), "%d", c);
	MUST(!fcntl(to_director, F_SETFD, 0));
	execl("/proc/self/exe", "after-exec", "after", current->name, numbers[0], numbers[1],
	      numbers[2], numbers[3], NULL);
	MUST(!"execl");
}

/* ---- the director ---------------------------------------------------------------------------- */

struct actor {
	const struct shape *shape;
	pid_t pid;
	int link;
};

static inline void act(const struct shape *shape, char **after)
{
	current = shape;
	expect("shape %s %d", shape->name, getpid());
	if (after)
		shape->run_after_exec(atoi(after[0]), atoi(after[1]), atoi(after[2]));
	else
		shape->run();
	MUST(write(STDOUT_FILENO, report_text, report_len) == (ssize_t)report_len);
	say(to_director);
	hear(to_director); /* until the director ends */
	_exit(0);
}

static inline void begin_actor(struct actor *actor)
{
	int links[2];

	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, links));
	actor->pid = fork();
	MUST(actor->pid >= 0);
	if (!actor->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(links[0]);
		to_director = links[1];
		act(actor->shape, NULL);
	}
	close(links[1]);
	actor->link = links[0];
}

static inline size_t choose(struct actor *actors, const struct shape *shapes, size_t nr_shapes,
			    char **names, int nr_names)
{
	size_t nr = 0;

	for (size_t i = 0; i < nr_shapes; i++) {
		bool is_chosen = !nr_names;

		for (int n = 0; n < nr_names; n++)
			is_chosen |= !strcmp(names[n], shapes[i].name);
		if (is_chosen && nr < MAX_SHAPES)
			actors[nr++].shape = &shapes[i];
	}
	return nr;
}

static inline void say_targets(const struct actor *actors, size_t nr)
{
	char line[MAX_SHAPES * PID_BYTES];
	int len = snprintf(line, sizeof(line), "targets=%d", is_late ? actors[0].pid : getpid());

	for (size_t i = 1; is_late && i < nr; i++)
		len += snprintf(line + len, sizeof(line) - len, ",%d", actors[i].pid);
	line[len++] = '\n';
	MUST(write(STDOUT_FILENO, line, len) == len);
}

static inline void read_byte(void)
{
	char go;

	MUST(read(STDIN_FILENO, &go, 1) == 1);
}

static inline int direct(const struct shape *shapes, size_t nr_shapes, int argc, char **argv)
{
	static struct actor actors[MAX_SHAPES];
	bool is_after_exec = argc > 1 && !strcmp(argv[1], "after");
	size_t nr;

	MUST(argc > 1);
	end_after(60);
	is_late = !strcmp(argv[1], "late");
	nr = choose(actors, shapes, nr_shapes, argv + 2, is_after_exec ? 1 : argc - 2);
	MUST(nr);
	if (is_after_exec) {
		to_director = atoi(argv[3]);
		act(actors[0].shape, argv + 4);
	}
	leave_a_stranger();
	for (size_t i = 0; is_late && i < nr; i++) {
		begin_actor(&actors[i]);
		MUST(hear(actors[i].link));
	}
	printf("pid=%-11d\n", getppid()); /* who was started: the stranger */
	fflush(stdout);
	say_targets(actors, nr);
	read_byte();
	for (size_t i = 0; i < nr; i++) {
		if (is_late)
			say(actors[i].link);
		else
			begin_actor(&actors[i]);
		MUST(hear(actors[i].link));
	}
	MUST(write(STDOUT_FILENO, "end\n", 4) == 4);
	read_byte();
	return 0;
}

#endif
