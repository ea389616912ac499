package crawl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// page fetches a page and has its spider parse it.
func (e *Engine) page(ctx context.Context, t *frontier.Task, w *patience) (store.Outcome, error) {
	s := e.spiders[t.Request.Spider]
	if s == nil {
		return store.Outcome{}, &fetch.Error{URL: t.Request.URL, Reason: fetch.Spider,
			Err: fmt.Errorf("spider %q is not part of this run", t.Request.Spider)}
	}
	headers := s.headersFor(&t.Entry)
	if t.Again {
		if e.enough.Load() {
			return unchanged, nil // it was in the window
		}
		before, err := e.parts.Store.Before(ctx, t.Entry)
		if err != nil {
			return store.Outcome{}, err
		}
		headers = conditional(headers, &before)
	}
	if err := e.mayAskFor(ctx, t.Request.URL); err != nil {
		return store.Outcome{}, err
	}
	p, err := e.parts.Fetch.Page(e.polite(ctx), &t.Request, headers)
	if err != nil {
		return store.Outcome{}, err
	}
	w.end()
	e.front.Release(t)
	if p.Status == http.StatusNotModified {
		return unchanged, nil
	}
	e.count.bytes.Add(int64(len(p.Body)))

	res, err := parse(ctx, s, p)
	if err != nil {
		// The spider's own words say where; a reason of its own says what.
		if fetch.ReasonOf(err) == "" && !endsJob(err) {
			err = &fetch.Error{URL: p.URL, Reason: reasonOf(err), Status: p.Status, Err: err}
		}
		return store.Outcome{}, err
	}
	return e.keep(ctx, t, s, p, res)
}

// endsJob tells whether a spider's error says that the job cannot go on.
func endsJob(err error) bool {
	var f interface{ Fatal() bool }
	return errors.As(err, &f) && f.Fatal()
}

// reasonOf returns the reason that a spider's error names, if it does.
func reasonOf(err error) fetch.Reason {
	var r interface{ Reason() string }
	if errors.As(err, &r) && r.Reason() != "" {
		return fetch.Reason(r.Reason())
	}
	return fetch.Spider
}

// parse runs the spider. It is the edge to code and pages of others, so a
// panic there costs the page and not the job.
func parse(ctx context.Context, s *spider, p *trawl.Page) (res *trawl.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return s.Parse(ctx, p)
}

// keep turns what a spider read from a page into the outcome of its request.
func (e *Engine) keep(ctx context.Context, t *frontier.Task, s *spider, p *trawl.Page, res *trawl.Result) (store.Outcome, error) {
	o := store.Outcome{State: store.Done, ETag: p.Header.Get("ETag"), Modified: p.Header.Get("Last-Modified")}
	base, err := url.Parse(p.URL)
	if err != nil {
		return o, &fetch.Error{URL: p.URL, Reason: fetch.Parse, Err: err}
	}

	// A record is written before its files are there, so their names are final.
	named := make(map[trawl.FileRef]bool)
	for _, it := range res.Items {
		for _, f := range it.Fields {
			refersTo(f.Value, named)
		}
	}
	files := make([]*store.Entry, len(res.Files)) // nil for one that was refused
	var good []*store.Entry
	for i, r := range res.Files {
		if e.opt.Choose != nil && !e.opt.Choose(res.FilesBefore+i+1) {
			continue
		}
		r.Kind = trawl.KindFile
		r.Loose = (r.Loose || r.Path == "") && !named[trawl.FileRef(i)]
		if entry := e.child(t, s, base, r); entry != nil {
			files[i] = entry
			good = append(good, entry)
		}
	}
	if err := e.reserve(ctx, good); err != nil {
		return o, err
	}
	for _, entry := range good {
		o.Children = append(o.Children, *entry)
	}
	for _, r := range res.Pages {
		r.Kind = trawl.KindPage
		if entry := e.child(t, s, base, r); entry != nil {
			o.Children = append(o.Children, *entry)
		}
	}
	for _, it := range res.Items {
		body, err := encodeItem(it, func(f trawl.FileRef) string {
			if int(f) < 0 || int(f) >= len(files) || files[f] == nil {
				return ""
			}
			return files[f].Request.Path
		})
		if err != nil {
			res.Failed = append(res.Failed, trawl.ItemError{Err: err.Error()})
			continue
		}
		o.Items = append(o.Items, store.Item{Output: first(it.Output, s.set.Name), Body: body})
	}
	for _, f := range res.Failed {
		e.itemFailed(p.URL, f)
	}
	for _, w := range res.Warnings {
		e.warn(w)
	}
	return o, nil
}

