//go:build unix

package process_test

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/future"
	"github.com/trawl-go/trawl/process"
)

func TestItem241_TaskKillsItsWorker(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2})
	before := must(square.Submit(t.Context(), p, 2))
	bad := must(does.Submit(t.Context(), p, "kill"))
	after := must(square.Submit(t.Context(), p, 3))
	_, err := bad.Result(soon(t))
	var crash *process.CrashError
	if !errors.As(err, &crash) {
		t.Fatalf("Result() = %v, want a CrashError", err)
	}
	want(t, "exit code", crash.ExitCode, -9)
	want(t, "signal", crash.Signal, os.Signal(syscall.SIGKILL))
	wantText(t, "name", crash.Name, "PoolWorker-")
	for i, f := range []*future.Future[int]{before, after} {
		n, err := f.Result(soon(t))
		wantErr(t, "Result()", err, nil)
		want(t, "Result()", n, (i+2)*(i+2))
	}
	want(t, "crashed", p.Stats().Crashed, 1)
	want(t, "failed", p.Stats().Failed, 1)
}

// When Join returns every future has ended, those of the last worker's crash
// and of Terminate among them, and its callbacks have returned.
func TestJoinComesAfterFutures(t *testing.T) {
	for _, tt := range []struct {
		what string
		end  func(*process.Pool)
	}{
		{"kill", (*process.Pool).Close},
		{"hang", (*process.Pool).Terminate},
	} {
		p := newPool(t, &process.PoolOptions{Workers: 1})
		f := must(does.Submit(t.Context(), p, tt.what))
		called := make(chan error, 1)
		f.OnDone(func() { called <- p.Join(ended(t.Context())) })
		tt.end(p)
		wantErr(t, tt.what+": Join()", p.Join(soon(t)), nil)
		select {
		case err := <-called:
			wantErr(t, tt.what+": Join() from the callback", err, context.Canceled)
		default:
			t.Errorf("%s: Join() returned before the callback", tt.what)
		}
	}
}

func TestItem242_TaskExits(t *testing.T) {
	var stderr text
	p := newPool(t, &process.PoolOptions{Workers: 1, Stderr: &stderr})
	for what, code := range map[string]int{"exit": 3, "exit 0": 0} {
		_, err := does.Apply(soon(t), p, what)
		var crash *process.CrashError
		if !errors.As(err, &crash) {
			t.Fatalf("Apply(%s) = %v, want a CrashError", what, err)
		}
		want(t, "exit code", crash.ExitCode, code)
	}
	_, err := square.Apply(soon(t), p, 3)
	wantErr(t, "Apply() after that", err, nil)
}

func TestItem243_KillerInMap(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2})
	in := slices.Repeat([]string{"fine"}, 200)
	in[77] = "kill"
	got, err := does.Map(soon(t), p, in, 0)
	var item *process.ItemError
	var crash *process.CrashError
	if !errors.As(err, &item) || !errors.As(err, &crash) {
		t.Fatalf("Map() = %v, want an ItemError of a CrashError", err)
	}
	want(t, "index", item.Index, 77)
	in[77] = ""
	want(t, "the others", got, in)
	p.Close()
	wantErr(t, "Join()", p.Join(soon(t)), nil)
}

func TestItem244_UndecodableResult(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 1})
	for range 5 {
		_, err := returnsWorse.Apply(soon(t), p, none{})
		var enc *process.EncodeError
		want(t, "Apply() is an EncodeError", errors.As(err, &enc), true)
		n, err := square.Apply(soon(t), p, 5)
		wantErr(t, "Apply() after that", err, nil)
		want(t, "Apply() after that", n, 25)
	}
	want(t, "started", p.Stats().Started, 1)
}

var failsToStart = process.Register("failsToStart", func(_ context.Context, how string) (none, error) {
	switch how {
	case "error":
		return none{}, errTest
	case "panic":
		panic(errTest)
	case "exit":
		os.Exit(5)
	case "hang":
		select {}
	}
	return none{}, nil
})

