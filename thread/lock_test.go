package thread_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/thread"
)

func TestItem035_AcquireRelease(t *testing.T) {
	var l thread.Lock
	for range 3 {
		wantErr(t, "Acquire()", l.Acquire(t.Context()), nil)
		want(t, "Locked()", l.Locked(), true)
		wantErr(t, "Release()", l.Release(), nil)
		want(t, "Locked()", l.Locked(), false)
	}
	l.Lock()
	want(t, "Locked()", l.Locked(), true)
	l.Unlock()
	want(t, "Locked()", l.Locked(), false)
}

func TestItem036_TryOnHeld(t *testing.T) {
	ctx := t.Context()
	var l thread.Lock
	want(t, "TryAcquire()", l.TryAcquire(), true)
	want(t, "TryAcquire() again", l.TryAcquire(), false)
	thread.Go(ctx, "x", func(context.Context) error {
		want(t, "TryAcquire() elsewhere", l.TryAcquire(), false)
		return nil
	}).Join(ctx)
	l.Release()
	want(t, "TryAcquire() of a free one", l.TryAcquire(), true)
}

func TestItem037_WaitersPassInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var l thread.Lock
		var s said
		l.Lock()
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			thread.Go(ctx, name, func(ctx context.Context) error {
				if err := l.Acquire(ctx); err != nil {
					return err
				}
				s.say(name)
				<-time.After(time.Second)
				return l.Release()
			})
			synctest.Wait()
		}
		s.want(t)
		l.Release()
		<-time.After(time.Minute)
		s.want(t, "a", "b", "c", "d", "e")
		want(t, "Locked()", l.Locked(), false)
	})
}

func TestItem038_ScopeExitReleases(t *testing.T) {
	var l thread.Lock
	body := func(fail bool) (err error) {
		defer func() {
			if recover() != nil {
				err = errors.New("failed")
			}
		}()
		l.Lock()
		defer l.Unlock()
		if fail {
			panic("fail")
		}
		return nil
	}
	for _, fail := range []bool{false, true} {
		want(t, "failed", body(fail) != nil, fail)
		want(t, "Locked()", l.Locked(), false)
	}
}

func TestItem039_NotReentrant(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var l thread.Lock
		var s said
		thread.Go(ctx, "x", func(ctx context.Context) error {
			l.Lock()
			s.say("once")
			l.Lock()
			s.say("twice")
			return nil
		})
		synctest.Wait()
		s.want(t, "once")
		wantErr(t, "Release() by another", l.Release(), nil)
		synctest.Wait()
		s.want(t, "once", "twice")
	})
}

func TestItem040_ReleaseElsewhere(t *testing.T) {
	ctx := t.Context()
	var l thread.Lock
	l.Lock()
	th := thread.Go(ctx, "x", func(context.Context) error { return l.Release() })
	wantErr(t, "Release() by another thread", th.Join(ctx), nil)
	want(t, "Locked()", l.Locked(), false)
}

func TestItem041_ReleaseUnlocked(t *testing.T) {
	var l thread.Lock
	for range 2 {
		want(t, "Release()", l.Release(), thread.ErrNotLocked)
		func() {
			defer func() { want(t, "Unlock() panics with", recover(), any(thread.ErrNotLocked)) }()
			l.Unlock()
		}()
		want(t, "TryAcquire()", l.TryAcquire(), true)
		want(t, "Release()", l.Release(), nil)
	}
}

func TestItem042_Locked(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var l thread.Lock
		l.Lock()
		wantErr(t, "Acquire()", l.Acquire(within(t, ctx, time.Second)), context.DeadlineExceeded)
		want(t, "Locked() after a timeout", l.Locked(), true)
		l.Release()
		want(t, "Locked()", l.Locked(), false)
	})
}

func TestItem043_AcquireTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var l thread.Lock
		start := time.Now()
		wantErr(t, "Acquire() of a free lock", l.Acquire(within(t, ctx, time.Second/2)), nil)
		want(t, "took", time.Since(start), 0)
		wantErr(t, "Acquire() of a held one", l.Acquire(within(t, ctx, time.Second/2)), context.DeadlineExceeded)
		want(t, "took", time.Since(start), time.Second/2)
	})
}

