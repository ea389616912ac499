package frontier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// parts is a store in memory that several frontiers share, with the hosts in
// partitions. Leases end by the clock of the test, and can be taken over at
// once.
type parts struct {
	*store.Mem
	whole store.Lease // of all hosts, in Mem
	n     int32

	mu    sync.Mutex
	epoch map[int32]int64
	until map[int32]time.Time

	// Called before the result of a read is returned, and before a
	// commit; nil for nothing.
	read, commit func()
}

func newParts(t *testing.T, n int32) *parts {
	t.Helper()
	p := &parts{Mem: store.NewMem(), n: n, epoch: map[int32]int64{}, until: map[int32]time.Time{}}
	ls, err := p.Mem.Acquire(t.Context(), "", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.whole = ls[0]
	return p
}

func (p *parts) Part(id store.HostID) int32 { return int32(int64(id) % int64(p.n)) }

func (p *parts) Acquire(_ context.Context, _ string, most int, ttl time.Duration) ([]store.Lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ls []store.Lease
	for i := range p.n {
		if len(ls) < most && time.Now().After(p.until[i]) {
			p.epoch[i]++
			p.until[i] = time.Now().Add(ttl)
			ls = append(ls, store.Lease{Part: i, Epoch: p.epoch[i], Until: p.until[i]})
		}
	}
	return ls, nil
}

func (p *parts) Renew(_ context.Context, ls []store.Lease, ttl time.Duration) ([]store.Lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var held []store.Lease
	for _, l := range ls {
		if p.epoch[l.Part] == l.Epoch {
			p.until[l.Part] = time.Now().Add(ttl)
			l.Until = p.until[l.Part]
			held = append(held, l)
		}
	}
	return held, nil
}

func (p *parts) Release(_ context.Context, ls []store.Lease) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range ls {
		if p.epoch[l.Part] == l.Epoch {
			p.epoch[l.Part]++
			p.until[l.Part] = time.Time{}
		}
	}
	return nil
}

func (p *parts) held(l store.Lease) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch[l.Part] == l.Epoch
}

func (p *parts) Hosts(ctx context.Context, l store.Lease, after store.HostID, limit int) ([]store.Host, error) {
	if !p.held(l) {
		return nil, store.ErrFenced
	}
	hs, err := p.Mem.Hosts(ctx, p.whole, after, 1<<20)
	hs = slices.DeleteFunc(hs, func(h store.Host) bool { return p.Part(h.ID) != l.Part })
	return hs[:min(limit, len(hs))], err
}

func (p *parts) Due(ctx context.Context, l store.Lease, now time.Time, qs []store.HostQuery) ([]store.Batch, error) {
	if !p.held(l) {
		return nil, store.ErrFenced
	}
	bs, err := p.Mem.Due(ctx, p.whole, now, qs)
	if p.read != nil {
		p.read()
	}
	return bs, err
}

func (p *parts) Commit(ctx context.Context, c store.Commit) (store.Receipt, error) {
	if p.commit != nil {
		p.commit()
	}
	fenced := map[int32]bool{}
	ours := func(part int32) bool {
		ok := slices.ContainsFunc(c.Leases, func(l store.Lease) bool { return l.Part == part && p.held(l) })
		if !ok {
			fenced[part] = true
		}
		return ok
	}
	var os []store.Outcome
	for _, o := range c.Outcomes {
		if ours(o.Part) {
			o.Part = 0
			os = append(os, o)
		}
	}
	c.Hosts = slices.DeleteFunc(c.Hosts, func(h store.Host) bool { return !ours(p.Part(h.ID)) })
	c.Outcomes, c.Leases = os, []store.Lease{p.whole}
	r, err := p.Mem.Commit(ctx, c)
	for part := range fenced {
		r.Fenced = append(r.Fenced, part)
	}
	return r, err
}

// A process is a frontier over a shared store, with Run going and a worker
// that ends every page it gets.
type process struct {
	*bench
	p *parts

	hold chan struct{} // pages wait for it, if it is not nil
	mu   sync.Mutex
	got  []string // the URLs of the pages it was given, when they were given
	at   []time.Time
}

func start(t *testing.T, p *parts, opt *frontier.Options) *process {
	t.Helper()
	var o frontier.Options
	if opt != nil {
		o = *opt
	}
	o.Sharing = &frontier.Sharing{Part: p.Part}
	ctx, cancel := context.WithCancel(t.Context())
	b := &bench{t: t, st: p, f: frontier.New(p, store.Lease{}, &o), cancel: cancel, ran: make(chan error, 1)}
	go func() { b.ran <- b.f.Run(ctx) }()
	return &process{bench: b, p: p}
}

// take has the process acquire up to n partitions.
func (pr *process) take(n int, ttl time.Duration) {
	pr.t.Helper()
	ls, err := pr.p.Acquire(context.Background(), "", n, ttl)
	if err != nil {
		pr.t.Fatal(err)
	}
	pr.f.Take(ls)
}

