package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"

	"github.com/trawl-go/trawl/internal/store"
)

// A LockedError says that a job is open elsewhere.
type LockedError struct {
	Dir string
	PID int // of the process that has it open; 0 if unknown
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("job directory %s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("job directory %s is in use by process %d", e.Dir, e.PID)
}

// An Error is a failure of the database.
type Error struct {
	Op   string // what was tried
	Path string // of the database

	// Kind is [store.ErrFull], [store.ErrIO], [store.ErrCorrupt] or
	// [fs.ErrPermission]; nil for anything else. errors.Is finds it.
	Kind error

	// Err is that of the SQLite driver.
	Err error
}

func (e *Error) Error() string {
	if e.Kind == nil {
		return fmt.Sprintf("%s: %s: %v", e.Path, e.Op, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v: %v", e.Path, e.Op, e.Kind, e.Err)
}

// Unwrap returns Kind and Err.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// The result codes of SQLite that are told apart.
const (
	codePerm     = 3
	codeBusy     = 5
	codeLocked   = 6
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

// primary returns the result code without its extension.
func primary(e *sqlite.Error) int { return e.Code() & 0xff }

// fail gives an error of the driver its place and kind. Others, such as those
// of a context or of package store, stay as they are.
func (s *Store) fail(op string, err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var kind error
	switch primary(e) {
	case codeBusy, codeLocked:
		// Our own lock keeps other jobs away, so it is some other program.
		return &LockedError{Dir: s.dir}
	case codeFull:
		kind = store.ErrFull
	case codeIO:
		kind = store.ErrIO
	case codeCorrupt, codeNotADB:
		kind = store.ErrCorrupt
	case codePerm, codeReadOnly, codeCantOpen:
		kind = fs.ErrPermission
	}
	return &Error{Op: op, Path: s.path(), Kind: kind, Err: err}
}
