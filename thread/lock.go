package thread

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Lock is held by at most one at a time. The zero Lock is free.
//
// A Lock does not belong to the goroutine that took it: anyone may release it.
// It is not reentrant. Use sync.Mutex where nobody ever needs to stop waiting,
// see who waits in a Dump, or hear about a wrong release; a free Lock costs the
// same.
//
// Under contention a Lock behaves as sync.Mutex does: whoever runs may take it
// before a waiter that is yet to wake up, because that is several times faster
// than passing it on, but a waiter that has waited for a millisecond is handed
// it directly. Among waiters the longest waiting is first.
//
// A Lock is safe for concurrent use and must not be copied after first use.
type Lock struct {
	state atomic.Uint32

	mu      sync.Mutex // guards waiters; held for a few instructions only
	waiters waitList[lockWait]
}

// The bits of Lock.state. Only a holder of mu changes the last three.
const (
	locked  = 1 << iota
	waiting // waiters is not empty
	woken   // the first waiter is awake and will try for itself
	starved // the first waiter has waited too long: hand over
)

// starvation is how long a waiter may be overtaken.
const starvation = time.Millisecond

type lockWait struct {
	since    time.Time
	owner    bool // the lock was handed over
	notified bool // by a Cond; guarded by Cond.mu
}

// Acquire takes the lock, and waits while it is taken. It returns ctx.Err(),
// without the lock, if ctx ends first.
func (l *Lock) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.state.CompareAndSwap(0, locked) {
		return nil
	}
	return l.acquireSlow(ctx)
}

// TryAcquire takes the lock if it is free now, and tells whether it did.
func (l *Lock) TryAcquire() bool {
	for {
		s := l.state.Load()
		if s&locked != 0 {
			return false
		}
		if l.state.CompareAndSwap(s, s|locked) {
			return true
		}
	}
}

// Release frees the lock. If it is not locked Release returns ErrNotLocked and
// the lock is as it was.
func (l *Lock) Release() error {
	if l.state.CompareAndSwap(locked, 0) {
		return nil
	}
	return l.releaseSlow()
}

// Locked tells whether someone holds the lock.
func (l *Lock) Locked() bool { return l.state.Load()&locked != 0 }

// Lock is Acquire without a context. With Unlock it makes a *Lock a sync.Locker.
func (l *Lock) Lock() {
	if !l.state.CompareAndSwap(0, locked) {
		_ = l.acquireSlow(context.Background()) // which never ends
	}
}

// Unlock is Release, except that it panics where Release returns an error.
func (l *Lock) Unlock() {
	if !l.state.CompareAndSwap(locked, 0) {
		l.mustReleaseSlow()
	}
}

func (l *Lock) mustReleaseSlow() {
	if err := l.releaseSlow(); err != nil {
		panic(err)
	}
}

func (l *Lock) acquireSlow(ctx context.Context) error {
	w := l.enqueue()
	if w == nil {
		return nil
	}
	for {
		if err := w.park(ctx); err != nil {
			return l.leave(w, err)
		}
		if l.awake(w) {
			return nil
		}
	}
}

// enqueue makes the caller the last waiter, or returns nil if the lock became
// free and is now the caller's.
func (l *Lock) enqueue() *waiter[lockWait] {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		s := l.state.Load()
		if s&locked == 0 {
			if l.state.CompareAndSwap(s, s|locked) {
				return nil
			}
		} else if l.state.CompareAndSwap(s, s|waiting) {
			w := newWaiter(lockWait{since: time.Now()})
			l.waiters.push(w)
			return w
		}
	}
}

// awake is what the first waiter does when it was woken: it tries to take the
// lock, unless it was handed over, and tells whether it has it now.
func (l *Lock) awake(w *waiter[lockWait]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.v.owner {
		return true
	}
	for {
		s := l.state.Load()
		if s&locked == 0 {
			if l.state.CompareAndSwap(s, locked|behind(w)) {
				l.waiters.remove(w)
				return true
			}
			continue
		}
		next := s &^ woken
		if time.Since(w.v.since) > starvation {
			next |= starved
		}
		if l.state.CompareAndSwap(s, next) {
			return false
		}
	}
}

// leave takes w, whose context ended with err, out of the list. If it was
// handed the lock meanwhile it keeps it.
func (l *Lock) leave(w *waiter[lockWait], err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.v.owner {
		return nil
	}
	first := l.waiters.head == w
	l.waiters.remove(w)
	for {
		s := l.state.Load()
		next := s
		if l.waiters.head == nil {
			next &^= waiting
		}
		if first {
			// What was meant for w is for the next one.
			next &^= woken | starved
		}
		wake := next&(locked|waiting|woken) == waiting
		if wake {
			next |= woken
		}
		if l.state.CompareAndSwap(s, next) {
			if wake {
				l.waiters.head.wake()
			}
			return err
		}
	}
}

// adopt makes w, a waiter that a Cond has notified, the last waiter.
func (l *Lock) adopt(w *waiter[lockWait]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.v.since = time.Now()
	l.waiters.push(w)
	for {
		s := l.state.Load()
		next := s | waiting
		wake := next&(locked|woken) == 0 // released by someone else just now
		if wake {
			next |= woken
		}
		if l.state.CompareAndSwap(s, next) {
			if wake {
				l.waiters.head.wake()
			}
			return
		}
	}
}

func (l *Lock) releaseSlow() error {
	for {
		s := l.state.Load()
		if s&locked == 0 {
			return ErrNotLocked
		}
		if s&waiting == 0 || s&(woken|starved) == woken {
			if l.state.CompareAndSwap(s, s&^locked) {
				return nil
			}
			continue
		}
		l.mu.Lock()
		done := l.passOnLocked(s)
		l.mu.Unlock()
		if done {
			return nil
		}
	}
}

// passOnLocked releases the lock, whose state was s, to the first waiter. It
// fails if the state has changed.
func (l *Lock) passOnLocked(s uint32) bool {
	w := l.waiters.head
	if w == nil {
		return false
	}
	if s&starved == 0 {
		if !l.state.CompareAndSwap(s, s&^locked|woken) {
			return false
		}
		w.wake()
		return true
	}
	if !l.state.CompareAndSwap(s, locked|behind(w)) {
		return false
	}
	l.waiters.remove(w)
	w.v.owner = true
	w.wake()
	return true
}

// behind is the waiting bit as it is without w, the first waiter.
func behind(w *waiter[lockWait]) uint32 {
	if w.next == nil {
		return 0
	}
	return waiting
}
