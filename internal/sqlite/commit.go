package sqlite

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/trawl-go/trawl/internal/store"

	"github.com/trawl-go/trawl"
)

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, c store.Commit) (store.Receipt, error) {
	// Children are made ready before the transaction, and before it is known
	// whether their pages count.
	children := make([][]store.Packed, len(c.Outcomes))
	for i, o := range c.Outcomes {
		var err error
		if children[i], err = store.Pack(nil, o.Children); err != nil {
			return store.Receipt{}, err
		}
	}
	var r store.Receipt
	err := s.write(ctx, "commit", true, func(t *tx) (err error) {
		r, err = t.commit(c, children, slices.ContainsFunc(c.Leases, s.held))
		return err
	})
	if err != nil {
		return store.Receipt{}, err
	}
	return r, nil
}

// commit applies c, with the children of its outcomes already packed. Without
// the lease it only finds out what is fenced.
func (t *tx) commit(c store.Commit, children [][]store.Packed, held bool) (store.Receipt, error) {
	var receipt store.Receipt
	fenced := map[int32]bool{}
	origins := map[store.HostID]bool{}
	var add []store.Packed
	for i := range c.Outcomes {
		o := &c.Outcomes[i]
		if !held || o.Part != 0 {
			fenced[o.Part] = true
			continue
		}
		e, err := t.end(o, &c, &receipt)
		if err != nil {
			return receipt, err
		}
		if !e.ok || o.State == store.Waiting {
			continue
		}
		if e.origin != 0 {
			origins[e.origin] = true
		}
		if o.State == store.Done && !(o.Unchanged && e.again) {
			add = append(add, children[i]...)
		}
	}
	err := t.add(add, true, func(e *store.Entry) {
		if e.Request.Kind == trawl.KindFile {
			receipt.NewFiles++
		} else {
			receipt.NewPages++
		}
		if e.Origin != 0 {
			origins[e.Origin] = true
		}
	})
	if err != nil {
		return receipt, err
	}
	for _, h := range c.Hosts {
		if !held {
			fenced[0] = true
			break
		}
		_, err := t.exec(`INSERT INTO host(id, name, next_at, delay, backoff) VALUES(?1, ?2, ?3, ?4, ?5)
			ON CONFLICT(id) DO UPDATE SET next_at = ?3, delay = ?4, backoff = ?5, name = iif(name = '', ?2, name)`,
			h.ID, h.Name, store.Nanos(h.Next), int64(h.Delay), h.Backoff)
		if err != nil {
			return receipt, err
		}
	}
	slices.Sort(receipt.Revised)
	receipt.Revised = slices.Compact(receipt.Revised)
	receipt.Fenced = slices.Sorted(maps.Keys(fenced))
	if err := t.flush(); err != nil || len(origins) == 0 {
		return receipt, err
	}
	receipt.Origins = make(map[store.HostID]int, len(origins))
	for id := range origins {
		var err error
		if receipt.Origins[id], err = t.filesOf(id); err != nil {
			return receipt, err
		}
	}
	return receipt, nil
}

// ended is a request that an outcome has ended.
type ended struct {
	ok     bool // it was waiting
	kind   trawl.Kind
	origin store.HostID
	again  bool // it was done before
}

