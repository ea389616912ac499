package save

import (
	"errors"
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

const canRenameNew = true

// renameNew moves a file from one directory to another, where there must be
// nothing of its new name.
func renameNew(from *os.File, name string, to *os.File, newName string) error {
	src, err := from.SyscallConn()
	if err != nil {
		return err
	}
	dst, err := to.SyscallConn()
	if err != nil {
		return err
	}
	// Control keeps the directories open meanwhile.
	var err1, err2 error
	err = src.Control(func(a uintptr) {
		err1 = dst.Control(func(b uintptr) {
			for {
				err2 = unix.Renameat2(int(a), name, int(b), newName, unix.RENAME_NOREPLACE)
				if err2 != unix.EINTR {
					return
				}
			}
		})
	})
	return errors.Join(err, err1, err2)
}
