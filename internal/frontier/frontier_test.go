package frontier_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// A bench is a frontier over a store in memory, with Run going.
type bench struct {
	t  *testing.T
	st store.Store
	f  *frontier.Frontier
	ls []store.Lease

	done   func() // no more requests will be added
	cancel context.CancelFunc
	ran    chan error
}

func open(t *testing.T, st store.Store, opt *frontier.Options) *bench {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ls, err := st.Acquire(ctx, "", 0, 0)
	if err != nil || len(ls) != 1 {
		t.Fatalf("Acquire() = %v, %v", ls, err)
	}
	b := &bench{t: t, st: st, f: frontier.New(st, ls[0], opt), ls: ls, cancel: cancel, ran: make(chan error, 1)}
	b.done = b.f.Source()
	go func() { b.ran <- b.f.Run(ctx) }()
	return b
}

// add puts requests into the frontier.
func (b *bench) add(rs ...trawl.Request) {
	b.t.Helper()
	var es []store.Entry
	for _, r := range rs {
		e, err := b.f.Entry(r, 0)
		if err != nil {
			b.t.Fatal(err)
		}
		es = append(es, e)
	}
	if _, err := b.f.Add(context.Background(), es, nil); err != nil {
		b.t.Fatal(err)
	}
}

// stop interrupts Run, when no task is out, and gives the partition back.
func (b *bench) stop() {
	b.t.Helper()
	b.cancel()
	if err := <-b.ran; !errors.Is(err, context.Canceled) {
		b.t.Errorf("Run() = %v, want context.Canceled", err)
	}
	if err := b.st.Release(context.Background(), b.ls); err != nil {
		b.t.Error(err)
	}
}

// end waits for Run.
func (b *bench) end() {
	b.t.Helper()
	if err := <-b.ran; err != nil {
		b.t.Errorf("Run() = %v, want nil", err)
	}
	b.cancel()
}

func pageOf(host string, n int) trawl.Request {
	return trawl.Request{URL: fmt.Sprintf("https://%s/%d", host, n), Spider: "s"}
}

// children makes the entries of requests found on a page of task t.
func (b *bench) children(t *frontier.Task, rs ...trawl.Request) []store.Entry {
	var es []store.Entry
	for _, r := range rs {
		var origin store.HostID
		if r.Kind == trawl.KindFile {
			origin = t.Entry.Host
		}
		e, err := b.f.Entry(r, origin)
		if err != nil {
			b.t.Error(err)
			continue
		}
		es = append(es, e)
	}
	return es
}

func TestEmptyJobEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), nil)
		b.done()
		if _, err := b.f.Next(t.Context(), trawl.KindPage); !errors.Is(err, frontier.ErrDrained) {
			t.Errorf("Next() = %v, want ErrDrained", err)
		}
		b.end()
	})
}

func TestSourceHoldsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := store.NewMem()
		ls, _ := st.Acquire(t.Context(), "", 0, 0)
		f := frontier.New(st, ls[0], nil)
		done := f.Source()
		ran := make(chan error, 1)
		go func() { ran <- f.Run(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-ran:
			t.Fatalf("Run() = %v while a source is open", err)
		default:
		}
		done()
		done()
		if err := <-ran; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
}

// Requests of a host come in the order in which they were added, each once.
func TestOrderOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		st := store.NewMem()
		b := open(t, st, &frontier.Options{PageQueue: 7, Limits: func(string, string) frontier.Limits { return frontier.Limits{PerHost: 1} }})
		done := b.done
		var rs []trawl.Request
		for i := range n {
			rs = append(rs, pageOf("a.test", i))
		}
		b.add(rs...)
		done()
		for i := range n {
			task, err := b.f.Next(t.Context(), trawl.KindPage)
			if err != nil {
				t.Fatalf("Next() number %d: %v", i, err)
			}
			if task.Request.URL != rs[i].URL {
				t.Fatalf("Next() number %d = %s, want %s", i, task.Request.URL, rs[i].URL)
			}
			if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
				t.Fatal(err)
			}
		}
		b.end()
		if s, _ := st.Stats(t.Context()); s.Pages.Done != n || s.Pages.Waiting != 0 {
			t.Errorf("Stats() = %+v, want %d pages done", s, n)
		}
	})
}

