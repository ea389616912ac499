package thread

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// ScopeOptions are the options of [Scope]. The zero value is the default.
type ScopeOptions struct {
	// OnError is called when the function of a thread in the scope returned
	// an error or panicked (then err is a *PanicError), once per thread, on
	// that thread, before it ends. If OnError panics itself, that is written
	// to Stderr and the default is called.
	//
	// Nil means that of the surrounding scope; outside of any, it means that
	// panics are written to Stderr and errors are left to Join.
	OnError func(t *Thread, err error)

	// StartStacks makes threads remember the stack that started them, for
	// Thread.StartStack and Dump. It costs about a microsecond a thread. Inner
	// scopes have it too.
	StartStacks bool

	// Stderr is where panics are written to that nobody else takes. Nil means
	// that of the surrounding scope; outside of any, os.Stderr.
	Stderr io.Writer
}

var errUnwound = errors.New("thread: the function of the scope panicked or called runtime.Goexit")

// scope is what threads started under one Scope share.
type scope struct {
	onError     func(*Thread, error)
	stderr      io.Writer
	startStacks bool

	// Guarded by living.mu.
	live  int // threads that are alive, without the daemons
	phase phase
	idle  chan struct{} // closed when live falls to 0 while draining
	pools map[*Pool]bool
}

type phase uint8

const (
	open     phase = iota
	draining       // its function has returned, threads are still at work
	ended
)

// Scope calls fn, waits until every thread started in the scope has ended, and
// returns what fn returned. It is how a program gets the ending that Python
// programs have:
//
//	func main() {
//		err := thread.Scope(ctx, run, nil)
//		…
//
// A thread is started in the scope when its Start is given fn's context, or
// one derived from it. Threads may start further ones while Scope waits. When
// none is left but daemons, the scope ends: its context is cancelled, with the
// cause ErrScopeEnded, so that daemons can stop, but Scope does not wait for
// them; and nothing can be started in it any more.
//
// Pools made in the scope are shut down when fn returns: the tasks they have
// are completed.
//
// Scope waits however fn ends. If fn panics or calls runtime.Goexit the context
// is cancelled before the wait, and the panic goes on after it. If ctx ends Scope still waits: ctx
// tells the threads to end, and Scope returns when they did. In a scope that
// has ended itself Scope returns ErrScopeEnded without calling fn.
//
// fn runs on the caller's goroutine and as the caller's thread. Nil options
// are the default ones.
func Scope(ctx context.Context, fn func(context.Context) error, opts *ScopeOptions) error {
	by := from(ctx)
	s, err := by.scope.inner(opts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	returned := false
	defer func() {
		if !returned {
			// A panic that waited for threads which wait for something
			// themselves would never be seen.
			cancel(errUnwound)
		}
		s.drain()
		cancel(ErrScopeEnded)
	}()
	err = fn(&identity{Context: ctx, thread: by.thread, scope: s})
	returned = true
	return err
}

// inner makes a scope inside s.
func (s *scope) inner(opts *ScopeOptions) (*scope, error) {
	living.mu.Lock()
	defer living.mu.Unlock()
	if s.phase == ended {
		return nil, ErrScopeEnded
	}
	in := &scope{onError: s.onError, stderr: s.stderr, startStacks: s.startStacks}
	if opts != nil {
		if opts.OnError != nil {
			in.onError = opts.OnError
		}
		if opts.Stderr != nil {
			in.stderr = opts.Stderr
		}
		in.startStacks = in.startStacks || opts.StartStacks
	}
	return in, nil
}

// addPool makes the scope shut p down when its function has returned. It
// reports false if that has happened.
func (s *scope) addPool(p *Pool) bool {
	if s == rootScope { // never drained
		return true
	}
	living.mu.Lock()
	defer living.mu.Unlock()
	if s.phase != open {
		return false
	}
	if s.pools == nil {
		s.pools = make(map[*Pool]bool)
	}
	s.pools[p] = true
	return true
}

// dropPool forgets a pool that was shut down by itself.
func (s *scope) dropPool(p *Pool) {
	living.mu.Lock()
	defer living.mu.Unlock()
	delete(s.pools, p)
}

// drain waits until the scope's threads have ended, and ends the scope.
func (s *scope) drain() {
	living.mu.Lock()
	s.phase = draining
	s.idle = make(chan struct{})
	pools := s.pools
	s.pools = nil
	s.maybeIdleLocked()
	living.mu.Unlock()
	for p := range pools {
		p.Shutdown()
	}
	<-s.idle
}

// maybeIdleLocked ends the scope if it was waiting for its last thread.
// Ending it here and not in drain leaves no moment in which a daemon could
// start a thread that nobody waits for. living.mu is held.
func (s *scope) maybeIdleLocked() {
	if s.phase == draining && s.live == 0 {
		s.phase = ended
		close(s.idle)
	}
}

// report tells the scope's listener that t failed.
func (s *scope) report(t *Thread, err error) {
	if s.onError == nil {
		s.print(t, err)
		return
	}
	returned := false
	defer func() {
		if !returned {
			if v := recover(); v != nil {
				fmt.Fprintf(s.out(), "thread: OnError panicked: %v\n", v)
			}
			s.print(t, err)
		}
	}()
	s.onError(t, err)
	returned = true
}

// print writes a panic. Plain errors are not written: they are for Join.
func (s *scope) print(t *Thread, err error) {
	if p, ok := err.(*PanicError); ok {
		fmt.Fprintf(s.out(), "%v in thread %s\n%s", p, t.Name(), p.Stack)
	}
}

func (s *scope) out() io.Writer {
	if s.stderr == nil {
		return os.Stderr
	}
	return s.stderr
}
