// Package future is about results that are not there yet.
//
// A [Future] is the reader's half: ask it with Result, or many with [Wait] and
// [AsCompleted]. A [Promise] is the writer's half, for code that runs tasks:
// thread.Pool and process.Pool hand out futures.
//
// Everything here is safe for concurrent use, and setting a result happens
// before the return of whatever reports it.
package future

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
)

var (
	// ErrCancelled is the error of a future that was cancelled.
	ErrCancelled = errors.New("future: cancelled")
	// ErrPending: there is no result yet.
	ErrPending = errors.New("future: not done yet")
	// ErrDone: the future has its result already, or was cancelled.
	ErrDone = errors.New("future: already done")
)

// State is how far a future has come.
type State uint8

const (
	Pending   State = iota // not started; can be cancelled
	Running                // started
	Cancelled              // will never have a result
	Finished               // has a result or an error
)

// String gives the name of the state in lower case.
func (s State) String() string {
	return [...]string{"pending", "running", "cancelled", "finished"}[s]
}

func (s State) done() bool { return s >= Cancelled }

// A Future is a result of type T that may not be there yet. Futures come from
// a Promise.
type Future[T any] struct {
	mu    sync.Mutex // guards everything below
	state State
	value T // with err, fixed once the state is Finished
	err   error
	c     chan struct{} // closed when done; made when first asked for
	first *callback     // in the order they were added
	last  *callback
}

type callback struct {
	next *callback
	fn   func()
}

// A Promise is a future to be fulfilled by whoever holds it. Its zero value is
// ready for use. It must not be copied after first use.
type Promise[T any] struct{ f Future[T] }

// Future returns the future that the promise is about, always the same.
func (p *Promise[T]) Future() *Future[T] { return &p.f }

// Start says that work on the result begins; from now on it cannot be
// cancelled. Start reports whether the future was pending: if not, because it
// was cancelled or started before, the caller must not go on.
func (p *Promise[T]) Start() bool {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	if p.f.state != Pending {
		return false
	}
	p.f.state = Running
	return true
}

// Set gives the future its result, or its error if err is not nil, and runs
// the callbacks. It need not be preceded by Start. If the future is done
// already Set returns ErrDone and the first result stays.
func (p *Promise[T]) Set(value T, err error) error {
	if !p.f.finish(Finished, value, err) {
		return ErrDone
	}
	return nil
}

// finish makes the future done, unless it is.
func (f *Future[T]) finish(s State, value T, err error) bool {
	f.mu.Lock()
	if f.state.done() || s == Cancelled && f.state == Running {
		f.mu.Unlock()
		return false
	}
	f.state, f.value, f.err = s, value, err
	if f.c != nil {
		close(f.c)
	}
	todo := f.first
	f.first, f.last = nil, nil
	f.mu.Unlock()
	// Outside of the lock: a callback may use the future.
	for ; todo != nil; todo = todo.next {
		call(todo.fn)
	}
	return true
}

// call runs a callback. Its panic must neither keep the others from running
// nor be taken for one of the task, so it is logged.
func call(fn func()) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("future: callback panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	fn()
}

// Cancel cancels the future if it is pending, and tells whether it is
// cancelled now. Work that has started is not stopped; give it a context.
func (f *Future[T]) Cancel() bool {
	var zero T
	return f.finish(Cancelled, zero, ErrCancelled) || f.State() == Cancelled
}

// State tells how far the future has come.
func (f *Future[T]) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// TryResult returns the result or error if the future is done, ErrCancelled if
// it was cancelled, and ErrPending if it is not done.
func (f *Future[T]) TryResult() (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.state.done() {
		return f.value, ErrPending
	}
	return f.value, f.err
}

// Result waits until the future is done and returns its result or error, or
// ErrCancelled. It returns ctx.Err() if ctx ends first; a future that is done
// gives its result even so. The value is shared with everyone else who asks.
func (f *Future[T]) Result(ctx context.Context) (T, error) {
	if v, err := f.TryResult(); err != ErrPending {
		return v, err
	}
	select {
	case <-f.Done():
		return f.TryResult()
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done returns a channel that is closed when the future is done.
func (f *Future[T]) Done() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.c == nil {
		if f.state.done() {
			return closed
		}
		f.c = make(chan struct{})
	}
	return f.c
}

// OnDone calls fn once when the future is done: on the goroutine that makes it
// so, after the callbacks added before; or at once, on the caller's, if it is
// done already. fn should be quick. If it panics that is logged with
// slog.Error and the other callbacks run.
func (f *Future[T]) OnDone(fn func()) {
	if f.add(&callback{fn: fn}) {
		return
	}
	call(fn)
}

// add appends a callback, unless the future is done.
func (f *Future[T]) add(c *callback) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.done() {
		return false
	}
	if f.first == nil {
		f.first = c
	} else {
		f.last.next = c
	}
	f.last = c
	return true
}

// remove takes c out again, so that waiting for a future many times does not
// make it grow.
func (f *Future[T]) remove(c *callback) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var prev *callback
	for x := f.first; x != nil; prev, x = x, x.next {
		if x != c {
			continue
		}
		if prev == nil {
			f.first = x.next
		} else {
			prev.next = x.next
		}
		if f.last == x {
			f.last = prev
		}
		return
	}
}
