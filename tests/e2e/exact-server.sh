#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# For every mode of the server, what `fdscope run` counts is what the server
# counted itself, key by key and bucket by bucket. No tolerance: both count the
# same system calls of the same processes.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 100 "$@"
need jq
need_built "$fdscope" "$server" "$load"
need_bpf

# With one arena, glibc does not look at /proc/sys/vm/overcommit_memory when a thread's heap
# shrinks: a file read that the server cannot count.
export MALLOC_ARENA_MAX=1

counts_watched && counts_watched=true || counts_watched=false
profile=$work/profile.json
stats=$work/stats.json

# The groups that both sides have, as `path value` lines, zeros left out. What the server cannot
# count (user/server/stats.h) is added to its side: ld.so's calls, which are those of `--help`,
# and the writing of the stats file itself. Whether it was told twice depends on what the other
# workers did in between: no worker counts that.
jq_counts='
	def groups: { epoll_wait, poll, select, epoll_ctl, accept, io, fds } |
		map_values(. // {}) |
		del(.accept.listeners, .fds.open, .fds.limit, .fds.kinds, .fds.unaccounted) |
		del(.epoll_wait, .poll, .select |
			(.immediate, .sleeps, .switches, .wait_ns, .wait_ns_hist, .runqueue_ns,
			 .busy_ns, .busy_ns_hist, .spins, .redelivered, .redelivered_in,
			 .idle_out, .ignored_hangup)) |
		if $counts_watched then . else del(.epoll_wait | .watched, .watched_hist) end;
	def leaves: . as $all | paths(numbers) as $path |
		{ key: ($path | map(tostring) | join(".")), value: ($all | getpath($path)) };
	def lines: group_by(.key) | map({ key: .[0].key, value: (map(.value) | add) }) |
		map(select(.value != 0) | "\(.key) \(.value)") | .[];
	def bucket: if . == 0 then 0 else (log2 | floor) + 1 end;'

profile_counts()
{
	jq -r --argjson counts_watched $counts_watched "$jq_counts"'[.processes[] | groups | leaves] | lines' "$profile"
}

server_counts()
{
	jq -r --argjson counts_watched $counts_watched --slurpfile loader "$work/loader.json" --argjson size "$(stat -c %s "$stats")" \
		"$jq_counts"'
	def loader: $loader[0].processes[0] | { io: { read: { file: .io.read.file } }, fds } | groups;
	def written: { io: { write: { file: { calls: 1, bytes: $size,
			size_hist: ([range($size | bucket) | 0] + [1]) } } },
		       fds: { opened: 1, closed: 1 } };
	[groups, loader, written | leaves] | lines' "$stats"
}

# One line for each listening socket that anybody accepted from.
profile_listeners()
{
	jq -r '[.processes[].accept.listeners // [] | .[]] | group_by(.inode)[] |
		"\(.[0].local) \(map(.accepted) | add) \(map(.again) | add)"' "$profile" | sort
}

server_listeners()
{
	jq -r '.accept.listeners // [] | .[] | select(.accepted + .again > 0) |
		"\(.local) \(.accepted) \(.again)"' "$stats" | sort
}

# start ARGS...: the server as the tool's command; its port in $port.
start()
{
	local line

	rm -f "$profile" "$stats"
	exec {run_out}< <(exec "$fdscope" run -q -o "$profile" --only fdscope-server -- \
		"$server" --port 0 --root "$work/root" --stats "$stats" "$@" 2>&1)
	tool=$!
	end_later "$tool"
	while read -r -t "$patience" -u "$run_out" line; do
		port=${line##*:}
		case $line in
		"listening on "*) host=${line#listening on } ;;
		*) continue ;;
		esac
		host=$(tr -d '[]' <<< "${host%:*}")
		return
	done
	note "no server: $line"
	return 1
}

# SIGTERM reaches the server through the tool.
stop()
{
	local status words

	kill -TERM "$tool"
	wait "$tool"
	status=$?
	words=$(cat <&"$run_out")
	exec {run_out}<&-
	[ "$status" = 0 ] && [ -z "$words" ] && return
	note "status $status: $words"
	return 1
}

ask()
{
	"$load" --host "$host" --port "$port" "$@" > "$work/load" 2>&1 && return
	note "$(cat "$work/load")"
	return 1
}

# Files and patterns, pieces, idle connections, and content beyond any socket buffer.
everything()
{
	ask --connections 11 --requests 7 --idle 5 --path /small &&
		ask --connections 3 --requests 2 --path /large &&
		ask --connections 2 --path /bytes/1000003 &&
		ask --connections 5 --requests 3 --post 30011 --pieces 3 &&
		ask --connections 2 --post 200003
}

agrees()
{
	diff <(server_counts) <(profile_counts) > "$work/diff" &&
		diff <(server_listeners) <(profile_listeners) > "$work/diff" &&
		jq -e '.complete and all(.processes[]; .comm == "fdscope-server" and
			(has("inexact") | not))' "$profile" > /dev/null && return
	note "< server, > profile" "$(head -n 20 "$work/diff")" "$(of '.losses' "$profile")"
	return 1
}