// work ends pages until the job does.
func (pr *process) work(children func(url string) []trawl.Request) {
	for {
		task, err := pr.f.Next(context.Background(), trawl.KindPage)
		if err != nil {
			return
		}
		pr.mu.Lock()
		pr.got = append(pr.got, task.Request.URL)
		pr.at = append(pr.at, time.Now())
		pr.mu.Unlock()
		if pr.hold != nil {
			<-pr.hold
		}
		o := store.Outcome{State: store.Done}
		if children != nil {
			o.Children = pr.children(task, children(task.Request.URL)...)
		}
		if pr.f.Finish(task, o) != nil {
			return
		}
	}
}

func seed(t *testing.T, p *parts, rs ...trawl.Request) {
	t.Helper()
	for _, r := range rs {
		key, host, err := trawl.Identify(r.Kind, r.URL)
		if err != nil {
			t.Fatal(err)
		}
		e := store.Entry{Key: key, Host: store.HostOf(host), HostName: host, Request: r}
		if _, err := p.Add(t.Context(), []store.Entry{e}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// once reports URLs that were given to the processes more than once.
func once(t *testing.T, want int, prs ...*process) {
	t.Helper()
	seen := map[string]int{}
	for _, pr := range prs {
		for _, u := range pr.got {
			seen[u]++
		}
	}
	for u, n := range seen {
		if n > 1 {
			t.Errorf("%s was given out %d times", u, n)
		}
	}
	if len(seen) != want {
		t.Errorf("%d pages were given out, want %d", len(seen), want)
	}
}

// Processes find pages for each other; each is fetched once, by the owner of
// its host, and all of them end when nothing is left in the job.
func TestSharedJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages, hosts = 300, 20
		p := newParts(t, 8)
		u := func(i int) trawl.Request { return pageOf(fmt.Sprintf("h%d.test", i%hosts), i) }
		seed(t, p, u(0))
		var prs []*process
		for range 2 {
			pr := start(t, p, nil)
			pr.take(4, time.Hour)
			prs = append(prs, pr)
			go pr.work(func(url string) []trawl.Request {
				var i int
				fmt.Sscanf(url[len("https://h"):], "%d.test/%d", new(int), &i)
				return []trawl.Request{u(min(2*i+1, pages-1)), u(min(2*i+2, pages-1)), u(i / 2)}
			})
		}
		for _, pr := range prs {
			pr.end()
		}
		once(t, pages, prs...)
		if len(prs[0].got) == 0 || len(prs[1].got) == 0 {
			t.Error("one of the two has done everything")
		}
	})
}

// A partition is given back when nothing of it is in flight or uncommitted: its
// next owner would fetch that once more.
func TestDrainBeforeRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(t, 1)
		for i := range 20 {
			seed(t, p, pageOf("a.test", i))
		}
		four := &frontier.Options{Limits: func(string, string) frontier.Limits { return frontier.Limits{PerHost: 4} }}
		first, second := start(t, p, four), start(t, p, four)
		first.take(1, time.Hour)
		first.hold = make(chan struct{})
		for range 3 {
			go first.work(nil)
		}
		go second.work(nil)
		synctest.Wait()
		first.f.Drain(1)
		synctest.Wait()
		if ls := first.f.Drained(); len(ls) > 0 {
			t.Fatalf("Drained() = %v with %d pages in flight", ls, len(first.got))
		}
		blocked := make(chan struct{})
		p.commit = func() { <-blocked }
		close(first.hold)
		synctest.Wait()
		if ls := first.f.Drained(); len(ls) > 0 {
			t.Fatalf("Drained() = %v with outcomes that are not committed", ls)
		}
		close(blocked)
		synctest.Wait()
		ls := first.f.Drained()
		if len(ls) != 1 {
			t.Fatalf("Drained() = %v when everything is committed", ls)
		}
		if err := p.Release(t.Context(), ls); err != nil {
			t.Fatal(err)
		}
		second.take(1, time.Hour)
		second.end()
		first.end()
		once(t, 20, first, second)
		if len(first.got) != 3 {
			t.Errorf("the first was given %d pages, want the 3 that it had when it was to drain", len(first.got))
		}
	})
}

// A read that began before a commit yields what has been ended since.
func TestReadOlderThanCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(t, 1)
		for i := range 40 {
			seed(t, p, pageOf("a.test", i))
		}
		// Each read takes long, so that commits get in between.
		p.read = func() { <-time.After(time.Second) }
		pr := start(t, p, &frontier.Options{PageQueue: 4, Linger: time.Millisecond})
		for range 3 {
			go pr.work(nil)
		}
		pr.take(1, time.Hour)
		pr.end()
		once(t, 40, pr)
	})
}

