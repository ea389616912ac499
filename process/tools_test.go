//go:build unix

package process_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trawl-go/trawl/process"
)

var releases = process.Register("releases", func(ctx context.Context, l *process.Lock) (none, error) {
	if !l.Locked() {
		return none{}, errors.New("it does not look locked from here")
	}
	if ok, _ := l.TryAcquire(); ok {
		return none{}, errors.New("it could be taken from here")
	}
	return none{}, l.Release()
})

func TestItem195_Lock(t *testing.T) {
	both(t, func(t *testing.T) {
		l := must(process.NewLock())
		want(t, "Locked", l.Locked(), false)
		wantErr(t, "Release() of a free one", l.Release(), process.ErrNotLocked)
		for range 3 {
			wantErr(t, "Acquire()", l.Acquire(t.Context()), nil)
			want(t, "Locked", l.Locked(), true)
			ok, err := l.TryAcquire()
			wantErr(t, "TryAcquire() of a held one", err, nil)
			want(t, "TryAcquire() of a held one", ok, false)
			wantErr(t, "Release()", l.Release(), nil)
		}
		wantErr(t, "Acquire() with an ended context", l.Acquire(ended(t.Context())), context.Canceled)
		ok, _ := l.TryAcquire()
		want(t, "TryAcquire()", ok, true)
		wantErr(t, "Acquire() of a held one", l.Acquire(within(t, time.Millisecond)), context.DeadlineExceeded)
		want(t, "Locked after giving up", l.Locked(), true)
		p := start(t, releases, l, nil)
		want(t, "exit code of one that releases it", join(t, p), 0)
		want(t, "Locked", l.Locked(), false)
		ok, err := l.TryAcquire()
		wantErr(t, "TryAcquire()", err, nil)
		want(t, "TryAcquire()", ok, true)
	})
}

// counter is a number that is safe only with the lock.
type counter struct {
	L *process.Lock
	A *process.Array[int64]
	N int
}

var counts = process.Register("counts", func(ctx context.Context, c counter) (none, error) {
	var one [1]int64
	for range c.N {
		if err := c.L.Acquire(ctx); err != nil {
			return none{}, err
		}
		c.A.CopyTo(one[:], 0)
		one[0]++
		c.A.CopyFrom(one[:], 0)
		if err := c.L.Release(); err != nil {
			return none{}, err
		}
	}
	return none{}, nil
})

func TestItem195_LockExcludes(t *testing.T) {
	both(t, func(t *testing.T) {
		c := counter{must(process.NewLock()), must(process.NewArray[int64](1)), 1000}
		if !testing.Short() && t.Name() == "TestItem195_LockExcludes/shared" {
			c.N = 20_000
		}
		var ps []*process.Process
		for range 3 {
			ps = append(ps, start(t, counts, c, nil))
		}
		var wg sync.WaitGroup
		for range 2 { // goroutines of one process compete too
			wg.Go(func() { count(t, c) })
		}
		wg.Wait()
		for _, p := range ps {
			want(t, "exit code", join(t, p), 0)
		}
		want(t, "count", c.A.At(0), int64(5*c.N))
	})
}

func count(t *testing.T, c counter) {
	for range c.N {
		if err := c.L.Acquire(soon(t)); err != nil {
			t.Errorf("Acquire() = %v", err)
			return
		}
		c.A.Set(0, c.A.At(0)+1)
		c.L.Release()
	}
}

type semArg struct {
	S    *process.Semaphore
	Held *process.Event
}

var holdsPermit = process.Register("holdsPermit", func(ctx context.Context, a semArg) (none, error) {
	if err := a.S.Acquire(ctx); err != nil {
		return none{}, err
	}
	a.Held.Set()
	select {}
})

