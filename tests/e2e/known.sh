#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Workloads that know what they do, through the whole of the tool: every key of
# the waits, epoll_ctl, accept, io and fds once. tests/bpf goes into depth.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 30 "$@"
need jq "${CC:-gcc}"
need_built "$fdscope"
need_bpf

known()
{
	"$fdscope" run -q -o "$work/out" -- "$work/$1" > "$work/want" 2> "$work/err" || return 1
	expected "$(of '.processes[0].tgid')" "$work/want" && [ "$(of .complete)" = true ] &&
		[ "$(of '.processes[0] | has("inexact")')" = false ] &&
		[ "$(grep -c = "$work/want")" -gt 40 ]
}

for name in known-waits known-io; do
	build_workload $name
	check "$name: every key is what the workload says" known $name
done

report_again()
{
	"$fdscope" report --json "$work/out" > "$work/again" &&
		[ "$(jq -S . "$work/again")" = "$(jq -S . "$work/out")" ]
}
check "a saved profile comes back as it was" report_again
finish
