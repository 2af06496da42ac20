#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The reference server: right answers in every combination of its modes, and
# counts that strace confirms. Loopback only, ports from the kernel.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 150 "$@" # a server that hangs fails the test
need curl jq cmp
need_built "$server"

pid=

# start ARGS...: a server on a port of the kernel's choice, in $pid, $port, $url.
start()
{
	local line

	rm -f "$work/stats"
	exec {out}< <(exec ${tracer:+"${tracer[@]}"} "$server" --stats "$work/stats" "$@" 2> "$work/stderr")
	pid=$!
	end_later "$pid"
	read -r -t 10 -u "$out" line || line=
	port=${line##*:}
	url=http://127.0.0.1:$port
	case $line in
	"listening on "*:*) return 0 ;;
	esac
	echo "# no server: $line $(cat "$work/stderr")"
	return 1
}

# stop: SIGTERM, and whether the server ended with 0 and left whole counts.
stop()
{
	local status

	kill -TERM "${1:-$pid}"
	wait "$pid"
	status=$?
	pid=
	exec {out}<&-
	if [ "$status" != 0 ] || [ -s "$work/stderr" ]; then
		echo "# status $status: $(cat "$work/stderr")"
		return 1
	fi
	# Forked workers close what the parent opened, so more may be closed.
	jq -e 'type == "object" and .fds.closed >= .fds.opened' "$work/stats" > /dev/null
}

# count FILTER: a number out of the last server's counts.
count()
{
	jq "($1) // 0" "$work/stats"
}

pattern()
{
	yes abcdefghijklmnopqrstuvwxyz0123456789 | tr -d '\n' | head -c "$1"
}

make_root()
{
	mkdir -p "$work/root/dir"
	for size in 0 1 4096 1048576 10485760; do
		head -c "$size" /dev/urandom > "$work/root/$size"
	done
	echo secret > "$work/outside"
	ln -s ../outside "$work/root/escape"
	ln -s 4096 "$work/root/link"
	pattern 1003 > "$work/post"
	pattern 1000003 > "$work/pattern"
}

# One connection fetches everything, so that keep-alive is in play.
fetch_all()
{
	local size args=()

	for size in 0 1 4096 1048576 10485760; do
		args+=("$url/$size" -o "$work/got.$size")
	done
	curl -sSf "${args[@]}" "$url/bytes/0" -o "$work/got.bytes0" \
		"$url/bytes/1000003" -o "$work/got.pattern" || return 1
	for size in 0 1 4096 1048576 10485760; do
		cmp "$work/root/$size" "$work/got.$size" || return 1
	done
	[ ! -s "$work/got.bytes0" ] && cmp "$work/pattern" "$work/got.pattern"
}

echo_back()
{
	curl -sSf --data-binary "@$work/post" "$url/echo" | cmp - "$work/post" &&
		curl -sSf -H 'Transfer-Encoding: chunked' --data-binary "@$work/pattern" "$url/echo" |
		cmp - "$work/pattern" &&
		curl -sSf -H 'Expect: 100-continue' --data-binary "@$work/root/1048576" "$url/echo" |
		cmp - "$work/root/1048576"
}

# raw TEXT: sends it in one write, prints what comes until the server closes.
raw()
{
	local connection

	exec {connection}<> "/dev/tcp/127.0.0.1/$port" || return 1
	printf '%b' "$1" >&"$connection"
	timeout 10 cat <&"$connection"
	exec {connection}>&-
}

response()
{
	printf 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n'
	printf 'Content-Length: %d\r\nConnection: %s\r\n\r\n%s' "${#1}" "$2" "$1"
}

pipelined()
{
	local get='HTTP/1.1\r\nHost: x\r\n' requests='' i

	for i in 3 0 40; do
		requests+="GET /bytes/$i $get\r\n"
	done
	requests+="POST /echo ${get}Content-Length: 5\r\n\r\nhello"
	requests+="POST /echo ${get}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: t\r\n\r\n"
	requests+="GET /bytes/7 ${get}Connection: close\r\n\r\n"
	{
		response abc keep-alive
		response '' keep-alive
		response "$(pattern 40)" keep-alive
		response hello keep-alive
		response abcde keep-alive
		response abcdefg close
	} > "$work/want"
	raw "$requests" > "$work/got"
	cmp "$work/want" "$work/got"
}

