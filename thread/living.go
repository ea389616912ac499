package thread

import (
	"context"
	"sync"
)

// identity is a context that knows which thread and scope it belongs to. Its
// profiler labels are those of the context inside, unless it has its own.
type identity struct {
	context.Context
	labels *labels // nil: none of its own
	thread *Thread
	scope  *scope
}

type identityKey struct{}

func (c *identity) Value(key any) any {
	if key == (identityKey{}) {
		return c
	}
	if c.labels != nil {
		if v := c.labels.ctx.Value(key); v != nil {
			return v
		}
	}
	return c.Context.Value(key)
}

// from returns the identity of ctx; a context without one belongs to Main.
func from(ctx context.Context) *identity {
	if c, ok := ctx.Value(identityKey{}).(*identity); ok {
		return c
	}
	return root
}

// The process's own thread and scope. Neither ever ends.
var (
	mainThread = newMain()
	rootScope  = &scope{}
	root       = &identity{Context: context.Background(), thread: mainThread, scope: rootScope}
)

func newMain() *Thread {
	t := New("MainThread", nil)
	t.id, t.daemon = 1, no
	t.self.labels = &labels{t.name, context.Background()}
	t.state.Store(started)
	return t
}

// living is the list of threads that are alive. It is the one thing in this
// package that is kept for the whole process: a list that began with some
// value passed around would miss just the threads one is looking for.
var living = registry{first: mainThread, last: mainThread, n: 1, id: 1}

type registry struct {
	mu          sync.Mutex // also guards what changes in threads and scopes
	first, last *Thread
	n           int
	id          uint64 // the last one given out
}

// addLocked makes t a living thread of its scope.
func (r *registry) addLocked(t *Thread) {
	r.id++
	t.id = r.id
	t.end.Add(1)
	t.state.Store(started)
	t.prev = r.last
	r.last.next = t // the main thread never leaves, so there is a last
	r.last = t
	r.n++
	if t.daemon != yes {
		t.self.scope.live++
	}
}

// remove makes t stopped.
func (r *registry) remove(t *Thread) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.prev.next = t.next
	if t.next == nil {
		r.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
	r.n--
	t.state.Store(stopped)
	if t.done != nil {
		close(t.done)
	}
	if t.daemon != yes { // fixed since the thread started
		s := t.self.scope
		s.live--
		s.maybeIdleLocked()
	}
}

// Current returns the thread that ctx belongs to: the one whose function was
// given ctx, or a context ctx was derived from. If there is none it is Main.
func Current(ctx context.Context) *Thread { return from(ctx).thread }

// Main returns the main thread, called MainThread. It stands for all
// goroutines that are not threads, and is alive for as long as the process is.
func Main() *Thread { return mainThread }

// Enumerate returns the threads that are alive, the main thread and daemons
// included, in the order they were started. The slice belongs to the caller.
func Enumerate() []*Thread {
	living.mu.Lock()
	defer living.mu.Unlock()
	ts := make([]*Thread, 0, living.n)
	for t := living.first; t != nil; t = t.next {
		ts = append(ts, t)
	}
	return ts
}

// ActiveCount returns the number of threads that Enumerate would return.
func ActiveCount() int {
	living.mu.Lock()
	defer living.mu.Unlock()
	return living.n
}