// child makes the entry of a request that was found on a page; nil, with a
// warning, if it is not to be fetched.
func (e *Engine) child(t *frontier.Task, s *spider, base *url.URL, r trawl.Request) *store.Entry {
	u, err := trawl.ParseURL(r.URL)
	if err != nil {
		e.warn(fmt.Sprintf("%s: on %s: %v", s.set.Name, base.Hostname(), err))
		return nil
	}
	if r.Kind == trawl.KindPage && !s.allows(base, u) {
		e.warn(fmt.Sprintf("%s: links to %s are not followed; add it to hosts to do so", s.set.Name, u.Hostname()))
		return nil
	}
	r.URL = u.String()
	r.Spider = first(r.Spider, s.set.Name)
	r.Depth = t.Request.Depth + 1
	var origin store.HostID
	if r.Kind == trawl.KindFile {
		origin = t.Entry.Host
	}
	entry, err := e.front.Entry(r, origin)
	if err != nil {
		e.warn(fmt.Sprintf("%s: on %s: %v", s.set.Name, base.Hostname(), err))
		return nil
	}
	return &entry
}

// reserve gives each file a safe name that is its own.
func (e *Engine) reserve(ctx context.Context, files []*store.Entry) error {
	if len(files) == 0 {
		return nil
	}
	names := make([]store.Name, len(files))
	for i, f := range files {
		name := trawl.FileName(f.Request.URL)
		f.Request.Loose = f.Request.Loose && save.Nameless(name) && e.opt.Rename == nil
		p := first(f.Request.Path, name)
		f.Request.Path = p
		if e.opt.Rename != nil {
			p = e.opt.Rename(f.Request)
		}
		if p = save.Clean(p); e.parts.Files != nil && !e.parts.Files.Reachable(p) {
			p = save.CleanName(p) // beside what is in the way
		}
		names[i] = store.Name{Key: f.Key, Path: p}
	}
	paths, err := e.parts.Store.Reserve(ctx, names, e.taken)
	if err != nil {
		return err
	}
	for i, f := range files {
		f.Request.Path = paths[i]
	}
	return nil
}

// taken reports whether a path belongs to something that is not a file of the
// job.
func (e *Engine) taken(path string) bool {
	return e.records[store.Fold(path)] || e.parts.Files != nil && e.parts.Files.Exists(path)
}

// denies reports whether a failure may be a host's way to get rid of us: it
// answers with a 4xx which does not say that there is no such thing.
func denies(f *store.Failure) bool {
	switch f.Status {
	case 404, 407, 408, 410, 425, 429:
		return false
	}
	return f.Status >= 400 && f.Status < 500
}

// takeBackDenied makes those requests wait that were denied before a host was
// stopped for it: the next run asks for them, after what it has not asked for
// yet. A process that dies before leaves them among the failures.
func (e *Engine) takeBackDenied(ctx context.Context) error {
	walled := make(map[trawl.Key]bool)
	for _, key := range e.front.Walled() {
		walled[key] = true
	}
	if len(walled) == 0 {
		return nil
	}
	_, err := e.parts.Store.Retry(ctx, time.Now(), func(f store.Failure) bool { return walled[f.Key] })
	return err
}

// failed is the outcome of a request that came to err: it is tried again
// later, or given up.
func (e *Engine) failed(t *frontier.Task, err error) store.Outcome {
	defer e.noteStop(t)
	f := failure(t, err)
	var fe *fetch.Error
	temporary := errors.As(err, &fe) && fe.Temporary()
	if unknown := (*unknownRobots)(nil); errors.As(err, &unknown) {
		return store.Outcome{State: store.Failed, Failure: f} // it was tried often enough
	}
	if temporary {
		e.front.Faltered(t)
	}
	o := store.Outcome{State: store.Failed, Failure: f}

	switch {
	case f.Reason == string(fetch.Login):
		e.front.Stop(t, "asks for a login")
		return store.Outcome{State: store.Waiting, Tries: t.Tries, Failure: f, Due: f.At}
	case f.Status == 429 || f.Status == 503:
		// The host as a whole asks for a rest; the request is not to blame.
		next := e.front.Refused(t, fe.RetryAfter)
		e.hostRests(HostRests{Host: t.HostName, Until: next, Status: f.Status})
		return store.Outcome{State: store.Waiting, Tries: t.Tries, Failure: f, Due: f.At}
	case denies(f) && e.front.Denied(t, fmt.Sprintf("answers %d", f.Status)):
		return store.Outcome{State: store.Waiting, Tries: t.Tries, Failure: f, Due: f.At}
	case temporary && t.Tries < e.opt.Retries:
		o.State = store.Waiting
		if o.Tries = t.Tries + 1; errors.As(err, new(gotOn)) {
			o.Tries = t.Tries
		}
		o.Due = f.At.Add(pause(e.opt.RetryWait, t.Tries))
	}
	return o
}
