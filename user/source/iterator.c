/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/iterator.h"

#include <errno.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

struct bpf_link *iterator_over(struct bpf_program *program, struct bpf_map *map)
{
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(map) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(program, &opts);
}

int iterator_run(const struct bpf_link *link)
{
	int fd = bpf_iter_create(bpf_link__fd(link));
	char discard[256];
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, discard, sizeof(discard));
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	close(fd);
	return n < 0 ? -errno : 0;
}

int iterator_once(struct bpf_program *program, struct bpf_map *map)
{
	struct bpf_link *link = iterator_over(program, map);
	int err = link ? iterator_run(link) : -errno;

	bpf_link__destroy(link);
	return err;
}
