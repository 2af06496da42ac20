/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Opening what the loops share, before any worker is forked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"
#include "log.h"
#include "server.h"

/*
 * /bytes/N repeats these. The memfd holds a whole number of periods and of
 * pages, so that it can be sent over and over: 36864 is the least common
 * multiple of 36 and 4096, and 57 of them are about two megabytes.
 */
static const char alphabet[36] = "abcdefghijklmnopqrstuvwxyz0123456789";
#define PATTERN_SIZE (36864 * 57)

/* Filled through the mapping, which makes no call that the tool counts. */
static int open_pattern(struct content *pattern, struct stats *stats)
{
	char *map;

	*pattern = (struct content){ .size = PATTERN_SIZE, .is_shared = true };
	pattern->fd = call_memfd(stats, "fdscope-server pattern");
	if (pattern->fd < 0)
		return log_err(-pattern->fd, "create a memfd");
	if (ftruncate(pattern->fd, PATTERN_SIZE))
		return log_err(errno, "size a memfd");
	map = mmap(NULL, PATTERN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, pattern->fd, 0);
	if (map == MAP_FAILED)
		return log_err(errno, "map a memfd");
	for (size_t i = 0; i < PATTERN_SIZE; i += sizeof(alphabet))
		memcpy(map + i, alphabet, sizeof(alphabet));
	pattern->map = map;
	return 0;
}

struct address {
	struct sockaddr_storage storage;
	socklen_t len;
};

/* The options made sure that @text is one of both. No getaddrinfo(): it reads files. */
static void parse_address(struct address *address, const char *text, int port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		address->len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		address->len = sizeof(*v6);
	}
}

static void print_address(char *text, size_t size, const struct address *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
	char host[INET6_ADDRSTRLEN];

	if (address->storage.ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%d", host, ntohs(v4->sin_port));
	} else {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%d", host, ntohs(v6->sin6_port));
	}
}

/* Binds and listens; on return @address holds the port that the kernel chose. */
static int listen_on(int fd, const struct options *opts, struct address *address)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		return -errno;
	if (opts->is_reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		return -errno;
	if (bind(fd, (struct sockaddr *)&address->storage, address->len))
		return -errno;
	if (listen(fd, opts->backlog))
		return -errno;
	if (getsockname(fd, (struct sockaddr *)&address->storage, &address->len))
		return -errno;
	return 0;
}

static int open_listener(int *fd, const struct options *opts, struct address *address,
			 struct stats *stats)
{
	int err;

	*fd = call_socket(stats, address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK);
	err = *fd < 0 ? *fd : listen_on(*fd, opts, address);
	return err ? log_err(-err, "listen on %s, port %d", opts->bind, opts->port) : 0;
}

/* With port 0 the first one's port is everybody's. */
static int open_listeners(struct server *server, struct stats *stats)
{
	const struct options *opts = server->opts;
	struct address address;
	int err = 0;

	parse_address(&address, opts->bind, opts->port);
	server->nr_listeners = opts->is_reuseport ? server->nr_loops : 1;
	server->listeners = malloc(server->nr_listeners * sizeof(*server->listeners));
	if (!server->listeners)
		return log_err(ENOMEM, "listen");
	memset(server->listeners, -1, server->nr_listeners * sizeof(*server->listeners));
	for (int i = 0; i < server->nr_listeners && !err; i++)
		err = open_listener(&server->listeners[i], opts, &address, stats);
	print_address(server->local, sizeof(server->local), &address);
	return err;
}

int server_open(struct server *server, const struct options *opts, struct stats *stats)
{
	int err;

	*server = (struct server){
		.opts = opts,
		.nr_loops = opts->workers * opts->threads,
		.pattern = CONTENT_NONE,
		.root_fd = -1,
	};
	if (opts->root) {
		server->root_fd = call_open(stats, opts->root, O_PATH | O_DIRECTORY);
		if (server->root_fd < 0)
			return log_err(-server->root_fd, "open --root %s", opts->root);
	}
	err = open_pattern(&server->pattern, stats);
	return err ? err : open_listeners(server, stats);
}

void server_close_listeners(struct server *server, int from, int to, struct stats *stats)
{
	for (int i = 0; i < server->nr_listeners; i++) {
		bool is_used = server->nr_listeners == 1 ? from < to : i >= from && i < to;

		if (is_used)
			continue;
		call_close(stats, server->listeners[i]);
		server->listeners[i] = -1;
	}
}

void server_close(struct server *server, struct stats *stats)
{
	server_close_listeners(server, 0, 0, stats);
	free(server->listeners);
	server->pattern.is_shared = false;
	content_close(&server->pattern, stats);
	call_close(stats, server->root_fd);
}

int server_listener(const struct server *server, int loop_idx)
{
	return server->listeners[server->nr_listeners == 1 ? 0 : loop_idx];
}
