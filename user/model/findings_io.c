/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How bytes are moved, and what becomes of descriptors. */
#include "base/units.h"
#include "model/derive.h"
#include "model/fields.h"
#include "model/finding.h"

/* ---- tiny-io ---- */

#define TINY_LEAST 500
/* Of calls that moved something. TLS reads a header of 5 bytes before each record: one in two. */
#define TINY_SHARE	  0.75
#define TINY_READ_BUCKETS 7 /* up to 63 bytes: less than the smallest request, packet headers */
/* Up to 15 bytes: short of what an answer's own framing takes in any protocol of text. */
#define TINY_WRITE_BUCKETS 5
/* Writes for each event: a message sent to many costs as many small writes as they are. */
#define TINY_WRITES_PER_EVENT 4

static uint64_t events_of(const struct counters *counters)
{
	uint64_t ready = 0;

	for (int family = 0; family < WAIT_FAMILIES; family++)
		ready += counters->waits[family].ready;
	return ready;
}

/* At least so many reads that took few bytes and as many as asked for: there may be more. */
static uint64_t tiny_reads(const struct io_counters *io)
{
	uint64_t tiny = hist_total((const uint64_t *)io->size_hist, TINY_READ_BUCKETS);

	return less(tiny, io->partial + io->end);
}

static uint64_t tiny_writes(const struct counters *counters)
{
	const struct io_counters *io = &counters->io[IO_WRITE][KIND_SOCKET];
	uint64_t tiny = hist_total((const uint64_t *)io->size_hist, TINY_WRITE_BUCKETS);

	return tiny >= TINY_WRITES_PER_EVENT * events_of(counters) ? tiny : 0;
}

static bool are_most(uint64_t tiny, const struct io_counters *io)
{
	return tiny >= TINY_LEAST && tiny >= TINY_SHARE * io->moved;
}

static void say_tiny(struct search *search, const char *verb, const struct io_counters *io,
		     const char *family)
{
	char calls[UNITS_LEN], bytes[UNITS_LEN], each[UNITS_LEN];

	finding_rests_on(search, io_calls(io), "io.%s.socket.calls", family);
	finding_rests_on(search, io->bytes, "io.%s.socket.bytes", family);
	finding_rests_on(search, io->partial, "io.%s.socket.partial", family);
	finding_says(search, "%s bytes were %s in %s calls on sockets, %s at a time.",
		     format_count(bytes, io->bytes), verb, format_count(calls, io->moved),
		     format_ratio(each, io->moved ? (double)io->bytes / io->moved : 0));
}

static void find_tiny(struct search *search, const struct profile_process *process)
{
	const struct counters *counters = &process->counters;
	const struct io_counters *in = &counters->io[IO_READ][KIND_SOCKET];
	const struct io_counters *out = &counters->io[IO_WRITE][KIND_SOCKET];
	bool reads = are_most(tiny_reads(in), in);
	bool writes = are_most(tiny_writes(counters), out);

	if (!(reads || writes) || !finding_begin(search, process, NULL))
		return;
	if (reads)
		say_tiny(search, "read", in, io_names[IO_READ]);
	if (reads && writes)
		finding_says(search, " ");
	if (writes)
		say_tiny(search, "written", out, io_names[IO_WRITE]);
	finding_advises(search, "Read into a buffer of several KiB and take the pieces from there; "
				"gather what is to be written, or use writev.");
}

void look_for_tiny_io(struct search *search)
{
	search_processes(search, find_tiny);
}

/* ---- copy-where-sendfile-fits ---- */

#define COPY_LEAST (1024 * 1024) /* bytes: less is configuration and such */
/* Read from files and written to sockets: as many, but for what stands around an answer. */
#define COPY_LOW       0.8
#define COPY_HIGH      1.25
#define COPY_EACH      4096 /* bytes a read: to copy less costs no more than a further call */
#define COPY_ZERO_COPY 0.1  /* of what was sent: more, and it is known how to do it */

static void find_copy(struct search *search, const struct profile_process *process)
{
	const struct counters *counters = &process->counters;
	const struct io_counters *reads = &counters->io[IO_READ][KIND_FILE];
	uint64_t in = reads->bytes, out = counters->io[IO_WRITE][KIND_SOCKET].bytes;
	double share = 0;
	char read[UNITS_LEN], written[UNITS_LEN];

	if (!zero_copy_share(counters, &share) || share >= COPY_ZERO_COPY || in < COPY_LEAST ||
	    in < COPY_EACH * reads->moved || in < COPY_LOW * out || in > COPY_HIGH * out ||
	    !finding_begin(search, process, NULL))
		return;
	finding_rests_on(search, in, "io.read.file.bytes");
	finding_rests_on(search, io_calls(reads), "io.read.file.calls");
	finding_rests_on(search, out, "io.write.socket.bytes");
	finding_rests_on(search, share, "copies.zero_copy_share");
	finding_says(search,
		     "%s were read from files and %s written to sockets: each byte was copied out "
		     "of the kernel and in again.",
		     format_bytes(read, in), format_bytes(written, out));
	finding_advises(search, "If the contents are sent as they are, send them with sendfile or "
				"splice (with TLS, only where the kernel encrypts).");
}

void look_for_copy_where_sendfile_fits(struct search *search)
{
	search_processes(search, find_copy);
}

/* ---- fd-leak ---- */

/* More than the start of a few threads takes. */
#define LEAK_LEAST 32
/* Files are kept open on purpose: tables, segments, contents. */
#define LEAK_FILES 256
/* For each connection a proxy may hold two pairs of pipes to splice through; others, one. */
#define LEAK_PIPES  4
#define LEAK_OTHERS 1
/* Peers that are long gone while their sockets stay: it is being closed, or forgotten. */
#define LEAK_CLOSE_WAIT 16

