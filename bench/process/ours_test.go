package process

import (
	"context"
	"time"

	"github.com/trawl-go/trawl/future"
	"github.com/trawl-go/trawl/process"
)

const (
	workers = 2
	window  = 1000 // how many results a caller lets pile up before it collects them
)

var bg = context.Background()

// must is for what cannot fail in a benchmark.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

type none struct{}

var double = process.Register("double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })

// body is what go-plugin is called with too.
var echoBytes = process.Register("echoBytes", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })

type feed struct {
	Q *process.Queue[[]byte]
	W *process.Conn[[]byte]
	N int
}

var produce = process.Register("produce", func(ctx context.Context, f feed) (none, error) {
	b := make([]byte, 64)
	for range f.N {
		if f.Q != nil {
			check(f.Q.Put(ctx, b))
		} else {
			check(f.W.Send(ctx, b))
		}
	}
	return none{}, nil
})

var echoPipe = process.Register("echoPipe", func(ctx context.Context, f feed) (none, error) {
	for range f.N {
		check(f.W.Send(ctx, must(f.W.Recv(ctx))))
	}
	return none{}, nil
})

type pair struct {
	A, B *process.Semaphore
	N    int
}

var pong = process.Register("pong", func(ctx context.Context, p pair) (none, error) {
	for range p.N {
		check(p.A.Acquire(ctx))
		check(p.B.Release(1))
	}
	return none{}, nil
})

type holding struct {
	L    *process.Lock
	Held *process.Event
}

var hold = process.Register("hold", func(ctx context.Context, h holding) (none, error) {
	if err := h.L.Acquire(ctx); err != nil && err != process.ErrOwnerDied {
		return none{}, err
	}
	h.Held.Set()
	<-ctx.Done()
	return none{}, nil
})

// ours does the same things as the peers, n times, and tells how long it took.
func ours(pool *process.Pool) map[string]func(n int) time.Duration {
	return map[string]func(n int) time.Duration{
		"apply": func(n int) time.Duration {
			start := time.Now()
			for i := range n {
				must(double.Apply(bg, pool, i))
			}
			return time.Since(start)
		},
		"apply 64 B": func(n int) time.Duration {
			b := make([]byte, 64)
			start := time.Now()
			for range n {
				must(echoBytes.Apply(bg, pool, b))
			}
			return time.Since(start)
		},
		"submit": func(n int) time.Duration {
			start := time.Now()
			fs := make([]*future.Future[int], 0, window)
			for left := n; left > 0; left -= window {
				fs = fs[:0]
				for i := range min(left, window) {
					fs = append(fs, must(double.Submit(bg, pool, i)))
				}
				for _, f := range fs {
					must(f.Result(bg))
				}
			}
			return time.Since(start)
		},
		"imap_unordered": func(n int) time.Duration {
			start := time.Now()
			for _, err := range double.ImapUnordered(bg, pool, upTo(n), 0) {
				check(err)
			}
			return time.Since(start)
		},
		"map_chunks": func(n int) time.Duration {
			in := make([]int, n)
			start := time.Now()
			must(double.Map(bg, pool, in, 1000))
			return time.Since(start)
		},
		"start4": func(n int) (total time.Duration) {
			for range n {
				start := time.Now()
				p := process.NewPool(&process.PoolOptions{Workers: 4})
				must(double.Map(bg, p, make([]int, 4), 0))
				total += time.Since(start)
				p.Terminate()
				check(p.Join(bg))
			}
			return total
		},
		"queue": func(n int) time.Duration {
			q := must(process.NewQueue[[]byte](0))
			p := must(produce.Start(bg, feed{Q: q, N: n}, nil))
			must(q.Get(bg))
			start := time.Now()
			for range n - 1 {
				must(q.Get(bg))
			}
			t := time.Since(start)
			check(p.Join(bg))
			return t
		},
		"pipe": func(n int) time.Duration {
			r, w, err := process.Pipe[[]byte]()
			check(err)
			p := must(produce.Start(bg, feed{W: w, N: n}, nil))
			must(r.Recv(bg))
			start := time.Now()
			for range n - 1 {
				must(r.Recv(bg))
			}
			t := time.Since(start)
			check(p.Join(bg))
			return t
		},
		"pipe echo": func(n int) time.Duration {
			a, b, err := process.Duplex[[]byte]()
			check(err)
			p := must(echoPipe.Start(bg, feed{W: b, N: n + 1}, nil))
			body := make([]byte, 64)
			check(a.Send(bg, body))
			must(a.Recv(bg))
			start := time.Now()
			for range n {
				check(a.Send(bg, body))
				must(a.Recv(bg))
			}
			t := time.Since(start)
			check(p.Join(bg))
			return t
		},
		"lock": func(n int) time.Duration {
			l := must(process.NewLock())
			start := time.Now()
			for range n {
				if l.Acquire(bg) == nil {
					l.Release()
				}
			}
			return time.Since(start)
		},
		"handoff": func(n int) time.Duration {
			x := pair{must(process.NewSemaphore(0)), must(process.NewSemaphore(0)), n + 1}
			p := must(pong.Start(bg, x, nil))
			x.A.Release(1)
			check(x.B.Acquire(bg))
			start := time.Now()
			for range n {
				x.A.Release(1)
				check(x.B.Acquire(bg))
			}
			t := time.Since(start)
			check(p.Join(bg))
			return t
		},
	}
}

func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}
