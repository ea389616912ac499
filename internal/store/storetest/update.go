package storetest

import (
	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// updated prepares a job with a page of two items, a file and a page that
// failed, and updates it.
func (e *env) updated(files bool) (p, f store.Entry) {
	e.Helper()
	p, f = page("https://www.example.com/"), file("https://img.example/1", site)
	bad := page("https://www.example.com/bad")
	e.add(p, f, bad)
	o := outcome(p, store.Done)
	o.ETag, o.Modified = `W/"1"`, "Sun, 01 Mar 2026 12:00:00 GMT"
	o.Items = []store.Item{item("s", 1), item("t", 2)}
	e.commit(o, saved(f, "a.jpg", 1), outcome(bad, store.Failed))
	e.update(files)
	p.Again, f.Again = true, true
	return p, f
}

func (e *env) update(files bool) int64 {
	e.Helper()
	n, err := e.s.Update(bg, files)
	e.must(err)
	e.reopen()
	return n
}

func (e *env) settle() int64 {
	e.Helper()
	n, err := e.s.Settle(bg)
	e.must(err)
	e.reopen()
	return n
}

func (e *env) before(r store.Entry) store.File {
	e.Helper()
	f, err := e.s.Before(bg, r)
	e.must(err)
	return f
}

// bodies returns the items of an output, and how often it was revised.
func (e *env) bodies(output string) (bodies []string, revision int64) {
	e.Helper()
	for _, it := range all(e, e.s.Items(bg, output, 0)) {
		bodies = append(bodies, string(it.Body))
	}
	revision, err := e.s.Revision(bg, output)
	e.must(err)
	if e.d.Apart {
		revision = min(revision>>40, 1) // without what is due to new items
	}
	return bodies, revision
}

func unchanged(r store.Entry) store.Outcome {
	o := outcome(r, store.Done)
	o.Unchanged = true
	return o
}

var updateTests = []test{
	{"makes what is done wait again, where it was in the queue", func(e *env) {
		p, f := e.updated(true)
		e.add(page("https://www.example.com/new"))
		e.equal("the pages", e.due(t0, site, trawl.KindPage, 9).Entries[0], p)
		e.equal("how many wait", len(e.waiting()), 3)
		e.equal("the file", e.due(t0, "img.example", trawl.KindFile, 9).Entries, []store.Entry{f})
		e.equal("its record", len(all(e, e.s.Files(bg))), 1)
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Waiting: 2, Failed: 1}, Files: store.Counts{Waiting: 1}, Items: 2, Bytes: 101})
		e.recount()
	}},
	{"leaves files alone if they are not asked for", func(e *env) {
		p, _ := e.updated(false)
		e.equal("waiting", urls(e.waiting()), urls([]store.Entry{p}))
		e.recount()
	}},
	{"does nothing while one is under way", func(e *env) {
		p, f := e.updated(true)
		e.commit(unchanged(p))
		e.equal("how many", e.update(true), int64(0))
		e.equal("waiting", urls(e.waiting()), urls([]store.Entry{f}))
		e.must(e.s.Set(bg, store.Updating, ""))
		e.equal("how many", e.update(true), int64(1))
	}},
	{"what is unchanged stays as it was", func(e *env) {
		p, f := e.updated(true)
		was := e.before(f)
		o := unchanged(p)
		o.Items, o.Children = []store.Item{item("s", 9)}, pages("child.example", 2)
		e.equal("receipt", e.commit(o, unchanged(f)).NewPages, 0)
		e.reopen()
		e.equal("the file", e.before(f), was)
		e.equal("the page", e.before(p), store.File{Key: p.Key, ETag: `W/"1"`, Modified: "Sun, 01 Mar 2026 12:00:00 GMT"})
		bodies, rev := e.bodies("s")
		e.equal("items", bodies, []string{string(item("s", 1).Body)})
		e.equal("revision", rev, int64(0))
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Done: 1, Failed: 1}, Files: store.Counts{Done: 1}, Items: 2, Bytes: 101})
		e.recount()
	}},
	{"the items of a page take the place of those it had", func(e *env) {
		p, _ := e.updated(true)
		o := outcome(p, store.Done)
		o.Items = []store.Item{item("s", 1), item("t", 3)}
		r := e.commit(o)
		e.equal("revised", r.Revised, []string{"s", "t"})
		e.reopen()
		s, rev := e.bodies("s")
		e.equal("items of s", s, []string{string(item("s", 1).Body)})
		e.equal("revision of s", rev, int64(1))
		t, _ := e.bodies("t")
		e.equal("items of t", t, []string{string(item("t", 3).Body)})
		e.equal("validators", e.before(p), store.File{})
		e.recount()
	}},
	{"the same items stay, with their Seq", func(e *env) {
		p, _ := e.updated(true)
		was := all(e, e.s.Items(bg, "s", 0))
		o := outcome(p, store.Done)
		o.Items = []store.Item{item("s", 1), item("t", 2)}
		e.equal("revised", e.commit(o).Revised, nil)
		e.equal("Seq of what was passed", o.Items[0].Seq, int64(0))
		e.equal("items", all(e, e.s.Items(bg, "s", 0)), was)
		e.recount()
	}},
	{"an output that lost its last item is still one", func(e *env) {
		p, _ := e.updated(true)
		e.commit(outcome(p, store.Done))
		e.reopen()
		names, err := e.s.Outputs(bg)
		e.must(err)
		e.equal("outputs", names, []string{"s", "t"})
		e.recount()
	}},
	{"a file that has changed gets a new record", func(e *env) {
		_, f := e.updated(true)
		g := file("https://img.example/2", "")
		e.add(g)
		e.equal("duplicates", len(e.commit(saved(g, "b.jpg", 1)).Duplicates), 1)
		e.commit(saved(f, "a.jpg", 5))
		e.reopen()
		e.equal("record", e.before(f).SHA256[31], byte(5))
		e.equal("the other is no duplicate any more", e.before(g).DuplicateOf, "")
		e.equal("bytes", e.stats().Bytes, int64(105+101))
		e.recount()
	}},
	{"a request that fails keeps what it had, and is asked again with the next", func(e *env) {
		p, f := e.updated(true)
		e.commit(outcome(f, store.Failed), unchanged(p))
		e.equal("files", len(all(e, e.s.Files(bg))), 1)
		e.equal("failures", len(all(e, e.s.Failures(bg))), 2)
		e.recount()
		e.settle()
		e.equal("how many", e.update(true), int64(2))
		e.equal("failures", len(all(e, e.s.Failures(bg))), 1)
		e.recount()
	}},
	{"Settle leaves the rest as it was, and what is new waiting", func(e *env) {
		p, f := e.updated(true)
		q := page("https://www.example.com/new")
		e.add(q)
		again := outcome(p, store.Waiting)
		again.Due, again.Failure = later, &store.Failure{Reason: "network", At: t0}
		e.commit(again)
		e.equal("how many", e.settle(), int64(2))
		e.equal("waiting", urls(e.waiting()), urls([]store.Entry{q}))
		e.equal("the file", e.before(f).Path, "a.jpg")
		e.recount()
		e.equal("how many in the next update", e.update(true), int64(2))
	}},
	{"a file to be redone is not settled", func(e *env) {
		_, f := e.updated(true)
		_, err := e.s.Redo(bg, t0, []trawl.Key{f.Key})
		e.must(err)
		e.settle()
		f.Again = false
		e.equal("waiting", e.due(later, "img.example", trawl.KindFile, 9).Entries, []store.Entry{f})
		e.equal("what is known of it", e.before(f), store.File{})
		e.recount()
	}},
	{"children that are new are marked", func(e *env) {
		p, f := e.updated(true)
		o := outcome(p, store.Done)
		o.Children = []store.Entry{f, file("https://img.example/new", site)}
		e.commit(o)
		e.equal("new", []bool{o.Children[0].New, o.Children[1].New}, []bool{false, true})
	}},
}
