package postgres_test

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/store"
)

// long is a lease that does not end during a test.
const long = time.Hour

func acquire(t *testing.T, s *postgres.Store, most int, ttl time.Duration) []store.Lease {
	t.Helper()
	ls, err := s.Acquire(bg, "w", most, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return ls
}

// takeOver acquires n partitions as soon as their leases have ended.
func takeOver(t *testing.T, s *postgres.Store, n int) (ls []store.Lease) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); len(ls) < n; {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute %d of %d partitions could be taken over", len(ls), n)
		}
		ls = append(ls, acquire(t, s, 0, long)...)
	}
	return ls
}

func entry(host string, n int) store.Entry {
	r := trawl.Request{URL: fmt.Sprintf("https://%s/%d", host, n), Spider: "s"}
	return store.Entry{Key: r.Key(), Host: store.HostOf(host), HostName: host, Request: r}
}

func add(t *testing.T, s *postgres.Store, es ...store.Entry) {
	t.Helper()
	if _, err := s.Add(bg, es, nil); err != nil {
		t.Fatal(err)
	}
}

// done ends a page, with one record and children.
func done(s *postgres.Store, e store.Entry, children ...store.Entry) store.Outcome {
	return store.Outcome{
		Key: e.Key, Host: e.Host, Part: s.Part(e.Host), State: store.Done, Tries: 1, Children: children,
		Items: []store.Item{{Output: "s", Body: fmt.Appendf(nil, "%q", e.Request.URL)}},
	}
}

func stats(t *testing.T, s *postgres.Store) store.Stats {
	t.Helper()
	st, err := s.Stats(bg)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestPartitionsAreSharedOut(t *testing.T) {
	url, job := server(t), newJob()
	a := open(t, url, &postgres.Options{Job: job, Partitions: 8})
	b := open(t, url, &postgres.Options{Job: job, Partitions: 99})
	if b.Partitions() != 8 {
		t.Errorf("a job with 8 partitions has %d for those who come later", b.Partitions())
	}
	seen := map[int32]bool{}
	for _, l := range append(acquire(t, a, 5, long), acquire(t, b, 0, long)...) {
		if seen[l.Part] || l.Epoch != 1 {
			t.Errorf("lease %v: two of one partition, or not the first of it", l)
		}
		seen[l.Part] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d partitions were acquired, want all 8", len(seen))
	}
	if ls := acquire(t, b, 0, long); len(ls) > 0 {
		t.Errorf("Acquire = %v when all are taken", ls)
	}
	// Close gives back what it had.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if ls := acquire(t, b, 0, long); len(ls) != 5 || ls[0].Epoch != 2 {
		t.Errorf("Acquire = %v after the owner of 5 is gone", ls)
	}
}

// An owner sees its own hosts, and ends its own requests.
func TestPartitionsAreApart(t *testing.T) {
	s := open(t, server(t), &postgres.Options{Job: newJob(), Partitions: 4})
	byPart := map[int32][]store.Entry{}
	for i := range 40 {
		e := entry(fmt.Sprintf("h%d.example", i), 1)
		byPart[s.Part(e.Host)] = append(byPart[s.Part(e.Host)], e)
		add(t, s, e)
	}
	ls := acquire(t, s, 0, long)
	found := 0
	for _, l := range ls {
		hs, err := s.Hosts(bg, l, -1<<63, 100)
		if err != nil {
			t.Fatal(err)
		}
		found += len(hs)
		for _, h := range hs {
			if s.Part(h.ID) != l.Part {
				t.Errorf("host %s of partition %d is listed for %d", h.Name, s.Part(h.ID), l.Part)
			}
		}
		foreign := ls[(int(l.Part)+1)%len(ls)]
		bs, err := s.Due(bg, foreign, time.Now(), []store.HostQuery{{Host: byPart[l.Part][0].Host, Limit: 5}})
		if err != nil || len(bs[0].Entries) > 0 {
			t.Errorf("Due yields %v, %v for a host of another partition", bs[0].Entries, err)
		}
		// The lease of another partition ends nothing here, whatever the
		// outcome says of itself.
		for _, part := range []int32{l.Part, foreign.Part} {
			o := done(s, byPart[l.Part][0])
			o.Part = part
			r, err := s.Commit(bg, store.Commit{Leases: []store.Lease{foreign}, Outcomes: []store.Outcome{o}})
			if d := cmp.Diff(store.Receipt{Fenced: []int32{part}}, r, cmpopts.EquateEmpty()); err != nil || d != "" {
				t.Errorf("Commit under a foreign lease: %v\n%s", err, d)
			}
		}
	}
	if found != 40 {
		t.Errorf("%d hosts were listed, want 40", found)
	}
	var os []store.Outcome
	for _, es := range byPart {
		for _, e := range es {
			os = append(os, done(s, e))
		}
	}
	if r, err := s.Commit(bg, store.Commit{Leases: ls, Outcomes: os}); err != nil || len(r.Fenced) > 0 {
		t.Errorf("Commit under all leases = %v, %v", r, err)
	}
	if st := stats(t, s); st.Pages.Done != 40 || st.Items != 40 {
		t.Errorf("Stats() = %+v, want 40 pages done with 40 items", st)
	}
}

