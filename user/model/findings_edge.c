/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is not read enough of, and what is read too much of. */
#include "base/units.h"
#include "model/derive.h"
#include "model/fields.h"
#include "model/finding.h"

/* ---- edge-undrained ---- */

/* Longer than a loop, or a worker that it hands over to, means to leave what it was told of. */
#define UNDRAINED_NS 250000000ULL
/* A loop that needs long for a turn comes to them in the next one. */
#define UNDRAINED_TURNS 2
/*
 * A proxy reads no further from one side while the other does not take what it
 * has: then some write moves less than asked, or nothing. Peers are slow for a
 * second or two, seldom for longer.
 */
#define UNDRAINED_BLOCKED_NS 5000000000ULL

static bool has_blocked_writes(const struct profile_process *process)
{
	static const enum io_family writing[] = { IO_WRITE, IO_SENDFILE, IO_SPLICE };
	uint64_t blocked = 0;

	for (size_t i = 0; i < sizeof(writing) / sizeof(*writing); i++) {
		const struct io_counters *io = &process->counters.io[writing[i]][KIND_SOCKET];

		blocked += io->again + (writing[i] == IO_WRITE ? io->partial : 0);
	}
	return blocked;
}

static uint64_t longest_turn_ns(const struct profile_process *process)
{
	uint64_t longest_ns = process->now.longest_busy_ns;

	for (int family = 0; family < WAIT_FAMILIES; family++) {
		const struct wait_counters *wait = &process->counters.waits[family];
		uint64_t ns =
			hist_quantile((const uint64_t *)wait->busy_ns_hist, HIST_NS_BUCKETS, 990);

		if (ns > longest_ns)
			longest_ns = ns;
	}
	return longest_ns;
}

/* The one that has waited longest. */
static const struct profile_descriptor *most_undrained(const struct profile_process *process,
						       uint64_t instance)
{
	const struct profile_descriptor *most = NULL;

	for (size_t i = 0; i < process->nr_descriptors; i++) {
		const struct profile_descriptor *descriptor = &process->descriptors[i];

		if (descriptor->instance == instance && descriptor->unread_bytes &&
		    (!most || descriptor->undrained_ns > most->undrained_ns))
			most = descriptor;
	}
	return most;
}

/* All who share an instance see the same of it: one of them tells. */
static bool is_told_by_another(const struct profile_process *process,
			       const struct profile_epoll *epoll)
{
	for (size_t i = 0; i < epoll->nr_shared_with; i++) {
		if (epoll->shared_with[i] < process->tgid)
			return true;
	}
	return false;
}

/* "fd 12 (name) and 2 other edge-triggered descriptors hold" */
static void say_who_holds(struct search *search, const struct profile_descriptor *most,
			  uint64_t others)
{
	char nr[UNITS_LEN];

	if (most) {
		finding_on(search, SUBJECT_FD, most->fd);
		finding_says(search, "fd %llu (%s)", (unsigned long long)most->fd,
			     most->name ? most->name : kind_names[most->kind]);
		others--;
	}
	if (!others) {
		finding_says(search, ", edge-triggered, holds");
		return;
	}
	finding_says(search, "%s%s %sedge-triggered descriptor%s hold%s", most ? " and " : "",
		     format_count(nr, others), most ? "other " : "", others == 1 ? "" : "s",
		     others == 1 && !most ? "s" : "");
}

static bool is_forgotten(const struct profile_process *process,
			 const struct profile_undrained *undrained)
{
	uint64_t least_ns = has_blocked_writes(process) ? UNDRAINED_BLOCKED_NS : UNDRAINED_NS;

	return undrained->descriptors && undrained->longest_ns >= least_ns &&
	       undrained->longest_ns / UNDRAINED_TURNS >= longest_turn_ns(process);
}

static void find_undrained_in(struct search *search, const struct profile_process *process,
			      const struct profile_epoll *epoll)
{
	const struct profile_undrained *undrained = &epoll->undrained;
	const struct profile_descriptor *most = most_undrained(process, epoll->instance);
	char bytes[UNITS_LEN], ns[UNITS_LEN];

	if (!is_forgotten(process, undrained) || is_told_by_another(process, epoll) ||
	    !finding_begin(search, process, NULL))
		return;
	finding_on(search, SUBJECT_INSTANCE, epoll->instance);
	finding_rests_on(search, undrained->descriptors, "epolls.undrained.descriptors");
	finding_rests_on(search, undrained->unread_bytes, "epolls.undrained.unread_bytes");
	finding_rests_on(search, undrained->longest_ns, "epolls.undrained.longest_ns");
	finding_rests_on(search, epoll->counters.edge_undrained, "epolls.edge_undrained");
	say_who_holds(search, most, undrained->descriptors);
	finding_says(search,
		     " %s that nobody has read for up to %s, and no edge will tell of it again.",
		     format_bytes(bytes, undrained->unread_bytes),
		     format_ns(ns, undrained->longest_ns));
	finding_advises(search, "Read an edge-triggered descriptor until EAGAIN before waiting "
				"again, or register it level-triggered.");
}

