package thread_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/future"
	"github.com/trawl-go/trawl/thread"
)

func value[R any](v R) func(context.Context) (R, error) {
	return func(context.Context) (R, error) { return v, nil }
}

// sleep is a task that takes d.
func sleep(d time.Duration) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { <-time.After(d); return 1, nil }
}

func submit[R any](t *testing.T, ctx context.Context, p *thread.Pool, fn func(context.Context) (R, error)) *future.Future[R] {
	t.Helper()
	f, err := thread.Submit(ctx, p, fn)
	if err != nil {
		t.Fatalf("Submit() = %v", err)
	}
	return f
}

// workers are the names of the threads that are alive, without the main one.
func workers() (names []string) {
	for _, th := range thread.Enumerate()[1:] {
		names = append(names, th.Name())
	}
	return names
}

func TestItem132_Workers(t *testing.T) {
	if panics(func() { thread.NewPool(t.Context(), &thread.PoolOptions{Workers: -1}) }) == nil {
		t.Error("a negative number of workers is taken")
	}
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, nil)
		for range 100 {
			submit(t, ctx, p, sleep(time.Second))
		}
		want(t, "workers by default", len(workers()), min(32, runtime.GOMAXPROCS(0)+4))
	})
}

func TestItem133_MapOrder(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 3})
		in := []int{5, 3, 1, 4, 2}
		var started atomic.Int32
		results := thread.Map(ctx, p, in, func(_ context.Context, n int) (int, error) {
			started.Add(1)
			<-time.After(time.Duration(n) * time.Second)
			return n * n, nil
		})
		<-time.After(time.Minute)
		want(t, "started before the first result was asked for", started.Load(), 5)
		var got []int
		for v, err := range results {
			wantErr(t, "error", err, nil)
			got = append(got, v)
		}
		if !slices.Equal(got, []int{25, 9, 1, 16, 4}) {
			t.Errorf("Map() gave %v", got)
		}
		for range results {
			t.Error("a second range gives something")
		}
	})
}

func TestItem134_MapError(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		p := thread.NewPool(ctx, nil)
		var got []string
		for v, err := range thread.Map(ctx, p, []int{4, 2, 0, 1}, func(_ context.Context, n int) (int, error) {
			if n == 2 {
				return 0, io.EOF
			}
			return 4 / n, nil
		}) {
			got = append(got, fmt.Sprint(v, err))
		}
		if want := []string{"1 <nil>", "0 EOF", "0 panic: runtime error: integer divide by zero", "4 <nil>"}; !slices.Equal(got, want) {
			t.Errorf("Map() gave %q, want %q", got, want)
		}
	})
}

func TestItem135_MapTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 3})
		results := thread.Map(within(t, ctx, 5*time.Second), p, []int{1, 2, 60, 3}, func(_ context.Context, n int) (int, error) {
			<-time.After(time.Duration(n) * time.Second)
			return n, nil
		})
		<-time.After(4 * time.Second) // the time runs from the call
		start := time.Now()
		var got []string
		for v, err := range results {
			got = append(got, fmt.Sprint(v, err))
		}
		want(t, "took", time.Since(start), time.Second)
		if want := []string{"1 <nil>", "2 <nil>", "0 context deadline exceeded", "3 <nil>"}; !slices.Equal(got, want) {
			t.Errorf("Map() gave %q, want %q", got, want)
		}
	})
}

func TestItem136_MapDropped(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 1})
		var started atomic.Int32
		for _, err := range thread.Map(ctx, p, make([]int, 10), func(context.Context, int) (int, error) {
			started.Add(1)
			<-time.After(time.Second)
			return 0, io.EOF
		}) {
			if err != nil {
				break
			}
		}
		<-time.After(time.Minute)
		if n := started.Load(); n > 2 {
			t.Errorf("%d tasks were started, want the first and perhaps the second", n)
		}
	})
}

