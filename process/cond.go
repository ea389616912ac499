package process

import (
	"context"
	"errors"
	"math"
)

// A Cond lets processes that hold a lock wait until what the lock guards has
// changed. It comes from NewCond. Several may share a lock.
//
// Waiters wake only when notified, the longest waiting first. A notification
// is not lost on a waiter that has given up or whose process ended.
//
// A Cond is safe for concurrent use. It lives in the first process, on all
// systems.
type Cond struct {
	// L is held while waiting begins and ends, and while notifying.
	L *Lock

	ref  ref
	impl tool
}

// NewCond makes a condition on l, or on a lock of its own if l is nil. For
// errors see NewLock.
func NewCond(l *Lock) (*Cond, error) {
	if l == nil {
		var err error
		if l, err = NewLock(); err != nil {
			return nil, err
		}
	}
	c := &Cond{L: l}
	var err error
	c.ref, c.impl, err = newTool[tool](kindCond, 0, false)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Wait releases L, waits until it is notified, and takes L again; in every
// case but ErrNotLocked, L is held when Wait returns. It returns nil if it was
// notified, and ctx.Err() if ctx ended before that. Taking L again is not cut
// short by ctx; if its holder died meanwhile Wait returns ErrOwnerDied, joined
// with ctx.Err() if that is due.
//
// If L is not locked Wait returns ErrNotLocked.
func (c *Cond) Wait(ctx context.Context) error {
	if !c.L.Locked() {
		return ErrNotLocked
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d, err := c.impl.now(opEnter)
	if err != nil {
		return err
	}
	ticket := varint(d.int())
	if err := c.L.Release(); err != nil {
		c.impl.now(opLeave, ticket...)
		return err
	}
	_, err = c.impl.wait(ctx, opTake, ticket...)
	if died := c.L.Acquire(context.Background()); died != nil {
		return errors.Join(died, err)
	}
	return err
}

// WaitFor waits until pred gives true; it is called with L held, first before
// any waiting and then after each notification. WaitFor returns nil if the
// last call gave true, and else the error of Wait.
func (c *Cond) WaitFor(ctx context.Context, pred func() bool) error {
	for !pred() {
		if err := c.Wait(ctx); err != nil {
			if pred() {
				return nil
			}
			return err
		}
	}
	return nil
}

// Notify wakes the n longest waiting, or all if there are fewer. They return
// from Wait one after another, once L is released. Who is not waiting yet is
// not woken. If L is not locked Notify returns ErrNotLocked and wakes no one.
func (c *Cond) Notify(n int) error {
	if !c.L.Locked() {
		return ErrNotLocked
	}
	_, err := c.impl.now(opGive, varint(int64(n))...)
	return err
}

// NotifyAll is Notify for all that wait.
func (c *Cond) NotifyAll() error { return c.Notify(math.MaxInt) }

func (c *Cond) encodeTo(e *encoder) error {
	if err := c.L.encodeTo(e); err != nil {
		return err
	}
	return c.ref.encode(e)
}

func (c *Cond) decodeFrom(d *decoder) (err error) {
	c.L = new(Lock)
	if err := c.L.decodeFrom(d); err != nil {
		return err
	}
	c.impl, err = decodeTool[tool](d, kindCond, &c.ref)
	return err
}
