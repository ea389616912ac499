package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// seedVar names the environment variable that repeats a run of the random
// test.
const seedVar = "TRAWL_SEED"

var randomTests = []test{
	{"operations agree with the model", func(e *env) {
		seeds := []uint64{1, 2, rand.Uint64()}
		if v := os.Getenv(seedVar); v != "" {
			seed, err := strconv.ParseUint(v, 10, 64)
			e.must(err)
			seeds = []uint64{seed}
		}
		for i, seed := range seeds {
			if i > 0 {
				e.must(e.s.Close())
				e.s = e.d.Open(e.T)
				e.lease()
			}
			m := newMachine(e, seed)
			for range randomSteps {
				m.step()
				if e.Failed() {
					e.Fatalf("%s=%d repeats this; the operations were:\n%s", seedVar, seed, m.log)
				}
			}
			m.compareAll()
			if e.Failed() {
				e.Fatalf("%s=%d repeats this", seedVar, seed)
			}
		}
	}},
}

// machine does the same to a store and to the model.
type machine struct {
	*env
	r     *rand.Rand
	model *env
	urls  []store.Entry // everything there is to request
	files []trawl.Key   // of the files in urls
	last  store.Commit
	now   time.Time
	log   []byte
}

func newMachine(e *env, seed uint64) *machine {
	m := &machine{env: e, r: rand.New(rand.NewPCG(seed, 0)), now: t0}
	m.model = &env{T: e.T, s: store.NewMem()}
	m.model.lease()
	for h := range 4 {
		host := fmt.Sprintf("h%d.example", h)
		for i := range 8 {
			m.urls = append(m.urls, page(fmt.Sprintf("https://%s/%d", host, i)))
		}
		for i := range 5 {
			f := file(fmt.Sprintf("http://%s/思%d.jpg", host, i), fmt.Sprintf("h%d.example", (h+i)%6))
			m.files = append(m.files, f.Key)
			m.urls = append(m.urls, f)
		}
	}
	return m
}

func (m *machine) logf(format string, args ...any) {
	m.log = fmt.Appendf(m.log, format+"\n", args...)
	if over := len(m.log) - 4000; over > 0 {
		m.log = m.log[over:]
	}
}

// same calls f with the store and with the model, and compares the results.
func (m *machine) same(what string, f func(e *env) (any, error)) {
	m.Helper()
	m.logf("%s", what)
	got, err := f(m.env)
	want, wantErr := f(m.model)
	if (err == nil) != (wantErr == nil) {
		m.Errorf("%s: error %v, the model says %v", what, err, wantErr)
	} else if d := cmp.Diff(want, got, emptyIsNil); d != "" {
		m.Errorf("%s (-model +store):\n%s", what, d)
	}
}

// entries returns up to n requests, some of them twice.
func (m *machine) entries(n int) []store.Entry {
	es := make([]store.Entry, m.r.IntN(n+1))
	for i := range es {
		es[i] = m.urls[m.r.IntN(len(m.urls))]
		es[i].Due = m.now.Add(time.Duration(m.r.IntN(7)-3) * time.Second)
		es[i].Request.Depth = m.r.IntN(3)
		if m.r.IntN(5) == 0 {
			es[i].Request.Meta = json.RawMessage(`{"k":"值"}`)
		}
	}
	return es
}

