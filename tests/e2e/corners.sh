#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Cases that were once counted wrong or not at all, kept right: what ends between
# two looks of the tool, what outlives its main thread, waits that the kernel
# begins again, numbers that change hands during a call. tests/workload/corners.c
# has them one by one.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 40 "$@"
need jq "${CC:-gcc}"
need_built "$fdscope" "$server" "$load"
need_x86_64
need_bpf
build_workload corners

saved=$work/saved.json
POLL=7 RESTART_SYSCALL=219 # their numbers on x86-64

# A difference of two unsigned numbers that went below 0 is one or the other.
jq_sane='[.. | numbers | select(. < 0 or . >= 9e18)] == []'

# holds FILTER FILE: true of every line.
holds()
{
	jq -es "all($1)" "$2" > /dev/null && return
	note "$(basename "$2"): not: $1"
	return 1
}

is_accepted()
{
	"$fdscope" report "$1" > "$work/report" 2> "$work/err"
}

# go BYTE: to the workload; its answer in $reply.
go()
{
	printf %s "$1" >&"$to"
	reply=
	read -r -t "$patience" -u "$from" reply
}

# run_corner ARGS... -- CORNER...: what it expects in $work/want, the profile in $saved.
run_corner()
{
	local options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	rm -f "$saved"
	"$fdscope" run -q -o "$saved" ${options[@]+"${options[@]}"} -- "$work/corners" "$@" \
		> "$work/out" 2> "$work/stderr"
	status=$?
	ended_ns=$(date +%s%N)
	grep -v '^tracing' "$work/stderr" > "$work/err"
	grep . "$work/out" > "$work/want"
	[ "$status" = 0 ] && [ ! -s "$work/err" ] && holds "$jq_sane" "$saved" &&
		[ "$(of .complete "$saved")" = true ]
}

# wanted KEY: what the workload says of it.
wanted()
{
	sed -n "s/^$1=//p" "$work/want"
}

as_expected()
{
	run_corner -- "$@" &&
		expected "$(of '.processes[0].tgid' "$saved")" "$work/want" "$saved"
}

# ---- ends between two looks ----------------------------------------------------------------------

# The tool looks when an interval ends and in between, and children end at any moment around it.
# They run for 2.5 s of its 4 s: all wholly inside, over more than one end of an interval.
crowd()
{
	start_workload corners crowd 2500 && start_tool attach --json -a 1 4 || return 1
	printf g >&"$to"
	end_workload > "$work/want"
	[ "$status" = 0 ] && ! is_gone "$tool" || return 1
	wait_tool
	mv "$work/out" "$saved"
	[ "$status" = 0 ] && [ ! -s "$work/err" ] && [ "$(wc -l < "$saved")" = 4 ]
}

crowd_is_counted()
{
	local born

	born=$(wanted born)
	of '.processes[] | select(.comm == "corners" and .poll) | "\(.tgid) \(.poll.empty_polls)"' \
		"$saved" > "$work/polls"
	[ "$born" -gt 300 ] && [ "$(cut -d ' ' -f 2 "$work/polls" | sort | uniq -c)" = \
		"$(printf '%7d 1' "$born")" ] && [ "$(sort -u "$work/polls" | wc -l)" = "$born" ] &&
		holds .complete "$saved" && return
	note "born: $born; lines that have so many polls:" \
		"$(cut -d ' ' -f 2 "$work/polls" | sort | uniq -c)"
	return 1
}

check "-a beside some hundred births a second: four lines" crowd
check "each child's poll is in one line of one process" crowd_is_counted
check "each process has a name" holds '[.. | .comm? | select(. == "?")] == []' "$saved"
check "no number is below zero" holds "$jq_sane" "$saved"
check "report accepts the lines" is_accepted "$saved"

# What is left after the command's end is to hear of the last ends, to read each row once and to
# print it: 0.1 ms for each process on two CPUs, so 3 s is ten times what is needed. A pass over the
# rows for each of them would look 9 million times: with a system call in each that is over 3 s.
rush()
{
	local left_ms sums='"processes=\([.processes[] | select(.exited)] | length)",
		"empty_polls=\([.processes[].poll.empty_polls // 0] | add)"'

	run_corner --max-threads 4096 --max-processes 4096 -- rush 3000 || return 1
	left_ms=$(((ended_ns - $(wanted ended_ns)) / 1000000))
	note "the tool's own time after 3000 children: $left_ms ms"
	diff <(grep -v ended_ns "$work/want") <(of "$sums" "$saved") && [ "$left_ms" -lt 3000 ]
}
check "3000 children, as fast as they come: all counted, and soon" rush

check "drops of a listener that is there to the end" as_expected drops stay
check "drops of a listener that was closed long before" as_expected drops close
check "accept with an address and no size: no loss" as_expected null-size

# ---- outlives its main thread --------------------------------------------------------------------

