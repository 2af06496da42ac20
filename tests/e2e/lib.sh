# shellcheck shell=bash disable=SC2034 # for those who source it
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the scripts beside it share: a check is a sentence and a status; a
# program is started until a line of its says that it is ready, and ended by the
# pid it was started as; a condition is waited for with a deadline.
#
#	. tests/e2e/lib.sh		after `cd` to the top of the tree
#	limit_time 60 "$@"		the script is ended, failed, after so long
#	need jq
#	...
#	finish

set -u
LC_ALL=C

build=${FDSCOPE_BUILD:-.build}
fdscope=$build/fdscope
server=$build/fdscope-server
load=$build/fdscope-load
# Asked of every wait: far more than is needed, so that only a hang reaches it.
# FDSCOPE_PATIENCE: so many times as much, where the machine is emulated.
patience=$((20 * ${FDSCOPE_PATIENCE:-1}))

nr_ok=0
nr_failed=0
started=() # processes to end, whatever happens: pid and start time, for a pid is used again
cleanups=() # commands to run, last first
work=$(mktemp -d)

identity()
{
	local stat

	stat=$(cat "/proc/$1/stat" 2> /dev/null)
	set -- "$1" ${stat##*) }
	echo "$1 ${21:-gone}"
}

# end_later PID...: if nobody did before.
end_later()
{
	local pid

	for pid; do
		started+=("$(identity "$pid")")
	done
}

# Children first: they would outlive it.
kill_tree()
{
	local child

	for child in $(pgrep -P "$1"); do
		kill_tree "$child"
	done
	kill -9 "$1" 2> /dev/null
}

at_end()
{
	local i

	trap '' TERM # timeout sends two
	for i in "${started[@]}"; do
		[ "$(identity "${i% *}")" != "$i" ] || kill_tree "${i% *}"
	done
	for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
		eval "${cleanups[i]}"
	done
	rm -rf "$work"
}
trap at_end EXIT

ok()
{
	nr_ok=$((nr_ok + 1))
	echo "ok - $1"
}

not_ok()
{
	nr_failed=$((nr_failed + 1))
	echo "not ok - $1"
}

# note TEXT...: a line of explanation for the reader of the log.
note()
{
	printf '%s\n' "$@" | sed 's/^/# /'
}

# check NAME COMMAND...: ok if the command succeeds. If not, what the tool printed last may tell why.
check()
{
	local name=$1 file

	shift
	if "$@"; then
		ok "$name"
		return
	fi
	not_ok "$name"
	for file in "$work/out" "$work/err"; do
		[ ! -s "$file" ] || note "$(jq -c . "$file" 2> /dev/null || cat "$file")"
	done
}

# equal NAME WANT GOT
equal()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | sed 's/^/# /'
	fi
}

finish()
{
	echo "$(basename "$0"): $nr_ok ok, $nr_failed failed, $SECONDS s"
	[ "$nr_failed" = 0 ]
	exit
}

skip()
{
	echo "$(basename "$0"): skipped: $1" >&2
	exit 77
}

need()
{
	local program

	for program; do
		command -v "$program" > /dev/null || skip "$program is not installed"
	done
}

# A test that knows system calls by number.
need_x86_64()
{
	[ "$(uname -m)" = x86_64 ] || skip "knows calls by their number on x86-64"
}

need_built()
{
	local program

	for program; do
		[ -x "$program" ] || skip "$program is not built (make)"
	done
}

# A test of the tool itself. tests/run looks for this word: see there.
need_bpf()
{
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -e /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF"
	"$fdscope" run -q -- true 2> "$work/probe" ||
		skip "$(tail -n 1 "$work/probe")"
}

# limit_time SECONDS "$@": runs the script again under a clock.
limit_time()
{
	local seconds=$(($1 * ${FDSCOPE_PATIENCE:-1}))

	shift
	if [ -z "${FDSCOPE_TIMED:-}" ]; then
		rm -rf "$work"
		FDSCOPE_TIMED=1 exec timeout -k 5 "$seconds" bash "$0" "$@"
	fi
	unset FDSCOPE_TIMED
	# shellcheck disable=SC2064 # the seconds are those of now
	trap "echo 'not ok - the deadline of $seconds s'; exit 1" TERM
}

# until_true COMMAND...: looks until the command succeeds or patience is over.
until_true()
{
	local deadline=$((SECONDS + patience))

	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.01
	done
}

is_gone()
{
	[ ! -e "/proc/$1" ] || grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2> /dev/null
}

# ---- the tool ------------------------------------------------------------------------------------

