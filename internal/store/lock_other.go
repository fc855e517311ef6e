//go:build !unix

package store

import "os"

// tryLock cannot lock here: SQLite's own lock on its file remains.
func tryLock(*os.File) error { return nil }

const locksDatabase = false
