package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// The origin of files in most tests, and a URL of every kind that a driver
// may be tempted to shorten.
const site = "www.example.com"

var oddURLs = []string{
	"https://h.example/", "http://h.example/", "https://h.example//", "http://h.example//a", "https://h.example?q", "https://h.example",
	"HTTPS://H.example/a", "https://h.example:8443/a", "http://h.example:80/", "https://h.example.org/", "https://用户@h.example/思考中?页=1",
	"https://h.example/%E6%80%9D", "https://h.example/\xcb\xbc\xbf\xbc", "/a", ":/a", "=/a", "=", ":", "x", "https://h.example/" + strings.Repeat("长", 3000),
}

var addTests = []test{
	{"inserts requests as they are", func(e *env) {
		full := request(trawl.Request{
			URL: "https://www.example.com/g/1?p=思考中", Kind: trawl.KindFile, Spider: "mzitu", Parse: "gallery",
			Meta: json.RawMessage(`{"title":"思考中 <&>","n":[1,2.5,null]}`), Referer: "https://www.example.com/g/?a=1&b=2",
			Path: "思考中/1.jpg", Loose: true, Backup: []string{"https://b.example/1.jpg", "https://c.example/1.jpg"}, Depth: 3,
		})
		full.Tries, full.Origin = 2, store.HostOf("origin.example")
		bare := page("https://www.example.com/")
		if n := e.add(full, bare); n != 2 {
			e.Errorf("Add = %d, want 2", n)
		}
		e.reopen()
		e.equal("the page", e.due(t0, site, trawl.KindPage, 9).Entries, []store.Entry{bare})
		e.equal("the file", e.due(t0, site, trawl.KindFile, 9).Entries, []store.Entry{full})
	}},
	{"keeps any URL to the byte", func(e *env) {
		var es []store.Entry
		for i, u := range oddURLs {
			r := page(u)
			r.Key = trawl.Key{byte(i)} // some of them are spellings of one another
			r.Host, r.HostName = store.HostOf("h.example"), "h.example"
			es = append(es, r)
		}
		e.add(es...)
		e.reopen()
		got, want := urls(e.waiting()), slices.Clone(oddURLs)
		slices.Sort(got)
		slices.Sort(want)
		e.equal("URLs", got, want)
	}},
	{"keeps a URL whose host has no name yet", func(e *env) {
		r := page("https://www.example.com/a")
		r.HostName = ""
		e.add(r)
		named := page("https://www.example.com/b")
		e.add(named)
		r.HostName = site // the host has its name from the second
		got := e.due(t0, site, trawl.KindPage, 9).Entries
		slices.SortFunc(got, func(a, b store.Entry) int { return strings.Compare(a.Request.URL, b.Request.URL) })
		e.equal("entries", got, []store.Entry{r, named})
	}},
	{"keeps bytes of a referer that are not UTF-8 as escapes", func(e *env) {
		r := page("https://www.example.com/")
		r.Request.Referer = "https://www.example.com/\xd6\xd0?思"
		r.Request.Backup = []string{"https://b.example/\xff"}
		e.add(r)
		got := e.waiting()[0].Request
		e.equal("Referer", got.Referer, "https://www.example.com/%D6%D0?思")
		e.equal("Backup", got.Backup, []string{"https://b.example/%FF"})
		e.equal("the caller's Backup", r.Request.Backup, []string{"https://b.example/\xff"})
	}},
	{"refuses Meta that is not JSON and changes nothing", func(e *env) {
		bad := page("https://www.example.com/bad")
		bad.Request.Meta = json.RawMessage(`{"a":`)
		if n, err := e.s.Add(bg, []store.Entry{page("https://www.example.com/good"), bad}, &store.Cursor{Name: "list", Pos: 2}); err == nil {
			e.Errorf("Add = %d, nil; want an error", n)
		}
		e.equal("waiting", e.waiting(), nil)
		pos, err := e.s.Cursor(bg, "list")
		e.must(err)
		e.equal("the cursor", pos, int64(0))
	}},
	{"ignores what is known and counts what is new", func(e *env) {
		a, b := page("https://www.example.com/a"), page("https://www.example.com/b")
		e.add(a)
		again := at(a, t0.Add(-time.Hour))
		again.Request.Depth = 7
		if n := e.add(again, b, b); n != 1 {
			e.Errorf("Add = %d, want 1", n)
		}
		e.equal("waiting", len(e.waiting()), 2)
		e.equal("the first request wins", slices.ContainsFunc(e.waiting(), func(x store.Entry) bool { return x.Request.Depth == 7 }), false)
		e.recount()
	}},
	{"keeps the first of equal requests", func(e *env) {
		es := make([]store.Entry, 200)
		for i := range es {
			es[i] = page(fmt.Sprintf("https://www.example.com/%d", i*7%5))
			es[i].Request.Depth = i + 1
		}
		e.equal("how many are new", e.add(es...), 5)
		for _, x := range e.waiting() {
			if x.Request.Depth > 5 {
				e.Errorf("%s is kept as request %d, not as the first", x.Request.URL, x.Request.Depth)
			}
		}
	}},
	{"ignores what is known whatever its state", func(e *env) {
		es := pages(site, 3)
		e.add(es...)
		retry := outcome(es[2], store.Waiting)
		retry.Due = t0.Add(time.Hour)
		e.commit(outcome(es[0], store.Done), outcome(es[1], store.Failed), retry)
		before := e.stats()
		if n := e.add(es...); n != 0 {
			e.Errorf("Add = %d, want 0", n)
		}
		e.equal("stats", e.stats(), before)
	}},
	{"fetches a URL once as a page and once as a file", func(e *env) {
		if n := e.add(page("https://www.example.com/1"), file("https://www.example.com/1", "")); n != 2 {
			e.Errorf("Add = %d, want 2", n)
		}
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Waiting: 1}, Files: store.Counts{Waiting: 1}})
	}},
	{"of nothing", func(e *env) {
		if n := e.add(); n != 0 {
			e.Errorf("Add = %d, want 0", n)
		}
	}},
	{"moves a cursor in the same unit", func(e *env) {
		pos := func(name string) int64 {
			p, err := e.s.Cursor(bg, name)
			e.must(err)
			return p
		}
		e.equal("a cursor never moved", pos("列表"), int64(0))
		_, err := e.s.Add(bg, pages(site, 2), &store.Cursor{Name: "列表", Pos: 2})
		e.must(err)
		_, err = e.s.Add(bg, nil, &store.Cursor{Name: "other", Pos: 9})
		e.must(err)
		e.reopen()
		e.equal("the cursor", pos("列表"), int64(2))
		_, err = e.s.Add(bg, pages(site, 2), &store.Cursor{Name: "列表", Pos: 1 << 40})
		e.must(err)
		e.equal("the cursor moved with requests that are known", pos("列表"), int64(1<<40))
		e.equal("another cursor", pos("other"), int64(9))
	}},
	{"keeps no slice of the caller", func(e *env) {
		r := page("https://www.example.com/")
		r.Request.Meta = json.RawMessage(`{"a":1}`)
		r.Request.Backup = []string{"https://b.example/"}
		es := []store.Entry{r}
		e.add(es...)
		r.Request.Meta[2], r.Request.Backup[0], es[0] = 'z', "x", store.Entry{}
		first := e.waiting()[0].Request
		e.equal("Meta", string(first.Meta), `{"a":1}`)
		first.Meta[2], first.Backup[0] = 'y', "y"
		got := e.waiting()[0].Request
		e.equal("Meta after the caller changed its own", string(got.Meta), `{"a":1}`)
		e.equal("Backup after the caller changed its own", got.Backup, []string{"https://b.example/"})
	}},
}

