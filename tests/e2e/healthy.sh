#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Servers that many rely on, and the reference server, at their defaults: idle,
# under a light load and under all the load that fits beside them. A finding must
# be right: here there is no problem, and no hint but those granted below.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 150 "$@"
PATH=$PATH:/usr/sbin
need jq "${CC:-gcc}" wrk ab
need_built "$fdscope" "$server"
need_bpf
build_workload chatter

INTERVAL=1.2 # seconds for each of the three
LOAD_MS=1000
CONNECTIONS=50
http=$'GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n'

# granted PROGRAM: the hints that its maintainers would have to grant, and why.
granted()
{
	case $1 in
	# It serves a file, and unless told otherwise reads and writes it: --send sendfile is there.
	'the server, '*) echo copy-where-sendfile-fits ;;
	# Who waited last is woken first: the kernel's order, and what --reuseport is there for.
	'two workers, edge') echo accept-imbalance ;;
	esac
}

# ---- servers -------------------------------------------------------------------------------------

answers()
{
	(exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null
}

# serve COMMAND...: in the background, its pid in $served; true when it listens on $port.
serve()
{
	"$@" > "$work/serve.log" 2>&1 &
	served=$!
	end_later "$served"
	until_true answers && return
	note "$(cat "$work/serve.log")"
	return 1
}

serve_nginx()
{
	mkdir -p "$work/root" && head -c 4099 /dev/urandom > "$work/root/file"
	start_nginx 2 on || return 1
	served=$nginx
	until_true answers && return
	note "$(cat "$work/nginx.log")"
	return 1
}

start_redis()
{
	free_port && serve redis-server --port "$port" --bind 127.0.0.1 --dir "$work" \
		--save '' --appendonly no
}

start_memcached()
{
	free_port && serve memcached -l 127.0.0.1 -p "$port" -U 0 -u root
}

start_node()
{
	cat > "$work/server.js" << 'END'
const http = require('http');
const body = JSON.stringify({ words: Array(64).fill('word') });

http.createServer((request, response) => {
	response.setHeader('Content-Type', 'application/json');
	response.end(body);
}).listen(Number(process.argv[2]), '127.0.0.1');
END
	free_port && serve node "$work/server.js" "$port"
}

# In front of the reference server, which nobody looks at.
start_haproxy()
{
	local back

	start_server --port 0 || return 1
	back=$port
	behind=$server_pid
	free_port || return 1
	cat > "$work/haproxy.cfg" << END
global
	maxconn 512
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend front
	bind 127.0.0.1:$port
	http-request set-path /bytes/4096
	default_backend back
backend back
	server one 127.0.0.1:$back
END
	serve haproxy -db -f "$work/haproxy.cfg"
}

# start_reference ARGS...
start_reference()
{
	mkdir -p "$work/root" && head -c 4099 /dev/urandom > "$work/root/file"
	start_server --port 0 --root "$work/root" "$@"
	served=$server_pid
}

# ---- loads ---------------------------------------------------------------------------------------

# Some connections that stay and ask now and then; for HTTP, others that come and go.
lightly()
{
	"$work/chatter" "$port" 3 $LOAD_MS 20 "$request" || return 1
	[ "$request" != "$http" ] || ab -q -n 17 -c 2 "http://127.0.0.1:$port/file"
}

heavily()
{
	case $1 in
	redis) timeout 1 redis-benchmark -p "$port" -c $CONNECTIONS -t set,get,lpush -n 1000000 -q ||
		[ $? = 124 ] ;;
	memcached) "$work/chatter" "$port" $CONNECTIONS $LOAD_MS 0 "$request" ;;
	*) wrk -t1 -c$CONNECTIONS -d1s "http://127.0.0.1:$port/file" &&
		ab -q -n 1009 -c 20 "http://127.0.0.1:$port/file" ;;
	esac
}

# ---- what is found -------------------------------------------------------------------------------

