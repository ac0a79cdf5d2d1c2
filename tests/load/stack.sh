# shellcheck shell=bash
# For the measurements: a stack of their own, the processes it consists of, a person signed in to it.
# TURNPIKE_BIN (./state/build) has the programs and pace.
set -eEuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export TURNPIKE_PORT=${TURNPIKE_PORT:-18190} TURNPIKE_LIMITS=${TURNPIKE_LIMITS:-dry-run}
TURNPIKE_BIN=$(realpath "${TURNPIKE_BIN:-state/build}")
TURNPIKE_STATE=$(mktemp -d /tmp/turnpike-load-XXXXXX)
export TURNPIKE_BIN TURNPIKE_STATE
URL=http://127.0.0.1:$TURNPIKE_PORT
export PACE=$TURNPIKE_BIN/tests/load/pace

stack_start() {
	trap stack_end EXIT
	./tools/up >"$TURNPIKE_STATE.log" || { cat "$TURNPIKE_STATE.log" >&2 && exit 1; }
}

stack_end() {
	./tools/down >>"$TURNPIKE_STATE.log" 2>&1 || :
	rm -rf "$TURNPIKE_STATE" "$TURNPIKE_STATE.log"
}

children_of() { # PID
	cat "/proc/$1/task/$1/children"
}

# One line for each process: kind (own, nginx, mariadb), name, pid.
stack_processes() {
	local supervisor nginx pid words
	supervisor=$(cat "$TURNPIKE_STATE/run/supervise.pid")
	nginx=$(cat "$TURNPIKE_STATE/run/nginx.pid")
	echo "own supervise $supervisor"
	for pid in $(children_of "$supervisor"); do
		mapfile -d '' -t words <"/proc/$pid/cmdline"
		case ${words[0]##*/} in
		turnpike-worker) echo "own worker/${words[4]} $pid" ;;
		*) echo "own ${words[0]##*/turnpike-} $pid" ;;
		esac
	done
	echo "nginx master $nginx"
	for pid in $(children_of "$nginx"); do
		echo "nginx process $pid"
	done
	echo "mariadb mariadbd $(cat "$TURNPIKE_STATE/run/mysql.pid")"
}

memory_kib() { # PID FIELD: of smaps_rollup
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/smaps_rollup"
}

# Prints a session token of somebody new.
sign_in() {
	local code email=load-$RANDOM$RANDOM@example.org
	local json=(-sS --fail-with-body -H 'Content-Type: application/json')
	curl "${json[@]}" -o /dev/null "$URL/api/auth/request-code" -d "{\"email\":\"$email\"}"
	for _ in {1..100}; do
		code=$(curl -sS "$URL/sandbox/mail.json?to=$email" | grep -oE 'sign-in code is [0-9]{6}' | head -1 | grep -oE '[0-9]{6}') && break
		sleep 0.1
	done
	curl "${json[@]}" "$URL/api/auth/verify" -d "{\"email\":\"$email\",\"code\":\"$code\"}" |
		sed -E 's/.*"token":"([^"]+)".*/\1/'
}
