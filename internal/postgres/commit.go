package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, c store.Commit) (store.Receipt, error) {
	// Children are made ready before the transaction, and before it is known
	// whether their pages count.
	children := make([][]store.Packed, len(c.Outcomes))
	for i, o := range c.Outcomes {
		var err error
		if children[i], err = store.Pack(nil, o.Children); err != nil {
			return store.Receipt{}, err
		}
	}
	var done *commit
	err := s.write(ctx, "commit", writing, func(t *tx) error {
		done = &commit{tx: t, Commit: c, children: children, fenced: map[int32]bool{}, origins: map[store.HostID]bool{}}
		return done.apply()
	})
	if err != nil {
		return store.Receipt{}, err
	}
	for i, it := range done.items {
		it.Seq = done.seqs[i]
	}
	for _, e := range done.added {
		e.New = true
	}
	return done.receipt, nil
}

// A commit is under way.
type commit struct {
	*tx
	store.Commit
	children [][]store.Packed
	requests map[requestKey]*ending

	fenced   map[int32]bool
	origins  map[store.HostID]bool // whose files have changed
	add      []store.Packed
	added    []*store.Entry // of add, those that were new
	posted   []store.Packed // children of other databases
	verdicts verdicts
	files    []*newFile       // that are done, in the order of the outcomes
	same     []*store.Outcome // files that have not changed, with new validators
	pages    []*store.Outcome // that are done
	items    []*store.Item    // that are kept, with what they get as Seq
	itemsOf  []trawl.Key      // the pages of items
	seqs     []int64
	lost     revision

	receipt store.Receipt
}

// An ending is a request that waits when the commit begins, and what becomes
// of it.
type ending struct {
	requestKey
	kind    trawl.Kind
	origin  store.HostID
	again   bool // it was done before
	url     string
	changed bool
	state   store.State
	tries   int
	due     int64 // never: as it was
	failure *store.Failure
}

func (c *commit) apply() error {
	leases := c.needed()
	held := c.held(leases)
	c.lockRequests()
	c.askVerdicts()
	if err := c.flush(); err != nil {
		return err
	}
	if len(leases) > 0 {
		c.mark.slot = slices.MinFunc(leases, func(a, b store.Lease) int { return cmp.Compare(a.Part, b.Part) }).Part
	}
	careful := c.again(trawl.KindFile)
	for i := range c.Outcomes {
		o := &c.Outcomes[i]
		if part := c.s.Part(o.Host); part != o.Part || !held[part] {
			c.fenced[o.Part] = true
			continue
		}
		c.end(o, c.children[i])
		if careful && len(c.files) > 0 {
			if err := c.keepFiles(); err != nil {
				return err
			}
		}
	}
	c.insert(c.add, func(e *store.Entry) {
		c.added = append(c.added, e)
		if e.Request.Kind == trawl.KindFile {
			c.receipt.NewFiles++
		} else {
			c.receipt.NewPages++
		}
		if e.Origin != 0 {
			c.origins[e.Origin] = true
		}
	})
	if err := c.keepFiles(); err != nil {
		return err
	}
	if err := c.readPages(); err != nil {
		return err
	}
	c.update()
	c.post(c.posted)
	// What was added must be known before it can be counted.
	if err := c.flush(); err != nil {
		return err
	}
	c.rememberHosts(held)
	c.countHosts()
	c.receipt.Fenced = slices.Sorted(maps.Keys(c.fenced))
	if len(c.origins) > 0 {
		c.receipt.Origins = make(map[store.HostID]int, len(c.origins))
		all := slices.Sorted(maps.Keys(c.origins))
		c.query("SELECT id, files FROM host WHERE id = ANY($1::bigint[])", []any{ids(all, func(id *store.HostID) store.HostID { return *id })},
			func(scan func(...any) error) error {
				var id store.HostID
				var n int
				err := scan(&id, &n)
				c.receipt.Origins[id] = n
				return err
			})
	}
	c.count()
	c.keepItems()
	return c.flush()
}

