/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Groups, their order and when one is left out; most keys come from
 * model/fields.c. Knows nothing of JSON: that is the writer's. source/decode*.c
 * read the same keys back.
 */
#include "view/document.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/derive.h"
#include "model/fields.h"

static void begin_object(struct writer *w, const char *key)
{
	w->ops->begin_object(w, key);
}

static void begin_array(struct writer *w, const char *key)
{
	w->ops->begin_array(w, key);
}

static void end(struct writer *w)
{
	w->ops->end(w);
}

static void integer(struct writer *w, const char *key, int64_t value)
{
	w->ops->integer(w, key, value);
}

static void text(struct writer *w, const char *key, const char *value)
{
	w->ops->text(w, key, value);
}

static void write_hist(struct writer *w, const char *key, const uint64_t *hist, size_t buckets)
{
	size_t length = hist_length(hist, buckets);

	begin_array(w, key);
	for (size_t i = 0; i < length; i++)
		integer(w, NULL, hist[i]);
	end(w);
}

static void write_field(struct writer *w, const struct field *field, const void *group)
{
	if (field->unit == UNIT_HIST)
		write_hist(w, field->key, field_hist(field, group), field->buckets);
	else
		integer(w, field->key, field_value(field, group));
}

static void write_fields(struct writer *w, const struct field *fields, const void *group)
{
	for (const struct field *field = fields; field->key; field++)
		write_field(w, field, group);
}

/* What was not measured is left out. */
static void write_known(struct writer *w, const struct profile *profile, const struct field *fields,
			const void *group)
{
	for (const struct field *field = fields; field->key; field++) {
		if (!(field->needs & ~profile->wakeups))
			write_field(w, field, group);
	}
}

static void write_group(struct writer *w, const char *key, const struct field *fields,
			const void *group)
{
	begin_object(w, key);
	write_fields(w, fields, group);
	end(w);
}

/* What only some families have, and watched where it is not known, are left out. */
static void write_wait(struct writer *w, const struct profile *profile, enum wait_family family,
		       const struct wait_counters *wait)
{
	bool knows_watched = hist_length((const uint64_t *)wait->watched_hist, HIST_INT_BUCKETS);

	begin_object(w, wait_names[family]);
	for (const struct field *field = wait_fields; field->key; field++) {
		if (!field_is_for(field, family) || field_needs(field, family) & ~profile->wakeups)
			continue;
		if (family == WAIT_EPOLL && !knows_watched && field_is_of_watched(field))
			continue;
		write_field(w, field, wait);
	}
	end(w);
}

static void write_waits(struct writer *w, const struct profile *profile,
			const struct counters *counters)
{
	for (int family = 0; family < WAIT_FAMILIES; family++) {
		if (!counters_is_empty(&counters->waits[family], sizeof(counters->waits[family])))
			write_wait(w, profile, family, &counters->waits[family]);
	}
}

static void write_epoll_ctl(struct writer *w, const struct counters *counters)
{
	if (!epoll_ctl_calls(&counters->epoll_ctl))
		return;
	write_group(w, "epoll_ctl", epoll_ctl_fields, &counters->epoll_ctl);
}

static void write_listener(struct writer *w, const struct profile_listener *listener)
{
	begin_object(w, NULL);
	integer(w, "inode", listener->inode);
	text(w, "local", listener->local);
	write_fields(w, listener_fields, listener);
	end(w);
}

/* Threads have no listeners of their own. */
static void write_accept(struct writer *w, const struct counters *counters,
			 const struct profile_listener *listeners, size_t nr_listeners)
{
	if (!accept_calls(&counters->accept) && !nr_listeners)
		return;
	begin_object(w, "accept");
	write_fields(w, accept_fields, &counters->accept);
	if (listeners) {
		begin_array(w, "listeners");
		for (size_t i = 0; i < nr_listeners; i++)
			write_listener(w, &listeners[i]);
		end(w);
	}
	end(w);
}

static void write_io_family(struct writer *w, const char *key, const struct io_counters *kinds)
{
	if (counters_is_empty(kinds, IO_KINDS * sizeof(*kinds)))
		return;
	begin_object(w, key);
	for (int kind = 0; kind < IO_KINDS; kind++) {
		if (counters_is_empty(&kinds[kind], sizeof(*kinds)))
			continue;
		write_group(w, kind_names[kind], io_fields, &kinds[kind]);
	}
	end(w);
}

static void write_io(struct writer *w, const struct counters *counters)
{
	if (counters_is_empty(counters->io, sizeof(counters->io)))
		return;
	begin_object(w, "io");
	for (int family = 0; family < IO_FAMILIES; family++)
		write_io_family(w, io_names[family], counters->io[family]);
	end(w);
}

