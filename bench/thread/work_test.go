package thread

import (
	"context"
	"sync"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/trawl-go/trawl/future"
	"github.com/trawl-go/trawl/thread"
)

// work does something n times.
type work func(n int)

var bg = context.Background()

// contended shares n turns of f among four goroutines.
func contended(n int, f func()) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				f()
			}
		})
	}
	wg.Wait()
}

// locks take and release a lock.
var locks = map[string]func() (pair func()){
	"thread.Lock": func() func() {
		var l thread.Lock
		return func() { l.Lock(); l.Unlock() }
	},
	"thread.Lock.Acquire": func() func() {
		var l thread.Lock
		return func() {
			if l.Acquire(bg) == nil {
				l.Release()
			}
		}
	},
	"sync.Mutex": func() func() {
		var l sync.Mutex
		return func() { l.Lock(); l.Unlock() } //nolint:staticcheck // the pair is what is measured
	},
	"chan": func() func() {
		c := make(chan struct{}, 1)
		return func() { c <- struct{}{}; <-c }
	},
	"x/sync/semaphore": func() func() {
		s := semaphore.NewWeighted(1)
		return func() {
			if s.Acquire(bg, 1) == nil {
				s.Release(1)
			}
		}
	},
}

// queues pass n numbers from producers to consumers.
func overThread(q *thread.Queue[int], producers int) work {
	return func(n int) {
		var put, got sync.WaitGroup
		for range producers {
			put.Go(func() {
				for i := range n / producers {
					q.Put(bg, i)
				}
			})
			got.Go(func() {
				for range n / producers {
					q.Get(bg)
				}
			})
		}
		put.Wait()
		got.Wait()
	}
}

func overChan(c chan int, producers int) work {
	return func(n int) {
		var put, got sync.WaitGroup
		for range producers {
			put.Go(func() {
				for i := range n / producers {
					c <- i
				}
			})
			got.Go(func() {
				for range n / producers {
					<-c
				}
			})
		}
		put.Wait()
		got.Wait()
	}
}

// overChanCtx is overChan with the select that a context needs.
func overChanCtx(c chan int, producers int) work {
	ctx, cancel := context.WithCancel(bg)
	_ = cancel
	return func(n int) {
		var put, got sync.WaitGroup
		for range producers {
			put.Go(func() {
				for i := range n / producers {
					select {
					case c <- i:
					case <-ctx.Done():
					}
				}
			})
			got.Go(func() {
				for range n / producers {
					select {
					case <-c:
					case <-ctx.Done():
					}
				}
			})
		}
		put.Wait()
		got.Wait()
	}
}

func overThreadCtx(q *thread.Queue[int], producers int) work {
	ctx, cancel := context.WithCancel(bg)
	_ = cancel
	return func(n int) {
		var put, got sync.WaitGroup
		for range producers {
			put.Go(func() {
				for i := range n / producers {
					q.Put(ctx, i)
				}
			})
			got.Go(func() {
				for range n / producers {
					q.Get(ctx)
				}
			})
		}
		put.Wait()
		got.Wait()
	}
}

const workers = 4

// window is how many results a caller lets pile up before it collects them.
const window = 1000

// pools run n trivial tasks and, where they can, collect the results.
var pools = map[string]work{
	"thread.Submit+Result": func(n int) {
		p := thread.NewPool(bg, &thread.PoolOptions{Workers: workers})
		defer p.Close(bg)
		fs := make([]*future.Future[int], 0, window)
		for left := n; left > 0; left -= window {
			fs = fs[:0]
			for i := range min(left, window) {
				f, err := thread.Submit(bg, p, func(context.Context) (int, error) { return i, nil })
				if err != nil {
					panic(err)
				}
				fs = append(fs, f)
			}
			for _, f := range fs {
				f.Result(bg)
			}
		}
	},
	"thread.Map": func(n int) {
		p := thread.NewPool(bg, &thread.PoolOptions{Workers: workers})
		defer p.Close(bg)
		in := make([]int, window)
		for left := n; left > 0; left -= window {
			for range thread.Map(bg, p, in[:min(left, window)], func(_ context.Context, i int) (int, error) { return i, nil }) {
			}
		}
	},
	"ants.Submit": func(n int) {
		p, err := ants.NewPool(workers)
		if err != nil {
			panic(err)
		}
		defer p.Release()
		var wg sync.WaitGroup
		wg.Add(n)
		for range n {
			p.Submit(wg.Done)
		}
		wg.Wait()
	},
	"pond.ResultPool": func(n int) {
		p := pond.NewResultPool[int](workers)
		defer p.StopAndWait()
		fs := make([]pond.Result[int], 0, window)
		for left := n; left > 0; left -= window {
			fs = fs[:0]
			for i := range min(left, window) {
				fs = append(fs, p.Submit(func() int { return i }))
			}
			for _, f := range fs {
				f.Wait()
			}
		}
	},
	"conc.Pool": func(n int) {
		p := pool.New().WithMaxGoroutines(workers)
		for range n {
			p.Go(func() {})
		}
		p.Wait()
	},
	"errgroup": func(n int) {
		var g errgroup.Group
		g.SetLimit(workers)
		for range n {
			g.Go(func() error { return nil })
		}
		g.Wait()
	},
}

// threads start a goroutine and wait for its end.
var threads = map[string]func(){
	"thread.Go+Join": func() {
		thread.Go(bg, "worker", func(context.Context) error { return nil }).Join(bg)
	},
	"go+chan": func() {
		done := make(chan struct{})
		go func() { close(done) }()
		<-done
	},
	"go+WaitGroup": func() {
		var wg sync.WaitGroup
		wg.Go(func() {})
		wg.Wait()
	},
}

// perOp is the time that one of n turns of w takes.
func perOp(w work, n int) float64 {
	start := time.Now()
	w(n)
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

func times(f func()) work {
	return func(n int) {
		for range n {
			f()
		}
	}
}
