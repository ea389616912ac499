package crawl

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/thread"
)

// maxStuck bounds the workers of one kind that wait for hosts that hang, and
// so the substitutes for them.
const maxStuck = 240

// A crew is the workers of one kind: size of them that get on with their
// work, beside those that are stuck with a host that hangs.
type crew struct {
	engine     *Engine
	scope      context.Context // of the threads
	take, work context.Context // to take requests, and to finish them

	kind  trawl.Kind
	do    func(context.Context, *frontier.Task, *patience) (store.Outcome, error)
	size  int
	hired atomic.Int64
	stuck atomic.Int64
}

func (c *crew) start() {
	for range c.size {
		c.hire()
	}
}

// hire starts one worker more, as a thread called "page 1", "file 2".
func (c *crew) hire() {
	name := fmt.Sprintf("%v %d", c.kind, c.hired.Add(1))
	thread.Go(c.scope, name, func(context.Context) error {
		for c.step() {
		}
		return nil
	})
}

// panicked ends the job because of a thread that panicked: the request it had
// goes on waiting, and what the others have finished is committed.
func (e *Engine) panicked(t *thread.Thread, err error) {
	var p *thread.PanicError
	if errors.As(err, &p) {
		err = fmt.Errorf("%w in thread %q; this is a bug, please report it\n%s", err, t.Name(), p.Stack)
	}
	e.front.Fail(err)
}

// step takes a request and works it off. It reports whether the worker goes
// on: the job has not ended, and no other worker has taken its place.
func (c *crew) step() bool {
	e := c.engine
	t, err := e.front.Next(c.take, c.kind)
	if err != nil {
		return false
	}
	e.count.active[c.kind].Add(1)
	defer e.count.active[c.kind].Add(-1)
	p := c.patience()
	finished := false
	defer func() {
		if !finished { // for a reason that ends the job, or a panic
			p.end()
			e.front.Abandon(t)
		}
	}()
	ctx := fetch.WithBeat(c.work, func() { p.beat(); t.Answered() })
	if t.Request.Depth == 0 {
		ctx = fetch.WithStart(ctx, t.Request.URL)
	}
	var o store.Outcome
	if t.Check {
		e.check(ctx, t)
		finished = true
	} else {
		o, err = c.do(ctx, t, p)
	}
	replaced := p.end()
	if replaced {
		c.stuck.Add(-1)
	}
	if t.Check {
		return !replaced
	}
	switch {
	case c.work.Err() != nil:
		return !replaced // Whatever came of it, it may be for that reason.
	case fatal(err):
		e.front.Fail(err)
		return false
	case err != nil:
		o = e.failed(t, err)
	}
	finished = true
	return e.front.Finish(t, o) == nil && !replaced
}

// patience begins a worker's wait for a host.
func (c *crew) patience() *patience {
	p := &patience{}
	last := int64(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(c.engine.opt.Patience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.ended {
			return
		}
		if n := p.beats.Load(); n != last {
			last = n
			p.timer.Reset(c.engine.opt.Patience)
			return
		}
		p.ended = true
		if c.stuck.Add(1) > maxStuck {
			c.stuck.Add(-1)
			return
		}
		p.replaced = true
		c.hire() // the scope has not ended: the worker that is stuck is one of its threads
	})
	return p
}

// A patience ends when nothing has come from a host for a while. Then another
// worker is started, once.
type patience struct {
	beats atomic.Int64 // signs of life

	mu       sync.Mutex
	timer    *time.Timer
	ended    bool
	replaced bool
}

// beat notes a sign of life.
func (p *patience) beat() { p.beats.Add(1) }

// end ends the wait and reports whether another worker was started. It may
// be called again.
func (p *patience) end() (replaced bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.ended = true
		p.timer.Stop()
	}
	return p.replaced
}
