/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "model/fields.h"

#define ADDRESS_LEN (sizeof("unix:@") + sizeof(((struct listener *)0)->path))

_Static_assert(ADDRESS_LEN > sizeof("[]:65535") + INET6_ADDRSTRLEN, "room for any address");

/* Writes @len bytes of @text, or those before its end, and returns where they end. */
static char *put(char *to, const char *text, size_t len)
{
	return stpncpy(to, text, strnlen(text, len));
}

static char *put_port(char *to, uint16_t port)
{
	if (port >= 10)
		to = put_port(to, port / 10);
	*to = '0' + port % 10;
	return to + 1;
}

/* False, and nothing written, if @family is none of the internet's. */
static bool put_internet(char name[ADDRESS_LEN], int family, const void *address, uint16_t port)
{
	char *end = name;

	if (family == AF_INET) {
		inet_ntop(AF_INET, address, name, ADDRESS_LEN);
		end = stpcpy(name + strlen(name), ":");
	} else if (family == AF_INET6) {
		inet_ntop(AF_INET6, address, name + 1, ADDRESS_LEN - 1);
		name[0] = '[';
		end = stpcpy(name + strlen(name), "]:");
	} else {
		return false;
	}
	*put_port(end, port) = '\0';
	return true;
}

/* False, and nothing written, if the socket has no name. */
static bool put_path(char name[ADDRESS_LEN], const struct listener *listener)
{
	size_t len = listener->path_len;
	char *end;

	if (listener->family != AF_UNIX || !len)
		return false;
	if (len > sizeof(listener->path))
		len = sizeof(listener->path);
	if (listener->path[0])
		end = put(stpcpy(name, "unix:"), listener->path, len);
	else
		end = put(stpcpy(name, "unix:@"), listener->path + 1, len - 1);
	*end = '\0';
	return true;
}

char *address_of_listener(const struct listener *listener)
{
	char name[ADDRESS_LEN];

	if (put_internet(name, listener->family, listener->address, listener->port) ||
	    put_path(name, listener))
		return strdup(name);
	return strdup("unknown");
}

/* A port of 0 is of a socket that was connected to nobody. */
char *address_of_description(const struct description *description)
{
	char name[ADDRESS_LEN];

	if (description->port &&
	    put_internet(name, description->family, description->address, description->port))
		return strdup(name);
	if (description->family == AF_UNIX)
		return strdup("unix");
	return strdup(kind_names[description->kind < FD_KINDS ? description->kind : KIND_OTHER]);
}
