// Package crawl is the engine: it runs spiders over a frontier with page
// workers (producers) and file workers (consumers), and keeps what they find.
//
// An [Engine] joins the parts that it is given: a store, a client, a place
// for files. It is made by [New] and does its work in [Engine.Run]. To run a
// spider into a directory, start with package job, which makes the parts.
//
// What a page yields, its records, its links and its end, is committed in one
// unit; a file is recorded after it is complete on disk under its final name.
// So a job can be stopped or killed at any moment, and goes on where it was.
package crawl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/thread"
)

// Parts are what an Engine works with. They belong to the caller, who closes
// them after Run.
type Parts struct {
	Store store.Store
	Fetch *fetch.Client

	// Files is where files and records go. If it is nil nothing is written:
	// files are reported with the name that they would get and count as
	// collected, without being fetched.
	Files save.Files

	// Dir is the job's directory on this machine; records go there.
	Dir string

	// Archive, if not nil, remembers the files, beyond the job. A file that is
	// in it and not in the job counts as done and is not fetched.
	Archive Archive

	// Check, if not nil, looks at every file once it is complete, and keeps
	// it from getting its name by an error. A *save.Error fails the file, any
	// other the job. It may be called from several goroutines at once.
	Check func(context.Context, *save.Temp) error
}

// Options adjust an Engine. A nil *Options and every zero field mean the
// default.
type Options struct {
	// Producers and Consumers are the numbers of page and file workers; zero
	// means the spider's, else 8 and 16. Of several spiders the one that asks
	// for the most has its way.
	Producers, Consumers int

	// Jobs bounds the pages and files that are worked on at a time, together;
	// zero means no further bound. With 1 everything happens one by one.
	Jobs int

	// PerHost is the number of requests that may be under way to one host;
	// zero means the spider's, else 2 at first, and from 1 to 6 as the host
	// can bear it.
	PerHost int

	// NoRobots leaves it open what the robots.txt of a host says. Without it
	// one is asked for before the first request to the host, and requests
	// that it disallows are not made; see [Robots].
	NoRobots bool

	// Delay is the pause between two requests to one host; zero means the
	// spider's, negative none. With a DelayMax above it each pause is drawn
	// by lot between the two.
	Delay, DelayMax time.Duration

	// PageQueue and FileQueue bound the pages and files that wait in memory;
	// zero means the spider's, else 100 and 1000. The rest waits on disk.
	PageQueue, FileQueue int

	// Retries is how often a request that failed for the time being is
	// tried again; zero means 4, negative never.
	Retries int

	// RetryWait is the pause before the first retry. It doubles with each
	// one, up to 5 minutes, and varies by half. Zero means 1 second.
	RetryWait time.Duration

	// MaxFile bounds a file in bytes; a larger one is left out, which is not
	// a failure. Zero means no bound.
	MaxFile int64

	// Hold is the number of files of one host with the same content from which
	// on all of them are held; see [Held]. Zero means 5, negative never.
	Hold int

	// KeepExt saves each file under the name reserved for it. Without it a
	// file whose content is of another type gets the extension of that.
	KeepExt bool

	// Update asks again for everything that the job has done, on condition
	// that it has changed where the server gave a validator, and takes what
	// has. What fails stays as it was. An update that was interrupted goes
	// on.
	Update bool

	// AbortAfter ends the run when so many files in a row that pages led to
	// were known already; zero means never. With Update only pages are asked
	// again, in the order in which they were found first, and what is new is
	// still collected after that.
	AbortAfter int

	// ArchiveOnlyAdds adds files to Parts.Archive and fetches what is in it.
	ArchiveOnlyAdds bool

	// Link makes a file whose content the job has a hard link to the first
	// one. Where the file system takes no links it stays a copy, and a
	// warning says so once.
	Link bool

	// Grace is how long the work under way may go on after the context of
	// Run ended; zero means 5 seconds, negative not at all.
	Grace time.Duration

	// Rename, if not nil, is asked for each file's path, given the request
	// with the path that the spider chose. It may be called from several
	// goroutines at once.
	Rename func(trawl.Request) string

	// Headers are sent to the hosts whose pages the job visits, and win over
	// the spider's. Those that merely hold its files get of these User-Agent,
	// Accept, Accept-Language and Referer, and of the spider's all but Cookie
	// and Authorization.
	Headers map[string]string

	// Patience is how long a worker waits for a host to send something before
	// another worker takes its place, so that hosts that hang do not use up
	// the workers. Zero means 2 seconds.
	Patience time.Duration

	// Choose, if not nil, says which of a page's files are taken, by their
	// number from 1 on, which goes on from Result.FilesBefore, and which of a
	// seed's. It may be called from several goroutines at once.
	Choose func(n int) bool

	// Lease is for a store that several processes share: how long one that
	// does not answer keeps its hosts, before others may take them over. Zero
	// means 15 seconds. Worker is what the others know the process by; ""
	// means the name of the machine with the number of the process.
	Lease  time.Duration
	Worker string

	// NoRecords leaves the files of records to another process. Where a store
	// is shared they are written when Run ends.
	NoRecords bool

	// Events are told what happens.
	Events Events

	// Log receives details for the curious; nil means none.
	Log *slog.Logger
}