func TestItem196_Semaphore(t *testing.T) {
	both(t, func(t *testing.T) {
		for _, bounded := range []bool{false, true} {
			s := must(process.NewSemaphore(2))
			if bounded {
				s = must(process.NewBoundedSemaphore(2))
			}
			want(t, "Value", s.Value(), 2)
			wantErr(t, "Acquire()", s.Acquire(t.Context()), nil)
			want(t, "Value", s.Value(), 1)
			want(t, "TryAcquire", s.TryAcquire(), true)
			want(t, "Value", s.Value(), 0)
			want(t, "TryAcquire of none", s.TryAcquire(), false)
			wantErr(t, "Release()", s.Release(1), nil)
			want(t, "Value", s.Value(), 1)
			if err := s.Release(0); err == nil {
				t.Error("Release(0) = nil")
			}
			if bounded {
				wantErr(t, "Release(2)", s.Release(2), process.ErrOverRelease)
				want(t, "Value", s.Value(), 1)
				wantErr(t, "Release()", s.Release(1), nil)
				wantErr(t, "Release() above the start", s.Release(1), process.ErrOverRelease)
				want(t, "Value", s.Value(), 2)
			} else {
				wantErr(t, "Release(3)", s.Release(3), nil)
				want(t, "Value", s.Value(), 4)
			}
		}
	})
}

func TestItem197_SemaphoreWaits(t *testing.T) {
	both(t, func(t *testing.T) {
		s := must(process.NewSemaphore(0))
		wantErr(t, "Acquire()", s.Acquire(within(t, time.Millisecond)), context.DeadlineExceeded)
		wantErr(t, "Acquire() with an ended context", s.Acquire(ended(t.Context())), context.Canceled)
		got := make(chan error)
		for range 5 {
			go func() { got <- s.Acquire(soon(t)) }()
		}
		// One that gave up does not swallow a permit.
		wantErr(t, "Acquire()", s.Acquire(within(t, time.Millisecond)), context.DeadlineExceeded)
		wantErr(t, "Release()", s.Release(3), nil)
		for range 3 {
			wantErr(t, "Acquire()", <-got, nil)
		}
		s.Release(2)
		for range 2 {
			wantErr(t, "Acquire()", <-got, nil)
		}
		want(t, "Value", s.Value(), 0)
	})
}

func TestSemaphorePermitsOfTheDeadComeBack(t *testing.T) {
	both(t, func(t *testing.T) {
		s := must(process.NewBoundedSemaphore(2))
		for range 4 {
			a := semArg{s, must(process.NewEvent())}
			p := start(t, holdsPermit, a, nil)
			wantErr(t, "Wait()", a.Held.Wait(soon(t)), nil)
			p.Kill()
			join(t, p)
			want(t, "Value", s.Value(), 2)
		}
		// Also to one that waits.
		a := semArg{s, must(process.NewEvent())}
		p := start(t, holdsPermit, a, nil)
		wantErr(t, "Wait()", a.Held.Wait(soon(t)), nil)
		want(t, "TryAcquire", s.TryAcquire(), true)
		got := make(chan error)
		go func() { got <- s.Acquire(soon(t)) }()
		p.Kill()
		wantErr(t, "Acquire()", <-got, nil)
	})
}

type limited struct {
	S      *process.Semaphore
	Inside *process.Value[int32]
	Most   *process.Value[int32]
}

var enters = process.Register("enters", func(ctx context.Context, a limited) (none, error) {
	for range 50 {
		if err := a.S.Acquire(ctx); err != nil {
			return none{}, err
		}
		n := a.Inside.Add(1)
		for {
			m := a.Most.Load()
			if n <= m || a.Most.CompareAndSwap(m, n) {
				break
			}
		}
		a.Inside.Add(-1)
		a.S.Release(1)
	}
	return none{}, nil
})

func TestSemaphoreLimits(t *testing.T) {
	both(t, func(t *testing.T) {
		a := limited{must(process.NewBoundedSemaphore(2)), must(process.NewValue[int32](0)), must(process.NewValue[int32](0))}
		var ps []*process.Process
		for range 5 {
			ps = append(ps, start(t, enters, a, nil))
		}
		for _, p := range ps {
			want(t, "exit code", join(t, p), 0)
		}
		if m := a.Most.Load(); m < 1 || m > 2 {
			t.Errorf("%d were inside, want 1 or 2", m)
		}
		want(t, "Value", a.S.Value(), 2)
	})
}

