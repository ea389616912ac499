package crawl

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// maxStuck bounds the workers of one kind that wait for hosts that hang, and
// so the substitutes for them.
const maxStuck = 240

// A crew is the workers of one kind: size of them that get on with their
// work, beside those that are stuck with a host that hangs.
type crew struct {
	engine     *Engine
	take, work context.Context // to take requests, and to finish them
	wg         *sync.WaitGroup

	kind  trawl.Kind
	do    func(context.Context, *frontier.Task, *patience) (store.Outcome, error)
	size  int
	stuck atomic.Int64
}

func (c *crew) start() {
	for range c.size {
		c.wg.Go(c.worker)
	}
}

// worker takes requests, one after the other, until the job ends or another
// worker has taken its place.
func (c *crew) worker() {
	e := c.engine
	for {
		t, err := e.front.Next(c.take, c.kind)
		if err != nil {
			return
		}
		p := c.patience()
		o, err := c.do(fetch.WithBeat(c.work, p.beat), t, p)
		replaced := p.end()
		switch {
		case c.work.Err() != nil:
			// Whatever came of it, it may be for that reason.
			e.front.Abandon(t)
		case fatal(err):
			e.front.Abandon(t)
			e.front.Fail(err)
			return
		default:
			if err != nil {
				o = e.failed(t, err)
			}
			if e.front.Finish(t, o) != nil {
				return
			}
		}
		if replaced {
			c.stuck.Add(-1)
			return
		}
	}
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
		c.wg.Go(c.worker) // the worker that is stuck is still counted: Wait has not returned
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
