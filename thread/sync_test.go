package thread_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/thread"
)

func TestItem061_EventIdempotent(t *testing.T) {
	var e thread.Event
	want(t, "IsSet() of a new event", e.IsSet(), false)
	for _, set := range []bool{true, true, false, false, true} {
		if set {
			e.Set()
		} else {
			e.Clear()
		}
		want(t, "IsSet()", e.IsSet(), set)
	}
}

func TestItem062_EventWaitWhenSet(t *testing.T) {
	var e thread.Event
	e.Set()
	for range 2 {
		wantErr(t, "Wait()", e.Wait(t.Context()), nil)
	}
	wantErr(t, "Wait() with an ended context", e.Wait(ended(t.Context())), nil)
	select {
	case <-e.C():
	default:
		t.Error("C() of a set event is open")
	}
}

func TestItem063_EventReleasesAll(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var e thread.Event
		var through atomic.Int32
		for range 5 {
			thread.Go(ctx, "x", func(ctx context.Context) error {
				defer through.Add(1)
				return e.Wait(ctx)
			})
		}
		c := e.C()
		synctest.Wait()
		want(t, "through", through.Load(), 0)
		e.Set()
		synctest.Wait()
		want(t, "through", through.Load(), 5)
		<-c
	})
}

func TestItem064_EventNotAtAll(t *testing.T) {
	var e thread.Event
	wantErr(t, "Wait()", e.Wait(within(t, t.Context(), 0)), context.DeadlineExceeded)
}

func TestItem065_EventTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var e thread.Event
		start := time.Now()
		wantErr(t, "Wait()", e.Wait(within(t, ctx, time.Second/2)), context.DeadlineExceeded)
		want(t, "took", time.Since(start), time.Second/2)
	})
}

func TestItem066_EventSetThenClear(t *testing.T) {
	for range 200 {
		bubble(t, func(t *testing.T, ctx context.Context) {
			var e thread.Event
			var through atomic.Int32
			for range 5 {
				thread.Go(within(t, ctx, time.Second), "x", func(ctx context.Context) error {
					if e.Wait(ctx) == nil {
						through.Add(1)
					}
					return nil
				})
			}
			synctest.Wait()
			e.Set()
			e.Clear()
			synctest.Wait()
			want(t, "through", through.Load(), 5)
			want(t, "IsSet()", e.IsSet(), false)
		})
	}
}

func TestItem067_EventNegative(t *testing.T) {
	var e thread.Event
	wantErr(t, "Wait()", e.Wait(within(t, t.Context(), -1)), context.DeadlineExceeded)
}

func TestItem068_EventReuse(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		var e thread.Event
		for range 3 {
			th := thread.Go(ctx, "x", e.Wait)
			synctest.Wait()
			want(t, "Alive()", th.Alive(), true)
			e.Set()
			wantErr(t, "Join()", th.Join(ctx), nil)
			e.Clear()
		}
	})
}

func panics(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestItem069_SemaphoreStart(t *testing.T) {
	if panics(func() { thread.NewSemaphore(-1) }) == nil || panics(func() { thread.NewBoundedSemaphore(-1) }) == nil {
		t.Error("a negative start value is taken")
	}
	var s thread.Semaphore
	want(t, "Value() of the zero semaphore", s.Value(), 0)
	want(t, "TryAcquire()", s.TryAcquire(), false)
	wantErr(t, "Release()", s.Release(1), nil)
	want(t, "TryAcquire()", s.TryAcquire(), true)
}

func TestItem070_SemaphorePhases(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		s := thread.NewSemaphore(7)
		var through atomic.Int32
		for range 10 {
			thread.Go(ctx, "x", func(ctx context.Context) error {
				for range 2 {
					if err := s.Acquire(ctx); err != nil {
						return err
					}
					through.Add(1)
				}
				return nil
			})
		}
		for _, step := range []struct{ release, through int }{{0, 7}, {7, 14}, {5, 19}, {1, 20}} {
			for range step.release {
				s.Release(1)
			}
			synctest.Wait()
			want(t, "through", int(through.Load()), step.through)
		}
		want(t, "Value()", s.Value(), 0)
	})
}

