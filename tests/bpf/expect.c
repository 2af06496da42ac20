/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The profile as keys and values, and their comparison with what a test expects. */
#include "tracer.h"

#include "model/fields.h"

/* ---- keys ---- */

struct key {
	char name[64];
	uint64_t value;
	bool may_be_unlisted; /* derived, a time, of the census, or the kernel's side of it */
};

typedef void visit_key(void *context, const struct key *key);

struct visit {
	visit_key *visit;
	void *context;
};

static void tell_key(const struct visit *to, bool may_be_unlisted, uint64_t value,
		     const char *format, ...)
{
	struct key key = { .value = value, .may_be_unlisted = may_be_unlisted };
	va_list args;

	va_start(args, format);
	vsnprintf(key.name, sizeof(key.name), format, args);
	va_end(args);
	to->visit(to->context, &key);
}

static bool is_of_time(const struct field *field)
{
	return field->unit == UNIT_NS || strstr(field->key, "_ns_hist") || field->needs ||
	       !strcmp(field->key, "switches") || !strcmp(field->key, "sleeps");
}

static void tell_group(const struct visit *to, const char *name, const struct field *fields,
		       const void *group)
{
	const char *dot = *name ? "." : "";

	for (const struct field *field = fields; field->key; field++) {
		bool may = field->derive || is_of_time(field);

		if (field->unit != UNIT_HIST) {
			tell_key(to, may, field_value(field, group), "%s%s%s", name, dot,
				 field->key);
			continue;
		}
		for (size_t i = 0; i < field->buckets; i++)
			tell_key(to, may, field_hist(field, group)[i], "%s%s%s[%zu]", name, dot,
				 field->key, i);
	}
}

static void tell_fds(const struct visit *to, const struct profile_fds *fds)
{
	if (!fds->is_known)
		return;
	tell_key(to, true, fds->open, "fds.open");
	tell_key(to, true, fds->limit, "fds.limit");
	for (int kind = 0; kind < FD_KINDS && fds->has_kinds; kind++)
		tell_key(to, true, fds->kinds[kind], "fds.kinds.%s", kind_names[kind]);
	if (fds->has_unaccounted)
		tell_key(to, false, fds->unaccounted, "fds.unaccounted");
}

static void tell_profile(const struct visit *to, const struct profile *profile)
{
	for (int cause = 0; cause < LOSSES; cause++)
		tell_key(to, false, profile->losses[cause], "losses.%s", loss_name(cause));
	for (int what = 0; what < UNSEENS; what++)
		tell_key(to, false, profile->unseen[what], "unseen.%s", unseen_name(what));
}

static void tell_epoll(const struct visit *to, const struct profile_epoll *epoll)
{
	uint64_t first_reads =
		hist_total((uint64_t *)epoll->counters.first_read_ns_hist, HIST_NS_BUCKETS);

	tell_key(to, true, epoll->threads, "threads");
	tell_key(to, false, epoll->nr_shared_with, "shared_with");
	tell_group(to, "registrations", trigger_fields, &epoll->registrations);
	tell_group(to, "deliveries", delivery_fields, &epoll->counters.deliveries);
	tell_group(to, "", epoll_fields, &epoll->counters);
	tell_key(to, false, first_reads, "first_reads");
	tell_group(to, "undrained", undrained_fields, &epoll->undrained);
	tell_group(to, "callbacks", callback_fields, &epoll->callbacks);
}

static void tell_process(const struct tracer *tracer, const struct profile_process *process,
			 const struct visit *to)
{
	const struct counters *counters = &process->counters;

	for (int i = 0; i < WAIT_FAMILIES; i++)
		tell_group(to, wait_names[i], wait_fields, &counters->waits[i]);
	tell_group(to, "epoll_ctl", epoll_ctl_fields, &counters->epoll_ctl);
	tell_group(to, "accept", accept_fields, &counters->accept);
	for (int family = 0; family < IO_FAMILIES; family++) {
		for (int kind = 0; kind < IO_KINDS; kind++) {
			char name[64];

			snprintf(name, sizeof(name), "io.%s.%s", io_names[family],
				 kind_names[kind]);
			tell_group(to, name, io_fields, &counters->io[family][kind]);
		}
	}
	tell_group(to, "copies", copies_fields, counters);
	tell_group(to, "fds", fds_fields, &counters->fds);
	tell_fds(to, &process->fds);
	tell_key(to, true, process->now.waiting, "now.waiting");
	tell_key(to, true, process->now.longest_wait_ns, "now.longest_wait_ns");
	tell_key(to, true, process->now.longest_busy_ns, "now.longest_busy_ns");
	tell_profile(to, &tracer->profile);
}

/* Whose keys are looked at: one of them is not NULL. */
struct looked_at {
	const struct profile_process *process;
	const struct profile_epoll *epoll;
	const struct profile_descriptor *descriptor;
};

