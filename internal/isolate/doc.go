// Package isolate runs spiders in worker processes, where they can do no harm:
// a page that takes too long, or too much memory, or crashes the process, costs
// that page and nothing else.
//
// [Load] takes a spider that is not trusted: even its top level is executed in
// a worker. [New] takes one that is loaded already, and moves only the parsing
// of its pages; [Generic] does that to the generic spider. All give a [Spider]
// that satisfies trawl.Spider.
//
// The workers are this program itself, so its main must call process.Init
// first thing. They are started when there are pages for them and end with
// [Spider.Close], or with the program, whatever ends that.
package isolate

import (
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/gallery"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/process"
)

// Options for [Load] and [New]. The zero value of a field means its default.
type Options struct {
	// Memory is how much a worker may use, in bytes; zero means 512 MB. It is
	// the limit of package process, and holds where process.MemoryLimited is
	// true. Ordinary pages of up to 24 MB fit.
	Memory int64

	// Deadline is how long a worker may take for a page, or for loading the
	// spider, before it is killed; zero means 5 seconds for Load, and 30 for
	// New, as a spider that is trusted may be slow. The spider's own limit of
	// time, which is 4/5 of it at most, says where in the spider it happened,
	// but cannot end an operation such as sorting.
	Deadline time.Duration

	// Print receives what the spider prints while it parses, with the place.
	// It must be safe for concurrent use. nil drops it. Of each page no more
	// than 64 KB are passed on.
	Print func(place, text string)
}

// A Source is what a spider is made of.
type Source struct {
	Name string // of the file, as [spider.Load] takes it
	Text []byte
	Args map[string]string

	// Workers, if it is not zero, replaces what the spider says in workers.
	Workers trawl.Workers
}

// A Spider is one whose pages are parsed in worker processes. It is safe for
// concurrent use. Close it after use.
type Spider struct {
	opt      Options
	settings trawl.Settings
	judge    *spider.Judge
	place    string // in errors

	size int // of pool
	pool *process.Pool
	turn chan struct{} // has a place for each page in the workers' hands

	// Where the start pages come from: local, if the spider was loaded here;
	// a function that is called in a worker; or this list.
	local  *spider.Spider
	ask    bool
	starts []string
}

var _ trawl.Spider = (*Spider)(nil)

// Load reads a spider as [spider.Load] does, in a worker process: whatever its
// top level does, Load returns within the deadline.
//
// Its pages are parsed by one process per CPU at most, even if the spider asks
// for more; src.Workers may say otherwise.
//
// The error is ctx's, a [*spider.Error] or several joined, an [*Error] if the
// worker crashed or had to be ended, or a [*StartError].
func Load(ctx context.Context, src Source, opt *Options) (*Spider, error) {
	s := newSpider(src, opt, 5*time.Second)
	pool := s.newPool(order{Source: src}, 1)
	defer end(pool)
	d, err := describe.Apply(ctx, pool, none{})
	if err != nil {
		return nil, s.failure(ctx, "loading the spider", err)
	}
	if err := joined(d.Errs); err != nil {
		return nil, err
	}
	s.settings, s.starts, s.ask = d.Settings, d.Starts, d.Ask
	cpus := runtime.NumCPU()
	switch w := s.settings.Workers; {
	case w.N == 0:
		s.size = cpus
	case w.Processes && w == src.Workers: // the user's word
		s.size = w.N
	default:
		s.size = min(w.N, cpus)
	}
	s.open(order{Source: src})
	return s, nil
}

// New moves the parsing of a spider, which was loaded from src, to as many
// worker processes as its settings say.
func New(local *spider.Spider, src Source, opt *Options) *Spider {
	s := newSpider(src, opt, 30*time.Second)
	s.local = local
	s.settings = local.Settings()
	s.size = processes(s.settings.Workers)
	s.open(order{Source: src})
	return s
}

// Generic moves the parsing of the generic spider to worker processes, as New
// does with others. It starts from nowhere: o.URLs is not used.
func Generic(o gallery.Options, opt *Options) *Spider {
	o.URLs = nil
	s := newSpider(Source{Name: gallery.Name}, opt, 30*time.Second)
	s.place = gallery.Name
	s.settings = gallery.New(&o).Settings()
	s.size = processes(s.settings.Workers)
	s.open(order{Generic: &o})
	return s
}

