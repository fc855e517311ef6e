#!/bin/sh
# Runs each fuzz test of the module for FUZZTIME (30s), one after the other, as
# `go test -fuzz` takes one at a time.
set -eu
grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n 1 dirname | sort -u | while read -r dir; do
	go test -list '^Fuzz' "$dir" | grep '^Fuzz' | while read -r name; do
		echo "$dir $name"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "$dir" </dev/null
	done
done
