package sqlite

import (
	"context"
	"iter"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// judge holds a file that is done, and those like it, if its content is
// suspect, and else ends its being held.
//
// In a job without suspects, as most are, a file whose content is new costs
// nothing but one question in each transaction.
func (t *tx) judge(f *store.File, host store.HostID, c *store.Commit, receipt *store.Receipt) error {
	v, err := t.verdict(f, host)
	if err != nil {
		return err
	}
	var like []store.File
	if c.Hold > 0 && f.SHA256 != [32]byte{} {
		switch {
		case v.suspect:
			like = []store.File{*f}
		case !v.accepted && isDuplicate(f.Key, receipt):
			if like, err = t.like(f, host); err != nil {
				return err
			}
			if len(like) < c.Hold {
				like = nil
			}
		}
	}
	if len(like) == 0 {
		if v.held {
			return t.free(f.Key, receipt)
		}
		return nil
	}
	if !v.suspect {
		if _, err := t.exec("INSERT INTO suspect(sha256, host, accepted) VALUES(?, ?, 0)", f.SHA256[:], host); err != nil {
			return err
		}
		t.suspects = yes
	}
	for _, f := range like {
		if err := t.hold(f, host, c, receipt); err != nil {
			return err
		}
	}
	return nil
}

// A verdict is what is known of a file and its content.
type verdict struct{ suspect, accepted, held bool }

func (t *tx) verdict(f *store.File, host store.HostID) (v verdict, err error) {
	if t.suspects == unknown {
		r, err := t.first("SELECT EXISTS(SELECT 1 FROM suspect)")
		if err != nil {
			return v, err
		}
		t.suspects = no
		if r.int(0) != 0 {
			t.suspects = yes
		}
	}
	if t.suspects == no {
		return v, nil // without suspects nothing is held
	}
	r, err := t.first(`SELECT (SELECT accepted FROM suspect WHERE sha256 = ? AND host = ?),
		EXISTS(SELECT 1 FROM held WHERE key = ?)`, f.SHA256[:], host, f.Key)
	if err != nil {
		return v, err
	}
	v.accepted, v.held = r.int(0) != 0, r.int(1) != 0
	v.suspect = r[0] != nil && !v.accepted
	return v, nil
}

// isDuplicate reports whether the file recorded last has a content that was
// known.
func isDuplicate(key trawl.Key, r *store.Receipt) bool {
	n := len(r.Duplicates)
	return n > 0 && r.Duplicates[n-1].Key == key
}

// like returns the files of a host with the content of f, which is one of them.
func (t *tx) like(f *store.File, host store.HostID) (like []store.File, err error) {
	err = t.query(func(r row) error {
		like = append(like, fileOf(r))
		return nil
	}, "SELECT "+fileColumns+" FROM file WHERE sha256 = ? AND host = ? ORDER BY id", f.SHA256[:], host)
	return like, err
}

// hold takes a file from those that are done.
func (t *tx) hold(f store.File, host store.HostID, c *store.Commit, receipt *store.Receipt) error {
	if _, _, err := t.forget(f.Key); err != nil {
		return err
	}
	if err := t.fold(host); err != nil {
		return err
	}
	r, err := t.first(`SELECT r.origin, r.tries, r.url, h.name, r.state FROM request AS r JOIN host AS h ON h.id = r.host
		WHERE r.host = ? AND r.key = ?`, host, f.Key)
	if err != nil {
		return err
	}
	if r == nil {
		return store.ErrCorrupt
	}
	if _, err := t.exec("UPDATE request SET state = 2, again = NULL WHERE host = ? AND key = ?", host, f.Key); err != nil {
		return err
	}
	// One that was done waits during an update, or failed in one.
	t.move(host, store.HostID(r.int(0)), trawl.KindFile, store.State(r.int(4)), store.Failed)
	h := store.NewHeldFile(f, lengthen(r.text(2), r.text(3)), int(r.int(1)), c.Hold, c.At)
	receipt.Held = append(receipt.Held, h)
	if _, err := t.exec(`INSERT OR REPLACE INTO held(key, host, url, path, size, sha256, type, etag, modified)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.Key, host, f.URL, f.Path, f.Size, f.SHA256[:], f.Type, f.ETag, f.Modified); err != nil {
		return err
	}
	return t.failure(&h.Failure, host, true)
}

// free ends the holding of a file.
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
	if err := t.fold(host); err != nil {
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
