# shellcheck shell=bash
# The private MariaDB, nginx and supervisor of one stack: configured, started, brought up to date. Used by up.
POOLS=(core auth ai tab ops sandbox)
PROGRAMS=(turnpike turnpike-worker turnpike-jobs turnpike-sandbox-ai turnpike-smtp-sink turnpike-supervise)
# shellcheck disable=SC2153 # PORT comes from lib.sh
SINK_PORT=$((PORT + 1))
AI_PORT=$((PORT + 3)) # the one before it is the benchmarks'
ORIGIN=http://127.0.0.1:$PORT

random_hex() { # BYTES
	od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

turnpike() {
	"$STATE/bin/turnpike" --config "$STATE/turnpike.conf" "$@" >>"$LOG" 2>&1 && return
	tail_of "$LOG" 8
	fail "turnpike $* failed" "the lines above say why (log: $LOG)"
}

# Programs are replaced by rename: a running one keeps its file. The marks run/reload and run/restart stay until the
# processes have really been replaced, so that a failure in between is made up for by the next call.
programs_install() {
	local from=${TURNPIKE_BIN:-$STATE/build} program
	for program in "${PROGRAMS[@]}"; do
		[[ -x $from/$program ]] || fail "the build made no $program" "look into $LOG"
		! cmp -s "$from/$program" "$STATE/bin/$program" || continue
		cp "$from/$program" "$STATE/bin/$program.new"
		mv "$STATE/bin/$program.new" "$STATE/bin/$program"
		touch "$STATE/run/reload"
		[[ $program != turnpike-supervise ]] || touch "$STATE/run/restart"
		NOTE='new programs'
	done
}

# Written once and then the developer's own; only the port and the mode of the limits follow the environment.
config_write() {
	local conf=$STATE/turnpike.conf mode=enforce port
	[[ ${TURNPIKE_LIMITS:-enforce} != dry-run ]] || mode=dry-run
	[[ ${TURNPIKE_LIMITS:-enforce} =~ ^(enforce|dry-run)$ ]] ||
		fail "TURNPIKE_LIMITS is '$TURNPIKE_LIMITS'" "it can be enforce or dry-run"
	if [[ ! -s $conf ]]; then
		(umask 077 && config_text >"$conf.new")
		mv "$conf.new" "$conf"
		NOTE='new'
	fi
	port=$(cat "$STATE/port" 2>/dev/null || echo "$PORT")
	if [[ $port != "$PORT" ]]; then
		sed -i "s#127\.0\.0\.1:$port\b#127.0.0.1:$PORT#; s#127\.0\.0\.1:$((port + 1))\b#127.0.0.1:$SINK_PORT#
			s#127\.0\.0\.1:$((port + 3))\b#127.0.0.1:$AI_PORT#" "$conf"
	fi
	grep -q '^\[sandbox\]' "$conf" || (echo && config_text_sandbox) >>"$conf" # older than the models
	echo "$PORT" >"$STATE/port"
	if ! sed -n '/^\[limits\]/,/^\[/p' "$conf" | grep -q "^mode = $mode$"; then
		sed -i "/^\[limits\]/,/^\[/ s/^mode *=.*/mode = $mode/" "$conf"
		NOTE="limits: $mode"
	fi
	cmp -s "$conf" "$STATE/run/config-loaded" || touch "$STATE/run/reload"
}

config_text() {
	cat <<-END
		# Configuration of this development stack, written once by tools/up; change it and run tools/up again.
		# \`bin/turnpike options\` lists every key.

		[server]
		public_url = $ORIGIN
		state_dir = $STATE
		config_key = $(random_hex 32)
		encryption_key = $(head -c 32 /dev/urandom | base64)
		sandbox = yes

		[database]
		socket = $STATE/run/mysql.sock
		user = turnpike
		password = $(random_hex 16)
		name = turnpike

		[account]
		cron_secret = $(random_hex 16)

		[pool.sandbox]
		processes = 1

		[limits]
		mode = enforce

		[smtp]
		url = smtp://127.0.0.1:$SINK_PORT
		from = turnpike@localhost
		starttls = required
		ca_file = $STATE/mail/ca.pem

		[oauth.github]
		client_id = sandbox
		client_secret = $(random_hex 16)
		authorize_url = $ORIGIN/sandbox/github/login/oauth/authorize
		token_url = $ORIGIN/sandbox/github/login/oauth/access_token
		api_url = $ORIGIN/sandbox/github/api

		[oauth.google]
		client_id = sandbox
		client_secret = $(random_hex 16)
		authorize_url = $ORIGIN/sandbox/google/o/oauth2/v2/auth
		token_url = $ORIGIN/sandbox/google/token
		api_url = $ORIGIN/sandbox/google/userinfo

		[supabase]
		url = $ORIGIN/sandbox/supabase
		jwt_secret = $(random_hex 32)
		jwks_url = $ORIGIN/sandbox/jwks.json

		[status]
		ai_probe_url = $ORIGIN/sandbox/health
		stripe_probe_url = $ORIGIN/sandbox/health
		discord_probe_url = $ORIGIN/sandbox/health

		$(config_text_sandbox)
	END
}

config_text_sandbox() {
	printf '[sandbox]\nai_url = http://127.0.0.1:%s\n' $AI_PORT
}

# Small on purpose: a laptop runs this beside everything else. What matters for money is as in production.
mariadb_config() {
	cat <<-END
		[mariadbd]
		user = $(id -un)
		datadir = $STATE/mysql
		socket = $STATE/run/mysql.sock
		pid_file = $STATE/run/mysql.pid
		log_error = $STATE/log/mysql.log
		tmpdir = $STATE/tmp
		skip_networking = ON
		skip_name_resolve = ON
		character_set_server = utf8mb4
		collation_server = utf8mb4_bin
		default_time_zone = +00:00
		sql_mode = STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE
		local_infile = OFF
		max_connections = 200
		max_prepared_stmt_count = 60000
		innodb_flush_log_at_trx_commit = 1
		innodb_buffer_pool_size = 48M
		innodb_log_file_size = 48M
		innodb_log_buffer_size = 2M
		innodb_purge_threads = 1
		innodb_read_io_threads = 1
		innodb_write_io_threads = 2
		innodb_stats_persistent_sample_pages = 20
		performance_schema = OFF
		key_buffer_size = 128K
		aria_pagecache_buffer_size = 2M
		query_cache_type = OFF
		query_cache_size = 0
		table_open_cache = 400
		table_definition_cache = 400
		thread_cache_size = 16
		tmp_table_size = 4M
		max_heap_table_size = 4M
	END
}

mariadb_answers() {
	mariadb --no-defaults -S "$STATE/run/mysql.sock" -u root -e 'SELECT 1' >/dev/null 2>&1
}

mariadb_start() {
	mariadb_config >"$STATE/mysql.cnf"
	if [[ ! -d $STATE/mysql ]]; then
		rm -rf "$STATE/mysql.new"
		# A folder of its own: a MariaDB that starts removes what others have in a shared one.
		TMPDIR=$STATE/tmp mariadb-install-db --no-defaults --datadir="$STATE/mysql.new" --skip-test-db \
			--skip-name-resolve --auth-root-authentication-method=normal --user="$(id -un)" >>"$LOG" 2>&1 || {
			grep -h ERROR "$LOG" >"$STATE/log/reasons.log" || : # what comes behind is advice of a general kind
			tail_of "$STATE/log/reasons.log" 5
			fail "mariadb-install-db failed" "the lines above say why (log: $LOG)"
		}
		mv "$STATE/mysql.new" "$STATE/mysql"
		NOTE='new'
	fi
	if ! pid_of "$STATE/run/mysql.pid" >/dev/null; then
		detach "$STATE/log/mysql.log" mariadbd --defaults-file="$STATE/mysql.cnf"
		until_true 60 mariadb_answers || {
			tail_of "$STATE/log/mysql.log" 8
			fail "MariaDB does not answer" "the lines above say why (log: $STATE/log/mysql.log)"
		}
	fi
	if [[ ! -e $STATE/mysql/turnpike-ready ]]; then
		database_create | mariadb --no-defaults -S "$STATE/run/mysql.sock" -u root >>"$LOG" 2>&1
		touch "$STATE/mysql/turnpike-ready"
	fi
}

database_create() {
	local password
	password=$(sed -n '/^\[database\]/,/^\[/ s/^password *= *//p' "$STATE/turnpike.conf")
	cat <<-END
		CREATE DATABASE IF NOT EXISTS turnpike CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
		CREATE OR REPLACE USER turnpike@localhost IDENTIFIED BY '$password';
		GRANT ALL ON turnpike.* TO turnpike@localhost;
	END
}

# detach LOG COMMAND...: a process of its own session that outlives us and holds none of our locks.
detach() {
	setsid --fork "${@:2}" </dev/null >>"$1" 2>&1 7<&- 8>&-
}

# The demo catalog with what it is filled in with; loaded again when one of the two is another.
catalog_text() {
	echo "port $PORT"
	cat "$ROOT/tools/seed/catalog.json"
}

# The sandbox takes any key; its directives can tell them apart.
keys_write() {
	local name
	mkdir -p "$STATE/keys"
	chmod 700 "$STATE/keys"
	for name in sandbox-a sandbox-b; do
		[[ -s $STATE/keys/$name ]] || (umask 077 && echo "$name-$(random_hex 16)" >"$STATE/keys/$name")
	done
}

schema_update() {
	turnpike migrate --dir "$ROOT/sql/migrations"
	keys_write
	! catalog_text | cmp -s - "$STATE/catalog-loaded" || return 0
	turnpike catalog load "$ROOT/tools/seed/catalog.json"
	catalog_text >"$STATE/catalog-loaded"
	NOTE='demo catalog loaded'
}

# Somebody with a token and 5 USD, so that a model answers at once.
demo_make() {
	[[ ! -s $STATE/demo-token ]] || return 0
	turnpike user add demo@example.org
	turnpike ledger grant --user demo@example.org --cents 500 --reason demo --key demo
	(umask 077 && "$STATE/bin/turnpike" --config "$STATE/turnpike.conf" ide-token create --user demo@example.org \
		--name demo >"$STATE/demo-token.new")
	mv "$STATE/demo-token.new" "$STATE/demo-token"
}

nginx_run() { # OPTION...
	nginx -e "$STATE/log/nginx-error.log" -c "$STATE/nginx/nginx.conf" "$@" >>"$LOG" 2>&1 8>&- && return
	tail_of "$LOG" 8
	tail_of "$STATE/log/nginx-error.log" 3
	fail "nginx refuses" "the lines above say why"
}

nginx_start() {
	local next=$STATE/nginx.next user='' ai='' sandbox
	((EUID != 0)) || user='user root;' # the folder may lie in /root
	sandbox=$("$STATE/bin/turnpike" --config "$STATE/turnpike.conf" options get server.sandbox)
	[[ $sandbox != yes ]] || ai="location ^~ /sandbox/ai/ { proxy_pass http://127.0.0.1:$AI_PORT; }"
	rm -rf "$next"
	mkdir -p "$next/turnpike" "$STATE/nginx-temp"
	cp "$ROOT"/nginx/conf/* "$next/turnpike"
	rm "$next/turnpike/nginx.conf.in"
	sed "s#@STATE@#$STATE#g; s#@PORT@#$PORT#g; s#@WEB@#$ROOT/web#g; s#@USER@#$user#g; s#@SANDBOX_AI@#$ai#g" \
		"$ROOT/nginx/conf/nginx.conf.in" >"$next/nginx.conf"
	turnpike nginx --out "$next/turnpike"
	if ! pid_of "$STATE/run/nginx.pid" >/dev/null; then
		rm -rf "$STATE/nginx"
		mv "$next" "$STATE/nginx"
		nginx_run -t -q
		nginx_run
	elif ! diff -rq "$next" "$STATE/nginx" >/dev/null; then
		nginx -e "$STATE/log/nginx-error.log" -t -q -c "$next/nginx.conf" >>"$LOG" 2>&1 || {
			tail_of "$LOG" 8
			fail "nginx refuses the new configuration in $next; the old one goes on" "the lines above say why"
		}
		rm -rf "$STATE/nginx.old"
		mv "$STATE/nginx" "$STATE/nginx.old"
		mv "$next" "$STATE/nginx"
		kill -HUP "$(pid_of "$STATE/run/nginx.pid")"
		NOTE='reloaded'
	fi
	rm -rf "$next" "$STATE/nginx.old"
}

supervisor_arguments() {
	local pool processes
	printf '%s\n' --bin "$STATE/bin" --config "$STATE/turnpike.conf" --state "$STATE"
	for pool in "${POOLS[@]}"; do
		processes=$("$STATE/bin/turnpike" --config "$STATE/turnpike.conf" options get "pool.$pool.processes") ||
			fail "turnpike options get pool.$pool.processes failed" "look at $STATE/turnpike.conf"
		printf '%s\n' --pool "$pool:$processes"
	done
	printf '%s\n' --program "jobs=$STATE/bin/turnpike-jobs --config $STATE/turnpike.conf" \
		--program "ai=$STATE/bin/turnpike-sandbox-ai --listen 127.0.0.1:$AI_PORT" \
		--program "smtp=$STATE/bin/turnpike-smtp-sink --listen 127.0.0.1:$SINK_PORT --dir $STATE/mail"
}

children_of() { # PID
	cat "/proc/$1/task/$1/children" 2>/dev/null || :
}

# Sockets live as long as the supervisor, so it only makes way for another when it must.
supervisor_start() {
	local pid before arguments
	supervisor_arguments >"$STATE/run/supervise.arguments.new"
	if pid=$(pid_of "$STATE/run/supervise.pid"); then
		if [[ ! -e $STATE/run/restart ]] && cmp -s "$STATE/run/supervise.arguments"{.new,}; then
			rm "$STATE/run/supervise.arguments.new"
			[[ -e $STATE/run/reload ]] || return 0
			before=$(children_of "$pid")
			kill -HUP "$pid"
			# shellcheck disable=SC2086 # a list of numbers
			until_true 20 all_gone $before || NOTE='restarting: some still finish their requests'
			NOTE=${NOTE:-'restarted one by one'}
			now_current
			return
		fi
		stop "$STATE/run/supervise.pid" TERM 15
		NOTE='restarted: other programs or pools'
	fi
	mv "$STATE/run/supervise.arguments.new" "$STATE/run/supervise.arguments"
	mapfile -t arguments <"$STATE/run/supervise.arguments"
	: >"$STATE/log/supervise.err"
	detach "$STATE/log/supervise.err" "$STATE/bin/turnpike-supervise" "${arguments[@]}"
	until_true 5 pid_of "$STATE/run/supervise.pid" >/dev/null || {
		tail_of "$STATE/log/supervise.err" 5
		fail "the supervisor did not start" "the lines above say why"
	}
	now_current
}

now_current() {
	cp "$STATE/turnpike.conf" "$STATE/run/config-loaded"
	rm -f "$STATE/run/reload" "$STATE/run/restart"
}
