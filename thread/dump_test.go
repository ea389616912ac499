package thread_test

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/thread"
)

// waitFor runs until cond is true. It is for states that only the runtime
// sees, such as "this goroutine is parked", outside of a synctest bubble.
func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for range 1_000_000 {
		if cond() {
			return
		}
		yield()
	}
	t.Fatal("waited in vain")
}

func dump(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := thread.Dump(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDump(t *testing.T) {
	scope(t, &thread.ScopeOptions{StartStacks: true}, func(ctx context.Context) {
		var lock thread.Lock
		var q thread.Queue[int]
		cond := thread.NewCond(nil)
		var stop thread.Event
		sema := thread.NewSemaphore(0)
		lock.Lock()
		thread.Go(ctx, "锁#1", lock.Acquire)
		thread.Go(ctx, "getter", func(ctx context.Context) error {
			_, err := q.Get(ctx)
			return err
		})
		thread.Go(ctx, "waiter", func(ctx context.Context) error {
			cond.L.Lock()
			defer cond.L.Unlock()
			return cond.Wait(ctx)
		})
		eventer := thread.Go(ctx, "eventer", func(ctx context.Context) error { return stop.Wait(ctx) })
		thread.Go(ctx, "sema", sema.Acquire)
		thread.Go(ctx, "joiner", func(ctx context.Context) error { return eventer.Join(ctx) })
		defer func() {
			lock.Unlock()
			q.Put(ctx, 1)
			cond.L.Lock()
			cond.NotifyAll()
			cond.L.Unlock()
			sema.Release(1)
			stop.Set()
		}()

		for name, want := range map[string]string{
			"锁#1":     "waits in thread.(*Lock).Acquire, called from the thread itself",
			"getter":  "waits in thread.(*Queue[...]).Get, called from github.com/trawl-go/trawl/thread_test.TestDump.",
			"waiter":  "waits in thread.(*Cond).Wait, called from github.com/trawl-go/trawl/thread_test.TestDump.",
			"eventer": "waits in thread.(*Event).Wait, called from ",
			"sema":    "waits in thread.(*Semaphore).Acquire, called from ",
			"joiner":  "waits in thread.(*Thread).Join, called from ",
		} {
			var got string
			waitFor(t, func() bool {
				_, got, _ = strings.Cut(dump(t), "Thread("+name+", started")
				got, _, _ = strings.Cut(got, "Thread(")
				return strings.Contains(got, want)
			})
			if !strings.Contains(got, "started by:\n\t\tgithub.com/trawl-go/trawl/thread_test.TestDump.") {
				t.Errorf("dump of %s does not tell who started it:\n%s", name, got)
			}
		}
		if got := dump(t); !strings.HasPrefix(got, "Thread(MainThread, started 1)\n\tgoroutine") || !strings.Contains(got, "\n7 threads; ") {
			t.Errorf("Dump() =\n%s\nwant the stack of the main thread first, and 7 threads in all", got)
		}
	})
}

// The label shows in the profiles of the runtime, under the name of the
// thread, and leaves the goroutine with the thread.
func TestProfileLabels(t *testing.T) {
	profile := func() string {
		var b bytes.Buffer
		pprof.Lookup("goroutine").WriteTo(&b, 1)
		return b.String()
	}
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("site", "doutula"))
	err := thread.New("生产线程-0", func(ctx context.Context) error {
		if got := profile(); !strings.Contains(got, `"site":"doutula", "thread":"生产线程-0"`) {
			t.Errorf("profile lacks the labels:\n%s", got)
		}
		return nil
	}).Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := profile(); strings.Contains(got, "生产线程-0") {
		t.Errorf("the label stays after the end of the thread:\n%s", got)
	}
	pprof.SetGoroutineLabels(context.Background())
}

// A task carries the label of the worker, not that of the thread that
// submitted it, also after pprof.Do in the task.
func TestPoolLabels(t *testing.T) {
	scope(t, nil, func(ctx context.Context) {
		pool := thread.NewPool(ctx, &thread.PoolOptions{Name: "pool"})
		err := thread.New("submitter", func(ctx context.Context) error {
			f, err := thread.Submit(ctx, pool, func(ctx context.Context) (string, error) {
				pprof.Do(ctx, pprof.Labels(), func(context.Context) {})
				label, _ := pprof.Label(ctx, "thread")
				return label + "\n" + dump(t), nil
			})
			if err != nil {
				return err
			}
			got, err := f.Result(ctx)
			if !strings.HasPrefix(got, "pool_0\n") {
				t.Errorf("label in the task is %.20q, want that of pool_0", got)
			}
			if _, rest, _ := strings.Cut(got, "Thread(pool_0"); !strings.Contains(rest, "thread.Dump") {
				t.Errorf("the task does not run as pool_0:\n%s", got)
			}
			return err
		}).Run(ctx)
		if err != nil {
			t.Fatal(err)
		}
	})
}
