package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// tx is a transaction under way. It gathers what the transaction adds to
// counters, so that each is written once.
type tx struct {
	ctx    context.Context
	c      *conn
	b      *backlog
	hosts  map[store.HostID]*hostDelta
	totals [columns]int64
	ids    map[string]int64 // of spiders and outputs, by table and name

	suspects answer // whether there are suspect contents
	failures answer // whether there are failures

	// What it adds to the backlog and takes from it; see fold.go.
	rows        map[store.HostID]*hostRow // nil for a host without a row
	staged      map[store.HostID]*staged
	stagedN     int                   // weight of staged
	stagedFiles map[store.HostID]int  // what staged and logged add to the files of hosts
	folded      map[store.HostID]bool // hosts of the backlog that were folded
	foldedN     int                   // weight that they had in it
	foldedFiles map[store.HostID]int  // what these had added to the files of hosts
	logged      []*change             // in table change, from row b.last+1 on
	low         int64                 // first row of the table; 0 if it is as it was
	known       []trawl.Key           // that are in table request
}

// answer is one that costs a question to the database.
type answer uint8

const (
	unknown answer = iota
	no
	yes
)

// hostDelta is what a transaction adds to a host's counters, and up to which
// change it has folded the host.
type hostDelta struct {
	pending, files int
	folded         int64
}

// The columns of table total. Those of requests are at 3*kind + state.
const (
	colItems = 6 + iota
	colBytes
	colDuplicates
	columns
)

func newTx(ctx context.Context, c *conn, b *backlog) *tx {
	return &tx{
		ctx: ctx, c: c, b: b, hosts: map[store.HostID]*hostDelta{}, ids: map[string]int64{},
		rows: map[store.HostID]*hostRow{}, staged: map[store.HostID]*staged{}, folded: map[store.HostID]bool{},
		stagedFiles: map[store.HostID]int{}, foldedFiles: map[store.HostID]int{},
	}
}

// exec is conn.exec, unless the transaction's context has ended.
func (t *tx) exec(q string, args ...any) (int64, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	return t.c.exec(context.Background(), q, args...)
}

// insert is conn.insert, unless the transaction's context has ended.
func (t *tx) insert(q string, args ...any) (int64, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	return t.c.insert(context.Background(), q, args...)
}

// first is conn.first, unless the transaction's context has ended.
func (t *tx) first(q string, args ...any) (row, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	return t.c.first(context.Background(), q, args...)
}

// query is conn.query, unless the transaction's context has ended.
func (t *tx) query(each func(row) error, q string, args ...any) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	return t.c.query(context.Background(), each, q, args...)
}

// move counts a request in another state.
func (t *tx) move(host, origin store.HostID, kind trawl.Kind, from, to store.State) {
	t.count(host, origin, kind, from, -1)
	t.count(host, origin, kind, to, 1)
}

// count adds n requests to the counters of a state.
func (t *tx) count(host, origin store.HostID, kind trawl.Kind, s store.State, n int) {
	t.total(kind, s, n)
	if s != store.Waiting {
		return
	}
	t.host(host).pending += n
	if origin != 0 {
		t.host(origin).files += n
	}
}

// total adds n requests to the totals of a state.
func (t *tx) total(kind trawl.Kind, s store.State, n int) {
	t.totals[3*int(kind)+int(s)] += int64(n)
}

func (t *tx) host(id store.HostID) *hostDelta {
	d := t.hosts[id]
	if d == nil {
		d = &hostDelta{}
		t.hosts[id] = d
	}
	return d
}

// flush writes the changes and the counters, and starts them anew.
func (t *tx) flush() error {
	if err := t.log(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(t.hosts)) {
		d := t.hosts[id]
		if *d == (hostDelta{}) {
			continue
		}
		// The host of a request is there; that of its origin may not be.
		if _, err := t.exec(`INSERT INTO host(id, name, pending, files, folded) VALUES(?1, '', ?2, ?3, ?4)
			ON CONFLICT(id) DO UPDATE SET pending = pending + ?2, files = files + ?3, folded = max(folded, ?4)`,
			id, d.pending, d.files, d.folded); err != nil {
			return err
		}
		if r := t.rows[id]; r != nil {
			r.pending += d.pending
		}
	}
	clear(t.hosts)
	if t.totals == [columns]int64{} {
		return nil
	}
	args := make([]any, columns)
	added := int64(0)
	for i, n := range t.totals {
		args[i] = n
		if i < colItems {
			added += n
		}
	}
	if err := t.c.grow(added); err != nil {
		return err
	}
	t.totals = [columns]int64{}
	_, err := t.exec(`UPDATE total SET
		pages_waiting = pages_waiting + ?, pages_done = pages_done + ?, pages_failed = pages_failed + ?,
		files_waiting = files_waiting + ?, files_done = files_done + ?, files_failed = files_failed + ?,
		items = items + ?, bytes = bytes + ?, duplicates = duplicates + ?`, args...)
	return err
}

