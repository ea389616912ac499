package shards_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/store"
)

// done ends a page, with one record and children.
func done(s store.Shared, e store.Entry, children ...store.Entry) store.Outcome {
	return store.Outcome{
		Key: e.Key, Host: e.Host, Part: s.Part(e.Host), State: store.Done, Tries: 1, Children: children,
		Items: []store.Item{{Output: "s", Body: fmt.Appendf(nil, "%q", e.Request.URL)}},
	}
}

// The second database goes away. What is done in the first one goes on, with
// the links to the second in its outbox; what is done for the second is
// refused. When it is back, the links arrive, each of them once.
func TestOneIsAway(t *testing.T) {
	urls := databases(t, 1)
	second := pgtest.New(t, nil)
	urls = append(urls, second.URL("postgres"))
	opt := &postgres.Options{Job: newJob(), Partitions: 4, Patience: time.Second}
	s := open(t, urls, opt)
	other := open(t, urls, opt)
	// A host in each of the two.
	var hosts [2]string
	for i := 0; hosts[0] == "" || hosts[1] == ""; i++ {
		h := fmt.Sprintf("h%d.example", i)
		hosts[s.Part(store.HostOf(h))/2] = h
	}
	near, far := entry(hosts[0], 0), entry(hosts[1], 0)
	add := func(e store.Entry) {
		t.Helper()
		if n, err := s.Add(bg, []store.Entry{e}, nil); err != nil || n != 1 {
			t.Fatalf("Add = %d, %v", n, err)
		}
	}
	add(near)
	add(far)
	ls, err := s.Acquire(bg, "w", 0, time.Hour)
	if err != nil || len(ls) != 4 {
		t.Fatalf("Acquire = %v, %v; want all 4", ls, err)
	}
	commit := func(os ...store.Outcome) store.Receipt {
		t.Helper()
		r, err := s.Commit(bg, store.Commit{Leases: ls, Outcomes: os})
		if err != nil {
			t.Fatalf("Commit = %v", err)
		}
		return r
	}
	next := func(n int) []store.Entry {
		return []store.Entry{entry(hosts[0], n), entry(hosts[1], n), entry(hosts[1], n)}
	}
	if r := commit(done(s, near, next(1)...)); r.NewPages != 2 || len(r.Fenced) > 0 {
		t.Errorf("Commit = %+v, want two new pages, one of each", r)
	}

	if err := second.Kill(); err != nil {
		t.Fatal(err)
	}
	r := commit(done(s, next(1)[0], next(2)...), done(s, far, next(3)...))
	if r.NewPages != 1 || !slices.Equal(r.Fenced, []int32{s.Part(far.Host)}) {
		t.Errorf("Commit = %+v with one away; want one new page, and the other's partition fenced", r)
	}
	if _, err := s.Hosts(bg, ls[3], 0, 9); !errors.Is(err, store.ErrFenced) {
		t.Errorf("Hosts = %v of one that is away, want ErrFenced", err)
	}
	if hs, err := s.Hosts(bg, ls[s.Part(near.Host)], -1, 9); err != nil || len(hs) != 1 {
		t.Errorf("Hosts = %v, %v of one that is there", hs, err)
	}
	if held, err := s.Renew(bg, ls, time.Hour); err != nil || len(held) != 4 {
		t.Errorf("Renew = %v, %v; what is away is not lost", held, err)
	}
	if st, err := s.Stand(bg, "w", time.Hour, true); err != nil || st.Share != 4 || st.Free == 0 {
		t.Errorf("Stand = %+v, %v; want that some are free, so that nobody rests", st, err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		st, err := s.Stats(bg)
		if errors.Is(err, store.ErrIO) {
			break // it has been away for too long
		}
		if err != nil || st.Pages.Waiting < 2 || time.Now().After(deadline) {
			t.Fatalf("Stats = %+v, %v; want that something waits, and then an error", st, err)
		}
	}

	if err := second.Resume(); err != nil {
		t.Fatal(err)
	}
	// Somebody else brings what was posted.
	for deadline := time.Now().Add(time.Minute); ; {
		st, err := other.Stats(bg)
		if err == nil && st.Pages == (store.Counts{Waiting: 4, Done: 2}) { // far, its first two, and one more
			if _, err = other.Stand(bg, "o", time.Hour, false); err == nil {
				break
			}
		}
		if err == nil {
			_, err = other.Stand(bg, "o", time.Hour, false)
		}
		if time.Now().After(deadline) {
			t.Fatalf("Stats = %+v, %v when it is back", st, err)
		}
	}
	var r2 store.Receipt
	for deadline := time.Now().Add(time.Minute); ; {
		if r2 = commit(done(s, far, next(2)...)); len(r2.Fenced) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Commit = %+v when it is back", r2)
		}
	}
	if r2.NewPages != 0 {
		t.Errorf("Commit = %+v, want nothing new: it has arrived", r2)
	}
	if st, err := s.Stats(bg); err != nil || st.Pages != (store.Counts{Waiting: 3, Done: 3}) || st.Items != 3 {
		t.Errorf("Stats = %+v, %v; want 3 pages done with their records, 3 waiting", st, err)
	}
}
