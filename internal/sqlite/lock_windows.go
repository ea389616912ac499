package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks a file until it is closed. The locked byte lies far behind
// the content, so that others can read who holds the lock.
func tryLock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	at := &windows.Overlapped{OffsetHigh: 1}
	switch err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at); {
	case err == nil:
		return nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return errHeld
	default:
		return os.NewSyscallError("LockFileEx", err)
	}
}

// syncDir does nothing: Windows keeps directories durable by itself.
func syncDir(string) error { return nil }
