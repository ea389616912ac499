package crawl

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	pathpkg "path"
	"runtime"
	"strings"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// file fetches a file and saves it, trying its backup URLs in turn.
func (e *Engine) file(ctx context.Context, t *frontier.Task, _ *patience) (store.Outcome, error) {
	if e.parts.Files == nil {
		if ok, err := e.archived(ctx, t.Request.URL); ok || err != nil {
			return unchanged, err
		}
		return store.Outcome{State: store.Done}, e.mayAskFor(ctx, t.Request.URL)
	}
	var headers map[string]string
	if s := e.spiders[t.Request.Spider]; s != nil {
		headers = s.headersFor(&t.Entry)
	}
	if t.Again && e.enough.Load() {
		return unchanged, nil // it was in the window
	}
	k, err := e.known(ctx, t)
	if err != nil {
		return store.Outcome{}, err
	}
	if k == nil {
		if ok, err := e.archived(ctx, t.Request.URL); ok || err != nil {
			return unchanged, err
		}
	}
	var firstErr error
	for i := -1; i < len(t.Request.Backup); i++ {
		u := t.Request.URL
		if i >= 0 {
			u = t.Request.Backup[i]
		}
		f, err := e.save(ctx, t, u, partID(t.Key, i), headers, k)
		switch {
		case err == errUnchanged:
			return unchanged, nil
		case err == nil:
			e.forgetParts(t)
			same := k != nil && k.whole && f.SHA256 == k.SHA256
			return store.Outcome{State: store.Done, File: f, Unchanged: same}, nil
		}
		if firstErr == nil {
			firstErr = err
		}
		if ctx.Err() != nil || fatal(err) {
			return store.Outcome{}, err
		}
	}
	return store.Outcome{}, firstErr
}

// save fetches one URL of a file and puts it under its name. It goes on with
// the part that an earlier attempt left under partID, if there is one. k is what
// there is of the file, nil if it is a new one.
func (e *Engine) save(ctx context.Context, t *frontier.Task, rawURL, partID string, headers map[string]string, k *known) (*store.File, error) {
	if err := e.mayAskFor(ctx, rawURL); err != nil {
		return nil, err
	}
	part, err := e.parts.Files.Part(ctx, partID)
	if err != nil {
		return nil, err
	}
	if part == nil { // else it is known to have changed
		headers = k.ask(t, rawURL, headers)
	}
	res, err := e.open(e.polite(ctx), rawURL, t.Request.Referer, headers, part)
	if err != nil {
		if isGone(err) {
			e.parts.Files.Forget(partID)
		}
		return nil, err
	}
	defer res.Body.Close()
	if res.Status == http.StatusNotModified {
		return nil, errUnchanged
	}
	if res.Offset == 0 {
		part = nil
	}
	// Once the body is there the host is free, unless it may be asked for a
	// backup next.
	arrived := func() {
		e.front.Release(t)
		runtime.Gosched() // whoever got the place sends its request before this file is saved
	}
	if bs := t.Request.Backup; len(bs) > 0 && rawURL != bs[len(bs)-1] {
		arrived = func() {}
	}
	body := &meter{r: res.Body, n: &e.count.bytes, end: arrived}
	name := t.Request.Path
	switch {
	case k != nil:
		name = k.Path // people know it by that name, whatever its type is now
	case t.Request.Loose:
		name = nameOf(name, res)
	}
	tmp, err := e.parts.Files.Write(ctx, body, save.Want{
		Length:      res.Length,
		Path:        name,
		ContentType: res.Header.Get("Content-Type"),
		MaxSize:     e.opt.MaxFile,
		Source:      save.Source{ID: partID, URL: res.URL, Validator: res.Validator, Length: res.Length},
		Part:        part,
	})
	if err != nil {
		if err = saveError(rawURL, err); res.Validator != "" && body.own >= worthATry {
			err = gotOn{err}
		}
		return nil, err
	}
	e.front.Release(t)
	if e.parts.Check != nil {
		if err := e.parts.Check(ctx, tmp); err != nil {
			tmp.Discard()
			return nil, saveError(rawURL, err)
		}
	}

	f := &store.File{
		Key: t.Key, URL: res.URL, Size: tmp.Size, SHA256: tmp.SHA256, Type: tmp.Type,
		ETag: res.Header.Get("ETag"), Modified: res.Header.Get("Last-Modified"),
	}
	if k != nil {
		f.Path = name
		if k.whole && k.SHA256 == f.SHA256 {
			tmp.Discard()
			return f, nil
		}
		if k.whole {
			if err := e.keepOld(ctx, k); err != nil {
				tmp.Discard()
				return nil, saveError(rawURL, err)
			}
		}
	} else if h, ok := e.held[t.Key]; ok && e.opt.Hold > 0 && h.SHA256 == f.SHA256 {
		// It is held already, and what has its name may be better.
		tmp.Discard()
		return nil, &fetch.Error{URL: rawURL, Reason: Held, Err: fmt.Errorf("still the placeholder that is kept as %s/%s", store.HeldDir, h.HeldName())}
	} else if f.Path, err = e.finalPath(ctx, t, name, tmp.Type); err != nil {
		tmp.Discard()
		return nil, err
	}
	if err := e.parts.Files.Place(ctx, tmp, Saved(f)); err != nil {
		tmp.Discard()
		return nil, saveError(rawURL, err)
	}
	return f, nil
}

