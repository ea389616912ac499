package crawl

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
)

// maxNotes bounds the texts kept of each kind: warnings, failed items and bad
// seeds. Beyond that they are counted and not kept.
const maxNotes = 200

// counters are what this run did.
type counters struct {
	bytes     atomic.Int64 // received in bodies
	fileBytes atomic.Int64
	items     atomic.Int64
	same      [2]atomic.Int64 // asked again and not changed, by kind
	leftOut   [2]atomic.Int64 // in the job, as far as this process knows, by kind
	itemsBad  atomic.Int64
	retries   atomic.Int64
	active    [2]atomic.Int64 // requests under way, by kind

	mu       sync.Mutex // guards what follows
	failed   map[string]int
	warnings notes
	badItems notes
	badSeeds notes
}

// notes are distinct texts in the order of their first appearance. Failed
// items are distinct by their place in the spider.
type notes struct {
	list []Note
	more int // not kept
}

// A Note is a text and how often it, or one like it, came up.
type Note struct {
	Text  string `json:"text"`
	Count int    `json:"count"`

	key string
}

// add counts a text, as one with those of the same key, and reports whether
// it is the first of them.
func (n *notes) add(key, text string) bool {
	if i := slices.IndexFunc(n.list, func(m Note) bool { return m.key == key }); i >= 0 {
		n.list[i].Count++
		return false
	}
	if len(n.list) >= maxNotes {
		n.more++
		return false
	}
	n.list = append(n.list, Note{Text: text, Count: 1, key: key})
	return true
}

// warn passes on what the author of a spider should know, once.
func (e *Engine) warn(text string) {
	e.count.mu.Lock()
	isNew := e.count.warnings.add(text, text)
	e.count.mu.Unlock()
	if isNew {
		e.log.Warn(text)
		if fn := e.opt.Events.Warning; fn != nil {
			fn(text)
		}
	}
}

func (e *Engine) itemFailed(page string, err trawl.ItemError) {
	e.count.itemsBad.Add(1)
	e.count.mu.Lock()
	e.count.badItems.add(cmp.Or(err.Place, err.Err), err.Error())
	e.count.mu.Unlock()
	e.log.Error("item failed", "page", page, "err", err)
	if fn := e.opt.Events.ItemFailed; fn != nil {
		fn(page, err)
	}
}

func (e *Engine) badSeed(err error) {
	e.count.mu.Lock()
	e.count.badSeeds.add(err.Error(), err.Error())
	e.count.mu.Unlock()
	e.log.Error("start request left out", "err", err)
}

// committed counts and reports what has become durable.
func (e *Engine) committed(ts []*frontier.Task, outs []store.Outcome, rec store.Receipt) {
	took := time.Since(e.committing)
	defer func() { tell(e.opt.Events.Commit, Commit{Outcomes: len(outs), Took: took}) }()
	if err := errors.Join(e.hold(rec), e.archive(ts, outs, rec), e.countKnown(outs)); err != nil {
		e.front.Fail(err)
	}
	if g, ok := e.parts.Files.(save.Gatherer); ok {
		g.Committed(placed(outs))
	}
	held := make(map[trawl.Key]bool)
	for i := range rec.Held {
		held[rec.Held[i].File.Key] = true
	}
	if e.opt.Link {
		e.link(rec.Duplicates, held)
	}
	for i := range outs {
		t, o := ts[i], &outs[i]
		if o.Unchanged {
			e.count.same[o.Kind].Add(1)
			continue
		}
		if o.File != nil && held[t.Key] {
			delete(held, t.Key) // what is left was reported as done before
			continue
		}
		if o.Failure != nil && o.State != store.Done {
			e.reportFailure(o)
			continue
		}
		if t.Request.Kind == trawl.KindPage {
			e.reportPage(t, o)
		} else {
			e.reportFile(t, o, rec.Duplicates)
		}
	}
	for i := range rec.Held {
		f := &rec.Held[i]
		if held[f.File.Key] {
			e.count.fileBytes.Add(-f.File.Size)
		}
		e.reportFailure(&store.Outcome{State: store.Failed, Failure: &f.Failure})
	}
	if e.outputs != nil && e.shared == nil {
		e.outputs.write(outs, rec.Revised)
	}
}

