package storetest

import (
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

var retryTests = []test{
	{"Retry makes failed requests wait again", func(e *env) {
		es := append(pages(site, 3), file("https://img.example/1", site))
		e.add(es...)
		e.commit(outcome(es[0], store.Failed), outcome(es[1], store.Done), outcome(es[3], store.Failed))
		e.reopen()
		now := t0.Add(time.Hour)
		n, err := e.s.Retry(bg, now, nil)
		e.must(err)
		e.equal("how many", n, 2)
		e.reopen()
		e.equal("failures", all(e, e.s.Failures(bg)), nil)
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Waiting: 2, Done: 1}, Files: store.Counts{Waiting: 1}})
		e.equal("before their time", urls(e.due(now.Add(-1), site, trawl.KindPage, 9).Entries), urls(es[2:3]))
		e.equal("the file, with no tries against it", e.due(now, "img.example", trawl.KindFile, 9).Entries, []store.Entry{at(es[3], now)})
		e.recount()
		e.commit(outcome(es[0], store.Failed))
		e.equal("failures the second time", len(all(e, e.s.Failures(bg))), 1)
	}},
	{"Retry asks want", func(e *env) {
		es := pages(site, 4)
		e.add(es...)
		var os []store.Outcome
		for i, r := range es {
			o := outcome(r, store.Failed)
			o.Failure.Status = 400 + i%2
			os = append(os, o)
		}
		e.commit(os...)
		asked := 0
		n, err := e.s.Retry(bg, t0, func(f store.Failure) bool {
			asked++
			return f.Status == 401
		})
		e.must(err)
		e.equal("how many", n, 2)
		e.equal("how many asked", asked, 4)
		for _, f := range all(e, e.s.Failures(bg)) {
			e.equal("the status of those that stay", f.Status, 400)
		}
		n, err = e.s.Retry(bg, t0, func(store.Failure) bool { return false })
		e.must(err)
		e.equal("how many of none", n, 0)
		e.recount()
	}},
	{"Retry leaves what waits after a failed try", func(e *env) {
		r := page("https://www.example.com/")
		e.add(r)
		o := outcome(r, store.Waiting)
		o.Due, o.Failure = later, &store.Failure{Reason: "network", At: t0}
		e.commit(o)
		n, err := e.s.Retry(bg, t0, nil)
		e.must(err)
		e.equal("how many", n, 0)
		e.equal("due", e.due(t0, site, trawl.KindPage, 9), store.Batch{Next: later})
	}},
	{"Redo makes done files wait again and forgets their records", func(e *env) {
		f, g, p := file("https://img.example/1", site), file("https://img.example/2", site), page("https://www.example.com/")
		e.add(f, g, p)
		ps, err := e.s.Reserve(bg, []store.Name{{Key: f.Key, Path: "a.jpg"}}, nil)
		e.must(err)
		e.commit(saved(f, ps[0], 1), outcome(p, store.Done))
		e.reopen()
		now := t0.Add(time.Hour)
		n, err := e.s.Redo(bg, now, []trawl.Key{f.Key, g.Key, p.Key, key(9), f.Key})
		e.must(err)
		e.equal("how many", n, 1)
		e.reopen()
		e.equal("files", all(e, e.s.Files(bg)), nil)
		e.equal("stats", e.stats(), store.Stats{Pages: store.Counts{Done: 1}, Files: store.Counts{Waiting: 2}})
		e.equal("the file", e.due(now, "img.example", trawl.KindFile, 9).Entries, []store.Entry{g, at(f, now)})
		ps, err = e.s.Reserve(bg, []store.Name{{Key: f.Key, Path: "b.jpg"}, {Key: g.Key, Path: "a.jpg"}}, nil)
		e.must(err)
		e.equal("names", ps, []string{"a.jpg", "a~" + g.Key.String()[:6] + ".jpg"})
		e.recount()
		e.equal("the receipt when it is done again", e.commit(saved(f, "a.jpg", 1)), store.Receipt{Origins: map[store.HostID]int{store.HostOf(site): 1}})
	}},
	{"Redo of the first of its content puts another in its place", func(e *env) {
		fs := []store.Entry{file("https://img.example/1", ""), file("https://img.example/2", ""), file("https://img.example/3", "")}
		e.add(fs...)
		e.commit(saved(fs[0], "m", 1), saved(fs[1], "z", 1), saved(fs[2], "a", 1))
		e.reopen()
		_, err := e.s.Redo(bg, t0, []trawl.Key{fs[0].Key})
		e.must(err)
		of := map[string]string{}
		for _, f := range all(e, e.s.Files(bg)) {
			of[f.Path] = f.DuplicateOf
		}
		e.equal("duplicates", of, map[string]string{"z": "", "a": "z"})
		e.recount()
		r := e.commit(saved(fs[0], "m", 1))
		e.equal("the first is now the last", r.Duplicates[0].DuplicateOf, "z")
		_, err = e.s.Redo(bg, t0, []trawl.Key{fs[0].Key, fs[1].Key, fs[2].Key})
		e.must(err)
		e.equal("stats", e.stats(), store.Stats{Files: store.Counts{Waiting: 3}})
	}},
}