static void each_key(const struct tracer *tracer, const struct looked_at *at,
		     const struct visit *to)
{
	if (at->process)
		tell_process(tracer, at->process, to);
	else if (at->epoll)
		tell_epoll(to, at->epoll);
	else
		tell_group(to, "", descriptor_fields, at->descriptor);
}

/* ---- expectations ---- */

static struct wanted *find_exact(struct tracer *tracer, const char *key)
{
	for (size_t i = 0; i < tracer->nr_wanted; i++) {
		if (!strcmp(tracer->wanted[i].key, key))
			return &tracer->wanted[i];
	}
	return NULL;
}

static void want_key(struct tracer *tracer, const char *key, uint64_t value)
{
	struct wanted *wanted = find_exact(tracer, key);

	if (wanted) {
		wanted->value += value;
		return;
	}
	assert_true(tracer->nr_wanted < MAX_WANTED);
	wanted = &tracer->wanted[tracer->nr_wanted++];
	memset(wanted, 0, sizeof(*wanted));
	snprintf(wanted->key, sizeof(wanted->key), "%s", key);
	wanted->value = value;
}

void want(struct tracer *tracer, uint64_t value, const char *format, ...)
{
	char key[64];
	va_list args;

	va_start(args, format);
	vsnprintf(key, sizeof(key), format, args);
	va_end(args);
	want_key(tracer, key, value);
}

void want_all(struct tracer *tracer, const struct expected *expected)
{
	for (; expected->key; expected++)
		want_key(tracer, expected->key, expected->value);
}

static struct wanted *find_wanted(struct tracer *tracer, const char *key)
{
	for (size_t i = 0; i < tracer->nr_wanted; i++) {
		const char *name = tracer->wanted[i].key;
		size_t len = strlen(name);

		if (!strcmp(name, key) || (name[len - 1] == '*' && !strncmp(name, key, len - 1)))
			return &tracer->wanted[i];
	}
	return NULL;
}

struct comparison {
	struct tracer *tracer;
	bool only_listed;
	size_t nr_wrong;
};

/* What epoll instances watch is told by the kernel, or by nobody: it stays 0 then, and is not shown. */
static bool is_uncounted(const char *key)
{
	return !strncmp(key, "epoll_wait.watched", strlen("epoll_wait.watched")) &&
	       !counts_watched_by_epoll();
}

static void compare_key(void *context, const struct key *key)
{
	struct comparison *comparison = context;
	struct wanted *wanted = find_wanted(comparison->tracer, key->name);
	uint64_t value = wanted ? wanted->value : 0;

	if (is_uncounted(key->name))
		value = 0;
	if (wanted)
		wanted->is_met = true;
	else if (key->may_be_unlisted || comparison->only_listed)
		return;
	if (value == ANY || value == key->value)
		return;
	comparison->nr_wrong++;
	print_error("%s is %lld, not %lld\n", key->name, (long long)key->value, (long long)value);
}

static void compare(struct tracer *tracer, const struct looked_at *at, bool only_listed,
		    const char *file, int line)
{
	struct comparison comparison = { .tracer = tracer, .only_listed = only_listed };

	each_key(tracer, at, &(struct visit){ compare_key, &comparison });
	for (size_t i = 0; i < tracer->nr_wanted; i++) {
		if (tracer->wanted[i].is_met)
			continue;
		comparison.nr_wrong++;
		print_error("%s: no such key\n", tracer->wanted[i].key);
	}
	tracer->nr_wanted = 0;
	if (comparison.nr_wrong)
		_fail(file, line);
}

void check(struct tracer *tracer, const struct profile_process *process, const char *file, int line)
{
	compare(tracer, &(struct looked_at){ .process = process }, false, file, line);
}

void check_listed(struct tracer *tracer, const struct profile_process *process, const char *file,
		  int line)
{
	compare(tracer, &(struct looked_at){ .process = process }, true, file, line);
}

void check_epoll(struct tracer *tracer, const struct profile_epoll *epoll, const char *file,
		 int line)
{
	compare(tracer, &(struct looked_at){ .epoll = epoll }, false, file, line);
}

void check_descriptor(struct tracer *tracer, const struct profile_descriptor *descriptor,
		      const char *file, int line)
{
	compare(tracer, &(struct looked_at){ .descriptor = descriptor }, false, file, line);
}

struct lookup {
	const char *name;
	uint64_t value;
	bool is_found;
};

static void look_up(void *context, const struct key *key)
{
	struct lookup *lookup = context;

	if (strcmp(lookup->name, key->name))
		return;
	lookup->value = key->value;
	lookup->is_found = true;
}

uint64_t value_of(const struct tracer *tracer, const struct profile_process *process,
		  const char *key)
{
	struct lookup lookup = { .name = key };

	each_key(tracer, &(struct looked_at){ .process = process },
		 &(struct visit){ look_up, &lookup });
	if (!lookup.is_found)
		fail_msg("%s: no such key", key);
	return lookup.value;
}

unsigned bucket_of(uint64_t value)
{
	unsigned bucket = 0;

	for (; value; value /= 2)
		bucket++;
	return bucket;
}
