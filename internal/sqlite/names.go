package sqlite

import (
	"context"
	"io/fs"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Holder implements [store.Paths].
func (t *tx) Holder(folded string) (key trawl.Key, ok bool, err error) {
	r, err := t.first("SELECT key FROM name WHERE folded = ?", folded)
	if r == nil {
		return key, false, err
	}
	return r.key(0), true, nil
}

// IsDir implements [store.Paths].
func (t *tx) IsDir(folded string) (bool, error) {
	// '0' is the character after '/'.
	r, err := t.first("SELECT 1 FROM name WHERE folded > ? AND folded < ? LIMIT 1", folded+"/", folded+"0")
	return r != nil, err
}

// Reserve implements [store.Store].
func (s *Store) Reserve(ctx context.Context, names []store.Name, taken func(path string) bool) ([]string, error) {
	ps := make([]string, len(names))
	err := s.write(ctx, "reserve names", false, func(t *tx) error {
		dirs := map[string]bool{}
		for i, n := range names {
			ok, isTaken, err := t.reserveAsAsked(n, dirs, taken)
			if err != nil {
				return err
			}
			if ok {
				ps[i] = n.Path
				continue
			}
			r, err := t.first("SELECT path FROM name WHERE key = ?", n.Key)
			if err != nil {
				return err
			}
			if r != nil {
				ps[i] = r.text(0)
				continue
			}
			inUse := taken
			if isTaken {
				inUse = func(p string) bool { return p == n.Path || taken(p) }
			}
			if ps[i], err = t.reserve(n, inUse); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ps, nil
}

// reserveAsAsked gives a file the path that it asks for, if it has none and
// nothing is in the way, as is the case for most: that takes two statements and
// not five. If it reports false, nothing has changed; isTaken is what taken said
// of the path. In dirs it keeps the directories that may be used as they are: a
// name below each of them has been reserved in this transaction, so they do not
// become files.
func (t *tx) reserveAsAsked(n store.Name, dirs map[string]bool, taken func(path string) bool) (ok, isTaken bool, err error) {
	folded := store.Fold(n.Path)
	if !fs.ValidPath(n.Path) || n.Path == "." || folded == store.Dir {
		return false, false, nil
	}
	dir := strings.TrimSuffix(n.Path[:strings.LastIndexByte(n.Path, '/')+1], "/")
	if !dirs[dir] {
		p, err := store.ChooseDir(dir, n.Key, t)
		if err != nil || p != dir {
			return false, false, err
		}
	}
	if isDir, err := t.IsDir(folded); isDir || err != nil {
		return false, false, err
	}
	added, err := t.exec("INSERT INTO name(folded, key, path) VALUES(?, ?, ?) ON CONFLICT DO NOTHING", folded, n.Key, n.Path)
	if added == 0 || err != nil {
		return false, false, err
	}
	if taken != nil && taken(n.Path) {
		_, err := t.exec("DELETE FROM name WHERE folded = ?", folded)
		return false, true, err
	}
	dirs[dir] = true
	return true, false, nil
}

// Rename implements [store.Store].
func (s *Store) Rename(ctx context.Context, n store.Name, taken func(path string) bool) (p string, err error) {
	err = s.write(ctx, "rename a file", false, func(t *tx) error {
		r, err := t.first("SELECT path FROM file WHERE key = ?", n.Key)
		if err != nil {
			return err
		}
		if r != nil {
			p = r.text(0)
			return nil
		}
		if _, err := t.exec("DELETE FROM name WHERE key = ?", n.Key); err != nil {
			return err
		}
		p, err = t.reserve(n, taken)
		return err
	})
	if err != nil {
		return "", err
	}
	return p, nil
}

// reserve gives a path to a file that has none.
func (t *tx) reserve(n store.Name, taken func(path string) bool) (string, error) {
	p, err := store.ChoosePath(n, t, taken)
	if err != nil {
		return "", err
	}
	_, err = t.exec("INSERT INTO name(folded, key, path) VALUES(?, ?, ?)", store.Fold(p), n.Key, p)
	return p, err
}