// Saved returns what package save goes by of a file that is recorded.
func Saved(f *store.File) save.File {
	return save.File{Key: f.Key, URL: f.URL, Path: f.Path, Size: f.Size, SHA256: f.SHA256, Type: f.Type}
}

// nameOf returns path with the name that a response gives its body, or that the
// redirects to it have led to; path itself if there is none.
func nameOf(path string, res *fetch.Response) string {
	name := fetch.SuggestedName(res.Header)
	if name == "" {
		if name = trawl.FileName(res.URL); save.Nameless(name) {
			return path
		}
	}
	if name = save.CleanName(name); name == "" {
		return path
	}
	dir, _ := pathpkg.Split(path)
	return save.Clean(dir + name)
}

// finalPath returns the path that a file has in the end: the one reserved for
// it, or the name that it got on arrival, with the extension of its type unless
// that is to be kept as it is.
//
// An earlier process may have given it another path than its request says, and
// may even have put it there before it died. That one is its own: the first may
// have passed to another file, and a third would leave the second behind.
func (e *Engine) finalPath(ctx context.Context, t *frontier.Task, name, typ string) (string, error) {
	path := t.Request.Path
	mayBeThere := e.before.Files.Total() > 0 || e.shared != nil
	if mayBeThere {
		own, err := e.parts.Store.Reserve(ctx, []store.Name{{Key: t.Key, Path: path}}, nil)
		if err != nil {
			return "", err
		}
		path = own[0]
	}
	if path != t.Request.Path {
		name = path
	}
	if !e.opt.KeepExt {
		name = save.FixExt(name, typ)
	}
	if m, ok := e.parts.Files.(save.Marker); ok {
		name = m.Mark(name)
	}
	if name == path {
		return path, nil
	}
	if mayBeThere {
		// What is under the old name has no record, and would never have one.
		if err := e.parts.Files.Remove(ctx, path); err != nil {
			return "", err
		}
	}
	return e.parts.Store.Rename(ctx, store.Name{Key: t.Key, Path: name}, e.taken)
}

// saveError gives what package save reports the URL and the reason that the
// rest of the engine goes by.
func saveError(rawURL string, err error) error {
	var se *save.Error
	if fetch.ReasonOf(err) != "" || !errors.As(err, &se) {
		return err // the body failed, or the context ended
	}
	reason := fetch.Reason(se.Reason)
	if reason == fetch.Size {
		reason = Filtered
	}
	return &fetch.Error{URL: rawURL, Reason: reason, Err: err}
}

// failure describes an attempt that came to err.
func failure(t *frontier.Task, err error) *store.Failure {
	f := &store.Failure{
		Key: t.Key, Kind: t.Request.Kind, URL: t.Request.URL,
		Reason: string(fetch.ReasonOf(err)), Message: err.Error(), Tries: t.Tries + 1, At: time.Now(),
	}
	var fe *fetch.Error
	if errors.As(err, &fe) {
		f.Status = fe.Status
		f.Message = strings.TrimPrefix(fe.Error(), "fetch "+fe.URL+": ") // the URL is known
	}
	var bt interface{ Backtrace() string }
	if errors.As(err, &bt) && bt.Backtrace() != "" {
		f.Message += "\n" + bt.Backtrace()
	}
	return f
}

// pause is the time before a retry: base doubled for each earlier try, at
// most 5 minutes, varied by half.
func pause(base time.Duration, tries int) time.Duration {
	d := min(base<<min(tries, 16), 5*time.Minute)
	return d/2 + rand.N(d+1)
}

// fatal reports whether the job cannot go on after err: what is neither the
// request's fault nor the spider's is the store's or the disk's.
func fatal(err error) bool {
	if err == nil {
		return false
	}
	if se := (*save.Error)(nil); errors.As(err, &se) {
		return se.Persistent()
	}
	return fetch.ReasonOf(err) == ""
}
