#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Wrong use and bad luck: each ends with the exit code of its kind and with one
# sentence on stderr, prints nothing on stdout and leaves no file behind.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 90 "$@"
PATH=$PATH:/usr/sbin:/sbin
need jq setpriv ss
need_built "$fdscope" "$server" "$load"
need_bpf

files=$work/files # nothing may stay here
mkdir "$files"

# wrong CODE WORDS ARGS...: WORDS are a pattern that the sentence must match. Once it is live the
# tool says `tracing`, which is no sentence of the error.
wrong()
{
	local want=$1 words=$2

	shift 2
	"$fdscope" "$@" > "$work/out" 2> "$work/stderr" < /dev/null
	status=$?
	grep -v '^tracing' "$work/stderr" > "$work/err"
	if [ "$status" = "$want" ] && [ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" = 1 ] &&
		grep -q "^fdscope: .*$words" "$work/err" && [ -z "$(ls -A "$files")" ]; then
		ok "$want: $*"
	else
		not_ok "$want: $*"
		note "status $status" "$(cat "$work/err")" "$(head -n 5 "$work/out")" "$(ls -A "$files")"
	fi
}

# ---- options -------------------------------------------------------------------------------------

self=$$
wrong 2 "no command" attack
wrong 2 "whom" attach
wrong 2 "exclude each other" attach -p $self -a
wrong 2 "no option" attach -p $self --nonsense
wrong 2 "no option" attach -p $self -Z
wrong 2 "needs a value" attach -p
wrong 2 "pid '0'" attach -p 0
wrong 2 "pid 'x'" attach -p x
wrong 2 "pid ''" attach -p "$self,"
wrong 2 "pid '-1'" attach -p -1
wrong 2 "pid '99999999999999999999'" attach -p 99999999999999999999
wrong 2 "port '0'" attach --port 0
wrong 2 "port '65536'" attach --port 65536
wrong 2 "interval '0'" attach -p $self 0
wrong 2 "interval '-1'" attach -p $self -1
wrong 2 "interval 'x'" attach -p $self x
wrong 2 "interval 'nan'" attach -p $self nan
wrong 2 "interval '1e99'" attach -p $self 1e99
wrong 2 "count '0'" attach -p $self 1 0
wrong 2 "'-1' is no number" attach -p $self 1 -1
wrong 2 "count 'x'" attach -p $self 1 x
wrong 2 "no finding 'nonsense' (fdscope(8), FINDINGS)" attach -p $self --fail-on nonsense
wrong 2 "one word too many" attach -p $self 1 1 1
wrong 2 "duration '0'" attach -p $self -d 0
wrong 2 "duration '-1'" attach -p $self -d -1
wrong 2 "duration 'x'" attach -p $self -d x
wrong 2 "max-threads '0'" attach -p $self --max-threads 0
wrong 2 "run what" run
wrong 2 "run what" run --only x --
wrong 2 "no option" run --nonsense -- true

"$fdscope" > "$work/out" 2> "$work/err"
check "alone it says how it is used: 2" [ $? = 2 ]
check "and that on stderr" [ ! -s "$work/out" -a -s "$work/err" ]
for command in '' attach run report compare check; do
	# shellcheck disable=SC2086 # no word if there is none
	"$fdscope" $command --help > "$work/out" 2> "$work/err"
	check "${command:-fdscope} --help is exit 0 on stdout, with examples, 80 columns" \
		eval '[ $? = 0 ] && [ ! -s "$work/err" ] && grep -q "^ *EXAMPLES" "$work/out" &&
			[ "$(wc -L < "$work/out")" -le 80 ]'
done

if "$fdscope" check --json | jq -e '.fentry // "preemptible" | test("preemptible") | not' > "$work/out"; then
	wrong 3 "backend fentry: trace the kernel" attach -p $self -d 1 --backend fentry
	wrong 3 "backend fentry: trace the kernel" run --backend fentry -- true
fi

# ---- targets -------------------------------------------------------------------------------------

true &
gone=$!
wait "$gone"
wrong 2 "attach to $gone: no such process" attach -p $gone
wrong 2 "no such process" attach -p 1,$gone
wrong 2 "no process has that name" attach --comm no-such-name
wrong 2 "cgroup $work: no directory of cgroup2" attach --cgroup "$work"
wrong 2 "cgroup $work/missing: No such file" attach --cgroup "$work/missing"
wrong 2 "cgroup /proc/self/status: no directory of cgroup2" attach --cgroup /proc/self/status
mkdir "$work/v1"
: > "$work/v1/cgroup.procs" # as one of cgroup v1 has it
wrong 2 "no directory of cgroup2" attach --cgroup "$work/v1" -d 1

# The kernel gives a free port; when the server is gone nobody listens there.
if free_port; then
	wrong 2 "port $port: nobody listens" attach --port "$port"
fi

# One that ends while the tool looks for it or loads: no such process, or gone before the probes
# were live, or a report if it was still there.
ends_meanwhile()
{
	local i

	for i in {1..7}; do
		sleep 0.0$i &
		"$fdscope" attach -q -p $! 2> "$work/stderr"
		status=$?
		wait $!
		case "$status $(grep -c . "$work/stderr") $(cat "$work/stderr")" in
		"2 1 "*"no such process"* | "3 1 "*"ended before"* | "0 1 tracing"*) ;;
		*)
			note "status $status: $(cat "$work/stderr")"
			return 1
			;;
		esac
	done
}
check "a process that ends meanwhile" ends_meanwhile

