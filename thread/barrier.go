package thread

import (
	"context"
	"sync"
)

// A Barrier lets a fixed number of parties wait for one another, again and
// again. Make one with NewBarrier.
//
// A Barrier is safe for concurrent use.
type Barrier struct {
	parties int
	action  func() error

	mu     sync.Mutex // guards everything below
	pass   *pass      // the one that is filling
	broken bool
}

// pass is one meeting of all parties. Each has its own channel, so that a fast
// party cannot slip into a meeting that slow ones have not left yet.
type pass struct {
	waiting int
	over    chan struct{}
	broken  bool // written before over is closed
}

// NewBarrier makes a barrier for a number of parties, which must be positive.
//
// In each pass one of the parties, the last to come, calls action before any
// of them goes on; nil does nothing. If action returns an error, that party's
// Wait returns it and the barrier is broken; it is broken too if action panics.
func NewBarrier(parties int, action func() error) *Barrier {
	if parties < 1 {
		panic("thread: barrier for fewer than one party")
	}
	return &Barrier{parties: parties, action: action, pass: &pass{over: make(chan struct{})}}
}

// Wait waits until all parties wait, and returns in which order this one came:
// 0 for the first, parties-1 for the last.
//
// If ctx ends first Wait returns ctx.Err() and breaks the barrier for all: the
// others could only wait in vain. On a broken barrier it returns ErrBroken. The
// index is -1 with any error.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	b.mu.Lock()
	if b.broken {
		b.mu.Unlock()
		return -1, ErrBroken
	}
	if err := ctx.Err(); err != nil {
		b.breakLocked()
		b.mu.Unlock()
		return -1, err
	}
	p := b.pass
	index = p.waiting
	p.waiting++
	if p.waiting == b.parties {
		err := b.finishUnlock(p)
		if err != nil {
			return -1, err
		}
		return index, nil
	}
	b.mu.Unlock()

	select {
	case <-p.over:
	case <-ctx.Done():
		b.mu.Lock()
		select {
		case <-p.over: // after all
			b.mu.Unlock()
		default:
			if p != b.pass {
				// The last party is running the action; too late to leave.
				b.mu.Unlock()
				<-p.over
				break
			}
			b.breakLocked()
			b.mu.Unlock()
			return -1, ctx.Err()
		}
	}
	if p.broken {
		return -1, ErrBroken
	}
	return index, nil
}

// finishUnlock runs the action of p, which is complete, and lets its parties
// go. It is called with mu held and releases it: the action may use the
// barrier.
func (b *Barrier) finishUnlock(p *pass) error {
	b.pass = &pass{over: make(chan struct{})}
	b.mu.Unlock()
	ok := false
	defer func() {
		if !ok { // an error or a panic
			b.mu.Lock()
			p.broken = true
			b.breakLocked()
			b.mu.Unlock()
		}
		close(p.over)
	}()
	if b.action != nil {
		if err := b.action(); err != nil {
			return err
		}
	}
	ok = true
	return nil
}

// breakLocked sends everyone away with ErrBroken.
func (b *Barrier) breakLocked() {
	b.broken = true
	b.renewLocked()
}

func (b *Barrier) renewLocked() {
	if b.pass.waiting > 0 {
		b.pass.broken = true
		close(b.pass.over)
		b.pass = &pass{over: make(chan struct{})}
	}
}

// Abort breaks the barrier: Wait returns ErrBroken to all, until Reset.
func (b *Barrier) Abort() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.breakLocked()
}

// Reset makes the barrier as new. Parties that wait get ErrBroken.
func (b *Barrier) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = false
	b.renewLocked()
}

// Broken tells whether the barrier is broken.
func (b *Barrier) Broken() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// Waiting tells how many parties wait.
func (b *Barrier) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pass.waiting
}
