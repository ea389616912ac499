package storetest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

var commitTests = []test{
	{"applies an outcome with all that came of it", func(e *env) {
		root := page("https://www.example.com/")
		e.add(root)
		o := outcome(root, store.Done)
		o.Children = append(pages("other.example", 2), root, file("https://img.example/1.jpg", site))
		o.Items = []store.Item{item("s", 1), item("t", 2), item("s", 3)}
		e.equal("receipt", e.commit(o), store.Receipt{NewPages: 2, NewFiles: 1, Origins: map[store.HostID]int{store.HostOf(site): 1}})
		e.reopen()
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Waiting: 2, Done: 1}, Files: store.Counts{Waiting: 1}, Items: 3})
		e.equal("the page", e.due(later, site, trawl.KindPage, 9), store.Batch{})
		e.equal("a child", e.due(later, "img.example", trawl.KindFile, 9).Entries, o.Children[3:])
		e.recount()
	}},
	{"of a try that failed makes the request wait", func(e *env) {
		r := page("https://www.example.com/")
		r.Request.Meta = json.RawMessage(`{"a":1}`)
		e.add(r)
		o := outcome(r, store.Waiting)
		o.Due, o.Tries = t0.Add(time.Minute), 1
		o.Failure = &store.Failure{Reason: "network", Message: "connection reset", At: t0}
		e.equal("receipt", e.commit(o), store.Receipt{})
		e.reopen()
		e.equal("before it is due", e.due(t0, site, trawl.KindPage, 9), store.Batch{Next: o.Due})
		r.Due, r.Tries = o.Due, 1
		e.equal("when it is due", e.due(o.Due, site, trawl.KindPage, 9).Entries, []store.Entry{r})
		e.equal("failures", all(e, e.s.Failures(bg)), nil)
		e.recount()
		e.commit(outcome(r, store.Done))
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Done: 1}})
		e.equal("failures in the end", all(e, e.s.Failures(bg)), nil)
	}},
	{"leaves children and items of a page that is not done", func(e *env) {
		es := pages(site, 2)
		e.add(es...)
		for i, s := range []store.State{store.Waiting, store.Failed} {
			o := outcome(es[i], s)
			o.Due, o.Children, o.Items = t0, pages("child.example", 2), []store.Item{item("s", 1)}
			e.equal("receipt", e.commit(o), store.Receipt{})
		}
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Waiting: 1, Failed: 1}})
	}},
	{"can be repeated", func(e *env) {
		root, pic, bad := page("https://www.example.com/"), file("https://img.example/1", site), page("https://www.example.com/bad")
		e.add(root, pic, bad)
		o := outcome(root, store.Done)
		o.Children, o.Items = pages("child.example", 2), []store.Item{item("s", 1)}
		os := []store.Outcome{o, saved(pic, "1.jpg", 1), outcome(bad, store.Failed)}
		e.commit(os...)
		before := e.stats()
		e.equal("receipt", e.commit(os...), store.Receipt{})
		e.equal("stats", e.stats(), before)
		e.reopen()
		e.equal("receipt after reopening", e.commit(os...), store.Receipt{})
		e.equal("stats after reopening", e.stats(), before)
		e.equal("items", len(all(e, e.s.Items(bg, "s", 0))), 1)
		e.recount()
	}},
	{"skips a request that is not waiting with its children", func(e *env) {
		es := pages(site, 2)
		e.add(es...)
		e.commit(outcome(es[0], store.Done), outcome(es[1], store.Failed))
		before := e.stats()
		for _, r := range append(es, page("https://www.example.com/unknown")) {
			o := outcome(r, store.Done)
			o.Children, o.Items = pages("child.example", 3), []store.Item{item("s", 1)}
			e.equal("receipt", e.commit(o), store.Receipt{})
		}
		f := file("https://www.example.com/unknown", "")
		e.equal("receipt", e.commit(saved(f, "f", 1)), store.Receipt{})
		e.equal("stats", e.stats(), before)
		e.equal("items", all(e, e.s.Items(bg, "s", 0)), nil)
	}},
	{"applies outcomes in their order", func(e *env) {
		r := page("https://www.example.com/")
		e.add(r)
		first, second := outcome(r, store.Done), outcome(r, store.Failed)
		first.Items, second.Items = []store.Item{item("s", 1)}, []store.Item{item("s", 2)}
		e.commit(first, second)
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Done: 1}, Items: 1})
		e.recount()
	}},
	{"adds children after all outcomes", func(e *env) {
		es := pages(site, 1)
		e.add(es...)
		o := outcome(es[0], store.Done)
		o.Children = pages("child.example", 1)
		e.commit(o, outcome(o.Children[0], store.Done))
		e.equal("stats", e.stats().Pages, store.Counts{Waiting: 1, Done: 1})
	}},
	{"keeps the first of equal children", func(e *env) {
		es := pages(site, 2)
		e.add(es...)
		var os []store.Outcome
		for i := range es {
			o := outcome(es[i], store.Done)
			o.Children = []store.Entry{page("https://child.example/")}
			o.Children[0].Request.Depth = i + 1
			os = append(os, o)
		}
		e.equal("receipt", e.commit(os...), store.Receipt{NewPages: 1})
		e.equal("depth", e.due(t0, "child.example", trawl.KindPage, 9).Entries[0].Request.Depth, 1)
	}},
	{"applies all or nothing", func(e *env) {
		es := pages(site, 3)
		e.add(es...)
		before := e.stats()
		var os []store.Outcome
		for _, r := range es {
			o := outcome(r, store.Done)
			o.Children, o.Items = pages("child.example", 3), []store.Item{item("s", 1)}
			os = append(os, o)
		}
		os[2].Children[1].Request.Meta = json.RawMessage("no JSON")
		if r, err := e.s.Commit(bg, store.Commit{Leases: []store.Lease{e.l}, Outcomes: os}); err == nil {
			e.Errorf("Commit = %v, nil; want an error", r)
		}
		e.equal("stats", e.stats(), before)
		e.equal("items", all(e, e.s.Items(bg, "s", 0)), nil)
		e.equal("waiting", len(e.waiting()), 3)
	}},
	{"tells how many files of a site wait", func(e *env) {
		root := page("https://www.example.com/")
		f1, f2, f3 := file("https://img.example/1", site), file("https://img.example/2", site), file("https://img.example/3", "third.example")
		e.add(root, f1, f3)
		o := outcome(root, store.Done)
		o.Children = []store.Entry{f1}
		e.equal("of a page that found nothing new", e.commit(o).Origins, nil)
		again := outcome(f1, store.Waiting)
		e.equal("of a file to be tried again", e.commit(again).Origins, nil)
		p2 := page("https://www.example.com/2")
		e.add(p2)
		o = outcome(p2, store.Done)
		o.Children = []store.Entry{f2}
		e.equal("of one found and two ended", e.commit(o, outcome(f1, store.Failed), saved(f3, "3", 3)).Origins,
			map[store.HostID]int{store.HostOf(site): 1, store.HostOf("third.example"): 0})
	}},
	{"of nothing", func(e *env) {
		e.equal("receipt", e.commit(), store.Receipt{})
	}},
	{"takes a hundred thousand children of one page", func(e *env) {
		root := page("https://www.example.com/")
		e.add(root)
		o := outcome(root, store.Done)
		o.Children = make([]store.Entry, manyChildren)
		for i := range o.Children {
			host := "big.example"
			if i%10 == 0 {
				host = fmt.Sprintf("h%d.example", i%1000)
			}
			u := fmt.Sprintf("https://%s/%d", host, i)
			o.Children[i] = store.Entry{Host: store.HostOf(host), HostName: host, Due: t0, Request: trawl.Request{URL: u, Spider: "s"}}
			// Not KeyOf, which would take most of the time.
			copy(o.Children[i].Key[:], fmt.Appendf(nil, "%016x", uint64(i)*0x9e3779b97f4a7c15))
		}
		e.equal("receipt", e.commit(o), store.Receipt{NewPages: manyChildren})
		e.equal("stats", e.stats().Pages, store.Counts{Waiting: manyChildren, Done: 1})
		b := e.due(t0, "big.example", trawl.KindPage, 100)
		e.equal("due", len(b.Entries), 100)
		e.equal("receipt again", e.commit(o), store.Receipt{})
	}},
}
