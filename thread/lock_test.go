package thread_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
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
				time.Sleep(time.Second)
				return l.Release()
			})
			synctest.Wait()
		}
		s.want(t)
		l.Release()
		time.Sleep(time.Minute)
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
		time.Sleep(time.Minute)
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
				l.Lock()
				l.Unlock()
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

// condFixture has n waiters in line, each saying its name when it was woken.
func condFixture(t *testing.T, ctx context.Context, names string) (c *thread.Cond, s *said) {
	c, s = thread.NewCond(nil), new(said)
	for _, name := range strings.Split(names, "") {
		thread.Go(ctx, name, func(ctx context.Context) error {
			c.L.Lock()
			defer c.L.Unlock()
			if err := c.Wait(ctx); err != nil {
				t.Errorf("Wait() = %v", err)
			}
			if !c.L.Locked() {
				t.Error("the lock is free after Wait")
			}
			s.say(name)
			return nil
		})
		synctest.Wait()
	}
	return c, s
}

func TestItem048_WaitWithoutLock(t *testing.T) {
	c := thread.NewCond(nil)
	want(t, "Wait()", c.Wait(t.Context()), thread.ErrNotLocked)
	want(t, "WaitFor()", c.WaitFor(t.Context(), func() bool { return false }), thread.ErrNotLocked)
}

func TestItem049_NotifyWithoutLock(t *testing.T) {
	c := thread.NewCond(nil)
	want(t, "Notify()", c.Notify(1), thread.ErrNotLocked)
	want(t, "NotifyAll()", c.NotifyAll(), thread.ErrNotLocked)
}

func TestItem050_NotifyN(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		c, s := thread.NewCond(nil), new(said)
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			thread.Go(ctx, name, func(ctx context.Context) error {
				c.L.Lock()
				defer c.L.Unlock()
				for _, time := range []string{"1", "2"} {
					c.Wait(ctx)
					s.say(name + time)
				}
				return nil
			})
			synctest.Wait()
		}
		c.L.Lock()
		wantErr(t, "Notify(3)", c.Notify(3), nil)
		synctest.Wait()
		s.want(t) // not before the notifier lets go
		c.L.Unlock()
		synctest.Wait()
		s.want(t, "a1", "b1", "c1")
		c.L.Lock()
		c.Notify(5)
		c.L.Unlock()
		synctest.Wait()
		s.want(t, "a1", "b1", "c1", "d1", "e1", "a2", "b2", "c2")
		c.L.Lock()
		c.NotifyAll()
		c.L.Unlock()
		synctest.Wait()
		s.want(t, "a1", "b1", "c1", "d1", "e1", "a2", "b2", "c2", "d2", "e2")
	})
}

func TestItem051_FIFO(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		c, s := condFixture(t, ctx, "abcde")
		for range 5 {
			c.L.Lock()
			c.Notify(1)
			c.L.Unlock()
		}
		synctest.Wait()
		s.want(t, "a", "b", "c", "d", "e")
	})
}

func TestItem052_NoMemory(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		c := thread.NewCond(nil)
		c.L.Lock()
		wantErr(t, "Notify()", c.Notify(1), nil)
		wantErr(t, "NotifyAll()", c.NotifyAll(), nil)
		wantErr(t, "Wait()", c.Wait(within(t, ctx, time.Second)), context.DeadlineExceeded)
		c.L.Unlock()
	})
}

func TestItem053_WaitTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		c := thread.NewCond(nil)
		c.L.Lock()
		start := time.Now()
		wantErr(t, "Wait()", c.Wait(within(t, ctx, time.Second)), context.DeadlineExceeded)
		want(t, "took", time.Since(start), time.Second)
		want(t, "Locked()", c.L.Locked(), true)
		thread.Go(ctx, "x", func(context.Context) error {
			c.L.Lock()
			defer c.L.Unlock()
			return c.Notify(1)
		})
		wantErr(t, "Wait()", c.Wait(within(t, ctx, time.Second)), nil)
		want(t, "Locked()", c.L.Locked(), true)
		c.L.Unlock()
	})
}

