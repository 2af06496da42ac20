#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# fdscope run: the command is run as if the tool were not there, its status
# comes back, and all of its life and its children's is counted.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 60 "$@"
need jq "${CC:-gcc}"
need_built "$fdscope"
need_bpf
build_workload puppet
build_workload swarm

saved=$work/saved.json

# run ARGS...: status in $status, stdout in $work/out, what is no `tracing` line in $work/err.
run()
{
	rm -f "$saved"
	"$fdscope" run "$@" > "$work/out" 2> "$work/stderr"
	status=$?
	grep -v '^tracing' "$work/stderr" > "$work/err"
}

# ---- status --------------------------------------------------------------------------------------

# ends_with STATUS SENTENCES WORD...: by a command that runs, with a profile; or by one that does
# not, without.
ends_with()
{
	local want=$1 sentences=$2

	shift 2
	run -q -o "$saved" -- "$@"
	[ "$status" = "$want" ] && [ "$(wc -l < "$work/err")" = "$sentences" ] || return 1
	if [ "$sentences" = 0 ]; then
		jq -e .complete "$saved" > /dev/null
	else
		[ -z "$(find "$work" -name 'saved*')" ]
	fi
}

: > "$work/not-executable"
# shellcheck disable=SC2016 # for the inner shell
check "status 0" ends_with 0 0 true
check "status 7, and the profile is there" ends_with 7 0 sh -c 'exit 7'
# shellcheck disable=SC2016
check "SIGTERM: 143" ends_with 143 0 sh -c 'kill -TERM $$'
# shellcheck disable=SC2016
check "SIGKILL: 137" ends_with 137 0 sh -c 'kill -9 $$'
check "not found: 127, a sentence and no profile" ends_with 127 1 "$work/no-such-command"
check "not found in PATH: 127" ends_with 127 1 no-such-command-anywhere
check "not executable: 126" ends_with 126 1 "$work/not-executable"
check "a directory: 126" ends_with 126 1 "$work"

precedence()
{
	run --strict --max-threads 1 -q -- sh -c "cat < /dev/null; exit $1"
	[ "$status" = "$2" ] && [ "$(wc -l < "$work/err")" = 1 ]
}
check "losses under --strict: 3" precedence 0 3
check "but the command's own status wins" precedence 7 7

unwritable()
{
	run -q -o "$work/no-such-directory/x" -- touch "$work/has-run"
	[ "$status" = 2 ] && [ "$(wc -l < "$work/err")" = 1 ] && [ ! -e "$work/has-run" ]
}
check "an output that cannot be written is said before the command runs" unwritable

full()
{
	run -q -o /dev/full -- sh -c "exit $1"
	[ "$status" = "$2" ] && grep -q 'No space left' "$work/err"
}
check "an output that fills up: 3" full 0 3
check "and the command's status wins there, too" full 7 7

# ---- as if the tool were not there -----------------------------------------------------------------

# What a process gets from who starts it, the parent apart. Each looks at itself: a shell blocks
# signals for a moment when it forks.
circumstances='
	grep -E "^(Umask|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Cap|NoNewPrivs|Seccomp)" /proc/self/status
	ls /proc/self/fd; pwd; env | grep -v ^_= | sort; ulimit -a; nice; cat /proc/self/oom_score_adj'

same_circumstances()
{
	sh -c "$circumstances" > "$work/want" 2>&1
	run -q -- sh -c "$circumstances"
	diff "$work/want" "$work/out"
}
check "descriptors, signals, environment, limits are as without it" same_circumstances

blocked_signals()
{
	env --block-signal=USR1,INT --ignore-signal=USR2,HUP sh -c "$circumstances" > "$work/want" 2>&1
	env --block-signal=USR1,INT --ignore-signal=USR2,HUP \
		"$fdscope" run -q -- sh -c "$circumstances" > "$work/out" 2> /dev/null
	diff "$work/want" "$work/out"
}
check "blocked and ignored signals are handed on" blocked_signals

direct_child()
{
	# shellcheck disable=SC2016
	run -q -- sh -c 'cat /proc/$PPID/comm'
	[ "$(cat "$work/out")" = fdscope ]
}
check "the command is the tool's direct child" direct_child

stdin_goes_through()
{
	head -c 1000003 /dev/urandom > "$work/random"
	"$fdscope" run -q -- cat < "$work/random" 2> /dev/null | cmp - "$work/random" &&
		cat "$work/random" | "$fdscope" run -q -- cat 2> /dev/null | cmp - "$work/random"
}
check "stdin and stdout are the command's" stdin_goes_through

output_then_report()
{
	run -- echo hello
	[ "$(head -n 1 "$work/out")" = hello ] && grep -q '^echo (' "$work/out" &&
		[ "$(wc -L < "$work/out")" -le 80 ] || return 1
	run --json -- echo hello
	[ "$(tail -n +2 "$work/out" | jq -c .target.command)" = '["echo","hello"]' ]
}
check "its output, then the report" output_then_report

# ---- signals -------------------------------------------------------------------------------------

