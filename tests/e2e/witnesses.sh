#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The numbers that a process cannot count for itself, against others that can:
# the kernel's own in /proc/PID/status, io and schedstat, the workload's clock,
# and ss for the accept queue.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 60 "$@"
PATH=$PATH:/usr/sbin:/sbin
need jq ss "${CC:-gcc}"
need_built "$fdscope"
need_bpf
for name in clock bytes queue; do
	build_workload $name
done

# within PID FILE: lines key.min=, key.max= and key= of a workload against the profile.
within()
{
	local key value bad=0

	grep -v '\.m[inax]*=' "$2" > "$work/equal"
	expected "$1" "$work/equal" || bad=1
	while IFS='=' read -r key value; do
		case $key in
		*.min) [ "$(process "$1" ".${key%.min}")" -ge "$value" ] && continue ;;
		*.max) [ "$(process "$1" ".${key%.max}")" -le "$value" ] && continue ;;
		esac
		note "$key $value, the profile has $(process "$1" ".${key%.m*}")"
		bad=1
	done < <(grep '\.m[inax]*=' "$2")
	return $bad
}

# In every profile: what PROFILE.md says adds up, does.
jq_sums='
	def total: add // 0;
	def wait: .calls == .wakeups + .timeouts + .empty_polls + .interrupted + .failed and
		.wakeups == (.ready_hist | total) and .calls == (.wait_ns_hist | total) and
		.sleeps <= .switches and
		.runqueue_ns <= .wait_ns and .immediate <= .wakeups;
	def watched($is_told):
		(.watched_hist // null) as $hist |
		if $is_told then .calls - .failed == ($hist | total) else $hist == null end;
	def io: .calls == (.size_hist[1:] | total) + .end + .again + .interrupted + .failed and
		.partial <= .calls;
	all(.processes[];
		all(.epoll_wait, .poll, .select | select(.); wait) and
		all(.epoll_wait | select(.); watched($counts)) and
		all(.poll, .select | select(.); watched(true)) and
		all(.io // {} | .[] | .[]; io))'

clocked()
{
	start_workload clock && start_tool attach --json -p "$workload" || return 1
	echo >&"$to"
	end_workload > "$work/want"
	wait_tool
	[ "$status" = 0 ] || return 1
	# The profile has no such key: it is made of all of them.
	jq '.processes[0] |= . + { all_ns: ([.epoll_wait, .poll, .select | .wait_ns + .busy_ns] | add) }' \
		"$work/out" > "$work/with-all" && mv "$work/with-all" "$work/out"
	counts_watched && counts=true || counts=false
	within "$workload" "$work/want" &&
		jq -e --argjson counts "$counts" "$jq_sums" "$work/out" > /dev/null
}

bytes()
{
	echo | "$fdscope" run -q -o "$work/out" -- "$work/bytes" > "$work/want" 2> /dev/null || return 1
	[ "$(of '"read=\([.processes[0].io.read[].bytes] | add)"')" = "$(grep ^read= "$work/want")" ] &&
		[ "$(of '"write=\([.processes[0].io.write[].bytes] | add)"')" = \
			"$(grep ^write= "$work/want")" ]
}

# ss_queue: depth, limit and drops of the listener, as ss has them.
ss_queue()
{
	ss -Hltnm "sport = :$port" | awk '
		NR == 1 { depth = $2; limit = $3 }
		match($0, /,d[0-9]+\)/) { drops = substr($0, RSTART + 2, RLENGTH - 3) }
		END { print depth, limit, drops }'
}

# next: the workload's next step; its answer in $reply.
next()
{
	echo >&"$to"
	read -r -t "$patience" -u "$from" reply
}

# With a limit of 7, eight connections can stand in the queue.
queue()
{
	local seen

	start_workload queue 7 5 13 && echo >&"$to" &&
		read -r -t "$patience" -u "$from" reply || return 1
	port=${reply#port=}
	start_tool attach --json -p "$workload" || return 1
	next && [ "$reply" = queued=5 ] || return 1
	seen=$(ss_queue)
	[ "$seen" = "5 7 0" ] || { note "ss: $seen"; return 1; }
	next && [ "$reply" = accepted=5 ] && next && [ "$reply" = begun=13 ] || return 1
	seen=$(ss_queue)
	drops=${seen##* }
	[ "${seen% *}" = "8 7" ] && [ "$drops" -gt 0 ] || { note "ss: $seen"; return 1; }
	next && [ "$reply" = accepted=8 ] || return 1
	stop_tool || return 1
	echo >&"$to"
	end_workload > /dev/null
	# Depths as each accept left them: 4 3 2 1 0, and 7 6 5 4 3 2 1 0.
	equal "the queue is as ss has it: limit, drops, depths" \
		"{\"local\":\"127.0.0.1:$port\",\"accepted\":13,\"again\":2,\"delivered\":0,\"delivered_exclusive\":0,\"queue_limit\":7,\"queue_depth_hist\":[2,2,4,5],\"drops\":$drops}" \
		"$(process "$workload" '.accept.listeners[0] | del(.inode)')"
}

check "the workload's clock, its switches and its delays" clocked
check "bytes are those of /proc/PID/io" bytes
check "a queue that fills and overflows" queue
finish