has_lines()
{
	[ "$(wc -l < "$work/out")" -ge "$1" ]
}

# look NAME: for one interval each, nothing, a light load and a heavy one, a line in $work/out each.
look()
{
	local light heavy

	start_tool attach --json -p "$served" $INTERVAL 3 && until_true has_lines 1 || return 1
	lightly > "$work/light" 2>&1 &
	light=$!
	until_true has_lines 2 || return 1
	heavily "$1" > "$work/heavy" 2>&1 &
	heavy=$!
	wait_tool
	wait "$light" && wait "$heavy" && [ "$status" = 0 ] && has_lines 3 &&
		[ "$(ready 3)" -gt 1000 ] && [ "$(ready 2)" -gt 100 ] && return
	note "ended with $status, $(wc -l < "$work/out") lines; $(cat "$work/light" "$work/heavy")"
	return 1
}

# line N FILTER: of the profile of that interval.
line()
{
	sed -n "$1p" "$work/out" | jq -r "$2"
}

# Descriptors that were told of as ready.
ready()
{
	line "$1" '[.processes[] | .epoll_wait, .poll, .select | .ready? // 0] | add'
}

# finds_nothing NAME N: no problem in that interval, and no hint that was not granted.
finds_nothing()
{
	local found

	found=$(line "$2" '.findings[] | "\(.severity) \(.id)"' |
		grep -vxF "$(granted "$1" | sed 's/^/hint /')")
	[ -z "$found" ] && return
	note "$(line "$2" '.findings[] | "\(.severity) \(.id) \(.subject) \(.evidence)\n\(.message)"')"
	return 1
}

# Each event is one delivery or could not be traced, and what is a part of another is no more.
adds_up()
{
	jq -es 'length == 3 and all(.[]; .complete and all(.processes[];
		([.epolls[]? | .deliveries.level + .deliveries.edge + .unattributed] | add // 0) ==
			(.epoll_wait.ready // 0) and
		([.epolls[]?.returns] | add // 0) <= (.epoll_wait.calls // 0) and
		all(.epolls[]?; .redelivered_in <= .redelivered and
			.redelivered <= .deliveries.level and .residual <= .deliveries.in and
			.spurious <= (.first_read_ns_hist | add // 0) and
			.edge_undrained <= .deliveries.edge and
			(.deliveries | .oneshot <= .level + .edge and .exclusive <= .level + .edge))))' \
		"$work/out" > /dev/null
}

# healthy NAME PROGRAM REQUEST START...: a part of its own, skipped if the program is not there.
healthy()
{
	local name=$1 n=1 state

	command -v "$2" > /dev/null || { note "skipped: $2 is not installed"; return; }
	request=$3
	behind=
	check "$name starts" "${@:4}" || return
	check "$name is looked at" look "$name"
	check "$name: the numbers add up" adds_up
	for state in idle 'under a light load' saturated; do
		check "$name, $state: nothing is found" finds_nothing "$name" $n
		n=$((n + 1))
	done
	for pid in $served $behind; do
		kill -TERM "$pid"
		wait "$pid" 2> /dev/null
	done
}

healthy nginx nginx "$http" serve_nginx
healthy redis redis-server $'PING\r\n' start_redis
healthy haproxy haproxy "$http" start_haproxy
healthy memcached memcached $'get nothing\r\n' start_memcached
healthy node node "$http" start_node
healthy 'the server, level' "$server" "$http" start_reference
healthy 'the server, edge' "$server" "$http" start_reference --trigger edge
healthy 'the server, oneshot' "$server" "$http" start_reference --trigger oneshot
healthy 'the server, poll' "$server" "$http" start_reference --mux poll
healthy 'the server, select' "$server" "$http" start_reference --mux select
healthy 'two workers, edge' "$server" "$http" start_reference --trigger edge --workers 2 \
	--exclusive --send sendfile
finish