// A host is never asked by more than PerHost workers at once, nor before its
// delay has passed.
func TestLimitsOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const per, n = 3, 30
		delay := 200 * time.Millisecond
		b := open(t, store.NewMem(), &frontier.Options{
			Limits: func(string, string) frontier.Limits { return frontier.Limits{PerHost: per, Delay: delay} },
		})
		done := b.done
		for i := range n {
			b.add(pageOf("a.test", i))
		}
		done()
		var mu sync.Mutex
		var starts []time.Time
		active, most := 0, 0
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for {
					task, err := b.f.Next(t.Context(), trawl.KindPage)
					if err != nil {
						return
					}
					mu.Lock()
					starts = append(starts, time.Now())
					active++
					most = max(most, active)
					mu.Unlock()
					<-time.After(900 * time.Millisecond) // the exchange; virtual time
					mu.Lock()
					active--
					mu.Unlock()
					b.f.Release(task)
					if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		b.end()
		if len(starts) != n {
			t.Fatalf("%d requests, want %d", len(starts), n)
		}
		if most != per {
			t.Errorf("at most %d under way, want %d", most, per)
		}
		for i := 1; i < len(starts); i++ {
			if gap := starts[i].Sub(starts[i-1]); gap < delay {
				t.Errorf("requests %d and %d are %v apart, want at least %v", i-1, i, gap, delay)
			}
		}
	})
}

// With a range each pause is another, within it.
func TestDelayRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, from, to = 100, 100 * time.Millisecond, 300 * time.Millisecond
		b := open(t, store.NewMem(), &frontier.Options{
			Limits: func(string, string) frontier.Limits { return frontier.Limits{Delay: from, DelayMax: to} },
		})
		done := b.done
		for i := range n {
			b.add(pageOf("a.test", i))
		}
		done()
		var last time.Time
		short, long := to, from
		for i := range n {
			task, err := b.f.Next(t.Context(), trawl.KindPage)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			if gap := now.Sub(last); i > 0 {
				short, long = min(short, gap), max(long, gap)
			}
			last = now
			if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
				t.Fatal(err)
			}
		}
		b.end()
		// That 99 of them stay within half of the range does not happen.
		if short < from || long > to || long-short < (to-from)/2 {
			t.Errorf("pauses from %v to %v, want from %v to %v", short, long, from, to)
		}
	})
}

// A slow host with a full queue holds nobody up.
func TestSlowHostDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), &frontier.Options{PageQueue: 8})
		done := b.done
		var rs []trawl.Request
		for i := range 500 {
			rs = append(rs, pageOf("slow.test", i))
		}
		b.add(rs...)
		rs = rs[:0]
		for i := range 500 {
			rs = append(rs, pageOf("quick.test", i))
		}
		b.add(rs...)
		done()

		began := time.Now()
		var mu sync.Mutex
		quick := 0
		var last time.Duration
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for {
					task, err := b.f.Next(t.Context(), trawl.KindPage)
					if err != nil {
						return
					}
					if task.HostName == "slow.test" {
						<-time.After(10 * time.Second)
					} else {
						<-time.After(10 * time.Millisecond)
						mu.Lock()
						quick++
						last = time.Since(began)
						mu.Unlock()
					}
					if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		b.end()
		// 500 requests, 4 at a time, 10 ms each: 1.25 s.
		if quick != 500 || last > 2*time.Second {
			t.Errorf("the quick host took %v for %d requests, want 500 within 2s", last, quick)
		}
	})
}