func (m *machine) step() {
	m.now = m.now.Add(time.Duration(m.r.IntN(2000)) * time.Millisecond)
	now := m.now
	switch n := m.r.IntN(100); {
	case n < 20:
		es := m.entries(8)
		var cur *store.Cursor
		if m.r.IntN(3) == 0 {
			cur = &store.Cursor{Name: "list", Pos: m.r.Int64N(100)}
		}
		m.same(fmt.Sprintf("Add %d, cursor %v", len(es), cur), func(e *env) (any, error) { return e.s.Add(bg, es, cur) })
	case n < 55:
		m.commitSomething()
	case n < 65:
		var qs []store.HostQuery
		for range m.r.IntN(4) {
			qs = append(qs, store.HostQuery{Host: m.urls[m.r.IntN(len(m.urls))].Host, Kind: trawl.Kind(m.r.IntN(2)), Limit: m.r.IntN(6)})
		}
		m.same(fmt.Sprintf("Due at %v %v", now, qs), func(e *env) (any, error) { return e.s.Due(bg, e.l, now, qs) })
	case n < 70:
		after, limit := m.urls[m.r.IntN(len(m.urls))].Host, m.r.IntN(4)
		m.same(fmt.Sprintf("Hosts after %d", after), func(e *env) (any, error) { return e.s.Hosts(bg, e.l, after, limit) })
	case n < 78:
		names := make([]store.Name, m.r.IntN(5))
		for i := range names {
			names[i] = m.name()
		}
		m.same(fmt.Sprintf("Reserve %v", names), func(e *env) (any, error) { return e.s.Reserve(bg, names, evenTaken) })
	case n < 83:
		name := m.name()
		m.same(fmt.Sprintf("Rename %v", name), func(e *env) (any, error) { return e.s.Rename(bg, name, evenTaken) })
	case n < 87:
		var want func(store.Failure) bool
		if status := 404 + m.r.IntN(3); status < 406 {
			want = func(f store.Failure) bool { return f.Status == status }
		}
		m.same("Retry", func(e *env) (any, error) { return e.s.Retry(bg, now, want) })
	case n < 91:
		keys := make([]trawl.Key, m.r.IntN(5))
		for i := range keys {
			keys[i] = m.files[m.r.IntN(len(m.files))]
		}
		m.same(fmt.Sprintf("Redo %v", keys), func(e *env) (any, error) { return e.s.Redo(bg, now, keys) })
	case n < 92:
		names := make([]store.Name, m.r.IntN(4))
		for i := range names {
			names[i] = store.Name{Key: m.files[m.r.IntN(len(m.files))], Path: fmt.Sprintf("q%d", m.r.IntN(50))}
		}
		m.same(fmt.Sprintf("Accept %v", names), func(e *env) (any, error) { return e.s.Accept(bg, names) })
	case n < 94:
		files := m.r.IntN(2) == 0
		m.same(fmt.Sprintf("Update %v", files), func(e *env) (any, error) { return e.s.Update(bg, files) })
	case n < 95:
		m.same("Settle", func(e *env) (any, error) { return e.s.Settle(bg) })
	case n < 96:
		v := fmt.Sprint(m.r.IntN(10))
		m.same("Set "+v, func(e *env) (any, error) { return nil, e.s.Set(bg, "v", v) })
	case n < 97:
		m.logf("release and acquire")
		for _, e := range []*env{m.env, m.model} {
			e.must(e.s.Release(bg, []store.Lease{e.l}))
			e.lease()
		}
	case n < 98:
		m.logf("reopen")
		m.reopen()
		m.model.must(m.model.s.Release(bg, []store.Lease{m.model.l}))
		m.model.lease()
	default:
		m.compareAll()
	}
}

// evenTaken is a directory in which some names are taken.
func evenTaken(p string) bool { return len(p)%4 == 0 }

func (m *machine) name() store.Name {
	paths := []string{"a", "A", "a/b", "a/B/c.jpg", "思/1.jpg", "é", "e\u0301", "b.jpg", "B.JPG", ".trawl/x", "../x"}
	return store.Name{Key: m.files[m.r.IntN(len(m.files))], Path: paths[m.r.IntN(len(paths))]}
}