func TestItem137_CloseRunsPending(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 3})
		var ran atomic.Int32
		for range 50 {
			submit(t, ctx, p, func(context.Context) (int, error) { <-time.After(time.Second); ran.Add(1); return 0, nil })
		}
		wantErr(t, "Close() too short", p.Close(within(t, ctx, time.Second/2)), context.DeadlineExceeded)
		wantErr(t, "Close()", p.Close(ctx), nil)
		want(t, "ran", ran.Load(), 50)
		want(t, "workers left", len(workers()), 0)
	})
}

func TestItem138_SubmitAfterShutdown(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		p := thread.NewPool(ctx, nil)
		p.Shutdown()
		p.Shutdown()
		p.ShutdownNow()
		_, err := thread.Submit(ctx, p, value(1))
		want(t, "Submit()", err, thread.ErrPoolClosed)
		n := 0
		for _, err := range thread.Map(ctx, p, []int{1, 2}, func(context.Context, int) (int, error) { return 0, nil }) {
			want(t, "error of Map()", err, thread.ErrPoolClosed)
			n++
		}
		want(t, "Map() gives", n, 1)
		for range 2 {
			wantErr(t, "Close()", p.Close(ctx), nil)
		}
	})
}

func TestItem139_ShutdownNow(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 5})
		var fs []*future.Future[int]
		for range 50 {
			fs = append(fs, submit(t, ctx, p, sleep(time.Second)))
		}
		synctest.Wait()
		p.ShutdownNow()
		var states [4]int
		for _, f := range fs {
			states[f.State()]++
		}
		want(t, "pending", states[future.Pending], 0)
		want(t, "running", states[future.Running], 5)
		want(t, "cancelled", states[future.Cancelled], 45)
		wantErr(t, "Close()", p.Close(ctx), nil)
		for _, f := range fs[:5] {
			v, err := f.Result(ctx)
			want(t, "Result() of a running one", v, 1)
			wantErr(t, "Result()", err, nil)
		}
		_, err := fs[5].TryResult()
		want(t, "TryResult()", err, future.ErrCancelled)
	})
}

func TestItem140_ShutdownDoesNotWait(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 2})
		start := time.Now()
		var fs []*future.Future[int]
		for range 6 {
			fs = append(fs, submit(t, ctx, p, sleep(time.Second)))
		}
		p.Shutdown()
		want(t, "took", time.Since(start), 0)
		done, _, _ := future.Wait(ctx, future.All, fs...)
		want(t, "done", len(done), 6)
		synctest.Wait()
		want(t, "workers left", len(workers()), 0)
	})
}

func TestItem141_ShutdownAfterCancel(t *testing.T) {
	for range 200 {
		scope(t, nil, func(ctx context.Context) {
			p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 1})
			f := submit(t, ctx, p, value(1))
			cancelled := f.Cancel()
			wantErr(t, "Close()", p.Close(ctx), nil)
			_, err := f.TryResult()
			want(t, "cancelled", err == future.ErrCancelled, cancelled)
		})
	}
}

func TestItem142_ShutdownWhenFull(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 1, Queue: 2})
		for range 3 {
			submit(t, ctx, p, sleep(time.Second))
		}
		_, err := thread.Submit(within(t, ctx, time.Second/2), p, value(1))
		wantErr(t, "Submit() when full", err, context.DeadlineExceeded)
		waiting := thread.Go(ctx, "x", func(ctx context.Context) error {
			_, err := thread.Submit(ctx, p, value(1))
			return err
		})
		<-time.After(time.Second) // one task ends, so this one is in
		wantErr(t, "Submit()", waiting.Join(ctx), nil)
		waiting = thread.Go(ctx, "x", func(ctx context.Context) error {
			_, err := thread.Submit(ctx, p, value(1))
			return err
		})
		synctest.Wait()
		p.Shutdown()
		want(t, "Submit() at Shutdown", waiting.Join(ctx), thread.ErrPoolClosed)
		wantErr(t, "Close()", p.Close(ctx), nil)
	})
}

