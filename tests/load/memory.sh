#!/bin/bash
# Prints what each process of an idle stack holds, in KiB: resident (RSS), and its share of what is shared (PSS).
# Aims: our own processes at most 64 MiB together, the whole stack 256 MiB. Fails above that, with 4 MiB of grace for
# how many pages of the libraries the kernel happens to map.
# shellcheck source=tests/load/stack.sh
. "$(dirname "$0")/stack.sh"
OWN_MAX_KIB=$(((64 + 4) * 1024)) ALL_MAX_KIB=$((256 * 1024))

stack_start
curl -fsS -o /dev/null "$URL/api/v2/status/public" # each part was used once
sign_in >/dev/null
sleep 3
stack_processes | while read -r kind name pid; do
	printf '%s %s %d %d %d %d\n' "$kind" "$name" "$(memory_kib "$pid" Rss)" "$(memory_kib "$pid" Pss)" \
		"$(memory_kib "$pid" Anonymous)" "$(grep -c . <(ls "/proc/$pid/task"))"
done | awk -v own_max="$OWN_MAX_KIB" -v all_max="$ALL_MAX_KIB" '
	BEGIN { printf "%-8s %-16s %9s %9s %9s %8s\n", "", "process", "RSS KiB", "PSS KiB", "anon KiB", "threads" }
	{
		printf "%-8s %-16s %9d %9d %9d %8d\n", $1, $2, $3, $4, $5, $6
		rss[$1] += $3; pss[$1] += $4; all_rss += $3; all_pss += $4
	}
	END {
		printf "%-8s %-16s %9d %9d   (at most %d RSS)\n", "own", "together", rss["own"], pss["own"], own_max
		printf "%-8s %-16s %9d %9d   (at most %d RSS)\n", "all", "together", all_rss, all_pss, all_max
		exit rss["own"] > own_max || all_rss > all_max
	}'
