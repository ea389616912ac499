//go:build !linux && !windows

package save

import (
	"errors"
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

// canUseHandles is false where calls do not take open directories, or none
// moves a file and fails if something is there.
const canUseHandles = false

func renameNew(handle, string, handle, string) error { return errors.ErrUnsupported }

func createNew(handle, string) (file, error) { return nil, errors.ErrUnsupported }

func existsIn(handle, string) bool { return true }
