package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

// Acquire implements [store.Store]. There is one partition, 0, and its lease
// lasts until it is released or the store is closed.
func (s *Store) Acquire(ctx context.Context, worker string, max int, ttl time.Duration) ([]store.Lease, error) {
	var ls []store.Lease
	err := s.exclusively(ctx, "acquire", func(c *conn) error {
		if s.epoch.Load() != 0 {
			return nil
		}
		var epoch int64
		err := s.transact(ctx, c, true, func(t *tx) error {
			r, err := t.first("UPDATE part SET epoch = epoch + 1 WHERE id = 0 RETURNING epoch")
			if r != nil {
				epoch = r.int(0)
			}
			return err
		})
		if err == nil {
			s.epoch.Store(epoch)
			ls = []store.Lease{{Epoch: epoch}}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return ls, nil
}

// held reports whether a lease is the one that was given out last.
func (s *Store) held(l store.Lease) bool {
	return l.Part == 0 && l.Epoch != 0 && l.Epoch == s.epoch.Load()
}

// Renew implements [store.Store].
func (s *Store) Renew(ctx context.Context, ls []store.Lease, ttl time.Duration) ([]store.Lease, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	var held []store.Lease
	for _, l := range ls {
		if s.held(l) {
			held = append(held, l)
		}
	}
	return held, nil
}

// Release implements [store.Store].
func (s *Store) Release(ctx context.Context, ls []store.Lease) error {
	return s.exclusively(ctx, "release", func(*conn) error {
		if slices.ContainsFunc(ls, s.held) {
			s.epoch.Store(0)
		}
		return nil
	})
}