# A thread's id is none of a process.
sleeper_thread()
{
	local tid

	tid=$(ps -eLo pid=,lwp= | awk '$1 != $2 { print $2; exit }')
	[ -n "$tid" ] || return 0
	"$fdscope" attach -q -d 0.1 -p "$tid" 2> "$work/err"
	[ $? = 2 ] && grep -q "is a thread of" "$work/err"
}
check "the id of a thread: it says whose" sleeper_thread

# ---- where it runs -------------------------------------------------------------------------------

# says CODE WORDS COMMAND...: the last line on stderr matches WORDS and is the only one.
says()
{
	local want=$1 words=$2

	shift 2
	"$@" > "$work/out" 2> "$work/err" < /dev/null
	[ $? = "$want" ] && [ "$(wc -l < "$work/err")" = 1 ] &&
		grep -q "^fdscope: $words" "$work/err"
}

# hidden DIR ARGS...: the tool where something else is mounted at DIR.
hidden()
{
	# shellcheck disable=SC2016 # for the other shell
	unshare --mount sh -c 'mount -t tmpfs fdscope-e2e "$1" && shift && exec "$@"' \
		sh "$1" "$fdscope" "${@:2}"
}

check_tells()
{
	hidden "$1" check > "$work/out" 2> "$work/err"
	[ $? = 3 ] && grep -q "$2" "$work/out" && ! grep -q "No such process" "$work/out" "$work/err"
}

if unshare --mount mount -t tmpfs fdscope-e2e "$files" 2> /dev/null; then
	check "without /proc: attach says so" \
		says 3 "/proc is not mounted" hidden /proc attach -p 1 -d 1
	check "and check" check_tells /proc "^  pids .*NO: /proc is not mounted"
	if hidden /sys/kernel/btf check > /dev/null 2>&1; then
		note "skipped: no BTF (there is another copy of it)"
	else
		check "without BTF: attach says so, and no errno" \
			says 3 "load.*/vmlinux is missing (.*)$" hidden /sys/kernel/btf attach -p $self -d 1
		check "and check" check_tells /sys/kernel/btf "^  calls .*NO: .*there is no BTF$"
	fi
else
	note "skipped: without /proc, without BTF (nothing can be mounted)"
fi

own_pids=(unshare --pid --fork --mount-proc)
if "${own_pids[@]}" true 2> /dev/null; then
	for command in "attach -a -d 1" "run -- true" "compare --repeats 1"; do
		# shellcheck disable=SC2086 # words
		check "in a pid namespace of its own: ${command%% *} says so" \
			says 3 "this is a pid namespace of its own" "${own_pids[@]}" "$fdscope" $command
	done
else
	note "skipped: a pid namespace (none can be made)"
