//go:build !linux && !windows

package save

import (
	"os"
	"syscall"
)

// syncData makes the content of a file durable. On macOS that is more than
// fsync, which stops at the disk's own cache.
func syncData(f *os.File) error { return f.Sync() }

// syncDir makes the names in a directory durable.
func syncDir(f *os.File) error { return f.Sync() }

// isDiskErrno knows the errors of a disk that only this system has.
func isDiskErrno(syscall.Errno) bool { return false }
