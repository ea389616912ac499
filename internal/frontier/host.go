package frontier

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

const (
	page = int(trawl.KindPage)
	file = int(trawl.KindFile)
)

// soon is how far ahead a host that must rest is still kept supplied. One
// that rests longer gives up its part of the window.
const soon = time.Second

// A host is one host in memory: its part of the window and its clock.
type host struct {
	id   store.HostID
	part int32
	name string

	limits   Limits
	known    bool          // limits are set
	learnt   time.Duration // pause that the host itself asked for
	win      window        // without a limit
	addr     *address      // nil if it is not known
	waits    bool          // in addr.waiting
	checked  time.Time     // until when it may be asked; see Options.Check
	checking bool          // a task that checks it is under way
	backoff  int           // refusals in a row
	denied   []trawl.Key   // requests denied in a row
	denial   string        // and for which reason
	next     time.Time     // no request starts before
	active   int           // requests under way
	latency  time.Duration // of its requests lately; see took
	files    int           // waiting files that were found on its pages
	dirty    bool          // next or backoff must be remembered
	saving   bool          // a commit under way remembers them
	stopped  string        // why nothing more is asked of it in this run; "" if it goes on

	q        [2]queue     // the window
	more     [2]bool      // the store may have more that is due
	gen      [2]int       // rises when more is found, so that a read that began before does not clear it
	later    [2]time.Time // when the store has more; zero if it has not
	holds    [2]int       // requests in the window, in flight and uncommitted
	started  [2]int       // since the last read, for the size of the next
	inReady  [2]bool
	clockPos int // place in the clock's heap, -1 if not in it
	wakeAt   time.Time
}

// found notes that the store may have more of kind k.
func (h *host) found(k trawl.Kind) {
	h.more[k] = true
	h.gen[k]++
}

// idle reports whether nothing is known to wait for the host.
func (h *host) idle() bool {
	return h.holds == [2]int{} && h.more == [2]bool{} && h.later == [2]time.Time{}
}

// took notes how long a request took: the latency is an average in which each
// request counts an eighth.
func (h *host) took(d time.Duration) {
	if h.latency == 0 {
		h.latency = d
		return
	}
	h.latency += (d - h.latency) / 8
}

// delay returns the pause before the next request.
func (h *host) delay() time.Duration {
	d := h.limits.Delay
	if more := h.limits.DelayMax - d; more > 0 {
		d += rand.N(more + 1)
	}
	return max(d, h.learnt)
}

// want is how many requests of a kind to have in the window: what was started
// since the last read, doubled, so that a busy host is read in large steps
// and a slow one keeps little.
func (h *host) want(k int) int {
	return min(max(2*h.started[k], h.perHost()), 256)
}

func (h *host) perHost() int {
	if h.limits.PerHost <= 0 {
		return h.win.size()
	}
	return h.limits.PerHost
}

// addHostLocked starts to look after a host.
func (f *Frontier) addHostLocked(s store.Host) *host {
	h := &host{id: s.ID, part: f.partOf(s.ID), name: s.Name, backoff: s.Backoff, next: s.Next, files: s.Files, clockPos: -1}
	if f.opt.Check {
		h.learnt = s.Delay
	}
	f.hosts[h.id] = h
	return h
}

// dropLocked forgets a host, with its part of the window: that is still in
// the store. The host must have nothing under way or uncommitted.
func (f *Frontier) dropLocked(h *host) {
	f.emptyLocked(h)
	f.leaveAddressLocked(h)
	delete(f.hosts, h.id)
}

// emptyLocked gives up the host's part of the window and its place on every
// list.
func (f *Frontier) emptyLocked(h *host) {
	for k := range h.q {
		for e := h.q[k].pop(); e != nil; e = h.q[k].pop() {
			f.leaveLocked(h, e)
			h.holds[k]--
			delete(f.held, e.Key)
		}
		if h.inReady[k] {
			h.inReady[k] = false
			f.ready[k] = remove(f.ready[k], h)
		}
	}
	f.clock.remove(h)
	delete(f.hungry, h)
}

func remove(hs []*host, h *host) []*host {
	for i := range hs {
		if hs[i] == h {
			return append(hs[:i], hs[i+1:]...)
		}
	}
	return hs
}