func (m *machine) commitSomething() {
	c := store.Commit{Hold: []int{0, 2, 3, 4}[m.r.IntN(4)], At: m.now}
	for range m.r.IntN(6) {
		r := m.urls[m.r.IntN(len(m.urls))]
		o := outcome(r, []store.State{store.Done, store.Done, store.Failed, store.Waiting}[m.r.IntN(4)])
		o.Tries = m.r.IntN(4)
		if o.State == store.Waiting {
			o.Due = m.now.Add(time.Duration(m.r.IntN(5)) * time.Second)
		}
		if o.State != store.Done && m.r.IntN(3) > 0 {
			o.Failure = &store.Failure{URL: r.Request.URL, Status: 404 + m.r.IntN(2), Reason: "http", At: m.now, Tries: o.Tries}
		}
		o.Unchanged = m.r.IntN(4) == 0
		if r.Request.Kind == trawl.KindPage {
			if m.r.IntN(2) == 0 {
				o.ETag = fmt.Sprintf(`"%d"`, m.r.IntN(3))
			}
			o.Children = m.entries(6)
			for i := range m.r.IntN(3) {
				o.Items = append(o.Items, item([]string{"s", "t"}[i%2], m.r.IntN(3)))
			}
		} else if o.State == store.Done {
			content := byte(m.r.IntN(4))
			if content > 0 && m.d.Apart {
				content += 4 * byte(r.Host) // no other host has it
			}
			o.File = saved(r, fmt.Sprintf("p%d", m.r.IntN(50)), content).File
			o.File.ETag = fmt.Sprint(m.r.IntN(3))
		}
		c.Outcomes = append(c.Outcomes, o)
	}
	if m.r.IntN(3) == 0 {
		h := m.urls[m.r.IntN(len(m.urls))]
		c.Hosts = append(c.Hosts, store.Host{ID: h.Host, Name: h.HostName, Backoff: m.r.IntN(4), Next: m.now, Delay: time.Second})
	}
	stale := int64(0)
	switch m.r.IntN(10) {
	case 0:
		stale = 1
	case 1:
		c = m.last // repeated, as if its fate had been unknown
	}
	m.last = c
	what := fmt.Sprintf("Commit, epoch %+d:", -stale)
	for _, o := range c.Outcomes {
		what += fmt.Sprintf(" %v=%d+%d", o.Key, o.State, len(o.Children))
	}
	m.same(what, func(e *env) (any, error) {
		l := e.l
		l.Epoch -= stale
		c.Leases = []store.Lease{l}
		return e.s.Commit(bg, c)
	})
}

// compareAll compares everything that can be read.
func (m *machine) compareAll() {
	m.Helper()
	m.recount()
	m.same("Stats", func(e *env) (any, error) { return e.s.Stats(bg) })
	m.same("the queues", func(e *env) (any, error) { return waiting(e.s, e.l) })
	m.same("Hosts", func(e *env) (any, error) { return e.s.Hosts(bg, e.l, 0, 100) })
	m.same("Files", func(e *env) (any, error) { return collect(e.s.Files(bg)) })
	m.same("Failures", func(e *env) (any, error) { return collect(e.s.Failures(bg)) })
	m.same("Held", func(e *env) (any, error) { return collect(e.s.Held(bg)) })
	m.same("Outputs", func(e *env) (any, error) { return e.s.Outputs(bg) })
	for _, o := range []string{"s", "t"} {
		m.same("Items of "+o, func(e *env) (any, error) {
			items, err := collect(e.s.Items(bg, o, 0))
			items = ranked(items)
			if m.d.Apart { // in the order of each host's
				for i := range items {
					items[i].Seq = 0
				}
				slices.SortFunc(items, func(a, b store.Item) int { return bytes.Compare(a.Body, b.Body) })
			}
			return items, err
		})
	}
	for _, o := range []string{"s", "t"} {
		if m.d.Apart {
			continue
		}
		m.same("Revision of "+o, func(e *env) (any, error) { return e.s.Revision(bg, o) })
	}
	for _, r := range m.urls {
		m.same("Before", func(e *env) (any, error) { return e.s.Before(bg, r) })
	}
	m.same("Get", func(e *env) (any, error) { return e.s.Get(bg, "v") })
	m.same("Cursor", func(e *env) (any, error) { return e.s.Cursor(bg, "list") })
}

// ranked gives items that are in the order of their Seq their places in it
// instead: which numbers they get is the driver's affair.
func ranked(items []store.Item) []store.Item {
	last := int64(0)
	for i := range items {
		if items[i].Seq <= last {
			return items // as it is, for the comparison to fail
		}
		last, items[i].Seq = items[i].Seq, int64(i+1)
	}
	return items
}