func TestItem071_SemaphoreReleaseN(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		s := thread.NewSemaphore(0)
		var through atomic.Int32
		for range 5 {
			thread.Go(ctx, "x", func(ctx context.Context) error {
				defer through.Add(1)
				return s.Acquire(ctx)
			})
		}
		synctest.Wait()
		for _, n := range []int{0, -1} {
			if s.Release(n) == nil {
				t.Errorf("Release(%d) = nil", n)
			}
		}
		want(t, "through", through.Load(), 0)
		s.Release(3)
		synctest.Wait()
		want(t, "through", through.Load(), 3)
		s.Release(4)
		synctest.Wait()
		want(t, "through", through.Load(), 5)
		want(t, "Value()", s.Value(), 2)
	})
}

func TestItem072_SemaphoreTry(t *testing.T) {
	s := thread.NewSemaphore(4)
	s.TryAcquire()
	ok := 0
	for range 10 {
		if s.TryAcquire() {
			ok++
		}
	}
	want(t, "of 10 tries at 3 permits", ok, 3)
}

func TestItem073_SemaphoreTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		s := thread.NewSemaphore(2)
		for range 2 {
			wantErr(t, "Acquire()", s.Acquire(within(t, ctx, 5*time.Millisecond)), nil)
		}
		start := time.Now()
		wantErr(t, "Acquire()", s.Acquire(within(t, ctx, 5*time.Millisecond)), context.DeadlineExceeded)
		wantErr(t, "Acquire()", s.Acquire(within(t, ctx, time.Second/2)), context.DeadlineExceeded)
		want(t, "took", time.Since(start), time.Second/2+5*time.Millisecond)
	})
}

// Non-blocking with a timeout cannot be said: TryAcquire takes no context.
func TestItem074_SemaphoreEndedContext(t *testing.T) {
	s := thread.NewSemaphore(1)
	wantErr(t, "Acquire()", s.Acquire(ended(t.Context())), context.Canceled)
	want(t, "Value()", s.Value(), 1)
}

func TestItem075_SemaphoreNegative(t *testing.T) {
	s := thread.NewSemaphore(0)
	wantErr(t, "Acquire()", s.Acquire(within(t, t.Context(), -1)), context.DeadlineExceeded)
}

func TestItem076_SemaphoreAboveStart(t *testing.T) {
	s := thread.NewSemaphore(1)
	wantErr(t, "Release()", s.Release(1), nil)
	want(t, "Value()", s.Value(), 2)
}

func TestItem077_BoundedSemaphore(t *testing.T) {
	s := thread.NewBoundedSemaphore(3)
	want(t, "Release()", s.Release(1), thread.ErrOverRelease)
	s.TryAcquire()
	want(t, "Release(2)", s.Release(2), thread.ErrOverRelease)
	want(t, "Value()", s.Value(), 2)
	want(t, "Release(int max)", s.Release(int(^uint(0)>>1)), thread.ErrOverRelease)
	want(t, "Release(1)", s.Release(1), nil)
	want(t, "Value()", s.Value(), 3)
}

func TestItem078_SemaphoreTimedOutWaiter(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		s := thread.NewSemaphore(0)
		thread.Go(ctx, "hasty", func(ctx context.Context) error { return s.Acquire(within(t, ctx, time.Second)) })
		synctest.Wait()
		patient := thread.Go(ctx, "patient", s.Acquire)
		<-time.After(2 * time.Second)
		s.Release(1)
		synctest.Wait()
		want(t, "patient waits on", patient.Alive(), false)
	})
}

// Permits are neither lost nor made, though waiters give up all the time.
func TestSemaphoreHammer(t *testing.T) {
	s := thread.NewBoundedSemaphore(3)
	var inside atomic.Int32
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 3))
			for range 2000 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(30))*time.Microsecond)
				err := s.Acquire(ctx)
				cancel()
				if err != nil {
					continue
				}
				if n := inside.Add(1); n > 3 {
					t.Errorf("%d are inside", n)
				}
				inside.Add(-1)
				if err := s.Release(1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want(t, "Value()", s.Value(), 3)
}

// meet lets n threads wait at the barrier once, and returns what they got.
func meet(ctx context.Context, b *thread.Barrier, n int) (indexes []int, errs []error) {
	var mu sync.Mutex
	var ts []*thread.Thread
	for range n {
		ts = append(ts, thread.Go(ctx, "party", func(ctx context.Context) error {
			i, err := b.Wait(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			} else {
				indexes = append(indexes, i)
			}
			return nil
		}))
	}
	for _, th := range ts {
		th.Join(context.WithoutCancel(ctx))
	}
	slices.Sort(indexes)
	return indexes, errs
}

