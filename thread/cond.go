package thread

import (
	"context"
	"sync"
)

// A Cond lets those who hold a lock wait until what the lock guards has
// changed. Make one with NewCond. Several may share a lock.
//
// Unlike sync.Cond its Wait takes a context, wakes only when notified, and
// wakes the longest waiting first. A notification is never lost on a waiter
// that has just given up: it goes to one that returns nil, or there was none.
//
// A Cond is safe for concurrent use and must not be copied after first use.
type Cond struct {
	// L is held while waiting begins and ends, and while notifying.
	L *Lock

	mu      sync.Mutex // guards waiters and their notified flags
	waiters waitList[lockWait]
}

// NewCond makes a condition on l, or on a lock of its own if l is nil.
func NewCond(l *Lock) *Cond {
	if l == nil {
		l = new(Lock)
	}
	return &Cond{L: l}
}

// Wait releases L, waits until it is notified, and takes L again; in every
// case L is held when Wait returns. It returns nil if it was notified, and
// ctx.Err() if ctx ended before that. Taking L again is not cut short by ctx.
//
// If L is not locked Wait returns ErrNotLocked. As a Lock has no owner, that
// is all it can check.
func (c *Cond) Wait(ctx context.Context) error {
	if !c.L.Locked() {
		return ErrNotLocked
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w := newWaiter(lockWait{})
	c.mu.Lock()
	c.waiters.push(w)
	c.mu.Unlock()
	if err := c.L.Release(); err != nil {
		c.giveUp(w)
		return err
	}
	if err := w.park(ctx); err != nil {
		if c.giveUp(w) {
			c.L.Lock()
			return err
		}
		// It was notified: by now it stands in the queue of L.
		<-w.ready
	}
	for !c.L.awake(w) {
		<-w.ready
	}
	return nil
}

// giveUp tells whether w had not been notified, and makes sure that it won't be.
func (c *Cond) giveUp(w *waiter[lockWait]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.v.notified {
		return false
	}
	c.waiters.remove(w)
	return true
}

// WaitFor waits until pred gives true; it is called with L held, first before
// any waiting and then after each notification. WaitFor returns nil if the
// last call gave true, and else the error of Wait.
func (c *Cond) WaitFor(ctx context.Context, pred func() bool) error {
	for !pred() {
		if err := c.Wait(ctx); err != nil {
			if err != ErrNotLocked && pred() {
				return nil
			}
			return err
		}
	}
	return nil
}

// Notify wakes the n longest waiting, or all if there are fewer. They return
// from Wait one after another, once L is released. Who is not waiting yet is
// not woken: a Cond has no memory. If L is not locked Notify returns
// ErrNotLocked and wakes no one.
func (c *Cond) Notify(n int) error {
	if !c.L.Locked() {
		return ErrNotLocked
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; n > 0 && c.waiters.head != nil; n-- {
		w := c.waiters.pop()
		w.v.notified = true
		// Straight into the queue of L: waking it now would only make it
		// wait there, and in no certain order.
		c.L.adopt(w)
	}
	return nil
}

// NotifyAll is Notify for all that wait.
func (c *Cond) NotifyAll() error { return c.Notify(int(^uint(0) >> 1)) }
