package store

import (
	"os"
	"syscall"
)

// tryLock locks an open file, whatever name it was opened by. SQLite's own locks are of another kind: here the two do not
// see each other.
func tryLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// locksDatabase says that the database's own file can be locked beside SQLite's locks.
const locksDatabase = true
