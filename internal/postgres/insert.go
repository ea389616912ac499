package postgres

import (
	"bytes"
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// rowsPerStatement bounds the rows that one statement inserts.
const rowsPerStatement = 4096

// insert queues the insertion of the entries that are new; the flush calls
// added for each of them.
func (t *tx) insert(ps []store.Packed, added func(*store.Entry)) {
	// In the order of the table, so that those who add the same requests wait
	// for each other and not in a circle. Of two with the same key the first
	// wins.
	ps = slices.Clone(ps)
	slices.SortStableFunc(ps, func(a, b store.Packed) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), bytes.Compare(a.Key[:], b.Key[:]))
	})
	ps = slices.CompactFunc(ps, func(a, b store.Packed) bool { return a.Host == b.Host && a.Key == b.Key })
	for ps := range slices.Chunk(ps, rowsPerStatement) {
		entries := make(map[requestKey]*store.Entry, len(ps))
		for _, p := range ps {
			entries[requestKey{p.Host, p.Key}] = p.Entry
		}
		t.query(`INSERT INTO request(host, key, due, origin, kind, state, tries, spider, url, rest)
			SELECT host, key, due, origin, kind, 0, tries, spider, url, rest
			FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::smallint[], $6::integer[], $7::text[], $8::text[], $9::text[])
				AS n(host, key, due, origin, kind, tries, spider, url, rest)
			ON CONFLICT DO NOTHING RETURNING host, key`,
			t.columns(ps),
			func(scan func(...any) error) error {
				var k requestKey
				if err := scan(&k.host, uuid(&k.key)); err != nil {
					return err
				}
				e := entries[k]
				t.change(e.Host, e.Origin, e.Request.Kind, store.Waiting, 1)
				if d := t.host(e.Host); d.name == "" {
					d.name = e.HostName
				}
				added(e)
				return nil
			})
	}
}

// hostDelta is what a transaction adds to a host.
type hostDelta struct {
	name           string
	pending, files int64
}

// The columns of table total. Those of requests are at 3*kind + state.
const (
	colItems = 6 + iota
	colBytes
	colDuplicates
	columns
)

// change adds n requests to the counters of a state.
func (t *tx) change(host, origin store.HostID, kind trawl.Kind, s store.State, n int) {
	t.totals[3*int(kind)+int(s)] += int64(n)
	if s != store.Waiting {
		return
	}
	t.host(host).pending += int64(n)
	if origin != 0 {
		t.host(origin).files += int64(n)
	}
}

// move counts a request in another state.
func (t *tx) move(host, origin store.HostID, kind trawl.Kind, from, to store.State) {
	t.change(host, origin, kind, from, -1)
	t.change(host, origin, kind, to, 1)
}

func (t *tx) host(id store.HostID) *hostDelta {
	d := t.hosts[id]
	if d == nil {
		d = &hostDelta{}
		t.hosts[id] = d
	}
	return d
}

// countHosts queues what was added to the counters of hosts.
func (t *tx) countHosts() {
	maps.DeleteFunc(t.hosts, func(_ store.HostID, d *hostDelta) bool { return d.pending == 0 && d.files == 0 })
	if len(t.hosts) == 0 {
		return
	}
	all := slices.Sorted(maps.Keys(t.hosts))
	// The host of a request may be new; so may that of its origin, which has
	// no name until something waits for it.
	t.queue(`INSERT INTO host AS h (id, part, name, pending, waiting, files)
		SELECT id, part, name, pending, pending > 0, files
		FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[]) AS n(id, part, name, pending, files)
		ON CONFLICT (id) DO UPDATE SET
			pending = h.pending + excluded.pending, waiting = h.pending + excluded.pending > 0, files = h.files + excluded.files,
			name = CASE h.name WHEN '' THEN excluded.name ELSE h.name END`,
		ids(all, func(id *store.HostID) store.HostID { return *id }),
		column(all, func(id *store.HostID) int32 { return t.s.Part(*id) }),
		column(all, func(id *store.HostID) string { return escape(t.hosts[*id].name) }),
		column(all, func(id *store.HostID) int64 { return t.hosts[*id].pending }),
		column(all, func(id *store.HostID) int64 { return t.hosts[*id].files }))
	clear(t.hosts)
}

// count queues what was added to all counters.
func (t *tx) count() {
	t.countHosts()
	if t.totals == [columns]int64{} {
		return
	}
	for t.mark.token == 0 {
		t.mark.token = rand.Int64()
	}
	args := []any{t.mark.slot, t.mark.token}
	for _, n := range t.totals {
		args = append(args, n)
	}
	t.totals = [columns]int64{}
	t.queue(`INSERT INTO total AS t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (slot) DO UPDATE SET token = excluded.token,
			pages_waiting = t.pages_waiting + excluded.pages_waiting, pages_done = t.pages_done + excluded.pages_done,
			pages_failed = t.pages_failed + excluded.pages_failed,
			files_waiting = t.files_waiting + excluded.files_waiting, files_done = t.files_done + excluded.files_done,
			files_failed = t.files_failed + excluded.files_failed,
			items = t.items + excluded.items, bytes = t.bytes + excluded.bytes, duplicates = t.duplicates + excluded.duplicates`, args...)
}

// columns returns what requests have in the columns host, key, due, origin,
// kind, tries, spider, url and rest.
func (t *tx) columns(ps []store.Packed) []any {
	return []any{
		ids(ps, func(p *store.Packed) store.HostID { return p.Host }),
		keys(ps, func(p *store.Packed) trawl.Key { return p.Key }),
		column(ps, func(p *store.Packed) int64 { return t.s.clock.nanos(p.Due) }),
		ids(ps, func(p *store.Packed) store.HostID { return p.Origin }),
		column(ps, func(p *store.Packed) int16 { return int16(p.Request.Kind) }),
		column(ps, func(p *store.Packed) int64 { return int64(p.Tries) }),
		column(ps, func(p *store.Packed) string { return escape(p.Request.Spider) }),
		column(ps, func(p *store.Packed) string { return escape(p.Request.URL) }),
		column(ps, func(p *store.Packed) string { return escape(p.Rest) }),
	}
}