# start_job COMMAND...: under the tool in a process group of its own, as a shell at a terminal
# starts it; SIGINT is not ignored then. Returns when the command has printed a line.
start_job()
{
	rm -f "$saved" "$work/line"
	mkfifo "$work/line"
	set -m
	"$fdscope" run -q -o "$saved" -- "$@" > "$work/line" 2> "$work/err" &
	tool=$!
	set +m
	end_later "$tool"
	exec {line_fd}< "$work/line"
	read -r -t "$patience" -u "$line_fd" line
}

end_job()
{
	wait "$tool"
	status=$?
	exec {line_fd}<&-
	[ "$status" = "$1" ] && jq -e .complete "$saved" > /dev/null
}

waiting='echo ready; while :; do :; done'

ctrl_c()
{
	start_job sh -c "$waiting" && kill -INT -- "-$tool" && end_job 130
}
check "Ctrl-C ends the command: 130, and the profile is there" ctrl_c

ctrl_c_caught()
{
	start_job sh -c "trap 'exit 5' INT; $waiting" && kill -INT -- "-$tool" && end_job 5
}
check "Ctrl-C that the command catches: its status" ctrl_c_caught

sigterm()
{
	start_job sh -c "$waiting" && kill -TERM "$tool" && end_job 143
}
check "SIGTERM to the tool goes on to the command" sigterm

# ---- what is counted -----------------------------------------------------------------------------

# A static program that reads to the end of its input. The tool's own part in the child, between
# fork and execve, would be one more read and some closes.
from_execve()
{
	run -q -o "$saved" -- "$work/puppet" < /dev/null
	jq -e '.processes | length == 1 and (.[0] | .comm == "puppet" and .exited and
		.fds.opened == 0 and .fds.closed == 0 and .fds.unaccounted == 0 and
		.io.read == { other: .io.read.other } and .io.read.other.size_hist == [1] and
		.io.write.file.calls == 1 and (.io.write | keys) == ["file"])' "$saved" > /dev/null
}
check "counting begins at execve" from_execve

# The child that stays dies with its parent; until then it is counted.
children_to_the_end()
{
	printf 'keep 7\n' | run -q -o "$saved" -- "$work/puppet"
	jq -e '[.processes[] | .epoll_wait.calls // 0] | sort == [0, 7]' "$saved" > /dev/null
}
check "a child that still runs at the end is counted" children_to_the_end

# Not waited for.
orphan()
{
	local orphan

	# shellcheck disable=SC2016
	run -q -- sh -c 'sleep 50 > /dev/null 2>&1 & echo $!'
	orphan=$(cat "$work/out")
	end_later "$orphan"
	[ "$status" = 0 ] && ! is_gone "$orphan" && kill "$orphan"
}
check "the end is the command's, not its orphans'" orphan

only()
{
	run -q -o "$saved" --only puppet -- sh -c "$work/puppet < /dev/null; cat < /dev/null"
	[ "$(jq -c '[.processes[].comm]' "$saved")" = '["puppet"]' ] || return 1
	run -q -o "$saved" --only nobody -- true
	[ "$status" = 3 ] && [ "$(jq -c .processes "$saved")" = '[]' ] || return 1
	run -q --only nobody -- false
	[ "$status" = 1 ]
}
check "--only keeps processes by name, and fails if nobody had it" only

# swarm ARGS... -- PROCESSES THREADS [PACE_MS]
swarm()
{
	local options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	run -q -o "$saved" ${options[@]+"${options[@]}"} -- "$work/swarm" "$@"
	[ "$status" = 0 ]
}

# The sums over all processes, as lines in the workload's words.
swarm_sums()
{
	local key value

	while IFS='=' read -r key value; do
		case $key in
		"") ;;
		processes) of '"processes=\([.processes[] | select(.exited)] | length)"' "$saved" ;;
		*) of "\"$key=\([.processes[].$key // 0] | add)\"" "$saved" ;;
		esac
	done < "$work/out"
}

all_counted()
{
	swarm "$@" && [ "$(of .complete "$saved")" = true ] &&
		diff <(grep . "$work/out") <(swarm_sums) > "$work/diff" && return
	note "< workload, > profile" "$(cat "$work/diff")" "$(of '[.complete, .losses]' "$saved")"
	return 1
}

# Rows are given back when the tool has heard of an end, so how many are enough depends on when it
# gets a CPU. Too few may be enough or not; the profile must know which.
whole_or_not()
{
	swarm "$@" || return 1
	if diff <(grep . "$work/out") <(swarm_sums) > "$work/diff"; then
		[ "$(of .complete "$saved")" = true ]
	else
		[ "$(of '.complete or .losses == {}' "$saved")" = false ]
	fi
}
check "307 children and 211 threads, all counted" all_counted -- 307 211
# One is born every 2 ms, so a row that is given back within 600 ms is there in time.
check "more children than the tables have rows" all_counted --max-threads 307 --max-processes 307 -- 601 0 2
check "tables too small for a rush: counted, or counted as lost" whole_or_not \
	--max-threads 11 --max-processes 11 -- 307 211
finish
