#!/bin/bash
# Prints what each process of an idle stack holds, in KiB: resident (RSS), which counts the pages of the libraries in every
# process anew, and its share of what is shared (PSS). Aims, of RSS: the processes of the base (core, auth, ops, sandbox,
# jobs, mail catcher, supervisor) at most 64 MiB together, each further one 12 MiB, the whole stack 256 MiB. Fails above
# that, with 4 MiB of grace for the base: how many pages of the libraries the kernel happens to map is not ours to say.
# shellcheck source=tests/load/stack.sh
. "$(dirname "$0")/stack.sh"
BASE_MAX_KIB=$(((64 + 4) * 1024)) ONE_MAX_KIB=$((12 * 1024)) ALL_MAX_KIB=$((256 * 1024))
FURTHER='worker/ai worker/tab sandbox-ai'

stack_start
curl -fsS -o /dev/null "$URL/api/v2/status/public" # each part was used once
sign_in >/dev/null
sleep 3
stack_processes | while read -r kind name pid; do
	[[ $kind != own || " $FURTHER " == *" $name "* ]] || kind=base
	printf '%s %s %d %d %d %d\n' "$kind" "$name" "$(memory_kib "$pid" Rss)" "$(memory_kib "$pid" Pss)" \
		"$(memory_kib "$pid" Anonymous)" "$(grep -c . <(ls "/proc/$pid/task"))"
done | awk -v base_max="$BASE_MAX_KIB" -v one_max="$ONE_MAX_KIB" -v all_max="$ALL_MAX_KIB" '
	BEGIN { printf "%-8s %-16s %9s %9s %9s %8s\n", "", "process", "RSS KiB", "PSS KiB", "anon KiB", "threads" }
	{
		kind = $1 == "own" ? "further" : $1
		printf "%-8s %-16s %9d %9d %9d %8d\n", kind, $2, $3, $4, $5, $6
		rss[kind] += $3; pss[kind] += $4; all_rss += $3; all_pss += $4
		largest = kind == "further" && $3 > largest ? $3 : largest
	}
	END {
		printf "%-8s %-16s %9d %9d   (at most %d RSS)\n", "base", "together", rss["base"], pss["base"], base_max
		printf "%-8s %-16s %9d %9d   (at most %d RSS each)\n", "further", "together", rss["further"], pss["further"], one_max
		printf "%-8s %-16s %9d %9d   (at most %d RSS)\n", "all", "together", all_rss, all_pss, all_max
		exit rss["base"] > base_max || largest > one_max || all_rss > all_max
	}'