# Many requests in one write: more than one turn of the server's.
pipelined_deep()
{
	local requests='' want='' i

	for ((i = 0; i < 211; i++)); do
		requests+='GET /bytes/9 HTTP/1.1\r\nHost: x\r\n\r\n'
	done
	requests+='GET /bytes/9 HTTP/1.0\r\n\r\n'
	want=$(raw "$requests" | grep -c '^abcdefghi')
	[ "$want" = 212 ]
}

refusals()
{
	local want request got

	while IFS='|' read -r want request; do
		got=$(raw "$request" | head -n 1)
		case $got in
		"HTTP/1.1 $want "*) ok "$want for ${request:0:60}" ;;
		*) not_ok "$want for ${request:0:60}, got $got" ;;
		esac
	done << END
200|GET /4096 HTTP/1.0\r\n\r\n
200|GET /link HTTP/1.0\r\n\r\n
200|GET http://h/bytes/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n
400|GET\r\n\r\n
400|GET / HTTP/1.1\r\n\r\n
400|GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n
400|GET / HTTP/1.1\nHost: x\n\n
400|GET / HTTP/1.1\r\nHost : x\r\n\r\n
400|GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n
400|GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n
400|POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n
400|POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello
400|POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello
400|POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n
400|POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n
403|GET /dir HTTP/1.0\r\n\r\n
403|GET /escape HTTP/1.0\r\n\r\n
403|GET /../outside HTTP/1.0\r\n\r\n
403|GET /%2e%2e/outside HTTP/1.0\r\n\r\n
404|GET /missing HTTP/1.0\r\n\r\n
404|GET /bytes/x HTTP/1.0\r\n\r\n
405|POST /4096 HTTP/1.0\r\n\r\n
405|GET /echo HTTP/1.0\r\n\r\n
413|POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 16777217\r\n\r\n
414|GET /$(pattern 9000) HTTP/1.0\r\n\r\n
417|GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n
431|GET / HTTP/1.0\r\nX: $(pattern 9000)\r\n\r\n
501|DELETE /4096 HTTP/1.0\r\n\r\n
501|POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n
505|GET / HTTP/2.0\r\n\r\n
END
}

# ---- every combination ---------------------------------------------------------------------------

muxes=('--mux epoll' '--trigger edge' '--trigger oneshot' '--mux poll' '--mux select')
sends=(copy mmap sendfile splice)
shapes=('' '--workers 2' '--threads 2' '--workers 2 --threads 2 --reuseport')

serves_all()
{
	start --root "$work/root" "$@" && fetch_all && echo_back && pipelined && pipelined_deep && stop
}

test_combinations()
{
	local mux send shape

	for mux in "${muxes[@]}"; do
		for send in "${sends[@]}"; do
			for shape in "${shapes[@]}"; do
				# shellcheck disable=SC2086 # words are meant
				check "serves: $mux --send $send $shape" \
					serves_all $mux --send "$send" $shape
			done
		done
		# shellcheck disable=SC2086
		check "a byte at a time: $mux" bytewise $mux
	done
	for mux in level edge oneshot; do
		check "exclusive: $mux" serves_all --trigger "$mux" --exclusive --workers 2
	done
}

bytewise()
{
	start --read-chunk 1 "$@" || return 1
	pipelined && pipelined_deep && stop &&
		[ "$(count '.io.read.socket.bytes')" = \
			"$(count '.io.read.socket | .size_hist[1]')" ]
}

# ---- bad luck ------------------------------------------------------------------------------------

# A peer that does not read, then does; and one that goes away in the middle.
test_slow_and_gone()
{
	local mux send

	for mux in "${muxes[@]}"; do
		for send in "${sends[@]}"; do
			# shellcheck disable=SC2086
			check "slow and gone peers: $mux --send $send" \
				slow_and_gone $mux --send "$send"
		done
	done
}

slow_and_gone()
{
	local slow gone

	start --root "$work/root" "$@" || return 1
	exec {slow}<> "/dev/tcp/127.0.0.1/$port" {gone}<> "/dev/tcp/127.0.0.1/$port"
	printf 'GET /10485760 HTTP/1.0\r\n\r\n' >&"$slow"
	printf 'GET /10485760 HTTP/1.0\r\n\r\n' >&"$gone"
	read -r -u "$gone" _ # the head is there, the rest unread: closing resets
	exec {gone}>&-
	curl -sSf "$url/bytes/1000003" | cmp - "$work/pattern" || return 1
	sed '1,/^\r$/d' <&"$slow" | cmp - "$work/root/10485760" || return 1
	exec {slow}>&-
	stop
}

