#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# fdscope-load is a witness, so it must not pass what is wrong: held against a server that lies
# once in each way it can tell, then against fdscope-server in earnest. Needs no root.

set -u
cd "$(dirname "$0")/../.." || exit 1
build=${FDSCOPE_BUILD:-.build}
load=$build/fdscope-load
server=$build/fdscope-server

[ -x "$load" ] || { echo "skip: $load is not built (make)"; exit 77; }

tmp=$(mktemp -d)
pid=
nr_ok=0
nr_bad=0

stop() {
	[ -n "$pid" ] || return 0
	kill "$pid" 2>/dev/null
	kill -CONT "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=
}
trap 'stop; rm -rf "$tmp"' EXIT

result() {	# result STATUS SENTENCE
	if [ "$1" -eq 0 ]; then
		nr_ok=$((nr_ok + 1))
		echo "ok - $2"
	else
		nr_bad=$((nr_bad + 1))
		echo "not ok - $2"
		sed 's/^/# /' "$tmp/out" "$tmp/err"
	fi
}

run() {		# run OPTION...: status in $status, output in $tmp/out and $tmp/err
	timeout 15 "$load" "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
}

liar() {	# liar LIE [NTH]: its port in $port
	stop
	rm -f "$tmp/port"
	mkfifo "$tmp/port"
	"$tmp/lying-server" "$@" >"$tmp/port" &
	pid=$!
	read -r -t 5 port <"$tmp/port"
}

errors() {	# the names and counts that are not 0
	sed -n 's/.*"errors": *//p' "$tmp/out" | grep -o '"[a-z]*": [1-9][0-9]*' | tr -d '":' |
		paste -sd,
}

counted() {	# counted KEY: its value at the top level
	sed -n "s/.*\"$1\": \([0-9]*\),.*/\1/p" "$tmp/out"
}

# A lie must end in exit 1, under its name once and under no other, with the words on stderr.
lie() {		# lie LIE NTH NAME WORDS [OPTION...]
	local lie=$1 nth=$2 name=$3 words=$4

	shift 4
	liar "$lie" "$nth"
	run --port "$port" --path /bytes/37 --requests 5 --json "$@"
	[ "$status" -eq 1 ] && [ "$(errors)" = "$name 1" ] &&
		[ "$(grep -c . "$tmp/err")" -eq 1 ] &&
		grep -q "^fdscope-load: $name error: .*$words" "$tmp/err"
	result $? "$lie at request $nth is one '$name' error, and exit 1"
}

wrong_use() {	# wrong_use WORDS OPTION...
	local words=$1

	shift
	run "$@"
	[ "$status" -eq 2 ] && [ ! -s "$tmp/out" ] && [ "$(grep -c . "$tmp/err")" -eq 1 ] &&
		grep -qe "$words" "$tmp/err"
	result $? "'$*' is one sentence and exit 2"
}

# ---- lies ----

${CC:-gcc} -std=gnu11 -Wall -Wextra -D_GNU_SOURCE -o "$tmp/lying-server" \
	tests/workload/lying-server.c || exit 1

liar none
run --port "$port" --path /bytes/37 --requests 5 --json
[ "$status" -eq 0 ] && [ -z "$(errors)" ] && [ "$(counted requests)" = 5 ] &&
	[ "$(counted bytes)" = 185 ] && [ ! -s "$tmp/err" ]
result $? "the truth is exit 0, every request counted and nothing on stderr"

liar chunked
run --port "$port" --path /bytes/37 --requests 2 --json
[ "$status" -eq 0 ] && [ "$(counted bytes)" = 74 ]
result $? "a chunked response is as good as a counted one"

for nth in 0 4; do
	lie status $nth status "status 500, expected 200"
	lie length $nth length "36 bytes, expected 37"
	lie content $nth content "differs at byte 30"
	lie short $nth short "closed after 9 bytes"
	lie short-head $nth short "closed after 0 bytes"
	lie closed $nth closed "closed before the response began"
	lie reset $nth reset "Connection reset by peer"
	lie malformed $nth malformed "no HTTP/1.x status line"
	lie extra $nth extra "bytes behind"
	lie silent $nth timeout "no answer" --timeout 1
done
lie announced 0 closed "Connection: close"
lie endless 0 closed "Connection: close"
lie early 0 early "before all of it was sent" --pieces 7
lie hang-up 0 idle "idle connection 0" --idle 1

for last in announced endless; do
	liar $last 0
	run --port "$port" --path /bytes/37 --requests 2 --reconnect --json
	[ "$status" -eq 0 ] && [ "$(counted requests)" = 2 ]
	result $? "'$last' is right when each request has its own connection"
done

for last in announced endless; do
	liar $last 4
	run --port "$port" --path /bytes/37 --requests 5 --json
	[ "$status" -eq 0 ] && [ "$(counted requests)" = 5 ]
	result $? "'$last' is right at the last request"
done

lie none 9 length "37 bytes, expected 5" --requests 1 --length 5
printf 'abcdefghijklmnopqrstuvwxyz0123456789b' >"$tmp/file"
lie none 9 content "differs at byte 36" --requests 1 --path /x --expect-file "$tmp/file"
lie content 3 content "differs from the first response's" --path /other
lie length 3 length "36 bytes, expected 37" --path /other

