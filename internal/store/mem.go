package store

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trawl-go/trawl"
)

// Mem is a [Store] that lives in memory and dies with the process. It has one
// partition. It serves jobs that leave nothing behind, and is the model
// against which the drivers are tested, so it is written to be plainly right
// before it is fast.
//
// Mem is safe for concurrent use.
type Mem struct {
	mu       sync.Mutex // guards all that follows
	closed   bool
	owned    bool
	epoch    int64
	requests map[trawl.Key]*memRequest
	hosts    map[HostID]*memHost
	cursors  map[string]int64
	values   map[string]string
	robots   map[string]Robots // by origin
	names    memNames
	items    map[string][]memItem // by output, in the order of Seq
	revised  map[string]int64
	valid    map[trawl.Key]File // validators of pages
	files    map[trawl.Key]File
	done     []trawl.Key       // the keys of files, in the order in which they were done
	first    map[[32]byte]File // the first file with that content
	held     map[trawl.Key]File
	verdicts map[content]bool      // of suspect contents: true if accepted
	failures map[trawl.Key]Failure // of the requests that failed
	stats    Stats
}

var _ Store = (*Mem)(nil)

// memRequest is an Entry as it is kept.
type memRequest struct {
	key    trawl.Key
	host   HostID
	kind   trawl.Kind
	state  State
	tries  int
	due    int64 // see Nanos
	origin HostID
	again  bool // see Entry.Again; stays set once it was
	url    string
	spider string
	rest   string // see PackRest
}

// memHost is a Host with its queues: the waiting requests by kind, sorted.
type memHost struct {
	Host
	queue [2][]*memRequest
}

// NewMem returns an empty store.
func NewMem() *Mem {
	return &Mem{
		requests: map[trawl.Key]*memRequest{},
		hosts:    map[HostID]*memHost{},
		cursors:  map[string]int64{},
		values:   map[string]string{},
		robots:   map[string]Robots{},
		names:    newMemNames(),
		items:    map[string][]memItem{},
		revised:  map[string]int64{},
		valid:    map[trawl.Key]File{},
		files:    map[trawl.Key]File{},
		first:    map[[32]byte]File{},
		held:     map[trawl.Key]File{},
		verdicts: map[content]bool{},
		failures: map[trawl.Key]Failure{},
	}
}

// lock locks the store for one call, unless that has no business any more.
func (m *Mem) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return ErrClosed
	}
	return nil
}

// Close implements [Store].
func (m *Mem) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// Acquire implements [Store].
func (m *Mem) Acquire(ctx context.Context, worker string, max int, ttl time.Duration) ([]Lease, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if m.owned {
		return nil, nil
	}
	m.owned = true
	m.epoch++
	return []Lease{{Epoch: m.epoch}}, nil
}

// heldLocked reports whether a lease is that of the current owner.
func (m *Mem) heldLocked(l Lease) bool {
	return m.owned && l.Part == 0 && l.Epoch == m.epoch
}

// Renew implements [Store].
func (m *Mem) Renew(ctx context.Context, ls []Lease, ttl time.Duration) ([]Lease, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var held []Lease
	for _, l := range ls {
		if m.heldLocked(l) {
			held = append(held, l)
		}
	}
	return held, nil
}

// Release implements [Store].
func (m *Mem) Release(ctx context.Context, ls []Lease) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if slices.ContainsFunc(ls, m.heldLocked) {
		m.owned = false
	}
	return nil
}

// Hosts implements [Store].
func (m *Mem) Hosts(ctx context.Context, l Lease, after HostID, limit int) ([]Host, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if !m.heldLocked(l) {
		return nil, ErrFenced
	}
	var hs []Host
	for _, h := range m.hosts {
		if h.ID > after && len(h.queue[0])+len(h.queue[1]) > 0 {
			hs = append(hs, h.Host)
		}
	}
	slices.SortFunc(hs, func(a, b Host) int { return cmp.Compare(a.ID, b.ID) })
	return hs[:min(len(hs), max(limit, 0))], nil
}

// Due implements [Store].
func (m *Mem) Due(ctx context.Context, l Lease, now time.Time, qs []HostQuery) ([]Batch, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if !m.heldLocked(l) {
		return nil, ErrFenced
	}
	bs := make([]Batch, len(qs))
	for i, q := range qs {
		h := m.hosts[q.Host]
		if h == nil || q.Kind > trawl.KindFile {
			continue
		}
		for _, r := range h.queue[q.Kind] {
			if len(bs[i].Entries) >= q.Limit {
				break
			}
			if r.due > Nanos(now) {
				bs[i].Next = Time(r.due)
				break
			}
			e, err := r.entry(h.Name)
			if err != nil {
				return nil, err
			}
			bs[i].Entries = append(bs[i].Entries, e)
		}
	}
	return bs, nil
}

