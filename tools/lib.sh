# shellcheck shell=bash
# What up, down and check share: where things are, how a step is shown, whose a process is.
set -Eeuo pipefail
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # where Debian keeps nginx and mariadbd, and a plain user does not look

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # used by those who read this file
PORT=${TURNPIKE_PORT:-8080}
STATE=${TURNPIKE_STATE:-$ROOT/state}
[[ $STATE == /* ]] || STATE=$PWD/$STATE
STATE=$(realpath -m "$STATE")
# shellcheck disable=SC2034
LAYOUT=1 # number of the layout of STATE; a new one means that old folders are refused
STEP='' NOTE=''

BOLD='' RED='' GREEN='' DIM='' PLAIN=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
	BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' DIM=$'\e[2m' PLAIN=$'\e[0m'
fi

now_us() {
	echo "${EPOCHREALTIME/[.,]/}"
}

seconds_since() { # MICROSECONDS
	local tenths=$((($(now_us) - $1 + 50000) / 100000))
	echo "$((tenths / 10)).$((tenths % 10)) s"
}

# step TITLE FUNCTION...: runs it, shows a tick and the time; the function may set NOTE.
step() {
	local started
	started=$(now_us)
	STEP=$1 NOTE=''
	[[ ! -t 1 ]] || printf '  … %s' "$STEP"
	"${@:2}"
	[[ ! -t 1 ]] || printf '\r\e[K'
	printf '  %s✓%s %-38s %s%7s%s%s\n' "$GREEN" "$PLAIN" "$STEP" "$DIM" \
		"$(seconds_since "$started")" "${NOTE:+  $NOTE}" "$PLAIN"
	STEP=''
}

# fail REASON [FIX]: what went wrong and what to do about it.
fail() {
	trap - ERR
	[[ ! -t 1 || -z $STEP ]] || printf '\r\e[K'
	printf '  %s✗ %s%s%s\n' "$RED" "${STEP:+$STEP: }" "$1" "$PLAIN" >&2
	[[ -z ${2:-} ]] || printf '    %sfix:%s %s\n' "$BOLD" "$PLAIN" "$2" >&2
	exit 1
}

on_error() { # LINE
	fail "a command failed at ${BASH_SOURCE[1]##*/} line $1: $BASH_COMMAND" \
		"look into ${LOG:-the messages above}; if it looks like a fault of ours, please report it with them"
}
trap 'on_error $LINENO' ERR

# The last lines of a log, indented below a failure.
tail_of() { # FILE LINES
	[[ ! -s $1 ]] || { tail -n "$2" "$1" | cut -c1-200 | sed 's/^/    | /' >&2; }
}

# Prints the pid in a pidfile when that process lives and its command line names our STATE: pidfiles outlive
# crashes, and numbers are used again.
pid_of() { # PIDFILE
	local pid
	[[ -r $1 ]] || return 1
	read -r pid <"$1" || return 1
	[[ $pid =~ ^[0-9]+$ && -r /proc/$pid/cmdline ]] || return 1
	tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$STATE/" || return 1
	echo "$pid"
}

# until_true SECONDS COMMAND...: asks every 50 ms.
until_true() {
	local end=$(($(now_us) + $1 * 1000000))
	shift
	while ! "$@"; do
		(($(now_us) < end)) || return 1
		sleep 0.05
	done
}

gone() { # PIDFILE PID
	[[ $(pid_of "$1") != "$2" ]]
}

# stop PIDFILE SIGNAL SECONDS: returns 1 when nothing was running.
stop() {
	local pid
	pid=$(pid_of "$1") || return 1
	kill "-$2" "$pid" 2>/dev/null ||
		fail "process $pid of this stack belongs to another user" "run this as the user who started it"
	until_true "$3" gone "$1" "$pid" ||
		fail "process $pid did not end within $3 s" "look into $STATE/log, then: kill -9 $pid"
}

