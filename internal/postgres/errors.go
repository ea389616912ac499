package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/trawl-go/trawl/internal/store"
)

// An Error is a failure of the database, or on the way to it.
type Error struct {
	Op  string // what was tried
	Job string // "" if it was for no job

	// Kind is [store.ErrFull], [store.ErrIO], [store.ErrCorrupt] or
	// [fs.ErrPermission]; nil for anything else. errors.Is finds it.
	Kind error

	// Err is that of the PostgreSQL client. It holds no password.
	Err error
}

func (e *Error) Error() string {
	where := "postgres"
	if e.Job != "" {
		where += " job " + e.Job
	}
	if e.Kind == nil {
		return fmt.Sprintf("%s: %s: %v", where, e.Op, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v: %v", where, e.Op, e.Kind, e.Err)
}

// Unwrap returns Kind and Err.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// serverError marks what the client returned, in contrast to errors of our own
// that pass through a transaction.
type serverError struct {
	err  error
	lost bool // the connection is gone
}

func (e serverError) Error() string { return e.err.Error() }
func (e serverError) Unwrap() error { return e.err }

// fail gives an error of the client its place and kind. Others, such as those
// of package store, stay as they are.
func (s *Store) fail(op string, err error) error {
	var se serverError
	if !errors.As(err, &se) {
		return err
	}
	return fail(s.job, op, se.err)
}

func fail(job, op string, err error) error {
	e := &Error{Op: op, Job: job, Err: err}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		e.Kind = store.ErrIO
		return e
	}
	switch class := pe.Code[:min(2, len(pe.Code))]; {
	case pe.Code == "53100": // disk_full
		e.Kind = store.ErrFull
	case pe.Code == "42501", class == "28": // insufficient_privilege, who is not let in
		e.Kind = fs.ErrPermission
	case pe.Code == "XX001", pe.Code == "XX002": // data_corrupted, index_corrupted
		e.Kind = store.ErrCorrupt
	case class == "08", class == "53", class == "57", class == "58":
		e.Kind = store.ErrIO
	case pe.Code == "3D000": // invalid_catalog_name
		e.Err = fmt.Errorf("%w; make it with createdb -E UTF8", err)
	}
	return e
}

// errMoved is what a transaction fails with that relied on something which
// another one has changed meanwhile.
var errMoved = errors.New("another transaction got in between")

// temporary reports whether what a transaction failed with may pass: conflict
// if it came of others that were at work, else because the server could not be
// reached.
func temporary(err error) (retry, conflict bool) {
	if errors.Is(err, errMoved) {
		return true, true
	}
	var se serverError
	if !errors.As(err, &se) {
		return false, false
	}
	var pe *pgconn.PgError
	if !errors.As(se.err, &pe) {
		return se.lost && !errors.Is(err, context.Canceled), false
	}
	switch pe.Code {
	case "40001", "40P01", // serialization_failure, deadlock_detected
		"55P03", "57014", // lock_not_available, query_canceled by a timeout
		"25P03", "25P04": // timeouts of transactions
		return true, true
	case "57P01", "57P02", "57P03", "57P05", // the server goes down or comes up
		"53300": // too_many_connections
		return true, false
	}
	return strings.HasPrefix(pe.Code, "08"), false // connection_exception
}