static void find_undrained(struct search *search, const struct profile_process *process)
{
	for (size_t i = 0; i < process->nr_epolls; i++)
		find_undrained_in(search, process, &process->epolls[i]);
}

void look_for_edge_undrained(struct search *search)
{
	search_processes(search, find_undrained);
}

/* ---- edge-accept-once ---- */

/* Once may be the end of a budget, after which the listener is armed again. */
#define LEFT_LEAST 2
/* Connections for each time it is told, at most: a budget takes dozens before it ends. */
#define LEFT_PER_DELIVERY 2

/* The listener that is told of most often, as far as this process knows. */
static const struct profile_listener *most_told(const struct profile_process *process)
{
	const struct profile_listener *most = NULL;

	for (size_t i = 0; i < process->nr_listeners; i++) {
		const struct profile_listener *listener = &process->listeners[i];

		if (listener->delivered && (!most || listener->delivered > most->delivered))
			most = listener;
	}
	return most;
}

static void find_accept_once(struct search *search, const struct profile_process *process)
{
	const struct profile_listener *listener = most_told(process);
	const char *local = listener ? listener->local : NULL;
	uint64_t accepted = process->counters.accept.accepted, told = 0, left = 0;
	char times[COUNTED_LEN], edges[COUNTED_LEN], taken[COUNTED_LEN];

	for (size_t i = 0; i < process->nr_epolls; i++)
		left += process->epolls[i].counters.edge_accept_left;
	for (size_t i = 0; i < process->nr_listeners; i++)
		told += process->listeners[i].delivered;
	if (left < LEFT_LEAST || accepted > LEFT_PER_DELIVERY * told ||
	    !finding_begin(search, process, local))
		return;
	finding_rests_on(search, left, "epolls.edge_accept_left");
	finding_rests_on(search, told, "accept.listeners.delivered");
	finding_rests_on(search, accepted, "accept.accepted");
	finding_says(search,
		     "The edge-triggered listener%s%s was told of %s and gave %s; it was left with "
		     "others in its queue %s, and no edge will tell of them.",
		     local ? " " : "", local ? local : "", format_counted(edges, told, "time"),
		     format_counted(taken, accepted, "connection"),
		     format_counted(times, left, "time"));
	finding_advises(search, "Accept until EAGAIN before waiting again, or register the "
				"listener level-triggered.");
}

void look_for_edge_accept_once(struct search *search)
{
	search_processes(search, find_accept_once);
}

/* ---- greedy-connection ---- */

/* Reads for each time it is told: what does not end after twice libuv's 32 ends by chance. */
#define GREEDY_READS 64
#define GREEDY_LEAST 256 /* in all: more than one long turn */
/* So many times what the others take is more than a larger request. */
#define GREEDY_RATIO 8
/* Less often told, the others say nothing of how long one has to wait. */
#define GREEDY_OTHERS 20
/* One in a hundred waits so long for its first read. */
#define GREEDY_TAIL_NS 4000000ULL
/*
 * That it is one and not all: three in four are read so many times sooner than
 * the unlucky, and three in four turns are as much shorter than the longest.
 * nginx under nothing but uploads: 16 and 8; the reference server's fault: 256.
 */
#define GREEDY_SPREAD 32
/* The greedy one may have been closed meanwhile: what is left are reads, for each delivery. */
#define GREEDY_MEAN_READS 16.0

static double reads_per_delivery(uint64_t reads, uint64_t deliveries)
{
	return (double)reads / (deliveries ? deliveries : 1);
}

static bool is_spread(const uint64_t *hist)
{
	return hist_quantile(hist, HIST_NS_BUCKETS, 750) <=
	       hist_quantile(hist, HIST_NS_BUCKETS, 990) / GREEDY_SPREAD;
}

/* How long one in a hundred waits for its first read, if that is long and unlike the others. */
static uint64_t tail_of_first_reads(const struct profile_process *process,
				    const struct profile_epoll *epoll)
{
	const uint64_t *reads = (const uint64_t *)epoll->counters.first_read_ns_hist;
	const struct wait_counters *wait = &process->counters.waits[WAIT_EPOLL];
	uint64_t ns = hist_quantile(reads, HIST_NS_BUCKETS, 990);

	return ns >= GREEDY_TAIL_NS && is_spread(reads) &&
			       is_spread((const uint64_t *)wait->busy_ns_hist)
		       ? ns
		       : 0;
}