# Workers of an nginx whose master was killed go on serving; they are ours when they write to our access log.
nginx_orphans_end() {
	local file pid
	! pid_of "$STATE/run/nginx.pid" >/dev/null || return 0
	for file in $(grep -lsx nginx /proc/[0-9]*/comm || :); do
		pid=${file//[!0-9]/}
		[[ -n $(find "/proc/$pid/fd" -lname "$STATE/log/access.log" -print -quit 2>/dev/null) ]] || continue
		kill "$pid"
		until_true 5 all_gone "$pid" || fail "the nginx process $pid does not end" "kill -9 $pid"
	done
}

all_gone() { # PID...
	local pid
	for pid; do
		[[ ! -d /proc/$pid ]] || return 1
	done
}

state_lock() {
	exec 8>"$STATE/lock"
	flock -n 8 || fail "another tools/up or tools/down is working on $STATE" "wait until it is done"
}

packages_missing() { # LIST...
	local name command rest wanted=()
	while read -r name command rest; do
		[[ -n $name && $name != '#'* ]] || continue
		[[ $command != '#'* && -n $command ]] && command -v "$command" >/dev/null && continue
		wanted+=("$name")
	done < <(cat "$@")
	{ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || :; } |
		awk -v wanted="${wanted[*]}" '
			$2 == "installed" { have[$1] = 1 }
			END { n = split(wanted, w, " "); for (i = 1; i <= n; i++) if (!(w[i] in have)) print w[i] }'
}

SUDO=()

# packages_ensure LIST...: installs what is missing, without starting or enabling any system service.
packages_ensure() {
	local missing=()
	command -v dpkg-query >/dev/null ||
		fail "this is not a Debian system" "use Debian 12, or install what $ROOT/tools/packages names and build by hand (README)"
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]} > 0)) || return 0
	if ((EUID != 0)); then
		command -v sudo >/dev/null || fail "packages are missing and there is no sudo: ${missing[*]}" \
			"as root: apt-get install --no-install-recommends ${missing[*]}"
		SUDO=(sudo)
		sudo -n true 2>/dev/null || [[ -t 0 ]] || fail "packages are missing and sudo wants a password: ${missing[*]}" \
			"sudo apt-get install --no-install-recommends ${missing[*]}"
	fi
	[[ ! -t 1 ]] || printf '\r\e[K  … %s: %s\n' "$STEP" "${missing[*]}"
	packages_install
	NOTE="installed: ${missing[*]}"
}

# Called by packages_ensure. While it runs, Debian's own switch keeps a fresh nginx from being started; afterwards
# the service is disabled, unless it was there before.
packages_install() {
	local policy=/usr/sbin/policy-rc.d ok=1 had_nginx=0
	[[ ! -x /usr/sbin/nginx ]] || had_nginx=1
	if [[ -e $policy ]]; then
		policy=''
	else
		trap '"${SUDO[@]}" rm -f /usr/sbin/policy-rc.d' EXIT # also when interrupted
		printf '#!/bin/sh\nexit 101\n' | "${SUDO[@]}" install -m 755 /dev/stdin "$policy"
	fi
	apt_get install || { apt_get update && apt_get install; } || ok=0
	[[ -z $policy ]] || { "${SUDO[@]}" rm -f "$policy" && trap - EXIT; }
	if ((ok && !had_nginx)) && command -v systemctl >/dev/null; then
		"${SUDO[@]}" systemctl disable --quiet nginx 2>>"$LOG" || :
	fi
	((ok)) && return
	tail_of "$LOG" 8
	fail "apt-get could not install: ${missing[*]}" \
		"check the network and /etc/apt/sources.list, then: ${SUDO[*]:+sudo }apt-get install ${missing[*]} (log: $LOG)"
}

apt_get() { # install | update
	local what=("$1")
	[[ $1 != install ]] || what=(install -y --no-install-recommends "${missing[@]}")
	"${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=60 "${what[@]}" \
		</dev/null >>"$LOG" 2>&1
}

# build FOLDER [CONFIGURE-OPTION...]: configures when needed, then makes; the log is LOG.
build() {
	local folder=$1
	shift
	[[ ! -e $ROOT/config.status ]] ||
		fail "the source folder itself is configured, which makes builds elsewhere impossible" "make -C $ROOT distclean"
	exec 7<"$ROOT/configure.ac"
	flock 7 # two stacks of one source tree: autoreconf writes into the tree
	mkdir -p "$folder"
	if [[ ! -x $ROOT/configure || ! -f $ROOT/Makefile.in ]]; then
		(cd "$ROOT" && autoreconf -fi) >>"$LOG" 2>&1 || build_failed "autoreconf"
	fi
	if [[ ! -f $folder/Makefile || $(cat "$folder/.configured" 2>/dev/null) != "$*" ]]; then
		(cd "$folder" && "$ROOT/configure" --quiet "$@") >>"$LOG" 2>&1 || build_failed "configure"
		echo "$*" >"$folder/.configured"
	fi
	make -s -C "$folder" -j"$(nproc)" all >>"$LOG" 2>&1 || build_failed "make"
	exec 7<&-
}

build_failed() { # PROGRAM
	tail_of "$LOG" 20
	fail "$1 failed (log: $LOG)" "the last lines above say why; a change of your own, or a package: see tools/packages"
}
