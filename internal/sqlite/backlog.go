package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// A change is what a commit did to a request: it found it, or ended it.
//
// Writing each to its place would make a commit write five to seven pages of
// the file for every page that was fetched, since the places lie all over the
// tables. So a commit appends its changes to a table of their own, where forty
// go on a page; they are kept in memory as the [backlog] until their host has
// many of them, and then folded into the tables together.
type change struct {
	host   store.HostID
	key    trawl.Key
	kind   trawl.Kind
	state  store.State
	tries  int
	origin store.HostID

	// The rest is set only if the request is found: it is not in its table.
	found  bool
	due    int64
	spider int64
	name   string // of the spider
	url    string // shortened
	rest   string

	again bool // of a request in its table; see [store.Entry]
}

// pending and files are what a change adds to the counters of its host, and
// of its origin. before is the change to the same request before it, if any.
func (c *change) pending() int {
	switch {
	case c.found && c.state == store.Waiting:
		return 1
	case c.found:
		return 0 // found and ended
	}
	return -1
}

func (c *change) files() int {
	if c.origin == 0 {
		return 0
	}
	return c.pending()
}

// weight is the room that a change takes, in ordinary requests.
func (c *change) weight() int { return 1 + (len(c.url)+len(c.rest))/ordinary }

// ordinary is how many bytes of URL and all else an ordinary request has.
const ordinary = 256

// A backlog is what has changed and is not folded, as it is in table change.
//
// For a host that is in it one thing holds: its requests change in their
// table only when it is folded. A host is folded at once if it has nothing
// waiting any more or had nothing before, so that the index of the hosts with
// waiting requests is always right.
type backlog struct {
	max int // weight from which on hosts are folded

	// mu guards the rest. Only the holder of the writer changes it, and so
	// may read it without mu.
	mu    sync.Mutex
	hosts map[store.HostID]*hostLog
	queue []*hostLog           // in the order of their first changes; some may be folded
	files map[store.HostID]int // to add to the rows of the hosts on whose pages files were found
	n     int                  // weight of the requests in hosts
	ahead int                  // weight of those that were read ahead
	low   int64                // first row of the table
	last  int64                // last row of the table; its number is never used again

	known knownKeys // without mu: the writer's alone
}

// hostLog is the backlog of one host.
type hostLog struct {
	id       store.HostID
	name     string
	first    int64 // row of the first change
	row      int   // what its row has for pending
	pending  int   // to add to that
	requests map[trawl.Key]*change
	folded   bool

	// Of each kind the requests that wait, in the order of the queue: those
	// that were found, unless jumbled, and those of the table as far as they
	// were read ahead. Of both some have ended.
	found   [2][]*change
	jumbled [2]bool
	table   [2]tableQueue
	read    map[trawl.Key]*change // those of table that have not ended
}

// A tableQueue is the beginning of a host's queue in the table.
type tableQueue struct {
	ahead []*change
	past  place // where the rest begins
	all   bool  // there is no rest
}

// A place in the queue of a host.
type place struct {
	due int64
	key []byte
}

var front = place{-1 << 63, []byte{}}

func newHostLog(id store.HostID) *hostLog {
	return &hostLog{
		id: id, requests: make(map[trawl.Key]*change), read: make(map[trawl.Key]*change),
		table: [2]tableQueue{{past: front}, {past: front}},
	}
}

func newBacklog(max int) *backlog {
	return &backlog{max: max, hosts: make(map[store.HostID]*hostLog), files: make(map[store.HostID]int)}
}

// request returns the latest change to a request, nil if there is none.
func (b *backlog) request(host store.HostID, key trawl.Key) *change {
	if h := b.hosts[host]; h != nil {
		return h.requests[key]
	}
	return nil
}

// apply adds a change that is row id of the table. Of its host it is told
// what its row has.
func (b *backlog) apply(id int64, c *change, row *hostRow) {
	h := b.hosts[c.host]
	if h == nil {
		h = newHostLog(c.host)
		h.first, h.row = id, row.pending
		b.hosts[c.host] = h
		b.queue = append(b.queue, h)
	}
	h.name = row.name
	b.last = id
	if b.low == 0 {
		b.low = id
	}
	was := h.requests[c.key]
	switch {
	case was == nil:
		h.requests[c.key] = c
		b.n += c.weight()
		h.pending += c.pending()
		b.addFiles(c.origin, c.files())
		if c.found {
			f := h.found[c.kind]
			h.jumbled[c.kind] = h.jumbled[c.kind] || len(f) > 0 && inQueue(f[len(f)-1], c) > 0
			h.found[c.kind] = append(f, c)
		} else if r := h.read[c.key]; r != nil {
			r.state = c.state
			delete(h.read, c.key)
			b.ahead -= r.weight()
		}
	case was.found:
		h.pending -= was.pending()
		b.addFiles(was.origin, -was.files())
		was.state, was.tries = c.state, c.tries
	}
}

func (b *backlog) addFiles(origin store.HostID, n int) {
	if n == 0 {
		return
	}
	if b.files[origin] += n; b.files[origin] == 0 {
		delete(b.files, origin)
	}
}

// drop forgets a host that was folded.
func (b *backlog) drop(id store.HostID) {
	h := b.hosts[id]
	if h == nil {
		return
	}
	for _, c := range h.requests {
		b.addFiles(c.origin, -c.files())
		b.known.add(c.key)
		b.n -= c.weight()
	}
	for _, c := range h.read {
		b.ahead -= c.weight()
	}
	h.folded = true
	delete(b.hosts, id)
	for len(b.queue) > 0 && b.queue[0].folded {
		b.queue[0] = nil
		b.queue = b.queue[1:]
	}
}