# With 64 descriptors: accepting stops, resumes when some are free, nothing spins.
fd_limit()
{
	local tracer=(prlimit --nofile=64) connections=() fd i

	start "$@" || return 1
	for ((i = 0; i < 70; i++)); do
		exec {fd}<> "/dev/tcp/127.0.0.1/$port"
		connections+=("$fd")
	done
	curl -s -m 0.3 "$url/bytes/1" > /dev/null && return 1
	for fd in "${connections[@]}"; do
		exec {fd}>&-
	done
	curl -sSf -m 5 "$url/bytes/1" > /dev/null && stop &&
		[ "$(count .accept.fd_limit)" -gt 0 ] && [ "$(count .accept.fd_limit)" -lt 100 ]
}

# Connections numbered from FD_SETSIZE on are told so; the others are served.
select_limit()
{
	local connections=() fd i answer

	start --mux select || return 1
	for ((i = 0; i < 1100; i++)); do
		exec {fd}<> "/dev/tcp/127.0.0.1/$port"
		connections+=("$fd")
	done
	# Without -t: bash itself would use select.
	read -r -u "${connections[1090]}" answer
	printf 'GET /bytes/5 HTTP/1.0\r\n\r\n' >&"${connections[0]}"
	sed '1,/^\r$/d' <&"${connections[0]}" | grep -q '^abcde$' || answer+=' but not served'
	for fd in "${connections[@]}"; do
		exec {fd}>&-
	done
	stop && [[ $answer == 'HTTP/1.1 503 '* && $answer != *'not served' ]]
}

many_idle()
{
	local nr=10000 connections=() fd i

	start "$@" || return 1
	for ((i = 0; i < nr; i++)); do
		exec {fd}<> "/dev/tcp/127.0.0.1/$port"
		connections+=("$fd")
	done
	for i in 0 $((nr / 2)) $((nr - 1)); do
		printf 'GET /bytes/5 HTTP/1.0\r\n\r\n' >&"${connections[i]}"
		sed '1,/^\r$/d' <&"${connections[i]}" | grep -q '^abcde$' || return 1
	done
	stop && [ "$(count .accept.accepted)" = "$nr" ]
	i=$?
	for fd in "${connections[@]}"; do
		exec {fd}>&-
	done
	return $i
}

test_limits()
{
	local mux

	for mux in "${muxes[@]}"; do
		# shellcheck disable=SC2086
		check "descriptors run out and come back: $mux" fd_limit $mux
	done
	check "select refuses what it cannot watch" select_limit
	if ulimit -S -n 10100 2> /dev/null; then
		check "10000 idle connections: epoll" many_idle
		check "10000 idle connections: edge" many_idle --trigger edge
		check "10000 idle connections: poll" many_idle --mux poll
	else
		echo "# skipped: 10000 idle connections (descriptor limit $(ulimit -H -n))"
	fi
}

# A worker's death ends the others and is no success; its counts are still there.
worker_dies()
{
	local workers

	start --workers 3 && curl -sSf "$url/bytes/1" > /dev/null || return 1
	mapfile -t workers < <(pgrep -P "$pid")
	kill -9 "${workers[1]}"
	wait "$pid"
	[ "$?" = 1 ] && [ "$(count .accept.accepted)" = 1 ] && [ "${#workers[@]}" = 3 ] &&
		timeout 5 tail --pid="${workers[0]}" --pid="${workers[2]}" -f /dev/null
}

parent_dies()
{
	local workers

	start --workers 7 || return 1
	mapfile -t workers < <(pgrep -P "$pid")
	kill -9 "$pid"
	timeout 5 tail "${workers[@]/#/--pid=}" -f /dev/null
}

serves_v6()
{
	start --bind ::1 && curl -sSf -o /dev/null "http://[::1]:$port/bytes/1" && stop
}

test_deaths()
{
	check "a dead worker ends the server with 1" worker_dies
	check "workers do not outlive their parent" parent_dies
	pid=
	check "IPv6" serves_v6
}

