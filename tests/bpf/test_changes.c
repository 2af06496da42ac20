/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Registrations that epoll_ctl changes as they are told of something, and what comes after. */
#include "waiters.h"

#include <bpf/bpf.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGE	     4096
#define BPF_MAP_LINK "anon_inode:bpf-map"

/*
 * A thread that holds the lock of an instance: in epoll_wait, it writes an event
 * to memory that is not there until let_go().
 */
struct holder {
	struct waiter waiter;
	int epfd, fault, ready;
	void *page;
};

static int wait_into_page(void *context)
{
	struct holder *holder = context;

	return syscall(SYS_epoll_wait, holder->epfd, holder->page, 1, 0);
}

static void *missing_page(int fault)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register missing = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(page != MAP_FAILED);
	missing.range.start = (uintptr_t)page;
	missing.range.len = PAGE;
	must(ioctl(fault, UFFDIO_API, &api), "UFFDIO_API");
	must(ioctl(fault, UFFDIO_REGISTER, &missing), "UFFDIO_REGISTER");
	return page;
}

/* Ready to be told of one event, of a descriptor of its own. Skips the test where it cannot be. */
static void holder_start(struct holder *holder, int epfd)
{
	int fault = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fault < 0 && (errno == ENOSYS || errno == EPERM))
		skip();
	*holder = (struct holder){ .epfd = epfd, .fault = must(fault, "userfaultfd") };
	holder->page = missing_page(fault);
	holder->ready = new_eventfd();
	watch(epfd, holder->ready, EPOLLIN | EPOLLET);
	put(holder->ready, 8);
	waiter_start(&holder->waiter, wait_into_page, SYS_epoll_wait, holder);
}

static void let_go(struct holder *holder)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)holder->page, PAGE } };

	must(ioctl(holder->fault, UFFDIO_ZEROPAGE, &zero), "UFFDIO_ZEROPAGE");
	assert_int_equal(waiter_end(&holder->waiter), 1);
}

static void holder_close(struct holder *holder)
{
	munmap(holder->page, PAGE);
	close(holder->ready);
	close(holder->fault);
}

/* A thread that changes a registration into what it is, and then does what it is told to. */
struct changer {
	int epfd, fd;
	int stop;
	uint32_t tid, may_change, has_changed, may_go_on;
	void (*go_on)(struct changer *changer);
	pthread_t thread;
};

static void *change(void *context)
{
	struct changer *changer = context;

	raise_to(&changer->tid, gettid());
	await(&changer->may_change, 1);
	rewatch(changer->epfd, changer->fd, EPOLLIN | EPOLLET);
	raise_to(&changer->has_changed, 1);
	await(&changer->may_go_on, 1);
	if (changer->go_on)
		changer->go_on(changer);
	return NULL;
}

static void changer_start(struct changer *changer, int epfd, int fd)
{
	*changer = (struct changer){ .epfd = epfd, .fd = fd };
	assert_int_equal(pthread_create(&changer->thread, NULL, change, changer), 0);
	await(&changer->tid, 1);
}

static void changer_end(struct changer *changer)
{
	raise_to(&changer->may_go_on, 2);
	pthread_join(changer->thread, NULL);
}

/* What was told of the instance since begin(): how many filtered, coalesced, queued, unsettled. */
static void check_outcomes(struct tracer *tracer, int epfd, const uint64_t *expected)
{
	const __u64 *outcomes = epoll_of(own_process(tracer), epfd)->callbacks.outcomes;

	for (int i = 0; i < CALLBACK_OUTCOMES; i++)
		assert_int_equal(outcomes[i], expected[i]);
}

/* Nothing is going on: two writes, the first of which queues. */
static void check_quiet_writes(struct tracer *tracer, int epfd, int fd)
{
	struct epoll_event event;

	syscall(SYS_epoll_wait, epfd, &event, 1, 0);
	begin(tracer);
	put(fd, 8);
	put(fd, 8);
	wait_for(epfd, 1);
	end(tracer);
	check_outcomes(tracer, epfd, (uint64_t[]){ 0, 1, 1, 0 });
}

/*
 * The call waits for the instance's lock. The file stays registered: a second
 * descriptor has it open.
 */
