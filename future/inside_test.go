package future

import (
	"context"
	"testing"
)

// Waiting in vain leaves nothing behind in the future, whatever the order in
// which waits and callbacks come and go.
func TestWaitLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var p, q Promise[int]
	for range 100 {
		if _, _, err := Wait(ctx, All, p.Future(), q.Future()); err == nil {
			t.Fatal("Wait() = nil, want an error")
		}
	}
	if f := p.Future(); f.first != nil || f.last != nil {
		t.Error("a callback is left behind")
	}
	p.Future().OnDone(func() {})
	w := watch([]*Future[int]{p.Future()})
	p.Future().OnDone(func() {})
	w.stop()
	n := 0
	for c := p.Future().first; c != nil; c = c.next {
		n++
	}
	if n != 2 || p.Future().last.next != nil {
		t.Errorf("%d callbacks are left, want the 2 that are not from a wait", n)
	}
}
