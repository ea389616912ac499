package thread

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// A Thread is a function running on a goroutine of its own, with a name, that
// others can wait for. Make one with [Go], or with [New] and [Thread.Start].
//
// A Thread is safe for concurrent use.
type Thread struct {
	fn     func(context.Context) error // used by run only
	state  atomic.Uint32
	daemon tristate       // guarded by living.mu
	err    error          // written before state is stopped
	end    sync.WaitGroup // 1 while the thread is alive

	// Guarded by living.mu.
	name       string
	done       chan struct{} // closed at the very end; made when somebody asks for it
	prev, next *Thread       // neighbours in the list of living threads

	// Written before the thread is alive, and fixed from then on.
	id     uint64
	self   identity // what fn is given; kept here to save an allocation
	starts *starts  // only with ScopeOptions.StartStacks
}

// The states of a Thread.
const (
	initial = iota
	started
	stopped
)

// starts is the stack that started a thread.
type starts [32]uintptr

type tristate int8

const (
	inherit tristate = iota
	no
	yes
)

// unnamed counts the threads that were given no name.
var unnamed atomic.Uint64

// New makes a thread that will run fn; a nil fn does nothing. Without a name
// it is called "Thread-N (FUNCTION)".
//
// The context that fn receives is the one given to Start; asked by Current, it
// gives this thread. New starts nothing.
func New(name string, fn func(context.Context) error) *Thread {
	if name == "" {
		name = "Thread-" + strconv.FormatUint(unnamed.Add(1), 10)
		if fn != nil {
			f := runtime.FuncForPC(reflect.ValueOf(fn).Pointer()).Name()
			name += " (" + f[strings.LastIndexByte(f, '/')+1:] + ")"
		}
	}
	return &Thread{name: name, fn: fn}
}

// Go is New followed by Start. A thread that cannot be started, because the
// Scope of ctx has ended, is returned ended; Join gives its ErrScopeEnded.
func Go(ctx context.Context, name string, fn func(context.Context) error) *Thread {
	t := New(name, fn)
	if err := t.Start(ctx); err != nil {
		t.fn, t.err = nil, err
		t.state.Store(stopped) // nobody else has it yet
	}
	return t
}

// Start runs the thread's function on a goroutine of its own. When it returns
// the thread is alive, has an ID, and is in Enumerate.
//
// A thread starts once: later calls return ErrStarted, also after it ended.
// In a Scope that has ended Start returns ErrScopeEnded and the thread is as
// it was. An ended ctx does not stop Start; it is for the function to see.
func (t *Thread) Start(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	go t.run()
	return nil
}

// Run is Start on the goroutine of the caller: for as long as the function
// runs, the caller's goroutine is this thread. It gives a name and a place in
// Enumerate and Dump to goroutines that others started, such as those of an
// HTTP server. Run returns what Join would.
func (t *Thread) Run(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	defer pprof.SetGoroutineLabels(ctx)
	t.run()
	return t.err
}

// begin makes the thread alive.
func (t *Thread) begin(ctx context.Context) error {
	by := from(ctx)
	living.mu.Lock()
	defer living.mu.Unlock()
	if t.state.Load() != initial {
		return ErrStarted
	}
	if by.scope.phase == ended {
		return ErrScopeEnded
	}
	if t.daemon == inherit && by.thread.daemon == yes { // by.thread is alive, so that is fixed
		t.daemon = yes
	}
	t.self = identity{ctx, labelsFor(ctx, t.name), t, by.scope}
	if by.scope.startStacks {
		t.starts = new(starts)
		runtime.Callers(2, t.starts[:])
	}
	living.addLocked(t)
	return nil
}

// run runs the function and ends the thread, whichever way the function ends.
func (t *Thread) run() {
	returned := false
	var err error
	defer func() {
		t.fn, t.err = nil, err // fn goes, with all that it holds
		living.remove(t)
		t.end.Done()
	}()
	// On its own, because OnError may end the goroutine.
	defer func() {
		if !returned {
			// A nil recover means runtime.Goexit, which ends the thread without an error.
			if v := recover(); v != nil {
				err = &PanicError{Value: v, Stack: debug.Stack()}
			}
		}
		if err != nil {
			t.self.scope.report(t, err)
		}
	}()
	pprof.SetGoroutineLabels(t.self.labels.ctx)
	if t.fn != nil {
		err = t.fn(&t.self)
	}
	returned = true
}

