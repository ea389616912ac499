//go:build unix

package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/process"
)

type item struct {
	From, N int
	Pad     []byte
}

type producer struct {
	Q    *process.Queue[item]
	From int
	N    int
	Size int
	Die  bool
	At   *process.Event
}

var produce = process.Register("produce", func(ctx context.Context, p producer) (none, error) {
	for i := range p.N {
		if err := p.Q.Put(ctx, item{p.From, i, bytes.Repeat([]byte{byte(i)}, p.Size)}); err != nil {
			return none{}, err
		}
	}
	if p.At != nil {
		p.At.Set()
	}
	if p.Die {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return none{}, nil
})

func TestItem187_FullAndEmpty(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[string](2))
		want(t, "Cap", q.Cap(), 2)
		_, err := q.TryGet()
		wantErr(t, "TryGet() of nothing", err, process.ErrEmpty)
		_, err = q.Get(within(t, time.Millisecond))
		wantErr(t, "Get() of nothing", err, context.DeadlineExceeded)
		wantErr(t, "TryPut()", q.TryPut("a"), nil)
		wantErr(t, "Put()", q.Put(t.Context(), "b"), nil)
		wantErr(t, "TryPut() into a full one", q.TryPut("c"), process.ErrFull)
		wantErr(t, "Put() into a full one", q.Put(within(t, time.Millisecond), "c"), context.DeadlineExceeded)
		_, err = q.Get(ended(t.Context()))
		wantErr(t, "Get() with an ended context", err, context.Canceled)
		wantErr(t, "Put() with an ended context", q.Put(ended(t.Context()), "c"), context.Canceled)

		put := make(chan error)
		go func() { put <- q.Put(soon(t), "c") }()
		for _, s := range []string{"a", "b", "c"} {
			got, err := q.Get(soon(t))
			wantErr(t, "Get()", err, nil)
			want(t, "item", got, s)
		}
		wantErr(t, "Put() that waited", <-put, nil)
	})
}

func TestItem188_OrderOfEachProducer(t *testing.T) {
	both(t, func(t *testing.T) {
		for _, max := range []int{0, 3} {
			q := must(process.NewQueue[item](max))
			const n = 400
			for from := range 2 {
				start(t, produce, producer{Q: q, From: from, N: n}, nil)
			}
			next := []int{0, 0}
			for range 2 * n {
				x, err := q.Get(soon(t))
				if err != nil {
					t.Fatalf("Get() = %v", err)
				}
				want(t, "next", x.N, next[x.From])
				next[x.From]++
			}
			want(t, "Len at the end", q.Len(), 0)
		}
	})
}

func TestItem189_Len(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[int](0))
		for i := range 10 {
			want(t, "Len", q.Len(), i)
			q.Put(t.Context(), i)
		}
		for i := range 10 {
			want(t, "Len", q.Len(), 10-i)
			q.Get(t.Context())
		}
		want(t, "Len", q.Len(), 0)
	})
}

// 190: there is nothing to flush; what Put returned for is in the queue, even
// if the process is killed then.
func TestItem190_NothingToFlush(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[item](0))
		p := start(t, produce, producer{Q: q, N: 500, Size: 1000, Die: true}, nil)
		want(t, "exit code", join(t, p), -9)
		want(t, "Len", q.Len(), 500)
		for i := range 500 {
			x, err := q.Get(t.Context())
			wantErr(t, "Get()", err, nil)
			if x.N != i || !bytes.Equal(x.Pad, bytes.Repeat([]byte{byte(i)}, 1000)) {
				t.Fatalf("item %d is %d with %d bytes", i, x.N, len(x.Pad))
			}
		}
	})
}

func TestItem191_Unencodable(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[any](2))
		var enc *process.EncodeError
		if err := q.Put(t.Context(), func() {}); !errors.As(err, &enc) {
			t.Errorf("Put(func) = %v, want an EncodeError", err)
		}
		want(t, "Len", q.Len(), 0)
		wantErr(t, "Put()", q.Put(t.Context(), 7), nil)
		x, err := q.Get(t.Context())
		wantErr(t, "Get()", err, nil)
		want(t, "item", x, any(7))
	})
}

