/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types and members fdscope reads, by hand: this is the list of what
 * it depends on. Offsets come from the running kernel's BTF when the programs
 * are loaded (CO-RE); the order below is by subsystem and means nothing.
 */
#ifndef VMLINUX_H
#define VMLINUX_H

#ifndef __ASSEMBLY__
#define _LINUX_TYPES_H /* ours stand in for <linux/types.h> */
#define _LINUX_POSIX_TYPES_H
#endif

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __le16;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;

enum { false = 0, true = 1 };

/* include/uapi/linux/bpf.h: what libbpf's headers leave to vmlinux.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

enum {
	BPF_F_MMAPABLE = 1U << 10,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

/* arch: arguments of a system call, and how it was made */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
};

struct thread_info {
	u32 status; /* TS_COMPAT */
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 pstate;
	u64 orig_x0;
	s32 syscallno;
};
#endif

/* tracepoints: the records that programs of the classic kind are given */
struct trace_event_raw_sys_enter {
	long id;
};

struct trace_event_raw_sys_exit {
	long ret;
};

struct trace_event_raw_sched_process_fork {
	int child_pid;
};

/* sched: identity, switches, run queue delay */
struct sched_info {
	unsigned long long run_delay;
};

struct rlimit {
	unsigned long rlim_cur;
};

struct signal_struct {
	atomic_t live;
	struct rlimit rlim[16];
};

struct mm_struct {
	unsigned long task_size;
};

struct restart_block {
	long (*fn)(struct restart_block *);
};

struct task_struct {
#if defined(__TARGET_ARCH_x86)
	struct thread_info thread_info;
#endif
	struct sched_info sched_info;
	unsigned int personality;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	unsigned long nvcsw;
	u64 start_time;
	char comm[16];
	struct files_struct *files;
	struct signal_struct *signal;
	struct restart_block restart_block;
	struct mm_struct *mm;
};

/* include/linux/rbtree_types.h: to read an element of an array of pointers as a word */
struct rb_node {
	unsigned long __rb_parent_color;
};

/* fs: from a descriptor to its file, and what kind it is */
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *open_fds;
};

struct files_struct {
	struct fdtable *fdt;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct super_block {
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

typedef struct {
	long long counter;
} atomic64_t;

typedef struct {
	atomic64_t refcnt;
} file_ref_t;

struct file {
	unsigned int f_mode;
	void *private_data;
	struct inode *f_inode;
	struct path f_path;
	struct hlist_head *f_ep; /* of struct epitem, by fllink */
	file_ref_t f_ref;	 /* 0: one reference; since 6.13 */
};

/* Until 6.13. */
struct file___old {
	atomic64_t f_count;
};

/* Until 5.11. */
struct file___links {
	struct list_head f_ep_links;
};

struct epitem___links {
	struct list_head fllink;
};

/* fs/eventpoll.c */
typedef struct {
	atomic_t refs;
} refcount_t;

struct epoll_filefd {
	struct file *file;
	int fd;
};

struct epoll_event {
	u32 events;
	u64 data;
};

struct epitem {
	struct list_head rdllink;    /* in the list of ready ones, or to itself */
	struct epitem *ovflist_next; /* in ovflist, or EP_UNACTIVE_PTR */
	struct epoll_filefd ffd;
	struct eventpoll *ep;
	struct hlist_node fllink;
	struct epoll_event event;
};

/* What ovflist_next is called on older kernels. */
struct epitem___next {
	struct epitem *next;
};

struct wait_queue_entry {
	void *private; /* of epoll_wait: the task; of poll and select: struct poll_wqueues */
};

/* By which an epitem hangs in a wait queue of its file. */
struct eppoll_entry {
	struct epitem *base;
	struct wait_queue_entry wait;
};

/* fs/select.c: by which poll and select do */
struct poll_table_entry {
	unsigned int key; /* what is waited for */
	struct wait_queue_entry wait;
};

struct poll_wqueues {
	struct task_struct *polling_task;
};

struct pipe_buffer {
	unsigned int len;
};

struct pipe_inode_info {
	unsigned int head;
	unsigned int tail;
	unsigned int ring_size;
	struct pipe_buffer *bufs;
};

struct eventfd_ctx {
	unsigned int flags;
};

struct eventpoll {
	struct epitem
		*ovflist; /* while events are taken out, those that come; else EP_UNACTIVE_PTR */
	struct file *file;
	refcount_t refcount; /* one for the instance, one for each registration; since 6.6 */
};

/* net: listening sockets */
struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sk_buff_head {
	__u32 qlen;
};

struct sk_buff {
	struct sk_buff *next; /* as of sk_buff_head */
	char cb[48];
	unsigned int len;
};

struct unix_skb_parms {
	u32 consumed;
};

struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops;
	struct sk_buff_head sk_receive_queue;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	u16 sk_protocol;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
};

struct tcp_sock {
	u32 copied_seq;
	u32 rcv_nxt;
	u32 rcv_tstamp; /* jiffies */
};

struct socket {
	short type;
	struct sock *sk;
};

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
};

/* block/fs: io_uring's request, only as an argument */
struct io_kiocb {
	struct file *file;
};

struct linux_binprm {
	const char *filename;
};

/* kernel/bpf: iterators over all tasks and over the elements of a map */
struct seq_file {
	void *private;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_map {
	u32 max_entries;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

#pragma clang attribute pop

#endif