# A thread of the workload that is not its main thread.
other_thread()
{
	find "/proc/$workload/task" -mindepth 1 -maxdepth 1 ! -name "$workload" -printf '%f\n' |
		sort -n | tail -n 1
}

is_headless()
{
	grep -q '^State:[[:space:]]*Z' "/proc/$workload/task/$workload/status"
}

# The polls of a round, no more and no less; and the descriptors as /proc has them.
headless()
{
	local open

	start_tool attach --json "$@" || return 1
	go r
	echo "$reply" > "$work/want"
	stop_tool || return 1
	open=$(find "/proc/$workload/task/$(other_thread)/fd" -mindepth 1 | wc -l)
	echo "fds.open=$open" >> "$work/want"
	[ "$open" -gt 0 ] && expected "$workload" "$work/want" && [ "$(of .complete)" = true ]
}

names_the_process()
{
	local tid

	tid=$(other_thread)
	timeout "$patience" "$fdscope" attach -p "$tid" > "$work/out" 2> "$work/err"
	[ $? = 2 ] && [ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" = 1 ] &&
		grep -q "^fdscope: .*\b$tid\b.*\b$workload\b" "$work/err"
}

start_workload corners headless
check "a process whose main thread has ended" until_true is_headless
check "  -p: its polls and descriptors" headless -p "$workload"
check "  --comm: the same" headless --comm corners
check "  -a: the same" headless -a
check "  -p of another thread: a sentence that names the process, exit 2" names_the_process
printf q >&"$to"
end_workload > /dev/null

# ---- begun again ---------------------------------------------------------------------------------

is_in_call()
{
	local number _

	read -r number _ < "/proc/$workload/syscall" && [ "$number" = "$1" ]
}

is_stopped()
{
	grep -q '^State:[[:space:]]*T' "/proc/$workload/status"
}

has_reported()
{
	[ -s "$work/out" ]
}

# The first interval is all inside of the wait, and longer than the second from which on a loop
# that is out of its wait is said.
resumed()
{
	start_workload corners resumed || return 1
	printf g >&"$to"
	until_true is_in_call $POLL && start_tool attach -o "$saved" -p "$workload" 1.3 || return 1
	kill -STOP "$workload"
	until_true is_stopped || return 1
	kill -CONT "$workload"
	until_true is_in_call $RESTART_SYSCALL && until_true has_reported || return 1
	go d
	stop_tool || return 1
	printf q >&"$to"
	end_workload > /dev/null
	[ "$reply" = "done" ] && [ "$status" = 0 ]
}

resumed_once()
{
	[ "$(jq -cs '[.[].processes[] | .poll // {} | .calls // 0, .wakeups // 0]' "$saved")" = \
		'[0,0,1,1]' ] && [ "$(head -n 1 "$saved" | jq .processes[].now.waiting)" = 1 ] &&
		holds .complete "$saved"
}

never_busy()
{
	holds '[.. | objects | .busy_ns, .longest_busy_ns | values | select(. >= 1e9)] == []' \
		"$saved" && ! grep NOW "$work/out"
}

check "a poll from before the tool, stopped and continued under it" resumed
check "  what goes on is one call, a wakeup" resumed_once
check "  and no busy loop" never_busy

# ---- a number changes hands ----------------------------------------------------------------------

swap()
{
	run_corner -- swap || return 1
	expected "$(of '.processes[0].tgid' "$saved")" <(grep -v watched "$work/want") "$saved" &&
		[ "$(of '.processes[0].epoll_wait.watched // 0' "$saved")" -le \
			"$(wanted watched_at_most)" ] && is_accepted "$saved"
}
check "another file on the epoll's number during a wait: no invented watch" swap

# ---- ten thousand --------------------------------------------------------------------------------

nr_open()
{
	find "/proc/$server_pid/fd" -mindepth 1 | wc -l
}

are_open()
{
	[ "$(nr_open)" = "$1" ]
}

many()
{
	local before

	start_server --port 0 || return 1
	before=$(nr_open)
	start_tool attach --json -p "$server_pid" || return 1
	"$load" --port "$port" --connections 100 --requests 3 --idle 9900 > "$work/load" || return 1
	until_true are_open "$before" && stop_tool && stop_server || return 1
	printf '%s\n' accept.accepted=10000 "fds.open=$before" fds.opened=10000 fds.closed=10000 \
		fds.unaccounted=0 > "$work/want"
	expected "$server_pid" "$work/want" && [ "$(of .complete)" = true ]
}

hard=$(ulimit -Hn)
if [ "$hard" = unlimited ] || [ "$hard" -ge 10500 ]; then
	ulimit -Sn 10500
	check "10 000 connections at once, most of them idle" many
else
	note "skipped: 10 000 connections (ulimit -Hn is $hard, 10500 are needed)"
fi
finish
