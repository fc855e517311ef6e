//go:build !linux

package crashtest

import "syscall"

// tied is nothing here: a child of a crash test that is itself killed has to be ended by hand.
func tied() *syscall.SysProcAttr { return nil }