func TestItem143_WorkersReused(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 8})
		want(t, "workers before the first task", len(workers()), 0)
		for range 20 {
			submit(t, ctx, p, value(1)).Result(ctx)
			synctest.Wait()
			want(t, "workers", len(workers()), 1)
		}
		var running, most atomic.Int32
		for range 100 {
			submit(t, ctx, p, func(context.Context) (int, error) {
				if n := running.Add(1); n > most.Load() {
					most.Store(n)
				}
				<-time.After(time.Second)
				running.Add(-1)
				return 0, nil
			})
		}
		p.Close(ctx)
		want(t, "most tasks at a time", most.Load(), 8)
	})
}

func TestItem144_WorkerNames(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 3, Name: "fetch"})
		for range 5 {
			submit(t, ctx, p, sleep(time.Second))
		}
		if got, want := workers(), []string{"fetch_0", "fetch_1", "fetch_2"}; !slices.Equal(got, want) {
			t.Errorf("workers are %v, want %v", got, want)
		}
		p.Close(ctx)
		for range 2 {
			submit(t, ctx, thread.NewPool(ctx, nil), sleep(time.Second))
		}
		got := workers()
		if len(got) != 2 || got[0] == got[1] || !strings.HasPrefix(got[0], "Pool-") || !strings.HasSuffix(got[0], "_0") {
			t.Errorf("workers of unnamed pools are %v, want Pool-N_0 with different N", got)
		}
	})
}

func TestItem145_Init(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		type key struct{}
		var ready sync.Map
		p := thread.NewPool(context.WithValue(ctx, key{}, "v"), &thread.PoolOptions{Workers: 3, Init: func(ctx context.Context) error {
			want(t, "value of the pool's context", ctx.Value(key{}), any("v"))
			if _, again := ready.LoadOrStore(thread.Current(ctx), true); again {
				t.Error("Init was called again on a worker")
			}
			return nil
		}})
		for range 9 {
			submit(t, ctx, p, func(ctx context.Context) (int, error) {
				if _, ok := ready.Load(thread.Current(ctx)); !ok {
					t.Error("a task runs before Init")
				}
				<-time.After(time.Second)
				return 0, nil
			})
		}
	})
}

func TestItem146_InitFails(t *testing.T) {
	for name, init := range map[string]func(context.Context) error{
		"error":  func(context.Context) error { <-time.After(time.Second); return io.EOF },
		"panic":  func(context.Context) error { <-time.After(time.Second); panic(io.EOF) },
		"goexit": func(context.Context) error { <-time.After(time.Second); runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hooked atomic.Int32
				opts := &thread.ScopeOptions{OnError: func(*thread.Thread, error) { hooked.Add(1) }}
				scope(t, opts, func(ctx context.Context) {
					p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 2, Queue: 3, Init: init})
					var fs []*future.Future[int]
					for range 5 {
						fs = append(fs, submit(t, ctx, p, value(1)))
					}
					_, err := thread.Submit(ctx, p, value(1)) // waits for room
					for _, f := range fs {
						_, ferr := f.Result(ctx)
						wantErr(t, "Result()", ferr, thread.ErrPoolBroken)
						if name != "goexit" {
							wantErr(t, "Result()", ferr, io.EOF)
						} else {
							wantErr(t, "Result()", ferr, thread.ErrGoexit)
						}
					}
					wantErr(t, "waiting Submit()", err, thread.ErrPoolBroken)
					_, err = thread.Submit(ctx, p, value(1))
					wantErr(t, "Submit()", err, thread.ErrPoolBroken)
					wantErr(t, "Close()", p.Close(ctx), nil)
				})
				if name != "goexit" {
					want(t, "workers whose error the scope saw", hooked.Load(), 2)
				}
			})
		})
	}
}

