package thread_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/thread"
)

// queues are the kinds of queue, and the order in which they give 3, 1, 2.
var queues = []struct {
	name  string
	make  func(max int) *thread.Queue[int]
	order []int
}{
	{"fifo", thread.NewQueue[int], []int{3, 1, 2}},
	{"lifo", thread.NewStack[int], []int{2, 1, 3}},
	{"priority", func(max int) *thread.Queue[int] { return thread.NewPriorityQueue(max, cmp.Compare[int]) }, []int{1, 2, 3}},
}

func eachQueue(t *testing.T, fn func(t *testing.T, newQueue func(max int) *thread.Queue[int])) {
	for _, k := range queues {
		t.Run(k.name, func(t *testing.T) { fn(t, k.make) })
	}
}

func drain(q *thread.Queue[int]) (got []int) {
	for {
		v, err := q.TryGet()
		if err != nil {
			return got
		}
		got = append(got, v)
	}
}

func TestItem093_Order(t *testing.T) {
	for _, k := range queues {
		for _, max := range []int{0, 3} {
			q := k.make(max)
			for _, v := range []int{3, 1, 2} {
				wantErr(t, "Put()", q.Put(t.Context(), v), nil)
			}
			if got := drain(q); !slices.Equal(got, k.order) {
				t.Errorf("%s gives %v, want %v", k.name, got, k.order)
			}
		}
	}
	type job struct{ rank, seq int }
	q := thread.NewPriorityQueue(0, func(a, b job) int { return cmp.Compare(a.rank, b.rank) })
	var jobs []job
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range 500 {
		jobs = append(jobs, job{rnd.IntN(10), i})
		q.TryPut(jobs[i])
	}
	sort.SliceStable(jobs, func(i, j int) bool { return jobs[i].rank < jobs[j].rank })
	for _, want := range jobs {
		if got, err := q.TryGet(); got != want || err != nil {
			t.Fatalf("TryGet() = %v, %v, want %v: smallest first, equal ones in order of arrival", got, err, want)
		}
	}
	var zero thread.Queue[string]
	zero.TryPut("甲")
	zero.TryPut("乙")
	a, _ := zero.TryGet()
	b, _ := zero.TryGet()
	want(t, "the zero queue gives", a+b, "甲乙")
}

func TestItem094_Full(t *testing.T) {
	eachQueue(t, func(t *testing.T, newQueue func(int) *thread.Queue[int]) {
		bubble(t, func(t *testing.T, ctx context.Context) {
			q := newQueue(2)
			q.Put(ctx, 1)
			q.Put(ctx, 2)
			want(t, "TryPut()", q.TryPut(3), thread.ErrFull)
			start := time.Now()
			wantErr(t, "Put()", q.Put(within(t, ctx, time.Second), 3), context.DeadlineExceeded)
			want(t, "took", time.Since(start), time.Second)
			want(t, "Len()", q.Len(), 2)
			putter := thread.Go(ctx, "x", func(ctx context.Context) error { return q.Put(ctx, 4) })
			synctest.Wait()
			want(t, "putter waits", putter.Alive(), true)
			q.Get(ctx)
			wantErr(t, "Put()", putter.Join(ctx), nil)
			want(t, "Len()", q.Len(), 2)
			if got := drain(q); !slices.Contains(got, 4) || slices.Contains(got, 3) {
				t.Errorf("inside are %v, want 4 among them and not 3", got)
			}
		})
	})
}

func TestItem095_Empty(t *testing.T) {
	eachQueue(t, func(t *testing.T, newQueue func(int) *thread.Queue[int]) {
		bubble(t, func(t *testing.T, ctx context.Context) {
			q := newQueue(2)
			_, err := q.TryGet()
			want(t, "TryGet()", err, thread.ErrEmpty)
			start := time.Now()
			_, err = q.Get(within(t, ctx, time.Second))
			wantErr(t, "Get()", err, context.DeadlineExceeded)
			want(t, "took", time.Since(start), time.Second)
			getter := thread.Go(ctx, "x", func(ctx context.Context) error {
				v, err := q.Get(ctx)
				want(t, "Get()", v, 7)
				return err
			})
			synctest.Wait()
			want(t, "getter waits", getter.Alive(), true)
			q.Put(ctx, 7)
			wantErr(t, "Get()", getter.Join(ctx), nil)
			want(t, "Len()", q.Len(), 0)
		})
	})
}

func TestItem096_NegativeTimeout(t *testing.T) {
	q := thread.NewQueue[int](0)
	past := within(t, t.Context(), -1)
	wantErr(t, "Put() unbounded", q.Put(past, 1), context.DeadlineExceeded)
	want(t, "Len()", q.Len(), 0)
	q.TryPut(2)
	_, err := q.Get(past)
	wantErr(t, "Get() with an item there", err, context.DeadlineExceeded)
	want(t, "Len()", q.Len(), 1)
}