fi

# ---- output --------------------------------------------------------------------------------------

target=(-p "$self" -d 0.05)
mkdir "$work/full"
wrong 2 "write $files/missing/x: No such file" attach "${target[@]}" -q -o "$files/missing/x"
wrong 2 "write $work/full: Is a directory" attach "${target[@]}" -q -o "$work/full"
wrong 2 "Not a directory" attach "${target[@]}" -q -o /dev/null/x
wrong 3 "No space left" attach "${target[@]}" -q -o /dev/full
wrong 3 "No space left" attach "${target[@]}" 0.01 -q -o /dev/full

if mount -t tmpfs -o size=16k,mode=755 fdscope-e2e "$work/full" 2> /dev/null; then
	cleanups+=('umount "$work/full"')
	head -c 16k /dev/zero > "$work/full/ballast" 2> /dev/null
	wrong 3 "write $work/full/x: No space left" attach "${target[@]}" -q -o "$work/full/x"
	wrong 3 "write $work/full/x: No space left" run -q -o "$work/full/x" -- true
	check "a full disk keeps no part of a profile" \
		[ "$(ls -A "$work/full")" = ballast ]
	mount -o remount,ro "$work/full"
	wrong 2 "write $work/full/x: Read-only" attach "${target[@]}" -q -o "$work/full/x"
else
	note "skipped: a full disk (no tmpfs can be mounted)"
fi

full_stdout()
{
	"$fdscope" attach "${target[@]}" "$@" 2> "$work/stderr" > /dev/full
	[ $? = 3 ] && [ "$(grep -vc '^tracing' "$work/stderr")" = 1 ] &&
		grep -q 'No space left' "$work/stderr"
}
check "stdout that is full: 3 and a sentence" full_stdout
check "the same with --json" full_stdout --json

# What was there stays until the new one is whole.
keeps_old()
{
	echo old > "$work/kept"
	"$fdscope" run -q -o "$work/kept" -- "$work/no-such-command" 2> /dev/null
	[ $? = 127 ] && [ "$(cat "$work/kept")" = old ] && [ -z "$(find "$work" -name 'kept?*')" ] &&
		"$fdscope" run -q -o "$work/kept" -- true 2> /dev/null &&
		jq -e .complete "$work/kept" > /dev/null
}
check "a profile that was there before is replaced by a whole one only" keeps_old

# ---- not root ------------------------------------------------------------------------------------

# Where nobody can reach it; the caller's directories may be closed to them.
chmod 755 "$work"
cp "$fdscope" "$work/fdscope"
not_root=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)