func TestItem147_ScopeCompletesTasks(t *testing.T) {
	for name, before := range map[string]func(p *thread.Pool){
		"left open":      func(*thread.Pool) {},
		"after Shutdown": func(p *thread.Pool) { p.Shutdown() },
	} {
		t.Run(name, func(t *testing.T) {
			var ran atomic.Int32
			bubble(t, func(t *testing.T, ctx context.Context) {
				p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 2})
				for range 10 {
					submit(t, ctx, p, func(ctx context.Context) (int, error) {
						<-time.After(time.Second)
						ran.Add(1)
						return 0, ctx.Err()
					})
				}
				before(p)
			})
			want(t, "ran", ran.Load(), 10)
		})
	}
	// A pool made too late is shut down from the start.
	bubble(t, func(t *testing.T, ctx context.Context) {
		thread.Go(ctx, "late", func(ctx context.Context) error {
			<-time.After(time.Second)
			_, err := thread.Submit(ctx, thread.NewPool(ctx, nil), value(1))
			want(t, "Submit()", err, thread.ErrPoolClosed)
			return nil
		})
	})
}

func TestItem148_TaskUnwinds(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 1, Name: "w"})
		for range 3 {
			bad := submit(t, ctx, p, func(context.Context) (int, error) { panic("bad page") })
			exit := submit(t, ctx, p, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
			good := submit(t, ctx, p, func(ctx context.Context) (string, error) { return thread.Current(ctx).Name(), nil })
			_, err := bad.Result(ctx)
			var pe *thread.PanicError
			if !errors.As(err, &pe) || pe.Value != "bad page" || !strings.Contains(string(pe.Stack), "TestItem148") {
				t.Errorf("Result() = %v, want a PanicError with a stack", err)
			}
			_, err = exit.Result(ctx)
			want(t, "Result()", err, thread.ErrGoexit)
			v, err := good.Result(ctx)
			want(t, "Result()", v, "w_0")
			wantErr(t, "Result()", err, nil)
		}
	})
}

func TestItem149_TaskReleased(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 1})
		var f *future.Future[int]
		released(t, func(big *[1 << 16]byte) {
			f = submit(t, context.WithValue(ctx, big, big), p, func(context.Context) (int, error) { return int(big[0]), nil })
			f.Result(ctx)
			submit(t, ctx, p, value(1)).Result(ctx) // the worker is past the task
		})
		released(t, func(big *[1 << 16]byte) {
			submit(t, ctx, p, value(big)).Result(ctx)
			submit(t, ctx, p, value(1)).Result(ctx)
		})
		runtime.KeepAlive(f)
	})
}

func TestItem150_SubmitFromInside(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 1})
		var s said
		f := submit(t, ctx, p, func(ctx context.Context) (*future.Future[int], error) {
			s.say("outer")
			return thread.Submit(ctx, p, func(context.Context) (int, error) { s.say("inner"); return 1, nil })
		})
		inner, err := f.Result(ctx)
		wantErr(t, "Submit() in a task", err, nil)
		inner.Result(ctx)

		var last atomic.Pointer[future.Future[int]]
		var ready thread.Event
		submit(t, ctx, p, value(1)).OnDone(func() {
			f, err := thread.Submit(ctx, p, func(context.Context) (int, error) { s.say("callback"); return 1, nil })
			wantErr(t, "Submit() in a callback", err, nil)
			last.Store(f)
			ready.Set()
		})
		ready.Wait(ctx)
		last.Load().Result(ctx)
		s.want(t, "outer", "inner", "callback")
	})
}

func TestItem151_TaskKeepsSubmitting(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 2})
		var n atomic.Int32
		var again func(ctx context.Context) (int, error)
		again = func(ctx context.Context) (int, error) {
			<-time.After(time.Second)
			if n.Add(1) > 100 {
				t.Error("the scope does not end")
				return 0, nil
			}
			_, err := thread.Submit(ctx, p, again)
			return 0, err
		}
		submit(t, ctx, p, again)
		<-time.After(10500 * time.Millisecond)
	})
}

