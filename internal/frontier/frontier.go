// Package frontier decides what to fetch next, and when.
//
// A [Frontier] owns the partitions it was given, which are one and all of the
// hosts unless other processes share the job; see [Sharing]. It keeps a window
// of waiting requests in memory, a clock and a number of free places for each
// host, and the set of requests that are in flight; everything else stays in
// the store.
// Start with [New], keep [Frontier.Run] going, and have each worker call
// [Frontier.Next] and then [Frontier.Finish].
//
// Three rules hold at every moment:
//
//   - Taking work writes nothing. A request leaves the store's queue with the
//     commit of its outcome, so whatever dies before is fetched again.
//   - A host that is slow, blocked or full holds up only its own requests.
//   - Work ends by a count: nothing waits, nothing is in flight, no source of
//     requests is open.
package frontier

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// ErrDrained is returned by Next when the job has come to its end: nothing is
// in flight, and nothing waits except for hosts that were stopped.
var ErrDrained = errors.New("frontier: nothing waits and nothing is in flight")

// Limits say how a host may be used.
type Limits struct {
	// PerHost is the number of requests that may be under way to a host. Zero
	// means 2 at first, and up to 6 as long as the host answers as fast as it
	// did, down to 1 when it does not answer or refuses.
	PerHost int

	// Delay is the pause between the starts of two requests to a host. With a
	// DelayMax above it each pause is drawn by lot between the two.
	Delay, DelayMax time.Duration
}

// Options adjust a Frontier. The zero value of a field means its default.
type Options struct {
	// PageQueue and FileQueue bound the waiting pages and files that are held
	// in memory; zero means 100 and 1000. Beyond that each host may hold one,
	// so that no host keeps another out.
	//
	// FileQueue also makes pages wait: those of a host rest while that many
	// files found on its pages are waiting.
	PageQueue, FileQueue int

	// QueueBytes bounds what the requests in both queues take, in bytes;
	// zero means 16 MiB.
	QueueBytes int

	// Jobs bounds the requests between Next and Finish, of all hosts and both
	// kinds; zero means no bound but the number of workers.
	Jobs int

	// Limits returns the limits of a host that a spider's requests go to. It
	// is called once for a host, with the frontier locked. Nil means the zero
	// Limits for all.
	Limits func(spider, host string) Limits

	// Check has each host checked before its first request, and again when
	// the time is over for which that holds: Next hands out a task with Check
	// set, and nothing else of the host until it is ended. Without it no host
	// is checked, and what it asked for in an earlier run does not count.
	Check bool

	// Hosts bounds the hosts held in memory; zero means 1024.
	Hosts int

	// Group is the most outcomes that are ever finished and not yet durable;
	// zero means 512. They are committed when they are half as many, so that
	// others can gather meanwhile; or as soon as there is nothing more to wait
	// for; or once the first has waited Linger (zero means 20 ms), five times
	// as long if there is work enough without what they bring.
	Group  int
	Linger time.Duration

	// Hold is that of each commit; see [store.Commit].
	Hold int

	// BeforeCommit runs before each commit, from one goroutine, and fails it
	// if it fails. It makes durable what the outcomes rely on.
	BeforeCommit func(ctx context.Context) error

	// Committed runs after each commit, from the same goroutine, with what
	// became durable: outcomes[i] ended tasks[i]. The slices are valid until
	// it returns.
	Committed func(tasks []*Task, outcomes []store.Outcome, r store.Receipt)

	// Refusals is the number of refusals in a row after which a host is
	// stopped; zero means 5. See Refused.
	Refusals int

	// Sharing is for a store that other processes work on too; nil for one
	// that is the frontier's alone.
	Sharing *Sharing

	// Denials is the number of requests denied in a row, for the same reason,
	// after which a host is stopped; zero means 20. See Denied.
	Denials int
}

func (o *Options) withDefaults() Options {
	var v Options
	if o != nil {
		v = *o
	}
	orDefault(&v.PageQueue, 100)
	orDefault(&v.FileQueue, 1000)
	orDefault(&v.QueueBytes, 16<<20)
	orDefault(&v.Hosts, 1024)
	orDefault(&v.Group, 512)
	orDefault(&v.Refusals, 5)
	v.Sharing = v.Sharing.withDefaults()
	orDefault(&v.Denials, 20)
	if v.Linger == 0 {
		v.Linger = 20 * time.Millisecond
	}
	if v.Limits == nil {
		v.Limits = func(string, string) Limits { return Limits{} }
	}
	if v.BeforeCommit == nil {
		v.BeforeCommit = func(context.Context) error { return nil }
	}
	if v.Committed == nil {
		v.Committed = func([]*Task, []store.Outcome, store.Receipt) {}
	}
	return v
}

func orDefault(p *int, v int) {
	if *p == 0 {
		*p = v
	}
}

