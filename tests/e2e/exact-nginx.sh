#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A real nginx under load, watched by fdscope and by strace at the same time:
# both count the same calls of the same worker, so the sums are equal.
#
# What differs is at the ends, so the ends are chosen. fdscope comes first and
# finds the worker in an epoll_wait that neither counts. strace's attach breaks
# that wait off, and both see the next one begin. In the end the worker is idle
# in an epoll_wait again: fdscope leaves it uncounted, and strace, which goes
# last, prints it as detached.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 60 "$@"
PATH=$PATH:/usr/sbin
need jq nginx wrk ab strace
need_built "$fdscope" "$server"
need_x86_64
need_bpf
strace -o /dev/null true 2> /dev/null || skip "strace may not trace"

EPOLL_WAIT=232 # its number on x86-64
traced=epoll_wait,epoll_pwait,poll,ppoll,select,pselect6,epoll_ctl,accept,accept4
traced+=,read,readv,pread64,preadv,recvfrom,recvmsg,recvmmsg
traced+=,write,writev,pwrite64,pwritev,sendto,sendmsg,sendmmsg,sendfile,splice

# start_idle SENDFILE: nginx, its one worker in $worker, and how much that has open in $idle_fds.
start_idle()
{
	start_nginx 1 "$1" && until_true has_worker || return 1
	end_later "$worker"
	until_true is_idle && idle_fds=$(nr_fds)
}

has_worker()
{
	worker=$(pgrep -P "$nginx")
}

is_idle()
{
	local number _

	read -r number _ < "/proc/$worker/syscall" && [ "$number" = "$EPOLL_WAIT" ]
}

nr_fds()
{
	local fds=("/proc/$worker/fd/"*)

	echo ${#fds[@]}
}

# With all connections closed, it waits for new ones only. Asked in this order: what it does
# between its last close and its wait is over when it waits.
is_done()
{
	[ "$(nr_fds)" = "$idle_fds" ] && is_idle
}

is_stopped_once()
{
	grep -q attached "$work/strace.err" && is_idle
}

# Sums over the trace: the profile's key and the value. Nothing is left out: a line that is
# not understood is printed as it is.
strace_counts()
{
	awk '
	/<detached \.\.\.>$/ || /^[0-9]+ +(\+\+\+|---)/ { next }
	! match($0, / = -?[0-9]+( E[A-Z0-9]+ \([^()]*\))?$/) { print; next }
	{
		split(substr($0, RSTART + 3), words, " ")
		result = words[1] + 0
		error = words[2]
		call = $2
		sub(/\(.*/, "", call)
		split($0, args, ", ")
	}
	function io(family, kind, result, error) {
		key = "io." family "." kind
		n[key ".calls"]++
		if (result > 0) n[key ".bytes"] += result
		else if (result == 0) n[key ".end"]++
		else n[key (error == "EAGAIN" ? ".again" : error == "EINTR" ? ".interrupted" : ".failed")]++
	}
	call == "epoll_wait" {
		n["epoll_wait.calls"]++
		if (result > 0) { n["epoll_wait.wakeups"]++; n["epoll_wait.ready"] += result }
		else if (result < 0) n["epoll_wait." (error == "EINTR" ? "interrupted" : "failed")]++
		else n[args[4] ~ /^0\)/ ? "epoll_wait.empty_polls" : "epoll_wait.timeouts"]++
		next
	}
	call == "epoll_ctl" {
		n["epoll_ctl." (result < 0 ? "failed" : tolower(substr(args[2], 11)))]++
		next
	}
	call == "accept4" {
		n["accept." (result >= 0 ? "accepted" : error == "EAGAIN" ? "again" : "failed")]++
		next
	}
	call == "recvfrom" { io("read", "socket", result, error); next }
	call == "writev" { io("write", "socket", result, error); next }
	call == "sendfile" { io("sendfile", "socket", result, error); next }
	call == "pread64" { io("read", "file", result, error); next }
	{ print }
	END { for (key in n) print key, n[key] }' "$work/trace" | sort
}

profile_counts()
{
	jq -r '.processes[] | { epoll_wait, epoll_ctl, accept, io } | map_values(. // {}) |
		. as $all | paths(numbers) | . as $path |
		"\(map(tostring) | join(".")) \($all | getpath($path))"' "$work/out" |
		grep -E '^(epoll_wait.(calls|wakeups|ready|timeouts|empty_polls|interrupted|failed)|epoll_ctl.(add|mod|del|failed)|accept.(accepted|again|fd_limit|interrupted|failed)|io.[a-z]+.[a-z]+.(calls|bytes|end|again|interrupted|failed)) [1-9]' |
		sort
}

watch_both()
{
	start_tool attach --json -p "$worker" || return 1
	strace -f -p "$worker" -s 0 -e "trace=$traced" -o "$work/trace" 2> "$work/strace.err" &
	tracer=$!
	end_later "$tracer"
	until_true is_stopped_once
}

under_load()
{
	wrk -t1 -c13 -d1s "http://127.0.0.1:$port/file" > "$work/wrk" 2>&1 &&
		ab -q -n 211 -c 7 "http://127.0.0.1:$port/file" > "$work/ab" 2>&1 &&
		ab -q -k -n 31 -c 3 "http://127.0.0.1:$port/large" > "$work/ab" 2>&1 &&
		until_true is_done
}

stop_both()
{
	stop_tool || return 1
	kill -INT "$tracer"
	wait "$tracer"
	is_gone "$tracer"
}

stop_nginx()
{
	kill -TERM "$nginx"
	wait "$nginx"
}

mkdir "$work/root"
head -c 4099 /dev/urandom > "$work/root/file"
head -c 5000011 /dev/urandom > "$work/root/large"
for sendfile in on off; do
	check "sendfile $sendfile: nginx starts" start_idle $sendfile || continue
	check "sendfile $sendfile: both are attached to its worker" watch_both
	check "sendfile $sendfile: a load is served" under_load
	check "sendfile $sendfile: both are detached" stop_both
	equal "sendfile $sendfile: strace and fdscope counted the same" \
		"$(strace_counts)" "$(profile_counts)"
	check "sendfile $sendfile: and nothing was lost" [ "$(of .complete)" = true ]
	check "sendfile $sendfile: 211 connections and more were accepted" \
		[ "$(process "$worker" .accept.accepted)" -ge 227 ]
	check "sendfile $sendfile: nginx ends" stop_nginx
done
finish
