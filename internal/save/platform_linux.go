package save

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// syncData makes the content of a file durable, with what is needed to read
// it back, but not its times.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// syncDir makes the names in a directory durable.
func syncDir(f *os.File) error { return f.Sync() }

// isDiskErrno knows the errors of a disk that only this system has.
func isDiskErrno(syscall.Errno) bool { return false }