func TestItem054_WaitNotAtAll(t *testing.T) {
	c := thread.NewCond(nil)
	c.L.Lock()
	for _, d := range []time.Duration{0, -1} {
		wantErr(t, "Wait()", c.Wait(within(t, t.Context(), d)), context.DeadlineExceeded)
		want(t, "Locked()", c.L.Locked(), true)
	}
	c.L.Unlock()
}

func TestItem055_NoSpuriousWakeUps(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		c, s := condFixture(t, ctx, "a")
		for range 100 { // taking and releasing is no notification
			c.L.Lock()
			time.Sleep(time.Millisecond)
			c.L.Unlock()
		}
		synctest.Wait()
		s.want(t)
		c.L.Lock()
		c.Notify(1)
		c.L.Unlock()
	})
}

func TestItem056_NoLostNotification(t *testing.T) {
	t.Run("a waiter that gave up is out", func(t *testing.T) {
		bubble(t, func(t *testing.T, ctx context.Context) {
			c := thread.NewCond(nil)
			c.L.Lock()
			c.Wait(within(t, ctx, time.Second))
			var s said
			thread.Go(ctx, "x", func(ctx context.Context) error {
				c.L.Lock()
				defer c.L.Unlock()
				err := c.Wait(ctx)
				s.say("woken")
				return err
			})
			c.L.Unlock()
			synctest.Wait()
			c.L.Lock()
			c.Notify(1)
			c.L.Unlock()
			synctest.Wait()
			s.want(t, "woken")
		})
	})
	// The hole in CPython: the first waiter's time is up, but it has not got
	// the lock back yet, when Notify(1) comes.
	for _, notifyLate := range []bool{false, true} {
		bubble(t, func(t *testing.T, ctx context.Context) {
			c := thread.NewCond(nil)
			var woken atomic.Int32
			wait := func(ctx context.Context) error {
				c.L.Lock()
				defer c.L.Unlock()
				if c.Wait(ctx) == nil {
					woken.Add(1)
				}
				return nil
			}
			thread.Go(within(t, ctx, time.Second), "hasty", wait)
			synctest.Wait()
			patient := thread.Go(ctx, "patient", wait)
			synctest.Wait()
			c.L.Lock()
			if !notifyLate {
				c.Notify(1)
			}
			time.Sleep(2 * time.Second) // with the lock held
			if notifyLate {
				c.Notify(1)
			}
			c.L.Unlock()
			synctest.Wait()
			want(t, "woken by one notification", woken.Load(), 1)
			// Notified in time, the hasty one returns success, else it was out
			// and the patient one does.
			want(t, "patient waits on", patient.Alive(), !notifyLate)
			c.L.Lock()
			c.NotifyAll()
			c.L.Unlock()
		})
	}
}

func TestItem057_WaitFor(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		c := thread.NewCond(nil)
		start, state := time.Now(), 0
		thread.Go(ctx, "counter", func(context.Context) error {
			for range 4 {
				time.Sleep(time.Second)
				c.L.Lock()
				state++
				c.Notify(1)
				c.L.Unlock()
			}
			return nil
		})
		c.L.Lock()
		defer c.L.Unlock()
		err := c.WaitFor(within(t, ctx, time.Minute), func() bool {
			want(t, "Locked() in the predicate", c.L.Locked(), true)
			return state == 4
		})
		wantErr(t, "WaitFor()", err, nil)
		want(t, "took", time.Since(start), 4*time.Second)

		// The time is that of all waits together.
		thread.Go(ctx, "noise", func(context.Context) error {
			for range 10 {
				time.Sleep(time.Second)
				c.L.Lock()
				c.NotifyAll()
				c.L.Unlock()
			}
			return nil
		})
		start = time.Now()
		wantErr(t, "WaitFor()", c.WaitFor(within(t, ctx, 5500*time.Millisecond), func() bool { return false }), context.DeadlineExceeded)
		want(t, "took", time.Since(start), 5500*time.Millisecond)

		calls := 0
		wantErr(t, "WaitFor() with an ended context", c.WaitFor(ended(ctx), func() bool { calls++; return false }), context.Canceled)
		want(t, "calls of the predicate", calls, 2)
		wantErr(t, "WaitFor() with an ended context", c.WaitFor(ended(ctx), func() bool { calls++; return calls == 4 }), nil)
	})
}

