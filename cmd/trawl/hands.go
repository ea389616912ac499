package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/store"
)

// mostJobs is how many jobs a worker works on at a time: each takes up to 8
// connections to the database, and its page and file workers.
const mostJobs = 8

// turn is how long a job keeps its place while others wait for one.
const turn = 5 * time.Minute

// awayFor is how long a worker waits for a database that cannot be reached, as
// long as the jobs that are under way do.
const awayFor = 2 * time.Minute

// Hands work on all jobs of a database at the same time.
type hands struct {
	*worker
	places int           // for jobs at a time
	turn   time.Duration // see turn
	list   func(context.Context) ([]string, error)
	look   func(ctx context.Context, name string) (waiting int64, begun bool, err error)
	do     func(ctx context.Context, name string) (*crawl.Summary, error)

	jobs  map[string]*hand
	ended chan ended
	all   sync.WaitGroup // the jobs under way
}

// A hand is what is known of one job.
type hand struct {
	stop  context.CancelFunc // ends the work under way; nil if there is none
	since time.Time          // when that began, or ended
	rests time.Time          // until then it is not looked at
	said  string             // the error that was shown last
}

// An ended is a job that is no longer under way.
type ended struct {
	name string
	sum  *crawl.Summary
	err  error
}

func newHands(w *worker) *hands {
	return &hands{
		worker: w, places: mostJobs, turn: turn,
		list: func(ctx context.Context) ([]string, error) { return postgres.Jobs(ctx, w.flags.store.url) },
		look: w.waiting, do: w.work,
		jobs: make(map[string]*hand), ended: make(chan ended),
	}
}

// run works until ctx ends, and until what was under way then has come to its
// end; or until the database has been away for too long.
func (h *hands) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		go func() {
			h.all.Wait()
			close(h.ended)
		}()
		for e := range h.ended {
			h.end(e)
		}
	}()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var seen time.Time // when the database last answered
	for {
		err := h.step(ctx)
		switch {
		case ctx.Err() != nil:
			h.status = exitInterrupted
			return nil
		case err == nil:
			seen = time.Now()
		case !errors.Is(err, store.ErrIO) || time.Since(seen) > awayFor:
			return err
		}
		select {
		case e := <-h.ended:
			h.end(e)
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// step begins what there is to do and a place for. Its error is that of the
// database as a whole.
func (h *hands) step(ctx context.Context) error {
	names, err := h.list(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(h.jobs, func(name string, j *hand) bool { return j.stop == nil && !slices.Contains(names, name) })
	var idle []string
	busy := 0
	var oldest *hand
	for _, name := range names {
		j := h.jobs[name]
		if j == nil {
			j = &hand{}
			h.jobs[name] = j
		}
		switch {
		case j.stop == nil:
			idle = append(idle, name)
		default:
			busy++
			if oldest == nil || j.since.Before(oldest.since) {
				oldest = j
			}
		}
	}
	// Those that had their turn longest ago come first.
	slices.SortStableFunc(idle, func(a, b string) int { return h.jobs[a].since.Compare(h.jobs[b].since) })
	for _, name := range idle {
		j := h.jobs[name]
		full := busy >= h.places
		if time.Now().Before(j.rests) || full && time.Since(oldest.since) < h.turn {
			continue
		}
		waiting, _, err := h.look(ctx, name)
		switch {
		case ctx.Err() != nil || errors.Is(err, store.ErrIO):
			return err
		case err != nil:
			h.failed(name, err)
		case waiting == 0:
			j.rests = time.Now().Add(lookEvery)
		case full:
			oldest.stop() // its place is free when it has ended what it has begun
			return nil
		default:
			h.begin(ctx, name)
			busy++
			if oldest == nil {
				oldest = j
			}
		}
	}
	return nil
}

// begin starts the work on a job.
func (h *hands) begin(ctx context.Context, name string) {
	j := h.jobs[name]
	ctx, j.stop = context.WithCancel(ctx)
	j.since = time.Now()
	h.all.Go(func() {
		sum, err := h.do(ctx, name)
		h.ended <- ended{name, sum, err}
	})
}

// end notes that a job is no longer under way.
func (h *hands) end(e ended) {
	j := h.jobs[e.name]
	interrupted := e.sum != nil && e.sum.Interrupted
	j.stop()
	j.stop, j.since, j.rests = nil, time.Now(), time.Time{}
	switch {
	case e.err != nil && !errors.Is(e.err, context.Canceled):
		h.failed(e.name, e.err)
	case e.sum != nil && e.sum.Left() > 0 && !interrupted: // for hosts that were stopped
		j.rests = time.Now().Add(restAfter)
	}
}

// failed says, once, why a job is left alone for a while.
func (h *hands) failed(name string, err error) {
	j := h.jobs[name]
	j.rests = time.Now().Add(restAfter)
	if errors.Is(err, store.ErrIO) {
		j.rests = time.Now().Add(lookEvery) // the database was away
	}
	if text := err.Error(); j.said != text {
		j.said = text
		if h.log != nil {
			h.log.Error("job left alone", "job", name, "worker", workerName(), "err", err, "hint", cmp.Or(hint(err), "it is tried again later"))
			return
		}
		fmt.Fprintf(h.err, "%s: %s\n", printable(name), indented(text))
	}
}
