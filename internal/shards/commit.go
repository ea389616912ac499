package shards

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/store"
)

// Commit implements [store.Store]. Each database applies its outcomes as one
// unit, with the links that lead elsewhere in its outbox; the units are apart.
// The outcomes for one that is away are fenced.
func (s *Store) Commit(ctx context.Context, c store.Commit) (store.Receipt, error) {
	n := len(s.shards)
	leases := s.split(c.Leases)
	outs, hosts, posts := make([][]store.Outcome, n), make([][]store.Host, n), make([]bool, n)
	for _, o := range c.Outcomes {
		i := s.owner(o.Host)
		sh, part := s.of(o.Part)
		if o.Part = part; sh.i != i {
			o.Part = -1 // of no partition there: fenced
		}
		outs[i] = append(outs[i], o)
		posts[i] = posts[i] || slices.ContainsFunc(o.Children, func(e store.Entry) bool { return s.owner(e.Host) != i })
	}
	for _, h := range c.Hosts {
		i := s.owner(h.ID)
		hosts[i] = append(hosts[i], h)
	}
	for i, sh := range s.shards {
		if posts[i] {
			// Another commit would deliver what this one posts, and it would not
			// be known which of them found it.
			sh.posting.Lock()
			defer sh.posting.Unlock()
		}
	}
	recs := make([]store.Receipt, n)
	away, err := s.all(ctx, func(ctx context.Context, sh *shard) (err error) {
		if len(outs[sh.i]) == 0 && len(hosts[sh.i]) == 0 {
			return nil
		}
		part := c
		part.Leases, part.Outcomes, part.Hosts = leases[sh.i], outs[sh.i], hosts[sh.i]
		recs[sh.i], err = sh.Commit(ctx, part)
		return err
	})
	if err != nil {
		return store.Receipt{}, err
	}
	// The parts that are refused are named as the caller knows them.
	fenced := make(map[int32]bool)
	for _, o := range c.Outcomes {
		i := s.owner(o.Host)
		sh, part := s.of(o.Part)
		if away[i] || sh.i != i || slices.Contains(recs[i].Fenced, part) {
			fenced[o.Part] = true
		}
	}
	for _, h := range c.Hosts {
		if p := s.Part(h.ID); away[s.owner(h.ID)] || slices.Contains(recs[s.owner(h.ID)].Fenced, p%s.each) {
			fenced[p] = true
		}
	}
	sum := store.Receipt{Fenced: slices.Sorted(maps.Keys(fenced))}
	origins := make(map[store.HostID]bool)
	revised := make(map[string]bool)
	for i, r := range recs {
		sum.NewPages += r.NewPages
		sum.NewFiles += r.NewFiles
		sum.Duplicates = append(sum.Duplicates, r.Duplicates...)
		sum.Held = append(sum.Held, r.Held...)
		sum.Freed = append(sum.Freed, r.Freed...)
		for h := range r.Origins {
			origins[h] = true
		}
		for _, o := range r.Revised {
			revised[o] = true
		}
		for _, o := range outs[i] {
			for k := range o.Items { // they are the caller's
				o.Items[k].Seq = s.seq(i, o.Items[k].Seq)
			}
		}
	}
	sum.Revised = slices.Sorted(maps.Keys(revised))
	for i, sh := range s.shards {
		if !posts[i] || away[i] {
			continue
		}
		added, err := s.deliver(ctx, sh)
		if err != nil {
			return store.Receipt{}, err
		}
		s.countAdded(&sum, outs[i], added, origins)
	}
	if len(origins) > 0 {
		if sum.Origins, err = s.filesOf(ctx, slices.Collect(maps.Keys(origins))); err != nil {
			return store.Receipt{}, err
		}
	}
	return sum, nil
}

// countAdded notes which children of outcomes were new elsewhere.
func (s *Store) countAdded(r *store.Receipt, outs []store.Outcome, added map[trawl.Key]bool, origins map[store.HostID]bool) {
	for _, o := range outs {
		for k := range o.Children {
			e := &o.Children[k]
			if !added[e.Key] {
				continue
			}
			delete(added, e.Key)
			e.New = true
			if e.Request.Kind == trawl.KindFile {
				r.NewFiles++
			} else {
				r.NewPages++
			}
			if e.Origin != 0 {
				origins[e.Origin] = true
			}
		}
	}
}

// parcelsPerRead is how many parcels are delivered at a time.
const parcelsPerRead = 1000

// deliver brings what is in the outbox of a database to where it belongs, as far
// as that is there, and returns what was new there. Several may deliver the same
// at a time: it arrives once.
func (s *Store) deliver(ctx context.Context, from *shard) (added map[trawl.Key]bool, err error) {
	added = make(map[trawl.Key]bool)
	for after := int64(0); ; {
		var ps []postgres.Parcel
		err := from.do(ctx, func(ctx context.Context) (err error) {
			ps, err = from.Outbox(ctx, after, parcelsPerRead)
			return err
		})
		if err != nil || len(ps) == 0 {
			return added, present(err)
		}
		after = ps[len(ps)-1].ID
		entries, ids := make([][]store.Entry, len(s.shards)), make([][]int64, len(s.shards))
		for _, p := range ps {
			to := s.owner(p.Entry.Host)
			entries[to], ids[to] = append(entries[to], p.Entry), append(ids[to], p.ID)
		}
		var mu sync.Mutex
		var arrived []int64
		_, err = s.all(ctx, func(ctx context.Context, to *shard) error {
			es := entries[to.i]
			if len(es) == 0 {
				return nil
			}
			if _, err := to.Add(ctx, es, nil); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			arrived = append(arrived, ids[to.i]...)
			for _, e := range es {
				if e.New {
					added[e.Key] = true
				}
			}
			return nil
		})
		if err != nil {
			return added, err
		}
		if len(arrived) > 0 {
			slices.Sort(arrived)
			if err := from.do(ctx, func(ctx context.Context) error { return from.Delivered(ctx, arrived) }); err != nil {
				return added, present(err) // they are delivered once more
			}
		}
		if len(ps) < parcelsPerRead {
			return added, nil
		}
	}
}

// present leaves out that a database is away.
func present(err error) error {
	if errors.Is(err, errAway) {
		return nil
	}
	return err
}

// Add implements [store.Store]. It waits for a database that is away.
func (s *Store) Add(ctx context.Context, es []store.Entry, cur *store.Cursor) (int, error) {
	by, at := make([][]store.Entry, len(s.shards)), make([][]int, len(s.shards))
	for k, e := range es {
		i := s.owner(e.Host)
		by[i], at[i] = append(by[i], e), append(at[i], k)
	}
	added := 0
	// The position moves with the last of them, in the first database.
	for i := len(s.shards) - 1; i >= 0; i-- {
		sh, c := s.shards[i], cur
		if i > 0 {
			c = nil
		}
		if len(by[i]) == 0 && c == nil {
			continue
		}
		err := s.persist(ctx, sh, func(ctx context.Context) error {
			n, err := sh.Add(ctx, by[i], c)
			added += n
			return err
		})
		if err != nil {
			return 0, err
		}
		for k, e := range by[i] {
			es[at[i][k]].New = e.New
		}
	}
	return added, nil
}