static void write_copies(struct writer *w, const struct counters *counters)
{
	double share;

	begin_object(w, "copies");
	write_fields(w, copies_fields, counters);
	if (zero_copy_share(counters, &share))
		w->ops->real(w, "zero_copy_share", share);
	end(w);
}

/* The groups that a process and each of its threads have. */
static void write_counters(struct writer *w, const struct profile *profile,
			   const struct counters *counters,
			   const struct profile_listener *listeners, size_t nr_listeners)
{
	write_waits(w, profile, counters);
	write_epoll_ctl(w, counters);
	write_accept(w, counters, listeners, nr_listeners);
	write_io(w, counters);
	write_copies(w, counters);
}

static void write_fds(struct writer *w, const struct profile_process *process)
{
	const struct profile_fds *fds = &process->fds;

	begin_object(w, "fds");
	if (fds->is_known) {
		integer(w, "open", fds->open);
		integer(w, "limit", fds->limit);
	}
	if (fds->has_kinds) {
		begin_object(w, "kinds");
		for (int kind = 0; kind < FD_KINDS; kind++)
			integer(w, kind_names[kind], fds->kinds[kind]);
		end(w);
		write_fields(w, census_fields, fds);
	}
	write_fields(w, fds_fields, &process->counters.fds);
	if (fds->has_unaccounted)
		integer(w, "unaccounted", fds->unaccounted);
	end(w);
}

static void write_epoll(struct writer *w, const struct profile *profile,
			const struct profile_epoll *epoll)
{
	begin_object(w, NULL);
	write_fields(w, instance_fields, epoll);
	begin_array(w, "shared_with");
	for (size_t i = 0; i < epoll->nr_shared_with; i++)
		integer(w, NULL, epoll->shared_with[i]);
	end(w);
	write_group(w, "registrations", trigger_fields, &epoll->registrations);
	write_group(w, "deliveries", delivery_fields, &epoll->counters.deliveries);
	write_fields(w, epoll_fields, &epoll->counters);
	write_group(w, "undrained", undrained_fields, &epoll->undrained);
	if (profile->wakeups & WAKEUPS_CALLBACKS) {
		begin_object(w, "callbacks");
		write_known(w, profile, callback_fields, &epoll->callbacks);
		end(w);
	}
	end(w);
}

static void write_epolls(struct writer *w, const struct profile *profile,
			 const struct profile_process *process)
{
	if (!process->nr_epolls)
		return;
	begin_array(w, "epolls");
	for (size_t i = 0; i < process->nr_epolls; i++)
		write_epoll(w, profile, &process->epolls[i]);
	end(w);
}

static void write_descriptor(struct writer *w, const struct profile *profile,
			     const struct profile_descriptor *descriptor)
{
	begin_object(w, NULL);
	integer(w, "fd", descriptor->fd);
	text(w, "kind", kind_names[descriptor->kind]);
	text(w, "name", descriptor->name);
	integer(w, "instance", descriptor->instance);
	text(w, "trigger", trigger_name(descriptor));
	write_known(w, profile, descriptor_fields, descriptor);
	end(w);
}

static void write_descriptors(struct writer *w, const struct profile *profile,
			      const struct profile_process *process)
{
	if (!process->nr_shown_descriptors)
		return;
	begin_array(w, "descriptors");
	for (size_t i = 0; i < process->nr_shown_descriptors; i++)
		write_descriptor(w, profile, &process->descriptors[i]);
	end(w);
}

static void write_inexact(struct writer *w, const struct profile_process *process)
{
	if (!process->nr_inexact)
		return;
	begin_object(w, "inexact");
	for (size_t i = 0; i < process->nr_inexact; i++)
		text(w, process->inexact[i].key, process->inexact[i].reason);
	end(w);
}

static void write_thread(struct writer *w, const struct profile *profile,
			 const struct profile_thread *thread)
{
	begin_object(w, NULL);
	integer(w, "tid", thread->tid);
	text(w, "comm", thread->comm);
	write_counters(w, profile, &thread->counters, NULL, 0);
	write_group(w, "fds", fds_fields, &thread->counters.fds);
	end(w);
}

static void write_process(struct writer *w, const struct profile *profile,
			  const struct profile_process *process)
{
	begin_object(w, NULL);
	integer(w, "tgid", process->tgid);
	text(w, "comm", process->comm);
	w->ops->boolean(w, "exited", process->has_exited);
	write_inexact(w, process);
	write_group(w, "now", now_fields, &process->now);
	write_counters(w, profile, &process->counters, process->listeners, process->nr_listeners);
	write_epolls(w, profile, process);
	write_descriptors(w, profile, process);
	write_fds(w, process);
	if (process->nr_threads) {
		begin_array(w, "threads");
		for (size_t i = 0; i < process->nr_threads; i++)
			write_thread(w, profile, &process->threads[i]);
		end(w);
	}
	end(w);
}