static bool grows(const struct profile_fds *fds, enum fd_kind kind)
{
	uint64_t each = kind == KIND_PIPE ? LEAK_PIPES : LEAK_OTHERS;
	uint64_t explained = each * fds->kinds[KIND_SOCKET];

	return fds->has_kinds && fds->has_growth && fds->growth[kind] > (int64_t)explained &&
	       fds->growth[kind] >= (kind == KIND_FILE ? LEAK_FILES : LEAK_LEAST);
}

/* The kind that grew most, beyond what comes with connections; KIND_SOCKET: none. */
static enum fd_kind growing_kind(const struct profile_fds *fds)
{
	enum fd_kind most = KIND_SOCKET;

	for (int kind = 0; kind < FD_KINDS; kind++) {
		if (kind != KIND_SOCKET && grows(fds, kind) &&
		    (most == KIND_SOCKET || fds->growth[kind] > fds->growth[most]))
			most = kind;
	}
	return most;
}

/*
 * Connections that were read to their end, and no close since: at least so many.
 * What is open when a process ends was not closed.
 */
static uint64_t ended_and_open(const struct profile_process *process)
{
	const struct fd_counters *calls = &process->counters.fds;
	uint64_t ends = less(process->counters.io[IO_READ][KIND_SOCKET].end, calls->closed);
	uint64_t more = less(calls->opened, calls->closed);

	return more >= LEAK_LEAST && ends >= LEAK_LEAST ? ends : 0;
}

static void rest_on_fds(struct search *search, const struct profile_process *process,
			enum fd_kind kind)
{
	const struct profile_fds *fds = &process->fds;

	if (fds->has_growth)
		finding_rests_on(search, fds->growth[kind], "fds.kinds.%s.growth",
				 kind_names[kind]);
	if (fds->has_kinds)
		finding_rests_on(search, fds->kinds[kind], "fds.kinds.%s", kind_names[kind]);
	finding_rests_on(search, process->counters.fds.opened, "fds.opened");
	finding_rests_on(search, process->counters.fds.closed, "fds.closed");
}

/* Connections whose end is not heard of, or not acted upon, are not closed either. */
static const char *const unclosed[] = { "edge-undrained", "ignored-hangup", "phantom-event", NULL };

static bool leaks_sockets(const struct search *search, const struct profile_process *process)
{
	return (process->fds.close_wait >= LEAK_CLOSE_WAIT || ended_and_open(process)) &&
	       !finding_stands(search, process, NULL, unclosed);
}

static void say_sockets(struct search *search, const struct profile_process *process)
{
	uint64_t ended = ended_and_open(process), gone = process->fds.close_wait;
	char nr[UNITS_LEN], open[UNITS_LEN];

	finding_rests_on(search, gone, "fds.close_wait");
	finding_rests_on(search, process->counters.io[IO_READ][KIND_SOCKET].end,
			 "io.read.socket.end");
	rest_on_fds(search, process, KIND_SOCKET);
	finding_says(search,
		     "The peers of %s connections have gone and their sockets were not closed; %s "
		     "descriptors are open.",
		     format_count(nr, ended > gone ? ended : gone),
		     format_count(open, process->fds.open));
	finding_advises(search, "Close a connection when a read returns 0 or fails, or when ERR, "
				"HUP or RDHUP is reported.");
}

static void say_growth(struct search *search, const struct profile_process *process,
		       enum fd_kind kind)
{
	const struct profile_fds *fds = &process->fds;
	char more[UNITS_LEN], now[UNITS_LEN];

	rest_on_fds(search, process, kind);
	finding_says(search, "%s more descriptors of kind %s are open than at the start, %s in all",
		     format_count(more, fds->growth[kind]), kind_names[kind],
		     format_count(now, fds->kinds[kind]));
	finding_says(search, ", and there are no connections that they could belong to.");
	finding_advises(search, "Find what opens them and close them there, on the paths that fail "
				"too; ls -l /proc/PID/fd shows them.");
}

static void find_leak(struct search *search, const struct profile_process *process)
{
	enum fd_kind kind = growing_kind(&process->fds);

	if (!process->fds.is_known)
		return;
	if (kind != KIND_SOCKET && finding_begin(search, process, NULL))
		say_growth(search, process, kind);
	else if (leaks_sockets(search, process) && finding_begin(search, process, NULL))
		say_sockets(search, process);
}

void look_for_fd_leak(struct search *search)
{
	search_processes(search, find_leak);
}

/* ---- io-uring-unseen ---- */

#define URING_LEAST 100
#define URING_SHARE 0.01 /* of calls: less work is unseen than the counts themselves vary */

void look_for_io_uring(struct search *search)
{
	const struct profile *profile = search->profile;
	uint64_t requests = profile->unseen[UNSEEN_IO_URING], calls = 0;
	char nr[UNITS_LEN], others[UNITS_LEN];

	for (size_t i = 0; i < profile->nr_processes; i++)
		calls += all_calls(&profile->processes[i].counters);
	if (!profile->nr_processes || requests < URING_LEAST || requests < URING_SHARE * calls ||
	    !finding_begin(search, profile->processes, NULL))
		return;
	finding_rests_on(search, requests, "unseen.io_uring_requests");
	finding_rests_on(search, calls, "calls");
	finding_says(search,
		     "%s requests were made through io_uring, beside %s calls that were counted: "
		     "what they did is in none of the numbers.",
		     format_count(nr, requests), format_count(others, calls));
	finding_advises(search, "Judge by the counts of system calls only what does not go through "
				"the ring.");
}
