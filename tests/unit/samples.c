/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "samples.h"

#include "unit.h"

#include "model/fields.h"
#include "report/json.h"
#include "view/document.h"

static char *copy(const char *text)
{
	char *new = strdup(text);

	assert_non_null(new);
	return new;
}

/* Primes times a place: no two counters are equal, and no sum hits another by chance. */
static void fill(struct counters *counters, uint64_t salt)
{
	uint64_t *words = (uint64_t *)counters;

	for (size_t i = 0; i < COUNTERS_WORDS; i++)
		words[i] = (i + 1) * 7919 + salt;
	for (int family = 0; family < WAIT_FAMILIES; family++) {
		struct wait_counters *wait = &counters->waits[family];

		wait->ready_hist[0] = 0;
		if (family != WAIT_EPOLL)
			wait->capacity = wait->saturated = 0;
		else
			wait->redelivered = wait->redelivered_in = wait->idle_out =
				wait->ignored_hangup = wait->callbacks = wait->filtered = 0;
	}
	counters->copies.truncated_bytes = 13;
	counters->accept.unseen_entries = 0;
	memset(counters->losses, 0, sizeof(counters->losses));
}

static void add_threads(struct profile_process *process)
{
	process->threads = calloc(2, sizeof(*process->threads));
	assert_non_null(process->threads);
	process->nr_threads = 2;
	process->threads[0].tid = 4711;
	strcpy(process->threads[0].comm, "worker/0");
	fill(&process->threads[0].counters, 1);
	strcpy(process->threads[1].comm, "server");
	fill(&process->threads[1].counters, 2);
	for (size_t i = 0; i < 2; i++)
		counters_add(&process->counters, &process->threads[i].counters);
}

static void add_listener(struct profile_process *process)
{
	struct profile_listener *listener = calloc(1, sizeof(*listener));

	assert_non_null(listener);
	listener->inode = 123457;
	listener->local = copy("[::1]:8080");
	listener->again = 17;
	listener->delivered = 29;
	listener->delivered_exclusive = 31;
	listener->queue_limit = 511;
	listener->drops = 19;
	for (int i = 0; i < HIST_INT_BUCKETS; i++)
		listener->queue_depth_hist[i] = 23 + i;
	process->listeners = listener;
	process->nr_listeners = 1;
}

static void add_epoll(struct profile_process *process)
{
	struct profile_epoll *epoll = calloc(1, sizeof(*epoll));
	uint64_t *words;

	assert_non_null(epoll);
	epoll->instance = 3;
	epoll->epfd = 5;
	epoll->threads = 2;
	epoll->shared_with = calloc(2, sizeof(*epoll->shared_with));
	assert_non_null(epoll->shared_with);
	epoll->nr_shared_with = 2;
	epoll->shared_with[0] = 4712;
	epoll->shared_with[1] = 4713;
	epoll->registrations = (struct trigger_counters){ 43, 47, 53, 59 };
	epoll->undrained = (struct profile_undrained){ 2, 131072, 9800000017 };
	words = (uint64_t *)&epoll->counters;
	for (size_t i = 0; i < EPOLL_WORDS; i++)
		words[i] = (i + 1) * 7907;
	words = (uint64_t *)&epoll->callbacks;
	for (size_t i = 0; i < CALLBACK_WORDS; i++)
		words[i] = (i + 1) * 7919;
	process->epolls = epoll;
	process->nr_epolls = 1;
}

/* The last of them is not shown. */
static void add_descriptors(struct profile_process *process)
{
	struct profile_descriptor *rows = calloc(3, sizeof(*rows));

	assert_non_null(rows);
	process->descriptors = rows;
	process->nr_descriptors = 3;
	process->nr_shown_descriptors = 2;
	for (uint64_t i = 0; i < 3; i++) {
		rows[i].fd = 7 + i;
		rows[i].kind = i ? KIND_EVENTFD : KIND_SOCKET;
		rows[i].name = copy(i ? "eventfd" : "127.0.0.1:52344");
		rows[i].instance = 3;
		rows[i].is_edge = rows[i].is_oneshot = i == 0;
		for (uint64_t *word = &rows[i].deliveries; word <= &rows[i].undrained_ns; word++)
			*word = (word - (uint64_t *)rows) * 7901;
	}
}

static void add_evidence(struct profile_finding *finding, const char *key, double value)
{
	finding->evidence[finding->nr_evidence++] = (struct evidence){ copy(key), value };
}

static void add_finding(struct profile_finding *finding, enum severity severity)
{
	*finding = (struct profile_finding){
		.id = copy("edge-undrained"),
		.severity = severity,
		.tgid = 4711,
		.evidence = calloc(4, sizeof(*finding->evidence)),
		.message = copy("What is happening."),
		.advice = copy("What to do."),
	};
	assert_non_null(finding->evidence);
	add_evidence(finding, "epolls.edge_undrained", 12345678901);
	add_evidence(finding, "epolls.share", 0.123456);
	add_evidence(finding, "negative", -5);
}

