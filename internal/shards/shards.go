// Package shards spreads one job over several PostgreSQL databases, where one
// is too small.
//
// Start with [Open]. Every database is a job as package postgres keeps it, with
// a share of the partitions, and so of the hosts. Links from one share to
// another go through the outbox of the database in which their page is
// committed. The first database also has what there is one of in a job: the
// names of files, its values, the positions of lists, robots.txt files.
//
// When another database than the first is away, its partitions wait, as if
// their leases had been lost, and the others go on. A Store is safe for
// concurrent use.
package shards

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/store"
)

// ErrMap is returned by Open for databases that are not those of the job, or
// not in their order.
var ErrMap = errors.New("the databases of the job")

// A Store is a job in several databases.
type Store struct {
	shards   []*shard
	each     int32 // the partitions of each database
	patience time.Duration
}

var _ store.Shared = (*Store)(nil)

// A place is what each database knows of the whole.
type place struct {
	Set string `json:"set"` // the same in all of them, and in no other
	N   int    `json:"n"`   // how many there are
	I   int    `json:"i"`   // which of them this is, from 0 on
}

// placeKey is where the databases keep it.
const placeKey = "shards"

// patience is how long a database that is not the first is waited for before it
// counts as away.
const patience = 2 * time.Second

// Open opens a job that is spread over databases, which it creates if need be,
// or the one in the only database that is given. All of them must be there.
//
// It returns [ErrMap] if the job belongs to other databases or to these in
// another order, and otherwise the errors of [postgres.Open], with what
// Options.Partitions says for all databases together.
func Open(ctx context.Context, urls []string, opt *postgres.Options) (_ store.Shared, err error) {
	var o postgres.Options
	if opt != nil {
		o = *opt
	}
	n := len(urls)
	s := &Store{patience: cmp.Or(o.Patience, 2*time.Minute)}
	o.Partitions = (cmp.Or(o.Partitions, 64) + n - 1) / n
	defer func() {
		if err != nil {
			_ = s.Close() // the first error says what happened
		}
	}()
	for i, url := range urls {
		if n > 1 {
			o.Foreign = func(h store.HostID) bool { return s.owner(h) != i }
		}
		if i > 0 && o.Patience == 0 {
			o.Patience = patience
		}
		st, err := postgres.Open(ctx, url, &o)
		if err != nil {
			return nil, err
		}
		s.shards = append(s.shards, &shard{Store: st, i: i})
	}
	if err := s.claim(ctx); err != nil {
		return nil, err
	}
	if n == 1 {
		return s.shards[0].Store, nil
	}
	for i, sh := range s.shards {
		if s.each = int32(s.shards[0].Partitions()); int32(sh.Partitions()) != s.each {
			return nil, fmt.Errorf("%w: number %d has %d partitions, the first %d", ErrMap, i+1, sh.Partitions(), s.each)
		}
	}
	return s, nil
}

// claim makes the databases those of a new job, or checks that they are.
func (s *Store) claim(ctx context.Context) error {
	home := s.shards[0]
	v, err := home.Get(ctx, placeKey)
	if err != nil {
		return err
	}
	n := len(s.shards)
	if v == "" {
		if n == 1 {
			return nil
		}
		// A job that has begun in one database stays there.
		stats, err := home.Stats(ctx)
		if err != nil {
			return err
		}
		if stats.Pages.Total()+stats.Files.Total() > 0 {
			return fmt.Errorf("%w %s: it began in the first one alone, and cannot be spread any more", ErrMap, home.Job())
		}
		if v, err = home.Claim(ctx, placeKey, encode(place{Set: rand.Text(), N: n})); err != nil {
			return err
		}
	}
	var first place
	if err := json.Unmarshal([]byte(v), &first); err != nil {
		return fmt.Errorf("%w %s: %w", ErrMap, home.Job(), err)
	}
	if first.N != n {
		return fmt.Errorf("%w %s: there are %d, and %d given: give --store for each of them, in the order in which it was begun", ErrMap, home.Job(), first.N, n)
	}
	for i, sh := range s.shards {
		have, want := place{}, place{first.Set, n, i}
		v, err := sh.Claim(ctx, placeKey, encode(want))
		if err == nil {
			err = json.Unmarshal([]byte(v), &have)
		}
		switch {
		case err != nil:
			return err
		case have == want:
		case have.Set == first.Set:
			return fmt.Errorf("%w %s: the one given as number %d is number %d: give them in the order in which it was begun", ErrMap, home.Job(), i+1, have.I+1)
		default:
			return fmt.Errorf("%w %s: number %d belongs to another job of this name", ErrMap, home.Job(), i+1)
		}
	}
	return nil
}

