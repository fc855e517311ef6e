//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreSignals leaves it to the calls that meet them to tell of two conditions: nobody reads the log any more, and a file
// has grown to its limit (ulimit -f). Neither ends a server.
func ignoreSignals() { signal.Ignore(syscall.SIGPIPE, syscall.SIGXFSZ) }