func (r *memRequest) entry(hostName string) (Entry, error) {
	e := Entry{
		Key: r.key, Host: r.host, HostName: hostName, Due: Time(r.due), Tries: r.tries, Origin: r.origin, Again: r.again,
		Request: trawl.Request{URL: r.url, Kind: r.kind, Spider: r.spider},
	}
	return e, UnpackRest(r.rest, &e.Request)
}

// Add implements [Store].
func (m *Mem) Add(ctx context.Context, es []Entry, cur *Cursor) (int, error) {
	rs, err := newMemRequests(es)
	if err != nil {
		return 0, err
	}
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	var r Receipt
	m.addLocked(es, rs, &r)
	if cur != nil {
		m.cursors[cur.Name] = cur.Pos
	}
	return r.NewPages + r.NewFiles, nil
}

func newMemRequests(es []Entry) ([]*memRequest, error) {
	rs := make([]*memRequest, len(es))
	for i, e := range es {
		rest, err := PackRest(&e.Request)
		if err != nil {
			return nil, err
		}
		rs[i] = &memRequest{
			key: e.Key, host: e.Host, kind: e.Request.Kind, tries: e.Tries, due: Nanos(e.Due), origin: e.Origin,
			url: e.Request.URL, spider: e.Request.Spider, rest: rest,
		}
	}
	return rs, nil
}

func (m *Mem) addLocked(es []Entry, rs []*memRequest, receipt *Receipt) {
	for i, r := range rs {
		if h := m.hostLocked(r.host); h.Name == "" {
			h.Name = es[i].HostName
		}
		if m.requests[r.key] != nil {
			continue
		}
		m.requests[r.key] = r
		es[i].New = true
		r.state = Failed // of no consequence: what matters is that it does not wait yet
		m.countsLocked(r.kind).Failed++
		m.moveLocked(r, Waiting)
		receipt.touch(r.origin)
		if r.kind == trawl.KindFile {
			receipt.NewFiles++
		} else {
			receipt.NewPages++
		}
	}
}

func (m *Mem) hostLocked(id HostID) *memHost {
	h := m.hosts[id]
	if h == nil {
		h = &memHost{Host: Host{ID: id}}
		m.hosts[id] = h
	}
	return h
}

func (m *Mem) countsLocked(k trawl.Kind) *Counts {
	if k == trawl.KindFile {
		return &m.stats.Files
	}
	return &m.stats.Pages
}

func (c *Counts) of(s State) *int64 {
	switch s {
	case Waiting:
		return &c.Waiting
	case Done:
		return &c.Done
	}
	return &c.Failed
}

// moveLocked gives a request another state, and keeps counters and queues. A
// waiting request must be moved out before its place in the queue changes.
func (m *Mem) moveLocked(r *memRequest, to State) {
	q := &m.hostLocked(r.host).queue[r.kind]
	byTurn := func(a, b *memRequest) int {
		return cmp.Or(cmp.Compare(a.due, b.due), bytes.Compare(a.key[:], b.key[:]))
	}
	files := 0
	if r.state == Waiting {
		i, _ := slices.BinarySearchFunc(*q, r, byTurn)
		*q = slices.Delete(*q, i, i+1)
		files--
	}
	if to == Waiting {
		i, _ := slices.BinarySearchFunc(*q, r, byTurn)
		*q = slices.Insert(*q, i, r)
		files++
	}
	if r.origin != 0 {
		m.hostLocked(r.origin).Files += files
	}
	*m.countsLocked(r.kind).of(r.state)--
	*m.countsLocked(r.kind).of(to)++
	r.state = to
}

// Cursor implements [Store].
func (m *Mem) Cursor(ctx context.Context, name string) (int64, error) {
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	return m.cursors[name], nil
}