// Timeout 0 with an item there is TryGet.
func TestItem097_NotAtAll(t *testing.T) {
	q := thread.NewQueue[int](0)
	q.TryPut(5)
	v, err := q.TryGet()
	want(t, "TryGet()", v, 5)
	wantErr(t, "TryGet()", err, nil)
}

func TestItem098_Unbounded(t *testing.T) {
	for _, max := range []int{0, -1} {
		eachQueue(t, func(t *testing.T, newQueue func(int) *thread.Queue[int]) {
			q := newQueue(max)
			want(t, "Cap()", q.Cap(), 0)
			for i := range 5000 {
				if err := q.TryPut(i); err != nil {
					t.Fatal(err)
				}
			}
			want(t, "Len()", q.Len(), 5000)
			want(t, "items", len(drain(q)), 5000)
		})
	}
}

func TestItem099_TaskDoneTooOften(t *testing.T) {
	q := thread.NewQueue[int](0)
	want(t, "TaskDone()", q.TaskDone(), thread.ErrTaskDone)
	q.TryPut(1)
	want(t, "TaskDone()", q.TaskDone(), nil)
	want(t, "TaskDone()", q.TaskDone(), thread.ErrTaskDone)
}

func TestItem100_Join(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		q := thread.NewQueue[int](0)
		wantErr(t, "Join() of an empty queue", q.Join(ctx), nil)
		for range 2 {
			var done atomic.Int32
			for range 3 {
				thread.Go(ctx, "worker", func(ctx context.Context) error {
					for range 5 {
						if _, err := q.Get(ctx); err != nil {
							return err
						}
						<-time.After(time.Second)
						done.Add(1)
						q.TaskDone()
					}
					return nil
				})
			}
			for i := range 15 {
				q.Put(ctx, i)
			}
			wantErr(t, "Join() too short", q.Join(within(t, ctx, time.Second/2)), context.DeadlineExceeded)
			wantErr(t, "Join()", q.Join(ctx), nil)
			wantErr(t, "Join() again", q.Join(ctx), nil)
			want(t, "done", done.Load(), 15)
		}
	})
}

func TestItem101_SetCap(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		q := thread.NewQueue[int](4)
		for i := range 3 {
			q.Put(ctx, i)
		}
		q.SetCap(2)
		want(t, "Cap()", q.Cap(), 2)
		want(t, "TryPut()", q.TryPut(9), thread.ErrFull)
		q.TryGet()
		want(t, "TryPut() when as full as it may be", q.TryPut(9), thread.ErrFull)
		for i := range 3 {
			thread.Go(ctx, "putter", func(ctx context.Context) error { return q.Put(ctx, 10+i) })
			synctest.Wait()
		}
		q.SetCap(4)
		synctest.Wait()
		want(t, "Len()", q.Len(), 4)
		q.SetCap(0)
		synctest.Wait()
		if got, want := drain(q), []int{1, 2, 10, 11, 12}; !slices.Equal(got, want) {
			t.Errorf("inside are %v, want %v", got, want)
		}
	})
}

func TestItem102_Shutdown(t *testing.T) {
	eachQueue(t, func(t *testing.T, newQueue func(int) *thread.Queue[int]) {
		q := newQueue(2)
		q.TryPut(1)
		q.Shutdown()
		want(t, "Put()", q.Put(t.Context(), 2), thread.ErrShutDown)
		want(t, "TryPut()", q.TryPut(2), thread.ErrShutDown)
		v, err := q.Get(t.Context())
		want(t, "Get()", v, 1)
		wantErr(t, "Get()", err, nil)
		_, err = q.Get(t.Context())
		want(t, "Get() at the end", err, thread.ErrShutDown)
		_, err = q.TryGet()
		want(t, "TryGet() at the end", err, thread.ErrShutDown)
	})
}