var dueTests = []test{
	{"follows the order of the queue", func(e *env) {
		es := pages(site, 50)
		for i := range es {
			es[i].Due = t0.Add(time.Duration(i*7%5) * time.Nanosecond)
		}
		e.add(es...)
		slices.SortFunc(es, inQueue)
		e.reopen()
		e.equal("the queue", urls(e.due(later, site, trawl.KindPage, 100).Entries), urls(es))
		e.equal("its head", urls(e.due(later, site, trawl.KindPage, 7).Entries), urls(es[:7]))
	}},
	{"leaves out what is not due", func(e *env) {
		a, b := at(page("https://www.example.com/a"), t0), at(page("https://www.example.com/b"), t0.Add(1))
		e.add(a, b)
		e.equal("before", e.due(t0.Add(-1), site, trawl.KindPage, 9), store.Batch{Next: t0})
		e.equal("at the first", e.due(t0, site, trawl.KindPage, 9), store.Batch{Entries: []store.Entry{a}, Next: t0.Add(1)})
		e.equal("at the second", e.due(t0.Add(1), site, trawl.KindPage, 9), store.Batch{Entries: []store.Entry{a, b}})
	}},
	{"sets Next only if there is room", func(e *env) {
		a, b := at(page("https://www.example.com/a"), t0), at(page("https://www.example.com/b"), t0.Add(1))
		e.add(a, b)
		e.equal("a full batch", e.due(t0, site, trawl.KindPage, 1), store.Batch{Entries: []store.Entry{a}})
		e.equal("of an unknown host", e.due(t0, "unknown.example", trawl.KindPage, 1), store.Batch{})
	}},
	{"tells pages from files", func(e *env) {
		e.add(page("https://www.example.com/p"), file("https://www.example.com/f", ""))
		e.equal("pages", urls(e.due(t0, site, trawl.KindPage, 9).Entries), []string{"https://www.example.com/p"})
		e.equal("files", urls(e.due(t0, site, trawl.KindFile, 9).Entries), []string{"https://www.example.com/f"})
	}},
	{"answers queries in their order", func(e *env) {
		e.add(page("https://a.example/1"), page("https://b.example/1"), file("https://a.example/f", ""))
		bs, err := e.s.Due(bg, e.l, t0, []store.HostQuery{
			{Host: store.HostOf("b.example"), Limit: 5},
			{Host: store.HostOf("none.example"), Limit: 5},
			{Host: store.HostOf("a.example"), Kind: trawl.KindFile, Limit: 5},
			{Host: store.HostOf("a.example"), Limit: 5},
			{Host: store.HostOf("a.example"), Limit: 0},
		})
		e.must(err)
		var got [][]string
		for _, b := range bs {
			got = append(got, urls(b.Entries))
		}
		e.equal("batches", got, [][]string{{"https://b.example/1"}, nil, {"https://a.example/f"}, {"https://a.example/1"}, nil})
	}},
	{"writes nothing", func(e *env) {
		e.add(pages(site, 3)...)
		first := e.due(t0, site, trawl.KindPage, 2)
		e.equal("the second time", e.due(t0, site, trawl.KindPage, 2), first)
	}},
	{"keeps the zero time", func(e *env) {
		zero, old := at(page("https://www.example.com/zero"), time.Time{}), at(page("https://www.example.com/old"), time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
		e.add(old, zero)
		e.reopen()
		e.equal("the queue", e.due(t0, site, trawl.KindPage, 9).Entries, []store.Entry{zero, old})
	}},
	{"keeps times whatever their zone or range", func(e *env) {
		local := at(page("https://www.example.com/local"), t0.In(time.FixedZone("CST", 8*3600)))
		far := at(page("https://www.example.com/far"), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		e.add(local, far)
		b := e.due(t0, site, trawl.KindPage, 9)
		e.equal("the local one", b.Entries, []store.Entry{at(local, t0)})
		if b.Next.Year() < 2200 {
			e.Errorf("a request due in 9999 has Next = %v", b.Next)
		}
	}},
}

func inQueue(a, b store.Entry) int {
	if c := a.Due.Compare(b.Due); c != 0 {
		return c
	}
	return strings.Compare(string(a.Key[:]), string(b.Key[:]))
}

var hostTests = []test{
	{"lists hosts with waiting requests", func(e *env) {
		a, b, f := page("https://a.example/"), page("https://b.example/"), file("https://img.example/1.jpg", "b.example")
		e.add(a, b, f)
		e.commit(outcome(a, store.Done))
		e.reopen()
		want := []store.Host{
			{ID: store.HostOf("b.example"), Name: "b.example", Files: 1},
			{ID: store.HostOf("img.example"), Name: "img.example"},
		}
		slices.SortFunc(want, func(x, y store.Host) int {
			return strings.Compare(fmt.Sprintf("%020d", x.ID), fmt.Sprintf("%020d", y.ID))
		})
		got, err := e.s.Hosts(bg, e.l, 0, 10)
		e.must(err)
		e.equal("hosts", got, want)
	}},
	{"pages by ID", func(e *env) {
		var es []store.Entry
		for i := range 25 {
			es = append(es, page(fmt.Sprintf("https://h%d.example/", i)))
		}
		e.add(es...)
		var ids []store.HostID
		for after, pages := store.HostID(0), 0; ; pages++ {
			hs, err := e.s.Hosts(bg, e.l, after, 10)
			e.must(err)
			if len(hs) == 0 {
				e.equal("pages", pages, 3)
				break
			}
			for _, h := range hs {
				ids = append(ids, h.ID)
				after = h.ID
			}
		}
		e.equal("sorted", slices.IsSorted(ids), true)
		e.equal("hosts", len(slices.Compact(ids)), 25)
		hs, err := e.s.Hosts(bg, e.l, 0, 0)
		e.must(err)
		e.equal("with limit 0", hs, nil)
	}},
	{"remembers what a commit says of a host", func(e *env) {
		e.add(file("https://www.example.com/f", site))
		host := store.Host{ID: store.HostOf(site), Name: "another.example", Next: t0, Delay: 1500 * time.Millisecond, Backoff: 3, Files: 77}
		_, err := e.s.Commit(bg, store.Commit{Leases: []store.Lease{e.l}, Hosts: []store.Host{host}})
		e.must(err)
		e.reopen()
		got, err := e.s.Hosts(bg, e.l, 0, 10)
		e.must(err)
		host.Name, host.Files = site, 1 // these two are the store's
		e.equal("hosts", got, []store.Host{host})

		_, err = e.s.Commit(bg, store.Commit{Leases: []store.Lease{e.l}, Hosts: []store.Host{{ID: host.ID}}})
		e.must(err)
		got, err = e.s.Hosts(bg, e.l, 0, 10)
		e.must(err)
		e.equal("hosts after another commit", got, []store.Host{{ID: host.ID, Name: site, Files: 1}})
	}},
	{"remembers a host that has no requests yet", func(e *env) {
		host := store.Host{ID: store.HostOf(site), Name: site, Backoff: 2}
		_, err := e.s.Commit(bg, store.Commit{Leases: []store.Lease{e.l}, Hosts: []store.Host{host}})
		e.must(err)
		got, err := e.s.Hosts(bg, e.l, 0, 10)
		e.must(err)
		e.equal("hosts with waiting requests", got, nil)
		e.add(page("https://www.example.com/"))
		got, err = e.s.Hosts(bg, e.l, 0, 10)
		e.must(err)
		e.equal("hosts", got, []store.Host{host})
	}},
	{"counts the waiting files of a site", func(e *env) {
		files := func() int {
			hs, err := e.s.Hosts(bg, e.l, 0, 10)
			e.must(err)
			for _, h := range hs {
				if h.ID == store.HostOf(site) {
					return h.Files
				}
			}
			return -1
		}
		root := page("https://www.example.com/")
		f1, f2, f3 := file("https://img.example/1", site), file("https://img.example/2", site), file("https://img.example/3", site)
		e.add(root, page("https://www.example.com/stays"), f1)
		e.equal("after Add", files(), 1)
		o := outcome(root, store.Done)
		o.Children = []store.Entry{f1, f2, f3}
		e.commit(o)
		e.equal("after children", files(), 3)
		again := outcome(f1, store.Waiting)
		again.Due = t0
		e.commit(again, outcome(f2, store.Failed), saved(f3, "3", 3))
		e.equal("after one failed and one done", files(), 1)
		_, err := e.s.Retry(bg, t0, nil)
		e.must(err)
		e.equal("after Retry", files(), 2)
		_, err = e.s.Redo(bg, t0, []trawl.Key{f3.Key})
		e.must(err)
		e.equal("after Redo", files(), 3)
		e.recount()
	}},
}