// spider returns the number of a spider, a new one if it has none.
func (t *tx) spider(name string) (int64, error) {
	return t.intern(name, "SELECT id FROM spider WHERE name = ?", "INSERT INTO spider(name) VALUES(?) RETURNING id")
}

// output returns the number of an output, a new one if it has none.
func (t *tx) output(name string) (int64, error) {
	return t.intern(name, "SELECT id FROM output WHERE name = ?", "INSERT INTO output(name) VALUES(?) RETURNING id")
}

func (t *tx) intern(name, get, insert string) (int64, error) {
	if id := t.ids[get+name]; id != 0 {
		return id, nil
	}
	r, err := t.first(get, name)
	if err == nil && r == nil {
		r, err = t.first(insert, name)
	}
	if err != nil {
		return 0, err
	}
	t.ids[get+name] = r.int(0)
	return r.int(0), nil
}

// add inserts the entries that are new, and calls added for each of them. They
// go to the backlog, with a commit or because their host is in it; or else to
// the table, where they will wait for long.
func (t *tx) add(ps []store.Packed, commit bool, added func(*store.Entry)) error {
	// In the order of the table; of two with the same key the first wins.
	slices.SortStableFunc(ps, func(a, b store.Packed) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), bytes.Compare(a.Key[:], b.Key[:]))
	})
	var host store.HostID
	var name string
	var log bool
	for i, p := range ps {
		if i == 0 || p.Host != host || name == "" {
			var err error
			if host, name, err = t.named(p.Entry); err != nil {
				return err
			}
			log = commit || t.b.hosts[host] != nil
		}
		isNew, err := t.find(p, name, log)
		if err != nil {
			return err
		}
		if isNew {
			t.total(p.Request.Kind, store.Waiting, 1)
			p.Entry.New = true
			added(p.Entry)
		}
	}
	return nil
}

// find adds a request unless it is known.
func (t *tx) find(p store.Packed, host string, log bool) (isNew bool, err error) {
	if t.request(p.Host, p.Key) != nil || t.b.known.has(p.Key) {
		return false, nil
	}
	if log {
		r, err := t.first("SELECT 1 FROM request WHERE host = ? AND key = ?", p.Host, p.Key)
		if err != nil {
			return false, err
		}
		if r != nil {
			t.known = append(t.known, p.Key)
			return false, nil
		}
	}
	c := &change{
		host: p.Host, key: p.Key, kind: p.Request.Kind, tries: p.Tries, origin: p.Origin,
		found: true, due: store.Nanos(p.Due), name: p.Request.Spider, url: shorten(p.Request.URL, host), rest: p.Rest,
	}
	if c.spider, err = t.spider(c.name); err != nil {
		return false, err
	}
	if log {
		t.stage(c)
		return true, nil
	}
	if isNew, err = t.insertRequest(c, " ON CONFLICT DO NOTHING"); isNew {
		t.host(c.host).pending += c.pending()
		if c.origin != 0 {
			t.host(c.origin).files += c.files()
		}
	}
	return isNew, err
}

// insertRequest inserts a request into its table, and reports whether it is
// there now and was not before.
func (t *tx) insertRequest(c *change, conflict string) (bool, error) {
	n, err := t.exec(`INSERT INTO request(host, key, kind, state, tries, due, spider, url, origin, rest)
		VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`+conflict,
		c.host, c.key, c.kind, c.state, c.tries, c.due, c.spider, c.url, orNull(c.origin), orNull(c.rest))
	return n == 1, err
}

// named returns the host of an entry and its name, under which URLs are
// shortened: the one in the table, which never changes once it is known.
func (t *tx) named(e *store.Entry) (store.HostID, string, error) {
	r, err := t.row(e.Host)
	if err != nil {
		return 0, "", err
	}
	if r != nil && (r.name != "" || e.HostName == "") {
		return e.Host, r.name, nil
	}
	if r == nil {
		r = &hostRow{}
	}
	r.name = e.HostName
	t.rows[e.Host] = r
	_, err = t.exec("INSERT INTO host(id, name) VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET name = ?2", e.Host, e.HostName)
	return e.Host, e.HostName, err
}

// orNull returns v, or nil if v is zero.
func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// shorten returns a URL as it is kept: "/path" for https://host/path,
// ":/path" for http://host/path, and "=url" for what would look like one of
// these and is not.
func shorten(url, host string) string {
	if host != "" {
		if rest, ok := strings.CutPrefix(url, "https://"+host); ok && strings.HasPrefix(rest, "/") {
			return rest
		}
		if rest, ok := strings.CutPrefix(url, "http://"+host); ok && strings.HasPrefix(rest, "/") {
			return ":" + rest
		}
	}
	if url != "" && strings.Contains("/:=", url[:1]) {
		return "=" + url
	}
	return url
}

// lengthen undoes shorten.
func lengthen(s, host string) string {
	if s == "" {
		return s
	}
	switch s[0] {
	case '/':
		return "https://" + host + s
	case ':':
		return "http://" + host + s[1:]
	case '=':
		return s[1:]
	}
	return s
}