type condArg struct {
	C     *process.Cond
	Ready *process.Value[int64] // how many wait; changed with the lock held
	Woken *process.Value[int64]
}

func newCondArg() condArg {
	return condArg{must(process.NewCond(nil)), must(process.NewValue[int64](0)), must(process.NewValue[int64](0))}
}

func (a condArg) wait(ctx context.Context) error {
	if err := a.C.L.Acquire(ctx); err != nil {
		return err
	}
	a.Ready.Add(1)
	err := a.C.Wait(ctx)
	if err == nil {
		a.Woken.Add(1)
	}
	a.Ready.Add(-1)
	return errors.Join(err, a.C.L.Release())
}

var condWaits = process.Register("condWaits", func(ctx context.Context, a condArg) (none, error) { return none{}, a.wait(ctx) })

// notify notifies n, with the lock, once at least so many wait.
func (a condArg) notify(t *testing.T, n, waiting int) {
	t.Helper()
	eventually(t, fmt.Sprint(waiting, " wait"), func() bool { return a.Ready.Load() >= int64(waiting) })
	a.C.L.Acquire(soon(t)) // so they have let go of it
	defer a.C.L.Release()
	wantErr(t, "Notify()", a.C.Notify(n), nil)
}

func (a condArg) woken(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " woken"), func() bool { return a.Woken.Load() == int64(n) })
}

func TestItem198_Cond(t *testing.T) {
	both(t, func(t *testing.T) {
		a := newCondArg()
		wantErr(t, "Wait() without the lock", a.C.Wait(t.Context()), process.ErrNotLocked)
		wantErr(t, "Notify() without the lock", a.C.Notify(1), process.ErrNotLocked)
		var ps []*process.Process
		for range 3 {
			ps = append(ps, start(t, condWaits, a, nil))
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { wantErr(t, "Wait()", a.wait(soon(t)), nil) })
		}
		// Sleepers that give up do not count.
		for range 2 {
			wantErr(t, "Wait()", a.wait(within(t, 20*time.Millisecond)), context.DeadlineExceeded)
		}
		a.notify(t, 1, 6)
		a.woken(t, 1)
		a.notify(t, 2, 5)
		a.woken(t, 3)
		a.notify(t, math.MaxInt, 3)
		a.woken(t, 6)
		wg.Wait()
		for _, p := range ps {
			want(t, "exit code", join(t, p), 0)
		}
		// Notify has no memory.
		a.notify(t, 5, 0)
		wantErr(t, "Wait()", a.wait(within(t, 20*time.Millisecond)), context.DeadlineExceeded)
		want(t, "locked", a.C.L.Locked(), false)
	})
}

func TestItem198_CondOfTheDead(t *testing.T) {
	both(t, func(t *testing.T) {
		a := newCondArg()
		p := start(t, condWaits, a, nil)
		eventually(t, "one waits", func() bool { return a.Ready.Load() == 1 })
		woken := make(chan error)
		go func() { woken <- a.wait(soon(t)) }()
		eventually(t, "two wait", func() bool { return a.Ready.Load() == 2 })
		a.C.L.Acquire(t.Context())
		a.C.L.Release()
		p.Kill()
		join(t, p)
		a.notify(t, 1, 1)
		wantErr(t, "Wait() behind one that died", <-woken, nil)
	})
}

func TestCondWaitFor(t *testing.T) {
	both(t, func(t *testing.T) {
		a := newCondArg()
		n := 0
		a.C.L.Acquire(t.Context())
		wantErr(t, "WaitFor()", a.C.WaitFor(within(t, 5*time.Millisecond), func() bool { n++; return false }), context.DeadlineExceeded)
		want(t, "calls", n, 2)
		wantErr(t, "WaitFor() that is so", a.C.WaitFor(ended(t.Context()), func() bool { return true }), nil)
		a.C.L.Release()
		want(t, "those who gave up and are remembered", process.Remembered(a.C), 0)
	})
}