// haveRoomLocked reports whether one more host fits into memory. If there is
// none it drops the hosts that can do nothing for a while.
func (f *Frontier) haveRoomLocked() bool {
	if len(f.hosts) < f.opt.Hosts {
		return true
	}
	now := time.Now()
	dropped := false
	defer f.clock.arm(f)
	for _, h := range f.hosts {
		if !h.settled() {
			continue
		}
		// One that waits for files of other hosts is found again by the
		// commit that ends them; see filesLocked.
		full := h.files >= f.opt.FileQueue && h.holds[file] == 0 && !h.more[file] && h.later[file].IsZero()
		switch {
		case h.stopped != "":
			f.stopped[h.id] = stop{h.name, h.stopped}
		case h.idle() && !h.next.After(now), full:
		case h.next.After(now.Add(soon)):
			f.search.again()
		default:
			if h.idle() {
				f.search.blocked = earlier(f.search.blocked, h.next)
			}
			continue
		}
		f.dropLocked(h)
		dropped = true
	}
	return dropped
}

// filesLocked notes how many files found on a host's pages are waiting now.
func (f *Frontier) filesLocked(id store.HostID, n int) {
	if f.search.files != nil {
		f.search.files[id] = n
	}
	h := f.hosts[id]
	if h == nil {
		if n < f.opt.FileQueue && f.shares[f.partOf(id)] != nil {
			f.search.want(id) // it may have been dropped as full
		}
		return
	}
	h.files = n
	f.refileLocked(h)
}

// canStart reports whether a request of kind k may start now.
func (f *Frontier) canStart(h *host, k int, now time.Time) bool {
	return h.q[k].len() > 0 && h.stopped == "" && h.active < h.perHost() && !now.Before(h.next) && !h.checking && f.oursLocked(h, now) &&
		(k == file || h.files < f.opt.FileQueue)
}

// refileLocked puts a host where its state belongs: among those that are
// ready, on the clock, among those to read for. Call it after every change.
func (f *Frontier) refileLocked(h *host) {
	if f.hosts[h.id] != h || h.stopped != "" {
		return
	}
	now := time.Now()
	var wake time.Time
	for k := range h.q {
		if f.canStart(h, k, now) {
			switch {
			case h.addr.full(h):
				if !h.waits {
					h.waits = true
					h.addr.waiting = append(h.addr.waiting, h)
				}
			case !h.inReady[k]:
				h.inReady[k] = true
				f.ready[k] = append(f.ready[k], h)
			}
		} else if h.q[k].len() > 0 && h.next.After(now) {
			wake = earlier(wake, h.next)
		}
		switch {
		case h.more[k] && h.next.After(now.Add(soon)):
			wake = earlier(wake, h.next)
		case h.more[k] && 2*h.q[k].len() <= h.want(k):
			f.hungry[h] = struct{}{}
			if f.roomLocked(h, k) > 0 {
				signal(f.wake)
			}
		}
		wake = earlier(wake, h.later[k])
	}
	f.clock.set(f, h, wake)
}

// earlier returns the earlier of two times; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// roomLocked returns how many requests of kind k the window has room for on
// behalf of h: one always if h has none.
func (f *Frontier) roomLocked(h *host, k int) int {
	bound := f.opt.PageQueue
	if k == file {
		bound = f.opt.FileQueue
	}
	room := bound - f.queued[k]
	if n := f.queued[page] + f.queued[file]; n > 0 { // as many as their average size leaves room for
		room = min(room, (f.opt.QueueBytes-f.bytes)/(f.bytes/n))
	}
	if room < 1 && h.q[k].len() == 0 {
		return 1
	}
	return room
}

// enterLocked puts an entry into the window, at its end.
func (f *Frontier) enterLocked(h *host, e *store.Entry) {
	k := int(e.Request.Kind)
	if !h.known {
		h.limits, h.known = f.opt.Limits(e.Request.Spider, h.name), true
		f.takenOverLocked(h)
	}
	h.q[k].push(e)
	h.holds[k]++
	f.queued[k]++
	f.bytes += weight(e)
}

// leaveLocked counts an entry out of the window.
func (f *Frontier) leaveLocked(h *host, e *store.Entry) {
	f.queued[e.Request.Kind]--
	f.bytes -= weight(e)
}

