# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What a program of shapes expects ($want: what it printed, see tests/workload/shapes.h) against the
# profile on stdin. Prints a line for each shape, `ok NAME` or `not ok NAME`, and below it what differs.

# A row of `epolls` as { key: value }, without what is 0: a histogram as its sum, and without what
# no program can know beforehand.
def row:
	(.first_read_ns_hist // [] | add // 0) as $first_reads |
	(.shared_with // [] | sort | map(tostring) | join(",")) as $shared_with |
	del(.instance, .first_read_ns_hist, .shared_with, .undrained) |
	[paths(scalars) as $path | { key: ($path | join(".")), value: (getpath($path) | tostring) }] |
	from_entries | .first_reads = "\($first_reads)" | .shared_with = $shared_with |
	with_entries(select(.value != "0" and .value != ""));

def wanted_row:
	[.[] | split("=") | { key: .[0], value: .[1] }] | from_entries |
	with_entries(select(.value != "0"));

def text: to_entries | map("\(.key)=\(.value)") | sort | join(" ");

# A value of * fits all.
def fits($want): with_entries(select($want[.key] != "*")) ==
	($want | with_entries(select(.value != "*")));

# Takes from the rows that are there the first that fits each that is wanted.
def left_of($want):
	reduce $want[] as $row ({ rows: ., missing: [] };
		(.rows | map(fits($row)) | index(true)) as $i |
		if $i == null then .missing += [$row] else del(.rows[$i]) end);

def path_of: gsub("\\[(?<n>[0-9]+)\\]"; ".\(.n)") | split(".") | map(tonumber? // .);

def process($tgid): first(.processes[] | select(.tgid == ($tgid | tonumber))) // {};

def instance($tgid; $epfd):
	[process($tgid).epolls[]? | select(.epfd == ($epfd | tonumber)) | .instance];

# What is wrong with a shape: its lines, split into words.
def faults($lines):
	. as $profile |
	([$lines[] | .[1]] | unique | .[] | . as $tgid |
		[$lines[] | select(.[0] == "row" and .[1] == $tgid) | .[2:] | wanted_row] as $want |
		[$profile | process($tgid) | .epolls[]? | row] | left_of($want) |
		(.missing[] | "wanted: \(text)"), (.rows[] | "shown:  \(text)")),
	($lines[] | select(.[0] == "key") | . as [$_, $tgid, $text] | ($text | split("=")) as [$key, $want] |
		($profile | process($tgid) | getpath($key | path_of) // 0 | tostring) as $got |
		select($got != $want) | "\($key): wanted \($want), shown \($got)"),
	($lines[] | select(.[0] == "same") | . as [$_, $tgid, $epfd, $other, $other_epfd] |
		($profile | instance($tgid; $epfd)) as $a |
		($profile | instance($other; $other_epfd)) as $b |
		select($a != $b or ($a | length) == 0) |
		"\($epfd) of \($tgid) is instance \($a), \($other_epfd) of \($other) is \($b)");

. as $profile |
reduce ($want | split("\n")[] | select(. != "") | split(" ")) as $line ([];
	if $line[0] == "shape" then . + [{ name: $line[1], lines: [["", $line[2]]] }]
	else .[-1].lines += [$line] end) |
.[] | .name as $name | [.lines as $lines | $profile | faults($lines)] |
"\(if . == [] then "ok" else "not ok" end) \($name | gsub("_"; " "))", "# \(.[])"
