#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The kernel's side of a wait (--wakeups), as a user sees it: refused in words
# where the kernel lets nobody look, else whole, in the profile and saved.
# tests/bpf goes into depth.

cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
limit_time 60 "$@"
need jq "${CC:-gcc}"
need_built "$fdscope"
need_bpf

build_workload told

told()
{
	"$fdscope" run -q --fds -o "$work/out" "$@" -- "$work/told" > "$work/want" 2> "$work/err"
}

# What the keys are of is left out, not 0.
is_silent()
{
	[ "$(of .backend.wakeups)" = none ] &&
		[ "$(of '[.. | objects | has("woken", "futile", "callbacks")] | any')" = false ]
}

told
check "without --wakeups the kernel is not watched" is_silent
rm -f "$work/out"

# Where it is known that one can look, a refusal is a skipped test: see tests/run.
may_refuse()
{
	[[ ,${FDSCOPE_MUST_RUN:-}, != *,wakeups,* ]]
}

names_lockdown()
{
	# shellcheck disable=SC2016 # for the other shell
	! unshare --mount sh -c 'mount -t tmpfs fdscope-e2e "$0" &&
		echo "none [integrity] confidentiality" > "$0/lockdown" && exec "$@"' \
		/sys/kernel/security "$fdscope" run -q --wakeups -- true 2> "$work/err" &&
		grep -q 'traced: it is locked down; ' "$work/err"
}

"$fdscope" check --json > "$work/ability"
if [ "$(of .backend.wakeups "$work/ability")" = none ]; then
	told --wakeups
	equal "refused, it ends with 3" 3 $?
	check "and says what to do" grep -q 'wakeups: .*fdscope check.*(without it all else is measured)' "$work/err"
	if [ "$(of .fentry "$work/ability")" = "Operation not permitted" ] &&
		unshare --mount mount -t tmpfs fdscope-e2e /sys/kernel/security 2> /dev/null; then
		check "and that it is lockdown, where the kernel says so" names_lockdown
	fi
	check "and saves no profile" test ! -e "$work/out"
	check "and it is no kernel that is known to let one look" may_refuse
	finish
fi

is_exact()
{
	[ "$(of .backend.wakeups)" = fentry ] && [ "$(of .complete)" = true ] &&
		expected "$(of '.processes[] | select(.epolls).tgid')" "$work/want"
}
told --wakeups
check "each key is what the workload says" is_exact

report_again()
{
	"$fdscope" report --json "$work/out" > "$work/again" &&
		[ "$(jq -S . "$work/again")" = "$(jq -S . "$work/out")" ]
}
check "a saved profile comes back as it was" report_again

"$fdscope" report "$work/out" > "$work/text"
check "the report tells of it" grep -q '^   told ' "$work/text"
finish
