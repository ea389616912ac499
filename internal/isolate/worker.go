package isolate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/gallery"
	"github.com/trawl-go/trawl/internal/save"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/process"
)

// What workers do. Only remember is sure not to run any of the spider's code,
// and so cannot fail.
var (
	remember = process.Register("isolate.remember", func(_ context.Context, o order) (none, error) { return here.remember(o) })
	describe = process.Register("isolate.describe", func(context.Context, none) (description, error) { return here.describe() })
	start    = process.Register("isolate.start", func(ctx context.Context, _ none) (addresses, error) { return here.start(ctx) })
	parse    = process.Register("isolate.parse", func(ctx context.Context, p trawl.Page) (reply, error) { return here.parse(ctx, &p) })
)

type none struct{}

// An order is what a worker is told once.
type order struct {
	Source  Source
	Generic *gallery.Options // not nil: the generic spider, and no Source
	Time    time.Duration    // most that the spider's limit may be
	Quiet   bool             // drop what the top level prints
}

// A description is a spider without its code.
type description struct {
	Settings trawl.Settings
	Starts   []string
	Ask      bool // start is a function
	Errs     []spider.Error
}

type addresses struct {
	URLs []string
	Errs []spider.Error
}

// here is the spider of this process, if it is a worker. A worker serves one
// spider for its whole life, so this is no more global than its memory.
var here worker

type worker struct {
	mu     sync.Mutex // guards what follows
	order  order
	spider *spider.Spider
	err    error // of loading it
	prints prints
}

func (w *worker) remember(o order) (none, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order = o
	return none{}, nil
}

// load loads the spider, the first time.
func (w *worker) load() (*spider.Spider, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spider == nil && w.err == nil {
		src := w.order.Source
		w.prints.reset(w.order.Quiet)
		w.spider, w.err = spider.Load(src.Name, src.Text, &spider.Options{
			Args: src.Args, Workers: src.Workers, Clean: save.CleanName, Print: w.prints.print,
			Limits: spider.Limits{Time: min(w.order.Time, spider.DefaultTime)},
		})
	}
	w.prints.reset(false)
	return w.spider, w.err
}

func (w *worker) generic() *gallery.Options {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.order.Generic
}

func (w *worker) describe() (d description, err error) {
	s, err := w.load()
	if err != nil {
		d.Errs, err = spiderErrors(err)
		return d, err
	}
	d.Settings = s.Settings()
	if d.Ask = s.AsksStart(); !d.Ask {
		d.Starts, err = collect(context.Background(), s)
	}
	return d, err
}

func (w *worker) start(ctx context.Context) (a addresses, err error) {
	s, err := w.load()
	if err == nil {
		a.URLs, err = collect(ctx, s)
	}
	a.Errs, err = spiderErrors(err)
	return a, err
}

func collect(ctx context.Context, s *spider.Spider) (urls []string, err error) {
	for r, err := range s.Start(ctx) {
		if err != nil {
			return nil, err
		}
		urls = append(urls, r.URL)
	}
	return urls, nil
}

func (w *worker) parse(ctx context.Context, p *trawl.Page) (r reply, err error) {
	if o := w.generic(); o != nil {
		res, err := gallery.New(o).Parse(ctx, p)
		if err != nil {
			r.Errs = []spider.Error{{Place: gallery.Name, Msg: err.Error()}}
			return r, nil
		}
		r.Warnings = res.Warnings
		return r, r.put(res)
	}
	s, err := w.load()
	if err == nil {
		var res *trawl.Result
		if res, r.Seen, err = s.See(ctx, p); err == nil {
			return r, r.put(res)
		}
	}
	r.Errs, err = spiderErrors(err)
	return r, err
}

// spiderErrors returns the errors of a spider as data, and else err.
func spiderErrors(err error) ([]spider.Error, error) {
	if err == nil {
		return nil, nil
	}
	list := []error{err}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		list = j.Unwrap()
	}
	out := make([]spider.Error, len(list))
	for i, e := range list {
		var se *spider.Error
		if !errors.As(e, &se) {
			return nil, err
		}
		out[i] = *se
	}
	return out, nil
}

// joined is the inverse of spiderErrors.
func joined(errs []spider.Error) error {
	if len(errs) == 1 {
		return &errs[0]
	}
	var list []error
	for i := range errs {
		list = append(list, &errs[i])
	}
	return errors.Join(list...)
}

// maxPrints bounds what is printed for a page, in bytes. Beyond that the
// program would do little else than pass it on.
const maxPrints = 64 << 10

// prints passes on what a spider prints: a quoted line each, at once, so that
// it is there even if the worker comes to a bad end.
type prints struct {
	quiet bool
	left  int
}

func (p *prints) reset(quiet bool) { p.quiet, p.left = quiet, maxPrints }

// print is called on the goroutine that runs the spider, of which there is
// one.
func (p *prints) print(place, text string) {
	if p.quiet || p.left <= 0 {
		return
	}
	if p.left -= len(text) + len(place); p.left <= 0 {
		text = "… the rest of what this page prints is left out"
	}
	fmt.Fprintf(os.Stdout, "%s %q\n", place, text)
}

// A printer takes the lines of prints, of all workers.
type printer struct{ print func(place, text string) }

// Write gets whole lines.
func (p *printer) Write(b []byte) (int, error) {
	if p.print == nil {
		return len(b), nil
	}
	for line := range strings.Lines(string(b)) {
		place, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		text, err := strconv.Unquote(quoted)
		if ok && err == nil {
			p.print(place, text)
		}
	}
	return len(b), nil
}