// placed returns the keys of the files among outcomes that were placed.
func placed(outs []store.Outcome) (keys []trawl.Key) {
	for i := range outs {
		if o := &outs[i]; o.State == store.Done && o.File != nil {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

// link makes links of files whose content the job had, but for those held.
func (e *Engine) link(dups []store.File, held map[trawl.Key]bool) {
	linker, ok := e.parts.Files.(save.Linker)
	if !ok {
		return
	}
	for i := range dups {
		f := &dups[i]
		if held[f.Key] {
			continue
		}
		if _, err := linker.Link(context.Background(), f.DuplicateOf, Saved(f)); err != nil {
			e.log.Warn("no link", "path", f.Path, "first", f.DuplicateOf, "err", err)
			e.noLinks.Do(func() { e.warn(fmt.Sprintf("equal files stay copies where links are not possible: %v", err)) })
		}
	}
}

func (e *Engine) reportPage(t *frontier.Task, o *store.Outcome) {
	ev := PageDone{URL: t.Request.URL, Spider: t.Request.Spider, Items: len(o.Items)}
	for i := range o.Children {
		if o.Children[i].Request.Kind == trawl.KindFile {
			ev.Files++
		} else {
			ev.Pages++
		}
	}
	e.log.Debug("page", "url", ev.URL, "pages", ev.Pages, "files", ev.Files, "items", ev.Items)
	tell(e.opt.Events.Page, ev)
	for _, it := range o.Items {
		if it.Seq == 0 {
			continue // it was there, when the page was read before
		}
		e.count.items.Add(1)
		if fn := e.opt.Events.Item; fn != nil {
			fn(ItemDone{Output: it.Output, Body: it.Body})
		}
	}
}

func (e *Engine) reportFile(t *frontier.Task, o *store.Outcome, dups []store.File) {
	ev := FileDone{URL: t.Request.URL, From: t.Request.URL, Path: t.Request.Path}
	if f := o.File; f != nil {
		ev.From, ev.Path, ev.Size, ev.Type = f.URL, f.Path, f.Size, f.Type
		ev.SHA256 = hex.EncodeToString(f.SHA256[:])
		if n, ok := e.parts.Files.(save.Namer); ok {
			ev.At = n.NameOf(Saved(f))
		}
		for i := range dups {
			if dups[i].Key == f.Key {
				ev.DuplicateOf = dups[i].DuplicateOf
			}
		}
	}
	e.count.fileBytes.Add(ev.Size)
	e.log.Debug("file", "url", ev.URL, "path", ev.Path, "size", ev.Size)
	tell(e.opt.Events.File, ev)
}

func (e *Engine) reportFailure(o *store.Outcome) {
	f := o.Failure
	ev := Failed{URL: f.URL, Kind: f.Kind.String(), Reason: f.Reason, Status: f.Status, Message: f.Message, Tries: f.Tries}
	if o.State == store.Waiting {
		ev.Again = o.Due
		e.count.retries.Add(1)
		e.log.Info("retry", "kind", ev.Kind, "host", hostOf(f.URL), "url", f.URL, "reason", f.Reason, "status", f.Status, "err", f.Message, "at", o.Due)
		tell(e.opt.Events.Retry, ev)
		return
	}
	e.count.mu.Lock()
	if e.count.failed == nil {
		e.count.failed = make(map[string]int)
	}
	e.count.failed[f.Reason]++
	e.count.mu.Unlock()
	level := slog.LevelError
	if LeftOut(f.Reason) {
		level = slog.LevelInfo
		e.count.leftOut[f.Kind].Add(1)
	}
	e.log.Log(context.Background(), level, "failed", "kind", ev.Kind, "host", hostOf(f.URL), "url", f.URL, "reason", f.Reason, "status", f.Status, "err", f.Message)
	tell(e.opt.Events.Failed, ev)
}

// countLeftOut counts what earlier runs have left out.
func (e *Engine) countLeftOut(ctx context.Context) error {
	if e.before.Pages.Failed+e.before.Files.Failed == 0 {
		return nil
	}
	kinds, err := CountFailures(ctx, e.parts.Store)
	pages, files := CountLeftOut(kinds)
	e.count.leftOut[trawl.KindPage].Store(pages)
	e.count.leftOut[trawl.KindFile].Store(files)
	return err
}

// ErrNotRunning is returned by Snapshot before Run has begun.
var ErrNotRunning = errors.New("crawl: the engine is not running")

func (e *Engine) hostRests(ev HostRests) {
	e.log.Warn("host rests", "host", ev.Host, "status", ev.Status, "until", ev.Until)
	tell(e.opt.Events.HostRests, ev)
}

// noteStop tells, once, that a task's host was stopped, if it was.
func (e *Engine) noteStop(t *frontier.Task) {
	why := e.front.WhyStopped(t)
	if why == "" {
		return
	}
	if _, told := e.stopped.LoadOrStore(t.HostName, true); told {
		return
	}
	e.log.Error("host stopped", "host", t.HostName, "why", why)
	tell(e.opt.Events.HostStopped, HostStopped{Host: t.HostName, Why: why})
}

// logEnd logs what the run came to.
func (e *Engine) logEnd(s *Summary, err error) {
	level := slog.LevelInfo
	args := []any{
		"pages", s.Pages.Done, "files", s.Files.Done, "items", s.Items, "bytes", s.Bytes, "received", s.Received,
		"failed", s.Pages.Failed + s.Files.Failed, "waiting", s.Left(), "retries", s.Retries,
		"seconds", s.Elapsed.Seconds(), "interrupted", s.Interrupted,
	}
	if err != nil {
		level = slog.LevelError
		args = append(args, "err", err)
	}
	e.log.Log(context.Background(), level, "run ends", args...)
}

// hostOf returns the host of a URL, "" if it has none.
func hostOf(rawURL string) string {
	u, err := trawl.ParseURL(rawURL)
	if err != nil {
		return ""
	}
	return u.Host
}
