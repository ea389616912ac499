package save

import (
	"errors"
	"io/fs"
	"syscall"
)

// Reasons of an [Error], the same words as in package fetch.
const (
	Cut  = "cut"  // shorter than announced, or a picture without its end
	Type = "type" // not what was wanted
	Size = "size" // over a limit
	Disk = "disk" // the file system refused
)

// An Error is a body that did not become a file. An error of the body itself
// is returned as it is and is not one of these.
type Error struct {
	Reason string

	// Path is the file's path as far as it was known.
	Path string

	Err error
}

// Error returns "save PATH: what happened".
func (e *Error) Error() string {
	if e.Path == "" {
		return "save: " + e.Err.Error()
	}
	return "save " + e.Path + ": " + e.Err.Error()
}

// Unwrap returns Err; for Disk that is what the file system said.
func (e *Error) Unwrap() error { return e.Err }

// Persistent reports whether the next file would meet the same fate: the
// disk is full, failing or read-only, the quota is used up, the directory may
// not be written, or no more files can be opened. It is false where only this
// one name is in trouble.
func (e *Error) Persistent() bool {
	if e.Reason != Disk {
		return false
	}
	if errors.Is(e.Err, fs.ErrPermission) || errors.Is(e.Err, fs.ErrClosed) {
		return true
	}
	if p := (interface{ Persistent() bool })(nil); errors.As(e.Err, &p) {
		return p.Persistent() // of another place than a disk
	}
	var code syscall.Errno
	if !errors.As(e.Err, &code) {
		return false
	}
	switch code {
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, syscall.EMFILE, syscall.ENFILE:
		return true
	}
	return isDiskErrno(code)
}

func diskError(path string, err error) error {
	return &Error{Reason: Disk, Path: path, Err: err}
}
