#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Which wakeup was for what: programs that make epoll, poll and select do exactly
# known things (tests/workload/shapes.h) and say what the tool must show of it,
# whole rows of `epolls` at a time. Each shape is looked at twice, by a tool that
# was there before anything was registered, and by one that came later; some by
# one that stays until the end.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 100 "$@"
need jq "${CC:-gcc}"
need_built "$fdscope"
need_bpf

# until_end: what the workload prints up to that line.
until_end()
{
	local line

	while IFS= read -r -t "$patience" -u "$from" line; do
		[ "$line" != end ] || return 0
		echo "$line"
	done
	return 1
}

# watch PROGRAM early|late [INTERVAL]: the profile in $work/out, what was expected in $work/want. The
# shapes stand until the tool has looked.
watch()
{
	local targets=

	start_workload "$1" "$2" && read -r -t "$patience" -u "$from" targets &&
		start_tool attach --json -p "${targets#targets=}" "${@:3}" || return 1
	printf g >&"$to"
	until_end > "$work/want" && stop_tool || return 1
	printf q >&"$to"
	end_workload > /dev/null
	[ "$status" = 0 ]
}

# compare WORDS: what was expected with the profile, a check for each shape, with WORDS before it.
compare()
{
	local line nr=0

	while IFS= read -r line; do
		case $line in
		'ok '*) ok "$1: ${line#ok }" ;;
		'not ok '*) not_ok "$1: ${line#not ok }" ;;
		*)
			echo "$line"
			continue
			;;
		esac
		nr=$((nr + 1))
	done < <(jq -r --rawfile want "$work/want" -f tests/e2e/epolls.jq "$work/out")
	check "$1: all shapes were compared" [ "$nr" -gt 0 -a "$nr" = "$(grep -c '^shape ' "$work/want")" ]
}

# An instance has one number, and shared_with names the other processes that waited on it.
is_numbered()
{
	jq -e '[.processes[] | .tgid as $tgid | .epolls[]? | { tgid: $tgid, instance, shared_with }] as $all |
		$all | length > 0 and all(.[]; . as $one | (.shared_with // [] | sort) ==
			([$all[] | select(.instance == $one.instance and .tgid != $one.tgid) | .tgid] | sort)) and
		(map([.tgid, .instance]) | unique | length) == length' "$work/out" > /dev/null
}

for program in epoll-triggers epoll-identity epoll-sharing epoll-reads epoll-calls told-again epoll-walk; do
	build_workload $program
	for when in early late; do
		check "$program: a tool that came $when watches" watch $program $when || continue
		compare "$when"
		check "$when: each instance has its number, and who shares it is said" is_numbered
		check "$when: nothing was lost" [ "$(of .complete)" = true ]
	done
done

# An interval ends anywhere; nothing falls between two, and nothing into both. What stands at an end
# is not summed, and neither is who shares what. What a closed instance had told may be read when
# its row has been given back: that is counted nowhere.
jq_sums='
	def sums: map(select(.key | test("^(registrations|threads|shared_with|epfd|instance|undrained|first_reads|spurious)") | not)) |
		group_by([.of, .key]) | map({ of: .[0].of, key: .[0].key, sum: (map(.value) | add) }) |
		map(select(.sum != 0));
	def wanted: [$want | split("\n")[] | split(" ") | select(.[0] == "row") | . as $row |
		.[2:][] | split("=") | { of: [$row[1], ($row[] | select(startswith("epfd=")) | .[5:])],
			key: .[0], value: (.[1] | tonumber? // 0) }] | sums;
	def shown: [.[].processes[] | .tgid as $tgid | .epolls[]? | . as $row |
		.first_reads = ([.first_read_ns_hist[]?] | add) | del(.first_read_ns_hist) |
		paths(numbers) as $path | { of: [($tgid | tostring), ($row.epfd | tostring)],
			key: ($path | map(tostring) | join(".")), value: getpath($path) }] | sums;
	(wanted - shown | map("wanted: \(.of) \(.key) \(.sum)")) +
		(shown - wanted | map("shown:  \(.of) \(.key) \(.sum)")) | .[]'

watch_at_intervals()
{
	local differences

	watch "$1" early 0.03 || return 1
	differences=$(jq -rs --rawfile want "$work/want" "$jq_sums" "$work/out")
	[ -z "$differences" ] && [ "$(wc -l < "$work/out")" -gt 2 ] &&
		holds_no_number_below_zero && return
	note "$(wc -l < "$work/out") intervals" "$differences"
	return 1
}

holds_no_number_below_zero()
{
	jq -es '[.[].processes[].epolls[]? | .. | numbers | select(. < 0 or . >= 9e18)] == []' \
		"$work/out" > /dev/null
}
check "epoll-walk: over intervals, the same sums" watch_at_intervals epoll-walk

# What is left of those that have ended is what they had when they did. But what exec closed of an
# instance that it kept is noticed at the next look, and here there is none before the end.
watch_to_the_end()
{
	printf gq | "$fdscope" run -q -o "$work/out" -- "$work/$1" early > "$work/want" \
		2> "$work/err" && sed -i '/^pid=/d; /^targets=/d; /^end$/d
		/^shape exec_/,$s/registrations\.level=1/registrations.level=*/' "$work/want"
}

for program in epoll-triggers epoll-sharing; do
	check "$program: a tool that runs it watches" watch_to_the_end $program || continue
	compare run
	check "run: nothing was lost" [ "$(of .complete)" = true ]
done

# ---- findings ------------------------------------------------------------------------------------

# commits MISTAKE FINDING...: looked at for a second, and these are found, no others.
commits()
{
	local line

	start_workload mistakes "$1" || return 1
	end_later "$workload"
	start_tool attach --json -p "$workload" -d 1 || return 1
	printf g >&"$to"
	wait_tool
	is_gone "$workload" && return 1
	kill -KILL "$workload"
	exec {from}<&- {to}>&-
	[ "$status" = 0 ] && [ "$(of '[.findings[].id] | unique | join(" ")')" = "${*:2}" ] &&
		[ "$(of 'all(.findings[]; .message != "" and .advice != "" and .evidence != {})')" = true ] &&
		return
	note "found: $(of '.findings[] | "\(.id) \(.subject) \(.evidence)"')"
	return 1
}

build_workload mistakes
while read -r finding mistake; do
	check "${mistake//-/ }: $finding, and nothing else" commits "$mistake" "$finding"
done << END
edge-undrained one-frame-an-edge
ignored-readiness a-timer-nobody-reads
ignored-readiness a-nested-instance-nobody-waits-on
phantom-event closed-here-and-kept-by-a-child
phantom-event closed-here-and-kept-by-a-dup
idle-write-interest out-of-habit-in-poll
ignored-hangup an-end-taken-for-nothing-yet-in-select
ignored-hangup a-half-close-of-no-interest
herd a-listener-in-every-threads-loop
END
for good in an-edge-handed-over-to-another-thread oneshots-served-by-several-threads \
	out-with-something-to-send; do
	check "${good//-/ }: nothing is found" commits $good
done
finish
