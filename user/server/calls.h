/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every system call of the families that the tool counts, each made here and
 * nowhere else, and counted beside the call. Results are the call's own, with
 * -errno in place of -1. No call is retried here.
 */
#ifndef SERVER_CALLS_H
#define SERVER_CALLS_H

#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "stats.h"

/* @nr_watched: registrations of @epfd, which only its owner can know. */
int call_epoll_wait(struct stats *stats, int epfd, struct epoll_event *events, int max_events,
		    int timeout_ms, uint64_t nr_watched);
int call_epoll_ctl(struct stats *stats, int epfd, int op, int fd, struct epoll_event *event);
int call_poll(struct stats *stats, struct pollfd *fds, nfds_t nr, int timeout_ms);

/* Both sets are given, and overwritten with what is ready. @timeout_ms as poll's. */
int call_select(struct stats *stats, int n, fd_set *in, fd_set *out, int timeout_ms,
		uint64_t nr_watched);

int call_accept(struct stats *stats, int listener);

/* read is of a socket, pread of a file. */
ssize_t call_read(struct stats *stats, int fd, void *buf, size_t len);
ssize_t call_pread(struct stats *stats, int fd, void *buf, size_t len, off_t at);
ssize_t call_write(struct stats *stats, int fd, enum fd_kind kind, const void *buf, size_t len);
ssize_t call_send(struct stats *stats, int fd, const void *buf, size_t len, int flags);
ssize_t call_sendfile(struct stats *stats, int to, int from, off_t at, size_t len);

/* @kind is that of @to, and @at NULL unless @from is a file. */
ssize_t call_splice(struct stats *stats, int from, off_t *at, int to, enum fd_kind kind, size_t len,
		    unsigned int flags);

int call_socket(struct stats *stats, int family, int type);
int call_epoll_create(struct stats *stats);
int call_pipe(struct stats *stats, int ends[2]);
int call_open(struct stats *stats, const char *path, int flags);
int call_open_beneath(struct stats *stats, int root_fd, const char *path, int flags);
int call_memfd(struct stats *stats, const char *name);
int call_signalfd(struct stats *stats, const sigset_t *signals);
int call_eventfd(struct stats *stats, unsigned int count);
int call_dup(struct stats *stats, int fd);
void call_close(struct stats *stats, int fd);

/* What the profile calls the file behind @fd. */
enum fd_kind call_kind_of(int fd);

#endif