test_usage()
{
	local args

	while read -r args; do
		# shellcheck disable=SC2086
		"$server" $args > /dev/null 2> "$work/stderr"
		check "wrong use: $args" [ "$?" = 2 -a -s "$work/stderr" ]
	done << 'END'
--mux kqueue
--mux poll --trigger edge
--mux select --exclusive
--trigger sideways
--workers 0
--read-chunk 0
--port 65536
--bind localhost
--nonsense
--fault
--fault nonsense
--fault herd --mux poll
stray
END
	"$server" --help | tail -n 12 | grep -q '^EXAMPLES'
	check "--help ends with examples" [ "$?" = 0 ]
	check "-h is --help" cmp -s <("$server" -h) <("$server" --help)
	test_list_faults
	"$server" --root "$work/missing" > /dev/null 2> "$work/stderr"
	check "a missing root is said" grep -q missing "$work/stderr"
}

# Four fields each, nothing doubled, and arguments that fdscope-load takes.
test_list_faults()
{
	local name args

	"$server" --list-faults > "$work/faults" 2> "$work/stderr"
	check "--list-faults" [ "$?" = 0 -a -s "$work/faults" -a ! -s "$work/stderr" ]
	check "each fault is listed once" [ -z "$(cut -f 1 "$work/faults" | sort | uniq -d)" ]
	check "each fault is listed with four fields" \
		[ -z "$(awk -F '\t' 'NF != 4 || $1 == "" || $2 !~ /\.$/ || $3 == "" || $4 == ""' "$work/faults")" ]
	"$server" --list-faults > /dev/full 2>&1
	check "--list-faults that cannot be written fails" [ "$?" != 0 ]
	while IFS=$'\t' read -r name _ _ args; do
		check "serves in spite of --fault $name" serves_at_fault "$name"
		[ ! -x "$load" ] || check "fdscope-load takes the arguments of $name" takes $args
	done < "$work/faults"
	check "what is asked for overrules a fault's modes, before it" workers_are 3 --workers 3 --fault herd
	check "what is asked for overrules a fault's modes, behind it" workers_are 3 --fault herd --workers 3
}

workers_are()
{
	start "${@:2}" && [ "$(pgrep -c -P "$pid")" = "$1" ] && stop
}

# Wrong answers are none of the faults: whoever gets one gets the right one.
serves_at_fault()
{
	start --fault "$1" && curl -sSf "$url/bytes/1000" | cmp - <(pattern 1000) || return 1
	if [ "$1" = fd-leak ]; then
		kill -TERM "$pid" && wait "$pid" && [ "$(count '.fds.opened - .fds.closed')" = 1 ]
	else
		stop
	fi
}

# Nobody listens on port 1: whether it is wrong use is seen without a server.
takes()
{
	"$load" --port 1 "$@" > /dev/null 2>&1
	[ "$?" = 1 ]
}

test_load()
{
	local mux

	if command -v wrk > /dev/null; then
		check "wrk: level" under_wrk
		check "wrk: edge, two workers" under_wrk --trigger edge --workers 2 --send sendfile
	else
		echo "# skipped: wrk is not installed"
	fi
	command -v ab > /dev/null || { echo "# skipped: ab is not installed"; return; }
	for mux in "${muxes[@]}"; do
		# shellcheck disable=SC2086
		check "ab: $mux" under_ab $mux
	done
}

under_ab()
{
	start --root "$work/root" --workers 2 "$@" || return 1
	ab -q -k -n 307 -c 10 "$url/4096" > "$work/ab" 2>&1 || return 1
	grep -Eq 'Keep-Alive requests: +307' "$work/ab" || return 1
	ab -q -n 101 -c 10 "$url/4096" > "$work/ab" 2>&1 || return 1
	grep -Eq 'Failed requests: +0' "$work/ab" && stop
}

# wrk runs for a second at least, so not in every mode.
under_wrk()
{
	start "$@" || return 1
	wrk -t1 -c20 -d1s "$url/bytes/1000" > "$work/wrk"
	grep -q 'Requests/sec' "$work/wrk" && ! grep -Eq 'Socket errors|Non-2xx' "$work/wrk" && stop
}

# ---- strace as a second witness --------------------------------------------------------------------

