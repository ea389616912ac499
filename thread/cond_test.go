package thread_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/thread"
)

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
			<-time.After(time.Millisecond)
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
			<-time.After(2 * time.Second) // with the lock held
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
				<-time.After(time.Second)
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
				<-time.After(time.Second)
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
		<-time.After(time.Second)
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
