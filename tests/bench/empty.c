/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * empty tp_btf|fentry: attaches the empty programs (empty.bpf.c) of that kind,
 * says "live" and holds them until it is ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/libbpf.h>

#include "empty.skel.h"

static bool is_wanted(const struct bpf_program *program, const char *kind)
{
	bool is_tp_btf = !strncmp(bpf_program__section_name(program), "tp_btf/", 7);

	return is_tp_btf == !strcmp(kind, "tp_btf");
}

static int attach_kind(struct empty_bpf *skel, const char *kind)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skel->obj) {
		bpf_program__set_autoload(program, is_wanted(program, kind));
	}
	return empty_bpf__load(skel) ?: empty_bpf__attach(skel);
}

int main(int argc, char **argv)
{
	struct empty_bpf *skel;

	if (argc != 2 || (strcmp(argv[1], "tp_btf") && strcmp(argv[1], "fentry"))) {
		fprintf(stderr, "usage: empty tp_btf|fentry\n");
		return 2;
	}
	skel = empty_bpf__open();
	if (!skel || attach_kind(skel, argv[1]))
		return 3; /* libbpf has said why */
	printf("live\n");
	fflush(stdout);
	pause();
	return 0;
}
