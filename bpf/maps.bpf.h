/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the counts are kept. Every .bpf.c includes this; the maps are weak, so
 * the linker makes one of each. Sizes are set by user space before loading.
 */
#ifndef FDSCOPE_MAPS_BPF_H
#define FDSCOPE_MAPS_BPF_H

#include <fdscope/config.h>
#include <fdscope/epoll_rows.h>
#include <fdscope/rows.h>

/* Rows of threads; mapped into user space, which reads them without system calls. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct thread);
} threads SEC(".maps") __weak;

/* Numbers of the rows that are nobody's. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1024);
	__uint(key_size, 0);
	__uint(value_size, sizeof(__u32));
} free_rows SEC(".maps") __weak;

/* task_struct's address to row: an address is one task's until its row is given up at its exit. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
} rows_by_task SEC(".maps") __weak;

/* Row of a process's ended threads, present from the end of its first one. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct process_key);
	__type(value, __u32);
} ended_rows SEC(".maps") __weak;

/* The targets, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct process);
} processes SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct listener_key);
	__type(value, struct listener);
} listeners SEC(".maps") __weak;

struct claim_key {
	__u64 table; /* its map's address would do, were it known */
	__u64 row;
};

/*
 * Tables of rows that stay where they are, with a stack of the numbers that are
 * nobody's. User space reads the rows without system calls.
 */
#define TABLE(name, free_name, row)                \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1024);         \
		__type(key, __u32);                \
		__type(value, row);                \
	} name SEC(".maps") __weak;                \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_STACK);  \
		__uint(max_entries, 1024);         \
		__uint(key_size, 0);               \
		__uint(value_size, sizeof(__u32)); \
	} free_name SEC(".maps") __weak

#define INDEX(name, key_type, value_type)        \
	struct {                                 \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, 1024);       \
		__type(key, key_type);           \
		__type(value, value_type);       \
	} name SEC(".maps") __weak

TABLE(instances, free_instances, struct instance);
TABLE(epoll_uses, free_uses, struct epoll_use);
TABLE(registrations, free_registrations, struct registration);
TABLE(descriptions, free_descriptions, struct description);

INDEX(instances_by_ep, __u64, __u32);
INDEX(uses_by_thread, struct thread_use_key, __u32);
INDEX(ended_uses, struct use_key, __u32);
INDEX(registrations_by_key, struct registration_key, __u32);
INDEX(registrations_by_data, struct data_key, __u64); /* rows, packed */
INDEX(descriptions_by_file, __u64, __u32);

/* Rows that someone is about to give back, for as long as it takes to note it: see claim(). */
INDEX(claims, struct claim_key, __u8);

/* What a use is looked at for at its next wait; by the number of its row. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct batch);
} batches SEC(".maps") __weak;

/* Targets that ended: struct process_end. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} ended_processes SEC(".maps") __weak;

/* The one whose members are targets, if config.cgroup. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} cgroups SEC(".maps") __weak;

extern const volatile struct config config;

/* Written atomically; threads' own losses are in their rows. */
extern __u64 losses[LOSSES];
extern __u64 unseen[UNSEENS];
extern __u64 folds_begun, folds_done;

/* Number of the walk over descriptors at hand; only user space writes it. */
extern __u32 walk;

/* The last walk that was to find what is older than the probes; 0 until it is over. */
extern __u32 settled_walk;

/* Counts the instances that ended: from then on another one can live at the address. */
extern __u32 epoch;

/* 1 from when the description of an epoll instance is known: only then can one be watched by another. */
extern __u32 knows_epolls;

/*
 * 1 from when a description can be known that no instance watches: reported by
 * poll or select, or removed from its instance. Until then one look at the file
 * tells that there is none.
 */
extern __u32 looks_everywhere;

/*
 * 1 from when everything is attached until nothing is to be counted any more.
 * Trampolines are attached and taken off one by one, which takes seconds: what
 * comes in by one before or after finds no row to count in.
 */
extern __u32 is_live;

/*
 * The row last used on each CPU, a cache line each: nearly always the one that
 * is wanted, and an array lookup costs a tenth of a hash lookup. Only a hint:
 * the row says whose it is. User space makes all of them ~0, which is no row,
 * when nothing is to be counted any more: so is_live need not be looked at first.
 */
#define CPU_HINTS 1024
extern __u32 cpu_hints[CPU_HINTS][16];

/*
 * Takes what @word says is there: 1, and 0 from then on. True for one of several
 * that try at once. A compare-and-swap would do, but before 5.12 ("bpf: Add
 * instructions for atomic_[cmp]xchg") no program may so much as contain one.
 */
static __always_inline bool claim(volatile __u32 *word, __u64 table, __u32 row)
{
	struct claim_key key = { .table = table, .row = row };
	bool is_ours;
	__u8 held = 1;

	if (*word != 1 || bpf_map_update_elem(&claims, &key, &held, BPF_NOEXIST))
		return false;
	is_ours = *word == 1;
	*word = 0;
	bpf_map_delete_elem(&claims, &key);
	return is_ours;
}

static __always_inline void count_loss(enum loss cause)
{
	__sync_fetch_and_add(&losses[cause], 1);
}

#endif