func encode(p place) string {
	data, _ := json.Marshal(p) // cannot fail
	return string(data)
}

// owner returns the number of the database that has a host. Its bits are not
// those that the partition within the database comes of.
func (s *Store) owner(h store.HostID) int {
	mixed := uint64(h) * 0x9E3779B97F4A7C15
	return int(mixed >> 32 % uint64(len(s.shards)))
}

// Part implements [store.Shared].
func (s *Store) Part(h store.HostID) int32 {
	i := s.owner(h)
	return int32(i)*s.each + s.shards[i].Part(h)
}

// of returns the database of a partition and its number there.
func (s *Store) of(part int32) (*shard, int32) { return s.shards[part/s.each], part % s.each }

// global returns a lease as it is known outside.
func (s *Store) global(i int, l store.Lease) store.Lease {
	l.Part += int32(i) * s.each
	return l
}

// split sorts leases by their databases, as these know them.
func (s *Store) split(ls []store.Lease) [][]store.Lease {
	by := make([][]store.Lease, len(s.shards))
	for _, l := range ls {
		sh, part := s.of(l.Part)
		l.Part = part
		by[sh.i] = append(by[sh.i], l)
	}
	return by
}

// Close implements [store.Store].
func (s *Store) Close() error {
	return errors.Join(s.together(func(sh *shard) error { return sh.Close() })...)
}

// together calls f for every database, at the same time, and returns what each has
// returned.
func (s *Store) together(f func(sh *shard) error) []error {
	errs := make([]error, len(s.shards))
	var wg sync.WaitGroup
	for i, sh := range s.shards {
		wg.Go(func() { errs[i] = f(sh) })
	}
	wg.Wait()
	return errs
}

// A shard is one of the databases.
type shard struct {
	*postgres.Store
	i int

	posting sync.Mutex // held from a commit with parcels until they are delivered

	mu    sync.Mutex
	since time.Time // when it was found to be away; zero if it is there
	again time.Time // when to try it again
	last  store.Stats
}

// errAway marks the failure of a database that the others can do without for
// now.
var errAway = errors.New("one of the databases is away")

// Bounds of a call to a database that the others can do without: its length,
// and the pause before one that is away is tried again.
const (
	callTime = time.Minute
	retry    = 3 * time.Second
)

// do calls f. Of a database other than the first it returns errAway if it
// cannot be reached, at once if that has just been found out.
func (sh *shard) do(ctx context.Context, f func(context.Context) error) error {
	if sh.i == 0 {
		return f(ctx)
	}
	sh.mu.Lock()
	away := time.Now().Before(sh.again)
	sh.mu.Unlock()
	if away {
		return fmt.Errorf("%w: %w: number %d", store.ErrIO, errAway, sh.i+1)
	}
	call, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := f(call)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if ctx.Err() == nil && (errors.Is(err, store.ErrIO) || errors.Is(err, context.DeadlineExceeded)) {
		sh.again = time.Now().Add(retry)
		if sh.since.IsZero() {
			sh.since = time.Now()
		}
		return fmt.Errorf("%w: number %d: %w", errAway, sh.i+1, err)
	}
	if err == nil {
		sh.since, sh.again = time.Time{}, time.Time{}
	}
	return err
}

// all calls f for every database, at the same time. It returns the first error
// that is not errAway, and which of them are away.
func (s *Store) all(ctx context.Context, f func(ctx context.Context, sh *shard) error) (away []bool, err error) {
	away = make([]bool, len(s.shards))
	errs := s.together(func(sh *shard) error {
		return sh.do(ctx, func(ctx context.Context) error { return f(ctx, sh) })
	})
	for i, e := range errs {
		if away[i] = errors.Is(e, errAway); !away[i] && err == nil {
			err = e
		}
	}
	return away, err
}

// must is like all, for what needs every database.
func (s *Store) must(ctx context.Context, f func(ctx context.Context, sh *shard) error) error {
	return cmp.Or(s.together(func(sh *shard) error {
		return s.persist(ctx, sh, func(ctx context.Context) error { return f(ctx, sh) })
	})...)
}

// persist calls f again as long as its database is away, within patience.
func (s *Store) persist(ctx context.Context, sh *shard, f func(context.Context) error) error {
	began := time.Now()
	for {
		err := sh.do(ctx, f)
		if !errors.Is(err, errAway) || time.Since(began) > s.patience {
			return err
		}
		t := time.NewTimer(retry / 4)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
