package save

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// syncData makes the content of a file durable, with what is needed to read
// it back, but not its times.
func syncData(f *os.File) error {
	return os.NewSyscallError("fdatasync", again(func() error { return unix.Fdatasync(int(f.Fd())) }))
}

// syncDir makes the names in a directory durable.
func syncDir(f *os.File) error { return f.Sync() }

// isDiskErrno knows the errors of a disk that only this system has.
func isDiskErrno(syscall.Errno) bool { return false }

const canUseHandles = true

// again repeats a system call that a signal has interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// renameNew moves a file from one directory to another, where there must be
// nothing of its new name.
func renameNew(from handle, name string, to handle, newName string) error {
	// Control keeps the directories open meanwhile.
	var err1, err2 error
	err := from.conn.Control(func(a uintptr) {
		err1 = to.conn.Control(func(b uintptr) {
			err2 = again(func() error {
				return unix.Renameat2(int(a), name, int(b), newName, unix.RENAME_NOREPLACE)
			})
		})
	})
	return errors.Join(err, err1, err2)
}

// existsIn reports whether a directory has an entry of that name, or it cannot
// be found out.
func existsIn(dir handle, name string) bool {
	var st unix.Stat_t
	var err error
	if cerr := dir.conn.Control(func(fd uintptr) {
		err = again(func() error { return unix.Fstatat(int(fd), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	}); cerr != nil {
		return true
	}
	return err != unix.ENOENT
}

// createNew creates a file that was not there before, for writing. It returns
// os.ErrClosed if the directory was closed.
func createNew(dir handle, name string) (file, error) {
	f := &newFile{fd: -1, name: name}
	var err error
	cerr := dir.conn.Control(func(fd uintptr) {
		err = again(func() (err error) {
			f.fd, err = unix.Openat(int(fd), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o666)
			return err
		})
	})
	switch {
	case cerr != nil:
		return nil, os.ErrClosed
	case err != nil:
		return nil, f.error("open", err)
	}
	return f, nil
}

// A newFile is a regular file that was just made. An os.File would first find
// out whether it can be waited for, which takes five system calls: as many as
// the rest of its short life. It must be closed, as nobody else does it.
type newFile struct {
	fd   int
	name string
}

func (f *newFile) error(op string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: f.name, Err: err}
}

func (f *newFile) Write(p []byte) (n int, err error) {
	for n < len(p) {
		var m int
		err := again(func() (err error) {
			m, err = unix.Write(f.fd, p[n:])
			return err
		})
		if err == nil && m == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return n, f.error("write", err)
		}
		n += m
	}
	return n, nil
}

func (f *newFile) Sync() error {
	return f.error("fdatasync", again(func() error { return unix.Fdatasync(f.fd) }))
}

// Close closes the file. Also after an error, EINTR among them, it is closed.
func (f *newFile) Close() error { return f.error("close", unix.Close(f.fd)) }