stop
run --port "$port" --connections 3 --json
[ "$status" -eq 1 ] && [ "$(errors)" = "refused 3" ] && grep -q "Connection refused" "$tmp/err"
result $? "without a listener each connection is 'refused', and exit 1"

# ---- wrong use ----

wrong_use "--port is needed" --connections 1
wrong_use "from 1 to 65535" --port 0
wrong_use "from 1 to 65535" --port 65536
wrong_use "from 1 to 65535" --port http
wrong_use "--requests '0'" --port 80 --requests 0
wrong_use "--connections '-1'" --port 80 --connections -1
wrong_use "--connections '5x'" --port 80 --connections 5x
wrong_use "--connections ''" --port 80 --connections ""
wrong_use "--timeout '99999999999999999999'" --port 80 --timeout 99999999999999999999
wrong_use "not an IPv4 or IPv6 address" --port 80 --host example.invalid
wrong_use "begins with /" --port 80 --path bytes/1
wrong_use "as %XX" --port 80 --path "/a b"
wrong_use "either --path or --post" --port 80 --path / --post 1
wrong_use "needs --path" --port 80 --post 1 --expect-file /dev/null
wrong_use "fewer parts" --port 80 --post 3 --pieces 4
wrong_use "bytes long" --port 80 --pieces 1000
wrong_use "No such file" --port 80 --path / --expect-file "$tmp/none"
wrong_use "not a regular file" --port 80 --path / --expect-file /dev/null
wrong_use "needs --post" --port 80 --bulk 1
wrong_use "needs --post" --port 80 --post 1 --bulk 1 --length 1
wrong_use "fewer parts" --port 80 --post 9 --bulk 3 --pieces 4
wrong_use "shorter than --timeout" --port 80 --pause 1000 --timeout 1
wrong_use "only options" --port 80 everything
(
	ulimit -n 64
	run --port 80 --connections 60
	[ "$status" -eq 2 ] && grep -q "76 descriptors, but only 64 are allowed" "$tmp/err"
)
result $? "more connections than descriptors is one sentence and exit 2"

liar none
timeout 15 "$load" --port "$port" --path /bytes/37 >/dev/full 2>"$tmp/err"
[ $? -eq 1 ] && grep -q "No space left" "$tmp/err"
result $? "results that cannot be written are exit 1"
stop

# ---- in earnest ----

start_server() {	# its port, which the kernel chooses, in $port
	local line

	stop
	rm -f "$tmp/port"
	mkfifo "$tmp/port"
	"$server" --port 0 --stats "$tmp/stats" >"$tmp/port" &
	pid=$!
	read -r -t 5 line <"$tmp/port"	# listening on ADDRESS:PORT
	port=${line##*:}
}

right() {	# right REQUESTS BYTES SENTENCE OPTION...
	local requests=$1 bytes=$2 sentence=$3

	shift 3
	run --port "$port" --json "$@"
	[ "$status" -eq 0 ] && [ "$(counted requests)" = "$requests" ] &&
		[ "$(counted bytes)" = "$bytes" ]
	result $? "fdscope-server: $sentence"
}

if [ -x "$server" ]; then
	start_server
	right 221 226304 "13 connections, 17 requests on each" --connections 13 --requests 17
	right 7 7168 "beside 101 idle connections" --requests 7 --idle 101
	right 3 3000003 "bodies larger than any buffer" --requests 3 --path /bytes/1000001
	right 2 0 "bodies of no bytes" --requests 2 --path /bytes/0
	right 35 431935 "echoes, each its own" --connections 5 --requests 7 --post 12341
	right 6 74046 "echoes in 11 pieces" --connections 3 --requests 2 --post 12341 --pieces 11
	right 2 6000000 "large echoes" --requests 2 --post 3000000
	right 11 100030 "one connection posts more than the others do" --connections 3 --requests 5 \
		--post 3 --bulk 100000
	right 6 74046 "echoes with pauses" --connections 3 --requests 2 --post 12341 --pause 7
	right 35 35840 "each request on a connection of its own" --connections 5 --requests 7 \
		--reconnect
	[ "$(counted connections)" = 35 ]
	result $? "35 connections for 35 requests"
	right 6 74046 "the same in pieces, after pauses" --connections 3 --requests 2 --post 12341 \
		--pieces 5 --reconnect --pause 7

	# Its own count is the witness: every read but the ends took less than a buffer.
	start_server
	right 21 21504 "requests in 5 pieces, by 3 connections" --connections 3 --requests 7 \
		--pieces 5
	rm -f "$tmp/stats"
	stop
	sed -n '/"read": {/,/"end"/p' "$tmp/stats" >"$tmp/out"
	grep -q '"partial": 105,' "$tmp/out"
	result $? "fdscope-server: 21 requests in 5 pieces are 105 reads"

	# The kernel accepts and acknowledges for it, but that is not enough for a second piece.
	start_server
	kill -STOP "$pid"
	run --port "$port" --connections 3 --pieces 5 --timeout 1 --json
	[ "$status" -eq 1 ] && [ "$(errors)" = "timeout 3" ] &&
		grep -q "the server does not read" "$tmp/err"
	result $? "fdscope-server: no piece is sent before the one before was read"
	stop
else
	echo "# $server is not built: not held against it"
fi

echo "load: $nr_ok ok, $nr_bad not ok"
[ "$nr_bad" -eq 0 ]
