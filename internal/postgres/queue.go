package postgres

import (
	"context"
	"math"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Hosts implements [store.Store].
func (s *Store) Hosts(ctx context.Context, l store.Lease, after store.HostID, limit int) ([]store.Host, error) {
	var hs []store.Host
	err := s.read(ctx, "hosts", func(t *tx) error {
		hs = nil
		t.query(`SELECT id, name, next_at, delay, backoff, files FROM host
			WHERE part = $1 AND waiting AND id > $2 ORDER BY id LIMIT $3`,
			[]any{l.Part, int64(after), max(limit, 0)},
			func(scan func(...any) error) error {
				var h store.Host
				var next, delay int64
				err := scan(&h.ID, &h.Name, &next, &delay, &h.Backoff, &h.Files)
				h.Name, h.Next, h.Delay = unescape(h.Name), s.clock.time(next), time.Duration(delay)
				hs = append(hs, h)
				return err
			})
		return t.mustHold(l)
	})
	if err != nil {
		return nil, err
	}
	return hs, nil
}

// Due implements [store.Store]. Its cost depends on what it returns, not on
// the number of hosts or of the requests that wait.
func (s *Store) Due(ctx context.Context, l store.Lease, now time.Time, qs []store.HostQuery) ([]store.Batch, error) {
	var bs []store.Batch
	hosts := ids(qs, func(q *store.HostQuery) store.HostID { return q.Host })
	kinds := column(qs, func(q *store.HostQuery) int16 { return int16(q.Kind) })
	limits := column(qs, func(q *store.HostQuery) int64 {
		if s.Part(q.Host) != l.Part {
			return 0 // not of this partition: another process may be at it
		}
		return int64(max(q.Limit, 0))
	})
	err := s.read(ctx, "due", func(t *tx) error {
		bs = make([]store.Batch, len(qs))
		t.query(`SELECT q.n, r.key, r.tries, r.due, r.origin, r.spider, r.url, r.rest, r.again, h.name
			FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]) WITH ORDINALITY AS q(host, kind, most, n)
			JOIN host AS h ON h.id = q.host
			CROSS JOIN LATERAL (SELECT * FROM request WHERE host = q.host AND kind = q.kind AND state = 0 AND due <= $4
				ORDER BY due, key LIMIT q.most) AS r
			ORDER BY q.n, r.due, r.key`,
			[]any{hosts, kinds, limits, s.clock.nanos(now)},
			func(scan func(...any) error) error {
				var (
					n, due       int64
					e            store.Entry
					spider, rest string
				)
				err := scan(&n, uuid(&e.Key), &e.Tries, &due, &e.Origin, &spider, &e.Request.URL, &rest, &e.Again, &e.HostName)
				if err != nil {
					return err
				}
				e.Host, e.HostName, e.Due = qs[n-1].Host, unescape(e.HostName), s.clock.time(due)
				e.Request.URL, e.Request.Kind, e.Request.Spider = unescape(e.Request.URL), qs[n-1].Kind, unescape(spider)
				err = store.UnpackRest(unescape(rest), &e.Request)
				b := &bs[n-1]
				b.Entries = append(b.Entries, e)
				return err
			})
		t.query(`SELECT q.n, r.due
			FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]) WITH ORDINALITY AS q(host, kind, most, n)
			CROSS JOIN LATERAL (SELECT due FROM request WHERE host = q.host AND kind = q.kind AND state = 0 AND due > $4
				ORDER BY due LIMIT least(q.most, 1)) AS r`,
			[]any{hosts, kinds, limits, s.clock.nanos(now)},
			func(scan func(...any) error) error {
				var n, due int64
				err := scan(&n, &due)
				if err == nil && len(bs[n-1].Entries) < qs[n-1].Limit {
					bs[n-1].Next = s.clock.time(due)
				}
				return err
			})
		return t.mustHold(l)
	})
	if err != nil {
		return nil, err
	}
	return bs, nil
}

// Add implements [store.Store].
func (s *Store) Add(ctx context.Context, es []store.Entry, cur *store.Cursor) (int, error) {
	ps, err := store.Pack(nil, es)
	if err != nil {
		return 0, err
	}
	var added []*store.Entry
	err = s.write(ctx, "add", writing, func(t *tx) error {
		added = nil
		t.insert(ps, func(e *store.Entry) { added = append(added, e) })
		if err := t.flush(); err != nil || cur == nil {
			return err
		}
		t.queue("INSERT INTO cursor(name, pos) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET pos = excluded.pos", escape(cur.Name), cur.Pos)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, e := range added {
		e.New = true
	}
	return len(added), nil
}

// Cursor implements [store.Store].
func (s *Store) Cursor(ctx context.Context, name string) (pos int64, err error) {
	err = s.read(ctx, "cursor", func(t *tx) error {
		pos = 0
		t.first("SELECT pos FROM cursor WHERE name = $1", []any{escape(name)}, &pos)
		return nil
	})
	return pos, err
}

// requestKey is the identity of a row.
type requestKey struct {
	host store.HostID
	key  trawl.Key
}

// never is a time that no request has.
const never = math.MinInt64
