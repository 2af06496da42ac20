/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The traced system calls. BPF makes its table and its doors of them; user
 * space looks whether the kernel has a function for each.
 */
#ifndef FDSCOPE_CALLS_H
#define FDSCOPE_CALLS_H

#include <asm/unistd.h>

#define __NR_sendfile64 __NR_sendfile /* the kernel's name for it */
#ifndef __NR_openat2
#define __NR_openat2 437
#endif

/*
 * The calls by the name of the kernel's function behind CALL_FUNCTION(): OPEN(name) of
 * those that do nothing but open a descriptor, else EXIT(name, handler, ...), or
 * BOTH(name, handler, ...) if they are looked at on entry, too. The rest are the
 * members of struct call, bpf/calls.bpf.h. restart_syscall is none of them: it
 * only leads on to the function that resumes what was broken off, and of those
 * poll's alone is traced.
 */
#define RESUMES_POLL "do_restart_poll" /* fs/select.c */

/* arch/x86 and arch/arm64: include/asm/syscall_wrapper.h */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define CALL_FUNCTION(name) "__arm64_sys_" #name
#else
#define CALL_FUNCTION(name) "__x64_sys_" #name
#endif

/* clang-format off */
/* What younger architectures do not have: something else came in its place. */
#ifdef __NR_epoll_wait
#define SUPERSEDED_CALLS(OPEN, EXIT, BOTH) \
	BOTH(epoll_wait, CALL_WAIT, WAIT_EPOLL, WAIT_MS) \
	BOTH(poll, CALL_WAIT, WAIT_POLL, WAIT_MS) \
	BOTH(select, CALL_WAIT, WAIT_SELECT, WAIT_TIMEVAL) \
	BOTH(dup2, CALL_DUP_TO) \
	EXIT(signalfd, CALL_SIGNALFD) \
	EXIT(pipe, CALL_OPEN_PAIR) \
	OPEN(open) \
	OPEN(creat) \
	EXIT(epoll_create, CALL_EPOLL_CREATE) \
	OPEN(eventfd) \
	OPEN(inotify_init)
#else
#define SUPERSEDED_CALLS(OPEN, EXIT, BOTH)
#endif

#define TRACED_CALLS(OPEN, EXIT, BOTH) \
	SUPERSEDED_CALLS(OPEN, EXIT, BOTH) \
	BOTH(epoll_pwait, CALL_WAIT, WAIT_EPOLL, WAIT_MS_MASK) \
	BOTH(epoll_pwait2, CALL_WAIT, WAIT_EPOLL, WAIT_TIMESPEC_MASK) \
	BOTH(ppoll, CALL_WAIT, WAIT_POLL, WAIT_TIMESPEC_MASK) \
	BOTH(pselect6, CALL_WAIT, WAIT_SELECT, WAIT_TIMESPEC_PACK) \
	EXIT(listen, CALL_LISTEN) \
	BOTH(epoll_ctl, CALL_EPOLL_CTL) \
	BOTH(accept, CALL_ACCEPT) \
	BOTH(accept4, CALL_ACCEPT) \
	EXIT(read, CALL_IO, IO_READ, IO_PLAIN, 1) \
	EXIT(readv, CALL_IO, IO_READ, IO_IOV, 1) \
	EXIT(pread64, CALL_IO, IO_READ, IO_PLAIN, 1) \
	EXIT(preadv, CALL_IO, IO_READ, IO_IOV, 1) \
	EXIT(preadv2, CALL_IO, IO_READ, IO_IOV, 1) \
	EXIT(recvfrom, CALL_IO, IO_READ, IO_FLAGS4, 1) \
	EXIT(recvmsg, CALL_IO, IO_READ, IO_MSG, 1) \
	EXIT(recvmmsg, CALL_IO, IO_READ, IO_MMSG, 1) \
	EXIT(write, CALL_IO, IO_WRITE, IO_PLAIN, 1) \
	EXIT(writev, CALL_IO, IO_WRITE, IO_IOV, 1) \
	EXIT(pwrite64, CALL_IO, IO_WRITE, IO_PLAIN, 1) \
	EXIT(pwritev, CALL_IO, IO_WRITE, IO_IOV, 1) \
	EXIT(pwritev2, CALL_IO, IO_WRITE, IO_IOV, 1) \
	EXIT(sendto, CALL_IO, IO_WRITE, IO_FLAGS4, 1) \
	EXIT(sendmsg, CALL_IO, IO_WRITE, IO_MSG, 1) \
	EXIT(sendmmsg, CALL_IO, IO_WRITE, IO_MMSG, 1) \
	EXIT(sendfile64, CALL_IO, IO_SENDFILE, IO_LENGTH4, 1) \
	EXIT(splice, CALL_IO, IO_SPLICE, IO_LENGTH5, 3) \
	EXIT(tee, CALL_IO, IO_TEE, IO_LENGTH3, 2) \
	EXIT(vmsplice, CALL_IO, IO_VMSPLICE, IO_IOV, 1) \
	EXIT(copy_file_range, CALL_IO, IO_COPY_FILE_RANGE, IO_LENGTH5, 3) \
	BOTH(execve, CALL_EXEC) \
	BOTH(execveat, CALL_EXEC) \
	BOTH(close, CALL_CLOSE) \
	BOTH(close_range, CALL_CLOSE_RANGE) \
	BOTH(dup3, CALL_DUP_TO) \
	EXIT(fcntl, CALL_FCNTL) \
	EXIT(signalfd4, CALL_SIGNALFD) \
	EXIT(pipe2, CALL_OPEN_PAIR) \
	EXIT(socketpair, CALL_OPEN_PAIR) \
	OPEN(openat) \
	OPEN(openat2) \
	OPEN(open_by_handle_at) \
	OPEN(socket) \
	OPEN(dup) \
	EXIT(epoll_create1, CALL_EPOLL_CREATE) \
	OPEN(eventfd2) \
	OPEN(timerfd_create) \
	OPEN(inotify_init1) \
	OPEN(fanotify_init) \
	OPEN(memfd_create) \
	OPEN(memfd_secret) \
	OPEN(userfaultfd) \
	OPEN(perf_event_open) \
	OPEN(pidfd_open) \
	OPEN(io_uring_setup) \
	OPEN(mq_open) \
	OPEN(open_tree) \
	OPEN(fsopen) \
	OPEN(fspick) \
	OPEN(fsmount)
/* clang-format on */

#endif
