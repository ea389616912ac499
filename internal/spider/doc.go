// Package spider runs spiders written in Starlark, the language with Python's
// syntax that cannot read a file, open a connection or loop forever.
//
// Start with [Load], which gives a [Spider] that satisfies trawl.Spider. What
// a spider can say is described for its authors in docs/spiders.md.
//
// A loaded spider is frozen: its functions can read its globals and change
// none, so pages are parsed on any number of goroutines at once without a
// lock. What a page's parsing may use up is bounded by [Limits]; what a single
// operation such as "x" * 1000000000 may use is not, so a spider from a
// stranger needs a process of its own.
package spider

import (
	"context"
	"fmt"
	"iter"
	"time"

	"go.starlark.net/starlark"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/extract"
)

// MaxSource is the longest source that [Load] accepts, in bytes.
const MaxSource = 256 << 10

// DefaultTime is how long one call into a spider may take if Limits do not say.
const DefaultTime = 20 * time.Second

// Options for [Load]. The zero value takes the spider as it is.
type Options struct {
	// Args are the values of -a, by name. They replace the defaults that the
	// spider gives in args and take their types.
	Args map[string]string

	// Workers, if it is not zero, replaces what the spider says in workers.
	Workers trawl.Workers

	// Clean makes a component of a path safe, such as "照片: 1.jpg". The
	// components of what page.save asks for go through it when the values
	// are filled in; slashes in values are "_" by then. nil leaves them.
	Clean func(string) string

	// Print receives what a spider prints, with the place, such as
	// "douban.star:6". It is called on the goroutine that parses and must
	// be safe for concurrent use. nil drops it.
	Print func(place, text string)

	// Limits on what the spider may use up.
	Limits Limits
}

// Limits bound one call into a spider: loading it, asking it for its start,
// parsing a page. A call that goes past one fails. Zero means the default.
type Limits struct {
	Steps uint64        // of the interpreter; default 1,000,000
	Time  time.Duration // by the clock, so a busy machine counts too; default DefaultTime

	Items int // default 100,000
	Pages int // followed; default 100,000
	Files int // saved; default 100,000
	Bytes int // in all that is returned; default 32 MiB
}

func (l Limits) orDefault() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	if l.Steps == 0 {
		l.Steps = 1_000_000
	}
	if l.Time <= 0 {
		l.Time = DefaultTime
	}
	def(&l.Items, 100_000)
	def(&l.Pages, 100_000)
	def(&l.Files, 100_000)
	def(&l.Bytes, 32<<20)
	return l
}

// A Spider is a loaded and frozen Starlark spider. It satisfies trawl.Spider
// and is safe for concurrent use; parsing takes no lock.
type Spider struct {
	file     string // as places name it: "douban.star"
	opts     Options
	settings trawl.Settings
	starts   []string           // when start is a list
	startFn  *starlark.Function // when it is a function
	globals  starlark.StringDict
	fnNames  map[*starlark.Function]string // the functions that page.follow may name

	selectors *extract.Selectors
	patterns  *patternCache
	explained onceEach // selectors for whose finding nothing a reason was looked for
	judge     *Judge
}

var _ trawl.Spider = (*Spider)(nil)

// Load reads a spider from its source. The name is that of its file, with or
// without folders and ".star"; it stands in messages, and is the spider's
// name if the source sets none. A nil *Options is the zero value.
//
// The top level of the source is executed once, here; selectors and regular
// expressions that are written out are compiled, so that mistakes in them show
// before anything is fetched. The error is an [*Error], or several joined with
// errors.Join.
func Load(name string, src []byte, opts *Options) (*Spider, error) {
	s := &Spider{
		file:      fileName(name),
		judge:     NewJudge(name),
		selectors: extract.NewSelectors(0),
		patterns:  newPatternCache(),
	}
	if opts != nil {
		s.opts = *opts
	}
	s.opts.Limits = s.opts.Limits.orDefault()
	if len(src) > MaxSource {
		return nil, &Error{Place: s.file, Msg: fmt.Sprintf("the source has %d bytes; the limit is %d", len(src), MaxSource)}
	}
	if err := s.load(string(src)); err != nil {
		return nil, err
	}
	return s, nil
}

// Settings returns what the spider says of itself. The maps and slices in it
// belong to the spider: do not change them.
func (s *Spider) Settings() trawl.Settings { return s.settings }

// AsksStart tells whether the spider's start is a function.
func (s *Spider) AsksStart() bool { return s.startFn != nil }

// Start yields the spider's start pages in their order. A start that is a
// function is called anew each time; an error of it ends the sequence.
func (s *Spider) Start(ctx context.Context) iter.Seq2[trawl.Request, error] {
	return func(yield func(trawl.Request, error) bool) {
		urls := s.starts
		if s.startFn != nil {
			var err error
			if urls, err = s.callStart(ctx); err != nil {
				yield(trawl.Request{}, err)
				return
			}
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

func (s *Spider) callStart(ctx context.Context) ([]string, error) {
	var urls []string
	err := s.call(ctx, "start", nil, func(thread *starlark.Thread) error {
		v, err := starlark.Call(thread, s.startFn, nil, nil)
		if err != nil {
			return err
		}
		urls, err = s.startURLs(v)
		if err != nil {
			return s.placed(s.startFn.Position(), err)
		}
		return nil
	})
	return urls, err
}

// call runs fn on a thread of its own under the limits; what names it in
// messages. The error is ctx's if ctx ended, else an [*Error]. A run, if there
// is one, gets the context that ends with the time, and a way to ask whether
// the thread is being stopped.
func (s *Spider) call(ctx context.Context, what string, r *run, fn func(*starlark.Thread) error) (err error) {
	thread := &starlark.Thread{Name: what}
	thread.Print = func(t *starlark.Thread, msg string) {
		if s.opts.Print != nil {
			pos := t.CallFrame(1).Pos
			s.opts.Print(fmt.Sprintf("%s:%d", s.file, pos.Line), msg)
		}
	}
	var outOfSteps error
	thread.SetMaxExecutionSteps(s.opts.Limits.Steps)
	thread.OnMaxSteps = func(t *starlark.Thread) {
		outOfSteps = fmt.Errorf("%s takes more than %d steps; is there a loop without end?", what, s.opts.Limits.Steps)
		t.Cancel("too many steps")
	}
	timed, cancel := context.WithTimeout(ctx, s.opts.Limits.Time)
	defer cancel()
	stop := context.AfterFunc(timed, func() { thread.Cancel("out of time") })
	defer stop()
	if r != nil {
		r.ctx = timed
		r.stopped = func() bool { return outOfSteps != nil || timed.Err() != nil }
	}
	// A panic in here is a bug of ours that a page or a spider has found.
	// It must not take the other pages down with it.
	defer func() {
		if p := recover(); p != nil {
			err = s.internalError(thread, p)
		}
	}()
	err = fn(thread)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case outOfSteps != nil:
		return s.wrap(err, outOfSteps)
	case timed.Err() != nil:
		return s.wrap(err, fmt.Errorf("%s takes longer than %v", what, s.opts.Limits.Time))
	}
	return s.wrap(err, nil)
}