// A Seed is a source of start requests.
type Seed struct {
	// Name identifies the source in the job, to go on where it was left; ""
	// means that it is read from its beginning in each run.
	Name string

	// Read passes the requests, from number skip on, to add. It ends at the
	// first error of add and returns it. A [BadSeed] that it passes to add is
	// reported, and left out.
	Read func(ctx context.Context, skip int64, add func(trawl.Request, error) error) error
}

// A BadSeed is a start request that makes no sense. The others are collected.
type BadSeed struct {
	Place string // such as "list.txt:17"
	Err   error
}

func (e *BadSeed) Error() string { return e.Place + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *BadSeed) Unwrap() error { return e.Err }

// An Engine runs a job once.
type Engine struct {
	parts   Parts
	spiders map[string]*spider
	seeds   []Seed
	opt     Options
	log     *slog.Logger

	front   *frontier.Frontier
	running atomic.Pointer[frontier.Frontier] // front, once it is there
	robots  *robotsBook                       // nil with Options.NoRobots
	outputs *outputs
	records map[string]bool // folded paths that records go to
	began   time.Time
	before  store.Stats // when Run began
	count   counters
	shared  store.Shared // nil if the store is the process's own
	noLinks sync.Once    // guards the warning that there are none
	stopped sync.Map     // names of hosts whose stop was told

	held       map[trawl.Key]store.File // when Run began
	olds       sync.Map                 // of oldFile by key: kept until the update ends
	unfinished bool                     // an earlier update was
	inRow      int                      // known files, in the committer
	committing time.Time                // when the commit under way began, in the committer
	enough     atomic.Bool              // they were AbortAfter
	stopTaking context.CancelFunc
}

// New returns an engine for the spiders and their seeds. It starts nothing.
//
// Requests that wait in the store for a spider that is not among spiders
// fail. Two spiders of the same name are a mistake of the caller's, and the
// later one counts.
func New(p Parts, spiders []trawl.Spider, seeds []Seed, opt *Options) *Engine {
	e := &Engine{parts: p, spiders: make(map[string]*spider), seeds: seeds}
	if opt != nil {
		e.opt = *opt
	}
	// What the job as a whole needs: the most of all spiders, those that leave
	// it to us among them. A worker that has its file goes on to save it while
	// another asks for the next, so a host that gets many at a time needs more.
	var most trawl.Settings
	consumers := max(16, e.opt.PerHost*2)
	for _, s := range spiders {
		sp := newSpider(s, e.opt.Headers)
		e.spiders[sp.set.Name] = sp
		most.Producers = max(most.Producers, first(sp.producers(), 8))
		most.Consumers = max(most.Consumers, first(sp.set.Consumers, consumers))
		most.PageQueue = max(most.PageQueue, first(sp.set.PageQueue, 100))
		most.FileQueue = max(most.FileQueue, first(sp.set.FileQueue, 1000))
	}
	e.opt.Producers = first(e.opt.Producers, most.Producers, 8)
	e.opt.Consumers = first(e.opt.Consumers, most.Consumers, consumers)
	e.opt.PageQueue = first(e.opt.PageQueue, most.PageQueue, 100)
	e.opt.FileQueue = first(e.opt.FileQueue, most.FileQueue, 1000)
	e.opt.Retries = max(first(e.opt.Retries, 4), 0)
	e.opt.RetryWait = first(e.opt.RetryWait, time.Second)
	e.opt.Hold = max(first(e.opt.Hold, 5), 0)
	e.opt.Patience = first(e.opt.Patience, 2*time.Second)
	e.opt.Lease = first(e.opt.Lease, 15*time.Second)
	e.opt.Grace = max(first(e.opt.Grace, 5*time.Second), 0)
	if e.opt.Jobs == 1 {
		e.opt.Producers, e.opt.Consumers = 1, 1
	}
	e.log = e.opt.Log
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if !e.opt.NoRobots {
		e.robots = newRobotsBook(p.Fetch, p.Store)
	}
	e.shared, _ = p.Store.(store.Shared)
	if p.Files != nil && !e.opt.NoRecords {
		e.outputs = newOutputs(p.Store, p.Dir, e.spiders)
	}
	return e
}