// Pages of a site wait while its queue of files is full; those of another
// site go on.
func TestFullFileQueueHoldsItsPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), &frontier.Options{FileQueue: 10})
		done := b.done
		for i := range 5 {
			b.add(pageOf("a.test", i))
		}
		task, err := b.f.Next(t.Context(), trawl.KindPage)
		if err != nil {
			t.Fatal(err)
		}
		var files []trawl.Request
		for i := range 10 {
			files = append(files, trawl.Request{URL: fmt.Sprintf("https://img.test/%d", i), Kind: trawl.KindFile, Spider: "s"})
		}
		if err := b.f.Finish(task, store.Outcome{State: store.Done, Children: b.children(task, files...)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if task, err := b.f.Next(ctx, trawl.KindPage); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Next(page) = %+v, %v while ten files wait, want a deadline", task, err)
		}
		b.add(pageOf("b.test", 0))
		if task, err = b.f.Next(t.Context(), trawl.KindPage); err != nil || task.HostName != "b.test" {
			t.Fatalf("Next(page) = %+v, %v, want one of b.test", task, err)
		}
		if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
			t.Fatal(err)
		}
		// One file less, and a page may go.
		if task, err = b.f.Next(t.Context(), trawl.KindFile); err != nil {
			t.Fatal(err)
		}
		if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
			t.Fatal(err)
		}
		if task, err = b.f.Next(t.Context(), trawl.KindPage); err != nil || task.HostName != "a.test" {
			t.Fatalf("Next(page) = %+v, %v, want one of a.test", task, err)
		}
		b.f.Abandon(task)
		done()
		b.cancel()
		if err := <-b.ran; !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want canceled", err)
		}
	})
}

// A retry comes when it is due, and the job waits for it.
func TestRetryIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), nil)
		done := b.done
		b.add(pageOf("a.test", 1))
		done()
		task, err := b.f.Next(t.Context(), trawl.KindPage)
		if err != nil {
			t.Fatal(err)
		}
		due := time.Now().Add(time.Hour)
		if err := b.f.Finish(task, store.Outcome{State: store.Waiting, Due: due, Tries: 1}); err != nil {
			t.Fatal(err)
		}
		task, err = b.f.Next(t.Context(), trawl.KindPage)
		if err != nil {
			t.Fatal(err)
		}
		if late := time.Since(due); late < 0 || late > time.Second {
			t.Errorf("the retry came %v after it was due", late)
		}
		if task.Tries != 1 {
			t.Errorf("Tries = %d, want 1", task.Tries)
		}
		if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
			t.Fatal(err)
		}
		b.end()
	})
}

// A host that refuses rests, longer each time, and is stopped in the end. Its
// requests stay; the job ends all the same.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := store.NewMem()
		b := open(t, st, &frontier.Options{Refusals: 4})
		done := b.done
		for i := range 10 {
			b.add(pageOf("a.test", i))
		}
		done()
		var pauses []time.Duration
		for {
			task, err := b.f.Next(t.Context(), trawl.KindPage)
			if err != nil {
				break
			}
			pauses = append(pauses, time.Until(b.f.Refused(task, 0)))
			if err := b.f.Finish(task, store.Outcome{State: store.Waiting, Due: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		b.end()
		if len(pauses) != 4 {
			t.Fatalf("asked %d times, want 4", len(pauses))
		}
		for i, p := range pauses {
			if lo := time.Second << i; p < lo || p > lo+lo/4 {
				t.Errorf("pause %d = %v, want %v and up to a quarter more", i, p, lo)
			}
		}
		if got := b.f.Stopped(); len(got) != 1 || got["a.test"] == "" {
			t.Errorf("Stopped() = %v, want a.test", got)
		}
		if s, _ := st.Stats(t.Context()); s.Pages.Waiting != 10 {
			t.Errorf("%d pages wait, want 10", s.Pages.Waiting)
		}
	})
}

