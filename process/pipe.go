package process

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Conn is one end of a pipe between two processes, which carries messages
// of type T. It comes from Pipe or Duplex, and one of the ends is then given to
// another process in the argument of Func.Start:
//
//	here, there, err := process.Duplex[string]()
//	p, err := echo.Start(ctx, there, nil)
//
// An end has one owner. Giving it away closes it here, so that each side finds
// out when the other one is gone: by io.EOF from Recv once everything that was
// sent is received, and by io.ErrClosedPipe from Send.
//
// A Conn is safe for concurrent use. An end that nobody uses any more is
// closed by the garbage collector.
type Conn[T any] struct {
	c codec[T]

	rmu sync.Mutex // held while receiving; guards r and buf
	r   *os.File   // nil if given away, or for sending only
	buf []byte     // what was received begins at
	at  int        // what was not yet asked for
	rp  *prompt    // of r

	wmu sync.Mutex // held while sending; guards w and out
	w   *os.File   // nil if given away, or for receiving only
	out []byte
	wp  *prompt // of w

	cmu    sync.Mutex // guards closed, and changes of r and w
	closed bool

	sends, receives bool
}

// Pipe makes a pipe in one direction: what is sent at w is received at r. The
// other direction gives ErrDirection.
func Pipe[T any]() (r, w *Conn[T], err error) {
	fr, fw, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("process: pipe: %w", err)
	}
	c := newCodec[T]()
	return &Conn[T]{c: c, r: fr, receives: true}, &Conn[T]{c: c, w: fw, sends: true}, nil
}

// Duplex makes a pipe in both directions: what is sent at one end is received
// at the other.
func Duplex[T any]() (a, b *Conn[T], err error) {
	a, y, err := Pipe[T]()
	if err != nil {
		return nil, nil, err
	}
	b, x, err := Pipe[T]()
	if err != nil {
		a.Close()
		y.Close()
		return nil, nil, err
	}
	a.w, a.sends = x.w, true
	b.w, b.sends = y.w, true
	return a, b, nil
}

