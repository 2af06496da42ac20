/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "source/trial.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "source/doors.h"
#include "source/probes.h"
#include "source/procfs.h"
#include "source/wakeups.h"

bool trial_counts_registrations(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	bool found = false;
	int id = btf ? btf__find_by_name_kind(btf, "eventpoll", BTF_KIND_STRUCT) : -1;

	type = id > 0 ? btf__type_by_id(btf, id) : NULL;
	for (int i = 0; type && i < btf_vlen(type) && !found; i++)
		found = !strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off),
				"refcount");
	btf__free(btf);
	return found;
}

void trial_run(struct ability *out)
{
	const struct probe_options options = {
		.limits = { .threads = 1, .processes = 1, .listeners = 1, .registrations = 1 },
		.backend = BACKEND_TRACEPOINTS,
	};
	struct probes *probes = NULL;
	struct utsname uts;
	int err;

	memset(out, 0, sizeof(*out));
	uname(&uts);
	snprintf(out->kernel, sizeof(out->kernel), "%s", uts.release);
	snprintf(out->arch, sizeof(out->arch), "%s", uts.machine);
	out->is_root = geteuid() == 0;
	out->has_btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	out->has_proc = procfs_is_mounted();
	out->in_initial_namespace = procfs_in_initial_pid_namespace();
	out->trampolines = -doors_try_fentry();
	err = probes_open(&probes, &options);
	if (!err)
		err = probes_attach(probes);
	out->system_calls = -err;
	out->backend = out->trampolines && !err ? probes_backend(probes) : BACKEND_FENTRY;
	out->sees_io_uring = !err && probes_see_io_uring(probes);
	probes_close(probes);
	out->sees_registrations = !err && trial_counts_registrations();
	if (!err)
		out->wakeups = wakeups_try(&err);
}
