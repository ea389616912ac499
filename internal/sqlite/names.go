package sqlite

import (
	"context"

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
		for i, n := range names {
			r, err := t.first("SELECT path FROM name WHERE key = ?", n.Key)
			if err != nil {
				return err
			}
			if r != nil {
				ps[i] = r.text(0)
				continue
			}
			if ps[i], err = t.reserve(n, taken); err != nil {
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