var consume = process.Register("consume", func(ctx context.Context, q *process.Queue[item]) (none, error) {
	for range q.All(ctx) {
		if err := q.TaskDone(); err != nil {
			return none{}, err
		}
	}
	return none{}, nil
})

func TestItem192_TaskDoneAndJoin(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[item](0))
		wantErr(t, "Join() of an empty one", q.Join(ended(t.Context())), nil)
		wantErr(t, "TaskDone() of nothing", q.TaskDone(), process.ErrTaskDone)
		var ps []*process.Process
		for range 4 {
			ps = append(ps, start(t, consume, q, nil))
		}
		for i := range 200 {
			q.Put(t.Context(), item{N: i})
		}
		wantErr(t, "Join()", q.Join(soon(t)), nil)
		wantErr(t, "TaskDone() too often", q.TaskDone(), process.ErrTaskDone)
		q.Put(t.Context(), item{})
		q.Shutdown()
		for _, p := range ps {
			want(t, "exit code", join(t, p), 0)
		}
		wantErr(t, "Join()", q.Join(soon(t)), nil)
	})
}

func TestItem192_JoinGivesUp(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[int](0))
		q.Put(t.Context(), 1)
		wantErr(t, "Join()", q.Join(within(t, time.Millisecond)), context.DeadlineExceeded)
	})
}

func TestItem193_Shutdown(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[int](1))
		q.Put(t.Context(), 1)
		put := make(chan error)
		go func() { put <- q.Put(soon(t), 2) }()
		q.Shutdown()
		q.Shutdown()
		wantErr(t, "Put() that waited", <-put, process.ErrShutDown)
		wantErr(t, "Put()", q.Put(t.Context(), 3), process.ErrShutDown)
		wantErr(t, "TryPut()", q.TryPut(3), process.ErrShutDown)
		n, err := q.Get(t.Context())
		wantErr(t, "Get() of what is left", err, nil)
		want(t, "item", n, 1)
		_, err = q.Get(t.Context())
		wantErr(t, "Get()", err, process.ErrShutDown)
		_, err = q.TryGet()
		wantErr(t, "TryGet()", err, process.ErrShutDown)

		q = must(process.NewQueue[int](0))
		got := make(chan error)
		for range 3 {
			go func() {
				_, err := q.Get(soon(t))
				got <- err
			}()
		}
		q.Shutdown()
		for range 3 {
			wantErr(t, "Get() that waited", <-got, process.ErrShutDown)
		}
	})
}

func TestItem194_GetGivesUp(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[int](0))
		begin := time.Now()
		_, err := q.Get(within(t, 100*time.Millisecond))
		wantErr(t, "Get()", err, context.DeadlineExceeded)
		if d := time.Since(begin); d < 60*time.Millisecond {
			t.Errorf("Get() gave up after %v", d)
		}
	})
}

func TestQueueOfLargeItems(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[[]byte](0))
		sizes := []int{0, 1, 60 << 10, 64 << 10, 70 << 10, 1 << 20, 5, 16 << 20}
		for round := range 3 {
			for i, n := range sizes {
				wantErr(t, "Put()", q.Put(t.Context(), bytes.Repeat([]byte{byte(i + round)}, n)), nil)
			}
			for i, n := range sizes {
				b, err := q.Get(t.Context())
				wantErr(t, "Get()", err, nil)
				if !bytes.Equal(b, bytes.Repeat([]byte{byte(i + round)}, n)) {
					t.Fatalf("item %d has %d bytes", i, len(b))
				}
			}
		}
	})
}

var waitsForItem = process.Register("waitsForItem", func(ctx context.Context, a struct {
	Q  *process.Queue[int]
	At *process.Event
}) (none, error) {
	a.At.Set()
	_, err := a.Q.Get(ctx)
	return none{}, err
})

