/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Differences between architectures and kernels, each in one place. */
#ifndef FDSCOPE_COMPAT_BPF_H
#define FDSCOPE_COMPAT_BPF_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

/*
 * Who runs. Since 5.11 ("bpf: Add a bpf_get_current_task_btf helper") a helper
 * gives a pointer that the verifier lets programs read through; before, what
 * comes of it must be read as any kernel memory.
 */
static __always_inline struct task_struct *current_task(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		return bpf_get_current_task_btf();
	return (struct task_struct *)bpf_get_current_task();
}

/* A member behind a pointer that came of current_task(). */
#define FOLLOW(ptr, member)                                                                      \
	({                                                                                       \
		typeof(ptr) follow_ptr = (ptr);                                                  \
		typeof(follow_ptr->member) follow_value;                                         \
		if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) \
			follow_value = follow_ptr->member;                                       \
		else                                                                             \
			follow_value = BPF_CORE_READ(follow_ptr, member);                        \
		follow_value;                                                                    \
	})

/*
 * Does the verifier know the bounds of a number that was put on the stack and taken
 * from there again? Since 5.11, too ("bpf: Track spill/fill of bounded scalars").
 */
static __always_inline bool are_spills_tracked(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/* The registers with which the current system call came in; from 5.15 on. */
static __always_inline struct pt_regs *current_regs(void)
{
	return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

#define barrier() asm volatile("" ::: "memory")

#if defined(__TARGET_ARCH_x86)

#define EPOLL_EVENT_BYTES 12	 /* struct epoll_event is packed on x86-64 only */
#define TS_COMPAT	  0x0002 /* arch/x86/include/asm/thread_info.h */

/* The arguments are still in their registers when the call returns. */
#define ARG1(regs)	 ((regs)->di)
#define ARG2(regs)	 ((regs)->si)
#define ARG3(regs)	 ((regs)->dx)
#define ARG4(regs)	 ((regs)->r10)
#define ARG5(regs)	 ((regs)->r8)
#define ARG6(regs)	 ((regs)->r9)
#define SYSCALL_NR(regs) ((regs)->orig_ax)

/* Calls through int 0x80 or from 32-bit code carry ia32 numbers. */
static __always_inline bool is_compat_call(struct task_struct *task, struct pt_regs *regs)
{
	return FOLLOW(task, thread_info.status) & TS_COMPAT;
}

#define ORDERED_INCREMENT(counter) ((counter)++) /* stores are not reordered */

#elif defined(__TARGET_ARCH_arm64)

#define EPOLL_EVENT_BYTES 16
#define PSR_MODE32_BIT	  0x10 /* arch/arm64/include/uapi/asm/ptrace.h */

/* The register of the first argument is the result's, too; the kernel keeps what it was. */
#define ARG1(regs)	  ((regs)->orig_x0)
#define ARG2(regs)	  ((regs)->regs[1])
#define ARG3(regs)	  ((regs)->regs[2])
#define ARG4(regs)	  ((regs)->regs[3])
#define ARG5(regs)	  ((regs)->regs[4])
#define ARG6(regs)	  ((regs)->regs[5])
#define SYSCALL_NR(regs)  ((regs)->syscallno)

/* All calls of a 32-bit program, whose numbers are others. */
static __always_inline bool is_compat_call(struct task_struct *task, struct pt_regs *regs)
{
	return regs->pstate & PSR_MODE32_BIT;
}

/*
 * On x86 an atomic addition keeps what stands before and after it in order, and
 * that is relied on. Here only one does whose result is used (BPF_FETCH).
 */
#define __sync_fetch_and_add(at, value)                                          \
	({                                                                       \
		typeof(*(at)) fetched_value = __sync_fetch_and_add((at), value); \
		asm volatile("" ::"r"(fetched_value) : "memory");                \
		fetched_value;                                                   \
	})
#define ORDERED_INCREMENT(counter) __sync_fetch_and_add(&(counter), 1)

#else
#error "fdscope knows the system call conventions of x86-64 and arm64 only"
#endif

/*
 * Since 6.2 a pointer that came out of kernel memory can be read through as the
 * verifier reads through those it knows: a load that faults gives 0. That is a
 * tenth of the cost of bpf_probe_read_kernel(), which does it elsewhere. Only
 * for the object whose source defines READS_OFTEN: libbpf 1.1 cannot link two
 * that declare the same kernel function.
 */
#ifdef READS_OFTEN
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define READ(ptr, member)                                                                       \
	({                                                                                      \
		typeof(ptr) read_ptr = (ptr);                                                   \
		typeof(read_ptr->member) read_value;                                            \
		if (bpf_rdonly_cast) {                                                          \
			read_ptr = bpf_rdonly_cast(read_ptr,                                    \
						   bpf_core_type_id_kernel(typeof(*read_ptr))); \
			read_value = read_ptr->member;                                          \
		} else {                                                                        \
			read_value = BPF_CORE_READ(read_ptr, member);                           \
		}                                                                               \
		read_value;                                                                     \
	})
#else
#define READ(ptr, member)                        \
	({                                       \
		typeof(ptr) read_ptr = (ptr);    \
		BPF_CORE_READ(read_ptr, member); \
	})
#endif

/*
 * READ() in two steps, for an object of which several members are read: CAST() it
 * once, which costs as much as half a read, and SEE() them, and through what they point to.
 */
#ifdef READS_OFTEN
#define CAST(ptr)                                                                               \
	({                                                                                      \
		typeof(ptr) cast_ptr = (ptr);                                                   \
		if (bpf_rdonly_cast)                                                            \
			cast_ptr = bpf_rdonly_cast(cast_ptr,                                    \
						   bpf_core_type_id_kernel(typeof(*cast_ptr))); \
		cast_ptr;                                                                       \
	})
#define SEE(ptr, member)                                            \
	({                                                          \
		typeof(ptr) see_ptr = (ptr);                        \
		typeof(see_ptr->member) see_value;                  \
		if (bpf_rdonly_cast)                                \
			see_value = see_ptr->member;                \
		else                                                \
			see_value = BPF_CORE_READ(see_ptr, member); \
		see_value;                                          \
	})
#else
#define CAST(ptr)	 (ptr)
#define SEE(ptr, member) READ(ptr, member)
#endif

/*
 * The word that stands at @at, as the verifier's scalar, so that a pointer can be
 * hashed: the kernel's BTF has a struct that begins with a bare word.
 */
static __always_inline u64 read_word(void *at)
{
	struct rb_node *word = at;

	return READ(word, __rb_parent_color);
}

static __always_inline void *read_pointer(void *at)
{
	return (void *)read_word(at);
}

/*
 * The epitems that watch @file hang together by their member fllink, whose
 * addresses newest_link() and older_link() go through: of a hlist whose head the
 * file points to, and before 5.11 ("epoll: take epitem list out of struct file")
 * of a list that is in the file itself. Not inline, so that the compiler does
 * not look for its head on kernels that have none.
 */
static __noinline __attribute__((unused)) __u64 link_before(struct file *file, __u64 link)
{
	__u64 head = (__u64) & ((struct file___links *)file)->f_ep_links;
	__u64 before = (__u64)BPF_CORE_READ((struct list_head *)(link ?: head), prev);

	return before == head ? 0 : before;
}

static __always_inline __u64 newest_link(struct file *file)
{
	struct hlist_head *head;

	if (!bpf_core_field_exists(file->f_ep))
		return link_before(file, 0);
	head = READ(file, f_ep);
	return head ? read_word(&head->first) : 0;
}

static __always_inline __u64 older_link(struct file *file, __u64 link)
{
	if (!bpf_core_field_exists(file->f_ep))
		return link_before(file, link);
	return read_word(&((struct hlist_node *)link)->next);
}

/* Does an epoll instance watch @file? */
static __always_inline bool is_in_epoll(struct file *file)
{
	if (bpf_core_field_exists(file->f_ep))
		return READ(file, f_ep) != NULL;
	return newest_link(file);
}

static __always_inline struct epitem *epitem_of(__u64 link)
{
	return (void *)link - bpf_core_field_offset(struct epitem, fllink);
}

/*
 * Whether the epitem at @epi hangs in such a list: taking it out leaves a
 * poisoned pointer behind that is none of the kernel's (include/linux/poison.h).
 */
static __always_inline bool is_linked(struct epitem *epi)
{
	__u64 back;

	if (bpf_core_field_exists(((struct file *)0)->f_ep))
		back = (__u64)READ(epi, fllink.pprev);
	else
		back = (__u64)BPF_CORE_READ((struct epitem___links *)epi, fllink.prev);
	return back >> 56 == 0xff;
}

#define EP_UNACTIVE_PTR (~0ULL) /* fs/eventpoll.c */

/* What comes after @epi in its instance's ovflist; its name is an older one on some kernels. */
static __always_inline __u64 overflow_link(struct epitem *epi)
{
	if (bpf_core_field_exists(epi->ovflist_next))
		return (__u64)READ(epi, ovflist_next);
	return (__u64)BPF_CORE_READ((struct epitem___next *)epi, next);
}

/* Kernel-internal results that mean "a signal came": include/linux/errno.h */
#define EINTR		      4
#define ERESTARTSYS	      512
#define ERESTART_RESTARTBLOCK 516

static __always_inline bool is_interrupted(long ret)
{
	return ret == -EINTR || (ret <= -ERESTARTSYS && ret >= -ERESTART_RESTARTBLOCK);
}

/*
 * Clears what is at and above bit @bits in the word it falls into (nothing, if
 * that is bit 0 of a word that was not read); @nr_words is a power of two.
 */
static __always_inline void mask_last_word(unsigned long *words, u32 nr_words, u32 bits)
{
	u32 last = bits / 64;

	barrier_var(last); /* for the verifier: else the mask is optimised away */
	words[last & (nr_words - 1)] &= (1ULL << bits % 64) - 1;
}

#endif