// inQueue compares two requests of a host and kind by their place in its queue.
func inQueue(a, b *change) int {
	return cmp.Or(cmp.Compare(a.due, b.due), bytes.Compare(a.key[:], b.key[:]))
}

// waits returns a request of the table that is known to wait, nil if it is
// not known.
func (b *backlog) waits(host store.HostID, key trawl.Key) *change {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.hosts[host]; h != nil {
		return h.read[key]
	}
	return nil
}

// waiting returns up to limit requests that are due, in the order of the
// queue; if there are less, also when the next one is due, 0 if there is none.
// more yields the next requests of the table's queue.
func (h *hostLog) waiting(k trawl.Kind, now int64, limit int, more func() error) (due []*change, next int64, err error) {
	if h.jumbled[k] {
		slices.SortFunc(h.found[k], inQueue)
		h.jumbled[k] = false
	}
	q := &h.table[k]
	h.found[k], q.ahead = skipEnded(h.found[k]), skipEnded(q.ahead)
	for i, j := 0, 0; len(due) < limit; {
		if i == len(q.ahead) && !q.all {
			if err := more(); err != nil {
				return nil, 0, err
			}
			continue
		}
		var c *change
		switch {
		case i < len(q.ahead) && (j == len(h.found[k]) || inQueue(q.ahead[i], h.found[k][j]) < 0):
			c = q.ahead[i]
			i++
		case j < len(h.found[k]):
			c = h.found[k][j]
			j++
		default:
			return due, 0, nil
		}
		switch {
		case c.state != store.Waiting:
		case c.due > now:
			return due, c.due, nil
		default:
			due = append(due, c)
		}
	}
	return due, 0, nil
}

// skipEnded returns what is behind the requests at the beginning that have
// ended.
func skipEnded(cs []*change) []*change {
	for len(cs) > 0 && cs[0].state != store.Waiting {
		cs[0] = nil
		cs = cs[1:]
	}
	return cs
}

// maxAhead bounds the requests of the table that are read ahead, by weight.
const maxAhead = 16 << 10

// readAhead reads the next requests of a host's queue in the table: about
// limit, or more if that is likely to save reading again.
func (b *backlog) readAhead(ctx context.Context, c *conn, h *hostLog, k trawl.Kind, limit int) error {
	q := &h.table[k]
	kept := b.hosts[h.id] == h
	if kept && b.ahead < maxAhead {
		limit = max(limit, 16)
	}
	n := 0
	err := c.query(ctx, func(r row) error {
		n++
		w := &change{
			host: h.id, key: r.key(0), kind: k, tries: int(r.int(1)), due: r.int(2), name: r.text(3), url: r.text(4),
			origin: store.HostID(r.int(5)), rest: r.text(6), again: r.int(7) != 0,
		}
		if !kept {
			h.name = r.text(8)
		}
		q.past = place{w.due, r.blob(0)}
		if h.requests[w.key] != nil {
			return nil // ended
		}
		q.ahead = append(q.ahead, w)
		h.read[w.key] = w
		if kept {
			b.ahead += w.weight()
		}
		return nil
	}, `SELECT r.key, r.tries, r.due, s.name, r.url, r.origin, r.rest, r.again, h.name
		FROM host AS h CROSS JOIN request AS r INDEXED BY request_queue LEFT JOIN spider AS s ON s.id = r.spider
		WHERE h.id = ?1 AND r.host = ?1 AND r.kind = ?2 AND r.state = 0 AND (r.due, r.key) > (?3, ?4)
		ORDER BY r.due, r.key LIMIT ?5`, h.id, k, q.past.due, q.past.key, limit)
	q.all = n < limit
	return err
}

// load reads the backlog that an earlier process has left.
func (b *backlog) load(ctx context.Context, c *conn) error {
	r, err := c.first(ctx, "SELECT min(id), max(id) FROM change")
	if err != nil {
		return err
	}
	low, last := r.int(0), r.int(1)
	err = c.query(ctx, func(r row) error {
		n := &change{
			host: store.HostID(r.int(1)), key: r.key(2), kind: trawl.Kind(r.int(3)), state: store.State(r.int(4)), tries: int(r.int(5)),
			origin: store.HostID(r.int(6)), found: r[9] != nil, due: r.int(7), spider: r.int(8), url: r.text(9), rest: r.text(10), name: r.text(13),
		}
		b.apply(r.int(0), n, &hostRow{r.text(11), int(r.int(12))})
		return nil
	}, `SELECT c.id, c.host, c.key, c.kind, c.state, c.tries, c.origin, c.due, c.spider, c.url, c.rest, h.name, h.pending, s.name
		FROM change AS c CROSS JOIN host AS h ON h.id = c.host LEFT JOIN spider AS s ON s.id = c.spider
		WHERE c.id > h.folded ORDER BY c.id`)
	b.low, b.last = low, last
	return err
}

// knownKeys remembers keys that were looked up lately and are in the table,
// as most links of a page are. It never forgets that there may be others: what
// it does not know has to be looked up.
type knownKeys []trawl.Key

// knownSize is the number of keys remembered: 4 MiB.
const knownSize = 1 << 18

func (k knownKeys) has(key trawl.Key) bool {
	return len(k) > 0 && k[slot(key)] == key && key != trawl.Key{}
}

func (k *knownKeys) add(key trawl.Key) {
	if *k == nil {
		*k = make(knownKeys, knownSize)
	}
	(*k)[slot(key)] = key
}

func slot(key trawl.Key) uint32 { return binary.LittleEndian.Uint32(key[:4]) % knownSize }
