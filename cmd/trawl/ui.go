package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
)

// A ui shows how a run goes. Its events come from several goroutines.
type ui interface {
	events() crawl.Events
	// start begins to show progress, from snapshots with up to hosts hosts.
	start(snapshot func(hosts int) (crawl.Snapshot, error))
	// stop ends what start began. It may be called without start.
	stop()
	summary(*crawl.Summary)
}

// newUI returns the ui that the flags ask for.
//
// The files are in dir, and other commands find the job by the words of where.
func (a *app) newUI(f *collectFlags, name, dir, where string) ui {
	out := &printer{w: a.out}
	errs := &printer{w: a.err}
	line := fileLine
	if f.many {
		line = func(e crawl.FileDone) string { return f.store.job + "/" + fileLine(e) }
	}
	switch {
	case f.json && f.many:
		return &jsonUI{out: out, job: f.store.job}
	case f.json:
		return &jsonUI{out: out}
	case f.getURLs:
		return &linesUI{out: out, err: errs, file: func(e crawl.FileDone) string { return e.URL }, silent: true}
	case a.log != nil: // it has the rest
		u := &linesUI{out: out, err: &printer{w: io.Discard}, file: line}
		if f.quiet {
			u.file = nil
		}
		return u
	case f.quiet:
		return &linesUI{out: &printer{w: io.Discard}, err: errs, silent: true}
	}
	plain := &linesUI{out: out, err: errs, name: name, dir: dir, where: where, file: line, traces: f.verbose}
	if f.simulate {
		plain.file = func(e crawl.FileDone) string { return e.Path + "  " + e.URL }
	}
	if f.noBars || f.verbose || f.many || !isTerminal(a.err) {
		return plain
	}
	if isTerminal(a.out) && !f.simulate {
		plain.file = nil // the bars say enough
	}
	return newBarsUI(plain, a.err)
}

func fileLine(e crawl.FileDone) string {
	if e.DuplicateOf != "" {
		return e.Path + "  (same content as " + e.DuplicateOf + ")"
	}
	return e.Path
}

// A printer writes whole lines from several goroutines.
type printer struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *printer) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format+"\n", args...)
}

// A linesUI prints a line for each file to standard output, and what went
// wrong and the summary to standard error.
type linesUI struct {
	out, err  *printer
	name, dir string
	where     string                      // how other commands find the job
	file      func(crawl.FileDone) string // nil prints no files
	traces    bool                        // of failed items
	silent    bool                        // nothing but errors and what file gives
	places    sync.Map                    // of failed items, in the spider
}

func (u *linesUI) start(func(int) (crawl.Snapshot, error)) {}
func (u *linesUI) stop()                                   {}

func (u *linesUI) events() crawl.Events {
	ev := crawl.Events{
		Failed: func(f crawl.Failed) {
			if !crawl.LeftOut(f.Reason) {
				u.err.line("failed: %s  %s", printable(f.URL), indented(f.Message))
			}
		},
		ItemFailed: func(page string, e trawl.ItemError) {
			if _, again := u.places.LoadOrStore(e.Place, true); again {
				return // the summary counts them
			}
			trace := ""
			if u.traces && e.Trace != "" {
				trace = strings.ReplaceAll(printableLines("\n"+e.Trace), "\n", "\n    ")
			}
			u.err.line("record failed: %s  (on %s)%s", printable(e.Error()), printable(page), trace)
		},
	}
	if u.file != nil {
		ev.File = func(e crawl.FileDone) { u.out.line("%s", printable(u.file(e))) }
	}
	if !u.silent {
		ev.HostRests = func(h crawl.HostRests) {
			u.err.line("%s answers %d: it rests for %s", printable(h.Host), h.Status, span(time.Until(h.Until)))
		}
		ev.Warning = func(s string) { u.err.line("warning: %s", printable(s)) }
	}
	return ev
}

func (u *linesUI) summary(s *crawl.Summary) {
	u.err.mu.Lock()
	defer u.err.mu.Unlock()
	if u.silent {
		printStopped(u.err.w, s)
		return
	}
	var b strings.Builder // so that those of several jobs do not mix
	printSummary(&b, u.name, u.dir, u.where, s)
	io.WriteString(u.err.w, b.String())
}

// A jsonUI prints one JSON object a line.
type jsonUI struct {
	out *printer
	job string // which is one of several; "" for the only one
}

func (u *jsonUI) start(func(int) (crawl.Snapshot, error)) {}
func (u *jsonUI) stop()                                   {}

// event prints an object: its kind, and then the fields of v.
func (u *jsonUI) event(kind string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		data = fmt.Appendf(nil, `{"error":%q}`, err)
	}
	head := fmt.Appendf(nil, `{"event":%q`, kind)
	if u.job != "" {
		name, _ := json.Marshal(u.job) // a string is always encoded
		head = fmt.Appendf(head, `,"job":%s`, name)
	}
	if len(data) > 2 {
		head = append(head, ',')
	}
	u.out.line("%s", slices.Concat(head, data[1:]))
}

func (u *jsonUI) events() crawl.Events {
	return crawl.Events{
		Page:   func(e crawl.PageDone) { u.event("page", e) },
		File:   func(e crawl.FileDone) { u.event("file", e) },
		Failed: func(e crawl.Failed) { u.event("failed", e) },
		Retry:  func(e crawl.Failed) { u.event("retry", e) },
		Item: func(e crawl.ItemDone) {
			u.event("item", struct {
				Output string          `json:"output"`
				Item   json.RawMessage `json:"item"`
			}{e.Output, e.Body})
		},
		ItemFailed: func(page string, e trawl.ItemError) {
			u.event("item_failed", struct {
				Page  string `json:"page"`
				Place string `json:"place"`
				Error string `json:"error"`
				Trace string `json:"trace,omitempty"`
			}{page, e.Place, e.Err, e.Trace})
		},
		HostRests: func(e crawl.HostRests) { u.event("host_rests", e) },
		Warning: func(s string) {
			u.event("warning", struct {
				Text string `json:"text"`
			}{s})
		},
	}
}

func (u *jsonUI) summary(s *crawl.Summary) { u.event("summary", s) }
