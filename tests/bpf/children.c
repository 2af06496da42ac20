/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Children and what they share with a test; calls that many tests make. */
#include "harness.h"

#include "source/trial.h"

#include <dirent.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define DEADLINE_NS 10000000000ULL /* for what takes microseconds on an idle machine */

unsigned int patience(void)
{
	const char *factor = getenv("FDSCOPE_PATIENCE");

	return factor && atoi(factor) > 0 ? atoi(factor) : 1;
}

bool counts_watched_by_epoll(void)
{
	static int counts = -1;

	if (counts < 0)
		counts = trial_counts_registrations();
	return counts;
}

void *shared_alloc(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

pid_t start_child(void (*act)(void *context), void *context)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(20 * patience());
	act(context);
	_exit(0);
}

void wait_child(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

void kill_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

pid_t run_child(void (*act)(void *context), void *context)
{
	pid_t pid = start_child(act, context);

	wait_child(pid);
	return pid;
}

struct traced {
	uint32_t is_prepared, may_act;
	void (*prepare)(void *context);
	void (*act)(void *context);
	void *context;
};

static void act_when_traced(void *context)
{
	struct traced *traced = context;

	must(close_range(STDERR_FILENO + 1, ~0U, 0), "close_range");
	if (traced->prepare)
		traced->prepare(traced->context);
	raise_to(&traced->is_prepared, 1);
	await(&traced->may_act, 1);
	traced->act(traced->context);
}

struct tracer *start_traced(const struct probe_limits *limits, void (*prepare)(void *context),
			    void (*act)(void *context), void *context, pid_t *pid)
{
	const struct probe_options options = { .limits = *limits };
	struct tracer *tracer = tracer_load(&options);
	struct traced *traced = shared_alloc(sizeof(*traced));

	*traced = (struct traced){ .prepare = prepare, .act = act, .context = context };
	*pid = start_child(act_when_traced, traced);
	await(&traced->is_prepared, 1);
	assert_int_equal(probes_add_target(tracer_probes(tracer), *pid), 0);
	tracer_go_live(tracer);
	begin(tracer);
	raise_to(&traced->may_act, 1);
	return tracer;
}

void require(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "child %d: %s: %s\n", getpid(), what, strerror(errno));
	_exit(1);
}

void raise_to(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void await(uint32_t *word, uint32_t value)
{
	const struct timespec deadline = { .tv_sec = DEADLINE_NS / 1000000000 * patience() };
	uint32_t now;

	while ((now = __atomic_load_n(word, __ATOMIC_SEQ_CST)) < value) {
		if (syscall(SYS_futex, word, FUTEX_WAIT, now, &deadline, NULL, 0) &&
		    errno == ETIMEDOUT) {
			fprintf(stderr, "%d: nobody raised the word to %u\n", getpid(), value);
			abort();
		}
	}
}

/* What /proc tells of the thread under @name; @text ends with NUL. */
static void read_proc(pid_t tid, const char *name, char *text, size_t bytes)
{
	char path[64];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	fd = must(open(path, O_RDONLY | O_CLOEXEC), path);
	len = must(read(fd, text, bytes - 1), path);
	close(fd);
	text[len] = '\0';
}

static bool is_in_state(pid_t tid, char state)
{
	char text[1024], *after_name;

	read_proc(tid, "stat", text, sizeof(text));
	after_name = strrchr(text, ')');
	return after_name && after_name[1] && after_name[2] == state;
}

/*
 * The state is asked first: "syscall" alone also tells the last call of a
 * thread that is being woken, neither running nor asleep, on its way to the next.
 */
static void await_state_in(pid_t tid, char state, long nr)
{
	uint64_t deadline = now_ns() + DEADLINE_NS * patience();
	char text[256];

	do {
		if (is_in_state(tid, state)) {
			read_proc(tid, "syscall", text, sizeof(text));
			if (text[0] != 'r' && strtol(text, NULL, 10) == number_made(nr))
				return;
		}
		sched_yield();
	} while (now_ns() < deadline);
	fprintf(stderr, "%d: thread %d was never %c in system call %ld\n", getpid(), tid, state,
		nr);
	abort();
}

void await_sleep_in(pid_t tid, long nr)
{
	await_state_in(tid, 'S', nr);
}

void await_lock_in(pid_t tid, long nr)
{
	await_state_in(tid, 'D', nr);
}

void await_end(pid_t tid)
{
	uint64_t deadline = now_ns() + DEADLINE_NS * patience();

	while (!syscall(SYS_tgkill, getpid(), tid, 0)) {
		if (now_ns() >= deadline) {
			fprintf(stderr, "%d: thread %d never ended\n", getpid(), tid);
			abort();
		}
		sched_yield();
	}
}

/* ---- calls ---- */

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void interrupt(int signal)
{
	(void)signal;
}

timer_t start_interrupting(void)
{
	const struct sigaction action = { .sa_handler = interrupt }; /* no SA_RESTART */
	const struct itimerspec millisecond = {
		.it_value.tv_nsec = 1000000,
		.it_interval.tv_nsec = 1000000,
	};
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR1,
		._sigev_un._tid = gettid(),
	};
	timer_t timer;

	sigaction(SIGUSR1, &action, NULL);
	must(timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create");
	must(timer_settime(timer, 0, &millisecond, NULL), "timer_settime");
	return timer;
}

void stop_interrupting(timer_t timer)
{
	must(timer_delete(timer), "timer_delete");
}

int must(int result, const char *what)
{
	if (result >= 0)
		return result;
	fprintf(stderr, "%d: %s: %s\n", getpid(), what, strerror(errno));
	abort();
}

int new_eventfd(void)
{
	return must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
}

int new_epoll(void)
{
	return must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
}

void watch(int epfd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = fd };

	must(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "EPOLL_CTL_ADD");
}

void rewatch(int epfd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = fd };

	must(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event), "EPOLL_CTL_MOD");
}

/* In a child, too: what is not as it must be ends the process, not the test. */
static void must_be(ssize_t result, ssize_t expected, const char *what)
{
	if (result == expected)
		return;
	fprintf(stderr, "%d: %s: %zd, not %zd\n", getpid(), what, result, expected);
	abort();
}

void wait_for(int epfd, int nr)
{
	struct epoll_event events[64];

	must_be(syscall(SYS_epoll_wait, epfd, events, ARRAY_SIZE(events), 0), nr, "epoll_wait");
}

void put(int fd, size_t bytes)
{
	static const char block[4096] = { 1 }; /* an eventfd adds a number, which must not be 0 */

	must_be(write(fd, block, bytes), bytes, "write");
}

void take(int fd, size_t asked, ssize_t got)
{
	char block[4096];

	must_be(read(fd, block, asked), got, "read");
}

void set_blocking(int fd, bool is_blocking)
{
	int flags = must(fcntl(fd, F_GETFL), "fcntl");

	must(fcntl(fd, F_SETFL, is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK), "fcntl");
}

size_t count_fds_of(pid_t pid)
{
	char path[64];
	size_t nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		nr += entry->d_name[0] != '.';
	closedir(dir);
	return pid == getpid() ? nr - 1 : nr; /* the directory's own */
}