// Refusals of requests that were under way together are one.
func TestRefusalsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), &frontier.Options{Limits: func(string, string) frontier.Limits { return frontier.Limits{PerHost: 4} }})
		done := b.done
		for i := range 4 {
			b.add(pageOf("a.test", i))
		}
		done()
		var tasks []*frontier.Task
		for range 4 {
			task, err := b.f.Next(t.Context(), trawl.KindPage)
			if err != nil {
				t.Fatal(err)
			}
			tasks = append(tasks, task)
		}
		for _, task := range tasks {
			b.f.Refused(task, 30*time.Second)
			if err := b.f.Finish(task, store.Outcome{State: store.Waiting, Due: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		for range 4 {
			task, err := b.f.Next(t.Context(), trawl.KindPage)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(began); d < 30*time.Second || d > 45*time.Second {
			t.Errorf("the host rested %v, want the 30 s that it asked for and up to half more", d)
		}
		b.end()
	})
}

// A page whose files wait for a host that was stopped does not keep the job
// from ending.
func TestStoppedFileHostEndsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, store.NewMem(), &frontier.Options{FileQueue: 2})
		done := b.done
		b.add(pageOf("a.test", 1), pageOf("a.test", 2))
		done()
		task, err := b.f.Next(t.Context(), trawl.KindPage)
		if err != nil {
			t.Fatal(err)
		}
		files := []trawl.Request{
			{URL: "https://img.test/1", Kind: trawl.KindFile}, {URL: "https://img.test/2", Kind: trawl.KindFile}, {URL: "https://img.test/3", Kind: trawl.KindFile},
		}
		if err := b.f.Finish(task, store.Outcome{State: store.Done, Children: b.children(task, files...)}); err != nil {
			t.Fatal(err)
		}
		if task, err = b.f.Next(t.Context(), trawl.KindFile); err != nil {
			t.Fatal(err)
		}
		b.f.Stop(task, "asks for a login")
		if err := b.f.Finish(task, store.Outcome{State: store.Waiting, Due: time.Now()}); err != nil {
			t.Fatal(err)
		}
		b.end()
	})
}

// Work that is interrupted is committed if it was finished, and waits in the
// store if it was abandoned.
func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := store.NewMem()
		b := open(t, st, nil)
		done := b.done
		defer done()
		for i := range 4 {
			b.add(pageOf("a.test", i))
		}
		one, err := b.f.Next(t.Context(), trawl.KindPage)
		if err != nil {
			t.Fatal(err)
		}
		two, err := b.f.Next(t.Context(), trawl.KindPage)
		if err != nil {
			t.Fatal(err)
		}
		b.cancel()
		synctest.Wait()
		if _, err := b.f.Next(t.Context(), trawl.KindPage); !errors.Is(err, context.Canceled) {
			t.Errorf("Next() = %v after the interrupt, want canceled", err)
		}
		if err := b.f.Finish(one, store.Outcome{State: store.Done}); err != nil {
			t.Errorf("Finish() = %v", err)
		}
		b.f.Abandon(two)
		if err := <-b.ran; !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want canceled", err)
		}
		if s, _ := st.Stats(t.Context()); s.Pages.Done != 1 || s.Pages.Waiting != 3 {
			t.Errorf("Stats() = %+v, want 1 done and 3 waiting", s)
		}
	})
}

// A store that fails ends everything.
func TestStoreFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("disk on fire")
		b := open(t, store.NewMem(), &frontier.Options{BeforeCommit: func(context.Context) error { return boom }})
		done := b.done
		defer done()
		b.add(pageOf("a.test", 1), pageOf("a.test", 2))
		task, err := b.f.Next(t.Context(), trawl.KindPage)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
			t.Fatal(err)
		}
		if err := <-b.ran; !errors.Is(err, boom) {
			t.Errorf("Run() = %v, want %v", err, boom)
		}
		if _, err := b.f.Next(t.Context(), trawl.KindPage); !errors.Is(err, boom) {
			t.Errorf("Next() = %v, want %v", err, boom)
		}
		b.cancel()
	})
}

// Never more than one group is finished and not durable.
func TestGroupIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const group = 5
		gate := make(chan struct{})
		b := open(t, store.NewMem(), &frontier.Options{Group: group, BeforeCommit: func(context.Context) error { <-gate; return nil },
			Limits: func(string, string) frontier.Limits { return frontier.Limits{PerHost: 50} }})
		done := b.done
		for i := range 20 {
			b.add(pageOf("a.test", i))
		}
		done()
		var mu sync.Mutex
		finished := 0
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				task, err := b.f.Next(t.Context(), trawl.KindPage)
				if err != nil {
					t.Error(err)
					return
				}
				if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
					t.Error(err)
				}
				mu.Lock()
				finished++
				mu.Unlock()
			})
		}
		synctest.Wait()
		if mu.Lock(); finished != group {
			t.Errorf("%d outcomes were taken while a commit hung, want %d", finished, group)
		}
		mu.Unlock()
		close(gate)
		wg.Wait()
		b.end()
	})
}

