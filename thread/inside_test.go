package thread

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The steps of Lock that a test from outside meets only by luck: here each
// waiter's moves are made by hand.

func TestLockWokenWaiterLeaves(t *testing.T) {
	var l Lock
	l.Lock()
	first, second := l.enqueue(), l.enqueue()
	l.Unlock()
	if len(first.ready) != 1 || len(second.ready) != 0 {
		t.Fatal("Unlock did not wake the first waiter, and it alone")
	}
	if err := l.leave(first, context.Canceled); err != context.Canceled {
		t.Fatalf("leave() = %v, want %v", err, context.Canceled)
	}
	if len(second.ready) != 1 {
		t.Fatal("the first waiter left with the wake-up that the second needs")
	}
	if !l.awake(second) || !l.Locked() {
		t.Fatal("the second waiter did not get the lock")
	}
	l.Unlock()
	if s := l.state.Load(); s != 0 {
		t.Errorf("state is %b at the end, want 0", s)
	}
}

func TestLockHandsOverToStarved(t *testing.T) {
	for _, ctxEnds := range []bool{false, true} {
		var l Lock
		l.Lock()
		w := l.enqueue()
		w.v.since = w.v.since.Add(-time.Second)
		l.Unlock()
		if !l.TryAcquire() {
			t.Fatal("nobody may overtake a waiter that is yet to wake up")
		}
		<-w.ready
		if l.awake(w) {
			t.Fatal("the waiter got a lock that is taken")
		}
		l.Unlock()
		if l.TryAcquire() {
			t.Fatal("a waiter that has waited for a second was overtaken again")
		}
		if ctxEnds {
			if err := l.leave(w, context.Canceled); err != nil {
				t.Errorf("leave() = %v with the lock handed over, want nil", err)
			}
		} else if !l.awake(w) {
			t.Error("the lock was not handed over")
		}
		l.Unlock()
		if s := l.state.Load(); s != 0 {
			t.Errorf("state is %b at the end, want 0", s)
		}
	}
}

// Whoever is in the middle of the line leaves without a trace.
func TestLockMiddleLeaves(t *testing.T) {
	var l Lock
	l.Lock()
	a, b, c := l.enqueue(), l.enqueue(), l.enqueue()
	l.leave(b, context.Canceled)
	l.Unlock()
	if !l.awake(a) {
		t.Fatal("the first waiter did not get the lock")
	}
	l.leave(c, context.Canceled)
	l.Unlock()
	if s := l.state.Load(); s != 0 {
		t.Errorf("state is %b at the end, want 0", s)
	}
}

// A context ends at the moment its waiter is served. Either the call fails and
// has changed nothing, or it succeeds: what it was given is not lost.
func TestServedAtTheEnd(t *testing.T) {
	var s Semaphore
	var l Lock
	var q Queue[int]
	bounded := NewQueue[int](1)
	for name, c := range map[string]struct {
		before func()
		wait   func(ctx context.Context) error
		serve  func()
		after  func(got bool) (left, want int)
	}{
		"semaphore": {
			before: func() {},
			wait:   s.Acquire,
			serve:  func() { s.Release(1) },
			after: func(got bool) (int, int) {
				if !got && s.TryAcquire() {
					return 1, 1
				}
				return s.Value(), map[bool]int{true: 0, false: 1}[got]
			},
		},
		"lock": {
			before: l.Lock,
			wait:   l.Acquire,
			serve:  l.Unlock,
			after: func(got bool) (int, int) {
				if got {
					l.Unlock()
				}
				return int(l.state.Load()), 0
			},
		},
		"get": {
			before: func() {},
			wait:   func(ctx context.Context) error { _, err := q.Get(ctx); return err },
			serve:  func() { q.TryPut(1) },
			after: func(got bool) (int, int) {
				n := q.Len()
				q.TryGet()
				return n, map[bool]int{true: 0, false: 1}[got]
			},
		},
		"put": {
			before: func() { bounded.TryPut(1) },
			wait:   func(ctx context.Context) error { return bounded.Put(ctx, 2) },
			serve:  func() { bounded.TryGet() },
			after: func(got bool) (int, int) {
				n := bounded.Len()
				bounded.TryGet()
				return n, map[bool]int{true: 1, false: 0}[got]
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // serve before the waiter runs
				served := 0
				for range 300 {
					ctx, cancel := context.WithCancel(t.Context())
					c.before()
					errs := make(chan error, 1)
					go func() { errs <- c.wait(ctx) }()
					synctest.Wait()
					cancel()
					c.serve()
					err := <-errs
					if err == nil {
						served++
					}
					if left, want := c.after(err == nil); left != want {
						t.Fatalf("the call returned %v and left %d, want %d", err, left, want)
					}
				}
				if served == 0 && name != "lock" { // which is not handed to a waiter that has waited so briefly
					t.Error("the moment was never met")
				}
			})
		})
	}
}

// A thread is out of the list before its joiners hear of its end, whichever
// way they wait.
func TestUnlistedBeforeDone(t *testing.T) {
	for range 200 {
		th := Go(t.Context(), "x", func(context.Context) error { runtime.Gosched(); return nil })
		join := map[string]func(){
			"Join":             func() { th.Join(context.Background()) },
			"Join with an end": func() { th.Join(t.Context()) },
			"Done":             func() { <-th.Done() },
			"Alive": func() {
				for th.Alive() {
					runtime.Gosched()
				}
			},
		}
		var wg sync.WaitGroup
		for how, wait := range join {
			wg.Go(func() {
				wait()
				if slices.Contains(Enumerate(), th) {
					t.Errorf("%s came before the thread left the list", how)
				}
			})
		}
		wg.Wait()
	}
}
