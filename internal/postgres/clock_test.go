package postgres_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/store"
)

// The clock of one process is an hour ahead, and then an hour behind. What it
// finds is due for the others at once, and what they find for it; a pause that
// it has a host keep is as long for them; and its leases are what they are.
func TestClockSteps(t *testing.T) {
	url, job := server(t), newJob()
	a := open(t, url, &postgres.Options{Job: job, Partitions: 1})
	var step atomic.Int64
	theirs := func() time.Time { return time.Now().Add(time.Duration(step.Load())) }
	b := open(t, url, postgres.WithClock(postgres.Options{Job: job}, theirs))
	ls := acquire(t, b, 0, long)
	for n, d := range []time.Duration{time.Hour, -time.Hour} {
		step.Store(int64(d))
		stats(t, b) // any transaction finds out
		near := func(what string, got, want time.Time) {
			t.Helper()
			if off := got.Sub(want).Abs(); off > time.Minute {
				t.Errorf("%v ahead: %s is %v off", d, what, off)
			}
		}
		found, other := entry("b.example", 2*n), entry("b.example", 2*n+1)
		found.Due, other.Due = theirs(), time.Now()
		add(t, b, found)
		add(t, a, other)
		for i, now := range []time.Time{time.Now(), theirs()} {
			s := []*postgres.Store{a, b}[i]
			bs, err := s.Due(bg, ls[0], now.Add(2*time.Second), []store.HostQuery{{Host: found.Host, Limit: 9}})
			if err != nil || len(bs[0].Entries) != 2 {
				t.Fatalf("%v ahead: Due = %v, %v; want the two that were just found", d, bs[0].Entries, err)
			}
			for _, e := range bs[0].Entries {
				near("a request", e.Due, now)
			}
		}
		o := done(b, found)
		again := store.Outcome{Key: other.Key, Host: other.Host, Due: theirs().Add(20 * time.Minute), Tries: 1}
		if _, err := b.Commit(bg, store.Commit{Leases: ls, Outcomes: []store.Outcome{o, again}, Hosts: []store.Host{{ID: found.Host, Next: theirs().Add(10 * time.Minute)}}}); err != nil {
			t.Fatal(err)
		}
		hs, err := a.Hosts(bg, ls[0], 0, 9)
		if err != nil || len(hs) != 1 {
			t.Fatalf("Hosts = %v, %v", hs, err)
		}
		near("a pause", hs[0].Next, time.Now().Add(10*time.Minute))
		bs, err := a.Due(bg, ls[0], time.Now(), []store.HostQuery{{Host: found.Host, Limit: 9}})
		if err != nil || len(bs[0].Entries) != 0 {
			t.Fatalf("Due = %v, %v before a retry is due", bs[0].Entries, err)
		}
		near("a retry", bs[0].Next, time.Now().Add(20*time.Minute))
		if held, err := b.Renew(bg, ls, long); err != nil || len(held) != 1 || len(acquire(t, a, 0, long)) > 0 {
			t.Errorf("%v ahead: Renew = %v, %v; want the lease as ever", d, held, err)
		}
		ended := done(b, other)
		if _, err := b.Commit(bg, store.Commit{Leases: ls, Outcomes: []store.Outcome{ended}}); err != nil {
			t.Fatal(err)
		}
	}
}
