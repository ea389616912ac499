package postgres

import (
	"context"
	"iter"
	"math"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Stats implements [store.Store].
func (s *Store) Stats(ctx context.Context) (st store.Stats, err error) {
	var posted int64
	err = s.read(ctx, "stats", func(t *tx) error {
		t.first(`SELECT coalesce(sum(pages_waiting), 0)::bigint, coalesce(sum(pages_done), 0)::bigint, coalesce(sum(pages_failed), 0)::bigint,
				coalesce(sum(files_waiting), 0)::bigint, coalesce(sum(files_done), 0)::bigint, coalesce(sum(files_failed), 0)::bigint,
				coalesce(sum(items), 0)::bigint, coalesce(sum(bytes), 0)::bigint, coalesce(sum(duplicates), 0)::bigint FROM total`, nil,
			&st.Pages.Waiting, &st.Pages.Done, &st.Pages.Failed, &st.Files.Waiting, &st.Files.Done, &st.Files.Failed,
			&st.Items, &st.Bytes, &st.Duplicates)
		t.first("SELECT count(*) FROM outbox", nil, &posted)
		return nil
	})
	st.Pages.Waiting += posted // whatever they are
	return st, err
}

// Outputs implements [store.Store].
func (s *Store) Outputs(ctx context.Context) (names []string, err error) {
	err = s.read(ctx, "outputs", func(t *tx) error {
		names = nil
		t.query("SELECT name FROM output ORDER BY name", nil, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			names = append(names, unescape(name))
			return err
		})
		return nil
	})
	return names, err
}

// rowsPerPage is how many rows a sequence reads at a time. No transaction is
// open in between, which would hold up vacuum.
const rowsPerPage = 256

// pages returns a sequence of what a query yields, page by page. The query
// yields what comes after the last element of the page before, in order; start
// is the element before the first.
func pages[T any](ctx context.Context, s *Store, op string, start T, next func(t *tx, last T, add func(T))) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		last := start
		for {
			var page []T
			err := s.read(ctx, op, func(t *tx) error {
				page = nil
				next(t, last, func(v T) { page = append(page, v) })
				return nil
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
	return pages(ctx, s, "items", store.Item{Seq: after}, func(t *tx, last store.Item, add func(store.Item)) {
		t.query("SELECT seq, body FROM item WHERE output = $1 AND seq > $2 ORDER BY seq LIMIT $3",
			[]any{escape(output), last.Seq, rowsPerPage}, func(scan func(...any) error) error {
				it := store.Item{Output: output}
				var body string
				err := scan(&it.Seq, &body)
				it.Body = []byte(unescape(body))
				add(it)
				return err
			})
	})
}

// Files implements [store.Store].
func (s *Store) Files(ctx context.Context) iter.Seq2[store.File, error] {
	// No path is empty, so the zero File comes before the first.
	return pages(ctx, s, "files", store.File{}, func(t *tx, last store.File, add func(store.File)) {
		t.query("SELECT "+fileColumns+` FROM file
			WHERE (path, key) > ($1, $2) ORDER BY path, key LIMIT $3`,
			[]any{escape(last.Path), last.Key.String(), rowsPerPage}, func(scan func(...any) error) error {
				f, err := scanFile(scan)
				add(f)
				return err
			})
	})
}

// fileColumns and heldColumns are what scanFile reads.
const (
	fileColumns = "key, url, path, size, sha256, type, etag, modified, coalesce(duplicate_of, '')"
	heldColumns = "key, url, path, size, sha256, type, etag, modified, ''"
)

// scanFile reads a file, and what else the row has.
func scanFile(scan func(...any) error, more ...any) (store.File, error) {
	var f store.File
	var sum []byte
	err := scan(append([]any{uuid(&f.Key), &f.URL, &f.Path, &f.Size, &sum, &f.Type, &f.ETag, &f.Modified, &f.DuplicateOf}, more...)...)
	copy(f.SHA256[:], sum)
	for _, p := range []*string{&f.URL, &f.Path, &f.Type, &f.ETag, &f.Modified, &f.DuplicateOf} {
		*p = unescape(*p)
	}
	return f, err
}

// Failures implements [store.Store].
func (s *Store) Failures(ctx context.Context) iter.Seq2[store.Failure, error] {
	type row struct {
		store.Failure
		at int64
	}
	rows := pages(ctx, s, "failures", row{at: math.MinInt64}, func(t *tx, last row, add func(row)) {
		t.query(`SELECT key, kind, url, reason, status, message, tries, at FROM failure
			WHERE final AND (at, key) > ($1, $2) ORDER BY at, key LIMIT $3`,
			[]any{last.at, last.Key.String(), rowsPerPage}, func(scan func(...any) error) error {
				var r row
				var kind int16
				err := scan(uuid(&r.Key), &kind, &r.URL, &r.Reason, &r.Status, &r.Message, &r.Tries, &r.at)
				r.Kind, r.At = trawl.Kind(kind), store.Time(r.at)
				r.URL, r.Reason, r.Message = unescape(r.URL), unescape(r.Reason), unescape(r.Message)
				add(r)
				return err
			})
	})
	return func(yield func(store.Failure, error) bool) {
		for r, err := range rows {
			if !yield(r.Failure, err) {
				return
			}
		}
	}
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, name string) (value string, err error) {
	err = s.read(ctx, "get", func(t *tx) error {
		value = ""
		t.first("SELECT value FROM value WHERE name = $1", []any{escape(name)}, &value)
		return nil
	})
	return unescape(value), err
}

// Set implements [store.Store].
func (s *Store) Set(ctx context.Context, name, value string) error {
	return s.write(ctx, "set", writing, func(t *tx) error {
		t.queue("INSERT INTO value(name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", escape(name), escape(value))
		return nil
	})
}

// Claim implements [store.Shared].
func (s *Store) Claim(ctx context.Context, name, value string) (current string, err error) {
	err = s.write(ctx, "claim", writing, func(t *tx) error {
		// The row is locked in any case, so that whoever comes second sees what
		// the first one has committed.
		t.first(`INSERT INTO value AS v (name, value) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET value = coalesce(nullif(v.value, ''), excluded.value) RETURNING value`,
			[]any{escape(name), escape(value)}, &current)
		return t.flush()
	})
	return unescape(current), err
}
