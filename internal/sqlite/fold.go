package sqlite

import (
	"bytes"
	"maps"
	"slices"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// staged are the changes of a transaction to the requests of one host, which
// go to the backlog with it.
type staged struct {
	changes []*change
	byKey   map[trawl.Key]*change // the latest of each
	pending int
	weight  int
}

// hostRow is what the row of a host has before the transaction.
type hostRow struct {
	name    string
	pending int
}

// request returns what the backlog and the transaction know of a request; nil
// if that is nothing, and the table is right.
func (t *tx) request(host store.HostID, key trawl.Key) *change {
	if s := t.staged[host]; s != nil {
		if c := s.byKey[key]; c != nil {
			return c
		}
	}
	if t.folded[host] {
		return nil
	}
	return t.b.request(host, key)
}

// waits returns a request of the table that is known to wait, without asking
// the table, if nothing is known of it from [tx.request].
func (t *tx) waits(host store.HostID, key trawl.Key) *change {
	if t.folded[host] {
		return nil
	}
	return t.b.waits(host, key)
}

// stage makes a change part of the transaction.
func (t *tx) stage(c *change) {
	s := t.staged[c.host]
	if s == nil {
		s = &staged{byKey: make(map[trawl.Key]*change)}
		t.staged[c.host] = s
	}
	s.changes = append(s.changes, c)
	s.byKey[c.key] = c
	s.weight += c.weight()
	t.stagedN += c.weight()
	n := -1
	if c.found {
		n = 1
	}
	s.pending += n
	if c.origin != 0 {
		t.stagedFiles[c.origin] += n
	}
}

// row returns the row of a host as it was before the transaction, nil if it
// has none.
func (t *tx) row(id store.HostID) (*hostRow, error) {
	if r, ok := t.rows[id]; ok {
		return r, nil
	}
	if h := t.b.hosts[id]; h != nil && h.name != "" {
		t.rows[id] = &hostRow{h.name, h.row}
		return t.rows[id], nil
	}
	r, err := t.first("SELECT name, pending FROM host WHERE id = ?", id)
	if err != nil || r == nil {
		return nil, err
	}
	t.rows[id] = &hostRow{r.text(0), int(r.int(1))}
	return t.rows[id], nil
}

// filesOf returns how many of the files found on a host's pages are waiting.
func (t *tx) filesOf(id store.HostID) (int, error) {
	r, err := t.first("SELECT files FROM host WHERE id = ?", id)
	if err != nil {
		return 0, err
	}
	n := t.stagedFiles[id] + t.b.files[id] - t.foldedFiles[id]
	if r != nil {
		n += int(r.int(0))
	}
	if d := t.hosts[id]; d != nil {
		n += d.files
	}
	return n, nil
}

// fold brings the table up to date with the changes to a host's requests,
// those of the transaction among them.
func (t *tx) fold(id store.HostID) error {
	var cs []change
	at := map[trawl.Key]int{}
	h := t.b.hosts[id]
	if h != nil && !t.folded[id] {
		if t.rows[id] == nil {
			t.rows[id] = &hostRow{h.name, h.row}
		}
		cs = make([]change, 0, len(h.requests))
		for key, c := range h.requests {
			at[key] = len(cs)
			cs = append(cs, *c)
			t.foldedFiles[c.origin] += c.files()
			t.foldedN += c.weight()
		}
		t.folded[id] = true
		t.host(id).folded = t.b.last
	}
	if s := t.staged[id]; s != nil {
		for _, c := range s.changes {
			if c.origin != 0 {
				if c.found {
					t.stagedFiles[c.origin]--
				} else {
					t.stagedFiles[c.origin]++
				}
			}
			if i, ok := at[c.key]; ok {
				cs[i].state, cs[i].tries = c.state, c.tries
				continue
			}
			at[c.key] = len(cs)
			cs = append(cs, *c)
		}
		t.stagedN -= s.weight
		delete(t.staged, id)
	}
	slices.SortFunc(cs, func(a, b change) int { return bytes.Compare(a.key[:], b.key[:]) })
	for i := range cs {
		c := &cs[i]
		t.host(id).pending += c.pending()
		if n := c.files(); n != 0 {
			t.host(c.origin).files += n
		}
		var err error
		if c.found {
			_, err = t.insertRequest(c, "")
		} else {
			_, err = t.exec("UPDATE request SET state = ?3, tries = ?4 WHERE host = ?1 AND key = ?2", c.host, c.key, c.state, c.tries)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// foldAll brings the table up to date with everything.
func (t *tx) foldAll() error {
	for _, id := range slices.Sorted(maps.Keys(t.b.hosts)) {
		if err := t.fold(id); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.staged)) {
		if err := t.fold(id); err != nil {
			return err
		}
	}
	return nil
}

// log writes the changes of the transaction to the backlog's table, and folds
// the hosts for which it is time. Very many or very large ones of one host go
// to their places at once.
func (t *tx) log() error {
	hosts := slices.Sorted(maps.Keys(t.staged))
	for _, id := range hosts {
		row, err := t.row(id)
		if err != nil {
			return err
		}
		if row == nil {
			row = &hostRow{} // a foreign hand has removed it
		}
		inRow := row.pending + t.host(id).pending
		pending := inRow + t.staged[id].pending
		if h := t.b.hosts[id]; h != nil && !t.folded[id] {
			pending += h.pending
		}
		if (inRow > 0) != (pending > 0) || t.staged[id].weight > t.b.max/4 {
			if err := t.fold(id); err != nil {
				return err
			}
		}
	}
	if err := t.foldOldest(); err != nil {
		return err
	}
	next := t.b.last
	for _, id := range hosts {
		s := t.staged[id]
		if s == nil {
			continue // folded
		}
		for _, c := range s.changes {
			next++
			var url any
			if c.found {
				url = c.url
			}
			if _, err := t.exec(`INSERT INTO change(id, host, key, kind, state, tries, origin, due, spider, url, rest)
				VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, next, c.host, c.key, c.kind, c.state, c.tries,
				orNull(c.origin), orNull(c.due), orNull(c.spider), url, orNull(c.rest)); err != nil {
				return err
			}
			t.logged = append(t.logged, c)
		}
		delete(t.staged, id)
	}
	return nil
}

// foldOldest folds the hosts that have been in the backlog for longest, as
// long as it holds too much, and removes what nobody needs any more from its
// table.
func (t *tx) foldOldest() error {
	b := t.b
	// A few at a time, so that no commit takes long.
	goal := b.max
	if b.n-t.foldedN+t.stagedN > b.max {
		goal -= b.max / 8
	}
	first := b.last + 1
	for _, h := range b.queue {
		if h.folded || t.folded[h.id] {
			continue
		}
		if b.n-t.foldedN+t.stagedN <= goal && b.last-h.first < 2*int64(b.max) {
			first = h.first
			break
		}
		if err := t.fold(h.id); err != nil {
			return err
		}
	}
	// The last row stays: its number must not be given again.
	first = min(first, b.last)
	if first-b.low < int64(b.max/8+1) {
		return nil
	}
	_, err := t.exec("DELETE FROM change WHERE id < ?", first)
	t.low = first
	return err
}

// publish makes what was committed part of the backlog in memory.
func (t *tx) publish() {
	for id := range t.folded {
		t.b.drop(id)
	}
	for _, c := range t.logged {
		t.b.apply(t.b.last+1, c, t.rows[c.host])
	}
	if t.low != 0 {
		t.b.low = t.low
	}
	for _, key := range t.known {
		t.b.known.add(key)
	}
}