// Send sends v, which is copied, and waits while the pipe is full.
//
// If ctx ends first Send returns ctx.Err() and nothing was sent; if it ends
// when a part was, which only happens with messages of more than 4 KB, the
// sending direction is closed too, as the other side could not make sense of
// what follows. Other errors are an *EncodeError, io.ErrClosedPipe if the
// other side is gone, ErrClosed and ErrDirection.
func (c *Conn[T]) Send(ctx context.Context, v T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !c.sends {
		return ErrDirection
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.w == nil {
		return ErrClosed
	}
	e := encoder{buf: append(c.out[:0], 0, 0, 0, 0)}
	c.c.put(&e, &v)
	c.out = e.buf
	if cap(c.out) > 1<<20 {
		c.out = nil
	}
	n := len(e.buf) - 4
	if e.err == nil && n > maxMessage {
		e.err = &EncodeError{Type: "message", Err: errTooLong}
	}
	if e.err != nil {
		return e.err
	}
	binary.LittleEndian.PutUint32(e.buf, uint32(n))
	if c.wp == nil {
		c.wp = newPromptWriter(c.w)
	}
	done := c.wp.write(e.buf)
	if done == len(e.buf) {
		return nil
	}
	release := interruptible(ctx, c.w.SetWriteDeadline)
	n, err := c.w.Write(e.buf[done:])
	release()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		if done+n > 0 {
			c.w.Close() // from now on Send returns ErrClosed
		}
		return ctx.Err()
	case errors.Is(err, syscall.EPIPE):
		return io.ErrClosedPipe
	case errors.Is(err, os.ErrClosed):
		return ErrClosed
	}
	return fmt.Errorf("process: send: %w", err)
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

// Recv waits for the next message and returns it.
//
// It returns io.EOF when the other side is gone and everything was received,
// io.ErrUnexpectedEOF if that happened within a message, ctx.Err() if ctx ends
// first, with nothing lost, and ErrClosed, ErrDirection or an *EncodeError.
func (c *Conn[T]) Recv(ctx context.Context) (v T, err error) {
	if err := ctx.Err(); err != nil {
		return v, err
	}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if err := c.fillLocked(ctx, false); err != nil {
		return v, err
	}
	return c.takeLocked()
}

// TryRecv is Recv that does not wait: it returns ErrEmpty if there is no whole
// message. (It waits on Windows.)
func (c *Conn[T]) TryRecv() (v T, err error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	if err := c.fillLocked(context.Background(), true); err != nil {
		return v, err
	}
	return c.takeLocked()
}

// Poll waits until Recv would not have to: a message is there, or the other
// side is gone. It takes nothing. It returns ctx.Err() if ctx ends first, and
// ErrClosed or ErrDirection.
func (c *Conn[T]) Poll(ctx context.Context) error {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	err := c.fillLocked(ctx, ctx.Err() != nil)
	switch err {
	case io.EOF, io.ErrUnexpectedEOF:
		return nil
	case ErrEmpty:
		return ctx.Err()
	}
	return err
}

// fillLocked reads until buf begins with a whole message; with try it does not
// wait for that.
func (c *Conn[T]) fillLocked(ctx context.Context, try bool) error {
	if !c.receives {
		return ErrDirection
	}
	if c.r == nil {
		return ErrClosed
	}
	if c.whole() {
		return nil
	}
	if c.rp == nil {
		c.rp = newPromptReader(c.r)
	}
	for !c.whole() {
		room := c.roomLocked()
		n, err := c.rp.read(room)
		if err == ErrEmpty && !try {
			release := interruptible(ctx, c.r.SetReadDeadline)
			n, err = c.r.Read(room)
			release()
		}
		c.buf = c.buf[:len(c.buf)+n]
		switch {
		case err == nil:
		case err == io.EOF && len(c.buf) > c.at:
			return io.ErrUnexpectedEOF
		case errors.Is(err, os.ErrDeadlineExceeded):
			return ctx.Err()
		case errors.Is(err, os.ErrClosed):
			return ErrClosed
		case err == io.EOF || err == ErrEmpty:
			return err
		default:
			return fmt.Errorf("process: receive: %w", err)
		}
	}
	return nil
}

// roomLocked gives room to receive into, behind buf.
func (c *Conn[T]) roomLocked() []byte {
	if c.at > 0 && c.at == len(c.buf) {
		c.buf, c.at = c.buf[:0], 0
		if cap(c.buf) > 1<<20 {
			c.buf = nil
		}
	}
	if got := c.buf[c.at:]; len(got) >= 4 {
		need := c.length()
		if need+4 > cap(c.buf)-c.at {
			// Twice as much each time, and not at once what a damaged
			// length asks for.
			b := make([]byte, 0, min(need+4, max(2*len(got), 1<<20)))
			c.buf, c.at = append(b, got...), 0
		}
	} else if cap(c.buf)-c.at < 4<<10 {
		b := c.buf[:0]
		if cap(b) < receiveBuffer {
			b = make([]byte, 0, receiveBuffer)
		}
		c.buf, c.at = append(b, got...), 0 // to the front
	}
	return c.buf[len(c.buf):cap(c.buf)]
}

const receiveBuffer = 32 << 10

func (c *Conn[T]) length() int { return int(binary.LittleEndian.Uint32(c.buf[c.at:])) }

func (c *Conn[T]) whole() bool {
	n := len(c.buf) - c.at - 4
	return n >= 0 && n >= c.length()
}

func (c *Conn[T]) takeLocked() (v T, err error) {
	from := c.at + 4
	c.at = from + c.length()
	return v, c.c.decode(c.buf[from:c.at], &v)
}

// Close closes this end. A Send or Recv that waits returns ErrClosed. It may
// be called again, and for an end that was given away.
func (c *Conn[T]) Close() error {
	// Closing the files wakes those who wait and hold the locks.
	c.cmu.Lock()
	c.closed = true
	r, w := c.r, c.w
	c.cmu.Unlock()
	if r != nil {
		r.Close()
	}
	if w != nil {
		w.Close()
	}
	return nil
}

// giveLocked takes the files out, with both locks held.
func (c *Conn[T]) giveLocked() (r, w *os.File) {
	c.cmu.Lock()
	defer c.cmu.Unlock()
	if c.closed {
		return nil, nil
	}
	r, w = c.r, c.w
	c.closed, c.r, c.w = true, nil, nil
	return r, w
}

// encodeTo gives this end away.
func (c *Conn[T]) encodeTo(e *encoder) error {
	if !e.withFiles {
		return errors.New("an end of a pipe can only be given to a process that is being started")
	}
	if !c.rmu.TryLock() {
		return errors.New("it is in use")
	}
	defer c.rmu.Unlock()
	if !c.wmu.TryLock() {
		return errors.New("it is in use")
	}
	defer c.wmu.Unlock()
	r, w := c.giveLocked()
	if r == nil && w == nil {
		return ErrClosed
	}
	for _, f := range []*os.File{r, w} {
		if f == nil {
			e.byte(0)
			continue
		}
		e.byte(1)
		e.file(f)
		e.given = append(e.given, func() { f.Close() })
	}
	var dir byte
	if c.receives {
		dir |= 1
	}
	if c.sends {
		dir |= 2
	}
	e.byte(dir)
	e.bytes(c.buf[c.at:])
	c.buf, c.at = nil, 0
	return nil
}

func (c *Conn[T]) decodeFrom(d *decoder) error {
	c.c = newCodec[T]()
	for _, f := range []**os.File{&c.r, &c.w} {
		if d.byte() == 1 {
			got, err := d.file(inherited)
			if err != nil {
				return err
			}
			*f = got
		}
	}
	dir := d.byte()
	c.receives, c.sends = dir&1 != 0, dir&2 != 0
	c.buf = append([]byte(nil), d.bytes()...)
	return d.err
}