var waitsForEvent = process.Register("waitsForEvent", func(ctx context.Context, a struct {
	E  *process.Event
	At *process.Semaphore
}) (none, error) {
	a.At.Release(1)
	return none{}, a.E.Wait(ctx)
})

func TestItem199_Event(t *testing.T) {
	both(t, func(t *testing.T) {
		e := must(process.NewEvent())
		want(t, "IsSet", e.IsSet(), false)
		wantErr(t, "Wait() with an ended context", e.Wait(ended(t.Context())), context.Canceled)
		wantErr(t, "Wait()", e.Wait(within(t, time.Millisecond)), context.DeadlineExceeded)
		for range 2 {
			e.Set()
			e.Set()
			want(t, "IsSet", e.IsSet(), true)
			wantErr(t, "Wait() with an ended context", e.Wait(ended(t.Context())), nil)
			e.Clear()
			e.Clear()
			want(t, "IsSet", e.IsSet(), false)
		}
		a := struct {
			E  *process.Event
			At *process.Semaphore
		}{e, must(process.NewSemaphore(0))}
		var ps []*process.Process
		for range 3 {
			ps = append(ps, start(t, waitsForEvent, a, nil))
		}
		for range 3 {
			wantErr(t, "Acquire()", a.At.Acquire(soon(t)), nil)
		}
		e.Set()
		for _, p := range ps {
			want(t, "exit code", join(t, p), 0)
		}
	})
}

// Who waits goes on even if the event is cleared at once.
func TestItem199_SetAndClear(t *testing.T) {
	both(t, func(t *testing.T) {
		e := must(process.NewEvent())
		for range 50 {
			var waiting atomic.Int32
			done := make(chan error)
			for range 4 {
				go func() {
					ctx := soon(t)
					waiting.Add(1)
					done <- e.Wait(ctx)
				}()
			}
			eventually(t, "all wait", func() bool { return process.Waiting(e) == 4 })
			e.Set()
			e.Clear()
			for range 4 {
				wantErr(t, "Wait()", <-done, nil)
			}
		}
	})
}

type barrierArg struct {
	B     *process.Barrier
	Zeros *process.Value[int64]
	N     *process.Value[int64]
	Turns int
}

var meets = process.Register("meets", func(ctx context.Context, a barrierArg) (none, error) { return none{}, a.meet(ctx, 5) })

func (a barrierArg) meet(ctx context.Context, parties int64) error {
	for turn := range a.Turns {
		n := a.N.Add(1)
		if n <= int64(turn)*parties || n > int64(turn+1)*parties {
			return fmt.Errorf("count %d in turn %d", n, turn)
		}
		i, err := a.B.Wait(ctx)
		if err != nil {
			return err
		}
		if i == 0 {
			a.Zeros.Add(1)
		}
	}
	return nil
}

func TestItem200_Barrier(t *testing.T) {
	a := barrierArg{must(process.NewBarrier(5)), must(process.NewValue[int64](0)), must(process.NewValue[int64](0)), 100}
	var ps []*process.Process
	for range 4 {
		ps = append(ps, start(t, meets, a, nil))
	}
	wantErr(t, "meet()", a.meet(soon(t), 5), nil)
	for _, p := range ps {
		want(t, "exit code", join(t, p), 0)
	}
	want(t, "parties that were first", a.Zeros.Load(), int64(a.Turns))
	want(t, "Waiting", a.B.Waiting(), 0)
	want(t, "Broken", a.B.Broken(), false)
}

