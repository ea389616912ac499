package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// A pipe is a stream of bytes between two processes. There are two kinds: a
// ring in memory that both share, and, where that is not possible, a pipe of
// the system.

// An inlet is the end where a stream comes out. All but close is for one
// goroutine at a time.
type inlet interface {
	// read waits for bytes and reads some of them. With try it does not wait
	// but returns ErrEmpty. Other errors are io.EOF when the other side is
	// gone and all was read, ctx.Err() if ctx ends first, and ErrClosed.
	read(ctx context.Context, b []byte, try bool) (int, error)
	end
}

// An outlet is the end where a stream goes in. All but close is for one
// goroutine at a time.
type outlet interface {
	// write writes b, and waits for room. If it returns an error, n tells how
	// much the other side can read nevertheless. Errors are ctx.Err() if ctx
	// ends first, io.ErrClosedPipe if the other side is gone, and ErrClosed.
	write(ctx context.Context, b []byte) (n int, err error)
	end
}

type end interface {
	// close makes those that wait, and all later calls, return ErrClosed. It
	// may be called at any time, and again.
	close()
	// give appends the end to e for another process. It cannot be used here
	// any more; the files are closed when that process has them.
	give(e *encoder) error
}

// Kinds of ends as they are given to a process.
const (
	endNone byte = iota
	endFile
	endRing
)

// newStream makes both ends of a stream.
func newStream() (inlet, outlet, error) {
	if !self.portable.Load() {
		if in, out, ok := newRing(); ok {
			return in, out, nil
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return newFileInlet(r), newFileOutlet(w), nil
}

func giveEnd(e *encoder, x end) error {
	if x == nil {
		e.byte(endNone)
		return nil
	}
	return x.give(e)
}

// takeEnd makes an end of what was given, which is nil if nothing was.
func takeEnd[E end](d *decoder, ofFile func(*os.File) E, ofRing func(mem, bell *os.File) E) (x E, err error) {
	switch d.byte() {
	case endNone:
		return x, d.err
	case endFile:
		f, err := d.file(inherited)
		if err != nil {
			return x, err
		}
		return ofFile(f), nil
	default:
		mem, bell, err := takeRing(d)
		if err != nil {
			return x, err
		}
		return ofRing(mem, bell), nil
	}
}

// fileEnd is an end of a pipe of the system.
type fileEnd struct {
	f *os.File
	p *prompt
}

func (x *fileEnd) close() { x.f.Close() }

func (x *fileEnd) give(e *encoder) error {
	e.byte(endFile)
	e.given = append(e.given, x.close)
	return e.file(x.f)
}

type fileInlet struct{ fileEnd }

func newFileInlet(f *os.File) inlet { return &fileInlet{fileEnd{f, newPromptReader(f)}} }

func (x *fileInlet) read(ctx context.Context, b []byte, try bool) (int, error) {
	n, err := x.p.read(b)
	if err == ErrEmpty && !try {
		release := interruptible(ctx, x.f.SetReadDeadline)
		n, err = x.f.Read(b)
		release()
	}
	switch {
	case err == nil || err == io.EOF || err == ErrEmpty:
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, ctx.Err()
	case errors.Is(err, os.ErrClosed):
		return n, ErrClosed
	}
	return n, fmt.Errorf("process: receive: %w", err)
}

type fileOutlet struct{ fileEnd }

func newFileOutlet(f *os.File) outlet { return &fileOutlet{fileEnd{f, newPromptWriter(f)}} }

func (x *fileOutlet) write(ctx context.Context, b []byte) (int, error) {
	done := x.p.write(b)
	if done == len(b) {
		return done, nil
	}
	release := interruptible(ctx, x.f.SetWriteDeadline)
	n, err := x.f.Write(b[done:])
	release()
	n += done
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, ctx.Err()
	case errors.Is(err, syscall.EPIPE):
		return n, io.ErrClosedPipe
	case errors.Is(err, os.ErrClosed):
		return n, ErrClosed
	}
	return n, fmt.Errorf("process: send: %w", err)
}

// interruptible makes a read or write end when ctx does, until release is
// called. (On Windows, where pipes have no deadlines, it does nothing.)
func interruptible(ctx context.Context, deadline func(time.Time) error) (release func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		deadline(time.Unix(1, 0))
		close(fired)
	})
	return func() {
		if !stop() {
			<-fired
			deadline(time.Time{})
		}
	}
}