// needed returns the leases of those partitions that the commit touches. To
// lock the others would hold up those who take them over.
func (c *commit) needed() []store.Lease {
	parts := map[int32]bool{}
	for i := range c.Outcomes {
		parts[c.s.Part(c.Outcomes[i].Host)] = true
	}
	for i := range c.Hosts {
		parts[c.s.Part(c.Hosts[i].ID)] = true
	}
	return slices.DeleteFunc(slices.Clone(c.Leases), func(l store.Lease) bool { return !parts[l.Part] })
}

// lockRequests queues the reading of the requests that the outcomes end, those
// that wait. They are locked, in the order of the table.
func (c *commit) lockRequests() {
	c.requests = make(map[requestKey]*ending, len(c.Outcomes))
	if len(c.Outcomes) == 0 {
		return
	}
	c.query(`SELECT r.host, r.key, r.kind, r.origin, r.again, r.url
		FROM unnest($1::bigint[], $2::uuid[]) AS o(host, key) JOIN request AS r ON r.host = o.host AND r.key = o.key
		WHERE r.state = 0 ORDER BY r.host, r.key FOR UPDATE OF r`,
		[]any{
			ids(c.Outcomes, func(o *store.Outcome) store.HostID { return o.Host }),
			keys(c.Outcomes, func(o *store.Outcome) trawl.Key { return o.Key }),
		},
		func(scan func(...any) error) error {
			r := &ending{due: never}
			err := scan(&r.host, uuid(&r.key), &r.kind, &r.origin, &r.again, &r.url)
			r.url = unescape(r.url)
			c.requests[r.requestKey] = r
			return err
		})
}

// end applies an outcome in memory, if its request still waits.
func (c *commit) end(o *store.Outcome, children []store.Packed) {
	r := c.requests[requestKey{o.Host, o.Key}]
	if r == nil || r.state != store.Waiting {
		return
	}
	r.changed, r.state, r.tries, r.failure = true, o.State, o.Tries, nil
	if o.State == store.Failed || o.Failure != nil {
		f := *cmp.Or(o.Failure, &store.Failure{Tries: o.Tries})
		f.Key, f.Kind, f.URL = r.key, r.kind, cmp.Or(f.URL, r.url)
		r.failure = &f
	}
	if o.State == store.Waiting {
		r.due = c.s.clock.nanos(o.Due)
		return
	}
	c.move(r.host, r.origin, r.kind, store.Waiting, o.State)
	if r.origin != 0 {
		c.origins[r.origin] = true
	}
	switch {
	case o.State != store.Done:
		return
	case o.Unchanged && r.again:
		if o.File != nil {
			c.same = append(c.same, o)
		}
		return
	}
	for _, p := range children {
		if c.s.opts.Foreign != nil && c.s.opts.Foreign(p.Host) {
			c.posted = append(c.posted, p)
		} else {
			c.add = append(c.add, p)
		}
	}
	switch {
	case r.kind == trawl.KindPage:
		c.pages = append(c.pages, o)
	case o.File != nil:
		f := &newFile{File: *o.File, request: r}
		f.Key, f.DuplicateOf = o.Key, ""
		c.files = append(c.files, f)
	}
}

// again reports whether a request of a kind waits that was done before.
func (c *commit) again(k trawl.Kind) bool {
	for _, r := range c.requests {
		if r.kind == k && r.again {
			return true
		}
	}
	return false
}

