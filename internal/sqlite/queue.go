package sqlite

import (
	"context"
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

// due answers a query from the table and the backlog, which does not change
// meanwhile.
func (s *Store) due(ctx context.Context, c *conn, now int64, q store.HostQuery, b *store.Batch) error {
	h := s.backlog.hosts[q.Host]
	if h == nil {
		h = newHostLog(q.Host)
	}
	cs, next, err := h.waiting(q.Kind, now, q.Limit, func() error {
		return s.backlog.readAhead(ctx, c, h, q.Kind, q.Limit)
	})
	if err != nil {
		return err
	}
	for _, c := range cs {
		e := store.Entry{
			Key: c.key, Host: c.host, HostName: h.name, Tries: c.tries, Due: store.Time(c.due), Origin: c.origin, Again: c.again,
			Request: trawl.Request{URL: lengthen(c.url, h.name), Kind: c.kind, Spider: c.name},
		}
		if err := store.UnpackRest(c.rest, &e.Request); err != nil {
			return err
		}
		b.Entries = append(b.Entries, e)
	}
	b.Next = store.Time(next)
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
