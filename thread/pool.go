package thread

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/trawl-go/trawl/future"
)

// PoolOptions are the options of [NewPool]. The zero value is the default.
type PoolOptions struct {
	// Workers is how many tasks run at a time. Zero means GOMAXPROCS+4, but
	// at most 32: good for tasks that wait for a network. A negative number
	// panics.
	Workers int

	// Name is what the workers' names begin with: NAME_0, NAME_1 … Empty
	// means "Pool-N".
	Name string

	// Queue is how many tasks may wait for a worker; with more, Submit waits.
	// Zero or less means any number.
	Queue int

	// Init is called once on each worker, before its first task. If it
	// returns an error or panics the pool is broken: tasks that have not
	// started, and all later ones, fail with ErrPoolBroken. Nil does nothing.
	Init func(ctx context.Context) error
}

// A Pool runs tasks on a fixed number of threads. Make one with NewPool, give
// it tasks with [Submit] and [Map], and end it with Close.
//
// Workers are started when there is a task for them and stay until the pool is
// shut down. A task that panics, or calls runtime.Goexit, fails only itself. A
// running task cannot be killed; give it a context that ends.
//
// A Pool is safe for concurrent use; a task may submit further ones to it, but
// one that waits for them can wait for ever when all workers do.
type Pool struct {
	opts    PoolOptions
	ctx     context.Context // of the workers: scope and values, never ends
	scope   *scope          // shuts the pool down
	workers int             // the most there may be

	mu      sync.Mutex // guards everything below
	tasks   ring[task]
	idle    []*worker // the last to fall idle is the first to be used: it is warm
	putters waitList[putter]
	alive   int           // workers that have not ended
	closed  bool          // no new tasks
	broken  error         // why no task runs any more
	ended   chan struct{} // closed when closed and alive is 0
}

// task is something to run, once, with run or fail.
type task interface {
	// run runs the task on a worker. It does not panic.
	run(w *worker)
	// fail ends a task that will not be run.
	fail(err error)
}

// putter is a Submit that waits for room.
type putter struct {
	task task
	err  error
}

// worker is one of the pool's threads.
type worker struct {
	name   string
	thread *Thread
	next   chan task // buffer 1; closed to send an idle worker home
}

var pools atomic.Uint64

// NewPool makes a pool whose workers belong to the Scope of ctx; that Scope
// shuts the pool down when its function returns, and then waits for its tasks.
// In a Scope that is ending the pool is shut down from the start. The values
// of ctx are there for Init; whether ctx ends means nothing to the pool.
//
// NewPool starts nothing. Nil options are the default ones.
func NewPool(ctx context.Context, opts *PoolOptions) *Pool {
	p := &Pool{ctx: context.WithoutCancel(ctx), ended: make(chan struct{})}
	if opts != nil {
		p.opts = *opts
	}
	switch p.workers = p.opts.Workers; {
	case p.workers == 0:
		p.workers = min(runtime.GOMAXPROCS(0)+4, 32)
	case p.workers < 0:
		panic("thread: pool with a negative number of workers")
	}
	if p.opts.Name == "" {
		p.opts.Name = "Pool-" + strconv.FormatUint(pools.Add(1), 10)
	}
	if p.scope = from(ctx).scope; !p.scope.addPool(p) {
		p.Shutdown()
	}
	return p
}

// put hands the task to a worker or lets it wait for one.
func (p *Pool) put(ctx context.Context, t task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	if err := p.refusalLocked(); err != nil {
		p.mu.Unlock()
		return err
	}
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		w.next <- t
		return nil
	}
	if p.alive < p.workers {
		w := &worker{name: p.opts.Name + "_" + strconv.Itoa(p.alive), next: make(chan task, 1)}
		p.alive++
		p.mu.Unlock()
		return p.start(w, t)
	}
	if p.opts.Queue <= 0 || p.tasks.n < p.opts.Queue {
		p.tasks.push(t)
		p.mu.Unlock()
		return nil
	}
	w := newWaiter(putter{task: t})
	p.putters.push(w)
	p.mu.Unlock()
	if err := w.park(ctx); err != nil {
		p.mu.Lock()
		gaveUp := p.putters.remove(w)
		p.mu.Unlock()
		if gaveUp {
			return err
		}
	}
	return w.v.err
}

