#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The same calls by both doors, tracepoints and trampolines, make the same
# profile: all of it but what time makes, and what is numbered anew in each run.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 60 "$@"
need jq "${CC:-gcc}"
need_built "$fdscope"
need_bpf
without=$("$fdscope" check --json | jq -r '.fentry // empty')
[ -z "$without" ] || skip "no fentry: $without"

# What does not repeat, whatever looks at it: times, rates in messages, ids, sleeps that a page fault or a busy CPU made.
repeatable='walk(if type == "object" then
		with_entries(select(.key | test("_ns(_hist)?$|^(tgid|tid|inode|local|name|start|backend|now|inexact|message)$|^(sleeps|switches|immediate)$") | not))
	else . end)'

# profile_by BACKEND PROGRAM: what repeats of the profile in $work/BACKEND; the shapes do all at once.
profile_by()
{
	printf gq | "$fdscope" run -q --per-thread --fds=1000 --backend "$1" -o "$work/out" \
		-- "$work/$2" early > "$work/said" 2> "$work/err" &&
		[ "$(of .backend.syscalls)" = "$1" ] && [ "$(of .complete)" = true ] &&
		jq -S "$repeatable" "$work/out" > "$work/$1"
}

# Orphans that take trampolines off; each has the tool's name and no parent of ours.
orphans()
{
	pgrep -x fdscope > /dev/null
}
none_left()
{
	! orphans
}

# same PROGRAM WHAT: by both doors, and there is something to compare.
same()
{
	check "$1: a profile by tp_btf" profile_by tp_btf "$1"
	check "$1: a profile by fentry" profile_by fentry "$1"
	check "$1: there is something to compare" [ "$(jq -c "$2" "$work/tp_btf" | wc -c)" -gt 2000 ]
	equal "$1: both are equal" "$(jq "$2" "$work/tp_btf")" "$(jq "$2" "$work/fentry")"
}

for program in known-waits known-io; do
	build_workload $program
	same $program .
done
# The shapes end their helpers with a signal, which meets them in a read or after it.
build_workload epoll-reads
same epoll-reads '[.processes[].epolls] | sort'

# Who reads the report does not wait for the trampolines.
through_a_pipe()
{
	"$fdscope" attach -p $$ -d 0.1 --backend fentry --json 2> "$work/err" | cat > "$work/out"
	[ "$(of .backend.syscalls)" = fentry ]
}
check "a report through a pipe is there" through_a_pipe
check "and the trampolines are still being taken off" orphans
check "until they are" until_true none_left
finish