func TestItem246_FailingInit(t *testing.T) {
	for _, how := range []string{"error", "panic", "exit", "hang"} {
		t.Run(how, func(t *testing.T) {
			o := process.PoolOptions{Workers: 1, Init: failsToStart.With(how), Stderr: io.Discard}
			if how == "hang" {
				o.TaskTimeout = 5 * time.Millisecond
			}
			p := newPool(t, &o)
			f := must(square.Submit(t.Context(), p, 1))
			g := must(square.Submit(t.Context(), p, 2))
			for _, f := range []*future.Future[int]{f, g} {
				_, err := f.Result(soon(t))
				wantErr(t, "Result()", err, process.ErrPoolBroken)
				switch how {
				case "error", "panic":
					wantErr(t, "its cause", err, errTest)
				case "exit":
					wantText(t, "its cause", err.Error(), "exit code 5")
				case "hang":
					wantErr(t, "its cause", err, os.ErrDeadlineExceeded)
				}
			}
			_, err := square.Submit(t.Context(), p, 1)
			wantErr(t, "Submit()", err, process.ErrPoolBroken)
			want(t, "started", p.Stats().Started, 5)
			wantErr(t, "Join()", p.Join(soon(t)), nil)
		})
	}
}

// 247 is TestItem217; and Terminate while workers are starting.
func TestItem247_TerminateAtOnce(t *testing.T) {
	for range 10 {
		p := newPool(t, &process.PoolOptions{Workers: 4})
		f := must(square.Submit(t.Context(), p, 1))
		p.Terminate()
		if _, err := f.Result(soon(t)); err != nil {
			wantErr(t, "Result()", err, process.ErrTerminated)
		}
		wantErr(t, "Join()", p.Join(soon(t)), nil)
		want(t, "workers", p.Stats().Workers, 0)
	}
}

func TestItem251_Timeout(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2, TaskTimeout: 300 * time.Millisecond})
	before := must(pid.Apply(soon(t), p, none{}))
	bad := must(does.Submit(t.Context(), p, "loop"))
	_, err := bad.Result(soon(t))
	var timeout *process.TimeoutError
	if !errors.As(err, &timeout) {
		t.Fatalf("Result() = %v, want a TimeoutError", err)
	}
	want(t, "After", timeout.After, 300*time.Millisecond)
	wantErr(t, "the error", err, os.ErrDeadlineExceeded)
	after := must(pid.Apply(soon(t), p, none{}))
	want(t, "it is another worker", after != before, true)
	want(t, "timed out", p.Stats().TimedOut, 1)
	want(t, "crashed", p.Stats().Crashed, 0)
}

var eats = process.Register("eats", func(_ context.Context, bytes int) (int, error) {
	var all [][]byte
	n := 0
	for n < bytes {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = byte(i)
		}
		all = append(all, b)
		n += len(b)
	}
	return len(all), nil
})

func TestItem252_MemoryLimit(t *testing.T) {
	if !process.MemoryLimited {
		t.Skip("this system has no memory limit")
	}
	p := newPool(t, &process.PoolOptions{Workers: 2, Memory: 128 << 20, Stderr: io.Discard})
	n, err := eats.Apply(soon(t), p, 20<<20)
	wantErr(t, "Apply() of 20 MB", err, nil)
	want(t, "Apply() of 20 MB", n, 20)
	_, err = eats.Apply(soon(t), p, 1<<30)
	wantErr(t, "Apply() of 1 GB", err, process.ErrMemory)
	var crash *process.CrashError
	want(t, "it is a CrashError", errors.As(err, &crash), true)
	wantText(t, "text", err.Error(), "memory limit exceeded")
	n, err = eats.Apply(soon(t), p, 20<<20)
	wantErr(t, "Apply() of 20 MB after that", err, nil)
	want(t, "Apply() of 20 MB after that", n, 20)
	// A crash is not taken for it.
	_, err = does.Apply(soon(t), p, "kill")
	want(t, "another crash is ErrMemory", errors.Is(err, process.ErrMemory), false)
}

// 245 and 254: of many tasks in the hands of a worker only the one that ran
// fails, and the others are done once.
func TestItem254_Attribution(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 1})
	square.Map(soon(t), p, ints(200), 0) // so that it gets several at a time
	runs := must(process.NewArray[int32](300))
	in := make([]attributed, runs.Len())
	for i := range in {
		in[i] = attributed{runs, i, i == 50 || i == 51 || i == 200}
	}
	i := 0
	for _, err := range runsOnce.Imap(soon(t), p, slices.Values(in), 0) {
		var crash *process.CrashError
		if got := errors.As(err, &crash); got != in[i].Die {
			t.Errorf("task %d: %v", i, err)
		}
		i++
	}
	all := make([]int32, runs.Len())
	runs.CopyTo(all, 0)
	want(t, "runs of each", all, slices.Repeat([]int32{1}, len(all)))
	want(t, "crashed", p.Stats().Crashed, 3)
}

type attributed struct {
	Runs *process.Array[int32]
	I    int
	Die  bool
}

