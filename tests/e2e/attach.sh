#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# fdscope attach: whom it finds and follows, when it begins and ends, what it
# prints. The targets are puppets (tests/workload/puppet.c), which do what they
# are told and say when it is done, so every count is known.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 100 "$@"
need jq "${CC:-gcc}"
need_built "$fdscope" "$server" "$load"
need_x86_64
need_bpf
build_workload puppet

declare -A to from pids
reply=
READ=0 EPOLL_WAIT=232 # their numbers on x86-64

# puppet NAME [COMMAND...]: starts one, its pid in ${pids[NAME]}; COMMAND runs it, if given.
puppet()
{
	local fifo=$work/to.$1

	rm -f "$fifo"

	mkfifo "$fifo"
	# shellcheck disable=SC1083 # bash takes the descriptor's name from the braces
	exec {to_fd}<> "$fifo"
	exec {from_fd}< <(exec {to_fd}>&- "${@:2}" "$work/puppet" < "$fifo")
	end_later $!
	to[$1]=$to_fd
	from[$1]=$from_fd
	read -r -t "$patience" -u "$from_fd" reply
	pids[$1]=${reply#pid=}
	end_later "${pids[$1]}"
}

# tell NAME COMMAND: what it answers is in $reply.
tell()
{
	echo "$2" >&"${to[$1]}"
	reply=
	read -r -t "$patience" -u "${from[$1]}" reply
}

# Without an answer.
order()
{
	echo "$2" >&"${to[$1]}"
}

calls()
{
	process "${pids[$1]}" .epoll_wait.calls "${2:-}"
}

elapsed_ns()
{
	echo $(($(date +%s%N) - begun))
}

# is_in PID CALL: sleeps in it.
is_in()
{
	local number _

	read -r number _ < "/proc/$1/syscall" && [ "$number" = "$2" ]
}

is_absent()
{
	[ "$(of "[.processes[] | select(.tgid == $1)] | length" "${2:-}")" = 0 ]
}

# ---- by pid --------------------------------------------------------------------------------------

one()
{
	tell a "wait 5" # before the tool: not counted
	start_tool attach --json -p "${pids[a]}" || return 1
	tell a "wait 7"
	# Its answer can be read before its write returns.
	until_true is_in "${pids[a]}" "$READ" || return 1
	stop_tool || return 1
	# The read of the command began before the tool and ended under it: by fentry it is told of,
	# not counted. The next goes on.
	printf '%s\n' epoll_wait.calls=7 epoll_wait.ready=7 epoll_wait.immediate=7 epoll_ctl.add=1 \
		io.write.pipe.calls=1 io.write.pipe.bytes=5 fds.opened=2 fds.closed=2 \
		fds.unaccounted=0 now.waiting=0 > "$work/want"
	if [ "$(of .backend.syscalls)" = fentry ]; then
		[ "$(of .unseen.calls_begun_before)" = 1 ] || return 1
		printf '%s\n' io.read.pipe.calls=0 >> "$work/want"
	else
		printf '%s\n' io.read.pipe.calls=1 io.read.pipe.bytes=7 >> "$work/want"
	fi
	expected "${pids[a]}" "$work/want" && [ "$(of '.processes | length')" = 1 ] &&
		[ "$(of '.target.pids')" = "[${pids[a]}]" ]
}

nothing_missing()
{
	local i

	for i in 1 2 3 4 5 6 7; do
		start_tool attach --json -p "${pids[a]}" || return 1
		tell a "wait 101"
		stop_tool && [ "$(calls a)" = 101 ] || return 1
	done
}

several()
{
	start_tool attach --json -p "${pids[a]},${pids[b]}" -p "${pids[c]}" || return 1
	tell a "wait 3"
	tell b "wait 5"
	tell c "wait 7"
	stop_tool && [ "$(calls a),$(calls b),$(calls c)" = 3,5,7 ] && is_absent "${pids[d]}"
}

followed()
{
	local child thread_calls

	start_tool attach --json -p "${pids[a]}" || return 1
	tell a "child 5"
	child=$reply
	tell a "keep 7"
	pids[kept]=$reply
	tell a "thread 11"
	tell a "stay 13"
	tell a "wait 17"
	stop_tool || return 1
	thread_calls=$(calls a)
	[ "$(process "$child" .epoll_wait.calls)" = 5 ] &&
		[ "$(process "$child" .exited)" = true ] && [ "$(calls kept)" = 7 ] &&
		[ "$(of ".processes[] | select(.tgid == ${pids[kept]}) | .exited")" = false ] &&
		[ "$thread_calls" = 41 ]
}

# The shell is named, the puppet is its child since before.
existing_child()
{
	start_tool attach --json -p "$1" || return 1
	tell nested "wait 7"
	stop_tool && [ "$(calls nested)" = 7 ]
}

survives_exec()
{
	start_tool attach --json -p "${pids[d]}" || return 1
	tell d "wait 3"
	tell d "exec $work/other-name 5"
	stop_tool && [ "$(calls d)" = 8 ] && [ "$(process "${pids[d]}" .comm)" = other-name ]
}

ln "$work/puppet" "$work/other-name"
ln "$work/puppet" "$work/e2e-by-name"
for name in a b c d; do
	puppet $name
done
puppet nested sh -c '"$0"; :'
check "-p: what a process did since then, and nothing else" one
check "once it says 'tracing', nothing is missed" nothing_missing
check "-p: several processes" several
check "children and threads of a target are followed" followed
check "existing children of a target are, too" existing_child \
	"$(awk '/^PPid/ { print $2 }' "/proc/${pids[nested]}/status")"
check "exec keeps the counts and takes the new name" survives_exec

# ---- by name, port, cgroup; everything ------------------------------------------------------------

by_name()
{
	tell c "wait 3"
	start_tool attach --json --comm e2e-by-name || return 1
	tell d "wait 5"
	tell c "wait 7" # not its name yet
	tell c "exec $work/e2e-by-name 11"
	tell c "wait 2"
	tell b "wait 3"
	stop_tool && [ "$(calls d)" = 5 ] && [ "$(calls c)" = 13 ] && is_absent "${pids[b]}" &&
		[ "$(of '.target.comm')" = e2e-by-name ]
}

# by_port HOST ARGS...: pre-forked workers behind one port.
by_port()
{
	local host=$1

	shift
	start_server --port 0 --bind "$host" --workers 2 "$@" || return 1
	start_tool attach --json --port "$port" || return 1
	"$load" --host "$host" --port "$port" --connections 11 --requests 3 > "$work/load" ||
		return 1
	stop_tool && stop_server &&
		[ "$(of '[.processes[].accept.accepted // 0] | add')" = 11 ] &&
		[ "$(of '[.processes[].io.write.socket.bytes // 0] | add')" -gt 33792 ] &&
		[ "$(of '[.processes[].comm]')" = '["fdscope-server","fdscope-server"]' ]
}

two_ports()
{
	local first first_pid first_out ports

	start_server --port 0 || return 1
	first=$port first_pid=$server_pid first_out=$server_out
	start_server --port 0 --bind ::1 || return 1
	ports=$first,$port
	start_tool attach --json --port "$ports" || return 1
	"$load" --port "$first" --connections 3 > "$work/load" || return 1
	"$load" --host ::1 --port "$port" --connections 5 > "$work/load" || return 1
	stop_tool && stop_server || return 1
	[ "$(process "$first_pid" .accept.accepted)" = 3 ] &&
		[ "$(process "$server_pid" .accept.accepted)" = 5 ] &&
		[ "$(of '.target.ports')" = "[$ports]" ]
	local result=$?
	server_pid=$first_pid server_out=$first_out
	stop_server && return $result
}

by_cgroup()
{
	echo "${pids[a]}" > "$1/cgroup.procs" && mkdir "$1/below" &&
		echo "${pids[nested]}" > "$1/below/cgroup.procs" || return 1
	start_tool attach --json --cgroup "$1" || return 1
	tell a "wait 7"
	tell nested "wait 11"
	tell b "wait 5" # not in it
	echo "${pids[d]}" > "$1/cgroup.procs"
	tell d "wait 3"
	stop_tool && [ "$(calls a),$(calls nested),$(calls d)" = 7,11,3 ] && is_absent "${pids[b]}"
}

everything()
{
	start_tool attach --json -a || return 1
	tell a "wait 7"
	tell d "wait 11"
	tell a "child 5"
	stop_tool && [ "$(calls a),$(calls d)" = 7,11 ] &&
		[ "$(process "$reply" .epoll_wait.calls)" = 5 ] && is_absent "$tool" &&
		[ "$(of .target.all)" = true ]
}

tell d "exec $work/e2e-by-name 0"
check "--comm: who has the name, and who execs into it later" by_name
check "--port: pre-forked workers" by_port 127.0.0.1
check "--port: IPv6" by_port ::1
check "--port: a listener for each worker" by_port 127.0.0.1 --reuseport
check "--port: two of them" two_ports
cgroup2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
cgroup=$cgroup2/fdscope-e2e.$$
# Its members are moved out when they are ended, which is before.
cleanups+=('leave_cgroup')
leave_cgroup()
{
	local pid

	[ -d "$cgroup" ] || return
	for pid in "${pids[@]}"; do
		until_true is_gone "$pid"
	done
	until_true rmdir "$cgroup/below" "$cgroup" 2> /dev/null
}
if [ -n "$cgroup2" ] && mkdir "$cgroup" 2> /dev/null; then
	check "--cgroup: who is in it, below it and comes into it" by_cgroup "$cgroup"
else
	note "skipped: --cgroup (no cgroup2 that a directory can be made in)"
fi
check "-a: the whole system but the tool" everything

# ---- for how long --------------------------------------------------------------------------------

is_text_report()
{
	grep -q "$1" "$work/out" && [ "$(wc -L < "$work/out")" -le 80 ]
}

by_itself()
{
	start_tool attach --json -p "${pids[a]}" -d 0.3 || return 1
	tell a "wait 7"
	wait_tool
	[ "$status" = 0 ] && [ ! -s "$work/err" ] && [ "$(calls a)" = 7 ] &&
		[ "$(of .duration_ns)" -ge 300000000 ]
}

# text_reports COUNT: each is headed by the process.
text_reports()
{
	[ "$(grep -c "^[^ ].*\b${pids[a]}\b" "$work/out")" = "$1" ] && is_text_report "${pids[a]}"
}

intervals()
{
	start_tool attach -p "${pids[a]}" 0.1 3 || return 1
	wait_tool
	[ "$status" = 0 ] && [ ! -s "$work/err" ] && text_reports 3
}

# A call is in exactly one interval, so the sum is what was done.
interval_sums()
{
	local begun

	nr_told=0
	start_tool attach --json "$@" -p "${pids[a]}" 0.05 || return 1
	begun=$(date +%s%N)
	while [ "$(elapsed_ns)" -lt 200000000 ]; do
		tell a "wait 7"
		nr_told=$((nr_told + 1))
	done
	stop_tool
}

# sums_up FILE: several intervals, an object a line.
sums_up()
{
	local nr

	nr=$(wc -l < "$1")
	[ "$nr" -ge 3 ] && [ "$(jq -c . "$1" | wc -l)" = "$nr" ] &&
		[ "$(jq -s '[.[].processes[].epoll_wait.calls // 0] | add' "$1")" = \
			$((7 * nr_told)) ] &&
		[ "$(jq -s '[.[].processes[].fds.opened // 0] | add' "$1")" = $((2 * nr_told)) ] &&
		jq -s -e 'all(.[]; .complete)' "$1" > /dev/null
}

interval_json()
{
	interval_sums && sums_up "$work/out"
}

interval_file()
{
	interval_sums -o "$work/saved" && sums_up "$work/saved" && [ ! -s "$work/out" ] &&
		[ -z "$(find "$work" -name 'saved?*')" ]
}

interrupted()
{
	start_tool attach -p "${pids[a]}" || return 1
	tell a "wait 7"
	kill "-$1" "$tool"
	wait_tool
	[ "$status" = 0 ] && [ ! -s "$work/err" ] && text_reports 1
}

saved()
{
	start_tool attach -q -o "$work/saved" -p "${pids[a]}" || return 1
	tell a "wait 7"
	stop_tool && [ ! -s "$work/out" ] && [ "$(calls a "$work/saved")" = 7 ] &&
		[ "$(stat -c %a "$work/saved")" = "$(printf %o $((0666 & ~$(umask))))" ]
}

saved_and_shown()
{
	start_tool attach -o "$work/saved" -p "${pids[a]}" || return 1
	tell a "wait 11"
	stop_tool && text_reports 1 && [ "$(calls a "$work/saved")" = 11 ]
}

one_ends()
{
	start_tool attach --json -p "${pids[b]},${pids[c]}" || return 1
	tell b "wait 3"
	order b "exit 0"
	until_true is_gone "${pids[b]}"
	tell c "wait 5" # and the tool goes on
	stop_tool && [ "$(calls b),$(calls c)" = 3,5 ] &&
		[ "$(process "${pids[b]}" .exited)" = true ]
}

all_end()
{
	start_tool attach --json -p "${pids[c]}" || return 1
	tell c "wait 7"
	order c "exit 3"
	wait_tool
	[ "$status" = 0 ] && [ ! -s "$work/err" ] && [ "$(calls c)" = 7 ]
}

killed()
{
	puppet e
	start_tool attach --json -p "${pids[e]}" || return 1
	tell e "wait 3"
	order e "sleep"
	until_true is_in "${pids[e]}" "$EPOLL_WAIT" || return 1
	kill -9 "${pids[e]}"
	wait_tool
	[ "$status" = 0 ] && [ "$(calls e)" = 4 ] &&
		[ "$(process "${pids[e]}" .epoll_wait.interrupted)" = 1 ]
}

# The terminal is one of script(1), which types what comes through the pipe. It echoes ^C.
at_a_terminal()
{
	local keys terminal

	mkfifo "$work/keys"
	# shellcheck disable=SC1083 # bash takes the descriptor's name from the braces
	exec {keys}<> "$work/keys"
	script -q -f -e -c "$fdscope attach -p ${pids[a]}" "$work/screen" < "$work/keys" > /dev/null &
	terminal=$!
	end_later "$terminal"
	until_true grep -qs '^tracing' "$work/screen" || return 1
	printf '\003' >&"$keys"
	wait "$terminal"
	status=$?
	exec {keys}>&-
	tr -d '\r' < "$work/screen" > "$work/out"
	[ "$status" = 0 ] && grep -qxF '^C' "$work/out" && grep -q '^[0-9-]* .* nothing lost$' "$work/out" &&
		[ "$(sed '1d;$d' "$work/out" | wc -L)" -le 80 ]
}

check "-d: stops by itself" by_itself
check "interval and count: so many reports" intervals
check "--json with an interval: an object a line, and every call in one of them" interval_json
check "-o with an interval: the same in the file" interval_file
check "Ctrl-C: the report, and exit 0" interrupted INT
check "SIGTERM: the same" interrupted TERM
if script --version 2> /dev/null | grep -q util-linux; then
	check "Ctrl-C at a terminal: the report begins a line of its own" at_a_terminal
else
	note "skipped: Ctrl-C at a terminal (script of util-linux is not there)"
fi
check "-q -o: a file with the usual mode, and no word" saved
check "-o: a file and the report" saved_and_shown
check "a target ends: the others go on" one_ends
check "all targets end: the report, and exit 0" all_end
check "a target killed inside a wait: interrupted" killed

# ---- what is printed -----------------------------------------------------------------------------

# Every number of the groups, over the threads and in the process.
jq_thread_sums='
	def leaves: del(.tid, .comm, .threads, .tgid, .exited, .now, .accept.listeners,
			.copies.zero_copy_share, .fds.open, .fds.limit, .fds.kinds,
			.fds.unaccounted) |
		. as $all | [paths(numbers)] | map({ key: (map(tostring) | join(".")),
			value: (. as $path | $all | getpath($path)) })[];
	def sums: group_by(.key) | map({ key: .[0].key, value: (map(.value) | add) }) |
		map(select(.value != 0)) | from_entries;
	.processes[] | ([(.threads // [])[] | leaves] | sums) == ([leaves] | sums)'

per_thread()
{
	start_tool attach --json --per-thread -p "${pids[a]}" || return 1
	tell a "thread 3"
	tell a "thread 5"
	tell a "stay 7"
	tell a "wait 11"
	stop_tool && jq -e "$jq_thread_sums" "$work/out" > /dev/null && [ "$(calls a)" = 26 ] &&
		[ "$(process "${pids[a]}" '[.threads[] | [.tid == 0, .epoll_wait.calls // 0]] | sort')" = \
			'[[false,7],[false,11],[true,8]]' ]
}

per_thread_text()
{
	start_tool attach --per-thread -p "${pids[a]}" || return 1
	tell a "thread 3"
	tell a "wait 7"
	stop_tool && is_text_report "thread"
}

hist()
{
	start_tool attach --hist -p "${pids[a]}" || return 1
	tell a "wait 7"
	stop_tool && is_text_report "${pids[a]}" && grep -q '[#@*|]\{3\}' "$work/out"
}

# too_small EXPECTED OPTION...: one row for three threads.
too_small()
{
	local want=$1

	shift
	start_tool attach --json --max-threads 1 "$@" -p "${pids[a]}" || return 1
	tell a "wait 3"
	tell a "thread 5"
	kill -INT "$tool"
	wait_tool
	[ "$status" = "$want" ] && [ "$(of .complete)" = false ] && [ "$(of '.losses | length')" = 1 ]
}

too_small_is_said()
{
	start_tool attach --max-threads 1 -p "${pids[a]}" || return 1
	tell a "wait 3"
	tell a "thread 5"
	stop_tool && is_text_report "max-threads"
}

strict()
{
	too_small 3 --strict && [ "$(wc -l < "$work/err")" = 1 ]
}

strict_and_whole()
{
	start_tool attach --json --strict -p "${pids[a]}" || return 1
	tell a "wait 3"
	stop_tool && [ "$(of .complete)" = true ]
}

check "--per-thread: rows add up to their process, ended threads as one" per_thread
check "--per-thread: in the text, too" per_thread_text
check "--hist: distributions, 80 columns" hist
check "a full table: incomplete, exit 0" too_small 0
check "a full table: the report says what to raise" too_small_is_said
check "a full table under --strict: exit 3 and a sentence" strict
check "--strict, and nothing lost: exit 0" strict_and_whole

# ---- now -----------------------------------------------------------------------------------------

# CPU time of a process in ticks of 10 ms.
cpu_ticks()
{
	local fields

	read -ra fields < "/proc/$1/stat"
	echo $((fields[13] + fields[14]))
}

has_burnt()
{
	[ "$(cpu_ticks "$1")" -ge "$2" ]
}

# stuck TICKS ARGS...: spins for so much CPU time before the tool is stopped. User and system time
# together are exact but for their rounding down: two ticks; one more for what came before the spin.
stuck()
{
	local begun busy ticks=$1

	shift
	begun=$(date +%s%N)
	start_tool attach "$@" -p "${pids[f]}" || return 1
	tell f "spin"
	until_true has_burnt "${pids[f]}" $(($(cpu_ticks "${pids[f]}") + ticks)) || return 1
	stop_tool || return 1
	kill -9 "${pids[f]}"
	[ "$1" = --json ] || return 0
	busy=$(process "${pids[f]}" .now.longest_busy_ns)
	[ "$busy" -ge $(((ticks - 3) * 10000000)) ] && [ "$busy" -lt "$(elapsed_ns)" ] &&
		[ "$(process "${pids[f]}" .now.waiting)" = 0 ]
}

# From a second on; above everything else that is said of the process.
stuck_text()
{
	puppet f
	stuck 103 --hist &&
		[[ $(grep -A 1 "(${pids[f]})" "$work/out" | tail -n 1) == *"has not come back"* ]]
}

# The wait began before the tool: no call, but a thread that waits, at least since then.
waits_since_before()
{
	local waiting

	puppet g
	order g "sleep"
	until_true is_in "${pids[g]}" "$EPOLL_WAIT" || return 1
	start_tool attach --json -p "${pids[g]}" -d 0.1 || return 1
	wait_tool
	waiting=$(process "${pids[g]}" .now.longest_wait_ns)
	[ "$(calls g)" = 0 ] && [ "$(process "${pids[g]}" .now.waiting)" = 1 ] &&
		[ "$waiting" -ge 100000000 ] &&
		[ "$(process "${pids[g]}" '.inexact | keys')" = '["now.longest_wait_ns"]' ]
}

waits_since_then()
{
	local begun waiting

	begun=$(date +%s%N)
	puppet h
	start_tool attach --json -p "${pids[h]}" || return 1
	order h "sleep"
	until_true is_in "${pids[h]}" "$EPOLL_WAIT" || return 1
	stop_tool || return 1
	waiting=$(process "${pids[h]}" .now.longest_wait_ns)
	[ "$(calls h)" = 0 ] && [ "$(process "${pids[h]}" .now.waiting)" = 1 ] &&
		[ "$waiting" -gt 0 ] && [ "$waiting" -lt "$(elapsed_ns)" ] &&
		[ "$(process "${pids[h]}" .inexact)" = 0 ]
}

puppet f
check "now: a loop that never comes back to its wait" stuck 20 --json
check "now: a stuck loop is said first" stuck_text
check "now: a wait that began before the tool" waits_since_before
check "now: a wait that began under the tool" waits_since_then
finish