// first returns the first value that is not zero.
func first[T comparable](vs ...T) T {
	var zero T
	for _, v := range vs {
		if v != zero {
			return v
		}
	}
	return zero
}

// Run collects until nothing is left and returns what was collected. Requests
// that failed are in the summary and not an error.
//
// When ctx ends, Run takes no more work, gives what is under way
// Options.Grace to finish, and returns the summary, marked as interrupted,
// and a nil error. An error means that the job cannot go on, because of its
// disk or its store for instance; the summary tells what was done until then.
//
// Run must be called once. When it returns everything it started has ended.
func (e *Engine) Run(ctx context.Context) (*Summary, error) {
	e.began = time.Now()
	if err := errors.Join(e.beginUpdate(ctx), e.openArchive(ctx)); err != nil {
		return nil, err
	}
	before, err := e.parts.Store.Stats(ctx)
	if err != nil {
		return nil, err
	}
	e.before = before
	e.log.Info("run begins", "pages_waiting", before.Pages.Waiting, "files_waiting", before.Files.Waiting)
	if err := e.countLeftOut(ctx); err != nil {
		return nil, err
	}
	lease, err := e.acquire(ctx)
	if err != nil {
		return nil, err
	}
	if e.parts.Files != nil {
		olds, held, err := settleHeld(ctx, e.parts.Store, e.parts.Files, e.unfinished)
		if err != nil {
			return nil, err
		}
		for key, o := range olds {
			e.olds.Store(key, o)
		}
		e.held = held
	}
	names, err := e.parts.Store.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	e.records = outputPaths(e.spiders, names)
	if e.outputs != nil && e.shared == nil {
		if err := e.outputs.resume(ctx, names); err != nil {
			return nil, err
		}
	}

	e.front = frontier.New(e.parts.Store, lease, &frontier.Options{
		PageQueue: e.opt.PageQueue, FileQueue: e.opt.FileQueue, Jobs: e.opt.Jobs,
		Hold:         e.opt.Hold,
		Limits:       e.limits,
		Check:        !e.opt.NoRobots,
		BeforeCommit: e.beforeCommit,
		Committed:    e.committed,
		Sharing:      e.sharing(),
	})
	e.running.Store(e.front)
	if err = e.work(ctx); err == nil {
		err = e.takeBackDenied(context.WithoutCancel(ctx))
	}
	if err == nil && ctx.Err() == nil {
		err = e.endUpdate(ctx)
	}
	if err == nil {
		err = e.closeArchive(context.WithoutCancel(ctx))
	}

	if g, ok := e.parts.Files.(save.Gatherer); ok && err == nil && ctx.Err() == nil {
		err = g.Finish(ctx)
	}

	// What is known now is worth keeping whatever happened.
	last := context.WithoutCancel(ctx)
	if e.outputs != nil {
		err = errors.Join(err, e.finishOutputs(last))
	}
	leases, _ := e.front.Leases()
	err = errors.Join(err, e.parts.Store.Release(last, leases))
	sum, serr := e.summary(last)
	sum.Interrupted = ctx.Err() != nil && sum.Left() > 0
	if serr == nil {
		serr = e.keepStopped(last, sum)
	}
	err = errors.Join(err, serr)
	e.logEnd(sum, err)
	return sum, err
}

// acquire takes the one partition of a store that is not shared.
func (e *Engine) acquire(ctx context.Context) (store.Lease, error) {
	if e.shared != nil {
		return store.Lease{}, nil
	}
	ls, err := e.parts.Store.Acquire(ctx, "", 0, 0)
	if err != nil {
		return store.Lease{}, err
	}
	if len(ls) != 1 {
		return store.Lease{}, fmt.Errorf("crawl: the store handed out %d partitions, want 1", len(ls))
	}
	return ls[0], nil
}

// sharing returns how the frontier works on a store that is shared.
func (e *Engine) sharing() *frontier.Sharing {
	if e.shared == nil {
		return nil
	}
	return &frontier.Sharing{Part: e.shared.Part, Margin: e.opt.Lease / 8}
}

// finishOutputs completes the files of records. Those of a shared store are
// written now, as items of other processes come in between.
func (e *Engine) finishOutputs(ctx context.Context) error {
	var err error
	if e.shared != nil {
		var names []string
		names, err = e.parts.Store.Outputs(ctx)
		if err == nil {
			err = os.MkdirAll(e.outputs.temp(), 0o777)
		}
		if err == nil {
			err = e.outputs.resume(ctx, names)
		}
	}
	err = errors.Join(err, e.outputs.finish(ctx))
	if n, ok := e.parts.Files.(save.Namer); ok && err == nil {
		err = e.listFiles(ctx, n)
	}
	if p, ok := e.parts.Files.(save.Publisher); ok && err == nil {
		err = e.outputs.publish(ctx, p)
	}
	return err
}

