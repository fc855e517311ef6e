#!/bin/sh
# Runs `go test` with the arguments given. The tests' databases sync for each
# commit, as in production, and much of the suite's time is waiting for that:
# where a file system in memory has room, they lie in it. The same calls are
# made; a process that is killed loses as little there as on a disk.
set -eu

memory=/dev/shm
needed=4194304 # KiB; the suite fills about a tenth of it

if [ -z "${TMPDIR:-}" ] && [ -d "$memory" ] && [ -w "$memory" ] &&
	[ "$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')" -ge "$needed" ]; then
	dir=$(mktemp -d "$memory/flashpay-test-XXXXXX")
	# A server that is just ending may still write; it removes its own folder.
	trap 'rm -rf "$dir" 2>/dev/null || { sleep 2; rm -rf "$dir"; } || :' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	chmod 1777 "$dir" # as /tmp: a PostgreSQL of another user makes its folder there, and removes it
	export TMPDIR="$dir" GOTMPDIR="${GOTMPDIR:-/tmp}"
fi

# Much of the suite waits, for processes and leases: two packages more than there are cores keep the cores busy.
# A -p among the arguments comes later, and holds.
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
go test -p "$((cores + 2))" "$@"
