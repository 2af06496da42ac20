/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Looks at the other end of a connection. An acknowledgement alone is the weaker witness twice
 * over: TCP acknowledges what the application has not read yet, and in an interactive exchange
 * (tcp(7), TCP_QUICKACK) it delays doing so by 40 ms. So sock_diag(7) is asked about the
 * server's own socket, by its addresses: unprivileged, one hash lookup, no module beyond what
 * ss(8) uses.
 */
#include "peer.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * TCP_LISTEN of net/tcp_states.h; <netinet/tcp.h>, which also has it, cannot stand beside
 * <linux/tcp.h>, and only that one's tcp_info reaches to tcpi_bytes_received.
 */
#define STATE_LISTEN 10

struct diag_query {
	struct nlmsghdr nlh;
	struct inet_diag_req_v2 req;
};

union diag_reply {
	struct nlmsghdr nlh;
	char bytes[4096]; /* measured: one socket with tcp_info takes under 500 */
};

void peer_watch_init(struct peer_watch *watch)
{
	watch->diag_fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

void peer_watch_close(struct peer_watch *watch)
{
	if (watch->diag_fd >= 0)
		close(watch->diag_fd);
	watch->diag_fd = -1;
}

static void copy_address(const struct sockaddr_storage *from, __be32 address[4], __be16 *port)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;

	if (from->ss_family == AF_INET6) {
		memcpy(address, &v6->sin6_addr, sizeof(v6->sin6_addr));
		*port = v6->sin6_port;
	} else {
		memcpy(address, &v4->sin_addr, sizeof(v4->sin_addr));
		*port = v4->sin_port;
	}
}

/* The server's source is our peer and its destination is us. */
static int query_for(struct diag_query *query, int fd)
{
	struct sockaddr_storage ours, theirs;
	socklen_t ours_len = sizeof(ours), theirs_len = sizeof(theirs);
	struct inet_diag_sockid *id = &query->req.id;

	if (getsockname(fd, (struct sockaddr *)&ours, &ours_len) < 0 ||
	    getpeername(fd, (struct sockaddr *)&theirs, &theirs_len) < 0)
		return -errno;
	*query = (struct diag_query){
		.nlh = { .nlmsg_len = sizeof(*query),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST },
		.req = { .sdiag_family = theirs.ss_family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_ext = 1 << (INET_DIAG_INFO - 1),
			 .idiag_states = ~0u },
	};
	copy_address(&theirs, id->idiag_src, &id->idiag_sport);
	copy_address(&ours, id->idiag_dst, &id->idiag_dport);
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return 0;
}

static const struct tcp_info *find_tcp_info(const struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(nlh);
	const struct rtattr *attr = (const struct rtattr *)(msg + 1);
	int len = nlh->nlmsg_len - NLMSG_LENGTH(sizeof(*msg));

	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
		if (attr->rta_type == INET_DIAG_INFO &&
		    RTA_PAYLOAD(attr) >= offsetof(struct tcp_info, tcpi_bytes_received) + 8)
			return RTA_DATA(attr);
	return NULL;
}

/*
 * Two numbers are needed. An empty receive queue (idiag_rqueue, rcv_nxt - copied_seq) is also
 * what a segment that has not arrived leaves, or one that waits in the socket's backlog while
 * the server is inside recv(); bytes_received, which moves with rcv_nxt, tells those apart.
 * Without an established socket the lookup finds the listener, whose state betrays it.
 */
static int all_read(const union diag_reply *reply, ssize_t len, uint64_t sent)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(&reply->nlh);
	const struct tcp_info *info;

	if (len < 0 || !NLMSG_OK(&reply->nlh, (size_t)len) ||
	    reply->nlh.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    reply->nlh.nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || msg->idiag_state == STATE_LISTEN)
		return -ENOENT;
	info = find_tcp_info(&reply->nlh);
	if (!info)
		return -ENOENT;
	return info->tcpi_bytes_received >= sent && !msg->idiag_rqueue;
}

/* 1 read, 0 not yet, -errno: cannot be seen. sock_diag answers inside sendto(): no waiting here. */
static int ask_diag(int diag_fd, int fd, uint64_t sent)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct diag_query query;
	union diag_reply reply;
	ssize_t len;
	int err;

	err = query_for(&query, fd);
	if (err)
		return err;
	if (sendto(diag_fd, &query, sizeof(query), 0, (const struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	len = recv(diag_fd, &reply, sizeof(reply), MSG_DONTWAIT);
	return all_read(&reply, len, sent);
}

/* tcp(7): SIOCOUTQ counts what is unsent or unacknowledged. */
static bool is_acknowledged(int fd)
{
	int unacked = 0;

	return ioctl(fd, SIOCOUTQ, &unacked) < 0 || unacked == 0;
}

bool peer_has_read(const struct peer_watch *watch, int fd, uint64_t sent)
{
	int answer = -ENOENT;

	if (watch->diag_fd >= 0)
		answer = ask_diag(watch->diag_fd, fd, sent);
	return answer < 0 ? is_acknowledged(fd) : answer;
}
