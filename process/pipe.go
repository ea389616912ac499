package process

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
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
// Messages arrive in the order in which they were sent, each whole. On 64-bit
// Linux they lie in memory that both sides have, 64 KB for each direction that
// is used, and cost no system call while neither side has to wait; there, what
// a sender leaves when it is killed ends within a message only if that has more
// than 64 KB.
//
// A Conn is safe for concurrent use. An end that nobody uses any more is
// closed by the garbage collector.
type Conn[T any] struct {
	c codec[T]

	rmu sync.Mutex // held while receiving; guards r and buf
	r   inlet      // nil if given away, or for sending only
	buf []byte     // what was received begins at
	at  int        // what was not yet asked for

	wmu sync.Mutex // held while sending; guards w and out
	w   outlet     // nil if given away, or for receiving only
	out []byte

	cmu    sync.Mutex // guards closed, and changes of r and w
	closed bool

	sends, receives bool
}

// Pipe makes a pipe in one direction: what is sent at w is received at r. The
// other direction gives ErrDirection.
func Pipe[T any]() (r, w *Conn[T], err error) {
	in, out, err := newStream()
	if err != nil {
		return nil, nil, fmt.Errorf("process: pipe: %w", err)
	}
	c := newCodec[T]()
	return &Conn[T]{c: c, r: in, receives: true}, &Conn[T]{c: c, w: out, sends: true}, nil
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
//
// If the other side closed its end, the next Send tells; if its process died,
// one of the next does, at the latest when the pipe is full (64 KB). What was
// sent until then is lost.
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
	n, err := c.w.write(ctx, e.buf)
	if n > 0 && err != nil && err != io.ErrClosedPipe {
		c.w.close() // from now on Send returns ErrClosed
	}
	return err
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
	for !c.whole() {
		if len(c.buf)-c.at >= 4 && c.length() > maxMessage {
			return &EncodeError{Type: "message", Err: errTooLong}
		}
		n, err := c.r.read(ctx, c.roomLocked(), try)
		c.buf = c.buf[:len(c.buf)+n]
		if err == io.EOF && len(c.buf) > c.at {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
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
	// Closing the ends wakes those who wait and hold the locks.
	c.cmu.Lock()
	c.closed = true
	r, w := c.r, c.w
	c.cmu.Unlock()
	if r != nil {
		r.close()
	}
	if w != nil {
		w.close()
	}
	return nil
}

// giveLocked takes the ends out, with both locks held.
func (c *Conn[T]) giveLocked() (r inlet, w outlet) {
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
	for _, x := range []end{r, w} {
		if err := giveEnd(e, x); err != nil {
			return err
		}
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

func (c *Conn[T]) decodeFrom(d *decoder) (err error) {
	c.c = newCodec[T]()
	if c.r, err = takeEnd(d, newFileInlet, newRingInlet); err != nil {
		return err
	}
	if c.w, err = takeEnd(d, newFileOutlet, newRingOutlet); err != nil {
		return err
	}
	dir := d.byte()
	c.receives, c.sends = dir&1 != 0, dir&2 != 0
	c.buf = append([]byte(nil), d.bytes()...)
	return d.err
}
