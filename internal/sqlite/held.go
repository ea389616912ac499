package sqlite

import (
	"context"
	"iter"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// judge holds a file that is done, and those like it, if its content is
// suspect.
//
// For a file whose content is new it costs two look-ups in tables that are
// mostly empty.
func (t *tx) judge(f *store.File, host store.HostID, c *store.Commit, receipt *store.Receipt) error {
	like, err := t.like(f, host, c.Hold, receipt)
	if err != nil {
		return err
	}
	if len(like) == 0 {
		return t.free(f.Key, receipt)
	}
	sum := f.SHA256[:]
	if _, err := t.exec("INSERT INTO suspect(sha256, host, accepted) VALUES(?, ?, 0) ON CONFLICT DO NOTHING", sum, host); err != nil {
		return err
	}
	for _, f := range like {
		if err := t.hold(f, host, c, receipt); err != nil {
			return err
		}
	}
	return nil
}

// like returns the files of the host that are to be held on account of f,
// which is among them.
func (t *tx) like(f *store.File, host store.HostID, limit int, receipt *store.Receipt) ([]store.File, error) {
	if limit <= 0 || f.SHA256 == [32]byte{} {
		return nil, nil
	}
	sum := f.SHA256[:]
	verdict, err := t.first("SELECT accepted FROM suspect WHERE sha256 = ? AND host = ?", sum, host)
	if err != nil {
		return nil, err
	}
	if verdict != nil {
		if verdict.int(0) != 0 {
			return nil, nil
		}
		return []store.File{*f}, nil
	}
	if n := len(receipt.Duplicates); n == 0 || receipt.Duplicates[n-1].Key != f.Key {
		return nil, nil
	}
	var like []store.File
	err = t.query(func(r row) error {
		like = append(like, fileOf(r))
		return nil
	}, "SELECT "+fileColumns+" FROM file WHERE sha256 = ? AND host = ? ORDER BY id", sum, host)
	if len(like) < limit {
		like = nil
	}
	return like, err
}

// hold takes a file from those that are done.
func (t *tx) hold(f store.File, host store.HostID, c *store.Commit, receipt *store.Receipt) error {
	if _, _, err := t.forget(f.Key); err != nil {
		return err
	}
	r, err := t.first(`UPDATE request SET state = 2 WHERE host = ? AND key = ?
		RETURNING origin, tries, url, (SELECT name FROM host WHERE id = request.host)`, host, f.Key)
	if err != nil {
		return err
	}
	if r == nil {
		return store.ErrCorrupt
	}
	t.move(host, store.HostID(r.int(0)), trawl.KindFile, store.Done, store.Failed)
	h := store.NewHeldFile(f, lengthen(r.text(2), r.text(3)), int(r.int(1)), c.Hold, c.At)
	receipt.Held = append(receipt.Held, h)
	if _, err := t.exec(`INSERT OR REPLACE INTO held(key, host, url, path, size, sha256, type, etag, modified)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.Key, host, f.URL, f.Path, f.Size, f.SHA256[:], f.Type, f.ETag, f.Modified); err != nil {
		return err
	}
	return t.failure(&h.Failure, host, true)
}

// free ends the holding of a file, if it is held.
func (t *tx) free(key trawl.Key, receipt *store.Receipt) error {
	r, err := t.first("DELETE FROM held WHERE key = ? RETURNING "+heldColumns, key)
	if r != nil {
		receipt.Freed = append(receipt.Freed, fileOf(r))
	}
	return err
}

// Held implements [store.Store].
func (s *Store) Held(ctx context.Context) iter.Seq2[store.File, error] {
	return pages(ctx, s, "held files", func(c *conn, first bool, last store.File) (page []store.File, err error) {
		from := last.Key[:]
		if first {
			from = []byte{} // comes before every key
		}
		err = c.query(ctx, func(r row) error {
			page = append(page, fileOf(r))
			return nil
		}, "SELECT "+heldColumns+" FROM held WHERE key > ? ORDER BY key LIMIT ?", from, rowsPerPage)
		return page, err
	})
}

// Accept implements [store.Store].
func (s *Store) Accept(ctx context.Context, files []store.Name) (int, error) {
	n := 0
	err := s.write(ctx, "accept held files", true, func(t *tx) error {
		for _, name := range files {
			r, err := t.first("DELETE FROM held WHERE key = ? RETURNING "+heldColumns+", host", name.Key)
			if err != nil {
				return err
			}
			if r == nil {
				continue
			}
			f, host := fileOf(r), store.HostID(r.int(9))
			f.Path = name.Path
			if err := t.accept(f, host); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (t *tx) accept(f store.File, host store.HostID) error {
	_, err := t.exec("INSERT INTO suspect(sha256, host, accepted) VALUES(?, ?, 1) ON CONFLICT DO UPDATE SET accepted = 1", f.SHA256[:], host)
	if err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM failure WHERE key = ?", f.Key); err != nil {
		return err
	}
	was, err := t.first("SELECT state, origin FROM request WHERE host = ? AND key = ?", host, f.Key)
	if err != nil {
		return err
	}
	if was == nil {
		return store.ErrCorrupt
	}
	if _, err := t.exec("UPDATE request SET state = 1 WHERE host = ? AND key = ?", host, f.Key); err != nil {
		return err
	}
	t.move(host, store.HostID(was.int(1)), trawl.KindFile, store.State(was.int(0)), store.Done)
	return t.file(f, host, &store.Receipt{})
}