// work runs the frontier, the seeds and the workers until the job ends.
func (e *Engine) work(ctx context.Context) error {
	// Work under way outlives ctx by the grace; an error ends it at once.
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stopGrace := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(e.opt.Grace, func() { cancel(errGrace) })
		context.AfterFunc(work, func() { t.Stop() })
	})
	defer stopGrace()

	take, stopTaking := context.WithCancel(ctx)
	defer stopTaking()
	e.stopTaking = stopTaking
	var (
		once    sync.Once
		seedErr error
	)
	err := thread.Scope(ctx, func(scope context.Context) error {
		for i, s := range e.seeds {
			done := e.front.Source()
			thread.Go(scope, fmt.Sprintf("start %d", i+1), func(context.Context) error {
				defer done()
				if err := e.feed(take, i, s); err != nil && take.Err() == nil {
					// The rest of the job goes on; it is reported at its end.
					once.Do(func() { seedErr = err })
				}
				return nil
			})
		}
		for _, c := range []*crew{
			{kind: trawl.KindPage, do: e.page, size: e.opt.Producers},
			{kind: trawl.KindFile, do: e.file, size: e.opt.Consumers},
		} {
			c.engine, c.scope, c.take, c.work = e, scope, take, work
			c.start()
		}
		if e.shared != nil {
			// The leases are kept until what is under way has come to its end.
			keep, stop := context.WithCancel(context.WithoutCancel(ctx))
			defer stop()
			k := newKeeper(e.shared, e.front, e.opt.Worker, e.opt.Lease, e.log)
			k.tell = e.opt.Events.Leases
			thread.Go(scope, "leases", func(context.Context) error {
				k.run(keep)
				return nil
			})
		}
		err := e.front.Run(take)
		stopTaking()
		if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		cancel(err)
		return err
	}, &thread.ScopeOptions{OnError: e.panicked})
	return errors.Join(err, seedErr)
}

// errGrace is why work under way ends after an interruption.
var errGrace = errors.New("interrupted")

// limits returns the limits of a host that a spider's requests go to.
func (e *Engine) limits(name, _ string) frontier.Limits {
	var set trawl.Settings
	if s := e.spiders[name]; s != nil {
		set = s.set
	}
	return frontier.Limits{
		PerHost: first(e.opt.PerHost, set.PerHost),
		Delay:   max(first(e.opt.Delay, set.Delay), 0), DelayMax: e.opt.DelayMax,
	}
}

// beforeCommit makes the files of a group durable under their names.
func (e *Engine) beforeCommit(ctx context.Context) error {
	e.committing = time.Now()
	if e.parts.Files == nil {
		return nil
	}
	return e.parts.Files.Sync(ctx)
}

// feed adds the requests of a seed to the store, the first at once and then
// in batches that grow.
func (e *Engine) feed(ctx context.Context, i int, s Seed) error {
	var skip int64
	if s.Name != "" {
		var err error
		if skip, err = e.parts.Store.Cursor(ctx, s.Name); err != nil {
			return err
		}
	}
	const most = 1024
	var (
		batch []store.Entry
		size  = 1
		pos   = skip
		last  = time.Now()
	)
	flush := func() error {
		var cur *store.Cursor
		if s.Name != "" {
			cur = &store.Cursor{Name: s.Name, Pos: pos}
		}
		var files []*store.Entry
		for i := range batch {
			if batch[i].Request.Kind == trawl.KindFile {
				files = append(files, &batch[i])
			}
		}
		err := e.reserve(ctx, files)
		if err == nil {
			_, err = e.front.Add(ctx, batch, cur)
		}
		clear(batch)
		batch, last = batch[:0], time.Now()
		size = min(16*size, most)
		return err
	}
	err := s.Read(ctx, skip, func(r trawl.Request, err error) error {
		pos++
		var entry store.Entry
		if err == nil {
			entry, err = e.front.Entry(r, 0)
		}
		if err != nil {
			if bad := (*BadSeed)(nil); !errors.As(err, &bad) {
				err = &BadSeed{Place: fmt.Sprintf("start %d", pos), Err: err}
			}
			e.badSeed(err)
			return nil
		}
		if r.Kind == trawl.KindFile && e.opt.Choose != nil && !e.opt.Choose(int(pos)) {
			return nil
		}
		batch = append(batch, entry)
		if len(batch) < size && time.Since(last) < 100*time.Millisecond {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}
