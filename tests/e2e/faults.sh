#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Each mistake that the reference server makes on purpose raises the finding it
# is named with and no other; the same load raises none from the server as it is.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 150 "$@"
need jq
need_built "$fdscope" "$server" "$load"
need_bpf

# All that system calls show of the patterns.
ids=(accept-imbalance accept-queue-full batch-saturated copy-where-sendfile-fits ctl-churn
	edge-accept-once edge-undrained fd-leak fd-limit-spin greedy-connection herd
	idle-wakeups idle-write-interest ignored-hangup ignored-readiness linear-scan
	phantom-event shared-level-epoll tiny-io zero-timeout-spin)

profile=$work/profile.json

# What was found, each name once.
found()
{
	of '[.findings[].id] | unique | join(" ")' "$profile"
}

# observe LOAD SERVER-ARGUMENTS...: $profile of the server under the load, how the load ended in
# $load_status.
observe()
{
	local args=$1

	shift
	start_server "$@" && start_tool attach --json -p "$server_pid" -o "$profile" || return 1
	# shellcheck disable=SC2086 # words are meant
	"$load" --port "$port" $args > "$work/load" 2>&1
	load_status=$?
	stop_tool && stop_server && [ "$(of .complete "$profile")" = true ]
}

# A client that gets no answer is part of some mistakes.
at_fault()
{
	local name=$1 finding=$2 args=$3 got

	observe "$args" --fault "$name" && [ "$load_status" -le 1 ] && got=$(found) || return 1
	[ "$got" = "$finding" ] && return
	note "found: ${got:-nothing}"
	return 1
}

healthy()
{
	local got

	observe "$1" && [ "$load_status" = 0 ] && got=$(found) || return 1
	[ -z "$got" ] && return
	note "found: $got" "$(of '.findings[] | del(.advice)' "$profile")"
	return 1
}

equal "the faults cover what can be found" "$(printf '%s\n' "${ids[@]}")" \
	"$("$server" --list-faults | cut -f 3 | sort)"
while IFS=$'\t' read -r name _ finding args; do
	case " ${*:-$name} " in
	*" $name "*) ;;
	*) continue ;;
	esac
	check "--fault $name raises $finding and nothing else" at_fault "$name" "$finding" "$args"
	check "without it the same load raises nothing: $args" healthy "$args"
done < <("$server" --list-faults)

finish