# At least so much went on that equality says something.
is_busy()
{
	[ "$(of '[.processes[] | .accept.accepted // 0] | add' "$profile")" = 28 ] &&
		[ "$(of '[.processes[].io.read.socket.calls // 0] | add' "$profile")" -gt 100 ]
}

mode()
{
	start "$@" && everything && stop && agrees && is_busy
}

mkdir "$work/root"
head -c 1009 /dev/urandom > "$work/root/small"
head -c 3000017 /dev/urandom > "$work/root/large"
"$fdscope" run -q -o "$work/loader.json" -- "$server" --help > /dev/null 2>&1
check "the server's --help shows what ld.so does" test -s "$work/loader.json"

for mux in '--trigger level' '--trigger edge' '--trigger oneshot' '--mux poll' '--mux select'; do
	for send in copy mmap sendfile splice; do
		# shellcheck disable=SC2086 # words are meant
		check "the server agrees: $mux --send $send" mode $mux --send $send
	done
done
while read -r shape; do
	# shellcheck disable=SC2086
	check "the server agrees: $shape" mode $shape
done << 'END'
--workers 2
--threads 3
--workers 2 --threads 3 --trigger edge --send sendfile
--workers 2 --threads 2 --reuseport
--threads 2 --reuseport --mux poll
--workers 2 --mux select --send splice
--workers 2 --exclusive
--workers 2 --exclusive --trigger edge
--workers 2 --threads 2 --trigger oneshot
--read-chunk 61
--read-chunk 61 --trigger edge --send mmap
--max-events 1
--max-events 2 --workers 2
--bind ::1 --backlog 3
END

# ---- with the load generator and a shell under the tool, and only the server kept -----------------

# shellcheck disable=SC2016 # for the inner shell
script='
	mkfifo "$1/announced"
	"$2" --port 0 --root "$1/root" --stats "$1/stats.json" --workers 2 > "$1/announced" &
	read -r line < "$1/announced"
	"$3" --port "${line##*:}" --connections 7 --requests 11 --idle 3 > /dev/null || exit 1
	kill -TERM $!
	wait $!'

# A shell opens and closes descriptors before it becomes the server, and the announcement is
# written to a pipe as always.
whole_script()
{
	"$fdscope" run -q -o "$profile" --only fdscope-server -- \
		sh -c "$script" sh "$work" "$server" "$load" 2> /dev/null || return 1
	diff <(server_counts | grep -v ^fds) <(profile_counts | grep -v ^fds) > "$work/diff" &&
		diff <(server_listeners) <(profile_listeners) > "$work/diff" && return
	note "< server, > profile" "$(head -n 20 "$work/diff")"
	return 1
}
check "--only keeps the server out of a script" whole_script
equal "its processes: the parent and two workers" 3 "$(of '.processes | length' "$profile")"
finish
