//go:build unix

package process_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/process"
)

// chaosArg is a task of the chaos test, which takes a moment, with a lock or
// without.
type chaosArg struct {
	N     int
	Spin  time.Duration
	L     *process.Lock
	Bomb  time.Duration // after which the process is killed, if it is there still
	Kills *process.Value[int64]
	Pad   []byte
}

type chaosResult struct {
	N   int
	Pad []byte
}

var chaos = process.Register("chaos", func(ctx context.Context, a chaosArg) (chaosResult, error) {
	if a.Bomb > 0 {
		// From within, as a number that another process kept could be that
		// of a stranger by now.
		time.AfterFunc(a.Bomb, func() {
			a.Kills.Add(1)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		})
	}
	if a.L != nil {
		if err := a.L.Acquire(ctx); err != nil && err != process.ErrOwnerDied {
			return chaosResult{}, err
		}
		defer a.L.Release()
	}
	for begin := time.Now(); time.Since(begin) < a.Spin; {
	}
	return chaosResult{a.N * 3, a.Pad}, nil
})

// Workers are killed at random, under load. Every future ends exactly once,
// with the right value or a crash error, and only as many crash as there were
// kills.
//
// PROCESS_CHAOS=60s lets it go on for longer, in both ways.
func TestChaos(t *testing.T) {
	both(t, func(t *testing.T) {
		// Enough of both, or as long as was asked for.
		const minKills, minTasks = 30, 1500
		length := time.Duration(0)
		if s := os.Getenv("PROCESS_CHAOS"); s != "" {
			length = must(time.ParseDuration(s))
		}
		p := newPool(t, &process.PoolOptions{Workers: 4, MaxTasks: 500})
		kills := must(process.NewValue[int64](0))
		lock := must(process.NewLock())
		var done, crashed atomic.Int64
		begin := time.Now()
		over := func() bool {
			d := time.Since(begin)
			return d > length && kills.Load() >= minKills && done.Load() >= minTasks || d > length+time.Minute
		}
		var load sync.WaitGroup
		for k := range 6 {
			load.Go(func() {
				r := rand.New(rand.NewPCG(uint64(k), 1))
				for i := 0; !over(); i++ {
					var batch sync.WaitGroup
					for j := range 1 + r.IntN(40) {
						a := chaosArg{N: i*100 + j}
						switch r.IntN(10) {
						case 0:
							a.Spin = time.Duration(r.IntN(3000)) * time.Microsecond
						case 1:
							a.L = lock
						case 2:
							if r.IntN(10) == 0 {
								a.Bomb, a.Kills = time.Duration(1+r.IntN(20_000))*time.Microsecond, kills
							}
						case 3:
							a.Pad = make([]byte, r.IntN(200_000))
						}
						f, err := chaos.Submit(t.Context(), p, a)
						if err != nil {
							t.Errorf("Submit() = %v", err)
							return
						}
						batch.Add(1)
						var times atomic.Int32
						f.OnDone(func() {
							defer batch.Done()
							if times.Add(1) != 1 {
								t.Error("a future ended twice")
							}
							x, err := f.TryResult()
							var crash *process.CrashError
							switch {
							case err == nil:
								if x.N != 3*a.N || len(x.Pad) != len(a.Pad) {
									t.Errorf("result %d with %d bytes, want %d with %d", x.N, len(x.Pad), 3*a.N, len(a.Pad))
								}
							case errors.As(err, &crash) && crash.ExitCode == -9:
								crashed.Add(1)
							default:
								t.Errorf("error %v", err)
							}
							done.Add(1)
						})
					}
					batch.Wait()
				}
			})
		}
		load.Wait()

		// Bombs that tasks have left behind may still go off, one a worker at most.
		n, err := square.Apply(soon(t), p, 9)
		for crash := new(process.CrashError); errors.As(err, &crash) && crash.ExitCode == -9 && crashed.Load() < kills.Load(); {
			crashed.Add(1)
			n, err = square.Apply(soon(t), p, 9)
		}
		wantErr(t, "Apply() after the storm", err, nil)
		want(t, "Apply() after the storm", n, 81)
		if err := lock.Acquire(soon(t)); err != nil {
			wantErr(t, "Acquire() after the storm", err, process.ErrOwnerDied)
		}
		p.Close()
		wantErr(t, "Join()", p.Join(soon(t)), nil)
		s := p.Stats()
		t.Logf("%d tasks, %d kills, %d tasks crashed; %+v", done.Load(), kills.Load(), crashed.Load(), s)
		if crashed.Load() > kills.Load() {
			t.Errorf("%d tasks crashed by %d kills", crashed.Load(), kills.Load())
		}
		if kills.Load() < minKills || done.Load() < minTasks {
			t.Errorf("%d kills and %d tasks are too few to tell anything", kills.Load(), done.Load())
		}
		want(t, "waiting or running", s.Waiting+s.Running, 0)
	})
}