// While the store is away outcomes do not pile up, no page is begun after the
// lease has ended, and all of it is kept if nobody has taken over meanwhile.
func TestStoreAwayForLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl, group = 10 * time.Second, 4
		p := newParts(t, 1)
		for i := range 40 {
			seed(t, p, pageOf("a.test", i))
		}
		back := make(chan struct{})
		p.commit = func() { <-back }
		pr := start(t, p, &frontier.Options{Group: group})
		pr.hold = make(chan struct{}, 100)
		for range 3 {
			go pr.work(nil)
		}
		pr.take(1, ttl)
		synctest.Wait()
		for range 4 {
			pr.hold <- struct{}{}
		}
		<-time.After(2 * ttl) // the lease ends; those in flight end after it
		for range 50 {
			pr.hold <- struct{}{}
		}
		synctest.Wait()
		// What was begun: the group that is being committed, and what every
		// worker has in its hands.
		if n := len(pr.got); n > group+3 {
			t.Errorf("%d pages were begun while the store was away, want at most %d", n, group+3)
		}
		for i, at := range pr.at {
			if at.Sub(pr.at[0]) > ttl {
				t.Errorf("page %d was begun %v after the lease was taken", i, at.Sub(pr.at[0]))
			}
		}
		leases, _ := pr.f.Leases()
		held, err := p.Renew(t.Context(), leases, time.Hour)
		if err != nil || len(held) != 1 {
			t.Fatalf("Renew = %v, %v", held, err)
		}
		close(back)
		pr.f.Take(held)
		go func() {
			for range 50 {
				pr.hold <- struct{}{}
			}
		}()
		pr.end()
		once(t, 40, pr)
	})
}

// A frozen owner's results are refused; the heir does them again, after one
// delay of the host, and the frozen one goes on with what it still has.
func TestTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl, delay = 10 * time.Second, 3 * time.Second
		opt := &frontier.Options{Limits: func(string, string) frontier.Limits { return frontier.Limits{Delay: delay} }}
		p := newParts(t, 1)
		for i := range 5 {
			seed(t, p, pageOf("a.test", i))
		}
		frozen, heir := start(t, p, opt), start(t, p, opt)
		frozen.take(1, ttl)
		frozen.hold = make(chan struct{})
		go frozen.work(nil)
		<-time.After(ttl + time.Second)
		heir.take(1, time.Hour)
		took := time.Now()
		go heir.work(nil)
		synctest.Wait()
		close(frozen.hold) // what it had in flight ends now
		heir.end()
		frozen.end()
		if st, err := p.Stats(t.Context()); err != nil || st.Pages != (store.Counts{Done: 5}) {
			t.Errorf("Stats() = %+v, %v", st, err)
		}
		if len(frozen.got) != 1 || len(heir.got) != 5 {
			t.Errorf("the frozen one got %v, the heir %v", frozen.got, heir.got)
		}
		if gap := heir.at[0].Sub(took); gap < delay {
			t.Errorf("the heir asks the host %v after it took over, want at least %v", gap, delay)
		}
	})
}

// Lose takes effect at once, whatever is in memory.
func TestLose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(t, 1)
		for i := range 5 {
			seed(t, p, pageOf("a.test", i))
		}
		pr := start(t, p, nil)
		pr.take(1, time.Hour)
		synctest.Wait()
		pr.f.Lose([]int32{0})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if task, err := pr.f.Next(ctx, trawl.KindPage); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next = %v, %v after all was lost", task, err)
		}
		synctest.Wait() // for a look at the store that begins at the same moment
		if !pr.f.Idle() {
			t.Error("Idle() = false without a partition")
		}
		pr.f.Rest()
		pr.end()
	})
}

// Nothing is begun from a little before the end of the lease on, until it is
// renewed.
func TestLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Second
		p := newParts(t, 1)
		for i := range 30 {
			seed(t, p, pageOf("a.test", i))
		}
		pr := start(t, p, &frontier.Options{Limits: func(string, string) frontier.Limits { return frontier.Limits{Delay: time.Second} }})
		pr.take(1, ttl)
		go pr.work(nil)
		<-time.After(2 * ttl)
		if n, last := len(pr.got), pr.at[len(pr.at)-1].Sub(pr.at[0]); n < 5 || last > ttl-2*time.Second {
			t.Errorf("%d pages were begun, the last %v after the first, with a lease of %v", n, last, ttl)
		}
		leases, _ := pr.f.Leases()
		held, err := p.Renew(t.Context(), leases, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pr.f.Take(held)
		pr.end()
		once(t, 30, pr)
	})
}

// What is given back has as many of the hosts as its share, so that who gets it
// has something to do.
func TestDrainSharesHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(t, 8)
		busy := make(map[int32]bool)
		for i := 0; len(busy) < 4; i++ {
			h := fmt.Sprintf("h%d.test", i)
			if part := p.Part(store.HostOf(h)); part < 4 && !busy[part] {
				busy[part] = true
				seed(t, p, pageOf(h, 0))
				seed(t, p, pageOf(h, 1))
			}
		}
		pr := start(t, p, nil)
		pr.take(8, time.Hour)
		synctest.Wait()
		pr.f.Drain(4)
		with, all := 0, pr.f.Drained()
		for _, l := range all {
			if busy[l.Part] {
				with++
			}
		}
		if len(all) != 4 || with != 2 {
			t.Errorf("%d of 8 partitions are given back, %d of the 4 with hosts; want 4 and 2", len(all), with)
		}
		pr.stop()
	})
}