func TestItem079_BarrierParties(t *testing.T) {
	for _, n := range []int{0, -1} {
		if panics(func() { thread.NewBarrier(n, nil) }) == nil {
			t.Errorf("NewBarrier(%d) does not panic", n)
		}
	}
}

// lockstep lets parties pass the barrier together and checks that nobody is
// more than one pass ahead.
func lockstep(t *testing.T, parties, passes int) {
	scope(t, nil, func(ctx context.Context) {
		b := thread.NewBarrier(parties, nil)
		counts := make([]atomic.Int32, parties)
		for p := range parties {
			thread.Go(ctx, "party", func(ctx context.Context) error {
				for pass := range passes {
					counts[p].Store(int32(pass + 1))
					if _, err := b.Wait(ctx); err != nil {
						t.Error(err)
						return err
					}
					for q := range counts {
						if n := int(counts[q].Load()); n != pass+1 && n != pass+2 {
							t.Errorf("pass %d: party %d is at %d", pass+1, q, n)
						}
					}
				}
				return nil
			})
		}
		for _, th := range thread.Enumerate()[1:] {
			th.Join(ctx)
		}
		want(t, "Waiting()", b.Waiting(), 0)
		want(t, "Broken()", b.Broken(), false)
	})
}

func TestItem080_BarrierLockstep(t *testing.T) {
	for _, passes := range []int{1, 10} {
		lockstep(t, 5, passes)
	}
}

func TestItem081_BarrierIndexes(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		b := thread.NewBarrier(5, nil)
		for range 10 {
			indexes, errs := meet(ctx, b, 5)
			if !slices.Equal(indexes, []int{0, 1, 2, 3, 4}) || errs != nil {
				t.Errorf("Wait() gave %v and %v, want each of 0 to 4 once", indexes, errs)
			}
		}
	})
}

func TestItem082_BarrierAction(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		var runs, left atomic.Int32
		b := thread.NewBarrier(4, func() error {
			runs.Add(1)
			want(t, "parties that left before the action", left.Load()%4, 0)
			return nil
		})
		for pass := range int32(5) {
			for range 4 {
				thread.Go(ctx, "party", func(ctx context.Context) error {
					_, err := b.Wait(ctx)
					left.Add(1)
					return err
				})
			}
			for _, th := range thread.Enumerate()[1:] {
				th.Join(ctx)
			}
			want(t, "runs", runs.Load(), pass+1)
		}
	})
}

func TestItem083_BarrierActionFails(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		b := thread.NewBarrier(5, func() error { return io.EOF })
		indexes, errs := meet(ctx, b, 5)
		var own, broken int
		for _, err := range errs {
			if errors.Is(err, io.EOF) {
				own++
			} else if errors.Is(err, thread.ErrBroken) {
				broken++
			}
		}
		if len(indexes) != 0 || own != 1 || broken != 4 || !b.Broken() {
			t.Errorf("Wait() gave %v and %v, want the action's error once and ErrBroken to the others", indexes, errs)
		}
	})
	bubble(t, func(t *testing.T, ctx context.Context) {
		b := thread.NewBarrier(2, func() error { panic("bad") })
		other := thread.Go(ctx, "x", func(ctx context.Context) error { _, err := b.Wait(ctx); return err })
		synctest.Wait()
		want(t, "panic", panics(func() { b.Wait(ctx) }), any("bad"))
		wantErr(t, "Wait() of the other", other.Join(ctx), thread.ErrBroken)
		want(t, "Broken()", b.Broken(), true)
	})
}

func TestItem084_BarrierAbort(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		b := thread.NewBarrier(5, nil)
		thread.Go(ctx, "x", func(context.Context) error { <-time.After(time.Second); b.Abort(); return nil })
		indexes, errs := meet(ctx, b, 4)
		if len(indexes) != 0 || len(errs) != 4 || errors.Join(errs...) == nil || !errors.Is(errs[0], thread.ErrBroken) {
			t.Errorf("Wait() gave %v and %v, want ErrBroken to all", indexes, errs)
		}
		_, err := b.Wait(ctx)
		wantErr(t, "Wait() later", err, thread.ErrBroken)
		want(t, "Broken()", b.Broken(), true)
	})
}

