package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/trawl-go/trawl/internal/store"
)

// errHeld is returned by tryLock for a file that another process has locked.
var errHeld = errors.New("locked")

// dirLock is the ownership of a job's directory. The operating system gives
// it up when the process dies, however that happens.
type dirLock struct{ f *os.File }

// Lock takes the lock of a job's directory for something else than a Store, or
// returns a [*LockedError]. It ends with unlock, or with the process.
func Lock(dir string) (unlock func() error, err error) {
	if err := makeDir(filepath.Join(dir, store.Dir)); err != nil {
		return nil, fmt.Errorf("job directory: %w", err)
	}
	l, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	return l.release, nil
}

// lockDir takes the lock, or returns a *LockedError.
func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, store.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("lock the job directory: %w", err)
	}
	switch err := tryLock(f); {
	case errors.Is(err, errHeld):
		defer f.Close()
		return nil, &LockedError{Dir: dir, PID: readPID(f)}
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("lock the job directory %s: %w", dir, err)
	}
	l := &dirLock{f}
	if err := l.write(strconv.Itoa(os.Getpid()) + "\n"); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the job directory: %w", err)
	}
	return l, nil
}

// readPID returns what the owner wrote, 0 if that is no number (yet).
func readPID(f *os.File) int {
	b, _ := io.ReadAll(io.LimitReader(f, 32))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}

func (l *dirLock) write(s string) error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt([]byte(s), 0)
	return err
}

// release empties the file and gives up the lock. The file stays: removing
// it could take it from under a process that has just locked it.
func (l *dirLock) release() error {
	return errors.Join(l.write(""), l.f.Close())
}