// end applies an outcome without its children.
func (t *tx) end(o *store.Outcome, c *store.Commit, receipt *store.Receipt) (e ended, err error) {
	if c := t.request(o.Host, o.Key); c != nil {
		e = ended{ok: c.state == store.Waiting, kind: c.kind, origin: c.origin}
	} else if c := t.waits(o.Host, o.Key); c != nil {
		e = ended{true, c.kind, c.origin, c.again}
	} else {
		r, err := t.first("SELECT kind, origin, again FROM request WHERE host = ? AND key = ? AND state = 0", o.Host, o.Key)
		if err != nil {
			return e, err
		}
		if r != nil {
			e = ended{true, trawl.Kind(r.int(0)), store.HostID(r.int(1)), r.int(2) != 0}
		}
	}
	if !e.ok {
		return e, nil
	}
	if o.State == store.Waiting {
		if err := t.fold(o.Host); err != nil {
			return e, err
		}
		_, err = t.exec("UPDATE request SET tries = ?3, due = ?4 WHERE host = ?1 AND key = ?2", o.Host, o.Key, o.Tries, store.Nanos(o.Due))
	} else {
		t.total(e.kind, store.Waiting, -1)
		t.total(e.kind, o.State, 1)
		t.stage(&change{host: o.Host, key: o.Key, kind: e.kind, state: o.State, tries: o.Tries, origin: e.origin})
	}
	if err != nil {
		return e, err
	}
	if o.State == store.Failed || o.Failure != nil {
		return e, t.fail(o, e.kind)
	}
	if err := t.mend(o.Key); err != nil || o.State != store.Done {
		return e, err
	}
	switch {
	case o.Unchanged && e.again:
		if o.File != nil {
			_, err = t.exec("UPDATE file SET etag = ?, modified = ? WHERE key = ?", o.File.ETag, o.File.Modified, o.Key)
		}
		return e, err
	case e.kind == trawl.KindPage:
		return e, t.page(o, e.again, receipt)
	case o.File != nil:
		if e.again {
			if _, _, err := t.forget(o.Key); err != nil {
				return e, err
			}
		}
		f := *o.File
		f.Key = o.Key
		if err := t.file(f, o.Host, receipt); err != nil {
			return e, err
		}
		return e, t.judge(&f, o.Host, c, receipt)
	}
	return e, nil
}

// mend forgets the failure of a request, if there is one. Most jobs have none
// at all, so that is asked first.
func (t *tx) mend(key trawl.Key) error {
	if t.failures == unknown {
		r, err := t.first("SELECT EXISTS(SELECT 1 FROM failure)")
		if err != nil {
			return err
		}
		t.failures = no
		if r.int(0) != 0 {
			t.failures = yes
		}
	}
	if t.failures == no {
		return nil
	}
	_, err := t.exec("DELETE FROM failure WHERE key = ?", key)
	return err
}

// fail records why a request failed, or has to be tried again.
func (t *tx) fail(o *store.Outcome, kind trawl.Kind) error {
	f := *cmp.Or(o.Failure, &store.Failure{Tries: o.Tries})
	if f.URL == "" {
		if err := t.fold(o.Host); err != nil {
			return err
		}
		r, err := t.first("SELECT r.url, h.name FROM request AS r JOIN host AS h ON h.id = r.host WHERE r.host = ? AND r.key = ?", o.Host, o.Key)
		if err != nil {
			return err
		}
		f.URL = lengthen(r.text(0), r.text(1))
	}
	f.Key, f.Kind = o.Key, kind
	return t.failure(&f, o.Host, o.State == store.Failed)
}

// failure records a failure, which is final unless the request waits.
func (t *tx) failure(f *store.Failure, host store.HostID, final bool) error {
	t.failures = yes
	_, err := t.exec(`INSERT OR REPLACE INTO failure(key, host, kind, final, url, reason, status, message, tries, at)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.Key, host, f.Kind, final, f.URL, f.Reason, f.Status, f.Message, f.Tries, store.Nanos(f.At))
	return err
}

// file records a file that is done.
func (t *tx) file(f store.File, host store.HostID, receipt *store.Receipt) error {
	f.DuplicateOf = ""
	var sum any
	if f.SHA256 != [32]byte{} {
		sum = f.SHA256[:]
		r, err := t.first("SELECT path FROM file WHERE sha256 = ? AND duplicate_of IS NULL", sum)
		if err != nil {
			return err
		}
		if r != nil {
			f.DuplicateOf = r.text(0)
			t.totals[colDuplicates]++
			receipt.Duplicates = append(receipt.Duplicates, f)
		}
	}
	t.totals[colBytes] += f.Size
	_, err := t.exec(`INSERT INTO file(key, host, url, path, size, sha256, type, etag, modified, duplicate_of)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.Key, host, f.URL, f.Path, f.Size, sum, f.Type, f.ETag, f.Modified, orNull(f.DuplicateOf))
	return err
}