func TestItem249_GetterKilled(t *testing.T) {
	both(t, func(t *testing.T) {
		q, at := must(process.NewQueue[int](0)), must(process.NewEvent())
		for i := range 5 {
			at.Clear()
			p := start(t, waitsForItem, struct {
				Q  *process.Queue[int]
				At *process.Event
			}{q, at}, nil)
			wantErr(t, "Wait()", at.Wait(soon(t)), nil)
			p.Kill()
			join(t, p)
			q.Put(t.Context(), i)
			n, err := q.Get(soon(t))
			wantErr(t, "Get() after a getter was killed", err, nil)
			want(t, "item", n, i)
		}
	})
}

// 250: producers of large items are killed in the middle of it, again and
// again; what arrives is whole and in order.
func TestItem250_PutterKilled(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[item](0))
		for from := range 6 {
			p := start(t, produce, producer{Q: q, From: from, N: 1 << 20, Size: 50_000}, nil)
			for i := range 3 + from {
				x, err := q.Get(soon(t))
				if err != nil {
					t.Fatalf("Get() = %v", err)
				}
				checkItem(t, x, from, i)
			}
			p.Kill()
			join(t, p)
			for i := 3 + from; ; i++ {
				x, err := q.TryGet()
				if err == process.ErrEmpty {
					break
				}
				wantErr(t, "TryGet()", err, nil)
				checkItem(t, x, from, i)
			}
		}
		wantErr(t, "Put()", q.Put(t.Context(), item{N: 1}), nil)
		_, err := q.Get(soon(t))
		wantErr(t, "Get()", err, nil)
	})
}

func checkItem(t *testing.T, x item, from, n int) {
	t.Helper()
	if x.From != from || x.N != n || !bytes.Equal(x.Pad, bytes.Repeat([]byte{byte(n)}, 50_000)) {
		t.Fatalf("item %d of %d with %d bytes, want %d of %d", x.N, x.From, len(x.Pad), n, from)
	}
}

// Producers and consumers are killed at random while others go on: each item
// arrives at most once, and those of the survivors all do, in order.
func TestQueueSurvivesItsUsers(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[item](20))
		const n = 3000
		survivor := start(t, produce, producer{Q: q, From: 0, N: n}, nil)
		victims := make(chan *process.Process)
		stop := make(chan struct{})
		killed := make(chan int)
		go func() {
			k := 0
			defer func() { killed <- k }()
			for {
				select {
				case p := <-victims:
					p.Kill()
					p.Join(context.Background())
					k++
				case <-stop:
					return
				}
			}
		}()
		got := make(map[string]bool)
		next := 0
		for i := 0; next < n; i++ {
			if i%200 == 0 {
				p := start(t, produce, producer{Q: q, From: 1 + i, N: 1 << 20}, nil)
				select {
				case victims <- p:
				default:
					p.Kill()
				}
			}
			x, err := q.Get(soon(t))
			if err != nil {
				t.Fatalf("Get() = %v", err)
			}
			key := fmt.Sprint(x.From, "/", x.N)
			if got[key] {
				t.Fatalf("item %s came twice", key)
			}
			got[key] = true
			if x.From == 0 {
				want(t, "next of the survivor", x.N, next)
				next++
			}
		}
		close(stop)
		<-killed
		go func() { // whoever is left fills the queue
			for range q.All(context.Background()) {
			}
		}()
		want(t, "exit code of the survivor", join(t, survivor), 0)
		q.Shutdown()
	})
}

func TestQueueHammer(t *testing.T) {
	both(t, func(t *testing.T) {
		q := must(process.NewQueue[int](7))
		const each, producers = 500, 8
		var putting sync.WaitGroup
		for k := range producers {
			putting.Go(func() {
				for i := range each {
					q.Put(soon(t), k*each+i)
				}
			})
		}
		got := make(chan []int)
		for range 5 {
			go func() {
				var mine []int
				for n := range q.All(soon(t)) {
					mine = append(mine, n)
					q.TaskDone()
				}
				got <- mine
			}()
		}
		putting.Wait()
		wantErr(t, "Join()", q.Join(soon(t)), nil)
		q.Shutdown()
		var all []int
		for range 5 {
			all = append(all, <-got...)
		}
		slices.Sort(all)
		want(t, "items", len(all), each*producers)
		want(t, "different items", len(slices.Compact(all)), each*producers)
	})
}
