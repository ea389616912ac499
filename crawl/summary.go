package crawl

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// A Tally counts requests of one kind.
type Tally struct {
	Done    int64 `json:"done"`    // in this run
	Already int64 `json:"already"` // by earlier runs, and not changed since
	Failed  int64 `json:"failed"`  // in the whole job
	Waiting int64 `json:"waiting"`
	LeftOut int64 `json:"left_out"` // in the whole job; see [LeftOut]
}

// Total is the number of requests known.
func (t Tally) Total() int64 { return t.Done + t.Already + t.Failed + t.Waiting + t.LeftOut }

// A Summary is what a run came to.
type Summary struct {
	Pages Tally `json:"pages"`
	Files Tally `json:"files"`

	// Items of this run, and those that could not be built.
	Items       int64 `json:"items"`
	ItemsFailed int64 `json:"items_failed"`
	// ItemsTotal are those of the whole job.
	ItemsTotal int64 `json:"items_total"`

	// Bytes is what the files of this run hold; Received also counts pages
	// and what was thrown away.
	Bytes    int64 `json:"bytes"`
	Received int64 `json:"received"`

	// Duplicates counts the files of this run whose content the job had.
	Duplicates int64 `json:"duplicates"`

	// Retries counts the attempts that failed and were made again.
	Retries int64 `json:"retries"`

	// Failed counts the requests of the whole job that failed; see
	// [CountFailures].
	Failed []FailedCount `json:"failed,omitempty"`

	// Enough says that the run asked no further because the last
	// Options.AbortAfter files were known.
	Enough bool `json:"enough,omitempty"`

	// Stopped are the hosts that nothing more was asked of, with the reason.
	Stopped map[string]string `json:"stopped,omitempty"`

	Warnings []Note `json:"warnings,omitempty"`
	BadItems []Note `json:"bad_items,omitempty"`
	BadSeeds []Note `json:"bad_seeds,omitempty"`

	// Interrupted says that the run was stopped with work left.
	Interrupted bool          `json:"interrupted"`
	Elapsed     time.Duration `json:"elapsed_ns"`
}

// Left is the number of requests that wait.
func (s *Summary) Left() int64 { return s.Pages.Waiting + s.Files.Waiting }

// A FailedCount counts failures of one reason and status.
type FailedCount struct {
	Reason string `json:"reason"`
	Status int    `json:"status,omitempty"`
	Count  int    `json:"count"`
	Files  int    `json:"files"` // how many of them are files; the others are pages
	// Example is one of them.
	Example string `json:"example"`
}

// Filtered is the reason of files that were left out because they are larger
// than Options.MaxFile. It is not a failure.
const Filtered = fetch.Reason("filtered")

// LeftOut reports whether requests are given up for a reason that is no
// failure: the robots.txt of their host, or their size.
func LeftOut(reason string) bool { return reason == string(Filtered) || reason == string(Robots) }

// CountLeftOut returns how many of the pages and files that kinds counts were
// left out, which is no failure.
func CountLeftOut(kinds []FailedCount) (pages, files int64) {
	for _, k := range kinds {
		if LeftOut(k.Reason) {
			pages += int64(k.Count - k.Files)
			files += int64(k.Files)
		}
	}
	return pages, files
}

func (e *Engine) summary(ctx context.Context) (*Summary, error) {
	s := &Summary{
		Items: e.count.items.Load(), ItemsFailed: e.count.itemsBad.Load(),
		Bytes: max(e.count.fileBytes.Load(), 0), Received: e.count.bytes.Load(),
		Retries: e.count.retries.Load(),
		Elapsed: time.Since(e.began), Enough: e.enough.Load(),
	}
	if e.front != nil {
		s.Stopped = e.front.Stopped()
	}
	e.count.mu.Lock()
	s.Warnings = append(s.Warnings, e.count.warnings.list...)
	s.BadItems = append(s.BadItems, e.count.badItems.list...)
	s.BadSeeds = append(s.BadSeeds, e.count.badSeeds.list...)
	e.count.mu.Unlock()

	st, err := e.parts.Store.Stats(ctx)
	if err != nil {
		return s, err
	}
	s.ItemsTotal = st.Items
	s.Duplicates = max(st.Duplicates-e.before.Duplicates, 0)
	s.Failed, err = CountFailures(ctx, e.parts.Store)
	pages, files := CountLeftOut(s.Failed)
	s.Pages = e.tally(trawl.KindPage, st.Pages, e.before.Pages, pages)
	s.Files = e.tally(trawl.KindFile, st.Files, e.before.Files, files)
	return s, err
}