// More hosts than fit in memory, each with a few requests: all are found.
func TestMoreHostsThanFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hosts, each = 300, 3
		st := store.NewMem()
		b := open(t, st, &frontier.Options{Hosts: 16, PageQueue: 20})
		done := b.done
		for i := range each {
			var rs []trawl.Request
			for h := range hosts {
				rs = append(rs, pageOf(fmt.Sprintf("h%d.test", h), i))
			}
			b.add(rs...)
		}
		done()
		got := drain(t, b, 8)
		b.end()
		if len(got) != hosts*each {
			t.Errorf("%d different requests, want %d", len(got), hosts*each)
		}
	})
}

// drain works off everything and returns how often each URL was handed out.
func drain(t *testing.T, b *bench, workers int) map[string]int {
	var mu sync.Mutex
	got := make(map[string]int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				task, err := b.f.Next(t.Context(), trawl.KindPage, trawl.KindFile)
				if err != nil {
					return
				}
				mu.Lock()
				got[task.Request.URL]++
				mu.Unlock()
				if err := b.f.Finish(task, store.Outcome{State: store.Done}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return got
}

// A random graph of pages, worked on by many with failures, retries and
// abandoned tasks in between, is visited whole, and nothing is handed out
// twice at a time or after it was done.
func TestRandomGraph(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomGraph(t, seed) })
		})
	}
}

func randomGraph(t *testing.T, seed uint64) {
	const nodes, hosts = 400, 37
	rng := rand.New(rand.NewPCG(seed, 1))
	links := make([][]int, nodes)
	for i := range links {
		for range rng.IntN(6) {
			links[i] = append(links[i], rng.IntN(nodes))
		}
		if i+1 < nodes { // all can be reached
			links[i] = append(links[i], i+1)
		}
	}
	request := func(i int) trawl.Request {
		r := pageOf(fmt.Sprintf("h%d.test", i%hosts), i)
		if i%5 == 4 {
			r.Kind = trawl.KindFile
		}
		return r
	}
	st := store.NewMem()
	b := open(t, st, &frontier.Options{Hosts: 5 + rng.IntN(40), PageQueue: 1 + rng.IntN(30), FileQueue: 1 + rng.IntN(30), Group: 1 + rng.IntN(40)})
	done := b.done
	b.add(request(0))
	done()

	var mu sync.Mutex
	state := make(map[int]string)
	dice := func(n int) int { mu.Lock(); defer mu.Unlock(); return rng.IntN(n) }
	var wg sync.WaitGroup
	worker := func(k trawl.Kind) {
		for {
			task, err := b.f.Next(t.Context(), k)
			if err != nil {
				return
			}
			var i int
			fmt.Sscanf(task.Request.URL[len("https://")+len(task.HostName):], "/%d", &i)
			mu.Lock()
			if s := state[i]; s != "" {
				t.Errorf("request %d handed out while %s", i, s)
			}
			state[i] = "under way"
			mu.Unlock()
			<-time.After(time.Duration(dice(50)) * time.Millisecond)

			o := store.Outcome{State: store.Done}
			set := "done"
			switch d := dice(10); {
			case d == 0:
				mu.Lock()
				state[i] = ""
				mu.Unlock()
				b.f.Abandon(task)
				continue
			case d == 1:
				o, set = store.Outcome{State: store.Waiting, Due: time.Now().Add(time.Duration(dice(5000)) * time.Millisecond), Tries: task.Tries + 1}, ""
			default:
				var rs []trawl.Request
				for _, j := range links[i] {
					rs = append(rs, request(j))
				}
				o.Children = b.children(task, rs...)
			}
			mu.Lock()
			state[i] = set
			mu.Unlock()
			if err := b.f.Finish(task, o); err != nil {
				t.Error(err)
				return
			}
		}
	}
	for range 6 {
		wg.Go(func() { worker(trawl.KindPage) })
		wg.Go(func() { worker(trawl.KindFile) })
	}
	wg.Wait()
	b.end()
	var missing []int
	for i := range nodes {
		if state[i] != "done" {
			missing = append(missing, i)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("not done: %v", missing)
	}
	if s, _ := st.Stats(t.Context()); s.Pages.Waiting+s.Files.Waiting != 0 {
		t.Errorf("Stats() = %+v, want nothing waiting", s)
	}
}
