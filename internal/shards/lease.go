package shards

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

// Acquire implements [store.Store].
func (s *Store) Acquire(ctx context.Context, worker string, max int, ttl time.Duration) ([]store.Lease, error) {
	if max <= 0 {
		max = int(s.each) * len(s.shards)
	}
	var out []store.Lease
	// About as many of each, and then whatever is left.
	first := rand.IntN(len(s.shards))
	for round := range 2 {
		for k := range s.shards {
			sh := s.shards[(first+k)%len(s.shards)]
			want := max - len(out)
			if round == 0 {
				want = min(want, (max+len(s.shards)-1)/len(s.shards))
			}
			if want <= 0 {
				break
			}
			err := sh.do(ctx, func(ctx context.Context) error {
				ls, err := sh.Acquire(ctx, worker, want, ttl)
				for _, l := range ls {
					out = append(out, s.global(sh.i, l))
				}
				return err
			})
			if err != nil && !errors.Is(err, errAway) {
				return nil, err
			}
		}
	}
	sortLeases(out)
	return out, nil
}

func sortLeases(ls []store.Lease) {
	slices.SortFunc(ls, func(a, b store.Lease) int { return cmp.Compare(a.Part, b.Part) })
}

// Renew implements [store.Store]. Leases in a database that is away stay as
// they are: whether they are lost will be known when it is back.
func (s *Store) Renew(ctx context.Context, ls []store.Lease, ttl time.Duration) ([]store.Lease, error) {
	by := s.split(ls)
	var mu sync.Mutex
	var held []store.Lease
	away, err := s.all(ctx, func(ctx context.Context, sh *shard) error {
		if len(by[sh.i]) == 0 {
			return nil
		}
		hs, err := sh.Renew(ctx, by[sh.i], ttl)
		mu.Lock()
		defer mu.Unlock()
		for _, l := range hs {
			held = append(held, s.global(sh.i, l))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, l := range ls {
		if sh, _ := s.of(l.Part); away[sh.i] {
			held = append(held, l)
		}
	}
	sortLeases(held)
	return held, nil
}

// Release implements [store.Store]. In a database that is away leases end by
// themselves.
func (s *Store) Release(ctx context.Context, ls []store.Lease) error {
	by := s.split(ls)
	_, err := s.all(ctx, func(ctx context.Context, sh *shard) error {
		if len(by[sh.i]) == 0 {
			return nil
		}
		return sh.Release(ctx, by[sh.i])
	})
	return err
}

// Stand implements [store.Shared]. It also delivers what is left in outboxes.
func (s *Store) Stand(ctx context.Context, worker string, ttl time.Duration, idle bool) (store.Standing, error) {
	sts := make([]store.Standing, len(s.shards))
	away, err := s.all(ctx, func(ctx context.Context, sh *shard) (err error) {
		sts[sh.i], err = sh.Stand(ctx, worker, ttl, idle)
		return err
	})
	if err != nil {
		return store.Standing{}, err
	}
	sum := store.Standing{Workers: 1, Idle: sts[0].Idle}
	for i, st := range sts {
		if !away[i] {
			sum.Workers, sum.Idle = max(sum.Workers, st.Workers), min(sum.Idle, st.Idle)
		}
	}
	for i, st := range sts {
		if away[i] {
			// Nobody knows what waits there: the job does not rest.
			st.Free, st.Share = int(s.each), (int(s.each)+sum.Workers-1)/sum.Workers
		}
		sum.Free += st.Free
		sum.Share += st.Share
	}
	for _, sh := range s.shards {
		if !sh.posting.TryLock() {
			continue // somebody is about to
		}
		_, err := s.deliver(ctx, sh)
		sh.posting.Unlock()
		if err != nil {
			return store.Standing{}, err
		}
	}
	return sum, nil
}

// Addresses implements [store.Shared].
func (s *Store) Addresses(ctx context.Context, at []netip.Addr) (map[netip.Addr]int, error) {
	return s.shards[0].Addresses(ctx, at)
}

// Session implements [store.Shared].
func (s *Store) Session() string { return s.shards[0].Session() }

// Sessions implements [store.Shared].
func (s *Store) Sessions(ctx context.Context) (map[string]bool, error) {
	return s.shards[0].Sessions(ctx)
}

// lost makes a database that is away look like one whose partitions have passed
// to others: the frontier forgets them, and gets them again when it is back.
func lost(err error) error {
	if errors.Is(err, errAway) {
		return store.ErrFenced
	}
	return err
}

// Hosts implements [store.Store].
func (s *Store) Hosts(ctx context.Context, l store.Lease, after store.HostID, limit int) (hs []store.Host, err error) {
	sh, part := s.of(l.Part)
	l.Part = part
	err = sh.do(ctx, func(ctx context.Context) error {
		hs, err = sh.Hosts(ctx, l, after, limit)
		return err
	})
	if err != nil || len(hs) == 0 {
		return nil, lost(err)
	}
	ids := make([]store.HostID, len(hs))
	for i := range hs {
		ids[i], hs[i].Files = hs[i].ID, 0
	}
	// Files found on their pages wait elsewhere, too.
	files, err := s.filesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range hs {
		hs[i].Files = files[hs[i].ID]
	}
	return hs, nil
}

// filesOf counts the files found on the pages of hosts that wait, in the
// databases that are there.
func (s *Store) filesOf(ctx context.Context, hosts []store.HostID) (map[store.HostID]int, error) {
	var mu sync.Mutex
	sum := make(map[store.HostID]int, len(hosts))
	for _, h := range hosts {
		sum[h] = 0
	}
	_, err := s.all(ctx, func(ctx context.Context, sh *shard) error {
		files, err := sh.FilesOf(ctx, hosts)
		mu.Lock()
		defer mu.Unlock()
		for h, n := range files {
			sum[h] += n
		}
		return err
	})
	return sum, err
}

// Due implements [store.Store].
func (s *Store) Due(ctx context.Context, l store.Lease, now time.Time, qs []store.HostQuery) (bs []store.Batch, err error) {
	sh, part := s.of(l.Part)
	l.Part = part
	foreign := func(q store.HostQuery) bool { return s.owner(q.Host) != sh.i }
	if slices.ContainsFunc(qs, foreign) {
		qs = slices.Clone(qs)
		for i := range qs {
			if foreign(qs[i]) {
				qs[i].Limit = 0
			}
		}
	}
	err = sh.do(ctx, func(ctx context.Context) error {
		bs, err = sh.Due(ctx, l, now, qs)
		return err
	})
	return bs, lost(err)
}