func TestItem200_BrokenBarrier(t *testing.T) {
	one := must(process.NewBarrier(1))
	i, err := one.Wait(ended(t.Context()))
	wantErr(t, "Wait() alone", err, nil)
	want(t, "index", i, 0)

	a := barrierArg{must(process.NewBarrier(5)), must(process.NewValue[int64](0)), must(process.NewValue[int64](0)), 1}
	wait := func() chan error {
		c := make(chan error, 1)
		n := a.B.Waiting()
		go func() {
			i, err := a.B.Wait(soon(t))
			if err != nil && i != -1 {
				t.Errorf("index %d with an error", i)
			}
			c <- err
		}()
		eventually(t, "one more waits", func() bool { return a.B.Waiting() > n })
		return c
	}
	// A timeout, Abort, Reset, and the end of a party's process.
	c := wait()
	_, err = a.B.Wait(within(t, time.Millisecond))
	wantErr(t, "Wait()", err, context.DeadlineExceeded)
	wantErr(t, "Wait() beside one that gave up", <-c, process.ErrBarrierBroken)
	want(t, "Broken", a.B.Broken(), true)
	_, err = a.B.Wait(t.Context())
	wantErr(t, "Wait() on a broken one", err, process.ErrBarrierBroken)
	a.B.Reset()
	want(t, "Broken after Reset", a.B.Broken(), false)
	c = wait()
	a.B.Abort()
	wantErr(t, "Wait() when aborted", <-c, process.ErrBarrierBroken)
	a.B.Reset()
	c = wait()
	a.B.Reset()
	wantErr(t, "Wait() when reset", <-c, process.ErrBarrierBroken)
	want(t, "Broken after Reset", a.B.Broken(), false)
	p := start(t, meets, a, nil)
	eventually(t, "the process waits", func() bool { return a.B.Waiting() == 1 })
	c = wait()
	p.Kill()
	wantErr(t, "Wait() beside one that died", <-c, process.ErrBarrierBroken)
}

// tools are all kinds.
type tools struct {
	L *process.Lock
	S *process.Semaphore
	E *process.Event
	C *process.Cond
	B *process.Barrier
	Q *process.Queue[string]
	V *process.Value[int64]
	A *process.Array[int64]
	N *process.Lock // nil
}

var usesTools = process.Register("usesTools", func(ctx context.Context, q *process.Queue[tools]) (tools, error) {
	x, err := q.Get(ctx)
	if err != nil {
		return x, err
	}
	if x.N != nil {
		return x, errors.New("nil has become something")
	}
	x.S.Release(1)
	x.E.Set()
	x.V.Add(1)
	x.A.Add(1, 2)
	return x, errors.Join(x.L.Acquire(ctx), x.C.L.Acquire(ctx), x.Q.Put(ctx, "put"))
})

// Δ: tools can be sent anywhere, not only to a process that is being started.
func TestItem202_ToolsCanBeSent(t *testing.T) {
	both(t, func(t *testing.T) {
		x := tools{
			L: must(process.NewLock()), S: must(process.NewSemaphore(0)), E: must(process.NewEvent()), C: must(process.NewCond(nil)),
			B: must(process.NewBarrier(1)), Q: must(process.NewQueue[string](0)), V: must(process.NewValue[int64](1)), A: must(process.NewArray[int64](3)),
		}
		q := must(process.NewQueue[tools](0))
		wantErr(t, "Put()", q.Put(t.Context(), x), nil)
		pool := newPool(t, &process.PoolOptions{Workers: 1})
		y, err := usesTools.Apply(soon(t), pool, q)
		wantErr(t, "Apply()", err, nil)
		for _, x := range []tools{x, y} {
			want(t, "lock", x.L.Locked(), true)
			want(t, "cond's lock", x.C.L.Locked(), true)
			want(t, "semaphore", x.S.Value(), 1)
			want(t, "event", x.E.IsSet(), true)
			want(t, "value", x.V.Load(), 2)
			want(t, "array", x.A.At(1), 2)
			want(t, "queue", x.Q.Len(), 1)
		}
	})
}
