package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

// defaultTTL is how long a lease lasts if the caller does not say.
const defaultTTL = 15 * time.Second

// Acquire implements [store.Store]. Another process gets a partition half of
// ttl after its lease has ended: its owner may renew the lease until then, so
// that a server that was away for a moment costs nobody his partitions. A ttl
// of 0 means 15 seconds.
func (s *Store) Acquire(ctx context.Context, worker string, max int, ttl time.Duration) ([]store.Lease, error) {
	ttl = cmp.Or(ttl, defaultTTL)
	if max <= 0 {
		max = int(s.parts)
	}
	var (
		ls    []store.Lease
		began time.Time
	)
	err := s.write(ctx, "acquire", writing, func(t *tx) error {
		ls, began = nil, time.Now()
		t.query(`UPDATE part SET owner = $1, worker = $2, epoch = epoch + 1,
				until = clock_timestamp() + $4::bigint * interval '1 microsecond',
				takeover = clock_timestamp() + $5::bigint * interval '1 microsecond'
			WHERE id IN (SELECT id FROM part WHERE takeover < clock_timestamp() ORDER BY random() LIMIT $3 FOR UPDATE SKIP LOCKED)
			RETURNING id, epoch`,
			[]any{s.id, escape(worker), max, ttl.Microseconds(), (ttl + ttl/2).Microseconds()},
			func(scan func(...any) error) error {
				l := store.Lease{Until: began.Add(ttl)}
				ls = append(ls, l)
				l1 := &ls[len(ls)-1]
				return scan(&l1.Part, &l1.Epoch)
			})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(ls, func(a, b store.Lease) int { return cmp.Compare(a.Part, b.Part) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range ls {
		s.leases[l.Part] = l.Epoch
	}
	return ls, nil
}

// Renew implements [store.Store]. A lease that has ended can be renewed as
// long as nobody has taken the partition over. Released or lost leases are
// left out of what it returns.
func (s *Store) Renew(ctx context.Context, ls []store.Lease, ttl time.Duration) ([]store.Lease, error) {
	ttl = cmp.Or(ttl, defaultTTL)
	var (
		held  []store.Lease
		began time.Time
	)
	err := s.write(ctx, "renew", writing, func(t *tx) error {
		held, began = nil, time.Now()
		parts, epochs := leaseColumns(ls)
		t.query(`UPDATE part AS p SET
				until = clock_timestamp() + $3::bigint * interval '1 microsecond',
				takeover = clock_timestamp() + $4::bigint * interval '1 microsecond'
			FROM unnest($1::integer[], $2::bigint[]) AS l(id, epoch)
			WHERE p.id = l.id AND p.epoch = l.epoch AND p.owner <> '' RETURNING p.id, p.epoch`,
			[]any{parts, epochs, ttl.Microseconds(), (ttl + ttl/2).Microseconds()},
			func(scan func(...any) error) error {
				var l store.Lease
				err := scan(&l.Part, &l.Epoch)
				l.Until = began.Add(ttl)
				held = append(held, l)
				return err
			})
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(held, func(a, b store.Lease) int { return cmp.Compare(a.Part, b.Part) })
	return held, nil
}

// Release implements [store.Store].
func (s *Store) Release(ctx context.Context, ls []store.Lease) error {
	if err := s.write(ctx, "release", writing, func(t *tx) error { return t.release(ls) }); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range ls {
		if s.leases[l.Part] == l.Epoch {
			delete(s.leases, l.Part)
		}
	}
	return nil
}

func (t *tx) release(ls []store.Lease) error {
	parts, epochs := leaseColumns(ls)
	t.queue(`UPDATE part AS p SET owner = '', worker = '', until = '-infinity', takeover = '-infinity'
		FROM unnest($1::integer[], $2::bigint[]) AS l(id, epoch) WHERE p.id = l.id AND p.epoch = l.epoch`, parts, epochs)
	return t.flush()
}

// leaseColumns returns leases as arrays, in the order of the partitions.
func leaseColumns(ls []store.Lease) (parts []int32, epochs []int64) {
	ls = slices.SortedFunc(slices.Values(ls), func(a, b store.Lease) int { return cmp.Compare(a.Part, b.Part) })
	parts = column(ls, func(l *store.Lease) int32 { return l.Part })
	epochs = column(ls, func(l *store.Lease) int64 { return l.Epoch })
	return parts, epochs
}

// held queues the reading of those leases that are held, in a transaction that
// changes something: none of them changes hands before its end. The map is
// filled by the flush.
func (t *tx) held(ls []store.Lease) map[int32]bool {
	held := map[int32]bool{}
	parts, epochs := leaseColumns(ls)
	t.query(`SELECT p.id FROM part AS p JOIN unnest($1::integer[], $2::bigint[]) AS l(id, epoch) ON p.id = l.id AND p.epoch = l.epoch
		WHERE p.owner <> '' ORDER BY p.id FOR SHARE OF p`, []any{parts, epochs}, func(scan func(...any) error) error {
		var part int32
		err := scan(&part)
		held[part] = true
		return err
	})
	return held
}

// mustHold fails with ErrFenced if a lease is not held, in a transaction that
// reads.
func (t *tx) mustHold(l store.Lease) error {
	held := false
	t.first("SELECT true FROM part WHERE id = $1 AND epoch = $2 AND owner <> ''", []any{l.Part, l.Epoch}, &held)
	if err := t.flush(); err != nil || held {
		return err
	}
	return store.ErrFenced
}

// Stand implements [store.Shared].
func (s *Store) Stand(ctx context.Context, worker string, ttl time.Duration, idle bool) (store.Standing, error) {
	ttl = cmp.Or(ttl, defaultTTL)
	var st store.Standing
	s.stands.Store(true)
	err := s.write(ctx, "stand", lazily, func(t *tx) error {
		t.queue(`INSERT INTO worker(id, name, idle, seen) VALUES ($1, $2, $3, clock_timestamp() + $4::bigint * interval '1 microsecond')
			ON CONFLICT (id) DO UPDATE SET idle = excluded.idle, seen = excluded.seen`, s.id, escape(worker), idle, ttl.Microseconds())
		t.queue("DELETE FROM worker WHERE seen < clock_timestamp() - interval '1 hour'") // see Sessions
		t.first("SELECT count(*), count(*) FILTER (WHERE idle) FROM worker WHERE seen > clock_timestamp()", nil, &st.Workers, &st.Idle)
		t.first("SELECT count(*) FROM part WHERE until < clock_timestamp()", nil, &st.Free)
		return nil
	})
	if err != nil {
		return store.Standing{}, err
	}
	st.Workers = max(st.Workers, 1)
	st.Share = (int(s.parts) + st.Workers - 1) / st.Workers
	return st, nil
}

// Session implements [store.Shared].
func (s *Store) Session() string { return s.id }

// Sessions implements [store.Shared].
func (s *Store) Sessions(ctx context.Context) (ids map[string]bool, err error) {
	err = s.read(ctx, "sessions", func(t *tx) error {
		ids = make(map[string]bool)
		t.query("SELECT id FROM worker WHERE seen > clock_timestamp() - interval '1 hour'", nil, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			ids[id] = true
			return err
		})
		return nil
	})
	return ids, err
}
