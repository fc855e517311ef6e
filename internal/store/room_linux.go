package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// diskSpace is what the file system of a folder has, in bytes: free for this user, and in all.
func diskSpace(folder string) (free, total int64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return 0, 0, fmt.Errorf("store: space of %s: %w", folder, err)
	}
	return int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize, nil
}

// occupy makes a file so large that its room on the disk is its own.
func occupy(f *os.File, size int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return writeZeros(f, size)
	}
	if err != nil {
		return fmt.Errorf("store: reserve: %w", err)
	}
	return nil
}
