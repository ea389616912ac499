package postgres

import (
	"context"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Retry implements [store.Store].
func (s *Store) Retry(ctx context.Context, now time.Time, want func(store.Failure) bool) (int, error) {
	// The choice is made outside of the transaction, and checked in it.
	var chosen []trawl.Key
	for f, err := range s.Failures(ctx) {
		if err != nil {
			return 0, err
		}
		if want == nil || want(f) {
			chosen = append(chosen, f.Key)
		}
	}
	n := 0
	err := s.write(ctx, "retry", slowly, func(t *tx) error {
		var rs []again
		t.query(`SELECT r.host, r.key, r.kind, r.origin, r.state FROM failure AS f JOIN request AS r ON r.host = f.host AND r.key = f.key
			WHERE f.key = ANY($1::uuid[]) AND f.final ORDER BY r.host, r.key FOR UPDATE OF r`,
			[]any{keys(chosen, func(k *trawl.Key) trawl.Key { return *k })}, scanAgain(&rs))
		if err := t.flush(); err != nil {
			return err
		}
		n = len(rs)
		t.again(rs, now)
		t.queue("DELETE FROM failure WHERE key = ANY($1::uuid[])", keys(rs, func(r *again) trawl.Key { return r.key }))
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Redo implements [store.Store]. No file is recorded meanwhile.
func (s *Store) Redo(ctx context.Context, now time.Time, files []trawl.Key) (int, error) {
	n := 0
	err := s.write(ctx, "redo", slowly, func(t *tx) error {
		var rs []again
		t.queue("LOCK TABLE file IN SHARE ROW EXCLUSIVE MODE")
		gone, err := t.forget(files)
		if err != nil {
			return err
		}
		n = len(gone)
		t.query(`SELECT r.host, r.key, r.kind, r.origin, r.state FROM unnest($1::bigint[], $2::uuid[]) AS g(host, key)
			JOIN request AS r ON r.host = g.host AND r.key = g.key ORDER BY r.host, r.key FOR UPDATE OF r`,
			[]any{
				ids(gone, func(k *requestKey) store.HostID { return k.host }),
				keys(gone, func(k *requestKey) trawl.Key { return k.key }),
			}, scanAgain(&rs))
		if err := t.flush(); err != nil {
			return err
		}
		t.again(rs, now)
		// They may have failed in an update, and cannot be done as they were
		// any more.
		t.queue("DELETE FROM failure WHERE key = ANY($1::uuid[])", keys(gone, func(k *requestKey) trawl.Key { return k.key }))
		t.queue(`UPDATE request AS r SET again = false FROM unnest($1::bigint[], $2::uuid[]) AS g(host, key)
			WHERE r.host = g.host AND r.key = g.key`,
			ids(gone, func(k *requestKey) store.HostID { return k.host }),
			keys(gone, func(k *requestKey) trawl.Key { return k.key }))
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// forget removes the records of files, and returns those that there were. The
// next file with the content of a first one takes its place.
func (t *tx) forget(files []trawl.Key) (gone []requestKey, err error) {
	var firsts [][]byte
	t.query("DELETE FROM file WHERE key = ANY($1::uuid[]) RETURNING host, key, size, sha256, duplicate_of IS NOT NULL",
		[]any{keys(files, func(k *trawl.Key) trawl.Key { return *k })}, func(scan func(...any) error) error {
			var (
				k         requestKey
				size      int64
				sum       []byte
				duplicate bool
			)
			err := scan(&k.host, uuid(&k.key), &size, &sum, &duplicate)
			gone = append(gone, k)
			t.totals[colBytes] -= size
			switch {
			case duplicate:
				t.totals[colDuplicates]--
			case sum != nil:
				firsts = append(firsts, sum)
			}
			return err
		})
	if err := t.flush(); err != nil || len(firsts) == 0 {
		return gone, err
	}
	t.query(`UPDATE file AS f SET duplicate_of = CASE WHEN f.id = m.id THEN NULL ELSE m.path END
		FROM (SELECT DISTINCT ON (sha256) sha256, id, path FROM file WHERE sha256 = ANY($1) ORDER BY sha256, id) AS m
		WHERE f.sha256 = m.sha256 RETURNING f.duplicate_of IS NULL`, []any{firsts}, func(scan func(...any) error) error {
		first := false
		err := scan(&first)
		if first {
			t.totals[colDuplicates]--
		}
		return err
	})
	return gone, t.flush()
}

// again is a request that is to wait once more.
type again struct {
	requestKey
	kind   trawl.Kind
	origin store.HostID
	state  store.State
}

func scanAgain(rs *[]again) func(scan func(...any) error) error {
	return func(scan func(...any) error) error {
		var r again
		err := scan(&r.host, uuid(&r.key), &r.kind, &r.origin, &r.state)
		*rs = append(*rs, r)
		return err
	}
}

// again queues what makes requests, which the transaction has locked, wait.
func (t *tx) again(rs []again, now time.Time) {
	for _, r := range rs {
		t.move(r.host, r.origin, r.kind, r.state, store.Waiting)
	}
	t.queue(`UPDATE request AS r SET state = 0, tries = 0, due = $3
		FROM unnest($1::bigint[], $2::uuid[]) AS a(host, key) WHERE r.host = a.host AND r.key = a.key`,
		ids(rs, func(r *again) store.HostID { return r.host }),
		keys(rs, func(r *again) trawl.Key { return r.key }), t.s.clock.nanos(now))
}
