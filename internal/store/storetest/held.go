package storetest

import (
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// placeholders adds n files of a host and commits them one by one, with the
// same content each and a limit. It returns them and the last receipt.
func (e *env) placeholders(host string, n, limit int) ([]store.Entry, store.Receipt) {
	e.Helper()
	var fs []store.Entry
	var r store.Receipt
	for i := range n {
		f := file(fmt.Sprintf("https://%s/%d.jpg", host, i), "")
		e.add(f)
		r = e.commitHold(limit, saved(f, fmt.Sprintf("h%d.jpg", i), 9))
		fs = append(fs, f)
	}
	return fs, r
}

func (e *env) commitHold(limit int, os ...store.Outcome) store.Receipt {
	e.Helper()
	r, err := e.s.Commit(bg, store.Commit{Leases: []store.Lease{e.l}, Outcomes: os, Hold: limit, At: t0})
	e.must(err)
	return r
}

// held returns the paths of the files that are held.
func (e *env) held() map[string]bool {
	e.Helper()
	m := map[string]bool{}
	for _, f := range all(e, e.s.Held(bg)) {
		m[f.Path] = true
	}
	return m
}

func (e *env) retryHeld() int {
	e.Helper()
	n, err := e.s.Retry(bg, t0, func(f store.Failure) bool { return f.Reason == store.HeldReason })
	e.must(err)
	return n
}

func set(paths ...string) map[string]bool {
	m := map[string]bool{}
	for _, p := range paths {
		m[p] = true
	}
	return m
}

var heldTests = []test{
	{"files below the limit are believed", func(e *env) {
		_, r := e.placeholders(site, 2, 3)
		e.equal("receipt", r.Held, nil)
		e.equal("duplicates", len(r.Duplicates), 1)
		e.placeholders("other.example", 2, 3) // another host
		e.reopen()
		e.equal("held", all(e, e.s.Held(bg)), nil)
		st := store.Stats{Files: store.Counts{Done: 4}, Bytes: 4 * 109, Duplicates: 3}
		if e.d.Apart {
			st.Duplicates = e.stats().Duplicates
		}
		e.equal("stats", e.stats(), st)
	}},
	{"at the limit all of them are held, with all that is known", func(e *env) {
		other, _ := e.placeholders("other.example", 1, 3)
		fs, r := e.placeholders(site, 3, 3)
		var want []store.HeldFile
		for i, f := range fs {
			o := saved(f, fmt.Sprintf("h%d.jpg", i), 9)
			o.File.Key = f.Key
			want = append(want, store.HeldFile{File: *o.File, Failure: store.Failure{
				Key: f.Key, Kind: trawl.KindFile, URL: f.Request.URL, Reason: "held", Tries: 1, At: t0,
			}})
		}
		for i := range r.Held {
			msg := &r.Held[i].Failure.Message
			if !strings.Contains(*msg, ".trawl/held/"+fs[i].Key.String()+".jpg") {
				e.Errorf("message %q", *msg)
			}
			*msg = ""
		}
		e.equal("receipt", r.Held, want)
		e.reopen()
		e.equal("held", len(all(e, e.s.Held(bg))), 3)
		for _, f := range all(e, e.s.Held(bg)) {
			for _, w := range want {
				if w.File.Key == f.Key {
					e.equal("file", f, w.File)
				}
			}
		}
		files := all(e, e.s.Files(bg))
		if len(files) != 1 || files[0].Key != other[0].Key || files[0].DuplicateOf != "" {
			e.Errorf("Files = %v, want that of the other host as the first of its content", files)
		}
		e.equal("failures", len(all(e, e.s.Failures(bg))), 3)
		e.equal("stats", e.stats(), store.Stats{Files: store.Counts{Done: 1, Failed: 3}, Bytes: 109})
		e.recount()
	}},
	{"files of one commit are held together", func(e *env) {
		var os []store.Outcome
		for i := range 7 {
			f := file(fmt.Sprintf("https://img.example/%d.jpg", i), site)
			e.add(f)
			os = append(os, saved(f, fmt.Sprint(i), 9))
		}
		r := e.commitHold(3, os...)
		e.equal("held", len(r.Held), 7)
		e.equal("waiting of the origin", r.Origins, map[store.HostID]int{store.HostOf(site): 0})
		e.recount()
	}},
	{"a limit of 0 and a hash that is unknown hold nothing", func(e *env) {
		e.placeholders(site, 5, 0)
		for i := range 5 {
			f := file(fmt.Sprintf("https://img.example/%d.jpg", i), "")
			e.add(f)
			e.commitHold(2, saved(f, fmt.Sprint(i), 0))
		}
		e.equal("held", all(e, e.s.Held(bg)), nil)
		// A limit that comes later finds all of them.
		f := file("https://www.example.com/late.jpg", "")
		e.add(f)
		e.equal("held", len(e.commitHold(3, saved(f, "late", 9)).Held), 6)
		e.recount()
	}},
	{"a suspect content is held at once, and for ever", func(e *env) {
		fs, _ := e.placeholders(site, 3, 3)
		e.reopen()
		late := file("https://www.example.com/late.jpg", "")
		e.add(late)
		e.equal("held", len(e.commitHold(3, saved(late, "late.jpg", 9)).Held), 1)
		e.equal("how many are retried", e.retryHeld(), 4)
		e.equal("what is held meanwhile", e.held(), set("h0.jpg", "h1.jpg", "h2.jpg", "late.jpg"))
		e.reopen()
		r := e.commitHold(3, saved(fs[0], "h0.jpg", 9))
		e.equal("the only one that is there", len(r.Held), 1)
		e.equal("freed", r.Freed, nil)
		e.recount()
	}},
	{"a file that comes back with another content is freed", func(e *env) {
		fs, _ := e.placeholders(site, 3, 3)
		e.retryHeld()
		r := e.commitHold(3, saved(fs[1], "h1.jpg", 5))
		e.equal("held", r.Held, nil)
		if len(r.Freed) != 1 || r.Freed[0].Key != fs[1].Key || r.Freed[0].SHA256[31] != 9 {
			e.Errorf("Freed = %v, want the one held before", r.Freed)
		}
		e.reopen()
		e.equal("held", e.held(), set("h0.jpg", "h2.jpg"))
		e.commitHold(3, outcome(fs[0], store.Failed)) // gone now: the copy may still be accepted
		e.equal("held", e.held(), set("h0.jpg", "h2.jpg"))
		e.recount()
	}},
	{"Accept makes files done and their content believed", func(e *env) {
		fs, _ := e.placeholders(site, 4, 3)
		e.retryHeld()
		e.commitHold(3, outcome(fs[0], store.Failed), saved(fs[1], "h1.jpg", 9))
		// Failed, failed as held, and two that wait.
		n, err := e.s.Accept(bg, []store.Name{{Key: fs[0].Key, Path: "new.jpg"}, {Key: fs[1].Key, Path: "h1.jpg"}, {Key: fs[2].Key, Path: "h2.jpg"}, {Key: key(7), Path: "x"}})
		e.must(err)
		e.equal("how many", n, 3)
		e.reopen()
		e.equal("held", e.held(), set("h3.jpg"))
		e.equal("failures", all(e, e.s.Failures(bg)), nil)
		of := map[string]string{}
		for _, f := range all(e, e.s.Files(bg)) {
			of[f.Path] = f.DuplicateOf
		}
		if d := cmp.Diff(map[string]string{"new.jpg": "", "h1.jpg": "new.jpg", "h2.jpg": "new.jpg"}, of); d != "" {
			e.Errorf("files (-want +got):\n%s", d)
		}
		r := e.commitHold(3, saved(fs[3], "h3.jpg", 9))
		e.equal("held", r.Held, nil)
		e.equal("freed", len(r.Freed), 1)
		e.equal("stats", e.stats(), store.Stats{Files: store.Counts{Done: 4}, Bytes: 4 * 109, Duplicates: 3})
		e.recount()
	}},
	{"a held file keeps its name", func(e *env) {
		f := file("https://www.example.com/0.jpg", "")
		ps, err := e.s.Reserve(bg, []store.Name{{Key: f.Key, Path: "mine.jpg"}}, nil)
		e.must(err)
		e.placeholders(site, 3, 3)
		e.reopen()
		again, err := e.s.Reserve(bg, []store.Name{{Key: f.Key, Path: "other.jpg"}, {Key: key(1), Path: "mine.jpg"}}, nil)
		e.must(err)
		if again[0] != ps[0] || again[1] == ps[0] {
			e.Errorf("names = %q, want %q kept", again, ps[0])
		}
	}},
	{"Held comes in the order of the keys, however many there are", func(e *env) {
		var os []store.Outcome
		for i := range 700 {
			f := file(fmt.Sprintf("https://img.example/%d.jpg", i), "")
			e.add(f)
			os = append(os, saved(f, fmt.Sprint(i), 9))
		}
		e.commitHold(5, os...)
		fs := all(e, e.s.Held(bg))
		e.equal("how many", len(fs), 700)
		for i := 1; i < len(fs); i++ {
			if string(fs[i-1].Key[:]) >= string(fs[i].Key[:]) {
				e.Fatalf("key %d is not above the one before", i)
			}
		}
	}},
}