// processes returns how many worker processes are meant.
func processes(w trawl.Workers) int {
	if w.Processes && w.N > 0 {
		return w.N
	}
	return runtime.NumCPU()
}

func newSpider(src Source, opt *Options, deadline time.Duration) *Spider {
	s := &Spider{judge: spider.NewJudge(src.Name)}
	s.place = s.judge.File()
	if opt != nil {
		s.opt = *opt
	}
	if s.opt.Memory == 0 {
		s.opt.Memory = 512 << 20
	}
	if s.opt.Deadline == 0 {
		s.opt.Deadline = deadline
	}
	return s
}

// open makes the pool that parses.
func (s *Spider) open(o order) {
	o.Quiet = true // its top level has said what it has to say
	s.pool = s.newPool(o, s.size)
	// A page in a worker, and the next one on its way there. More would only
	// be copies of pages that wait.
	s.turn = make(chan struct{}, 2*s.size)
}

// newPool makes a pool of workers that know the spider. They load it with
// their first task, so that it is under the deadline of a task and a failure
// is that of the task.
func (s *Spider) newPool(o order, size int) *process.Pool {
	o.Time = s.opt.Deadline / 5 * 4
	return process.NewPool(&process.PoolOptions{
		Workers: size,
		Name:    "spider",
		Init:    remember.With(o),
		// The deadline of the task.
		TaskTimeout: s.opt.Deadline,
		Memory:      s.opt.Memory,
		Stdout:      &printer{print: s.opt.Print},
		Stderr:      io.Discard, // the error has the end of it
	})
}

// Settings returns what the spider says of itself. The maps and slices in it
// belong to the spider: do not change them.
func (s *Spider) Settings() trawl.Settings { return s.settings }

// Start yields the spider's start pages; see [spider.Spider.Start]. A start
// that is a function is called where the spider was loaded.
func (s *Spider) Start(ctx context.Context) iter.Seq2[trawl.Request, error] {
	if s.local != nil {
		return s.local.Start(ctx)
	}
	return func(yield func(trawl.Request, error) bool) {
		urls := s.starts
		if s.ask {
			r, err := start.Apply(ctx, s.pool, none{})
			if err != nil {
				err = s.failure(ctx, "start", err)
			} else {
				err = joined(r.Errs)
			}
			if err != nil {
				yield(trawl.Request{}, err)
				return
			}
			urls = r.URLs
		}
		for _, u := range urls {
			if err := ctx.Err(); err != nil {
				yield(trawl.Request{}, err)
				return
			}
			if !yield(trawl.Request{URL: u, Kind: trawl.KindPage, Spider: s.settings.Name}, nil) {
				return
			}
		}
	}
}

// Parse reads one page in a worker process. It keeps nothing of p.
//
// It waits while all workers are busy, which does not count for the deadline.
// The error is ctx's, a [*spider.Error], an [*Error] if the worker crashed or
// had to be ended, or a [*StartError].
func (s *Spider) Parse(ctx context.Context, p *trawl.Page) (*trawl.Result, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r, err := parse.Apply(ctx, s.pool, *p)
	if err != nil {
		what := "parsing the page"
		if fn := p.Request.Parse; fn != "" {
			what = fn
		}
		return nil, s.failure(ctx, what, err)
	}
	if err := joined(r.Errs); err != nil {
		return nil, err
	}
	res, err := r.result()
	if err != nil {
		return nil, fmt.Errorf("%s: what the worker sent: %w", s.place, err)
	}
	res.Warnings = append(r.Warnings, s.judge.Warnings(r.Seen)...)
	return res, nil
}

// Close ends the workers and waits for them. Parse fails from then on. It may
// be called again.
func (s *Spider) Close() error {
	end(s.pool)
	return nil
}

// end ends a pool and waits until its processes are gone, which a kill does
// not leave to them.
func end(p *process.Pool) {
	p.Terminate()
	_ = p.Join(context.Background()) // it cannot fail after Terminate
}
