package thread

import (
	"context"
	"sync"
)

// An Event is a flag that can be waited for. The zero Event is not set.
//
// An Event is safe for concurrent use and must not be copied after first use.
type Event struct {
	mu  sync.Mutex // guards both
	set bool
	c   chan struct{} // closed when set; made when first asked for
}

// closed is what C returns for all events that were set before it was asked.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Set sets the event and lets everyone go who waits for it, even if Clear
// follows at once. Setting it twice does nothing more.
func (e *Event) Set() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.set {
		return
	}
	e.set = true
	if e.c != nil {
		close(e.c)
		e.c = nil
	}
}

// Clear makes the event not set, for those who wait from now on.
func (e *Event) Clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.set = false
}

// IsSet tells whether the event is set.
func (e *Event) IsSet() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.set
}

// C returns a channel that is closed once the event is set, or was already,
// for use in a select. Clear does not open it again: ask for another one.
func (e *Event) C() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.set {
		return closed
	}
	if e.c == nil {
		e.c = make(chan struct{})
	}
	return e.c
}

// Wait waits until the event is set. It returns ctx.Err() if ctx ends first.
func (e *Event) Wait(ctx context.Context) error {
	return await(ctx, e.C())
}
