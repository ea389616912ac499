package crawl

import (
	"context"
	"errors"
	"maps"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// errUnchanged is a file that the server says has not changed.
var errUnchanged = errors.New("not changed")

// unchanged is the outcome of a request that is as it was.
var unchanged = store.Outcome{State: store.Done, Unchanged: true}

// beginUpdate makes what is done wait again, unless an earlier update has not
// come to its end; then that one goes on.
func (e *Engine) beginUpdate(ctx context.Context) error {
	v, err := e.parts.Store.Get(ctx, store.Updating)
	if err != nil {
		return err
	}
	// A process that died may have put a file in its place and not recorded
	// it. So what there is is not taken for what is recorded.
	e.unfinished = v != ""
	if e.opt.Update && v == "" {
		_, err = e.parts.Store.Update(ctx, e.opt.AbortAfter == 0)
	}
	return err
}

// endUpdate notes that the update, if there was one, has come to its end.
func (e *Engine) endUpdate(ctx context.Context) error {
	if !e.opt.Update && !e.unfinished {
		return nil
	}
	if err := e.parts.Store.Set(ctx, store.Updating, ""); err != nil || e.parts.Files == nil {
		return err
	}
	return e.dropOld(ctx)
}

// A known file is one that was fetched before and is asked again.
type known struct {
	store.File
	whole bool // it is on disk as it was recorded
}

// known returns what there is of the file of a task; nil if it is a new one.
func (e *Engine) known(ctx context.Context, t *frontier.Task) (*known, error) {
	if !t.Again {
		return nil, nil
	}
	f, err := e.parts.Store.Before(ctx, t.Entry)
	if err != nil || f.Path == "" {
		return nil, err
	}
	k := &known{File: f}
	if e.unfinished {
		k.whole, err = e.parts.Files.Has(ctx, Saved(&f))
	} else {
		k.whole, err = e.parts.Files.HasSize(ctx, Saved(&f))
	}
	return k, err
}

// ask returns the headers with the condition that the file at a URL of the
// task has changed. Validators are sent only where they came from, and only if
// the file is there.
func (k *known) ask(t *frontier.Task, rawURL string, headers map[string]string) map[string]string {
	if k == nil || !k.whole {
		return headers
	}
	from := t.Request.URL // which may have led elsewhere
	key := trawl.KeyOf(trawl.KindFile, k.URL)
	for _, u := range t.Request.Backup {
		if trawl.KeyOf(trawl.KindFile, u) == key {
			from = u
		}
	}
	if from != rawURL {
		return headers
	}
	return conditional(headers, &k.File)
}

// conditional returns headers with the validators of f.
func conditional(headers map[string]string, f *store.File) map[string]string {
	if f.ETag == "" && f.Modified == "" {
		return headers
	}
	h := maps.Clone(headers)
	if h == nil {
		h = make(map[string]string)
	}
	if f.ETag != "" {
		h["If-None-Match"] = f.ETag
	}
	if f.Modified != "" {
		h["If-Modified-Since"] = f.Modified
	}
	return h
}

// countKnown counts the files in a row that pages led to and the job had, and
// ends the update, or the run, when there are enough of them.
func (e *Engine) countKnown(outs []store.Outcome) error {
	if e.opt.AbortAfter <= 0 || e.enough.Load() {
		return nil
	}
	for i := range outs {
		o := &outs[i]
		switch {
		case o.Kind != trawl.KindPage || o.State != store.Done:
		case o.Unchanged:
			e.inRow++ // with an unknown number of files
		default:
			for j := range o.Children {
				c := &o.Children[j]
				if c.Request.Kind != trawl.KindFile {
					continue
				}
				old, err := !c.New, error(nil)
				if c.New {
					old, err = e.archived(context.Background(), c.Request.URL)
				}
				switch {
				case err != nil:
					return err
				case old:
					e.inRow++
				default:
					e.inRow = 0
				}
			}
		}
		if e.inRow >= e.opt.AbortAfter {
			return e.stopAsking()
		}
	}
	return nil
}

// stopAsking ends an update before its end: nothing that is done is asked
// again, and the run goes on with what is new. Without an update it ends the
// run.
func (e *Engine) stopAsking() error {
	e.enough.Store(true)
	if !e.opt.Update {
		e.stopTaking()
		return nil
	}
	if _, err := e.parts.Store.Settle(context.Background()); err != nil {
		return err
	}
	e.front.Drop(func(en *store.Entry) bool { return en.Again })
	return nil
}
