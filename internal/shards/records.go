package shards

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Cursor implements [store.Store].
func (s *Store) Cursor(ctx context.Context, name string) (int64, error) {
	return s.shards[0].Cursor(ctx, name)
}

// Reserve implements [store.Store].
func (s *Store) Reserve(ctx context.Context, names []store.Name, taken func(path string) bool) ([]string, error) {
	return s.shards[0].Reserve(ctx, names, taken)
}

// Rename implements [store.Store].
func (s *Store) Rename(ctx context.Context, n store.Name, taken func(path string) bool) (string, error) {
	// Whether the file is done is known where its host is.
	var mu sync.Mutex
	done := ""
	err := s.must(ctx, func(ctx context.Context, sh *shard) error {
		f, err := sh.Before(ctx, store.Entry{Key: n.Key, Request: trawl.Request{Kind: trawl.KindFile}})
		mu.Lock()
		defer mu.Unlock()
		done = cmp.Or(done, f.Path)
		return err
	})
	if err != nil || done != "" {
		return done, err
	}
	return s.shards[0].Rename(ctx, n, taken)
}

// Robots implements [store.Store].
func (s *Store) Robots(ctx context.Context, origin string) (store.Robots, error) {
	return s.shards[0].Robots(ctx, origin)
}

// KeepRobots implements [store.Store].
func (s *Store) KeepRobots(ctx context.Context, r store.Robots) error {
	return s.shards[0].KeepRobots(ctx, r)
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, name string) (string, error) {
	return s.shards[0].Get(ctx, name)
}

// Set implements [store.Store].
func (s *Store) Set(ctx context.Context, name, value string) error {
	if name != store.Updating { // each has its own
		return s.shards[0].Set(ctx, name, value)
	}
	return s.must(ctx, func(ctx context.Context, sh *shard) error { return sh.Set(ctx, name, value) })
}

// Claim implements [store.Shared].
func (s *Store) Claim(ctx context.Context, name, value string) (string, error) {
	return s.shards[0].Claim(ctx, name, value)
}

// Stats implements [store.Store]. Of a database that is away it tells what was
// known last, with one more request waiting, so that the job does not end; after
// a while it fails.
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	sts := make([]store.Stats, len(s.shards))
	away, err := s.all(ctx, func(ctx context.Context, sh *shard) (err error) {
		sts[sh.i], err = sh.Stats(ctx)
		return err
	})
	if err != nil {
		return store.Stats{}, err
	}
	var sum store.Stats
	for i, sh := range s.shards {
		sh.mu.Lock()
		since := sh.since
		if away[i] {
			sts[i] = sh.last
			sts[i].Pages.Waiting++
		} else {
			sh.last = sts[i]
		}
		sh.mu.Unlock()
		if away[i] && time.Since(since) > s.patience {
			return store.Stats{}, fmt.Errorf("%w: number %d of the databases has been away for %v", store.ErrIO, i+1, s.patience)
		}
		for _, c := range []struct {
			sum *store.Counts
			of  store.Counts
		}{{&sum.Pages, sts[i].Pages}, {&sum.Files, sts[i].Files}} {
			c.sum.Waiting += c.of.Waiting
			c.sum.Done += c.of.Done
			c.sum.Failed += c.of.Failed
		}
		sum.Items += sts[i].Items
		sum.Bytes += sts[i].Bytes
		sum.Duplicates += sts[i].Duplicates
	}
	return sum, nil
}

// seq returns the number of an item outside of its database, and local what it
// is in database i at least to come after that.
func (s *Store) seq(i int, local int64) int64 {
	if local == 0 {
		return 0
	}
	return local*int64(len(s.shards)) + int64(i)
}

func (s *Store) local(i int, seq int64) int64 {
	n := int64(len(s.shards))
	if seq < 0 {
		return seq
	}
	return (seq - int64(i) + n) / n // rounded down, plus one
}

// Items implements [store.Store].
func (s *Store) Items(ctx context.Context, output string, after int64) iter.Seq2[store.Item, error] {
	return merge(s, func(sh *shard) iter.Seq2[store.Item, error] {
		return func(yield func(store.Item, error) bool) {
			for it, err := range sh.Items(ctx, output, s.local(sh.i, after)-1) {
				if it.Seq = s.seq(sh.i, it.Seq); it.Seq <= after && err == nil {
					continue
				}
				if !yield(it, err) {
					return
				}
			}
		}
	}, func(a, b store.Item) int { return cmp.Compare(a.Seq, b.Seq) })
}

// Revision implements [store.Store]. Any new item counts, as it may have a
// smaller number than one of another database.
func (s *Store) Revision(ctx context.Context, output string) (int64, error) {
	var sum atomic.Int64
	err := s.must(ctx, func(ctx context.Context, sh *shard) error {
		n, err := sh.Revision(ctx, output)
		if err != nil {
			return err
		}
		last, err := sh.LastItem(ctx, output)
		sum.Add(n<<40 + last)
		return err
	})
	return sum.Load(), err
}