static void write_target(struct writer *w, const struct profile_target *target)
{
	begin_object(w, "target");
	if (target->nr_pids) {
		begin_array(w, "pids");
		for (size_t i = 0; i < target->nr_pids; i++)
			integer(w, NULL, target->pids[i]);
		end(w);
	}
	if (target->comm)
		text(w, "comm", target->comm);
	if (target->nr_ports) {
		begin_array(w, "ports");
		for (size_t i = 0; i < target->nr_ports; i++)
			integer(w, NULL, target->ports[i]);
		end(w);
	}
	if (target->cgroup)
		text(w, "cgroup", target->cgroup);
	w->ops->boolean(w, "all", target->all);
	if (target->command) {
		begin_array(w, "command");
		for (char **arg = target->command; *arg; arg++)
			text(w, NULL, *arg);
		end(w);
	}
	end(w);
}

static void write_head(struct writer *w, const struct profile *profile)
{
	char start[sizeof("2026-11-21T20:44:00Z")] = "";
	time_t seconds = profile->start;
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(start, sizeof(start), "%Y-%m-%dT%H:%M:%SZ", &utc);
	integer(w, "schema", PROFILE_SCHEMA);
	text(w, "fdscope", profile->version);
	begin_object(w, "host");
	text(w, "kernel", profile->host.kernel);
	text(w, "arch", profile->host.arch);
	integer(w, "cpus", profile->host.cpus);
	end(w);
	begin_object(w, "backend");
	text(w, "syscalls", profile->backend_syscalls);
	text(w, "wakeups", profile->backend_wakeups);
	end(w);
	write_target(w, &profile->target);
	text(w, "start", start);
	integer(w, "duration_ns", profile->duration_ns);
	w->ops->boolean(w, "complete", profile_is_complete(profile));
}

static void write_others(struct writer *w, const struct profile_other *others, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		integer(w, others[i].name, others[i].count);
}

static void write_shortfalls(struct writer *w, const struct profile *profile)
{
	begin_object(w, "losses");
	for (int cause = 0; cause < LOSSES; cause++) {
		if (profile->losses[cause])
			integer(w, loss_name(cause), profile->losses[cause]);
	}
	write_others(w, profile->other_losses, profile->nr_other_losses);
	end(w);
	begin_object(w, "unseen");
	for (int what = 0; what < UNSEENS; what++) {
		if (profile->unseen[what])
			integer(w, unseen_name(what), profile->unseen[what]);
	}
	write_others(w, profile->other_unseen, profile->nr_other_unseen);
	end(w);
}

static void write_subject(struct writer *w, const struct profile_finding *finding)
{
	begin_object(w, "subject");
	if (finding->subject == SUBJECT_LOCAL)
		text(w, subject_names[SUBJECT_LOCAL], finding->subject_local);
	else if (finding->subject != SUBJECT_PROCESS)
		integer(w, subject_names[finding->subject], finding->subject_number);
	end(w);
}

/* Rounded to what a writer shows of it: what is read back is then written the same. */
static double shown(double value)
{
	char digits[32];

	if (fabs(value) >= 1e5)
		return round(value);
	snprintf(digits, sizeof(digits), "%.*g", WRITER_REAL_DIGITS, value);
	return strtod(digits, NULL);
}

static void write_number(struct writer *w, const char *key, double value)
{
	assert(isfinite(value));
	value = shown(value);
	if (value == floor(value))
		integer(w, key, value);
	else
		w->ops->real(w, key, value);
}

static void write_finding(struct writer *w, const struct profile_finding *finding)
{
	begin_object(w, NULL);
	text(w, "id", finding->id);
	text(w, "severity", severity_names[finding->severity]);
	integer(w, "tgid", finding->tgid);
	write_subject(w, finding);
	begin_object(w, "evidence");
	for (size_t i = 0; i < finding->nr_evidence; i++)
		write_number(w, finding->evidence[i].key, finding->evidence[i].value);
	end(w);
	text(w, "message", finding->message);
	text(w, "advice", finding->advice);
	end(w);
}

void document_write(const struct profile *profile, struct writer *w)
{
	begin_object(w, NULL);
	write_head(w, profile);
	write_shortfalls(w, profile);
	begin_array(w, "processes");
	for (size_t i = 0; i < profile->nr_processes; i++)
		write_process(w, profile, &profile->processes[i]);
	end(w);
	begin_array(w, "findings");
	for (size_t i = 0; i < profile->nr_findings; i++)
		write_finding(w, &profile->findings[i]);
	end(w);
	end(w);
}
