/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the counts are kept. Every .bpf.c includes this; the maps are weak, so
 * the linker makes one of each. Sizes are set by user space before loading.
 */
#ifndef FDSCOPE_MAPS_BPF_H
#define FDSCOPE_MAPS_BPF_H

#include <fdscope/config.h>
#include <fdscope/counters.h>

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

static __always_inline void count_loss(enum loss cause)
{
	__sync_fetch_and_add(&losses[cause], 1);
}

#endif