// Commit implements [Store].
func (m *Mem) Commit(ctx context.Context, c Commit) (Receipt, error) {
	// Whatever can fail comes before the first change.
	children := make([][]*memRequest, len(c.Outcomes))
	for i, o := range c.Outcomes {
		var err error
		if children[i], err = newMemRequests(o.Children); err != nil {
			return Receipt{}, err
		}
	}
	if err := m.lock(ctx); err != nil {
		return Receipt{}, err
	}
	defer m.mu.Unlock()

	var receipt Receipt
	held := slices.ContainsFunc(c.Leases, m.heldLocked)
	fenced := map[int32]bool{}
	applied := make([]bool, len(c.Outcomes))
	for i, o := range c.Outcomes {
		if !held || o.Part != 0 {
			fenced[o.Part] = true
			continue
		}
		again := m.requests[o.Key] != nil && m.requests[o.Key].again
		applied[i] = m.endLocked(o, &c, &receipt) && o.State == Done && !(o.Unchanged && again)
	}
	for i, o := range c.Outcomes {
		if applied[i] {
			m.addLocked(o.Children, children[i], &receipt)
		}
	}
	for _, h := range c.Hosts {
		if !held {
			fenced[0] = true
			continue
		}
		was := m.hostLocked(h.ID)
		was.Next, was.Delay, was.Backoff = Time(Nanos(h.Next)), h.Delay, h.Backoff
		was.Name = cmp.Or(was.Name, h.Name)
	}
	slices.Sort(receipt.Revised)
	receipt.Revised = slices.Compact(receipt.Revised)
	receipt.Fenced = slices.Sorted(maps.Keys(fenced))
	for id := range receipt.Origins {
		receipt.Origins[id] = m.hosts[id].Files
	}
	return receipt, nil
}

// endLocked applies an outcome without its children, and reports whether the
// request was waiting.
func (m *Mem) endLocked(o Outcome, c *Commit, receipt *Receipt) bool {
	r := m.requests[o.Key]
	if r == nil || r.host != o.Host || r.state != Waiting {
		return false
	}
	m.moveLocked(r, Failed)
	r.tries = o.Tries
	switch o.State {
	case Waiting:
		r.due = Nanos(o.Due)
	case Failed:
		f := Failure{Tries: o.Tries}
		if o.Failure != nil {
			f = *o.Failure
		}
		f.Key, f.Kind, f.URL = r.key, r.kind, cmp.Or(f.URL, r.url)
		f.At = Time(Nanos(f.At))
		m.failures[r.key] = f
	case Done:
		if o.Unchanged && r.again {
			if f, ok := m.files[r.key]; ok && o.File != nil {
				f.ETag, f.Modified = o.File.ETag, o.File.Modified
				m.files[r.key] = f
			}
			break
		}
		if r.kind == trawl.KindPage {
			m.pageLocked(r, &o, receipt)
		}
		if r.again && o.File != nil {
			m.forgetLocked(r.key)
		}
		if o.File != nil {
			m.fileLocked(*o.File, r.key, receipt)
		}
	}
	m.moveLocked(r, o.State)
	if o.State == Done && o.File != nil && !(o.Unchanged && r.again) {
		m.judgeLocked(r, c, receipt)
	}
	if o.State != Waiting {
		receipt.touch(r.origin)
	}
	return true
}

// touch notes that the count of a host's files has changed.
func (r *Receipt) touch(origin HostID) {
	if origin == 0 {
		return
	}
	if r.Origins == nil {
		r.Origins = map[HostID]int{}
	}
	r.Origins[origin] = 0
}

// fileLocked records a file.
func (m *Mem) fileLocked(f File, key trawl.Key, receipt *Receipt) {
	f.Key, f.DuplicateOf = key, ""
	if f.SHA256 != [32]byte{} {
		if first, ok := m.first[f.SHA256]; ok {
			f.DuplicateOf = first.Path
			m.stats.Duplicates++
			receipt.Duplicates = append(receipt.Duplicates, f)
		} else {
			m.first[f.SHA256] = f
		}
	}
	m.files[key] = f
	m.done = append(m.done, key)
	m.stats.Bytes += f.Size
}

// Stats implements [Store].
func (m *Mem) Stats(ctx context.Context) (Stats, error) {
	if err := m.lock(ctx); err != nil {
		return Stats{}, err
	}
	defer m.mu.Unlock()
	return m.stats, nil
}

// Get implements [Store].
func (m *Mem) Get(ctx context.Context, name string) (string, error) {
	if err := m.lock(ctx); err != nil {
		return "", err
	}
	defer m.mu.Unlock()
	return m.values[name], nil
}

// Set implements [Store].
func (m *Mem) Set(ctx context.Context, name, value string) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.values[name] = value
	return nil
}