// Outputs implements [store.Store].
func (s *Store) Outputs(ctx context.Context) ([]string, error) {
	var mu sync.Mutex
	names := make(map[string]bool)
	err := s.must(ctx, func(ctx context.Context, sh *shard) error {
		ns, err := sh.Outputs(ctx)
		mu.Lock()
		defer mu.Unlock()
		for _, n := range ns {
			names[n] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// Files implements [store.Store].
func (s *Store) Files(ctx context.Context) iter.Seq2[store.File, error] {
	return merge(s, func(sh *shard) iter.Seq2[store.File, error] { return sh.Files(ctx) }, func(a, b store.File) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), bytes.Compare(a.Key[:], b.Key[:]))
	})
}

// Failures implements [store.Store].
func (s *Store) Failures(ctx context.Context) iter.Seq2[store.Failure, error] {
	return merge(s, func(sh *shard) iter.Seq2[store.Failure, error] { return sh.Failures(ctx) }, func(a, b store.Failure) int {
		return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.Key[:], b.Key[:]))
	})
}

// Held implements [store.Store].
func (s *Store) Held(ctx context.Context) iter.Seq2[store.File, error] {
	return merge(s, func(sh *shard) iter.Seq2[store.File, error] { return sh.Held(ctx) }, func(a, b store.File) int {
		return bytes.Compare(a.Key[:], b.Key[:])
	})
}

// merge yields what sequences of all databases yield, each in order, in order.
func merge[T any](s *Store, of func(*shard) iter.Seq2[T, error], compare func(a, b T) int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		type head struct {
			v    T
			err  error
			next func() (T, error, bool)
		}
		var heads []*head
		for _, sh := range s.shards {
			next, stop := iter.Pull2(of(sh))
			defer stop()
			h := &head{next: next}
			var ok bool
			if h.v, h.err, ok = next(); ok {
				heads = append(heads, h)
			}
		}
		for len(heads) > 0 {
			i := 0
			for k, h := range heads {
				if h.err != nil {
					yield(h.v, h.err)
					return
				}
				if compare(h.v, heads[i].v) < 0 {
					i = k
				}
			}
			h := heads[i]
			if !yield(h.v, nil) {
				return
			}
			var ok bool
			if h.v, h.err, ok = h.next(); !ok {
				heads = slices.Delete(heads, i, i+1)
			}
		}
	}
}

// sum adds what f returns for all databases.
func (s *Store) sum(ctx context.Context, f func(ctx context.Context, sh *shard) (int64, error)) (int64, error) {
	var sum atomic.Int64
	err := s.must(ctx, func(ctx context.Context, sh *shard) error {
		n, err := f(ctx, sh)
		sum.Add(n)
		return err
	})
	if err != nil {
		return 0, err
	}
	return sum.Load(), nil
}

// Retry implements [store.Store].
func (s *Store) Retry(ctx context.Context, now time.Time, want func(store.Failure) bool) (int, error) {
	var mu sync.Mutex
	one := want
	if want != nil {
		one = func(f store.Failure) bool {
			mu.Lock()
			defer mu.Unlock()
			return want(f)
		}
	}
	n, err := s.sum(ctx, func(ctx context.Context, sh *shard) (int64, error) {
		n, err := sh.Retry(ctx, now, one)
		return int64(n), err
	})
	return int(n), err
}

// Redo implements [store.Store].
func (s *Store) Redo(ctx context.Context, now time.Time, files []trawl.Key) (int, error) {
	n, err := s.sum(ctx, func(ctx context.Context, sh *shard) (int64, error) {
		n, err := sh.Redo(ctx, now, files)
		return int64(n), err
	})
	return int(n), err
}

// Accept implements [store.Store].
func (s *Store) Accept(ctx context.Context, files []store.Name) (int, error) {
	n, err := s.sum(ctx, func(ctx context.Context, sh *shard) (int64, error) {
		n, err := sh.Accept(ctx, files)
		return int64(n), err
	})
	return int(n), err
}

// Update implements [store.Store]. The first database comes last: what it says
// of an update that is under way is so of all.
func (s *Store) Update(ctx context.Context, files bool) (int64, error) {
	return s.inTurn(ctx, func(ctx context.Context, sh *shard) (int64, error) { return sh.Update(ctx, files) })
}

// Settle implements [store.Store].
func (s *Store) Settle(ctx context.Context) (int64, error) {
	return s.inTurn(ctx, func(ctx context.Context, sh *shard) (int64, error) { return sh.Settle(ctx) })
}

// inTurn adds what f returns for one database after the other, the first one
// last.
func (s *Store) inTurn(ctx context.Context, f func(ctx context.Context, sh *shard) (int64, error)) (sum int64, err error) {
	for _, sh := range slices.Backward(s.shards) {
		// It may take as long as it needs.
		n, err := f(ctx, sh)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Before implements [store.Store].
func (s *Store) Before(ctx context.Context, e store.Entry) (f store.File, err error) {
	sh := s.shards[s.owner(e.Host)]
	err = s.persist(ctx, sh, func(ctx context.Context) error {
		f, err = sh.Before(ctx, e)
		return err
	})
	return f, err
}
