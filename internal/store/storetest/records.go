package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// fill commits n pages with an item each, in output i%2 of outputs.
func (e *env) fill(n int, outputs ...string) {
	e.Helper()
	es := pages(site, n)
	e.add(es...)
	var os []store.Outcome
	for i, r := range es {
		o := outcome(r, store.Done)
		o.Items = []store.Item{item(outputs[i%len(outputs)], i)}
		os = append(os, o)
	}
	e.commit(os...)
}

var recordTests = []test{
	{"Items come in the order of Seq", func(e *env) {
		e.fill(600, "豆瓣", "other")
		e.reopen()
		its := all(e, e.s.Items(bg, "豆瓣", 0))
		e.equal("items", len(its), 300)
		for i, it := range its {
			want := item("豆瓣", 2*i)
			want.Seq = it.Seq
			e.equal("item", it, want)
			if i > 0 && it.Seq <= its[i-1].Seq {
				e.Fatalf("item %d has Seq %d after %d", i, it.Seq, its[i-1].Seq)
			}
		}
		e.equal("items after the 290th", all(e, e.s.Items(bg, "豆瓣", its[289].Seq)), its[290:])
		e.equal("items after the last", all(e, e.s.Items(bg, "豆瓣", its[299].Seq)), nil)
		e.equal("items of another output", len(all(e, e.s.Items(bg, "other", 0))), 300)
		e.equal("items of no output", all(e, e.s.Items(bg, "none", 0)), nil)
		e.recount()
	}},
	{"Items rise over runs", func(e *env) {
		e.fill(1, "s")
		first := all(e, e.s.Items(bg, "s", 0))
		e.reopen()
		r := page("https://www.example.com/more")
		e.add(r)
		o := outcome(r, store.Done)
		o.Items = []store.Item{item("s", 7)}
		e.commit(o)
		e.equal("new items", len(all(e, e.s.Items(bg, "s", first[0].Seq))), 1)
	}},
	{"Outputs are sorted", func(e *env) {
		names, err := e.s.Outputs(bg)
		e.must(err)
		e.equal("at first", names, nil)
		e.fill(5, "b", "a", "思考中", "", "B")
		e.reopen()
		names, err = e.s.Outputs(bg)
		e.must(err)
		e.equal("outputs", names, []string{"", "B", "a", "b", "思考中"})
	}},
	{"Files come by path with all that is known", func(e *env) {
		f := file("https://www.example.com/f", site)
		e.add(f)
		o := saved(f, "思考中/1.jpg", 1)
		o.File.URL = "https://cdn.example/after/redirects"
		o.File.ETag, o.File.Modified = `W/"x"`, "Sun, 01 Mar 2026 12:00:00 GMT"
		e.commit(o)
		e.reopen()
		want := *o.File
		want.Key = f.Key
		e.equal("files", all(e, e.s.Files(bg)), []store.File{want})
		e.recount()
	}},
	{"Files are sorted however many", func(e *env) {
		var paths []string
		var fs []store.Entry
		var os []store.Outcome
		for i := range 300 {
			f := file(fmt.Sprintf("https://www.example.com/%d", i), "")
			p := fmt.Sprintf("%s/%d.jpg", []string{"a", "B", "思"}[i%3], i*7919%300)
			fs, paths, os = append(fs, f), append(paths, p), append(os, saved(f, p, 0))
		}
		e.add(fs...)
		e.commit(os...)
		slices.Sort(paths)
		var got []string
		for _, f := range all(e, e.s.Files(bg)) {
			got = append(got, f.Path)
		}
		e.equal("paths", got, paths)
	}},
	{"Files with the same content are duplicates of the first", func(e *env) {
		fs := []store.Entry{file("https://a.example/1", ""), file("https://a.example/2", ""), file("https://a.example/3", ""), file("https://a.example/4", ""), file("https://a.example/5", ""), file("https://a.example/6", "")}
		e.add(fs...)
		e.equal("duplicates of the first", e.commit(saved(fs[0], "c", 1)).Duplicates, nil)
		e.reopen()
		r := e.commit(saved(fs[1], "a", 1), saved(fs[2], "x", 2), saved(fs[3], "y", 2), saved(fs[4], "u", 0), saved(fs[5], "v", 0))
		dup := func(e store.Entry, path string, content byte, of string) store.File {
			f := *saved(e, path, content).File
			f.Key, f.DuplicateOf = e.Key, of
			return f
		}
		e.equal("duplicates", r.Duplicates, []store.File{dup(fs[1], "a", 1, "c"), dup(fs[3], "y", 2, "x")})
		e.equal("files", all(e, e.s.Files(bg)), []store.File{
			dup(fs[1], "a", 1, "c"), dup(fs[0], "c", 1, ""), dup(fs[4], "u", 0, ""), dup(fs[5], "v", 0, ""), dup(fs[2], "x", 2, ""), dup(fs[3], "y", 2, "x"),
		})
		e.equal("stats", e.stats(), store.Stats{Files: store.Counts{Done: 6}, Bytes: 606, Duplicates: 2})
		e.recount()
	}},
	{"Failures come with the latest last", func(e *env) {
		es := append(pages(site, 300), file("https://www.example.com/f", ""))
		e.add(es...)
		var os []store.Outcome
		var want []store.Failure
		for i, r := range es {
			o := outcome(r, store.Failed)
			o.Failure.At = t0.Add(time.Duration(i*7919%100) * time.Second)
			os = append(os, o)
			f := *o.Failure
			f.Key, f.Kind = r.Key, r.Request.Kind
			want = append(want, f)
		}
		e.commit(os...)
		e.reopen()
		got := all(e, e.s.Failures(bg))
		e.equal("in order", slices.IsSortedFunc(got, func(a, b store.Failure) int { return a.At.Compare(b.At) }), true)
		byURL := cmpopts.SortSlices(func(a, b store.Failure) bool { return a.URL < b.URL })
		if d := cmp.Diff(want, got, byURL); d != "" {
			e.Errorf("failures (-want +got):\n%s", d)
		}
		e.recount()
	}},
	{"Failures name their request when nothing else is known", func(e *env) {
		es := []store.Entry{page("https://www.example.com/a"), page("http://www.example.com/b")}
		e.add(es...)
		none, empty := outcome(es[0], store.Failed), outcome(es[1], store.Failed)
		none.Failure, none.Tries, empty.Failure = nil, 4, &store.Failure{Reason: "cut"}
		e.commit(none, empty)
		e.equal("failures", sorted(all(e, e.s.Failures(bg))), []store.Failure{
			{Key: es[1].Key, URL: "http://www.example.com/b", Reason: "cut"},
			{Key: es[0].Key, URL: "https://www.example.com/a", Tries: 4},
		})
	}},
	{"values", func(e *env) {
		get := func(name string) string {
			v, err := e.s.Get(bg, name)
			e.must(err)
			return v
		}
		e.equal("a value never set", get("spider"), "")
		e.must(e.s.Set(bg, "spider", "豆瓣\n\x00"))
		e.must(e.s.Set(bg, "args", "x"))
		e.reopen()
		e.equal("a value", get("spider"), "豆瓣\n\x00")
		e.must(e.s.Set(bg, "spider", ""))
		e.equal("a value set to nothing", get("spider"), "")
		e.equal("another value", get("args"), "x")
	}},
	{"sequences allow calls from the loop and an early end", func(e *env) {
		e.fill(300, "s")
		n := 0
		for it, err := range e.s.Items(bg, "s", 0) {
			e.must(err)
			e.must(e.s.Set(bg, "last", fmt.Sprint(it.Seq)))
			if n++; n == 20 {
				break
			}
		}
		for i := range 3 {
			f := file(fmt.Sprintf("https://www.example.com/f%d", i), "")
			e.add(f)
			e.commit(saved(f, fmt.Sprint(i), 0))
		}
		for f, err := range e.s.Files(bg) {
			e.must(err)
			_, err := e.s.Redo(bg, t0, []trawl.Key{f.Key})
			e.must(err)
		}
		e.equal("files", all(e, e.s.Files(bg)), nil)
		e.recount()
	}},
	{"sequences can run more than once", func(e *env) {
		e.fill(300, "s")
		seq := e.s.Items(bg, "s", 0)
		e.equal("the first time", len(all(e, seq)), 300)
		e.equal("the second time", len(all(e, seq)), 300)
	}},
}

func sorted(fs []store.Failure) []store.Failure {
	slices.SortFunc(fs, func(a, b store.Failure) int { return strings.Compare(a.URL, b.URL) })
	return fs
}
