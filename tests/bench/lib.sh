# shellcheck shell=bash
# For the benchmarks: a stack, somebody signed in to it, and the yardsticks behind an nginx of their own. Needs wrk.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export TURNPIKE_PORT=${TURNPIKE_PORT:-18300} TURNPIKE_STATE=${TURNPIKE_STATE:-/tmp/turnpike-bench}
BENCH_PORT=$((TURNPIKE_PORT + 2))
URL=http://127.0.0.1:$TURNPIKE_PORT
# shellcheck disable=SC2034 # used by those who read this file
BENCH=http://127.0.0.1:$BENCH_PORT
BUILD=$TURNPIKE_STATE/build
WORK=$TURNPIKE_STATE/tmp/bench
PIDS=()

bench_stop() {
	[[ ! -s $WORK/nginx.pid ]] || kill "$(cat "$WORK/nginx.pid")" || :
	kill -9 ${PIDS[@]+"${PIDS[@]}"} 2>/dev/null || : # libfcgi does not end by itself
	./tools/down >/dev/null || :
}
trap bench_stop EXIT

# Prints a session token of somebody new.
sign_in() { # EMAIL
	local code
	curl -fsS "$URL/api/auth/request-code" -H 'Content-Type: application/json' -d "{\"email\":\"$1\"}" >/dev/null
	for _ in $(seq 100); do
		code=$(curl -fsS "$URL/sandbox/mail.json?to=$1" | grep -o 'code is [0-9]*' | grep -o '[0-9]*' | head -1) || :
		[[ -z $code ]] || break
		sleep 0.1
	done
	curl -fsS "$URL/api/auth/verify" -H 'Content-Type: application/json' \
		-d "{\"email\":\"$1\",\"code\":\"$code\"}" | grep -o 'session:[A-Za-z0-9_-]*'
}

operator() {
	"$TURNPIKE_STATE/bin/turnpike" --config "$TURNPIKE_STATE/turnpike.conf" "$@"
}

# A yardstick: $BENCH/NAME answers.
bare() { # NAME ARGUMENT...
	rm -f "$TURNPIKE_STATE/run/bare-$1.sock"
	python3 - "$TURNPIKE_STATE/run/bare-$1.sock" "$BUILD/tests/bench/bare_worker" "${@:2}" <<-'PY' >/dev/null 2>&1 &
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(4096)
		os.dup2(s.fileno(), 0)
		os.execv(sys.argv[2], sys.argv[2:])
	PY
	PIDS+=($!)
	disown # its end is no news
}

# nginx with the same settings as that of the stack and nothing else.
bare_nginx() { # NAME...
	local name
	mkdir -p "$WORK"
	cat >"$WORK/nginx.conf" <<-END
		$([[ $EUID != 0 ]] || echo 'user root;')
		worker_processes 2;
		worker_rlimit_nofile 16384;
		pid $WORK/nginx.pid;
		error_log $WORK/error.log crit;
		daemon off;
		events { worker_connections 4096; }
		http {
			access_log off;
			client_body_temp_path $WORK/body;
			fastcgi_temp_path $WORK/fastcgi;
			proxy_temp_path $WORK/proxy;
			scgi_temp_path $WORK/scgi;
			uwsgi_temp_path $WORK/uwsgi;
			keepalive_requests 10000;
			server {
				listen 127.0.0.1:$BENCH_PORT backlog=4096;
				include /etc/nginx/fastcgi_params;
				location = /200 { return 200 ok; }
				$(for name; do echo "location = /$name { fastcgi_pass unix:$TURNPIKE_STATE/run/bare-$name.sock; }"; done)
			}
		}
	END
	nginx -e "$WORK/error.log" -c "$WORK/nginx.conf" >/dev/null 2>&1 &
	sleep 1
}

# Runs wrk; its output is $WORK/wrk.out. Any answer but a good one ends the measurement.
load() { # NAME URL SECONDS CONNECTIONS WRK-OPTION...
	wrk -t1 "-c$4" -d"$3s" --latency -H "Authorization: Bearer $TOKEN" "${@:5}" "$2" >"$WORK/wrk.out"
	if grep -q 'Non-2xx\|Socket errors' "$WORK/wrk.out"; then
		echo "$1: $(grep 'Non-2xx\|Socket errors' "$WORK/wrk.out")" >&2
		exit 1
	fi
}
