package postgres

import (
	"context"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Revision implements [store.Store].
func (s *Store) Revision(ctx context.Context, output string) (n int64, err error) {
	err = s.read(ctx, "revision", func(t *tx) error {
		n = 0
		t.first("SELECT revision FROM output WHERE name = $1", []any{escape(output)}, &n)
		return nil
	})
	return n, err
}

// Update implements [store.Store]. Nothing else is written meanwhile.
func (s *Store) Update(ctx context.Context, files bool) (n int64, err error) {
	err = s.write(ctx, "update", slowly, func(t *tx) error {
		n = 0
		under := ""
		t.queue("LOCK TABLE request, item IN SHARE ROW EXCLUSIVE MODE")
		t.first("SELECT value FROM value WHERE name = $1", []any{store.Updating}, &under)
		if err := t.flush(); err != nil || under != "" {
			return err
		}
		last := trawl.KindPage
		if files {
			last = trawl.KindFile
		}
		const which = "kind <= $1 AND (state = 1 OR state = 2 AND again)"
		t.queue("DELETE FROM failure WHERE final AND key IN (SELECT key FROM request WHERE state = 2 AND "+which+")", int16(last))
		t.moveAll(&n, which, store.Waiting, int16(last))
		t.queue("CREATE INDEX IF NOT EXISTS item_key ON item(key)")
		t.queue("INSERT INTO value(name, value) VALUES ($1, '1') ON CONFLICT (name) DO UPDATE SET value = excluded.value", store.Updating)
		t.queue("UPDATE request SET state = 0, tries = 0, again = true WHERE "+which, int16(last))
		return t.flush()
	})
	return n, err
}

// Settle implements [store.Store]. Nothing else is written meanwhile.
func (s *Store) Settle(ctx context.Context) (n int64, err error) {
	err = s.write(ctx, "settle", slowly, func(t *tx) error {
		n = 0
		const which = "state = 0 AND again"
		t.queue("LOCK TABLE request IN SHARE ROW EXCLUSIVE MODE")
		t.moveAll(&n, which, store.Done)
		// One that waits for a second try has a failure that is not final.
		t.queue("DELETE FROM failure WHERE NOT final AND key IN (SELECT key FROM request WHERE " + which + ")")
		t.queue("DELETE FROM value WHERE name = $1", store.Updating)
		t.queue("UPDATE request SET state = 1 WHERE " + which)
		return t.flush()
	})
	return n, err
}

// moveAll queues the counting of those requests for which a condition holds in
// another state. The flush adds their number to n.
func (t *tx) moveAll(n *int64, which string, to store.State, args ...any) {
	t.query("SELECT host, origin, kind, state, count(*) FROM request WHERE "+which+" GROUP BY host, origin, kind, state", args,
		func(scan func(...any) error) error {
			var (
				host, origin store.HostID
				kind         trawl.Kind
				from         store.State
				k            int
			)
			err := scan(&host, &origin, &kind, &from, &k)
			t.change(host, origin, kind, from, -k)
			t.change(host, origin, kind, to, k)
			*n += int64(k)
			return err
		})
}

// Before implements [store.Store].
func (s *Store) Before(ctx context.Context, e store.Entry) (f store.File, err error) {
	err = s.read(ctx, "before", func(t *tx) error {
		f = store.File{}
		if e.Request.Kind == trawl.KindPage {
			t.query("SELECT etag, modified FROM validator WHERE host = $1 AND key = $2", []any{int64(e.Host), e.Key.String()},
				func(scan func(...any) error) error {
					f.Key = e.Key
					err := scan(&f.ETag, &f.Modified)
					f.ETag, f.Modified = unescape(f.ETag), unescape(f.Modified)
					return err
				})
			return nil
		}
		t.query("SELECT "+fileColumns+" FROM file WHERE key = $1", []any{e.Key.String()}, func(scan func(...any) error) (err error) {
			f, err = scanFile(scan)
			return err
		})
		return nil
	})
	return f, err
}
