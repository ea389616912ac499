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
		return c.query(ctx, func(r row) error {
			hs = append(hs, store.Host{
				ID: store.HostID(r.int(0)), Name: r.text(1), Next: store.Time(r.int(2)),
				Delay: time.Duration(r.int(3)), Backoff: int(r.int(4)), Files: int(r.int(5)),
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
	err := s.read(ctx, "due", func(c *conn) error {
		if !s.held(l) {
			return store.ErrFenced
		}
		for i, q := range qs {
			if err := due(ctx, c, store.Nanos(now), q, &bs[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return bs, nil
}

func due(ctx context.Context, c *conn, now int64, q store.HostQuery, b *store.Batch) error {
	if q.Limit <= 0 {
		return nil
	}
	host, err := c.first(ctx, "SELECT name FROM host WHERE id = ?", q.Host)
	if err != nil || host == nil {
		return err
	}
	name := host.text(0)
	err = c.query(ctx, func(r row) error {
		e := store.Entry{
			Key: r.key(0), Host: q.Host, HostName: name,
			Tries: int(r.int(1)), Due: store.Time(r.int(2)), Origin: store.HostID(r.int(5)), Again: r.int(7) != 0,
			Request: trawl.Request{URL: lengthen(r.text(4), name), Kind: q.Kind, Spider: r.text(3)},
		}
		b.Entries = append(b.Entries, e)
		return store.UnpackRest(r.text(6), &b.Entries[len(b.Entries)-1].Request)
	}, `SELECT r.key, r.tries, r.due, s.name, r.url, r.origin, r.rest, r.again
		FROM request AS r INDEXED BY request_queue LEFT JOIN spider AS s ON s.id = r.spider
		WHERE r.host = ? AND r.kind = ? AND r.state = 0 AND r.due <= ?
		ORDER BY r.due, r.key LIMIT ?`, q.Host, q.Kind, now, q.Limit)
	if err != nil || len(b.Entries) == q.Limit {
		return err
	}
	next, err := c.first(ctx, `SELECT due FROM request INDEXED BY request_queue
		WHERE host = ? AND kind = ? AND state = 0 AND due > ? ORDER BY due LIMIT 1`, q.Host, q.Kind, now)
	if next != nil {
		b.Next = store.Time(next.int(0))
	}
	return err
}

// Add implements [store.Store].
func (s *Store) Add(ctx context.Context, es []store.Entry, cur *store.Cursor) (int, error) {
	ps, err := store.Pack(nil, es)
	if err != nil {
		return 0, err
	}
	added := 0
	err = s.write(ctx, "add", true, func(t *tx) error {
		if err := t.add(ps, func(*store.Entry) { added++ }); err != nil || cur == nil {
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
