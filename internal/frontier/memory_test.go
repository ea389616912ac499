package frontier_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// A reluctant store fails when it is asked for hosts more often than a sound
// frontier asks: one that goes round in circles would never let time pass.
type reluctant struct {
	store.Store
	left int
}

func (r *reluctant) Hosts(ctx context.Context, l store.Lease, after store.HostID, n int) ([]store.Host, error) {
	if r.left--; r.left < 0 {
		return nil, errors.New("asked for hosts without end")
	}
	return r.Store.Hosts(ctx, l, after, n)
}

// Hosts whose pages wait for files of other hosts leave memory to others, and
// are not looked at again and again until the files are there.
func TestFullHostsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hosts, pages = 6, 3
		b := open(t, &reluctant{store.NewMem(), 1000}, &frontier.Options{
			Hosts: 2, FileQueue: 1,
			Limits: func(string, string) frontier.Limits {
				return frontier.Limits{PerHost: 1, Delay: 100 * time.Millisecond}
			},
		})
		for n := range pages {
			for h := range hosts {
				b.add(pageOf(fmt.Sprintf("h%d.test", h), n))
			}
		}
		b.done()
		begin := time.Now()
		var mu sync.Mutex
		got := make(map[string]int)
		var wg sync.WaitGroup
		worker := func(k trawl.Kind) {
			for {
				task, err := b.f.Next(t.Context(), k)
				if err != nil {
					if !errors.Is(err, frontier.ErrDrained) {
						t.Errorf("Next() = %v", err)
					}
					return
				}
				o := store.Outcome{State: store.Done}
				switch {
				case k == trawl.KindPage && task.Request.URL[len("https://h0.test/"):] == "0":
					// Each first page finds a picture elsewhere.
					r := pageOf("img.test", int(task.HostName[1]))
					r.Kind = trawl.KindFile
					o.Children = b.children(task, r)
				case k == trawl.KindFile && task.Tries == 0:
					// No picture is there at first.
					o = store.Outcome{State: store.Waiting, Due: begin.Add(time.Hour), Tries: 1}
				}
				if o.State == store.Done {
					mu.Lock()
					got[task.Request.URL]++
					mu.Unlock()
				}
				if err := b.f.Finish(task, o); err != nil {
					t.Errorf("Finish() = %v", err)
				}
			}
		}
		for range 2 {
			wg.Go(func() { worker(trawl.KindPage) })
			wg.Go(func() { worker(trawl.KindFile) })
		}
		wg.Wait()
		b.end()
		if want := (pages + 1) * hosts; len(got) != want {
			t.Errorf("%d requests done, want %d: %v", len(got), want, got)
		}
	})
}

// A host is left alone for as long as it must be even if it is not in memory
// meanwhile, and whichever way it comes back.
func TestRestOutlivesMemory(t *testing.T) {
	for _, c := range []struct {
		name    string
		delay   time.Duration
		refused bool
	}{
		{"short delay", 400 * time.Millisecond, false},
		{"long delay", 5 * time.Second, false},
		{"refused", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const hosts, pages = 5, 4
				b := open(t, &reluctant{store.NewMem(), 10_000}, &frontier.Options{
					Hosts:  2,
					Limits: func(string, string) frontier.Limits { return frontier.Limits{PerHost: 1, Delay: c.delay} },
				})
				for h := range hosts {
					b.add(pageOf(fmt.Sprintf("h%d.test", h), 0))
				}
				b.done()
				next := make(map[string]time.Time)
				done := 0
				for {
					task, err := b.f.Next(t.Context(), trawl.KindPage)
					if err != nil {
						break
					}
					now := time.Now()
					if at := next[task.HostName]; now.Before(at) {
						t.Errorf("%s was asked %v too early", task.Request.URL, at.Sub(now))
					}
					next[task.HostName] = now.Add(c.delay)
					o := store.Outcome{State: store.Done}
					if c.refused && task.Tries == 0 {
						at := b.f.Refused(task, 3*time.Second)
						next[task.HostName] = at
						o = store.Outcome{State: store.Waiting, Due: at, Tries: 1}
					} else {
						done++
					}
					// Every host links to the next page of all hosts.
					var host, n int
					fmt.Sscanf(task.Request.URL, "https://h%d.test/%d", &host, &n)
					if n+1 < pages {
						for h := range hosts {
							o.Children = append(o.Children, b.children(task, pageOf(fmt.Sprintf("h%d.test", h), n+1))...)
						}
					}
					if err := b.f.Finish(task, o); err != nil {
						t.Fatal(err)
					}
				}
				b.end()
				if done != hosts*pages {
					t.Errorf("%d pages done, want %d", done, hosts*pages)
				}
			})
		})
	}
}

// More hosts are stopped than memory holds: the job ends, and names them all.
func TestMoreStoppedThanFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hosts = 7
		b := open(t, &reluctant{store.NewMem(), 1000}, &frontier.Options{Hosts: 2})
		for h := range hosts {
			b.add(pageOf(fmt.Sprintf("h%d.test", h), 0), pageOf(fmt.Sprintf("h%d.test", h), 1))
		}
		b.done()
		for {
			task, err := b.f.Next(t.Context(), trawl.KindPage)
			if err != nil {
				break
			}
			b.f.Stop(task, "a login page")
			b.f.Abandon(task)
		}
		b.end()
		if n := len(b.f.Stopped()); n != hosts {
			t.Errorf("%d hosts were stopped, want %d: %v", n, hosts, b.f.Stopped())
		}
	})
}
