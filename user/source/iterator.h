/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* BPF iterators whose programs print nothing: reading one is the pass over what it goes through. */
#ifndef FDSCOPE_ITERATOR_H
#define FDSCOPE_ITERATOR_H

struct bpf_link;
struct bpf_map;
struct bpf_program;

/* Lets @program, of SEC("iter/bpf_map_elem"), go through @map: a link of the caller's, or NULL and errno. */
struct bpf_link *iterator_over(struct bpf_program *program, struct bpf_map *map);

/* Goes through everything once; 0 or -errno. */
int iterator_run(const struct bpf_link *link);

/* Both, and nothing stays attached; 0 or -errno. */
int iterator_once(struct bpf_program *program, struct bpf_map *map);

#endif