// update queues the new states of requests, and the reasons.
func (c *commit) update() {
	if len(c.same) > 0 {
		c.queue(`UPDATE file AS f SET etag = o.etag, modified = o.modified
			FROM unnest($1::uuid[], $2::text[], $3::text[]) AS o(key, etag, modified) WHERE f.key = o.key`,
			keys(c.same, func(o **store.Outcome) trawl.Key { return (*o).Key }),
			column(c.same, func(o **store.Outcome) string { return escape((*o).File.ETag) }),
			column(c.same, func(o **store.Outcome) string { return escape((*o).File.Modified) }))
	}
	var rs, failed, fine []*ending
	for _, r := range c.requests {
		switch {
		case !r.changed:
			continue
		case r.failure != nil:
			failed = append(failed, r)
		default:
			fine = append(fine, r)
		}
		rs = append(rs, r)
	}
	if len(rs) == 0 {
		return
	}
	c.queue(`UPDATE request AS r SET state = o.state, tries = o.tries, due = coalesce(nullif(o.due, $6), r.due), again = o.again
		FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::integer[], $5::bigint[], $7::boolean[]) AS o(host, key, state, tries, due, again)
		WHERE r.host = o.host AND r.key = o.key`,
		ids(rs, func(r **ending) store.HostID { return (*r).host }),
		keys(rs, func(r **ending) trawl.Key { return (*r).key }),
		column(rs, func(r **ending) int16 { return int16((*r).state) }),
		column(rs, func(r **ending) int64 { return int64((*r).tries) }),
		column(rs, func(r **ending) int64 { return (*r).due }), int64(never),
		column(rs, func(r **ending) bool { return (*r).again }))
	if len(fine) > 0 {
		c.queue("DELETE FROM failure WHERE key = ANY($1::uuid[])", keys(fine, func(r **ending) trawl.Key { return (*r).key }))
	}
	if len(failed) == 0 {
		return
	}
	c.fail(column(failed, func(r **ending) failure { return failure{*(*r).failure, (*r).host, (*r).state == store.Failed} }))
}

// A failure is a row of that table.
type failure struct {
	store.Failure
	host  store.HostID
	final bool
}

// fail queues the writing of failures.
func (t *tx) fail(fs []failure) {
	t.queue(`INSERT INTO failure(key, host, kind, final, url, reason, status, message, tries, at)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::boolean[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::integer[], $10::bigint[])
		ON CONFLICT (key) DO UPDATE SET final = excluded.final, url = excluded.url, reason = excluded.reason,
			status = excluded.status, message = excluded.message, tries = excluded.tries, at = excluded.at`,
		keys(fs, func(f *failure) trawl.Key { return f.Key }),
		ids(fs, func(f *failure) store.HostID { return f.host }),
		column(fs, func(f *failure) int16 { return int16(f.Kind) }),
		column(fs, func(f *failure) bool { return f.final }),
		column(fs, func(f *failure) string { return escape(f.URL) }),
		column(fs, func(f *failure) string { return escape(f.Reason) }),
		column(fs, func(f *failure) int64 { return int64(f.Status) }),
		column(fs, func(f *failure) string { return escape(f.Message) }),
		column(fs, func(f *failure) int64 { return int64(f.Tries) }),
		column(fs, func(f *failure) int64 { return store.Nanos(f.At) }))
}

// rememberHosts queues what is to be remembered of hosts.
func (c *commit) rememberHosts(held map[int32]bool) {
	var hs []store.Host
	for _, h := range c.Hosts {
		if part := c.s.Part(h.ID); held[part] {
			hs = append(hs, h)
		} else {
			c.fenced[part] = true
		}
	}
	if len(hs) == 0 {
		return
	}
	// The last one counts, if there are two of a host.
	slices.Reverse(hs)
	slices.SortStableFunc(hs, func(a, b store.Host) int { return cmp.Compare(a.ID, b.ID) })
	hs = slices.CompactFunc(hs, func(a, b store.Host) bool { return a.ID == b.ID })
	// The counters come after this: lock the hosts of both in one go.
	all := slices.Collect(maps.Keys(c.hosts))
	for _, h := range hs {
		all = append(all, h.ID)
	}
	c.queue("SELECT FROM host WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE", ids(all, func(id *store.HostID) store.HostID { return *id }))
	c.queue(`INSERT INTO host AS h (id, part, name, next_at, delay, backoff)
		SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[], $6::integer[])
		ON CONFLICT (id) DO UPDATE SET next_at = excluded.next_at, delay = excluded.delay, backoff = excluded.backoff,
			name = CASE h.name WHEN '' THEN excluded.name ELSE h.name END`,
		ids(hs, func(h *store.Host) store.HostID { return h.ID }),
		column(hs, func(h *store.Host) int32 { return c.s.Part(h.ID) }),
		column(hs, func(h *store.Host) string { return escape(h.Name) }),
		column(hs, func(h *store.Host) int64 { return c.s.clock.nanos(h.Next) }),
		column(hs, func(h *store.Host) int64 { return int64(h.Delay) }),
		column(hs, func(h *store.Host) int64 { return int64(h.Backoff) }))
}
