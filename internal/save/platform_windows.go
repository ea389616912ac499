package save

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// syncData makes the content of a file durable.
func syncData(f *os.File) error { return f.Sync() }

// syncDir does nothing: Windows has no such call, and NTFS keeps a journal
// of names.
func syncDir(*os.File) error { return nil }

// isDiskErrno knows the errors of a disk that only this system has.
func isDiskErrno(e syscall.Errno) bool {
	switch e {
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED,
		windows.ERROR_WRITE_PROTECT, windows.ERROR_IO_DEVICE, windows.ERROR_CRC, windows.ERROR_NOT_READY,
		windows.ERROR_TOO_MANY_OPEN_FILES:
		return true
	}
	return false
}
