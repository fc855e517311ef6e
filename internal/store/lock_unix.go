//go:build unix && !linux

package store

import (
	"os"
	"syscall"
)

func tryLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// locksDatabase: both kinds of locks meet here, so only the file beside the database is locked.
const locksDatabase = false