func (p *Pool) refusalLocked() error {
	if p.broken != nil {
		return p.broken
	}
	if p.closed {
		return ErrPoolClosed
	}
	return nil
}

// start starts a worker's thread, with its first task if there is one.
func (p *Pool) start(w *worker, first task) error {
	t := New(w.name, func(ctx context.Context) error { return p.work(ctx, w, first) })
	t.SetDaemon(false) // whatever the thread is that happens to start it
	if err := t.Start(p.ctx); err != nil {
		// The scope has ended since put looked at closed.
		p.leave()
		return ErrPoolClosed
	}
	return nil
}

// work is the life of a worker, whose first task is t. Its error is that of Init.
func (p *Pool) work(ctx context.Context, w *worker, t task) (err error) {
	ready, atHome := p.opts.Init == nil, false
	defer func() {
		switch {
		case !ready:
			p.breakDown(err, t)
			p.leave()
		case atHome:
			p.leave()
		default:
			// A task called runtime.Goexit, which cannot be stopped: go on
			// with another thread. The scope still waits for this one.
			_ = p.start(w, nil)
		}
	}()
	if !ready {
		err = ErrGoexit // if that is how Init ends
		if err = p.init(ctx); err != nil {
			return err
		}
		ready = true
	}
	w.thread = Current(ctx)
	if t == nil {
		t = p.next(w)
	}
	for ; t != nil; t = p.next(w) {
		t.run(w)
	}
	atHome = true
	return nil
}

// init calls Init.
func (p *Pool) init(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return p.opts.Init(ctx)
}

// next waits for the worker's next task. It is nil if there will be none.
func (p *Pool) next(w *worker) task {
	p.mu.Lock()
	if p.tasks.n > 0 {
		t := p.tasks.popFront()
		if in := p.putters.pop(); in != nil {
			p.tasks.push(in.v.task)
			in.wake()
		}
		p.mu.Unlock()
		return t
	}
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.idle = append(p.idle, w)
	p.mu.Unlock()
	return <-w.next
}

// leave counts a worker out.
func (p *Pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive--
	p.maybeEndedLocked()
}

// maybeEndedLocked is called when the pool closes, and when a worker leaves.
func (p *Pool) maybeEndedLocked() {
	if p.closed && p.alive == 0 {
		close(p.ended)
	}
}

// breakDown ends the pool after a failed Init of a worker whose first task was t.
func (p *Pool) breakDown(err error, t task) {
	p.mu.Lock()
	if p.broken == nil {
		p.broken = fmt.Errorf("%w: %w", ErrPoolBroken, err)
	}
	err = p.broken
	p.closeLocked(err)
	left := p.takeLocked()
	p.mu.Unlock()
	if t != nil {
		t.fail(err)
	}
	for _, t := range left {
		t.fail(err)
	}
}

// Shutdown makes the pool take no more tasks: Submit fails with ErrPoolClosed,
// waiting ones included. Tasks that it has are completed, then the workers end.
// Shutdown does not wait for that. It may be called again.
func (p *Pool) Shutdown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeLocked(ErrPoolClosed)
}

// ShutdownNow is Shutdown, and also cancels the tasks that have not started.
func (p *Pool) ShutdownNow() {
	p.mu.Lock()
	p.closeLocked(ErrPoolClosed)
	left := p.takeLocked()
	p.mu.Unlock()
	for _, t := range left {
		t.fail(future.ErrCancelled)
	}
}

func (p *Pool) closeLocked(err error) {
	if p.closed {
		return
	}
	p.closed = true
	for w := p.putters.pop(); w != nil; w = p.putters.pop() {
		w.v.err = err
		w.wake()
	}
	for _, w := range p.idle {
		close(w.next)
	}
	p.idle = nil
	p.scope.dropPool(p)
	p.maybeEndedLocked()
}

// takeLocked takes out the tasks that have not started.
func (p *Pool) takeLocked() []task {
	left := make([]task, 0, p.tasks.n)
	for p.tasks.n > 0 {
		left = append(left, p.tasks.popFront())
	}
	return left
}

// Close is Shutdown, and then waits until all tasks are completed and the
// workers have ended. It returns ctx.Err() if ctx ends first; the tasks go on.
// It may be called again, but not from a task of the pool, which would wait
// for itself.
func (p *Pool) Close(ctx context.Context) error {
	p.Shutdown()
	return await(ctx, p.ended)
}