func TestItem103_ShutdownNow(t *testing.T) {
	eachQueue(t, func(t *testing.T, newQueue func(int) *thread.Queue[int]) {
		bubble(t, func(t *testing.T, ctx context.Context) {
			q := newQueue(0)
			q.Put(ctx, 1)
			q.Put(ctx, 2)
			joiner := thread.Go(ctx, "joiner", q.Join)
			synctest.Wait()
			left := q.ShutdownNow()
			slices.Sort(left)
			if !slices.Equal(left, []int{1, 2}) {
				t.Errorf("ShutdownNow() = %v, want [1 2]", left)
			}
			want(t, "Len()", q.Len(), 0)
			want(t, "Put()", q.Put(ctx, 3), thread.ErrShutDown)
			_, err := q.Get(ctx)
			want(t, "Get()", err, thread.ErrShutDown)
			want(t, "TaskDone()", q.TaskDone(), thread.ErrTaskDone)
			wantErr(t, "Join()", joiner.Join(ctx), nil)

			// An item that was taken still counts.
			q = newQueue(0)
			q.Put(ctx, 1)
			q.Put(ctx, 2)
			q.Get(ctx)
			joiner = thread.Go(ctx, "joiner", q.Join)
			want(t, "left", len(q.ShutdownNow()), 1)
			synctest.Wait()
			want(t, "joiner waits", joiner.Alive(), true)
			want(t, "TaskDone()", q.TaskDone(), nil)
			wantErr(t, "Join()", joiner.Join(ctx), nil)
		})
	})
}

func TestItem104_ShutdownWakesGetters(t *testing.T) {
	for _, now := range []bool{false, true} {
		bubble(t, func(t *testing.T, ctx context.Context) {
			q := thread.NewQueue[int](0)
			var errs [4]error
			for i := range errs {
				thread.Go(ctx, "getter", func(ctx context.Context) error {
					_, errs[i] = q.Get(ctx)
					return nil
				})
			}
			synctest.Wait()
			shutdown(q, now)
			synctest.Wait()
			want(t, "errors", errs, [4]error{thread.ErrShutDown, thread.ErrShutDown, thread.ErrShutDown, thread.ErrShutDown})
		})
	}
}

func shutdown(q *thread.Queue[int], now bool) {
	if now {
		q.ShutdownNow()
	} else {
		q.Shutdown()
	}
}

func TestItem105_ShutdownWakesPutters(t *testing.T) {
	for _, now := range []bool{false, true} {
		bubble(t, func(t *testing.T, ctx context.Context) {
			q := thread.NewQueue[int](1)
			q.Put(ctx, 1)
			putter := thread.Go(ctx, "putter", func(ctx context.Context) error { return q.Put(ctx, 2) })
			synctest.Wait()
			shutdown(q, now)
			want(t, "Put()", putter.Join(ctx), thread.ErrShutDown)
			if got := drain(q); slices.Contains(got, 2) || len(got) == 1 == now {
				t.Errorf("inside are %v", got)
			}
		})
	}
}

func TestItem106_ShutdownAgain(t *testing.T) {
	q := thread.NewQueue[int](0)
	q.TryPut(1)
	q.Shutdown()
	q.Shutdown()
	want(t, "Len()", q.Len(), 1)
	want(t, "left", len(q.ShutdownNow()), 1)
	want(t, "left", len(q.ShutdownNow()), 0)
	q.Shutdown()
	_, err := q.TryGet()
	want(t, "TryGet()", err, thread.ErrShutDown)
}

func TestItem107_JoinAfterShutdown(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		q := thread.NewQueue[int](0)
		q.Put(ctx, 1)
		q.Put(ctx, 2)
		q.Shutdown()
		joiner := thread.Go(ctx, "joiner", q.Join)
		for range 2 {
			synctest.Wait()
			want(t, "joiner waits", joiner.Alive(), true)
			q.Get(ctx)
			synctest.Wait()
			want(t, "joiner waits", joiner.Alive(), true)
			q.TaskDone()
		}
		wantErr(t, "Join()", joiner.Join(ctx), nil)
	})
}

func TestItem108_ShutdownMidway(t *testing.T) {
	for _, now := range []bool{false, true} {
		for _, max := range []int{0, 4} {
			scope(t, nil, func(ctx context.Context) {
				q := thread.NewQueue[int](max)
				const items = 65536
				var next, put, got atomic.Int64
				for range 4 {
					thread.Go(ctx, "writer", func(ctx context.Context) error {
						for next.Add(1) <= items {
							if err := q.Put(ctx, 1); err != nil {
								want(t, "Put()", err, thread.ErrShutDown)
								return nil
							}
							if put.Add(1) == items/2 {
								shutdown(q, now)
							}
						}
						return nil
					})
				}
				for range 6 {
					thread.Go(ctx, "reader", func(ctx context.Context) error {
						for range q.All(ctx) {
							got.Add(1)
							if err := q.TaskDone(); err != nil {
								t.Error(err)
							}
						}
						return nil
					})
				}
				for range 2 {
					thread.Go(ctx, "joiner", q.Join)
				}
				for _, th := range thread.Enumerate()[1:] {
					wantErr(t, th.Name(), th.Join(ctx), nil)
				}
				if got, put := got.Load(), put.Load(); now && got > put || !now && got != put {
					t.Errorf("%d items were put and %d taken", put, got)
				}
			})
		}
	}
}

