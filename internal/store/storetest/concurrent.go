package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// hammerers is how many goroutines call a store at the same time.
const hammerers = 8

var concurrentTests = []test{
	{"calls lose and double nothing", func(e *env) {
		// A small world in which everyone finds the same pages again and again.
		var world []store.Entry
		for i := range 300 {
			world = append(world, page(fmt.Sprintf("https://h%d.example/%d", i%5, i)))
		}
		pick := func(r *rand.Rand, n int) []store.Entry {
			es := make([]store.Entry, n)
			for i := range es {
				es[i] = world[r.IntN(len(world))]
			}
			return es
		}
		var mu sync.Mutex // guards found, and e in the goroutines
		found := 0
		fail := func(what string, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				e.Errorf("%s: %v", what, err)
			}
		}
		var wg sync.WaitGroup
		for g := range hammerers {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(g)))
				for range hammerRounds {
					n, err := e.s.Add(bg, pick(r, 20), &store.Cursor{Name: "list", Pos: 1})
					fail("Add", err)
					host := fmt.Sprintf("h%d.example", r.IntN(5))
					bs, err := e.s.Due(bg, e.l, later, []store.HostQuery{{Host: store.HostOf(host), Limit: 10}})
					fail("Due", err)
					if err != nil {
						return
					}
					c := store.Commit{Leases: []store.Lease{e.l}, Hosts: []store.Host{{ID: store.HostOf(host), Name: host, Backoff: g}}}
					for _, d := range bs[0].Entries {
						o := outcome(d, store.Done)
						o.Children = pick(r, 5)
						// One record a page, so that a page done twice shows.
						o.Items = []store.Item{{Output: "s", Body: fmt.Appendf(nil, "%q", d.Request.URL)}}
						c.Outcomes = append(c.Outcomes, o)
					}
					receipt, err := e.s.Commit(bg, c)
					fail("Commit", err)
					mu.Lock()
					found += n + receipt.NewPages
					mu.Unlock()
					_, err = e.s.Stats(bg)
					fail("Stats", err)
					_, err = e.s.Hosts(bg, e.l, 0, 10)
					fail("Hosts", err)
				}
			})
		}
		wg.Wait()
		st := e.stats()
		e.equal("pages found", int64(found), st.Pages.Total())
		e.equal("records", st.Items, st.Pages.Done)
		seen := map[string]bool{}
		for _, it := range all(e, e.s.Items(bg, "s", 0)) {
			if seen[string(it.Body)] {
				e.Errorf("page %s is done twice", it.Body)
			}
			seen[string(it.Body)] = true
		}
		e.recount()
		e.reopen()
		e.equal("stats after reopening", e.stats(), st)
	}},
	{"reservations are all different", func(e *env) {
		var mu sync.Mutex
		holder := map[string]trawl.Key{} // by folded path
		var wg sync.WaitGroup
		for g := range hammerers {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(2, uint64(g)))
				for range hammerRounds {
					var names []store.Name
					for range 10 {
						k := key(byte(r.IntN(40)))
						names = append(names, store.Name{Key: k, Path: []string{"图/A.jpg", "图/a.jpg", "图"}[r.IntN(3)]})
					}
					ps, err := e.s.Reserve(bg, names, nil)
					mu.Lock()
					if err != nil {
						e.Errorf("Reserve: %v", err)
					}
					for i, p := range ps {
						f := store.Fold(p)
						if was, ok := holder[f]; ok && was != names[i].Key {
							e.Errorf("%s is the path of %v and of %v", p, was, names[i].Key)
						}
						holder[f] = names[i].Key
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		paths := map[trawl.Key]string{}
		for f, k := range holder {
			if was, ok := paths[k]; ok {
				e.Errorf("%v has two paths, %s and %s", k, was, f)
			}
			paths[k] = f
		}
	}},
	{"calls are whole or undone when their context ends", func(e *env) {
		const n = 200
		for i := range hammerRounds {
			before := e.stats().Pages.Waiting
			ctx, cancel := context.WithCancel(bg)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range i * 50 {
					runtime.Gosched()
				}
				cancel()
			}()
			added, err := e.s.Add(ctx, pages(fmt.Sprintf("h%d.example", i), n), nil)
			<-done
			want := n
			if err != nil {
				want = 0
				if !errors.Is(err, context.Canceled) {
					e.Errorf("Add: %v", err)
				}
			}
			e.equal("pages that Add counts", added, want)
			e.equal("pages added", int(e.stats().Pages.Waiting-before), want)
		}
		e.recount()
	}},
	{"a call that waits for another ends with its context", func(e *env) {
		entered, leave := make(chan struct{}), make(chan struct{})
		done := make(chan error)
		go func() {
			_, err := e.s.Reserve(bg, []store.Name{{Key: key(1), Path: "a"}}, func(string) bool {
				close(entered)
				<-leave
				return false
			})
			done <- err
		}()
		<-entered
		ctx, cancel := context.WithTimeout(bg, time.Millisecond)
		defer cancel()
		result := make(chan error)
		go func() {
			_, err := e.s.Add(ctx, pages(site, 1), nil)
			result <- err
		}()
		<-ctx.Done()
		if e.d.Waits {
			// A driver with a plain mutex would wait for leave.
			if err := <-result; !errors.Is(err, context.DeadlineExceeded) {
				e.Errorf("Add = %v, want context.DeadlineExceeded", err)
			}
			close(leave)
		} else {
			close(leave)
			<-result
		}
		e.must(<-done)
	}},
	{"Close waits for calls under way", func(e *env) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		started := make(chan struct{}, hammerers)
		for g := range hammerers {
			wg.Go(func() {
				started <- struct{}{}
				for i := 0; ; i++ {
					_, err := e.s.Add(bg, pages(fmt.Sprintf("h%d-%d.example", g, i), 3), nil)
					if err == nil {
						_, err = e.s.Stats(bg)
					}
					if err != nil {
						mu.Lock()
						if !errors.Is(err, store.ErrClosed) {
							e.Errorf("a call during Close: %v", err)
						}
						mu.Unlock()
						return
					}
				}
			})
		}
		for range hammerers {
			<-started
		}
		var closing sync.WaitGroup
		for range 2 {
			closing.Go(func() {
				err := e.s.Close()
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					e.Errorf("Close: %v", err)
				}
			})
		}
		closing.Wait()
		wg.Wait()
	}},
}