var runsOnce = process.Register("runsOnce", func(_ context.Context, a attributed) (none, error) {
	a.Runs.Add(a.I, 1)
	if a.Die {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return none{}, nil
})

// stays does not end before its context, or not even then.
var stays = process.Register("stays", func(ctx context.Context, a staysArg) (none, error) {
	a.Come.Set()
	if a.Stubborn {
		busy()
	}
	<-ctx.Done()
	return none{}, ctx.Err()
})

type staysArg struct {
	Come     *process.Event
	Stubborn bool
}

func TestItem255_CancelRunning(t *testing.T) {
	for _, x := range []struct {
		stubborn bool
		grace    time.Duration
	}{{false, time.Minute}, {true, time.Millisecond}} {
		p := newPool(t, &process.PoolOptions{Workers: 1, Grace: x.grace})
		before := must(pid.Apply(soon(t), p, none{}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		come := must(process.NewEvent())
		f := must(stays.Submit(ctx, p, staysArg{come, x.stubborn}))
		behind := must(square.Submit(t.Context(), p, 5))
		wantErr(t, "Wait()", come.Wait(soon(t)), nil)
		cancel()
		_, err := f.Result(soon(t))
		wantErr(t, "Result()", err, context.Canceled)
		n, err := behind.Result(soon(t))
		wantErr(t, "Result() of the one behind", err, nil)
		want(t, "Result() of the one behind", n, 25)
		after := must(pid.Apply(soon(t), p, none{}))
		want(t, "the worker was killed", after != before, x.stubborn)
	}
}

// 226 to 236: whatever happens to a worker, and whenever, every future ends.
func TestItem226_NothingHangs(t *testing.T) {
	large := strings.Repeat("x", 300_000) // more than a pipe holds
	for _, x := range []struct {
		name string
		in   []string
	}{
		{"crash with much in flight", slices.Concat(slices.Repeat([]string{large}, 20), []string{"kill"}, slices.Repeat([]string{large}, 20))},
		{"all crash", slices.Repeat([]string{"kill"}, 20)},
		{"all exit", slices.Repeat([]string{"exit 0"}, 20)},
		{"a mix", slices.Repeat([]string{"kill", "fine", "panic", "exit", "goexit", large}, 5)},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := newPool(t, &process.PoolOptions{Workers: 2, Stderr: io.Discard})
			var fs []*future.Future[string]
			for _, what := range x.in {
				fs = append(fs, must(does.Submit(t.Context(), p, what)))
			}
			p.Close() // crashes after Close are crashes all the same
			for i, f := range fs {
				s, err := f.Result(soon(t))
				var crash *process.CrashError
				var r *process.RemoteError
				switch x.in[i] {
				case "kill", "exit", "exit 0":
					want(t, "is a CrashError", errors.As(err, &crash), true)
				case "panic", "goexit":
					want(t, "is a RemoteError", errors.As(err, &r), true)
				default:
					wantErr(t, "error", err, nil)
					if s != x.in[i] {
						t.Errorf("result of %d bytes, want %d", len(s), len(x.in[i]))
					}
				}
			}
			wantErr(t, "Join()", p.Join(soon(t)), nil)
			want(t, "done", p.Stats().Done, len(fs))
		})
	}
}

func TestSubmitFromMany(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 2})
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for i := range 100 {
				n, err := square.Apply(soon(t), p, k*100+i)
				if err != nil || n != (k*100+i)*(k*100+i) {
					t.Errorf("Apply() = %v, %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	s := p.Stats()
	want(t, "done", s.Done, 800)
	want(t, "failed", s.Failed, 0)
}

var nested = process.Register("nested", func(ctx context.Context, n int) (int, error) {
	p := process.NewPool(&process.PoolOptions{Workers: 1})
	defer p.Terminate()
	return square.Apply(ctx, p, n)
})

// Δ: a task may have a pool of its own.
func TestPoolInAPool(t *testing.T) {
	p := newPool(t, &process.PoolOptions{Workers: 1})
	n, err := nested.Apply(soon(t), p, 9)
	wantErr(t, "Apply()", err, nil)
	want(t, "Apply()", n, 81)
}

func TestPoolOutput(t *testing.T) {
	var out, errs text
	p := newPool(t, &process.PoolOptions{Workers: 2, Stdout: &out, Stderr: &errs})
	_, err := lines.Map(soon(t), p, []int{5, 5, 5, 5}, 0)
	wantErr(t, "Map()", err, nil)
	p.Close()
	wantErr(t, "Join()", p.Join(soon(t)), nil)
	want(t, "lines", strings.Count(out.String(), "中文\n"), 20)
	want(t, "standard error", strings.Count(errs.String(), "no newline"), 4)
}
