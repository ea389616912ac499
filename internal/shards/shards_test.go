package shards_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/shards"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/internal/store/storetest"
)

var (
	bg = context.Background()

	shared = pgtest.Common{Databases: []string{"d0", "d1", "d2"}}
	jobs   atomic.Int64
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// databases returns the addresses of n databases.
func databases(t testing.TB, n int) (urls []string) {
	t.Helper()
	server := shared.Server(t)
	for _, name := range shared.Databases[:n] {
		urls = append(urls, server.URL(name))
	}
	return urls
}

func newJob() string { return fmt.Sprintf("任务 %d", jobs.Add(1)) }

func open(t testing.TB, urls []string, opt *postgres.Options) store.Shared {
	t.Helper()
	s, err := shards.Open(bg, urls, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

// A whole makes all partitions look like one, for the suite.
type whole struct {
	store.Shared
	job string

	mu     sync.Mutex
	leases map[int64][]store.Lease // by the epoch of the one that stands for them
}

func (w *whole) of(l store.Lease) []store.Lease {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leases[l.Epoch]
}

func (w *whole) Acquire(ctx context.Context, worker string, _ int, ttl time.Duration) ([]store.Lease, error) {
	ls, err := w.Shared.Acquire(ctx, worker, 0, ttl)
	if err != nil || len(ls) == 0 {
		return nil, err
	}
	one := store.Lease{Until: ls[0].Until}
	for _, l := range ls {
		one.Epoch += l.Epoch
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leases[one.Epoch] = ls
	return []store.Lease{one}, nil
}

func (w *whole) Renew(ctx context.Context, ls []store.Lease, ttl time.Duration) (held []store.Lease, err error) {
	for _, l := range ls {
		hs, err := w.Shared.Renew(ctx, w.of(l), ttl)
		if err != nil {
			return nil, err
		}
		if len(hs) > 0 && len(hs) == len(w.of(l)) {
			held = append(held, store.Lease{Epoch: l.Epoch, Until: hs[0].Until})
		}
	}
	return held, nil
}

func (w *whole) Release(ctx context.Context, ls []store.Lease) error {
	for _, l := range ls {
		if err := w.Shared.Release(ctx, w.of(l)); err != nil {
			return err
		}
	}
	return nil
}

// real returns the lease of a partition; one that is not held if the whole is
// not.
func (w *whole) real(l store.Lease, part int32) store.Lease {
	for _, r := range w.of(l) {
		if r.Part == part && l.Part == 0 {
			return r
		}
	}
	return store.Lease{Part: part, Epoch: -1}
}

func (w *whole) Hosts(ctx context.Context, l store.Lease, after store.HostID, limit int) (all []store.Host, err error) {
	ls := w.of(l)
	if len(ls) == 0 {
		ls = []store.Lease{w.real(l, 0)}
	}
	for _, r := range ls {
		hs, err := w.Shared.Hosts(ctx, r, after, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, hs...)
	}
	slices.SortFunc(all, func(a, b store.Host) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return all[:min(len(all), max(limit, 0))], nil
}

func (w *whole) Due(ctx context.Context, l store.Lease, now time.Time, qs []store.HostQuery) ([]store.Batch, error) {
	out := make([]store.Batch, len(qs))
	if len(qs) == 0 {
		_, err := w.Shared.Due(ctx, w.real(l, 0), now, nil)
		return nil, err
	}
	for i, q := range qs {
		bs, err := w.Shared.Due(ctx, w.real(l, w.Part(q.Host)), now, []store.HostQuery{q})
		if err != nil {
			return nil, err
		}
		out[i] = bs[0]
	}
	return out, nil
}

func (w *whole) Commit(ctx context.Context, c store.Commit) (store.Receipt, error) {
	var ls []store.Lease
	for _, l := range c.Leases {
		ls = append(ls, w.of(l)...)
	}
	c.Leases = ls
	c.Outcomes = slices.Clone(c.Outcomes)
	other := map[int32]bool{}
	for i := range c.Outcomes {
		o := &c.Outcomes[i]
		if o.Part != 0 {
			other[o.Part] = true
			o.Part = w.Part(o.Host) ^ 1 // of another one
			continue
		}
		o.Part = w.Part(o.Host)
	}
	r, err := w.Shared.Commit(ctx, c)
	if len(r.Fenced) > 0 {
		r.Fenced = []int32{0}
		for p := range other {
			r.Fenced = []int32{p}
		}
	}
	return r, err
}

// TestConformance runs the suite over two databases.
func TestConformance(t *testing.T) {
	urls := databases(t, 2)
	storetest.Test(t, storetest.Driver{
		Apart: true,
		Open: func(t testing.TB) store.Store {
			job := newJob()
			return &whole{Shared: open(t, urls, &postgres.Options{Job: job, Partitions: 4, Conns: 4}), job: job, leases: make(map[int64][]store.Lease)}
		},
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			job := s.(*whole).job
			return &whole{Shared: open(t, urls, &postgres.Options{Job: job, Conns: 4}), job: job, leases: make(map[int64][]store.Lease)}
		},
	})
}

// Another number of databases, another order or another database is an error
// that says what is wrong.
func TestMap(t *testing.T) {
	urls := databases(t, 3)
	job, single := newJob(), newJob()
	open(t, urls[:2], &postgres.Options{Job: job})
	s := open(t, urls[:1], &postgres.Options{Job: single})
	if _, err := s.Add(bg, []store.Entry{entry("a.example", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	open(t, []string{urls[2], urls[1]}, &postgres.Options{Job: newJob()})
	for _, tt := range []struct {
		name string
		job  string
		urls []string
		want string
	}{
		{"missing", job, urls[:1], "there are 2, and 1 given"},
		{"one more", job, urls, "there are 2, and 3 given"},
		{"swapped", job, []string{urls[1], urls[0]}, "the one given as number 1 is number 2"},
		{"twice", job, []string{urls[0], urls[0]}, "the one given as number 2 is number 1"},
		{"begun alone", single, urls[:2], "cannot be spread any more"},
	} {
		_, err := shards.Open(bg, tt.urls, &postgres.Options{Job: tt.job})
		if !errors.Is(err, shards.ErrMap) || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%s: Open = %v, want ErrMap with %q", tt.name, err, tt.want)
		}
	}
	// A database that has a job of the name, of its own.
	other := newJob()
	open(t, []string{urls[1], urls[2]}, &postgres.Options{Job: other})
	if _, err := shards.Open(bg, []string{urls[0], urls[2]}, &postgres.Options{Job: other}); !errors.Is(err, shards.ErrMap) || !strings.Contains(err.Error(), "another job") {
		t.Errorf("Open = %v, want that one belongs to another job", err)
	}
	open(t, urls[:2], &postgres.Options{Job: job, Existing: true})
}

func entry(host string, n int) store.Entry {
	r := trawl.Request{URL: fmt.Sprintf("https://%s/%d", host, n), Spider: "s"}
	return store.Entry{Key: r.Key(), Host: store.HostOf(host), HostName: host, Request: r}
}