as_nobody()
{
	"${not_root[@]}" "$work/fdscope" "$@" > "$work/out" 2> "$work/err"
	[ $? = 3 ] && [ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" = 1 ] &&
		grep -q 'root' "$work/err"
}
check "not root: attach is 3 and says what is needed" as_nobody attach -p $self
check "not root: --wakeups needs it, too" as_nobody attach -p $self --wakeups
check "not root: run is 3" as_nobody run -- touch "$work/has-run"
check "and the command did not run" [ ! -e "$work/has-run" ]

checks_as_nobody()
{
	"${not_root[@]}" "$work/fdscope" check > "$work/out" 2> "$work/err"
	[ $? = 3 ] && grep -q "^  calls .*NO: the probes do not attach" "$work/out" &&
		! grep -qE "^  (watched|wakeups|io_uring|32-bit|backend) " "$work/out"
}
check "not root: check tells nothing of what it could not try" checks_as_nobody

# ---- not root, with capabilities -----------------------------------------------------------------

# capable CAPABILITIES ARGS...: nobody has these, and attaches to a server of root's at work.
capable()
{
	local caps=$1

	shift
	setpriv --reuid=65534 --regid=65534 --clear-groups "--inh-caps=$caps" "--ambient-caps=$caps" \
		"$work/fdscope" attach --json -d 0.5 "$@" > "$work/out" 2> "$work/err"
}

# is_marked KEYS: nothing was lost, and these keys of the server are inexact.
is_marked()
{
	[ "$(of '[.complete, .processes[0].epolls[0].returns > 0,
		(.processes[0].inexact // {} | keys)]')" = "[true,true,$1]" ]
}

is_connected()
{
	[ -n "$(ss -Htn state established "sport = :$port")" ]
}

# One loop is at work; the other has been waiting since before.
are_told_apart()
{
	capable +bpf,+perfmon -p "$server_pid" &&
		is_marked '["epolls","now.waiting"]' &&
		capable +bpf,+perfmon,+sys_ptrace,+dac_read_search --port "$port" &&
		is_marked '["now.longest_wait_ns"]'
}

start_server --threads 2
"$load" --port "$port" --requests 1000000000 > /dev/null 2>&1 &
loading=$!
end_later "$loading"
until_true is_connected
check "capabilities that are missing mark what they hide, and are no loss" are_told_apart
kill "$loading"
stop_server

# ---- profiles ------------------------------------------------------------------------------------

"$fdscope" run -q -o "$work/good" -- true 2> /dev/null
wrong 2 "report on what" report
wrong 2 "No such file" report "$work/missing"
wrong 2 "directory" report "$files"
: > "$work/empty"
wrong 2 "empty" report "$work/empty"
echo '{ "schema": 1' > "$work/bad"
wrong 2 "bad" report "$work/bad"
head -c 300 "$work/good" > "$work/bad"
wrong 2 "bad" report "$work/bad"
echo '[]' > "$work/bad"
wrong 2 "bad" report "$work/bad"
jq '.schema = 2' "$work/good" > "$work/bad"
wrong 2 "bad" report "$work/bad"
jq '.processes = 7' "$work/good" > "$work/bad"
wrong 2 "bad" report "$work/bad"
jq '.processes[0].tgid = "x"' "$work/good" > "$work/bad"
wrong 2 "bad" report "$work/bad"
jq '.processes[0].io.read.file.calls = -1' "$work/good" > "$work/bad"
wrong 2 "bad" report "$work/bad"
head -c 10000 /dev/urandom > "$work/bad"
wrong 2 "bad" report "$work/bad"
for ((i = 0; i < 3000; i++)); do printf '['; done > "$work/bad"
wrong 2 "bad" report "$work/bad"

# ---- kill -9 -------------------------------------------------------------------------------------

programs_of()
{
	awk '$1 == "prog_id:" { print $2 }' "/proc/$1/fdinfo/"* | sort -u
}

are_unloaded()
{
	local id

	for id; do
		! bpftool prog show id "$id" > /dev/null 2>&1 || return 1
	done
}

killed()
{
	local programs

	start_tool attach -q -o "$files/x" -p $self || return 1
	mapfile -t programs < <(programs_of "$tool")
	[ "${#programs[@]}" -ge 5 ] && ! are_unloaded "${programs[0]}" || return 1
	kill -9 "$tool"
	wait_tool
	until_true are_unloaded "${programs[@]}" && [ -z "$(ls -A "$files")" ]
}

# Whoever reads the report goes away: the pipe breaks at the next.
broken_pipe()
{
	"$fdscope" attach -p $self -o "$files/x" 0.02 2> /dev/null | head -n 1 > /dev/null
	[ -z "$(ls -A "$files")" ]
}

killed_run()
{
	local command

	exec {tool_err}< <(exec "$fdscope" run -q -o "$files/x" -- sleep 50 2>&1)
	tool=$!
	end_later "$tool"
	read -r -t "$patience" -u "$tool_err" _
	until_true pgrep -x -P "$tool" sleep > /dev/null || return 1
	command=$(pgrep -P "$tool")
	kill -9 "$tool"
	wait "$tool"
	exec {tool_err}<&-
	! is_gone "$command" && kill "$command" && [ -z "$(ls -A "$files")" ]
}

if bpftool prog show > /dev/null 2>&1; then
	check "kill -9 leaves no program attached, and no file" killed
else
	note "skipped: kill -9 (bpftool is not there or cannot list programs)"
fi
check "kill -9 under run: the command goes on, and no file" killed_run 2> /dev/null
check "a broken pipe leaves no file" broken_pipe
finish
