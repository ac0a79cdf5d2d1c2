#!/bin/bash
# Sends many requests of all kinds to one stack: after a warm-up no process of ours may grow by more than 1 MiB.
# `tests/load/leak.sh [REQUESTS]`, 100000 unless told.
# shellcheck source=tests/load/stack.sh
. "$(dirname "$0")/stack.sh"
REQUESTS=${1:-100000} WARM_UP=20000 GROWTH_MAX_KIB=1024 RATE=${TURNPIKE_LEAK_RATE:-3000}

# Nine kinds at once, each at a ninth of the rate; fails when any answer is another than it must be.
mixed() { # REQUESTS
	local seconds=$(($1 / RATE > 0 ? $1 / RATE : 1)) each=$((RATE / 9)) pids=() pid failed=0
	local json=(--header 'Content-Type: application/json') me=(--header "Authorization: Bearer $TOKEN")
	load() { # EXPECTED PATH OPTION...
		"$PACE" "$URL$2" --expect "$1" --rate "$each" --seconds "$seconds" --connections 20 "${@:3}" >"$TURNPIKE_STATE/pace.$1.$RANDOM" &
		pids+=($!)
	}
	rm -f "$TURNPIKE_STATE"/pace.*
	load 200 /api/account/me "${me[@]}"
	load 200 /api/v2/health
	load 200 /api/billing/v2/catalog
	load 204 "/api/update/linux-x64/stable/0000000000000000000000000000000000000000"
	load 401 /api/account/me --header 'Authorization: Bearer session:{n}'
	load 404 '/api/nothing/{n}'
	load 400 /api/auth/verify --method POST "${json[@]}" --body '{"email":{n}'
	load 400 /api/auth/verify --method POST "${json[@]}" --body '{"email":"leak-{n}@example.org","code":"000000"}'
	load 200 /api/usage/increment --method POST "${json[@]}" "${me[@]}" \
		--header "Idempotency-Key: $((ROUND += 1))-{n}" --body '{"n":1}'
	for pid in "${pids[@]}"; do
		wait "$pid" || failed=1
	done
	if [[ $failed != 0 || $(grep -l '"failures":0,' "$TURNPIKE_STATE"/pace.* | wc -l) != "${#pids[@]}" ]]; then
		cat "$TURNPIKE_STATE"/pace.*
		echo "some answers were not as expected"
		exit 1
	fi
}

# name pid rss
resident() {
	stack_processes | while read -r kind name pid; do
		[[ $kind != own ]] || echo "$name $pid $(memory_kib "$pid" Rss)"
	done
}

ROUND=0
stack_start
TOKEN=$(sign_in)
mixed "$WARM_UP"
resident >"$TURNPIKE_STATE/before"
started=$(date +%s)
for ((sent = 0; sent < REQUESTS; sent += 50000)); do
	mixed "$((REQUESTS - sent < 50000 ? REQUESTS - sent : 50000))"
	resident >"$TURNPIKE_STATE/after"
done
echo "$REQUESTS requests in $(($(date +%s) - started)) s after $WARM_UP to warm up"
paste -d ' ' "$TURNPIKE_STATE/before" "$TURNPIKE_STATE/after" | awk -v max="$GROWTH_MAX_KIB" '
	BEGIN { printf "%-16s %10s %10s %8s\n", "process", "before KiB", "after KiB", "growth" }
	{
		printf "%-16s %10d %10d %8d%s\n", $1, $3, $6, $6 - $3, $2 == $5 ? "" : "  (restarted)"
		if ($2 != $5 || $6 - $3 > max)
			failed = 1
	}
	END { exit failed }'
