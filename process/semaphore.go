package process

import (
	"context"
	"errors"
)

// A Semaphore is a number of permits that processes share; taking one that is
// not there waits until it is given back. It comes from NewSemaphore or
// NewBoundedSemaphore.
//
// The permits of a bounded semaphore belong to the processes that took them,
// and come back by themselves when those end. For a plain one nobody can know
// whether a permit was taken or used up, so it keeps no account.
//
// A Semaphore is safe for concurrent use.
type Semaphore struct {
	ref  ref
	impl semaphoreImpl
}

// NewSemaphore makes a semaphore with n permits, for signalling: anyone may
// release, any number of times. It panics if n < 0; for errors see NewLock.
func NewSemaphore(n int) (*Semaphore, error) { return newSemaphore(n, false) }

// NewBoundedSemaphore makes a semaphore with n permits, for limiting how many
// processes do something at a time: its Release fails if there would be more
// than n. It panics if n < 0; for errors see NewLock.
func NewBoundedSemaphore(n int) (*Semaphore, error) { return newSemaphore(n, true) }

func newSemaphore(n int, bounded bool) (*Semaphore, error) {
	if n < 0 {
		panic("process: semaphore with a negative number of permits")
	}
	s := new(Semaphore)
	var err error
	s.ref, s.impl, err = newTool[semaphoreImpl](kindSemaphore, n, bounded)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Acquire takes a permit, and waits while there is none. It returns ctx.Err(),
// without a permit, if ctx ends first.
func (s *Semaphore) Acquire(ctx context.Context) error { return s.impl.acquire(ctx) }

// TryAcquire takes a permit if there is one now, and tells whether it did.
func (s *Semaphore) TryAcquire() bool { return s.impl.tryAcquire() }

// Release gives back n permits. On a bounded semaphore it returns
// ErrOverRelease if there would be more permits than at the start. It returns
// an error too if n < 1. After an error nothing has changed.
func (s *Semaphore) Release(n int) error {
	if n < 1 {
		return errors.New("process: release of less than one permit")
	}
	return s.impl.release(n)
}

// Value returns the number of permits that are there now.
func (s *Semaphore) Value() int { return s.impl.value() }

func (s *Semaphore) encodeTo(e *encoder) error { return s.ref.encode(e) }

func (s *Semaphore) decodeFrom(d *decoder) (err error) {
	s.impl, err = decodeTool[semaphoreImpl](d, kindSemaphore, &s.ref)
	return err
}
