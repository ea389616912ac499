package thread

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
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
	done chan struct{} // closed at the very end

	mu     sync.Mutex // guards everything below
	fn     func(context.Context) error
	name   string
	id     uint64
	state  state
	daemon tristate
	scope  *scope
	err    error
	starts []uintptr // who started it; only with ScopeOptions.StartStacks

	prev, next *Thread // neighbours in the list of living threads; guarded by living.mu
}

type state uint8

const (
	initial state = iota
	started
	stopped
)

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
	return &Thread{name: name, fn: fn, done: make(chan struct{})}
}

// Go is New followed by Start. A thread that cannot be started, because the
// Scope of ctx has ended, is returned ended; Join gives its ErrScopeEnded.
func Go(ctx context.Context, name string, fn func(context.Context) error) *Thread {
	t := New(name, fn)
	if err := t.begin(ctx); err != nil {
		t.mu.Lock()
		t.state, t.err, t.fn = stopped, err, nil
		t.mu.Unlock()
		close(t.done)
		return t
	}
	go t.run(t.context(ctx))
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
	go t.run(t.context(ctx))
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
	t.run(t.context(ctx))
	return t.Err()
}

// begin makes the thread alive.
func (t *Thread) begin(ctx context.Context) error {
	by := from(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != initial {
		return ErrStarted
	}
	before := t.daemon
	if t.daemon == inherit && by.thread.Daemon() {
		t.daemon = yes
	}
	t.scope = by.scope
	if err := living.add(t); err != nil {
		t.daemon, t.scope = before, nil
		return err
	}
	t.state = started
	if t.scope.startStacks {
		pcs := make([]uintptr, 32)
		t.starts = pcs[:runtime.Callers(3, pcs)]
	}
	return nil
}

// labelKey is the profiler label that carries the thread.
const labelKey = "thread"

// context is ctx as the thread's function sees it.
func (t *Thread) context(ctx context.Context) context.Context {
	labels := pprof.Labels(labelKey, t.name+"#"+strconv.FormatUint(t.id, 10))
	return &identity{pprof.WithLabels(ctx, labels), t, t.scope, labels}
}

// run runs the function and ends the thread, whichever way the function ends.
func (t *Thread) run(ctx context.Context) {
	returned := false
	var err error
	defer func() {
		if !returned {
			// A nil recover means runtime.Goexit, which ends the thread without an error.
			if v := recover(); v != nil {
				err = &PanicError{Value: v, Stack: debug.Stack()}
			}
		}
		if err != nil {
			t.scope.report(t, err)
		}
		t.end(err)
	}()
	pprof.SetGoroutineLabels(ctx)
	if t.fn != nil {
		err = t.fn(ctx)
	}
	returned = true
}

func (t *Thread) end(err error) {
	t.mu.Lock()
	t.state, t.err = stopped, err
	t.fn = nil // lets go of what the function holds
	t.mu.Unlock()
	living.remove(t)
	close(t.done)
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
	t.mu.Lock()
	st := t.state
	t.mu.Unlock()
	switch {
	case st == initial:
		return ErrNotStarted
	case st == started && Current(ctx) == t:
		return ErrJoinSelf
	}
	select {
	case <-t.done:
		return t.Err()
	default:
	}
	select {
	case <-t.done:
		return t.Err()
	case <-ctx.Done():
		return fmt.Errorf("join %s: %w", t.Name(), ctx.Err())
	}
}

// Done returns a channel that is closed when the thread has ended.
func (t *Thread) Done() <-chan struct{} { return t.done }

// Err returns what Join returns once the thread has ended, and nil before.
func (t *Thread) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Alive tells whether the thread was started and has not ended.
func (t *Thread) Alive() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state == started
}

// ID is a number that no other thread of the process has or had. It is 0
// before the thread starts and stays after it ended.
func (t *Thread) ID() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.id
}

// Name returns the thread's name. Names need not be unique.
func (t *Thread) Name() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.name
}

// SetName renames the thread, at any time. The profiler label of a thread that
// runs keeps the old name.
func (t *Thread) SetName(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.name = name
}

// Daemon tells whether the Scope of the thread ends without waiting for it.
func (t *Thread) Daemon() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.daemon == yes
}

// SetDaemon says whether the Scope of the thread ends without waiting for it.
// Unless it is called, a thread takes after the thread that starts it. Once
// the thread has started SetDaemon returns ErrStarted and changes nothing.
func (t *Thread) SetDaemon(daemon bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != initial {
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
	t.mu.Lock()
	pcs := t.starts
	t.mu.Unlock()
	if len(pcs) == 0 {
		return ""
	}
	var b strings.Builder
	for frames := runtime.CallersFrames(pcs); ; {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return b.String()
		}
	}
}

// String gives name, state and ID, such as "Thread(fetch-3, started daemon 17)".
func (t *Thread) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := [...]string{"initial", "started", "stopped"}[t.state]
	if t.daemon == yes {
		s += " daemon"
	}
	if t.id != 0 {
		s += " " + strconv.FormatUint(t.id, 10)
	}
	return "Thread(" + t.name + ", " + s + ")"
}