// A Frontier hands out the waiting requests of a store.
// It is safe for concurrent use.
type Frontier struct {
	st   store.Store
	only int32 // the partition of all hosts, without Options.Sharing
	opt  Options

	// wake and flush wake the two loops of Run: the reader and the committer.
	wake, flush chan struct{}

	mu      sync.Mutex
	hosts   map[store.HostID]*host
	ready   [2][]*host // by kind: hosts that can start a request now, in turn
	waiters [2][]*waiter
	clock   clock // hosts that wait for a moment in time
	hungry  map[*host]struct{}
	search  search
	addrs   map[netip.Addr]*address
	workers int // processes that share the job; see Split
	shares  map[int32]*share
	poll    time.Time             // when to look for what others have added; zero if never
	stopped map[store.HostID]stop // hosts that were stopped and are not in hosts
	walled  []trawl.Key           // see Walled
	run     context.Context       // of Run; nil before it

	// held are the requests in the window, in flight or uncommitted. While a
	// read of the store is under way, those that a commit ends stay in it,
	// since the read may still return them; they are in stale.
	held    map[trawl.Key]struct{}
	reading bool
	stale   []trawl.Key

	queued  [2]int // requests in the window, by kind
	bytes   int    // what they take
	running int    // tasks between Next and Finish
	sources int    // open sources of requests
	group   group
	stamp   time.Time // the last Due given out
	rescans int       // since the last request was handed out
	err     error     // why Next ends; ErrDrained at the good end
	ended   chan struct{}
}

// New returns a frontier over the partition of lease, which is ignored with
// Options.Sharing. It starts nothing.
func New(st store.Store, lease store.Lease, opt *Options) *Frontier {
	f := &Frontier{
		st: st, only: lease.Part, opt: opt.withDefaults(),
		shares: make(map[int32]*share),
		wake:   make(chan struct{}, 1), flush: make(chan struct{}, 1),
		hosts:   make(map[store.HostID]*host),
		hungry:  make(map[*host]struct{}),
		addrs:   make(map[netip.Addr]*address),
		workers: 1,
		stopped: make(map[store.HostID]stop),
		held:    make(map[trawl.Key]struct{}),
		ended:   make(chan struct{}),
	}
	if f.opt.Sharing == nil {
		f.shares[lease.Part] = &share{lease: lease}
	}
	f.search.start()
	f.group.space.L = &f.mu
	return f
}

// Run reads from the store and commits to it until the job has come to its
// end, and returns nil then. When ctx ends it hands out nothing more, waits
// until every task is finished or abandoned, commits the rest, and returns
// ctx.Err(). If the store fails it returns that error; so does every Next and
// Finish from then on.
//
// It must be called once. When it returns everything it started has ended.
func (f *Frontier) Run(ctx context.Context) error {
	// The store's work is not interrupted by ctx: what was fetched is kept.
	work := context.WithoutCancel(ctx)
	f.mu.Lock()
	f.run = ctx
	f.dispatchLocked()
	f.mu.Unlock()
	signal(f.wake) // to find what an earlier run left
	var loops sync.WaitGroup
	loops.Go(func() { f.readLoop(work) })
	loops.Go(func() { f.commitLoop(work) })
	defer f.clock.stop(f)

	select {
	case <-f.ended:
	case <-ctx.Done():
		f.end(ctx.Err())
	}
	loops.Wait()

	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(f.err, ErrDrained) {
		return nil
	}
	return f.err
}

// Fail ends the job because of err: Run returns it.
func (f *Frontier) Fail(err error) { f.end(err) }

// end makes every Next return err from now on. The first call counts.
func (f *Frontier) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.endLocked(err)
}

func (f *Frontier) endLocked(err error) {
	if f.err != nil {
		return
	}
	f.err = err
	close(f.ended)
	for k := range f.waiters {
		for len(f.waiters[k]) > 0 {
			w := f.waiters[k][0]
			f.forgetLocked(w) // from both lists
			close(w.ch)
		}
	}
	f.group.space.Broadcast()
	signal(f.wake)
	signal(f.flush)
}

// signal wakes the reader of a channel with room for one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Source announces that requests will be added by Add. The job does not come
// to its end before done is called; calling it again does nothing.
func (f *Frontier) Source() (done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sources++
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.sources--
		signal(f.wake)
	})
}

// Entry makes the store's entry of a request that was found on a page of
// origin; 0 if it was not found on a page. Entries are due in the order in
// which they were made. It returns an error if the URL is malformed.
func (f *Frontier) Entry(r trawl.Request, origin store.HostID) (store.Entry, error) {
	key, host, err := trawl.Identify(r.Kind, r.URL)
	if err != nil {
		return store.Entry{}, err
	}
	f.mu.Lock()
	now := time.Now()
	if !now.After(f.stamp) {
		now = f.stamp.Add(1)
	}
	f.stamp = now
	f.mu.Unlock()
	return store.Entry{Key: key, Host: store.HostOf(host), HostName: host, Due: now, Origin: origin, Request: r}, nil
}

// Add puts requests into the store, unless it knows them, and returns how
// many were new. They are durable when it returns. cur may be nil.
func (f *Frontier) Add(ctx context.Context, es []store.Entry, cur *store.Cursor) (added int, err error) {
	added, err = f.st.Add(ctx, es, cur)
	if err != nil || added == 0 {
		return added, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range es {
		f.foundLocked(&es[i])
	}
	signal(f.wake)
	return added, nil
}

// foundLocked notes that the store may hold a request of e's host.
func (f *Frontier) foundLocked(e *store.Entry) {
	h := f.hosts[e.Host]
	if h == nil {
		if f.shares[f.partOf(e.Host)] != nil {
			f.search.want(e.Host)
		}
		return
	}
	h.found(e.Request.Kind)
	f.refileLocked(h)
}