func TestItem085_BarrierReset(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		b := thread.NewBarrier(5, nil)
		thread.Go(ctx, "x", func(context.Context) error {
			<-time.After(time.Second)
			want(t, "Waiting()", b.Waiting(), 4)
			b.Reset()
			return nil
		})
		_, errs := meet(ctx, b, 4)
		if len(errs) != 4 || !errors.Is(errs[0], thread.ErrBroken) {
			t.Errorf("Wait() gave %v, want ErrBroken to all", errs)
		}
		want(t, "Broken()", b.Broken(), false)
		indexes, errs := meet(ctx, b, 5)
		if len(indexes) != 5 || errs != nil {
			t.Errorf("after Reset Wait() gave %v and %v", indexes, errs)
		}
	})
}

func TestItem086_BarrierAbortThenReset(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		b := thread.NewBarrier(3, nil)
		b.Abort()
		b.Reset()
		want(t, "Broken()", b.Broken(), false)
		if indexes, errs := meet(ctx, b, 3); len(indexes) != 3 {
			t.Errorf("Wait() gave %v and %v", indexes, errs)
		}
	})
}

func TestItem087_BarrierTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		b := thread.NewBarrier(4, nil)
		hasty := thread.Go(ctx, "hasty", func(ctx context.Context) error {
			_, err := b.Wait(within(t, ctx, time.Second))
			return err
		})
		_, errs := meet(ctx, b, 2)
		if len(errs) != 2 || !errors.Is(errs[0], thread.ErrBroken) || !errors.Is(errs[1], thread.ErrBroken) {
			t.Errorf("Wait() of the others gave %v, want ErrBroken", errs)
		}
		wantErr(t, "Wait()", hasty.Join(ctx), context.DeadlineExceeded)
		want(t, "Broken()", b.Broken(), true)
	})
}

// The default timeout is that of the context all parties share.
func TestItem088_BarrierSharedTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		b := thread.NewBarrier(3, nil)
		start := time.Now()
		_, errs := meet(within(t, ctx, time.Second), b, 2)
		want(t, "took", time.Since(start), time.Second)
		want(t, "failed", len(errs), 2)
		want(t, "Broken()", b.Broken(), true)
	})
}

func TestItem089_BarrierNotAtAll(t *testing.T) {
	b := thread.NewBarrier(2, nil)
	_, err := b.Wait(within(t, t.Context(), 0))
	wantErr(t, "Wait()", err, context.DeadlineExceeded)
	want(t, "Broken()", b.Broken(), true)
	_, err = b.Wait(t.Context())
	wantErr(t, "Wait()", err, thread.ErrBroken)
}

func TestItem090_BarrierOfOne(t *testing.T) {
	runs := 0
	b := thread.NewBarrier(1, func() error { runs++; return nil })
	for range 3 {
		i, err := b.Wait(t.Context())
		want(t, "Wait()", i, 0)
		wantErr(t, "Wait()", err, nil)
	}
	want(t, "runs of the action", runs, 3)
}

// A fast party that comes again while slow ones of the last pass are still
// being woken is counted for the next pass.
func TestItem091_BarrierFastParty(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		b := thread.NewBarrier(3, nil)
		for range 2 {
			thread.Go(ctx, "slow", func(ctx context.Context) error { _, err := b.Wait(ctx); return err })
		}
		synctest.Wait()
		if _, err := b.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		_, err := b.Wait(within(t, ctx, time.Second)) // at once, and alone
		wantErr(t, "Wait() alone", err, context.DeadlineExceeded)
	})
	lockstep(t, 2, 2000)
}

func TestItem092_BarrierManyPasses(t *testing.T) { lockstep(t, 5, 1000) }

// A party whose context ends while the last one runs the action has met the
// others and does not break the barrier.
func TestBarrierContextEndsInAction(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		b := thread.NewBarrier(2, func() error { <-time.After(time.Minute); return nil })
		hasty := thread.Go(ctx, "hasty", func(ctx context.Context) error {
			_, err := b.Wait(within(t, ctx, time.Second))
			return err
		})
		synctest.Wait()
		_, err := b.Wait(ctx)
		wantErr(t, "Wait()", err, nil)
		wantErr(t, "Wait() of the hasty one", hasty.Join(ctx), nil)
		want(t, "Broken()", b.Broken(), false)
	})
}
