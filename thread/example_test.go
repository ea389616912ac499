package thread_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/trawl-go/trawl/thread"
)

func ExampleGo() {
	ctx := context.Background()
	t := thread.Go(ctx, "fetch-3", func(ctx context.Context) error {
		fmt.Println("hello from", thread.Current(ctx).Name())
		return errors.New("no route")
	})
	fmt.Println(t.Join(ctx))
	// Output:
	// hello from fetch-3
	// no route
}

func ExampleThread_Join() {
	ctx := context.Background()
	var stop thread.Event
	t := thread.Go(ctx, "slow", func(ctx context.Context) error { return stop.Wait(ctx) })

	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	fmt.Println(t.Join(short), t.Alive())

	stop.Set()
	fmt.Println(t.Join(ctx), t.Alive())
	// Output:
	// join slow: context deadline exceeded true
	// <nil> false
}

func ExampleQueue() {
	ctx := context.Background()
	q := thread.NewQueue[string](100)
	worker := thread.Go(ctx, "worker", func(ctx context.Context) error {
		for item := range q.All(ctx) {
			fmt.Println("working on", item)
			q.TaskDone()
		}
		return ctx.Err()
	})

	for _, item := range []string{"甲", "乙", "丙"} {
		if err := q.Put(ctx, item); err != nil {
			fmt.Println(err)
		}
	}
	q.Join(ctx) // every item is worked off
	q.Shutdown()
	fmt.Println(worker.Join(ctx), q.TryPut("丁"))
	// Output:
	// working on 甲
	// working on 乙
	// working on 丙
	// <nil> thread: queue is shut down
}

func ExampleNewPriorityQueue() {
	type job struct {
		rank int
		name string
	}
	q := thread.NewPriorityQueue(0, func(a, b job) int { return cmp.Compare(a.rank, b.rank) })
	for _, j := range []job{{2, "later"}, {1, "first"}, {1, "second"}} {
		q.TryPut(j)
	}
	for q.Len() > 0 {
		j, _ := q.TryGet()
		fmt.Println(j.name)
	}
	// Output:
	// first
	// second
	// later
}

func ExampleNewStack() {
	q := thread.NewStack[int](2)
	fmt.Println(q.TryPut(1), q.TryPut(2), q.TryPut(3))
	v, err := q.TryGet()
	fmt.Println(v, err)
	// Output:
	// <nil> <nil> thread: queue is full
	// 2 <nil>
}

func ExampleScope() {
	err := thread.Scope(context.Background(), func(ctx context.Context) error {
		thread.Go(ctx, "worker", func(context.Context) error {
			fmt.Println("end of thread")
			return nil
		})
		daemon := thread.New("daemon", func(ctx context.Context) error {
			<-ctx.Done() // nobody waits for this
			return nil
		})
		daemon.SetDaemon(true)
		return daemon.Start(ctx)
	}, nil)
	fmt.Println("end of main:", err)
	// Output:
	// end of thread
	// end of main: <nil>
}

func ExampleScopeOptions() {
	opts := &thread.ScopeOptions{
		OnError: func(t *thread.Thread, err error) {
			fmt.Println(t.Name(), "failed:", err)
			by, _, _ := strings.Cut(t.StartStack(), "\n")
			fmt.Println("started by", path.Base(by))
		},
		StartStacks: true,
	}
	thread.Scope(context.Background(), func(ctx context.Context) error {
		thread.Go(ctx, "parser", func(context.Context) error { panic("bad page") })
		return nil
	}, opts)
	// Output:
	// parser failed: panic: bad page
	// started by thread_test.ExampleScopeOptions.func2
}

func ExampleLock() {
	ctx := context.Background()
	var lock thread.Lock
	fmt.Println(lock.Acquire(ctx), lock.Locked(), lock.TryAcquire())
	fmt.Println(lock.Release(), lock.Locked())
	fmt.Println(lock.Release())
	// Output:
	// <nil> true false
	// <nil> false
	// thread: lock is not locked
}

func ExampleCond() {
	ctx := context.Background()
	cond := thread.NewCond(nil)
	ready := false
	t := thread.Go(ctx, "waiter", func(ctx context.Context) error {
		if err := cond.L.Acquire(ctx); err != nil {
			return err
		}
		defer cond.L.Unlock()
		return cond.WaitFor(ctx, func() bool { return ready })
	})

	cond.L.Lock()
	ready = true
	cond.Notify(1)
	cond.L.Unlock()
	fmt.Println(t.Join(ctx))
	// Output: <nil>
}

func ExampleEvent() {
	ctx := context.Background()
	var e thread.Event
	t := thread.Go(ctx, "waiter", func(ctx context.Context) error {
		defer fmt.Println("go")
		return e.Wait(ctx)
	})
	fmt.Println("ready")
	e.Set()
	t.Join(ctx)
	// Output:
	// ready
	// go
}

func ExampleSemaphore() {
	s := thread.NewBoundedSemaphore(2)
	fmt.Println(s.TryAcquire(), s.TryAcquire(), s.TryAcquire())
	fmt.Println(s.Release(2), s.Release(1))
	// Output:
	// true true false
	// <nil> thread: semaphore released too many times
}

func ExampleBarrier() {
	ctx := context.Background()
	b := thread.NewBarrier(2, func() error {
		fmt.Println("both are here")
		return nil
	})
	t := thread.Go(ctx, "other", func(ctx context.Context) error {
		_, err := b.Wait(ctx)
		return err
	})
	_, err := b.Wait(ctx)
	fmt.Println(err, t.Join(ctx))
	// Output:
	// both are here
	// <nil> <nil>
}

func ExampleTimer() {
	ctx := context.Background()
	t := thread.NewTimer("alarm", time.Hour, func(context.Context) error {
		fmt.Println("never")
		return nil
	})
	t.Start(ctx)
	fmt.Println(t.Cancel(), t.Join(ctx))
	// Output: true <nil>
}

func ExampleSubmit() {
	ctx := context.Background()
	pool := thread.NewPool(ctx, &thread.PoolOptions{Workers: 5, Name: "fetch"})
	defer pool.Close(ctx)

	f, err := thread.Submit(ctx, pool, func(ctx context.Context) (string, error) {
		return "done by " + thread.Current(ctx).Name(), nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Result(ctx))
	// Output: done by fetch_0 <nil>
}

func ExampleMap() {
	ctx := context.Background()
	pool := thread.NewPool(ctx, nil)
	defer pool.Close(ctx)
	square := func(_ context.Context, n int) (int, error) { return n * n, nil }
	for v, err := range thread.Map(ctx, pool, []int{1, 2, 3}, square) {
		fmt.Println(v, err)
	}
	// Output:
	// 1 <nil>
	// 4 <nil>
	// 9 <nil>
}

func ExampleEnumerate() {
	ctx := context.Background()
	var stop thread.Event
	t := thread.Go(ctx, "worker", stop.Wait)
	for _, t := range thread.Enumerate() {
		fmt.Println(t.Name())
	}
	fmt.Println(thread.ActiveCount())
	stop.Set()
	t.Join(ctx)
	fmt.Println(thread.ActiveCount())
	// Output:
	// MainThread
	// worker
	// 2
	// 1
}

func ExampleThread_Run() {
	t := thread.New("request", func(ctx context.Context) error {
		fmt.Println(thread.Current(ctx).Name())
		return os.ErrExist
	})
	fmt.Println(t.Run(context.Background()))
	// Output:
	// request
	// file already exists
}
