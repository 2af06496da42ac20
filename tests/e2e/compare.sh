#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# fdscope compare: every mode runs, the counts that follow from the load are
# exact, what goes wrong is said in one sentence, and no process is left.

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
limit_time 240 "$@"
need jq pgrep mkfifo
need_built "$fdscope" "$server" "$load"
need_bpf

MODES=select,poll,epoll-level,epoll-edge,epoll-oneshot,copy,mmap,sendfile,splice
# Primes, so that a double or a batch shows.
CONNECTIONS=7 REQUESTS=13 IDLE=5 SIZE=4099 REPEATS=2
NR_RUNS=$REPEATS
NR_REQUESTS=$((CONNECTIONS * REQUESTS * NR_RUNS))
HEAD=$(printf 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n_' "$SIZE")
HEAD_SIZE=$((${#HEAD} - 1))

small=(--connections "$CONNECTIONS" --requests "$REQUESTS" --idle "$IDLE" --size "$SIZE"
	--repeats "$REPEATS")

# compare ARGS...: its status in $status, output in $work/out and $work/err.
compare()
{
	"$fdscope" compare "$@" > "$work/out" 2> "$work/err"
	status=$?
}

# mode NAME FILTER [FILE]: a value of one mode of the document.
mode()
{
	of ".modes[] | select(.mode == \"$1\") | $2" "${3:-$work/all}"
}

# One sentence of ours on stderr, nothing on stdout.
says_one_sentence()
{
	[ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" = 1 ] &&
		grep -q '^fdscope: compare: ' "$work/err" && return
	note "status $status" "$(cat "$work/out" "$work/err")"
	return 1
}

fails()
{
	local want=$1

	shift
	compare "$@"
	[ "$status" = "$want" ] && says_one_sentence
}

# None of the programs in this folder runs; tests beside us have others.
nobody_is_left()
{
	! pgrep -f "^$1/(real/)?fdscope-(server|load) " > "$work/left" && return
	note "$(cat "$work/left")"
	return 1
}

here=$(cd "$build" && pwd -P)

# ---- all modes -----------------------------------------------------------------------------------

runs_all_modes()
{
	compare --json --modes "$MODES" "${small[@]}"
	cp "$work/out" "$work/all"
	[ "$status" = 0 ] && [ ! -s "$work/err" ] && jq -e . "$work/all" > /dev/null && return
	note "status $status" "$(cat "$work/err")"
	return 1
}

check "all modes run" runs_all_modes
check "the manual explains the keys" tests/golden/keys COMPARE < "$work/all"
equal "the modes are those that were asked for" "$MODES" "$(of '[.modes[].mode] | join(",")' "$work/all")"
equal "nothing was lost" true "$(of .complete "$work/all")"
for name in ${MODES//,/ }; do
	equal "$name: requests" "$NR_REQUESTS" "$(mode "$name" .requests)"
	equal "$name: every connection is accepted" $(((CONNECTIONS + IDLE) * NR_RUNS)) \
		"$(mode "$name" .totals.accepted)"
	equal "$name: heads and bodies, and nothing else, are sent" \
		$((NR_REQUESTS * (SIZE + HEAD_SIZE))) "$(mode "$name" .totals.socket_out_bytes)"
	equal "$name: the calls are the sum of their kinds" "$(mode "$name" .totals.calls)" \
		"$(mode "$name" '.totals | .waits + .epoll_ctl + .accepts + .socket_reads +
			.other_reads + .writes + .sendfile + .splice')"
	equal "$name: what is per request is a share of what is in all" true \
		"$(mode "$name" '.requests as $n | .totals as $t | .per_request | to_entries |
			all((.value * $n - $t[.key] | fabs) <= 1e-5 * $t[.key] + 1e-9)')"
	equal "$name: a median lies between its ends, and takes time" true \
		"$(mode "$name" '[.requests_per_second, .cpu_us_per_request, .p99_ns][] |
			.traced, .untraced | .min > 0 and .min <= .median and .median <= .max' |
			sort -u)"
done
for name in sendfile splice; do
	equal "$name: the bodies are not copied" $((NR_REQUESTS * SIZE)) \
		"$(mode "$name" .totals.zero_copy_bytes)"
	equal "$name: only the heads are written" $((NR_REQUESTS * HEAD_SIZE)) \
		"$(mode "$name" '.totals | .socket_out_bytes - .zero_copy_bytes')"
done
equal "sendfile: one call for a body" "$NR_REQUESTS" "$(mode sendfile .totals.sendfile)"
equal "mmap: no file is read" 0 "$(mode mmap .totals.other_reads)"
equal "copy: the file is read once for a body" "$NR_REQUESTS" "$(mode copy .totals.other_reads)"
equal "poll, select: no epoll_ctl" "0 0" \
	"$(mode poll .totals.epoll_ctl) $(mode select .totals.epoll_ctl)"
# How often depends on the client: a request that is there already spares the server one.
equal "epoll-edge reads on until nothing is there, level does not" "true 0" \
	"$(mode epoll-edge ".totals.socket_reads_again > 0") $(
	mode epoll-level .totals.socket_reads_again)"
equal "epoll-oneshot is armed again for every request" true \
	"$(mode epoll-oneshot ".totals.epoll_ctl >= $NR_REQUESTS")"

# Each request is shorter than a read: nothing is left for a second delivery.
for name in epoll-level epoll-edge epoll-oneshot copy splice; do
	equal "$name: whatever is ready was delivered, once, for something" "true 0 0 0" \
		"$(mode "$name" '.totals |
			"\(.deliveries == .ready) \(.redelivered) \(.residual) \(.spurious)"')"
done
equal "poll, select: nothing is delivered" "false false" \
	"$(of '[.modes[] | select(.mode == ("poll", "select")) | .totals | has("deliveries")] |
		join(" ")' "$work/all")"

for name in ${MODES//,/ }; do
	compare --json --modes "$name" --connections 2 --requests 3 --size 5 --repeats 1
	equal "$name alone" "0 $name 6" "$status $(of '.modes[] | "\(.mode) \(.requests)"')"
done

equal "two repetitions tell no change" true \
	"$(of '[.modes[] | .requests_per_second, .cpu_us_per_request, .p99_ns | has("change")] | any | not' \
		"$work/all")"
compare --json --modes poll,epoll-level --connections 3 --requests 101 --size 5 --repeats 5
equal "a change is that of the two medians, and neither lies in the other's range" "0 true" \
	"$status $(of '[.modes[] | .requests_per_second, .cpu_us_per_request, .p99_ns |
		select(has("change")) | .traced as $t | .untraced as $u |
		(.change - ($t.median / $u.median - 1) | fabs) < 1e-4 and
		($t.median <= $u.min or $t.median >= $u.max) and
		($u.median <= $t.min or $u.median >= $t.max)] | all')"

# ---- idle connections ----------------------------------------------------------------------------

with_idle()
{
	compare --json --modes poll,epoll-level --connections 3 --requests 301 --repeats 1 \
		--size 5 --idle "$1" && cp "$work/out" "$work/idle.$1" && [ "$status" = 0 ]
}

check "without idle connections" with_idle 0
check "with idle connections" with_idle 307
equal "poll is handed them at every wait" true \
	"$(of "(.modes[0].watched_per_wait) > 200" "$work/idle.307")"
equal "and not without them" true "$(of "(.modes[0].watched_per_wait) < 10" "$work/idle.0")"
# What it takes to open them apart, epoll's control data does not know of them.
equal "epoll copies an event and no more" true \
	"$(of '.modes[1].totals | .control_bytes <= .ready * 12 + .epoll_ctl * 12 + .accepts * 36' \
		"$work/idle.307")"
equal "poll copies more for each of them" true \
	"$(of '.modes[0].per_request.control_bytes > 10 * .modes[1].per_request.control_bytes' \
		"$work/idle.307")"

# ---- level, edge, oneshot ------------------------------------------------------------------------

# A request of 76 or 77 bytes, as the port has four digits or five, takes five reads of 16 bytes, and
# the last one is not full. One connection: each request has arrived whole when it is delivered.
CHUNK=16 READS=5 ASKED=101
compare --json --modes "poll,epoll-level,epoll-edge,epoll-oneshot" --connections 1 \
	--requests "$ASKED" --repeats 1 --read-chunk "$CHUNK"
cp "$work/out" "$work/chunks"

# chunks MODE FILTER: of its totals.
chunks()
{
	mode "$1" ".totals | $2" "$work/chunks"
}

equal "small reads: status, and what was asked for" "0 $CHUNK 1 false" \
	"$status $(of '.load | "\(.read_chunk_bytes) \(.pieces) \(.post)"' "$work/chunks")"
equal "small reads: nothing was lost" true "$(of .complete "$work/chunks")"
for name in poll epoll-level epoll-oneshot; do
	equal "$name: a read for each piece, and one that sees the end" $((ASKED * READS + 1)) \
		"$(chunks "$name" .socket_reads)"
done
for name in epoll-level epoll-oneshot; do
	equal "$name is told again of what a read left" $((ASKED * (READS - 1))) \
		"$(chunks "$name" .residual)"
done
# How often it finds nothing depends on whether the next request has come by then.
equal "epoll-edge is told of nothing twice, and reads on instead" "0 $((ASKED * READS + 1))" \
	"$(chunks epoll-edge '"\(.residual) \(.socket_reads - .socket_reads_again)"')"
# One delivery is the listener's, one may be of the end.
equal "epoll-edge ends in EAGAIN after each of its deliveries" true \
	"$(chunks epoll-edge '.deliveries - .socket_reads_again | . >= 0 and . <= 2')"
equal "epoll-edge is told least, and none is told in vain" "true 0 0 0" \
	"$(chunks epoll-edge ".deliveries <= $ASKED + 2") $(
	for name in epoll-level epoll-edge epoll-oneshot; do chunks "$name" '.spurious + .redelivered'
	done | paste -sd' ')"
equal "epoll-oneshot arms again after each delivery, the others once for all" \
	"1 1 $((ASKED * READS + 1))" "$(for name in epoll-level epoll-edge epoll-oneshot; do
		chunks "$name" .epoll_ctl
	done | paste -sd' ')"

# The client sends the next piece when the server has taken the one before.
compare --json --modes epoll-level,epoll-edge --connections 1 --requests 11 --repeats 1 \
	--post 4099 --pieces 7
cp "$work/out" "$work/pieces"
equal "in pieces: the body comes back" "0 $((11 * (4099 + HEAD_SIZE)))" \
	"$status $(mode epoll-level .totals.socket_out_bytes "$work/pieces")"
equal "in pieces: each is delivered, and leaves nothing" "true 0" \
	"$(mode epoll-level '.totals | "\(.deliveries >= 7 * 11) \(.residual)"' "$work/pieces")"
equal "in pieces: edge-triggered reads on after each" true \
	"$(mode epoll-edge '.totals.socket_reads_again > 11' "$work/pieces")"

# ---- text ----------------------------------------------------------------------------------------

compare --modes select,poll,epoll-level,epoll-edge,epoll-oneshot,splice "${small[@]}"
equal "text: status, and nothing on stderr" "0 0" "$status $(wc -c < "$work/err")"
equal "text: at most 80 columns" 0 "$(grep -c '.\{81\}' "$work/out")"
check "text: names its load" grep -q '^7 connections x 13 requests of 4.0 KiB .*Linux' "$work/out"
check "text: ends with what it comes to" grep -q '^  CPU ' "$work/out"
compare --modes poll,epoll-level,epoll-edge,epoll-oneshot --connections 1 --requests "$ASKED" \
	--repeats 1 --read-chunk "$CHUNK"
check "text: what is special about the requests" \
	grep -q '^  requests   GET, read at most 16 B at a time' "$work/out"
check "text: poll has no deliveries, the others have" \
	grep -qE '^  deliveries +- +5\.[0-9]+ +[01](\.[0-9]+)? +5\.[0-9]+$' "$work/out"
check "text: what level does" grep -q '^  triggers   epoll-level had 5\.' "$work/out"
check "text: what edge does instead" grep -q '^ *epoll-edge had .* and read on' "$work/out"
check "text: what oneshot does besides" grep -q '^ *epoll-oneshot had 5\.' "$work/out"
compare --modes select,poll --connections 5 --requests 5 --idle 1200 --repeats 1
check "select is left out beyond FD_SETSIZE, with a word" grep -q 'left out.*select' "$work/out"
equal "and the others are not" 0 "$status"

# ---- wrong use, and bad luck ---------------------------------------------------------------------

check "more pieces than a request has" fails 2 --pieces 65
check "a body and a size" fails 2 --post 5 --size 5
check "select alone with too many connections" fails 2 --modes select --idle 2000
check "a mode that is not there" fails 2 --modes poll,quick
check "no repetitions" fails 2 --repeats 0
check "no connections" fails 2 --connections 0
check "a word too many" fails 2 fast
check "an option that is not there" fails 2 --fast

# Our tool beside other programs than its own.
mkdir "$work/bin"
cp "$fdscope" "$work/bin/"
fdscope=$work/bin/fdscope
check "without its programs" fails 3 "${small[@]}"
check "it says where it looked" grep -q "$work/bin/fdscope-server" "$work/err"

# program NAME <<TEXT: a stand-in for it.
program()
{
	cat > "$work/bin/$1"
	chmod +x "$work/bin/$1"
}

program fdscope-server <<- EOT
	#!/bin/sh
	echo "fdscope-server: no port is free" >&2
	exit 1
EOT
program fdscope-load <<- EOT
	#!/bin/sh
	exec "$here/fdscope-load" "\$@"
EOT
check "a server that does not start" fails 3 "${small[@]}"
check "its reason is passed on" grep -q 'no port is free' "$work/err"

mkdir "$work/bin/real"
cp "$here/fdscope-server" "$work/bin/real/"
cp "$here/fdscope-server" "$work/bin/"
program fdscope-load <<- EOT
	#!/bin/sh
	echo "fdscope-load: content error: response 3" >&2
	exit 1
EOT
check "a load that finds a mismatch" fails 3 "${small[@]}"
check "the mismatch is passed on" grep -q 'content error: response 3' "$work/err"

program fdscope-load <<- EOT
	#!/bin/sh
	echo '{}'
EOT
check "a load that tells nothing" fails 3 "${small[@]}"

# Had it found the signal ignored, it would live on and end with 0.
program fdscope-load <<- EOT
	#!/bin/sh
	kill -PIPE \$\$
EOT
check "a load whose pipe breaks" fails 3 "${small[@]}"
check "dies of it, as it would without us" grep -q 'signal 13' "$work/err"

program fdscope-load <<- EOT
	#!/bin/bash
	kill -9 "\$(cat "$work/server.pid")"
	exec -a "\$0" sleep 60
EOT
program fdscope-server <<- EOT
	#!/bin/sh
	echo \$\$ > "$work/server.pid"
	exec "$work/bin/real/fdscope-server" "\$@"
EOT
check "a server that dies under the load" fails 3 "${small[@]}"
check "it says that it was killed" grep -q 'signal 9' "$work/err"
check "nobody is left after all that" nobody_is_left "$work/bin"

# interrupt SIGNAL: while a load runs that never ends by itself.
interrupt()
{
	local pid

	mkfifo "$work/began.$1"
	program fdscope-load <<- EOT
		#!/bin/bash
		echo > "$work/began.$1"
		exec -a "\$0" sleep 60
	EOT
	"$fdscope" compare "${small[@]}" > "$work/out" 2> "$work/err" &
	pid=$!
	end_later "$pid"
	read -r _ < "$work/began.$1"
	kill "-$1" "$pid"
	wait "$pid" 2> /dev/null # bash would say that it was killed
	status=$?
}

ends_on()
{
	interrupt "$1"
	[ "$status" = 3 ] && says_one_sentence && nobody_is_left "$work/bin"
}

# bash starts what is in the background with SIGINT ignored, which a signal that is waited for
# does not mind.
check "Ctrl-C" ends_on INT
check "SIGTERM" ends_on TERM

killed()
{
	interrupt KILL
	until_true nobody_is_left "$work/bin"
}

check "kill -9 leaves no server and no load" killed
fdscope=$here/fdscope

output_fails()
{
	"$fdscope" compare --modes poll "${small[@]}" > /dev/full 2> "$work/err"
	status=$?
	: > "$work/out"
	[ "$status" = 3 ] && says_one_sentence
}

check "an output that cannot be written" output_fails

nobody_reads()
{
	local pipe

	exec {pipe}> >(exec true)
	wait $! # its end of the pipe is closed
	"$fdscope" compare --modes poll "${small[@]}" 1>&"$pipe" 2> "$work/err"
	status=$?
	exec {pipe}>&-
	: > "$work/out"
	[ "$status" = 3 ] && says_one_sentence && grep -q 'Broken pipe' "$work/err"
}

check "an output that nobody reads" nobody_reads

not_root()
{
	chmod 711 "$work"
	cp "$here"/fdscope "$here"/fdscope-server "$here"/fdscope-load "$work/bin/"
	chmod 755 "$work/bin" "$work/bin/"*
	setpriv --reuid 65534 --regid 65534 --clear-groups "$work/bin/fdscope" compare "${small[@]}" \
		> "$work/out" 2> "$work/err"
	status=$?
	# Who cannot attach is told by the source, not by compare.
	[ "$status" = 3 ] && [ ! -s "$work/out" ] && [ "$(wc -l < "$work/err")" = 1 ] &&
		nobody_is_left "$work/bin" && return
	note "status $status" "$(cat "$work/err")"
	return 1
}

check "without privileges" not_root
finish
