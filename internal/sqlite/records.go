package sqlite

import (
	"context"
	"iter"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Stats implements [store.Store].
func (s *Store) Stats(ctx context.Context) (st store.Stats, err error) {
	err = s.read(ctx, "stats", func(c *conn) error {
		r, err := c.first(ctx, `SELECT pages_waiting, pages_done, pages_failed, files_waiting, files_done, files_failed,
			items, bytes, duplicates FROM total`)
		if err != nil {
			return err
		}
		st.Pages = store.Counts{Waiting: r.int(0), Done: r.int(1), Failed: r.int(2)}
		st.Files = store.Counts{Waiting: r.int(3), Done: r.int(4), Failed: r.int(5)}
		st.Items, st.Bytes, st.Duplicates = r.int(colItems), r.int(colBytes), r.int(colDuplicates)
		return nil
	})
	return st, err
}

// Outputs implements [store.Store].
func (s *Store) Outputs(ctx context.Context) (names []string, err error) {
	err = s.read(ctx, "outputs", func(c *conn) error {
		return c.query(ctx, func(r row) error {
			names = append(names, r.text(0))
			return nil
		}, "SELECT name FROM output ORDER BY name")
	})
	return names, err
}

// rowsPerPage is how many rows a sequence reads at a time. No transaction is
// open in between, which would keep the log from being reused.
const rowsPerPage = 256

// pages returns a sequence of what next reads, page by page. Each page begins
// after the last element of the one before, which next gets as last; first
// tells that there is none yet.
func pages[T any](ctx context.Context, s *Store, op string, next func(c *conn, first bool, last T) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last T
		for first := true; ; first = false {
			var page []T
			err := s.read(ctx, op, func(c *conn) (err error) {
				page, err = next(c, first, last)
				return err
			})
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, v := range page {
				last = v
				if !yield(v, nil) {
					return
				}
			}
			if len(page) < rowsPerPage {
				return
			}
		}
	}
}

// Items implements [store.Store].
func (s *Store) Items(ctx context.Context, output string, after int64) iter.Seq2[store.Item, error] {
	return pages(ctx, s, "items", func(c *conn, first bool, last store.Item) (page []store.Item, err error) {
		from := last.Seq
		if first {
			from = after
		}
		err = c.query(ctx, func(r row) error {
			page = append(page, store.Item{Seq: r.int(0), Output: output, Body: r.blob(1)})
			return nil
		}, `SELECT seq, body FROM item INDEXED BY item_output
			WHERE output = (SELECT id FROM output WHERE name = ?) AND seq > ? ORDER BY seq LIMIT ?`, output, from, rowsPerPage)
		return page, err
	})
}

// Files implements [store.Store].
func (s *Store) Files(ctx context.Context) iter.Seq2[store.File, error] {
	return pages(ctx, s, "files", func(c *conn, first bool, last store.File) (page []store.File, err error) {
		// No path is empty, so the zero File comes before the first.
		err = c.query(ctx, func(r row) error {
			page = append(page, fileOf(r))
			return nil
		}, "SELECT "+fileColumns+` FROM file INDEXED BY file_path
			WHERE (path, key) > (?, ?) ORDER BY path, key LIMIT ?`, last.Path, last.Key, rowsPerPage)
		return page, err
	})
}

// fileColumns and heldColumns are what fileOf reads.
const (
	fileColumns = "key, url, path, size, sha256, type, etag, modified, duplicate_of"
	heldColumns = "key, url, path, size, sha256, type, etag, modified, NULL"
)

// fileOf makes a file of a row of fileColumns or heldColumns.
func fileOf(r row) store.File {
	f := store.File{
		Key: r.key(0), URL: r.text(1), Path: r.text(2), Size: r.int(3), Type: r.text(5),
		ETag: r.text(6), Modified: r.text(7), DuplicateOf: r.text(8),
	}
	copy(f.SHA256[:], r.blob(4))
	return f
}

// Failures implements [store.Store].
func (s *Store) Failures(ctx context.Context) iter.Seq2[store.Failure, error] {
	return pages(ctx, s, "failures", func(c *conn, first bool, last store.Failure) (page []store.Failure, err error) {
		at := store.Nanos(last.At)
		if first {
			at = -1 << 63
		}
		err = c.query(ctx, func(r row) error {
			page = append(page, store.Failure{
				Key: r.key(0), Kind: trawl.Kind(r.int(1)), URL: r.text(2), Reason: r.text(3), Status: int(r.int(4)),
				Message: r.text(5), Tries: int(r.int(6)), At: store.Time(r.int(7)),
			})
			return nil
		}, `SELECT key, kind, url, reason, status, message, tries, at FROM failure INDEXED BY failure_at
			WHERE final = 1 AND (at, key) > (?, ?) ORDER BY at, key LIMIT ?`, at, last.Key, rowsPerPage)
		return page, err
	})
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, name string) (value string, err error) {
	err = s.read(ctx, "get", func(c *conn) error {
		r, err := c.first(ctx, "SELECT value FROM value WHERE name = ?", name)
		if r != nil {
			value = r.text(0)
		}
		return err
	})
	return value, err
}

// Set implements [store.Store].
func (s *Store) Set(ctx context.Context, name, value string) error {
	return s.write(ctx, "set", true, func(t *tx) error {
		_, err := t.exec("INSERT INTO value(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2", name, value)
		return err
	})
}
