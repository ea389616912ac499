package sqlite

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// page keeps the items and the validators of a page that is done.
func (t *tx) page(o *store.Outcome, again bool, receipt *store.Receipt) error {
	if o.ETag != "" || o.Modified != "" {
		if _, err := t.exec("INSERT OR REPLACE INTO validator(host, key, etag, modified) VALUES(?, ?, ?, ?)",
			o.Host, o.Key, o.ETag, o.Modified); err != nil {
			return err
		}
	} else if again {
		if _, err := t.exec("DELETE FROM validator WHERE host = ? AND key = ?", o.Host, o.Key); err != nil {
			return err
		}
	}
	if again {
		if changed, err := t.revise(o, receipt); err != nil || !changed {
			return err
		}
	}
	for items := range slices.Chunk(o.Items, itemsPerInsert) {
		if err := t.items(o.Key, items); err != nil {
			return err
		}
	}
	t.totals[colItems] += int64(len(o.Items))
	return nil
}

// itemsPerInsert is how many items one statement inserts, at most. A statement
// for each costs twice as much.
const itemsPerInsert = 25

var insertItems = func() (q [itemsPerInsert + 1]string) {
	for n := 1; n <= itemsPerInsert; n++ {
		q[n] = "INSERT INTO item(output, key, body) VALUES(?, ?, ?)" + strings.Repeat(", (?, ?, ?)", n-1)
	}
	return q
}()

// items inserts items of a page and gives them their numbers.
func (t *tx) items(key trawl.Key, items []store.Item) error {
	args := make([]any, 0, 3*itemsPerInsert)
	page := any(key)
	for i := range items {
		output, err := t.output(items[i].Output)
		if err != nil {
			return err
		}
		args = append(args, output, page, string(items[i].Body))
	}
	last, err := t.insert(insertItems[len(items)], args...)
	if err != nil {
		return err
	}
	// The rows are inserted in their order, each with the number after the
	// greatest there is.
	for i := range items {
		items[i].Seq = last - int64(len(items)-1-i)
	}
	return nil
}

// revise removes the items of a page if they are not those that it has now,
// and reports whether they are not.
func (t *tx) revise(o *store.Outcome, receipt *store.Receipt) (bool, error) {
	var was []store.Item
	err := t.query(func(r row) error {
		was = append(was, store.Item{Output: r.text(0), Body: r.blob(1)})
		return nil
	}, "SELECT o.name, i.body FROM item AS i JOIN output AS o ON o.id = i.output WHERE i.key = ? ORDER BY i.seq", o.Key)
	if err != nil {
		return false, err
	}
	same := func(a, b store.Item) bool { return a.Output == b.Output && bytes.Equal(a.Body, b.Body) }
	if slices.EqualFunc(was, o.Items, same) {
		return false, nil
	}
	if len(was) == 0 {
		return true, nil
	}
	if _, err := t.exec("UPDATE output SET revision = revision + 1 WHERE id IN (SELECT output FROM item WHERE key = ?)", o.Key); err != nil {
		return false, err
	}
	for _, it := range was {
		receipt.Revised = append(receipt.Revised, it.Output)
	}
	t.totals[colItems] -= int64(len(was))
	_, err = t.exec("DELETE FROM item WHERE key = ?", o.Key)
	return true, err
}

// Revision implements [store.Store].
func (s *Store) Revision(ctx context.Context, output string) (n int64, err error) {
	err = s.read(ctx, "revision", func(c *conn) error {
		r, err := c.first(ctx, "SELECT revision FROM output WHERE name = ?", output)
		if r != nil {
			n = r.int(0)
		}
		return err
	})
	return n, err
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, files bool) (n int64, err error) {
	err = s.write(ctx, "update", true, func(t *tx) error {
		r, err := t.first("SELECT value FROM value WHERE name = ?", store.Updating)
		if err != nil || r != nil && r.text(0) != "" {
			return err
		}
		if err := t.foldAll(); err != nil {
			return err
		}
		last := trawl.KindPage
		if files {
			last = trawl.KindFile
		}
		const which = "kind <= ?1 AND (state = 1 OR state = 2 AND again = 1)"
		if _, err := t.exec("DELETE FROM failure WHERE final = 1 AND key IN (SELECT key FROM request WHERE state = 2 AND "+which+")", last); err != nil {
			return err
		}
		if n, err = t.moveAll(which, store.Waiting, last); err != nil {
			return err
		}
		for _, q := range []string{
			"CREATE INDEX IF NOT EXISTS item_key ON item(key)",
			"INSERT OR REPLACE INTO value(name, value) VALUES('" + store.Updating + "', '1')",
		} {
			if _, err := t.exec(q); err != nil {
				return err
			}
		}
		_, err = t.exec("UPDATE request SET state = 0, tries = 0, again = 1 WHERE "+which, last)
		return err
	})
	return n, err
}

// Settle implements [store.Store].
func (s *Store) Settle(ctx context.Context) (n int64, err error) {
	err = s.write(ctx, "settle", true, func(t *tx) error {
		const which = "state = 0 AND again = 1"
		if err := t.foldAll(); err != nil {
			return err
		}
		if n, err = t.moveAll(which, store.Done); err != nil {
			return err
		}
		// One that waits for a second try has a failure that is not final.
		if _, err := t.exec("DELETE FROM failure WHERE final = 0 AND key IN (SELECT key FROM request WHERE " + which + ")"); err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM value WHERE name = ?", store.Updating); err != nil {
			return err
		}
		_, err := t.exec("UPDATE request SET state = 1 WHERE " + which)
		return err
	})
	return n, err
}

// moveAll counts the requests for which a condition holds in another state,
// and returns how many they are.
func (t *tx) moveAll(which string, to store.State, args ...any) (n int64, err error) {
	err = t.query(func(r row) error {
		host, origin, kind, from, k := store.HostID(r.int(0)), store.HostID(r.int(1)), trawl.Kind(r.int(2)), store.State(r.int(3)), r.int(4)
		t.count(host, origin, kind, from, -int(k))
		t.count(host, origin, kind, to, int(k))
		n += k
		return nil
	}, "SELECT host, origin, kind, state, count(*) FROM request WHERE "+which+" GROUP BY host, origin, kind, state", args...)
	return n, err
}

// Before implements [store.Store].
func (s *Store) Before(ctx context.Context, e store.Entry) (f store.File, err error) {
	err = s.read(ctx, "before", func(c *conn) error {
		if e.Request.Kind == trawl.KindPage {
			r, err := c.first(ctx, "SELECT etag, modified FROM validator WHERE host = ? AND key = ?", e.Host, e.Key)
			if r != nil {
				f = store.File{Key: e.Key, ETag: r.text(0), Modified: r.text(1)}
			}
			return err
		}
		r, err := c.first(ctx, "SELECT "+fileColumns+" FROM file WHERE key = ?", e.Key)
		if r != nil {
			f = fileOf(r)
		}
		return err
	})
	return f, err
}
