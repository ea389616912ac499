package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Hosts implements [store.Store].
func (s *Store) Hosts(ctx context.Context, l store.Lease, after store.HostID, limit int) ([]store.Host, error) {
	var hs []store.Host
	err := s.read(ctx, "hosts", func(c *conn) error {
		if !s.held(l) {
			return store.ErrFenced
		}
		s.backlog.mu.Lock()
		defer s.backlog.mu.Unlock()
		return c.query(ctx, func(r row) error {
			hs = append(hs, store.Host{
				ID: store.HostID(r.int(0)), Name: r.text(1), Next: store.Time(r.int(2)),
				Delay: time.Duration(r.int(3)), Backoff: int(r.int(4)),
				Files: int(r.int(5)) + s.backlog.files[store.HostID(r.int(0))],
			})
			return nil
		}, `SELECT id, name, next_at, delay, backoff, files FROM host INDEXED BY host_pending
			WHERE pending > 0 AND id > ? ORDER BY id LIMIT ?`, after, max(limit, 0))
	})
	if err != nil {
		return nil, err
	}
	return hs, nil
}

// Due implements [store.Store]. Its cost depends on what it returns, not on
// the number of hosts or of the requests that wait.
func (s *Store) Due(ctx context.Context, l store.Lease, now time.Time, qs []store.HostQuery) ([]store.Batch, error) {
	bs := make([]store.Batch, len(qs))
	for i, q := range qs {
		// Each query by itself, so that no commit waits for long.
		err := s.read(ctx, "due", func(c *conn) error {
			if !s.held(l) {
				return store.ErrFenced
			}
			s.backlog.mu.Lock()
			defer s.backlog.mu.Unlock()
			return s.due(ctx, c, store.Nanos(now), q, &bs[i])
		})
		if err != nil {
			return nil, err
		}
	}
	return bs, nil
}

// errEnough ends a query whose further rows are not needed.
var errEnough = errors.New("enough")

// due answers a query from the table and the backlog, which does not change
// meanwhile.
func (s *Store) due(ctx context.Context, c *conn, now int64, q store.HostQuery, b *store.Batch) error {
	if q.Limit <= 0 {
		return nil
	}
	host, err := c.first(ctx, "SELECT name FROM host WHERE id = ?", q.Host)
	if err != nil || host == nil {
		return err
	}
	name := host.text(0)
	h := s.backlog.hosts[q.Host]
	from := front
	if h != nil {
		from = h.past[q.Kind]
	}
	skipping := h != nil
	err = c.query(ctx, func(r row) error {
		e := store.Entry{
			Key: r.key(0), Host: q.Host, HostName: name,
			Tries: int(r.int(1)), Due: store.Time(r.int(2)), Origin: store.HostID(r.int(5)), Again: r.int(7) != 0,
			Request: trawl.Request{URL: lengthen(r.text(4), name), Kind: q.Kind, Spider: r.text(3)},
		}
		if h.ended(e.Key) {
			if skipping {
				h.past[q.Kind] = place{r.int(2), r.blob(0)}
			}
			return nil
		}
		skipping = false
		b.Entries = append(b.Entries, e)
		if err := store.UnpackRest(r.text(6), &b.Entries[len(b.Entries)-1].Request); err != nil || len(b.Entries) < q.Limit {
			return err
		}
		return errEnough
	}, `SELECT r.key, r.tries, r.due, s.name, r.url, r.origin, r.rest, r.again
		FROM request AS r INDEXED BY request_queue LEFT JOIN spider AS s ON s.id = r.spider
		WHERE r.host = ? AND r.kind = ? AND r.state = 0 AND (r.due, r.key) > (?, ?) AND r.due <= ?
		ORDER BY r.due, r.key`, q.Host, q.Kind, from.due, from.key, now)
	if err != nil && err != errEnough {
		return err
	}
	found, next := h.waiting(q.Kind, now, q.Limit)
	if len(found) > 0 {
		if err := mix(b, found, q, name); err != nil {
			return err
		}
	}
	if len(b.Entries) == q.Limit {
		return nil
	}
	err = c.query(ctx, func(r row) error {
		if h.ended(r.key(1)) {
			return nil
		}
		if next == 0 || r.int(0) < next {
			next = r.int(0)
		}
		return errEnough
	}, `SELECT due, key FROM request INDEXED BY request_queue
		WHERE host = ? AND kind = ? AND state = 0 AND due > ? ORDER BY due`, q.Host, q.Kind, now)
	if err != nil && err != errEnough {
		return err
	}
	b.Next = store.Time(next)
	return nil
}

// mix adds to the entries of the table those of the backlog, and leaves the
// first of all.
func mix(b *store.Batch, found []*change, q store.HostQuery, host string) error {
	for _, c := range found {
		e := store.Entry{
			Key: c.key, Host: c.host, HostName: host, Tries: c.tries, Due: store.Time(c.due), Origin: c.origin,
			Request: trawl.Request{URL: lengthen(c.url, host), Kind: c.kind, Spider: c.name},
		}
		if err := store.UnpackRest(c.rest, &e.Request); err != nil {
			return err
		}
		b.Entries = append(b.Entries, e)
	}
	slices.SortFunc(b.Entries, func(a, b store.Entry) int {
		return cmp.Or(cmp.Compare(store.Nanos(a.Due), store.Nanos(b.Due)), bytes.Compare(a.Key[:], b.Key[:]))
	})
	b.Entries = b.Entries[:min(len(b.Entries), q.Limit)]
	return nil
}

// Add implements [store.Store].
func (s *Store) Add(ctx context.Context, es []store.Entry, cur *store.Cursor) (int, error) {
	ps, err := store.Pack(nil, es)
	if err != nil {
		return 0, err
	}
	added := 0
	err = s.write(ctx, "add", true, func(t *tx) error {
		if err := t.add(ps, false, func(*store.Entry) { added++ }); err != nil || cur == nil {
			return err
		}
		_, err := t.exec("INSERT INTO cursor(name, pos) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET pos = ?2", cur.Name, cur.Pos)
		return err
	})
	if err != nil {
		return 0, err
	}
	return added, nil
}

// Cursor implements [store.Store].
func (s *Store) Cursor(ctx context.Context, name string) (pos int64, err error) {
	err = s.read(ctx, "cursor", func(c *conn) error {
		r, err := c.first(ctx, "SELECT pos FROM cursor WHERE name = ?", name)
		if r != nil {
			pos = r.int(0)
		}
		return err
	})
	return pos, err
}
