package postgres

import (
	"context"
	"iter"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// judge holds a file that was recorded, and those like it, if its content is
// suspect, and else ends its being held.
//
// All files of a host are committed by the owner of its partition, so that
// nobody else counts them at the same time.
func (c *commit) judge(f *newFile) error {
	v := c.verdicts.of[f.content()]
	var like []store.File
	if c.Hold > 0 && f.content().known() {
		switch {
		case v.suspect:
			like = []store.File{f.File}
		case !v.accepted && f.DuplicateOf != "":
			c.query("SELECT "+fileColumns+" FROM file WHERE sha256 = $1 AND host = $2 ORDER BY id",
				[]any{f.SHA256[:], int64(f.request.host)}, func(scan func(...any) error) error {
					g, err := scanFile(scan)
					like = append(like, g)
					return err
				})
			if err := c.flush(); err != nil {
				return err
			}
			if len(like) < c.Hold {
				like = nil
			}
		}
	}
	if len(like) == 0 {
		if !c.verdicts.held[f.Key] {
			return nil
		}
		c.query("DELETE FROM held WHERE key = $1 RETURNING "+heldColumns, []any{f.Key.String()}, func(scan func(...any) error) error {
			g, err := scanFile(scan)
			c.receipt.Freed = append(c.receipt.Freed, g)
			return err
		})
		return c.flush()
	}
	if !v.suspect {
		c.queue("INSERT INTO suspect(sha256, host, accepted) VALUES ($1, $2, false) ON CONFLICT DO NOTHING", f.SHA256[:], int64(f.request.host))
		v.suspect = true
	}
	return c.hold(like, f.request.host)
}

// hold takes files of a host from those that are done.
func (c *commit) hold(fs []store.File, host store.HostID) error {
	if _, err := c.forget(column(fs, func(f *store.File) trawl.Key { return f.Key })); err != nil {
		return err
	}
	// What becomes of a request that is in this commit is written at its end.
	var others []trawl.Key
	rs := map[trawl.Key]*ending{}
	for _, f := range fs {
		if r := c.requests[requestKey{host, f.Key}]; r != nil {
			rs[f.Key] = r
		} else {
			others = append(others, f.Key)
		}
	}
	if len(others) > 0 {
		args := []any{int64(host), keys(others, func(k *trawl.Key) trawl.Key { return *k })}
		c.query(`SELECT key, state, origin, tries, url FROM request WHERE host = $1 AND key = ANY($2::uuid[]) ORDER BY key FOR UPDATE`,
			args, func(scan func(...any) error) error {
				r := &ending{}
				err := scan(uuid(&r.key), &r.state, &r.origin, &r.tries, &r.url)
				r.url = unescape(r.url)
				rs[r.key] = r
				return err
			})
		c.queue("UPDATE request SET state = 2, again = false WHERE host = $1 AND key = ANY($2::uuid[])", args...)
		if err := c.flush(); err != nil {
			return err
		}
	}
	var failed []failure
	for _, f := range fs {
		r := rs[f.Key]
		if r == nil {
			return store.ErrCorrupt
		}
		// One that was done waits during an update, or failed in one.
		c.move(host, r.origin, trawl.KindFile, r.state, store.Failed)
		h := store.NewHeldFile(f, r.url, r.tries, c.Hold, c.At)
		c.receipt.Held = append(c.receipt.Held, h)
		r.changed, r.again, r.state, r.failure = true, false, store.Failed, &h.Failure
		failed = append(failed, failure{h.Failure, host, true})
	}
	c.queue(`INSERT INTO held(key, host, url, path, size, sha256, type, etag, modified)
		SELECT f.key, $2, f.url, f.path, f.size, $6, f.type, f.etag, f.modified
		FROM unnest($1::uuid[], $3::text[], $4::text[], $5::bigint[], $7::text[], $8::text[], $9::text[])
			AS f(key, url, path, size, type, etag, modified)
		ON CONFLICT (key) DO UPDATE SET host = excluded.host, url = excluded.url, path = excluded.path, size = excluded.size,
			sha256 = excluded.sha256, type = excluded.type, etag = excluded.etag, modified = excluded.modified`,
		keys(fs, func(f *store.File) trawl.Key { return f.Key }), int64(host),
		column(fs, func(f *store.File) string { return escape(f.URL) }),
		column(fs, func(f *store.File) string { return escape(f.Path) }),
		column(fs, func(f *store.File) int64 { return f.Size }), fs[0].SHA256[:],
		column(fs, func(f *store.File) string { return escape(f.Type) }),
		column(fs, func(f *store.File) string { return escape(f.ETag) }),
		column(fs, func(f *store.File) string { return escape(f.Modified) }))
	c.fail(failed)
	return c.flush()
}

// Held implements [store.Store].
func (s *Store) Held(ctx context.Context) iter.Seq2[store.File, error] {
	type row struct {
		store.File
		after bool
	}
	rows := pages(ctx, s, "held files", row{}, func(t *tx, last row, add func(row)) {
		t.query("SELECT "+heldColumns+" FROM held WHERE key > $1 OR NOT $2 ORDER BY key LIMIT $3",
			[]any{last.Key.String(), last.after, rowsPerPage}, func(scan func(...any) error) error {
				f, err := scanFile(scan)
				add(row{f, true})
				return err
			})
	})
	return func(yield func(store.File, error) bool) {
		for r, err := range rows {
			if !yield(r.File, err) {
				return
			}
		}
	}
}

// Accept implements [store.Store].
func (s *Store) Accept(ctx context.Context, files []store.Name) (int, error) {
	n := 0
	err := s.write(ctx, "accept held files", slowly, func(t *tx) error {
		n = 0
		for _, name := range files {
			ok, err := t.accept(name)
			if err != nil {
				return err
			}
			if ok {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (t *tx) accept(name store.Name) (bool, error) {
	var f *newFile
	var was store.State
	r := &ending{requestKey: requestKey{key: name.Key}}
	t.query("DELETE FROM held WHERE key = $1 RETURNING "+heldColumns+", host", []any{name.Key.String()}, func(scan func(...any) error) error {
		g, err := scanFile(scan, &r.host)
		g.Path = name.Path
		f = &newFile{File: g, request: r}
		return err
	})
	if err := t.flush(); err != nil || f == nil {
		return false, err
	}
	found := false
	t.first("SELECT true, state, origin FROM request WHERE host = $1 AND key = $2 FOR UPDATE", []any{int64(r.host), r.key.String()}, &found, &was, &r.origin)
	t.queue("UPDATE request SET state = 1 WHERE host = $1 AND key = $2", int64(r.host), r.key.String())
	t.queue("INSERT INTO suspect(sha256, host, accepted) VALUES ($1, $2, true) ON CONFLICT (sha256, host) DO UPDATE SET accepted = true",
		f.SHA256[:], int64(r.host))
	t.queue("DELETE FROM failure WHERE key = $1", r.key.String())
	if err := t.record([]*newFile{f}); err != nil {
		return false, err
	}
	if !found {
		return false, store.ErrCorrupt
	}
	t.move(r.host, r.origin, trawl.KindFile, was, store.Done)
	return true, nil
}