# start_tool ARGS...: fdscope in the background, live when this returns; its pid in
# $tool, what it said in $said, stdout in $work/out. False if it ended instead.
start_tool()
{
	said=
	exec {tool_err}< <(exec "$fdscope" "$@" 2>&1 > "$work/out")
	tool=$!
	end_later "$tool"
	IFS= read -r -t "$patience" -u "$tool_err" said
	[[ $said == tracing* ]]
}

# The tool ends by itself or was told to: its status in $status, further words in $work/err.
wait_tool()
{
	cat <&"$tool_err" > "$work/err"
	exec {tool_err}<&-
	wait "$tool"
	status=$?
}

# stop_tool: Ctrl-C. False unless it then ended well and said nothing more.
stop_tool()
{
	kill -INT "$tool"
	wait_tool
	[ "$status" = 0 ] && [ ! -s "$work/err" ] && return
	note "fdscope ended with $status" "$(cat "$work/err")"
	return 1
}

# of FILTER [FILE]: a value of the profile, $work/out unless told otherwise.
of()
{
	jq -cr "$1" "${2:-$work/out}"
}

# process PID KEY [FILE]: a key of one process of the profile, 0 if the group is left out.
process()
{
	of "(.processes[] | select(.tgid == $1) | $2) // 0" "${3:-}"
}

# Does the kernel count what epoll instances watch? Where it does not, the profile has no such key.
counts_watched()
{
	[ -n "${epoll_watched:-}" ] || epoll_watched=$("$fdscope" check --json | jq .epoll_watched)
	[ "$epoll_watched" = true ]
}

# expected PID FILE [PROFILE]: `key=value` lines of a workload against the profile's process.
# Keys are jq paths without the first dot.
expected()
{
	local key value got bad=0

	while IFS='=' read -r key value; do
		[ -n "$key" ] || continue
		case $key in
		*epoll_wait.watched*) counts_watched || value=0 ;; # there is no such key
		esac
		got=$(process "$1" ".$key" "${3:-}")
		if [ "$got" != "$value" ]; then
			note "$key: the workload says $value, the profile ${got:-nothing}"
			bad=1
		fi
	done < "$2"
	return $bad
}

# ---- the server ----------------------------------------------------------------------------------

# start_server ARGS...: on a port of the kernel's choice, in $server_pid and $port.
start_server()
{
	local line=

	exec {server_out}< <(exec "$server" "$@" 2>&1)
	server_pid=$!
	end_later "$server_pid"
	read -r -t "$patience" -u "$server_out" line
	port=${line##*:}
	[[ $line == "listening on "* ]] && return
	note "no server: $line"
	return 1
}

stop_server()
{
	kill -TERM "$server_pid"
	wait "$server_pid"
	status=$?
	exec {server_out}<&-
	[ "$status" = 0 ]
}

# free_port: one of the kernel's choice in $port, for servers that take none from it.
free_port()
{
	start_server --port 0 && stop_server
}

# start_nginx WORKERS SENDFILE: serves $work/root, its pid in $nginx; on $port, in a moment.
start_nginx()
{
	free_port || return 1
	cat > "$work/nginx.conf" << END
daemon off;
worker_processes $1;
user root;
pid $work/nginx.pid;
error_log stderr crit;
events { worker_connections 512; }
http {
	access_log off;
	sendfile $2;
	client_body_temp_path $work/t1;
	proxy_temp_path $work/t2;
	fastcgi_temp_path $work/t3;
	uwsgi_temp_path $work/t4;
	scgi_temp_path $work/t5;
	server {
		listen 127.0.0.1:$port;
		root $work/root;
	}
}
END
	nginx -e stderr -p "$work" -c "$work/nginx.conf" > "$work/nginx.log" 2>&1 &
	nginx=$!
	end_later "$nginx"
}

# ---- workloads -----------------------------------------------------------------------------------

# build_workload NAME: tests/workload/NAME.c as $work/NAME. Static, so that ld.so's
# reads and opens do not stand beside its own.
build_workload()
{
	${CC:-gcc} -std=gnu11 -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -static -pthread \
		-o "$work/$1" "tests/workload/$1.c" || { echo "not ok - $1.c compiles"; exit 1; }
}

# start_workload NAME ARGS...: its pid in $workload; it waits for a byte on $to.
start_workload()
{
	local line=

	rm -f "$work/to"
	mkfifo "$work/to"
	exec {to}<> "$work/to"
	exec {from}< <(exec {to}>&- "$work/$1" "${@:2}" < "$work/to")
	end_later $!
	read -r -t "$patience" -u "$from" line
	workload=${line#pid=}
	[[ $line == pid=* ]]
}

# What it prints until it closes its end.
end_workload()
{
	cat <&"$from"
	exec {from}<&- {to}>&-
	wait "$workload"
	status=$?
}