// Tasks that come from outside of the scope, while it ends, are run or refused.
func TestSubmitWhileScopeEnds(t *testing.T) {
	for range 500 {
		var p *thread.Pool
		made, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			<-made
			f, err := thread.Submit(context.Background(), p, value(1))
			if err == nil {
				_, err = f.Result(context.Background())
			} else if err != thread.ErrPoolClosed {
				t.Errorf("Submit() = %v", err)
			}
			if err != nil && err != thread.ErrPoolClosed {
				t.Errorf("Result() = %v", err)
			}
		}()
		thread.Scope(t.Context(), func(ctx context.Context) error {
			p = thread.NewPool(ctx, &thread.PoolOptions{Workers: 1})
			close(made)
			return nil
		}, nil)
		<-done
		waitFor(t, func() bool { return thread.ActiveCount() == 1 })
	}
}

// A task whose context has ended is not run, and a task sees the context it
// was submitted with, as seen by the worker.
func TestTaskContext(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		type key struct{}
		p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 1, Name: "w"})
		short := context.WithValue(within(t, ctx, 1500*time.Millisecond), key{}, "v")
		first := submit(t, short, p, func(ctx context.Context) (int, error) {
			want(t, "value", ctx.Value(key{}), any("v"))
			want(t, "thread", thread.Current(ctx).Name(), "w_0")
			<-time.After(time.Second)
			return 1, ctx.Err()
		})
		second := submit(t, short, p, sleep(time.Second))
		third := submit(t, short, p, func(context.Context) (int, error) { t.Error("ran"); return 1, nil })
		for f, want := range map[*future.Future[int]]error{first: nil, second: nil, third: context.DeadlineExceeded} {
			_, err := f.Result(ctx)
			wantErr(t, "Result()", err, want)
		}
		_, err := thread.Submit(ended(ctx), p, value(1))
		wantErr(t, "Submit() with an ended context", err, context.Canceled)
	})
}

// Every task that was taken ends, and runs once unless it was cancelled, while
// some submit, some cancel, tasks panic and exit, and the pool is shut down.
func TestPoolHammer(t *testing.T) {
	for seed := range uint64(30) {
		scope(t, nil, func(ctx context.Context) {
			p := thread.NewPool(ctx, &thread.PoolOptions{Workers: 3, Queue: int(seed % 3 * 4)})
			var mu sync.Mutex
			var fs []*future.Future[int]
			var taken, ran atomic.Int32
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					rnd := rand.New(rand.NewPCG(seed, uint64(g)))
					for range 200 {
						kind := rnd.IntN(10)
						short, cancel := context.WithTimeout(ctx, time.Duration(rnd.IntN(1000))*time.Microsecond)
						defer cancel()
						f, err := thread.Submit(short, p, func(context.Context) (int, error) {
							ran.Add(1)
							switch kind {
							case 0:
								panic("bad")
							case 1:
								runtime.Goexit()
							}
							return 1, nil
						})
						if err != nil {
							continue
						}
						taken.Add(1)
						if kind == 2 {
							f.Cancel()
						}
						mu.Lock()
						fs = append(fs, f)
						mu.Unlock()
					}
				})
			}
			wg.Go(func() {
				for taken.Load() < 300 && len(workers()) < 100 {
					yield()
					if seed%2 == 0 && taken.Load() > 250 {
						p.ShutdownNow()
						return
					}
				}
				p.Shutdown()
			})
			wg.Wait()
			wantErr(t, "Close()", p.Close(ctx), nil)
			notRun := int32(0)
			for _, f := range fs {
				_, err := f.TryResult()
				switch {
				case err == future.ErrPending:
					t.Fatal("a task never ended")
				case err == future.ErrCancelled, err == context.DeadlineExceeded, err == context.Canceled:
					notRun++
				}
			}
			want(t, "ran", ran.Load(), taken.Load()-notRun)
		})
	}
}
