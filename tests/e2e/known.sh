#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Workloads that know what they do, through the whole of the tool: every key of
# the waits, epoll_ctl, accept, io and fds once. tests/bpf goes into depth.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 60 "$@"
need jq "${CC:-gcc}"
need_built "$fdscope"
need_bpf

known()
{
	"$fdscope" run -q -o "$work/out" -- "$work/$1" > "$work/want" 2> "$work/err" &&
		cp "$work/out" "$work/$1.saved" || return 1
	expected "$(of '.processes[0].tgid')" "$work/want" && [ "$(of .complete)" = true ] &&
		[ "$(of '.processes[0] | has("inexact")')" = false ] &&
		[ "$(grep -c = "$work/want")" -gt 40 ]
}

for name in known-waits known-io; do
	build_workload $name
	check "$name: every key is what the workload says" known $name
done

# What epoll instances watch is the kernel's to count. Where it does not, nothing speaks of it.
watched_if_told()
{
	local told waits=$work/known-waits.saved

	counts_watched && told=true || told=false
	"$fdscope" report "$waits" > "$work/text" || return 1
	[ "$(of '.processes[0].epoll_wait | has("watched")' "$waits")" = $told ] &&
		[ "$(of '.processes[0].epoll_wait | has("watched_hist")' "$waits")" = $told ] &&
		[ "$(of '.processes[0].poll | has("watched")' "$waits")" = true ] &&
		[ "$(sed -n '/^  epoll_wait/,/^   waiting/p' "$work/text" | grep -c watched)" = \
			"$([ $told = true ] && echo 1 || echo 0)" ] && grep -q 'poll .*watched' "$work/text"
}

report_again()
{
	"$fdscope" report --json "$work/out" > "$work/again" &&
		[ "$(jq -S . "$work/again")" = "$(jq -S . "$work/out")" ]
}
check "what epoll watches is told where the kernel counts it" watched_if_told
check "a saved profile comes back as it was" report_again
finish