# What strace saw, as `key value` lines in the words of the stats file.
strace_counts()
{
	cat "$work"/trace.* | awk '
	function kind(text) {
		if (text ~ /<socket:|<TCP/) return "socket"
		if (text ~ /<pipe:/) return "pipe"
		return text ~ /<anon_inode:|<\/dev\// ? "other" : "file"
	}
	function io(family, of, result) {
		key = "io." family "." of
		n[key ".calls"]++
		if (result > 0) n[key ".bytes"] += result
		if (result == 0) n[key ".end"]++
		if ($0 ~ /= -1 EAGAIN/) n[key ".again"]++
		else if (result < 0) n[key ".failed"]++
	}
	function wait(family, result) {
		n[family ".calls"]++
		if (result > 0) { n[family ".wakeups"]++; n[family ".ready"] += result }
		if (result == 0) n[family ".timeouts"]++
	}
	! / = -?[0-9]/ { next }
	{
		match($0, / = -?[0-9]+[^=]*$/)
		result = substr($0, RSTART + 3) + 0
		call = substr($0, 1, index($0, "(") - 1)
		split($0, args, ", ")
	}
	call == "epoll_wait" { wait("epoll_wait", result) }
	call == "poll" || call == "ppoll" { wait("poll", result) }
	call ~ /select/ { wait("select", result) }
	call == "epoll_ctl" {
		if (result < 0) n["epoll_ctl.failed"]++
		else n["epoll_ctl." tolower(substr(args[2], 11))]++
	}
	call == "accept4" {
		if (result >= 0) n["accept.accepted"]++
		else n["accept." ($0 ~ /EAGAIN/ ? "again" : $0 ~ /MFILE/ ? "fd_limit" : "failed")]++
	}
	call == "read" && kind(args[1]) != "file" { io("read", kind(args[1]), result) }
	call == "pread64" && $0 !~ /\.so/ { io("read", "file", result) }
	call == "sendto" { io("write", "socket", result) }
	call == "write" && kind(args[1]) == "pipe" { io("write", "pipe", result) }
	call == "sendfile" { io("sendfile", kind(args[1]), result) }
	call == "splice" { io("splice", kind(args[3]), result) }
	END { for (key in n) if (n[key]) print key, n[key] }' | sort
}

server_counts()
{
	jq -r '
	def leaves: path(.. | numbers) as $p | [($p | map(tostring) | join(".")), getpath($p)];
	. as $all | leaves | select(.[1] != 0) |
	select(.[0] | test("^(epoll_wait|poll|select)\\.(calls|wakeups|ready|timeouts)$|^epoll_ctl\\.(add|mod|del|failed)$|^accept\\.(accepted|again|fd_limit|failed)$|^io\\.[a-z]+\\.[a-z]+\\.(calls|bytes|end|again|failed)$")) |
	"\(.[0]) \(.[1])"' "$work/stats" | sort
}

agrees_with_strace()
{
	local tracer=(env ASAN_OPTIONS=detect_leaks=0 strace -ff -y -s 0 -o "$work/trace" -e "trace=epoll_wait,epoll_pwait,poll,ppoll,select,pselect6,epoll_ctl,accept4,read,pread64,write,sendto,sendfile,splice,memfd_create")
	local gone

	rm -f "$work"/trace.*
	start --root "$work/root" "$@" || return 1
	fetch_all && echo_back && pipelined && pipelined_deep || return 1
	exec {gone}<> "/dev/tcp/127.0.0.1/$port"
	printf 'GET /10485760 HTTP/1.0\r\n\r\n' >&"$gone"
	read -r -u "$gone" _
	exec {gone}>&-
	if command -v ab > /dev/null; then
		ab -q -k -n 101 -c 13 "$url/4096" > /dev/null 2>&1 || return 1
	fi
	stop "$(pgrep -o -P "$pid")" || return 1
	diff <(strace_counts) <(server_counts) | sed 's/^/# /'
	[ "${PIPESTATUS[0]}" = 0 ]
}

test_strace()
{
	local mux send

	if ! command -v strace > /dev/null || ! strace -o /dev/null true 2> /dev/null; then
		echo "# skipped: strace is missing or may not trace"
		return
	fi
	for mux in "${muxes[@]}"; do
		# shellcheck disable=SC2086
		check "strace agrees: $mux" agrees_with_strace $mux
	done
	for send in mmap sendfile splice; do
		check "strace agrees: --send $send" agrees_with_strace --send "$send"
		check "strace agrees: edge, two workers, two threads, --send $send" \
			agrees_with_strace --send "$send" --trigger edge --workers 2 --threads 2
	done
}

make_root
test_usage
check "a server starts" start --root "$work/root"
refusals
check "SIGTERM ends it" stop
test_combinations
test_slow_and_gone
test_limits
test_deaths
test_load
test_strace

finish
