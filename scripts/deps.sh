#!/bin/sh
# Installs what the tests need beside Go: PostgreSQL's server programs, a
# Chromium, what the documents have their readers type and, on Linux, strace; with the argument "race" also a C compiler,
# which the race detector needs. Where all is there it does nothing. Installing goes through apt, as
# root or with a sudo that asks for no password; else this script says what to
# install, and fails.
set -eu

has_postgresql() {
	[ -n "${FLASHPAY_TEST_POSTGRES:-}" ] && return 0
	command -v initdb >/dev/null && command -v postgres >/dev/null && return 0
	for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin \
		/opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
		[ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && return 0
	done
	return 1
}

has_chromium() {
	for name in chromium chromium-browser google-chrome google-chrome-stable headless_shell; do
		command -v "$name" >/dev/null && return 0
	done
	[ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] ||
		[ -x "/Applications/Chromium.app/Contents/MacOS/Chromium" ]
}

has_strace() { # only Linux has it, and the tests that count system calls are Linux's
	[ "$(uname)" != Linux ] || command -v strace >/dev/null
}

has_typed() { # the commands that README and docs/operate.md have their readers type
	command -v bash >/dev/null && command -v curl >/dev/null && command -v openssl >/dev/null && command -v sqlite3 >/dev/null && command -v psql >/dev/null
}

has_compiler() {
	command -v "${CC:-gcc}" >/dev/null || command -v clang >/dev/null
}

missing=
packages=
need() { # what is missing, and the Debian packages that bring it
	missing="$missing
  - $1"
	packages="$packages $2"
}
has_postgresql || need "PostgreSQL's server programs initdb and postgres, version 13 or newer (or set FLASHPAY_TEST_POSTGRES to the URL of a server whose user may create databases and roles)" postgresql
has_chromium || need "Chromium or Google Chrome" "chromium fonts-dejavu-core"
has_strace || need "strace, which counts the calls that bring payouts to the disk" strace
has_typed || need "bash, curl, openssl, sqlite3 and psql, which the documents have their readers type" "bash curl openssl sqlite3 postgresql-client"
case "${1:-}" in
race) has_compiler || need "a C compiler, for the race detector" "gcc libc6-dev" ;;
"") ;;
*)
	echo "usage: scripts/deps.sh [race]" >&2
	exit 2
	;;
esac
[ -n "$missing" ] || exit 0

give_up() {
	{
		echo "The tests need what this machine does not have:$missing"
		echo "$1"
	} >&2
	exit 1
}

command -v apt-get >/dev/null ||
	give_up "Install it with the package manager of your system (Homebrew: brew install postgresql@17 && brew install --cask chromium)."
if [ "$(id -u)" = 0 ]; then
	as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	as_root="sudo -n"
else
	give_up "Install it with: sudo apt-get install --no-install-recommends$packages"
fi

# A package that ends in a server must not start one on a developer's machine.
settings=/etc/postgresql-common/createcluster.conf
case "$packages" in
*postgresql*)
	if [ ! -e "$settings" ]; then
		$as_root mkdir -p "${settings%/*}"
		echo "create_main_cluster = false" | $as_root tee "$settings" >/dev/null
	fi
	;;
esac

echo "Installing what the tests need:$packages"
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Options::=--force-confold "$@" </dev/null
}
# The lists of packages may be old, or not there at all.
apt update || echo "apt-get update failed; going on with the lists that are here" >&2
# One word a package.
# shellcheck disable=SC2086
apt install --no-install-recommends $packages ||
	give_up "apt-get could not install it; see above."
has_postgresql || give_up "apt-get has installed postgresql, and initdb and postgres are still not to be found."
has_chromium || give_up "apt-get has installed chromium, and it is still not to be found in PATH."
has_strace || give_up "apt-get has installed strace, and it is still not to be found in PATH."