func TestItem058_ThreeOnOneLock(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var l thread.Lock
		var s said
		conds := map[string]*thread.Cond{"a": thread.NewCond(&l), "b": thread.NewCond(&l), "c": thread.NewCond(&l)}
		for name, c := range conds {
			thread.Go(ctx, name, func(ctx context.Context) error {
				l.Lock()
				defer l.Unlock()
				defer s.say(name)
				return c.Wait(ctx)
			})
		}
		synctest.Wait()
		for _, name := range []string{"b", "c", "a"} {
			l.Lock()
			conds[name].NotifyAll()
			l.Unlock()
			synctest.Wait()
		}
		s.want(t, "b", "c", "a")
	})
}

func TestItem059_CancelledWaitReacquires(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		c := thread.NewCond(nil)
		ctx, cancel := context.WithCancel(ctx)
		var s said
		th := thread.Go(ctx, "x", func(ctx context.Context) error {
			c.L.Lock()
			defer c.L.Unlock()
			err := c.Wait(ctx)
			s.say("back")
			return err
		})
		synctest.Wait()
		c.L.Lock()
		cancel()
		time.Sleep(time.Second)
		s.want(t) // cancelled, but the lock is taken
		c.L.Unlock()
		synctest.Wait()
		s.want(t, "back")
		wantErr(t, "Wait()", th.Err(), context.Canceled)
		want(t, "Locked()", c.L.Locked(), false)
	})
}

func TestItem060_SecondRound(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		c, s := condFixture(t, ctx, "abc")
		for _, round := range []string{"", "de"} {
			for _, name := range strings.Split(round, "") {
				if name == "" {
					continue
				}
				thread.Go(ctx, name, func(ctx context.Context) error {
					c.L.Lock()
					defer c.L.Unlock()
					defer s.say(name)
					return c.Wait(ctx)
				})
				synctest.Wait()
			}
			c.L.Lock()
			c.NotifyAll()
			c.L.Unlock()
			synctest.Wait()
		}
		s.want(t, "a", "b", "c", "d", "e")
	})
}

// As many waits return nil as notifications met a waiter, though waiters give
// up all the time, and the lock excludes through it all.
func TestCondHammer(t *testing.T) {
	ctx := t.Context()
	c := thread.NewCond(nil)
	tokens, taken := 0, 0 // guarded by c.L
	const total = 2000
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 2))
			c.L.Lock()
			defer c.L.Unlock()
			for taken < total {
				if tokens > 0 {
					tokens--
					taken++
					continue
				}
				ctx, cancel := context.WithTimeout(ctx, time.Duration(rnd.IntN(200))*time.Microsecond)
				c.Wait(ctx)
				cancel()
			}
			c.NotifyAll()
		})
	}
	wg.Go(func() {
		for range total {
			c.L.Lock()
			tokens++
			c.Notify(1)
			c.L.Unlock()
		}
	})
	wg.Wait()
	want(t, "taken", taken, total)
	want(t, "Locked()", c.L.Locked(), false)

	// Without timeouts a lost notification would hang.
	var ready, got atomic.Int32
	for range 4 {
		wg.Go(func() {
			for range 500 {
				c.L.Lock()
				ready.Add(1)
				if err := c.Wait(ctx); err != nil {
					t.Error(err)
				}
				got.Add(1)
				c.L.Unlock()
			}
		})
	}
	for sent := int32(0); sent < 2000; {
		c.L.Lock()
		if ready.Load() > sent {
			c.Notify(1)
			sent++
		}
		c.L.Unlock()
		yield()
	}
	wg.Wait()
	want(t, "woken", got.Load(), 2000)
}