/* One about each kind of subject. */
static void add_findings(struct profile *out)
{
	out->findings = calloc(SUBJECT_TID + 1, sizeof(*out->findings));
	assert_non_null(out->findings);
	out->nr_findings = SUBJECT_TID + 1;
	for (enum subject i = SUBJECT_PROCESS; i <= SUBJECT_TID; i++) {
		struct profile_finding *finding = &out->findings[i];

		add_finding(finding, i < SUBJECT_LOCAL ? SEVERITY_PROBLEM : SEVERITY_HINT);
		finding->subject = i;
		if (i == SUBJECT_LOCAL)
			finding->subject_local = copy("[::1]:8080");
		else if (i != SUBJECT_PROCESS)
			finding->subject_number = 60 + i;
	}
}

static void add_process(struct profile *out)
{
	struct profile_process *process = calloc(1, sizeof(*process));

	assert_non_null(process);
	out->processes = process;
	out->nr_processes = 1;
	process->tgid = 4711;
	strcpy(process->comm, "server");
	process->now = (struct profile_now){ 3, 2000000011, 1500000007 };
	process->fds = (struct profile_fds){
		.is_known = true,
		.has_kinds = true,
		.has_unaccounted = true,
		.open = 28,
		.limit = 1024,
		.kinds = { 1, 2, 3, 4, 5, 6, 7 },
		.unaccounted = -5,
		.close_wait = 3,
	};
	assert_int_equal(profile_mark_inexact(process, "fds.unaccounted", "because"), 0);
	add_threads(process);
	add_listener(process);
	add_epoll(process);
	add_descriptors(process);
}

static void add_target(struct profile_target *target)
{
	target->pids = calloc(2, sizeof(*target->pids));
	target->ports = calloc(2, sizeof(*target->ports));
	target->command = calloc(3, sizeof(*target->command));
	assert_true(target->pids && target->ports && target->command);
	target->nr_pids = target->nr_ports = 2;
	target->pids[0] = 4711;
	target->pids[1] = 4712;
	target->ports[0] = 80;
	target->ports[1] = 65535;
	target->comm = copy("server");
	target->cgroup = copy("/sys/fs/cgroup/web");
	target->command[0] = copy("./server");
	target->command[1] = copy("");
	target->all = true;
}

void sample_empty(struct profile *out)
{
	memset(out, 0, sizeof(*out));
	out->version = copy("0.1.0");
	out->host = (struct profile_host){ copy("6.1.0-13-amd64"), copy("x86_64"), 2 };
	out->backend_syscalls = copy("tp_btf");
	out->backend_wakeups = copy("none");
	out->start = 1795293840; /* 2026-11-21T20:44:00Z */
	out->duration_ns = 10000000019;
}

void sample_full(struct profile *out)
{
	sample_empty(out);
	free(out->backend_wakeups);
	out->backend_wakeups = copy("fentry");
	out->wakeups = WAKEUPS_ALL;
	add_target(&out->target);
	add_process(out);
	add_findings(out);
	for (int i = 0; i < LOSSES; i++)
		out->losses[i] = 29 + i;
	for (int i = 0; i < UNSEENS; i++)
		out->unseen[i] = 31 + i;
	assert_int_equal(profile_add_loss(out, "of_later", 37), 0);
	assert_int_equal(profile_add_unseen(out, "of_later_too", 41), 0);
}

static void thin(struct counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	counters->waits[WAIT_EPOLL].ready = counters->waits[WAIT_EPOLL].ready_hist[1] = 7;
	counters->io[IO_READ][KIND_PIPE].moved = 11;
	counters->accept.accepted = 13;
	counters->epoll_ctl.add = 17;
}

void sample_thin(struct profile *out)
{
	struct profile_process *process;

	sample_full(out);
	process = out->processes;
	memset(&process->counters, 0, sizeof(process->counters));
	memset(process->listeners->queue_depth_hist, 0,
	       sizeof(process->listeners->queue_depth_hist));
	for (size_t i = 0; i < process->nr_threads; i++) {
		thin(&process->threads[i].counters);
		counters_add(&process->counters, &process->threads[i].counters);
	}
}

char *sample_json(const struct profile *profile)
{
	struct json_writer *json = json_writer_new();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_true(json && out);
	document_write(profile, json_writer_base(json));
	assert_int_equal(json_writer_print(json, out, true), 0);
	fclose(out);
	json_writer_free(json);
	return text;
}

json_t *sample_document(const struct profile *profile)
{
	char *text = sample_json(profile);
	json_t *document = json_loads(text, 0, NULL);

	assert_non_null(document);
	free(text);
	return document;
}