// Join waits until the thread has ended and returns what its function
// returned: its error, or a *PanicError. Any number of goroutines may join a
// thread, any number of times.
//
// If ctx ends first Join returns an error that wraps ctx.Err(), and the thread
// goes on; Alive tells that from a function that failed with the same error.
// Joining a thread that was not started returns ErrNotStarted, and the thread
// that ctx belongs to cannot join itself: ErrJoinSelf.
func (t *Thread) Join(ctx context.Context) error {
	switch t.state.Load() {
	case initial:
		return ErrNotStarted
	case started:
		if Current(ctx) == t {
			return ErrJoinSelf
		}
	}
	if ctx.Done() == nil {
		t.end.Wait()
	} else if err := await(ctx, t.Done()); err != nil {
		return fmt.Errorf("join %s: %w", t.Name(), err)
	}
	return t.err
}

// Done returns a channel that is closed when the thread has ended.
func (t *Thread) Done() <-chan struct{} {
	living.mu.Lock()
	defer living.mu.Unlock()
	if t.done == nil {
		t.done = make(chan struct{})
		if t.state.Load() == stopped {
			close(t.done)
		}
	}
	return t.done
}

// Err returns what Join returns once the thread has ended, and nil before.
func (t *Thread) Err() error {
	if t.state.Load() != stopped {
		return nil
	}
	return t.err
}

// Alive tells whether the thread was started and has not ended.
func (t *Thread) Alive() bool { return t.state.Load() == started }

// ID is a number that no other thread of the process has or had. It is 0
// before the thread starts and stays after it ended.
func (t *Thread) ID() uint64 {
	if t.state.Load() == initial {
		return 0
	}
	return t.id
}

// Name returns the thread's name. Names need not be unique.
func (t *Thread) Name() string {
	living.mu.Lock()
	defer living.mu.Unlock()
	return t.name
}

// SetName renames the thread, at any time. The profiler label of a thread that
// runs keeps the old name.
func (t *Thread) SetName(name string) {
	living.mu.Lock()
	defer living.mu.Unlock()
	t.name = name
}

// Daemon tells whether the Scope of the thread ends without waiting for it.
func (t *Thread) Daemon() bool {
	living.mu.Lock()
	defer living.mu.Unlock()
	return t.daemon == yes
}

// SetDaemon says whether the Scope of the thread ends without waiting for it.
// Unless it is called, a thread takes after the thread that starts it. Once
// the thread has started SetDaemon returns ErrStarted and changes nothing.
func (t *Thread) SetDaemon(daemon bool) error {
	living.mu.Lock()
	defer living.mu.Unlock()
	if t.state.Load() != initial {
		return ErrStarted
	}
	t.daemon = no
	if daemon {
		t.daemon = yes
	}
	return nil
}

// StartStack tells who started the thread, as lines "FUNCTION\n\tFILE:LINE".
// It is empty unless the thread runs in a Scope with StartStacks.
func (t *Thread) StartStack() string {
	if t.state.Load() == initial || t.starts == nil {
		return ""
	}
	n := slices.Index(t.starts[:], 0)
	if n < 0 {
		n = len(t.starts)
	}
	var b strings.Builder
	for frames := runtime.CallersFrames(t.starts[:n]); ; {
		f, more := frames.Next()
		if b.Len() > 0 || !strings.HasPrefix(f.Function, pkgPath) {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return b.String()
		}
	}
}

// String gives name, state and ID, such as "Thread(fetch-3, started daemon 17)".
func (t *Thread) String() string {
	s := [...]string{"initial", "started", "stopped"}[t.state.Load()]
	if t.Daemon() {
		s += " daemon"
	}
	if id := t.ID(); id != 0 {
		s += " " + strconv.FormatUint(id, 10)
	}
	return "Thread(" + t.Name() + ", " + s + ")"
}