static void what_is_told_while_epoll_ctl_waits_is_unsettled(struct tracer *tracer, bool is_closed)
{
	int epfd = new_epoll(), fd = new_eventfd(), kept;
	struct changer changer;
	struct holder holder;

	kept = must(dup(fd), "dup");
	watch(epfd, fd, EPOLLIN | EPOLLET);
	changer_start(&changer, epfd, fd);
	begin(tracer);
	holder_start(&holder, epfd);
	waiter_wait(&holder.waiter);
	raise_to(&changer.may_change, 1);
	await_lock_in(changer.tid, SYS_epoll_ctl);
	put(kept, 8);
	put(kept, 8);
	put(kept, 8);
	if (is_closed)
		close(fd);
	let_go(&holder);
	await(&changer.has_changed, 1);
	end(tracer);
	check_outcomes(tracer, epfd, (uint64_t[]){ 0, 0, 1, 3 }); /* the holder's is queued */
	check_quiet_writes(tracer, epfd, kept);
	changer_end(&changer);
	holder_close(&holder);
	close(epfd);
	close(kept);
	if (!is_closed)
		close(fd);
}

static void what_is_told_while_epoll_ctl_is_under_way_is_unsettled(void **state)
{
	needs(state, WAKEUPS_CALLBACKS);
	what_is_told_while_epoll_ctl_waits_is_unsettled(*state, false);
}

static void an_epoll_ctl_is_over_even_if_its_descriptor_is_closed_meanwhile(void **state)
{
	needs(state, WAKEUPS_CALLBACKS);
	what_is_told_while_epoll_ctl_waits_is_unsettled(*state, true);
}

/* ---- ends that were missed ---- */

/* The map of that name that this process has open; there is one. */
static int map_fd(const char *name)
{
	for (int fd = 0; fd < 1024; fd++) {
		char path[64], target[64] = "";
		struct bpf_map_info map = {};
		__u32 len = sizeof(map);

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) < 0 || strcmp(target, BPF_MAP_LINK))
			continue;
		must(bpf_obj_get_info_by_fd(fd, &map, &len), "bpf_obj_get_info_by_fd");
		if (!strcmp(map.name, name))
			return fd;
	}
	fail_msg("no map %s", name);
	return -1;
}

/* Who is changing what: the entry that a thread in epoll_ctl has made. */
struct entry {
	uint64_t task;
	uint32_t row;
};

static struct entry only_entry(void)
{
	int changes = map_fd("changes");
	struct entry entry;
	uint64_t next;

	must(bpf_map_get_next_key(changes, NULL, &entry.task), "the first of changes");
	must(bpf_map_lookup_elem(changes, &entry.task, &entry.row), "look it up");
	assert_int_equal(bpf_map_get_next_key(changes, &entry.task, &next), -ENOENT);
	return entry;
}

/* As it stands if the program at the end was left out. */
static void enter_again(const struct entry *entry)
{
	int registrations = map_fd("registrations");
	struct registration row;

	must(bpf_map_lookup_elem(registrations, &entry->row, &row), "look up the row");
	assert_int_equal(row.changing, 0);
	row.changing = 1;
	must(bpf_map_update_elem(registrations, &entry->row, &row, BPF_EXIST), "update the row");
	must(bpf_map_update_elem(map_fd("changes"), &entry->task, &entry->row, BPF_NOEXIST),
	     "enter it again");
}

/*
 * Makes the changer's epoll_ctl, which wants the lock that is held, one whose end
 * was missed: what is told is unsettled, until the thread is seen elsewhere.
 */
static void miss_end(struct tracer *tracer, struct changer *changer)
{
	struct holder holder;
	struct entry entry;

	holder_start(&holder, changer->epfd);
	waiter_wait(&holder.waiter);
	raise_to(&changer->may_change, 1);
	await_lock_in(changer->tid, SYS_epoll_ctl);
	entry = only_entry();
	let_go(&holder);
	await(&changer->has_changed, 1);
	enter_again(&entry);
	begin(tracer);
	put(changer->fd, 8);
	put(changer->fd, 8);
	wait_for(changer->epfd, 1);
	end(tracer);
	check_outcomes(tracer, changer->epfd, (uint64_t[]){ 0, 0, 0, 2 });
	holder_close(&holder);
}

static void changer_miss_end(struct tracer *tracer, struct changer *changer)
{
	int epfd = new_epoll(), fd = new_eventfd();

	watch(epfd, fd, EPOLLIN | EPOLLET);
	changer_start(changer, epfd, fd);
	miss_end(tracer, changer);
}

static void check_settled(struct tracer *tracer, const struct changer *changer)
{
	uint64_t task;

	check_quiet_writes(tracer, changer->epfd, changer->fd);
	assert_int_equal(bpf_map_get_next_key(map_fd("changes"), NULL, &task), -ENOENT);
}

static void changer_close(struct changer *changer)
{
	close(changer->epfd);
	close(changer->fd);
}

static void change_again(struct changer *changer)
{
	rewatch(changer->epfd, changer->fd, EPOLLIN | EPOLLET);
	raise_to(&changer->has_changed, 2);
	await(&changer->may_go_on, 2);
}

