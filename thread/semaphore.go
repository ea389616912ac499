package thread

import (
	"context"
	"errors"
	"sync"
)

// A Semaphore is a number of permits; taking one that is not there waits until
// it is given back. The zero Semaphore has no permits: each Release lets one
// Acquire through. For permits of different weight use
// golang.org/x/sync/semaphore.
//
// A Semaphore is safe for concurrent use and must not be copied after first
// use.
type Semaphore struct {
	mu      sync.Mutex // guards everything below
	value   int
	bounded bool
	start   int
	waiters waitList[struct{}]
}

// NewSemaphore makes a semaphore with n permits. It panics if n < 0.
func NewSemaphore(n int) *Semaphore {
	if n < 0 {
		panic("thread: semaphore with a negative number of permits")
	}
	return &Semaphore{value: n, start: n}
}

// NewBoundedSemaphore makes a semaphore with n permits whose Release fails if
// there would be more than n. It panics if n < 0.
func NewBoundedSemaphore(n int) *Semaphore {
	s := NewSemaphore(n)
	s.bounded = true
	return s
}

// Acquire takes a permit, and waits while there is none. It returns ctx.Err(),
// without a permit, if ctx ends first.
func (s *Semaphore) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.value > 0 {
		s.value--
		s.mu.Unlock()
		return nil
	}
	w := newWaiter(struct{}{})
	s.waiters.push(w)
	s.mu.Unlock()
	if err := w.park(ctx); err != nil {
		s.mu.Lock()
		gaveUp := s.waiters.remove(w)
		s.mu.Unlock()
		if gaveUp {
			return err
		}
	}
	return nil
}

// TryAcquire takes a permit if there is one now, and tells whether it did.
func (s *Semaphore) TryAcquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value == 0 {
		return false
	}
	s.value--
	return true
}

var errNotPositive = errors.New("thread: semaphore released fewer than one time")

// Release gives back n permits, to the longest waiting first. On a bounded
// semaphore it returns ErrOverRelease if there would be more permits than at
// the start. It returns an error too if n < 1. After an error nothing has
// changed.
func (s *Semaphore) Release(n int) error {
	if n < 1 {
		return errNotPositive
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bounded && n > s.start-s.value {
		return ErrOverRelease
	}
	for ; n > 0 && s.waiters.head != nil; n-- {
		s.waiters.pop().wake()
	}
	s.value += n
	return nil
}

// Value tells how many permits can be taken without waiting.
func (s *Semaphore) Value() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value
}