// weight is about what an entry takes in memory, in bytes.
func weight(e *store.Entry) int {
	r := &e.Request
	n := 320 + len(r.URL) + len(r.Meta) + len(r.Referer) + len(r.Path)
	for _, b := range r.Backup {
		n += 16 + len(b)
	}
	return n
}

// A queue is first in, first out.
type queue struct {
	buf  []*store.Entry
	head int
}

func (q *queue) len() int { return len(q.buf) - q.head }

func (q *queue) push(e *store.Entry) {
	if q.head > 32 && 2*q.head > len(q.buf) {
		n := copy(q.buf, q.buf[q.head:])
		clear(q.buf[n:])
		q.buf, q.head = q.buf[:n], 0
	}
	q.buf = append(q.buf, e)
}

// first returns what pop will; the queue must not be empty.
func (q *queue) first() *store.Entry { return q.buf[q.head] }

// pop returns nil if the queue is empty.
func (q *queue) pop() *store.Entry {
	if q.len() == 0 {
		return nil
	}
	e := q.buf[q.head]
	q.buf[q.head] = nil
	if q.head++; q.head == len(q.buf) {
		q.buf, q.head = q.buf[:0], 0
	}
	return e
}

// A clock wakes hosts at their time, with one timer for all.
type clock struct {
	heap  hostHeap
	timer *time.Timer
	at    time.Time // when timer fires; zero if it is not set
}

// set wakes h at t, and no more at the time set before; the zero time means
// never. Call it with the frontier locked.
func (c *clock) set(f *Frontier, h *host, t time.Time) {
	switch {
	case t.IsZero():
		c.remove(h)
		return
	case h.clockPos < 0:
		h.wakeAt = t
		heap.Push(&c.heap, h)
	default:
		h.wakeAt = t
		heap.Fix(&c.heap, h.clockPos)
	}
	c.arm(f)
}

func (c *clock) remove(h *host) {
	if h.clockPos >= 0 {
		heap.Remove(&c.heap, h.clockPos)
	}
}

// arm sets the timer for the first host, or for the hosts that the search
// passed over.
func (c *clock) arm(f *Frontier) {
	t := earlier(f.search.blocked, f.poll)
	if len(c.heap) > 0 {
		t = earlier(t, c.heap[0].wakeAt)
	}
	if t.IsZero() || !c.at.IsZero() && !t.Before(c.at) {
		return
	}
	c.at = t
	d := time.Until(t)
	if c.timer == nil {
		c.timer = time.AfterFunc(d, f.tick)
	} else {
		c.timer.Reset(d)
	}
}

// stop ends the timer for good.
func (c *clock) stop(f *Frontier) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.at = time.Unix(0, 0) // earlier than anything: arm does nothing more
}

// tick looks after the hosts whose time has come.
func (f *Frontier) tick() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	now := time.Now()
	f.clock.at = time.Time{}
	for len(f.clock.heap) > 0 && !f.clock.heap[0].wakeAt.After(now) {
		h := heap.Pop(&f.clock.heap).(*host)
		for k, t := range h.later {
			if !t.IsZero() && !t.After(now) {
				h.later[k] = time.Time{}
				h.found(trawl.Kind(k))
			}
		}
		f.refileLocked(h)
	}
	if b := f.search.blocked; !b.IsZero() && !b.After(now) {
		f.search.again()
		signal(f.wake)
	}
	if p := f.poll; !p.IsZero() && !p.After(now) {
		f.poll = time.Time{}
		f.search.again()
		signal(f.wake)
	}
	f.clock.arm(f)
	f.dispatchLocked()
}

type hostHeap []*host

func (q hostHeap) Len() int           { return len(q) }
func (q hostHeap) Less(i, j int) bool { return q[i].wakeAt.Before(q[j].wakeAt) }
func (q hostHeap) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].clockPos, q[j].clockPos = i, j
}

func (q *hostHeap) Push(x any) {
	h := x.(*host)
	h.clockPos = len(*q)
	*q = append(*q, h)
}

func (q *hostHeap) Pop() any {
	old := *q
	h := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	h.clockPos = -1
	return h
}