// tally says what became of requests since before. Some that were done then
// may be held now. leftOut of those that failed were left out.
func (e *Engine) tally(kind trawl.Kind, now, before store.Counts, leftOut int64) Tally {
	done := max(now.Done-before.Done-e.count.same[kind].Load(), 0)
	leftOut = min(leftOut, now.Failed)
	return Tally{Done: done, Already: now.Done - done, Failed: now.Failed - leftOut, Waiting: now.Waiting, LeftOut: leftOut}
}

// CountFailures counts the failed requests of a job by reason, and by HTTP
// status where that is the reason, in the order of their first appearance.
func CountFailures(ctx context.Context, st store.Store) ([]FailedCount, error) {
	var out []FailedCount
	type kind struct {
		reason string
		status int
	}
	at := make(map[kind]int)
	for f, err := range st.Failures(ctx) {
		if err != nil {
			return out, err
		}
		k := kind{reason: f.Reason}
		if r := fetch.Reason(f.Reason); r == fetch.HTTP || r == fetch.Auth {
			k.status = f.Status // the others failed after a good answer, or before it
		}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, FailedCount{Reason: f.Reason, Status: k.status, Example: f.URL})
		}
		out[i].Count++
		if f.Kind == trawl.KindFile {
			out[i].Files++
		}
	}
	return out, nil
}

// A HostState is how a host stands.
type HostState = frontier.HostState

// A Snapshot is how a run stands.
type Snapshot struct {
	Pages, Files Tally
	Items        int64
	Received     int64 // bytes in bodies so far
	Bytes        int64 // in files that are done
	Retries      int64
	ItemsFailed  int64
	Elapsed      time.Duration

	// Hosts under way, the slowest first.
	Hosts []HostState
}

// Snapshot tells how the run stands, with up to hosts hosts. It may be called
// at any time from any goroutine while Run is going.
func (e *Engine) Snapshot(ctx context.Context, hosts int) (Snapshot, error) {
	front := e.running.Load()
	if front == nil {
		return Snapshot{}, ErrNotRunning
	}
	st, err := e.parts.Store.Stats(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	return Snapshot{
		Pages: e.tally(trawl.KindPage, st.Pages, e.before.Pages, e.count.leftOut[trawl.KindPage].Load()),
		Files: e.tally(trawl.KindFile, st.Files, e.before.Files, e.count.leftOut[trawl.KindFile].Load()),
		Items: e.count.items.Load(), Received: e.count.bytes.Load(), Bytes: max(e.count.fileBytes.Load(), 0),
		Retries: e.count.retries.Load(), ItemsFailed: e.count.itemsBad.Load(),
		Elapsed: time.Since(e.began),
		Hosts:   front.Slowest(hosts),
	}, nil
}

// A Load is what this process has in hand of a job, alone or among others.
type Load struct {
	Pages, Files KindLoad

	// Uncommitted are the pages and files that are finished and not durable yet.
	Uncommitted int

	// Hosts with something to do in memory, and those that were stopped.
	Hosts HostCounts

	// Received is the number of bytes in bodies so far.
	Received int64

	// Shared says that the job is, and then Partitions are those of the process,
	// and LeaseAge is how long ago the one of them was last renewed for which that
	// is the longest ago. When it reaches Lease others may take it over.
	Shared          bool
	Partitions      int
	LeaseAge, Lease time.Duration
}

// A KindLoad counts requests of one kind that the process has in hand.
type KindLoad struct {
	Ready   int // of hosts that may be asked now: they want a worker
	Waiting int // for their host, in memory
	Active  int // under way
}

// HostCounts counts hosts by how they stand.
type HostCounts = frontier.HostCounts

// Load tells what the process has in hand. It asks nothing of the store, and so
// does not wait. It may be called at any time from any goroutine; before Run has
// begun it returns [ErrNotRunning].
func (e *Engine) Load() (Load, error) {
	front := e.running.Load()
	if front == nil {
		return Load{}, ErrNotRunning
	}
	f := front.Load()
	kind := func(k trawl.Kind) KindLoad {
		return KindLoad{Ready: f.Ready[k], Waiting: f.Waiting[k], Active: int(e.count.active[k].Load())}
	}
	l := Load{
		Pages: kind(trawl.KindPage), Files: kind(trawl.KindFile), Uncommitted: f.Uncommitted, Hosts: f.Hosts,
		Received: e.count.bytes.Load(), Shared: e.shared != nil, Partitions: f.Partitions,
	}
	if e.shared != nil {
		l.Lease = e.opt.Lease
		if !f.LeaseEnds.IsZero() {
			l.LeaseAge = max(e.opt.Lease-time.Until(f.LeaseEnds), 0)
		}
	}
	return l, nil
}

// A meter counts what is read, and calls end when all of it is.
type meter struct {
	r   io.Reader
	n   *atomic.Int64 // of all bodies
	own int64         // of this one
	end func()        // may be called again
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n.Add(int64(n))
	m.own += int64(n)
	if err == io.EOF {
		m.end()
	}
	return n, err
}
