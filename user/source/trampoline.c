/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/trampoline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>

static const struct bpf_insn look[] = {
	{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_1 },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

/* The program's descriptor, or -errno. */
static int load(uint32_t function, const struct bpf_insn *insns, size_t nr)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = function);
	int program =
		bpf_prog_load(BPF_PROG_TYPE_TRACING, "trial", "Dual BSD/GPL", insns, nr, &opts);

	return program < 0 ? -errno : program;
}

int trampoline_try(uint32_t function)
{
	int program = load(function, look + 1, 2), link, err = 0;

	if (program < 0)
		return program;
	link = bpf_raw_tracepoint_open(NULL, program);
	if (link < 0)
		err = -errno;
	else
		close(link);
	close(program);
	return err;
}

int trampoline_try_argument(uint32_t function)
{
	int program = load(function, look, 3);

	if (program == -EACCES)
		return -EOPNOTSUPP;
	if (program < 0)
		return program;
	close(program);
	return 0;
}

bool trampoline_is_locked_down(void)
{
	char line[128] = "";
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return strstr(line, "[integrity]") || strstr(line, "[confidentiality]");
}