// Timeout 0 is TryAcquire, -1 is Lock; an ended context takes nothing.
func TestItem044_EndedContext(t *testing.T) {
	ctx := t.Context()
	var l thread.Lock
	for _, d := range []time.Duration{0, -1, -2} {
		wantErr(t, "Acquire() with an ended context", l.Acquire(within(t, ctx, d)), context.DeadlineExceeded)
		want(t, "Locked()", l.Locked(), false)
	}
	l.Lock()
	wantErr(t, "Acquire() with an ended context", l.Acquire(ended(ctx)), context.Canceled)
	l.Unlock()
}

func TestItem045_FreeAfterTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var l thread.Lock
		l.Lock()
		wantErr(t, "Acquire()", l.Acquire(within(t, ctx, time.Second)), context.DeadlineExceeded)
		l.Release()
		want(t, "Locked()", l.Locked(), false)
		want(t, "TryAcquire()", l.TryAcquire(), true)
		// The one who gives up between two others harms neither.
		var s said
		for name, d := range map[string]time.Duration{"patient": time.Hour, "hasty": time.Second, "also hasty": time.Second} {
			thread.Go(ctx, name, func(ctx context.Context) error {
				if l.Acquire(within(t, ctx, d)) == nil {
					s.say(name)
					return l.Release()
				}
				return nil
			})
		}
		<-time.After(time.Minute)
		l.Release()
		synctest.Wait()
		s.want(t, "patient")
		want(t, "Locked()", l.Locked(), false)
	})
}

func TestItem046_ForeignUse(t *testing.T) {
	var l thread.Lock
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if l.TryAcquire() {
					l.Unlock()
				}
			}
		})
	}
	wg.Wait()
	want(t, "ActiveCount()", thread.ActiveCount(), 1)
}

// The lock is not reentrant, and there is no other: identity is a matter of
// contexts, so a lock could not tell its owner from the owner's helper.
func TestItem047_NoRLock(t *testing.T) {
	ctx := t.Context()
	var l thread.Lock
	th := thread.Go(ctx, "x", func(ctx context.Context) error {
		l.Lock()
		want(t, "TryAcquire() by the holder", l.TryAcquire(), false)
		return nil
	})
	th.Join(ctx)
	want(t, "Locked() after the holder's end", l.Locked(), true)
}

// All ways to take and release, by many, against a plain variable that the
// race detector watches and a count of those inside.
func TestLockHammer(t *testing.T) {
	ctx := t.Context()
	var l thread.Lock
	var inside atomic.Int32
	plain, taken := 0, int64(0)
	var total atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for range 3000 {
				switch rnd.IntN(4) {
				case 0:
					l.Lock()
				case 1:
					if !l.TryAcquire() {
						continue
					}
				case 2:
					if l.Acquire(ctx) != nil {
						t.Error("Acquire() failed")
					}
				case 3:
					ctx, cancel := context.WithTimeout(ctx, time.Duration(rnd.IntN(50))*time.Microsecond)
					err := l.Acquire(ctx)
					cancel()
					if err != nil {
						continue
					}
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d are inside", n)
				}
				plain++
				taken++
				if rnd.IntN(8) == 0 {
					runtime.Gosched()
				}
				inside.Add(-1)
				total.Add(1)
				if err := l.Release(); err != nil {
					t.Errorf("Release() = %v", err)
				}
			}
		})
	}
	wg.Wait()
	want(t, "times inside", int64(plain), total.Load())
	want(t, "Locked()", l.Locked(), false)
	want(t, "TryAcquire()", l.TryAcquire(), true)
}

// Nobody starves beside a greedy goroutine that takes the lock again at once.
func TestLockFair(t *testing.T) {
	var l thread.Lock
	var stop atomic.Bool
	var greedy sync.WaitGroup
	greedy.Go(func() {
		for !stop.Load() {
			l.Lock()
			for start := time.Now(); time.Since(start) < 100*time.Microsecond; {
			}
			l.Unlock()
		}
	})
	for range 10 {
		start := time.Now()
		l.Lock()
		if waited := time.Since(start); waited > 2*time.Second {
			t.Errorf("waited %v beside a greedy goroutine", waited)
		}
		l.Unlock()
	}
	stop.Store(true)
	greedy.Wait()
}