// A process that was frozen for longer than its lease finds that it has lost
// it, and what it brings is refused as a whole.
func TestFrozenOwnerIsFenced(t *testing.T) {
	url, job := server(t), newJob()
	frozen := open(t, url, &postgres.Options{Job: job, Partitions: 1})
	heir := open(t, url, &postgres.Options{Job: job})
	e, child := entry("a.example", 1), entry("b.example", 1)
	add(t, frozen, e)
	old := acquire(t, frozen, 0, time.Millisecond)
	ls := takeOver(t, heir, 1)

	if held, err := frozen.Renew(bg, old, long); err != nil || len(held) > 0 {
		t.Errorf("Renew of a lost lease = %v, %v", held, err)
	}
	if _, err := frozen.Hosts(bg, old[0], 0, 1); !errors.Is(err, store.ErrFenced) {
		t.Errorf("Hosts = %v, want ErrFenced", err)
	}
	r, err := frozen.Commit(bg, store.Commit{
		Leases: old, Outcomes: []store.Outcome{done(frozen, e, child)}, Hosts: []store.Host{{ID: e.Host, Backoff: 3}},
	})
	if d := cmp.Diff(store.Receipt{Fenced: []int32{0}}, r, cmpopts.EquateEmpty()); err != nil || d != "" {
		t.Errorf("Commit of the frozen owner: %v\n%s", err, d)
	}
	if st := stats(t, heir); st.Pages != (store.Counts{Waiting: 1}) || st.Items != 0 {
		t.Errorf("Stats() = %+v, want nothing of the frozen owner's", st)
	}
	if err := frozen.Release(bg, old); err != nil {
		t.Error(err)
	}
	if r, err := heir.Commit(bg, store.Commit{Leases: ls, Outcomes: []store.Outcome{done(heir, e, child)}}); err != nil || r.NewPages != 1 {
		t.Errorf("Commit of the heir = %+v, %v", r, err)
	}
}

// A lease that has ended is still its owner's until another one takes the
// partition: otherwise a server that was away for a while would cost everybody
// what he has in flight.
func TestEndedLeaseIsKeptUntilItIsTaken(t *testing.T) {
	s := open(t, server(t), &postgres.Options{Job: newJob(), Partitions: 1})
	e, later := entry("a.example", 1), entry("a.example", 2)
	add(t, s, e, later)
	ls := acquire(t, s, 0, time.Microsecond)
	if !time.Now().After(ls[0].Until) {
		t.Fatal("the lease has not ended")
	}
	if r, err := s.Commit(bg, store.Commit{Leases: ls, Outcomes: []store.Outcome{done(s, e)}}); err != nil || len(r.Fenced) > 0 {
		t.Errorf("Commit = %v, %v", r, err)
	}
	held, err := s.Renew(bg, ls, long)
	if err != nil || len(held) != 1 || held[0].Epoch != ls[0].Epoch || time.Until(held[0].Until) < long/2 {
		t.Fatalf("Renew = %v, %v", held, err)
	}
	if r, err := s.Commit(bg, store.Commit{Leases: held, Outcomes: []store.Outcome{done(s, later)}}); err != nil || len(r.Fenced) > 0 {
		t.Errorf("Commit after Renew = %v, %v", r, err)
	}
}

// Another process gets a partition only half of the time to live after its
// lease has ended.
func TestTakeOverWaits(t *testing.T) {
	url, job := server(t), newJob()
	a := open(t, url, &postgres.Options{Job: job, Partitions: 1})
	b := open(t, url, &postgres.Options{Job: job})
	const ttl = 400 * time.Millisecond
	began := time.Now()
	acquire(t, a, 0, ttl)
	takeOver(t, b, 1)
	if took := time.Since(began); took < ttl+ttl/2 {
		t.Errorf("taken over after %v, want at least %v", took, ttl+ttl/2)
	}
}