/* Reads are of the description, whichever instance it is in; deliveries are of a registration. */
static uint64_t deliveries_of(const struct profile_process *process, uint64_t fd)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < process->nr_descriptors; i++) {
		if (process->descriptors[i].fd == fd)
			sum += process->descriptors[i].deliveries;
	}
	return sum;
}

static double greed(const struct profile_process *process, const struct profile_descriptor *one)
{
	return reads_per_delivery(one->reads, deliveries_of(process, one->fd));
}

/* The descriptor of an instance that is read most each time, and all others but listeners. */
struct greedy {
	const struct profile_descriptor *one;
	double reads; /* each time */
	uint64_t others_reads;
	uint64_t others_deliveries;
};

static struct greedy greediest(const struct profile_process *process, uint64_t instance)
{
	struct greedy greedy = {};

	for (size_t i = 0; i < process->nr_descriptors; i++) {
		const struct profile_descriptor *descriptor = &process->descriptors[i];

		if (descriptor->instance != instance || descriptor->is_listener)
			continue;
		greedy.others_reads += descriptor->reads;
		greedy.others_deliveries += descriptor->deliveries;
		if (descriptor->reads < GREEDY_LEAST || greed(process, descriptor) <= greedy.reads)
			continue;
		greedy.one = descriptor;
		greedy.reads = greed(process, descriptor);
	}
	if (greedy.one) {
		greedy.others_reads -= greedy.one->reads;
		greedy.others_deliveries -= greedy.one->deliveries;
	}
	return greedy;
}

static void say_waiting(struct search *search, uint64_t tail_ns)
{
	char tail[UNITS_LEN];

	finding_rests_on(search, tail_ns, "epolls.first_read_ns_hist.p99");
	finding_says(search, "; one in a hundred waits up to %s to be read.",
		     format_ns(tail, tail_ns));
	finding_advises(search, "Give each connection a budget for a turn, and go on with it after "
				"the others.");
}

/* It stands, and can be named. */
static bool find_greedy_one(struct search *search, const struct profile_process *process,
			    const struct profile_epoll *epoll, uint64_t tail_ns)
{
	struct greedy greedy = greediest(process, epoll->instance);
	double theirs = reads_per_delivery(greedy.others_reads, greedy.others_deliveries);
	char each[UNITS_LEN], rest[UNITS_LEN];

	if (!greedy.one || greedy.reads < GREEDY_READS || greedy.reads < GREEDY_RATIO * theirs ||
	    greedy.others_deliveries < GREEDY_OTHERS || !finding_begin(search, process, NULL))
		return false;
	finding_on(search, SUBJECT_FD, greedy.one->fd);
	finding_rests_on(search, greedy.one->reads, "descriptors.reads");
	finding_rests_on(search, deliveries_of(process, greedy.one->fd), "descriptors.deliveries");
	finding_says(search, "fd %llu (%s) is read %s times each time it is ready, the others %s",
		     (unsigned long long)greedy.one->fd,
		     greedy.one->name ? greedy.one->name : kind_names[greedy.one->kind],
		     format_ratio(each, greedy.reads), format_ratio(rest, theirs));
	say_waiting(search, tail_ns);
	return true;
}

static void find_greed(struct search *search, const struct profile_process *process,
		       const struct profile_epoll *epoll, uint64_t tail_ns)
{
	uint64_t reads = process->counters.io[IO_READ][KIND_SOCKET].moved;
	uint64_t told = epoll->counters.deliveries.in;
	char nr[UNITS_LEN], events[UNITS_LEN];

	if (process->nr_epolls > 1 || told < GREEDY_OTHERS || reads < GREEDY_MEAN_READS * told ||
	    !finding_begin(search, process, NULL))
		return;
	finding_on(search, SUBJECT_INSTANCE, epoll->instance);
	finding_rests_on(search, reads, "io.read.socket.calls");
	finding_rests_on(search, told, "epolls.deliveries.in");
	finding_says(search, "%s reads were made for %s readable events, most of them in few turns",
		     format_count(nr, reads), format_count(events, told));
	say_waiting(search, tail_ns);
}

static void find_greedy(struct search *search, const struct profile_process *process)
{
	for (size_t i = 0; i < process->nr_epolls; i++) {
		const struct profile_epoll *epoll = &process->epolls[i];
		uint64_t tail_ns = tail_of_first_reads(process, epoll);

		if (tail_ns && !find_greedy_one(search, process, epoll, tail_ns))
			find_greed(search, process, epoll, tail_ns);
	}
}

void look_for_greedy_connection(struct search *search)
{
	search_processes(search, find_greedy);
}