static void a_missed_end_is_made_up_for_by_the_next_epoll_ctl(void **state)
{
	struct changer changer;

	needs(state, WAKEUPS_CALLBACKS);
	changer_miss_end(*state, &changer);
	changer.go_on = change_again;
	begin(*state);
	raise_to(&changer.may_go_on, 1);
	await(&changer.has_changed, 2);
	end(*state);
	assert_true(profile_is_complete(profile_of(*state)));
	check_settled(*state, &changer);
	changer_end(&changer);
	changer_close(&changer);
}

static void wait_for_stop(struct changer *changer)
{
	struct pollfd polled = { .fd = changer->stop, .events = POLLIN };

	assert_int_equal(syscall(SYS_poll, &polled, 1, -1), 1);
}

static void a_missed_end_is_made_up_for_when_the_thread_sleeps(void **state)
{
	struct changer changer;

	needs(state, WAKEUPS_CALLBACKS | WAKEUPS_SLEEPS);
	changer_miss_end(*state, &changer);
	changer.stop = new_eventfd();
	changer.go_on = wait_for_stop;
	raise_to(&changer.may_go_on, 1);
	await_sleep_in(changer.tid, SYS_poll);
	check_settled(*state, &changer);
	put(changer.stop, 8);
	changer_end(&changer);
	close(changer.stop);
	changer_close(&changer);
}

static void a_missed_end_is_made_up_for_when_the_thread_ends(void **state)
{
	struct changer changer;

	needs(state, WAKEUPS_CALLBACKS);
	changer_miss_end(*state, &changer);
	changer_end(&changer);
	await_end(changer.tid);
	check_settled(*state, &changer);
	changer_close(&changer);
}

#define RIVALS	       7
#define RIVALS_CHANGES 3001

struct rivals {
	struct rival {
		struct rivals *all;
		pthread_t thread;
		pid_t tid;
		int fd;
	} of[RIVALS];
	pthread_barrier_t met;
	cpu_set_t cpu;
	int epfd;
};

static void *change_against_the_others(void *context)
{
	struct rival *rival = context;

	rival->tid = gettid();
	assert_int_equal(sched_setaffinity(0, sizeof(rival->all->cpu), &rival->all->cpu), 0);
	pthread_barrier_wait(&rival->all->met);
	for (int i = 0; i < RIVALS_CHANGES; i++)
		rewatch(rival->all->epfd, rival->fd, EPOLLIN | EPOLLET);
	return NULL;
}

/* All on one CPU, so that they end each other's turns wherever the tick finds them. */
static void change_on_one_cpu(struct rivals *rivals)
{
	CPU_ZERO(&rivals->cpu);
	CPU_SET(sched_getcpu(), &rivals->cpu);
	pthread_barrier_init(&rivals->met, NULL, RIVALS);
	rivals->epfd = new_epoll();
	for (int i = 0; i < RIVALS; i++) {
		struct rival *rival = &rivals->of[i];

		*rival = (struct rival){ .all = rivals, .fd = new_eventfd() };
		watch(rivals->epfd, rival->fd, EPOLLIN | EPOLLET);
		assert_int_equal(
			pthread_create(&rival->thread, NULL, change_against_the_others, rival), 0);
	}
	for (int i = 0; i < RIVALS; i++) {
		pthread_join(rivals->of[i].thread, NULL);
		await_end(rivals->of[i].tid);
	}
}

/* Where programs run preemptibly, ends are missed here indeed. */
static void threads_that_preempt_each_other_leave_nothing_behind(void **state)
{
	struct rivals rivals;

	needs(state, WAKEUPS_CALLBACKS);
	change_on_one_cpu(&rivals);
	begin(*state);
	for (int i = 0; i < RIVALS; i++)
		put(rivals.of[i].fd, 8);
	wait_for(rivals.epfd, RIVALS);
	end(*state);
	check_outcomes(*state, rivals.epfd, (uint64_t[]){ 0, 0, RIVALS, 0 });
	for (int i = 0; i < RIVALS; i++)
		close(rivals.of[i].fd);
	close(rivals.epfd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_told_while_epoll_ctl_is_under_way_is_unsettled),
	cmocka_unit_test(an_epoll_ctl_is_over_even_if_its_descriptor_is_closed_meanwhile),
	cmocka_unit_test(a_missed_end_is_made_up_for_by_the_next_epoll_ctl),
	cmocka_unit_test(a_missed_end_is_made_up_for_when_the_thread_sleeps),
	cmocka_unit_test(a_missed_end_is_made_up_for_when_the_thread_ends),
	cmocka_unit_test(threads_that_preempt_each_other_leave_nothing_behind),
};
const struct family changes_tests = { tests, ARRAY_SIZE(tests) };
