package sqlite

import (
	"context"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Retry implements [store.Store].
func (s *Store) Retry(ctx context.Context, now time.Time, want func(store.Failure) bool) (int, error) {
	// The choice is made outside of the transaction, and checked in it.
	var keys []trawl.Key
	for f, err := range s.Failures(ctx) {
		if err != nil {
			return 0, err
		}
		if want == nil || want(f) {
			keys = append(keys, f.Key)
		}
	}
	n := 0
	err := s.write(ctx, "retry", true, func(t *tx) error {
		for _, key := range keys {
			r, err := t.first("DELETE FROM failure WHERE key = ? AND final = 1 RETURNING host", key)
			if err != nil {
				return err
			}
			if r == nil {
				continue
			}
			if err := t.again(store.HostID(r.int(0)), key, now); err != nil {
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

// Redo implements [store.Store].
func (s *Store) Redo(ctx context.Context, now time.Time, files []trawl.Key) (int, error) {
	n := 0
	err := s.write(ctx, "redo", true, func(t *tx) error {
		for _, key := range files {
			host, ok, err := t.forget(key)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := t.again(host, key, now); err != nil {
				return err
			}
			// It may have failed in an update, and cannot be done as it was
			// any more.
			if _, err := t.exec("DELETE FROM failure WHERE key = ?", key); err != nil {
				return err
			}
			if _, err := t.exec("UPDATE request SET again = NULL WHERE host = ? AND key = ?", host, key); err != nil {
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

// forget removes the record of a file, if there is one.
func (t *tx) forget(key trawl.Key) (host store.HostID, ok bool, err error) {
	r, err := t.first("DELETE FROM file WHERE key = ? RETURNING host, size, duplicate_of, sha256", key)
	if err != nil || r == nil {
		return 0, false, err
	}
	t.totals[colBytes] -= r.int(1)
	if r.text(2) != "" {
		t.totals[colDuplicates]--
	} else {
		err = t.succeed(r.blob(3))
	}
	return store.HostID(r.int(0)), true, err
}

// succeed puts the next file with the same content in the place of the first,
// which is gone.
func (t *tx) succeed(sum []byte) error {
	r, err := t.first("SELECT id, path FROM file WHERE sha256 = ? ORDER BY id LIMIT 1", sum)
	if err != nil || r == nil {
		return err
	}
	t.totals[colDuplicates]--
	_, err = t.exec("UPDATE file SET duplicate_of = iif(id = ?2, NULL, ?3) WHERE sha256 = ?1", sum, r.int(0), r.text(1))
	return err
}

// again makes a request wait that is done or failed.
func (t *tx) again(host store.HostID, key trawl.Key, now time.Time) error {
	if err := t.fold(host); err != nil {
		return err
	}
	was, err := t.first("SELECT state FROM request WHERE host = ? AND key = ?", host, key)
	if err != nil || was == nil {
		return err
	}
	r, err := t.first(`UPDATE request SET state = 0, tries = 0, due = ?3 WHERE host = ?1 AND key = ?2 RETURNING kind, origin`,
		host, key, store.Nanos(now))
	if err != nil {
		return err
	}
	kind, origin := trawl.Kind(r.int(0)), store.HostID(r.int(1))
	t.move(host, origin, kind, store.State(was.int(0)), store.Waiting)
	return nil
}
