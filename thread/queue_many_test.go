package thread_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trawl-go/trawl/thread"
)

func TestItem111_ManyToMany(t *testing.T) {
	const items, n = 10_000, 50
	for name, get := range map[string]func(ctx context.Context, q *thread.Queue[int]) (int, error){
		"blocking": func(ctx context.Context, q *thread.Queue[int]) (int, error) { return q.Get(ctx) },
		"polling": func(_ context.Context, q *thread.Queue[int]) (int, error) {
			for {
				v, err := q.TryGet()
				if !errors.Is(err, thread.ErrEmpty) {
					return v, err
				}
				yield()
			}
		},
		"10 µs": func(ctx context.Context, q *thread.Queue[int]) (int, error) {
			for {
				short, cancel := context.WithTimeout(ctx, 10*time.Microsecond)
				v, err := q.Get(short)
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) {
					return v, err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			scope(t, nil, func(ctx context.Context) {
				var q thread.Queue[int]
				var next atomic.Int64
				seen := make([]atomic.Int32, items)
				var putters, getters sync.WaitGroup
				for range n {
					putters.Go(func() {
						for i := next.Add(1); i <= items; i = next.Add(1) {
							if err := q.TryPut(int(i - 1)); err != nil {
								t.Error(err)
							}
						}
					})
					getters.Go(func() {
						for {
							v, err := get(ctx, &q)
							if err != nil {
								want(t, "end", err, thread.ErrShutDown)
								return
							}
							seen[v].Add(1)
						}
					})
				}
				putters.Wait()
				q.Shutdown()
				getters.Wait()
				for i := range seen {
					if n := seen[i].Load(); n != 1 {
						t.Fatalf("item %d came out %d times", i, n)
					}
				}
			})
		})
	}
	t.Run("one to one is in order", func(t *testing.T) {
		for _, max := range []int{0, 1, 7} {
			q := thread.NewQueue[int](max)
			go func() {
				for i := range items {
					q.Put(context.Background(), i)
				}
				q.Shutdown()
			}()
			i := 0
			for v := range q.All(t.Context()) {
				if v != i {
					t.Fatalf("item %d is %d", i, v)
				}
				i++
			}
			want(t, "items", i, items)
		}
	})
}
