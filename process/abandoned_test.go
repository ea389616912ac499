//go:build unix

package process_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/trawl-go/trawl/process"
)

var holds = process.Register("holds", func(ctx context.Context, a holdArg) (none, error) {
	err := a.L.Acquire(ctx)
	if err != nil && err != process.ErrOwnerDied {
		return none{}, err
	}
	a.Held.Set()
	select {}
})

func TestItem248_HolderKilled(t *testing.T) {
	both(t, func(t *testing.T) {
		a := holdArg{must(process.NewLock()), must(process.NewEvent())}
		var took []time.Duration
		for i := range 20 {
			a.Held.Clear()
			p := start(t, holds, a, nil)
			wantErr(t, "Wait()", a.Held.Wait(soon(t)), nil)
			got := make(chan error)
			if i%2 == 0 {
				go func() { got <- a.L.Acquire(soon(t)) }()
			}
			begin := time.Now()
			p.Kill()
			if i%2 == 1 {
				join(t, p)
				go func() { got <- a.L.Acquire(soon(t)) }()
			}
			wantErr(t, "Acquire()", <-got, process.ErrOwnerDied)
			took = append(took, time.Since(begin))
			wantErr(t, "Release()", a.L.Release(), nil)
			ok, err := a.L.TryAcquire()
			want(t, "TryAcquire", ok, true)
			wantErr(t, "TryAcquire(): it is told once", err, nil)
			a.L.Release()
		}
		slices.Sort(took)
		if m := took[len(took)/2]; m > 100*time.Millisecond {
			t.Errorf("half of the next owners waited for more than %v", m)
		}
		t.Logf("from the kill to the next owner: median %v, worst %v", took[len(took)/2], took[len(took)-1])
	})
}

// A holder that ends in peace without releasing has died too.
var leaves = process.Register("leaves", func(ctx context.Context, l *process.Lock) (none, error) {
	return none{}, l.Acquire(ctx)
})

func TestItem248_HolderEnds(t *testing.T) {
	both(t, func(t *testing.T) {
		l := must(process.NewLock())
		join(t, start(t, leaves, l, nil))
		want(t, "Locked", l.Locked(), false)
		wantErr(t, "Release()", l.Release(), process.ErrNotLocked)
		ok, err := l.TryAcquire()
		want(t, "TryAcquire", ok, true)
		wantErr(t, "TryAcquire()", err, process.ErrOwnerDied)
	})
}

var contends = process.Register("contends", func(ctx context.Context, a counter) (none, error) {
	for {
		if err := a.L.Acquire(ctx); err != nil && err != process.ErrOwnerDied {
			return none{}, err
		}
		a.A.Add(0, 1)
		a.L.Release()
	}
})

// Processes that fight for a lock are killed at any moment; it is never lost.
func TestLockSurvivesItsUsers(t *testing.T) {
	both(t, func(t *testing.T) {
		a := counter{L: must(process.NewLock()), A: must(process.NewArray[int64](1))}
		survivor := start(t, contends, a, nil)
		for range 15 {
			p := start(t, contends, a, nil)
			q := start(t, contends, a, nil)
			n := a.A.At(0)
			eventually(t, "they go on", func() bool { return a.A.At(0) > n+100 })
			p.Kill()
			if err := a.L.Acquire(soon(t)); err != nil && err != process.ErrOwnerDied {
				t.Fatalf("Acquire() = %v", err)
			}
			a.L.Release()
			q.Kill()
		}
		n := a.A.At(0)
		eventually(t, "the survivor goes on", func() bool { return a.A.At(0) > n+100 })
		want(t, "the survivor is alive", survivor.Alive(), true)
	})
}
