package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/store"
)

// Several processes work on one job, and all of them find the same pages, in
// whatever order. Each page is done once, with one record, and nobody had to be
// broken off because two waited for each other.
func TestManyProcesses(t *testing.T) {
	const (
		processes = 4
		hosts     = 12
		pages     = 400
	)
	url, job := server(t), newJob()
	before := deadlocks(t, url)
	var world []store.Entry
	for i := range pages {
		world = append(world, entry(fmt.Sprintf("h%d.example", i%hosts), i))
	}
	var wg sync.WaitGroup
	for p := range processes {
		s := open(t, url, &postgres.Options{Job: job, Partitions: 2 * processes})
		ls := acquire(t, s, 2, long)
		add(t, s, world[p], world[0])
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(p)))
			for deadline := time.Now().Add(2 * time.Minute); ; {
				st, err := s.Stats(bg)
				if err != nil || time.Now().After(deadline) {
					t.Errorf("Stats() = %+v, %v", st, err)
					return
				}
				if st.Pages.Waiting == 0 {
					return
				}
				var os []store.Outcome
				for _, l := range ls {
					hs, err := s.Hosts(bg, l, -1<<63, 100)
					if err != nil {
						t.Error(err)
						return
					}
					for _, h := range hs {
						bs, err := s.Due(bg, l, time.Now(), []store.HostQuery{{Host: h.ID, Limit: 7}})
						if err != nil {
							t.Error(err)
							return
						}
						for _, e := range bs[0].Entries {
							var children []store.Entry
							for range 20 {
								children = append(children, world[r.IntN(pages)])
							}
							os = append(os, done(s, e, children...))
						}
					}
				}
				r.Shuffle(len(os), func(i, j int) { os[i], os[j] = os[j], os[i] })
				if rec, err := s.Commit(bg, store.Commit{Leases: ls, Outcomes: os}); err != nil || len(rec.Fenced) > 0 {
					t.Errorf("Commit = %+v, %v", rec, err)
					return
				}
			}
		})
	}
	wg.Wait()
	s := open(t, url, &postgres.Options{Job: job})
	st := stats(t, s)
	if st.Pages.Failed+st.Pages.Waiting > 0 || st.Pages.Done != st.Items || st.Pages.Done < pages*9/10 {
		t.Errorf("Stats() = %+v, want nearly all of %d pages done, each with an item", st, pages)
	}
	seen := map[string]bool{}
	last := int64(0)
	for it, err := range s.Items(bg, "s", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(it.Body)] || it.Seq <= last {
			t.Errorf("item %d, %s: is there twice, or out of order", it.Seq, it.Body)
		}
		seen[string(it.Body)], last = true, it.Seq
	}
	if int64(len(seen)) != st.Items {
		t.Errorf("there are %d items, the totals say %d", len(seen), st.Items)
	}
	if n := deadlocks(t, url) - before; n > 0 {
		t.Errorf("%d transactions were broken off because they waited in a circle", n)
	}
}

// deadlocks counts what the server had to break off.
func deadlocks(t *testing.T, url string) (n int) {
	t.Helper()
	c, err := pgx.Connect(bg, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(bg)
	if err := c.QueryRow(bg, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// One who follows the items while many commit sees each of them, in order.
func TestItemsCanBeFollowed(t *testing.T) {
	const processes, rounds = 4, 30
	url, job := server(t), newJob()
	var wg sync.WaitGroup
	for p := range processes {
		s := open(t, url, &postgres.Options{Job: job, Partitions: processes})
		ls := acquire(t, s, 1, long)
		host := ""
		for i := 0; host == ""; i++ {
			if h := fmt.Sprintf("h%d.example", i); s.Part(store.HostOf(h)) == ls[0].Part {
				host = h
			}
		}
		wg.Go(func() {
			for i := range rounds {
				e := entry(host, p*rounds+i)
				if _, err := s.Add(bg, []store.Entry{e}, nil); err != nil {
					t.Error(err)
				}
				if _, err := s.Commit(bg, store.Commit{Leases: ls, Outcomes: []store.Outcome{done(s, e)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	s := open(t, url, &postgres.Options{Job: job})
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	n, last := 0, int64(0)
	for over := false; !over; {
		select {
		case <-ended:
			over = true // read once more
		default:
		}
		for it, err := range s.Items(bg, "s", last) {
			if err != nil {
				t.Fatal(err)
			}
			n, last = n+1, it.Seq
		}
	}
	if n != processes*rounds {
		t.Errorf("%d items were seen, want %d", n, processes*rounds)
	}
}

// Processes that open a job at the same time make its tables once.
func TestOpenAtTheSameTime(t *testing.T) {
	url, job := server(t), newJob()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := postgres.Open(bg, url, &postgres.Options{Job: job, Partitions: 3})
			if err != nil {
				t.Error(err)
				return
			}
			if s.Partitions() != 3 {
				t.Errorf("%d partitions, want 3", s.Partitions())
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A page with 100,000 links, nine of ten to one host, is one commit, and who
// reads the others is not held up by that host.
func TestHugePage(t *testing.T) {
	const links = 100_000
	s := open(t, server(t), &postgres.Options{Job: newJob(), Partitions: 1})
	first := entry("a.example", 0)
	add(t, s, first)
	ls := acquire(t, s, 0, long)
	children := make([]store.Entry, links)
	for i := range children {
		host := "big.example"
		if i%10 == 0 {
			host = fmt.Sprintf("h%d.example", i/10%100)
		}
		children[i] = entry(host, i)
	}
	r, err := s.Commit(bg, store.Commit{Leases: ls, Outcomes: []store.Outcome{done(s, first, children...)}})
	if err != nil || r.NewPages != links {
		t.Fatalf("Commit = %d new pages, %v; want %d", r.NewPages, err, links)
	}
	hs, err := s.Hosts(bg, ls[0], -1<<63, 200)
	if err != nil || len(hs) != 101 {
		t.Fatalf("Hosts = %d hosts, %v; want 101", len(hs), err)
	}
	qs := make([]store.HostQuery, len(hs))
	for i, h := range hs {
		qs[i] = store.HostQuery{Host: h.ID, Limit: 20}
	}
	bs, err := s.Due(bg, ls[0], time.Now(), qs)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range bs {
		if len(b.Entries) != 20 {
			t.Errorf("host %s: %d requests are due, want 20", hs[i].Name, len(b.Entries))
		}
	}
}