// fussy compares ints, and panics at 13.
func fussy(a, b int) int {
	if a == 13 || b == 13 {
		panic("unlucky")
	}
	return cmp.Compare(a, b)
}

func TestItem109_PanickingCompare(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		q := thread.NewPriorityQueue(2, fussy)
		q.Put(ctx, 1)
		want(t, "panic of Put()", panics(func() { q.Put(ctx, 13) }), any("unlucky"))
		want(t, "panic of TryPut()", panics(func() { q.TryPut(13) }), any("unlucky"))
		want(t, "Len()", q.Len(), 1)
		q.Put(ctx, 2)
		// A waiting putter's bad item is its own trouble.
		bad := thread.Go(ctx, "bad", func(ctx context.Context) error {
			want(t, "panic of the waiting Put()", panics(func() { q.Put(ctx, 13) }), any("unlucky"))
			return nil
		})
		synctest.Wait()
		good := thread.Go(ctx, "good", func(ctx context.Context) error { return q.Put(ctx, 3) })
		synctest.Wait()
		v, err := q.Get(ctx)
		want(t, "Get()", v, 1)
		wantErr(t, "Get()", err, nil)
		bad.Join(ctx)
		wantErr(t, "Put()", good.Join(ctx), nil)
		if got := drain(q); !slices.Equal(got, []int{2, 3}) {
			t.Errorf("inside are %v, want [2 3]", got)
		}
		for range 3 {
			want(t, "TaskDone()", q.TaskDone(), nil)
		}
		want(t, "TaskDone()", q.TaskDone(), thread.ErrTaskDone)
	})
	// A compare that begins to fail while items are inside.
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		fail := false
		q := thread.NewPriorityQueue(0, func(a, b int) int {
			if fail && rnd.IntN(3) == 0 {
				panic("flaky")
			}
			return cmp.Compare(a, b)
		})
		n := 1 + rnd.IntN(30)
		for i := range n {
			q.TryPut((i * 7) % 31)
		}
		fail = true
		for range 10 {
			panics(func() {
				if v, err := q.TryGet(); err == nil {
					defer func() { fail = true }()
					fail = false
					q.TryPut(v)
				}
			})
		}
		fail = false
		if got := drain(q); len(got) != n || !slices.IsSorted(got) {
			t.Fatalf("after panics %d of %d items are there: %v", len(got), n, got)
		}
	}
}

func TestItem110_ItemsReleased(t *testing.T) {
	for _, q := range []*thread.Queue[any]{
		thread.NewQueue[any](0), thread.NewStack[any](0),
		thread.NewPriorityQueue(0, func(a, b any) int { return 0 }),
	} {
		released(t, func(big *[1 << 16]byte) {
			q.TryPut(big)
			q.TryPut(nil)
			q.TryGet()
			q.TryGet()
		})
		runtime.KeepAlive(q)
	}
}

// Put from a cleanup, which the runtime runs on a goroutine of its own while
// the queue may be in use.
func TestItem112_PutFromCleanup(t *testing.T) {
	q := thread.NewQueue[int](0)
	func() {
		for range 100 {
			x := new([100]int)
			runtime.AddCleanup(x, func(q *thread.Queue[int]) { q.TryPut(1) }, q)
		}
	}()
	for got := 0; got < 90; {
		runtime.GC()
		got += len(drain(q))
		yield()
	}
}

func TestQueueAll(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q := thread.NewQueue[int](0)
	for i := range 5 {
		q.TryPut(i)
	}
	for v := range q.All(ctx) {
		if v == 1 {
			break
		}
	}
	want(t, "Len() after a break", q.Len(), 3)
	for v := range q.All(ctx) {
		if v == 3 {
			cancel()
		}
		want(t, "taken after the context's end", v == 4, false)
	}
	want(t, "Len()", q.Len(), 1)
}

// Getters are served in the order they came, putters too.
func TestQueueFirstComeFirstServed(t *testing.T) {
	bubble(t, func(t *testing.T, ctx context.Context) {
		q := thread.NewQueue[int](1)
		var got [4]int
		for i := range got {
			thread.Go(ctx, "getter", func(ctx context.Context) (err error) {
				got[i], err = q.Get(ctx)
				return err
			})
			synctest.Wait()
		}
		for i := range got {
			q.Put(ctx, i)
		}
		synctest.Wait()
		want(t, "taken", got, [4]int{0, 1, 2, 3})
		for i := range 4 {
			thread.Go(ctx, "putter", func(ctx context.Context) error { return q.Put(ctx, i) })
			synctest.Wait()
		}
		for i := range 4 {
			v, _ := q.Get(ctx)
			want(t, "Get()", v, i)
		}
	})
}