// A take-over and a commit of the old owner do not overlap.
func TestTakeOverDuringCommit(t *testing.T) {
	url, job := server(t), newJob()
	heir := open(t, url, &postgres.Options{Job: job, Partitions: 1})
	var during []store.Lease
	old := open(t, url, postgres.WithHook(postgres.Options{Job: job}, func(st postgres.Step) {
		if st == postgres.StepChanged && stats(t, heir).Pages.Total() > 0 {
			during = acquire(t, heir, 0, long)
		}
	}))
	ls := acquire(t, old, 0, time.Microsecond)
	e := entry("a.example", 1)
	add(t, heir, e)
	r, err := old.Commit(bg, store.Commit{Leases: ls, Outcomes: []store.Outcome{done(old, e)}})
	if err != nil || len(r.Fenced) > 0 || len(during) > 0 {
		t.Errorf("Commit = %+v, %v; another one acquired %v meanwhile", r, err, during)
	}
	ls = takeOver(t, heir, 1)
	if hs, err := heir.Hosts(bg, ls[0], 0, 9); err != nil || len(hs) > 0 {
		t.Errorf("the heir sees %v, %v; want nothing left", hs, err)
	}
}

func TestStand(t *testing.T) {
	url, job := server(t), newJob()
	a := open(t, url, &postgres.Options{Job: job, Partitions: 8})
	b := open(t, url, &postgres.Options{Job: job})
	check := func(s *postgres.Store, idle bool, want store.Standing) {
		t.Helper()
		got, err := s.Stand(bg, "w", long, idle)
		if err != nil || got != want {
			t.Errorf("Stand = %+v, %v; want %+v", got, err, want)
		}
	}
	check(a, true, store.Standing{Share: 8, Free: 8, Workers: 1, Idle: 1})
	acquire(t, a, 3, long)
	check(b, false, store.Standing{Share: 4, Free: 5, Workers: 2, Idle: 1})
	acquire(t, b, 0, time.Microsecond)
	check(a, false, store.Standing{Share: 4, Free: 5, Workers: 2})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	check(a, false, store.Standing{Share: 8, Free: 5, Workers: 1})
}

// Of several processes that claim a value at the same time all get the same.
func TestClaim(t *testing.T) {
	url, job := server(t), newJob()
	s := open(t, url, &postgres.Options{Job: job})
	for round := range 5 {
		name := fmt.Sprintf("v%d", round)
		got := make([]string, 6)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				var err error
				if got[i], err = s.Claim(bg, name, fmt.Sprintf("值 %d", i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		v, err := s.Get(bg, name)
		for _, g := range got {
			if err != nil || g != v || v == "" {
				t.Errorf("Claim = %q, and Get %q, %v", g, v, err)
			}
		}
	}
	if err := s.Set(bg, "v0", ""); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Claim(bg, "v0", "x"); v != "x" || err != nil {
		t.Errorf("Claim = %q, %v of a value that was taken back", v, err)
	}
}

func TestSessions(t *testing.T) {
	url, job := server(t), newJob()
	a, b := open(t, url, &postgres.Options{Job: job}), open(t, url, &postgres.Options{Job: job})
	for _, s := range []*postgres.Store{a, b} {
		if _, err := s.Stand(bg, "w", time.Second, false); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := a.Sessions(bg); err != nil || len(got) != 2 || !got[a.Session()] || !got[b.Session()] {
		t.Errorf("Sessions = %v, %v; want %s and %s", got, err, a.Session(), b.Session())
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Sessions(bg); err != nil || len(got) != 1 {
		t.Errorf("Sessions = %v, %v after one was closed", got, err)
	}
}

// Processes know at which addresses others have hosts, as long as they live.
func TestAddresses(t *testing.T) {
	url, job := server(t), newJob()
	a, b := open(t, url, &postgres.Options{Job: job}), open(t, url, &postgres.Options{Job: job})
	ip := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.3")}
	check := func(s *postgres.Store, at []netip.Addr, want map[netip.Addr]int) {
		t.Helper()
		got, err := s.Addresses(bg, at)
		if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Errorf("Addresses(%v): %v\n%s", at, err, d)
		}
	}
	for _, s := range []*postgres.Store{a, b} {
		if _, err := s.Stand(bg, "w", long, false); err != nil {
			t.Fatal(err)
		}
	}
	check(a, ip[:2], map[netip.Addr]int{ip[0]: 1, ip[1]: 1})
	check(b, ip[1:], map[netip.Addr]int{ip[1]: 2, ip[2]: 1})
	check(a, ip[1:2], map[netip.Addr]int{ip[1]: 2})
	check(b, ip, map[netip.Addr]int{ip[0]: 1, ip[1]: 2, ip[2]: 1})
	check(b, nil, nil)
	check(a, ip[1:], map[netip.Addr]int{ip[1]: 1, ip[2]: 1})
	check(b, ip[:2], map[netip.Addr]int{ip[0]: 1, ip[1]: 2})
	// One that has not been heard of for a while does not count.
	if _, err := a.Stand(bg, "w", time.Microsecond, false); err != nil {
		t.Fatal(err)
	}
	check(b, ip[1:2], map[netip.Addr]int{ip[1]: 1})
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	check(b, ip[2:], map[netip.Addr]int{ip[2]: 1})
}
