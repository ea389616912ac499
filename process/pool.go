package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"
)

// PoolOptions are the options of NewPool. The zero value is the default.
type PoolOptions struct {
	// Workers is how many processes there are at most. Zero means one per
	// CPU. A negative number panics.
	Workers int

	// Name is what the names of the workers begin with: NAME-1, NAME-2 …
	// Empty means "PoolWorker".
	Name string

	// Init is called once in each worker, before its first task. When it
	// fails in five workers in a row the pool is broken. Nil does nothing.
	Init *Call

	// MaxTasks is how many tasks a worker does before another one takes its
	// place; zero means any number. A negative number panics.
	MaxTasks int

	// TaskTimeout is how long a task may run: its worker is killed and the
	// task fails with a *TimeoutError. It holds for Init too. Zero means as
	// long as it likes.
	TaskTimeout time.Duration

	// Grace is how long a task may go on after its context has ended, before
	// its worker is killed and the task fails with the error of the context.
	// Zero means one second; negative means for ever.
	Grace time.Duration

	// Memory is how many bytes of memory a worker may use; zero means any
	// number. A worker that needs more dies, and its task fails with a
	// *CrashError that is ErrMemory. The limit counts what the process has
	// mapped for itself (RLIMIT_DATA on Linux). Of that the Go runtime takes
	// 40 MB from the start, and a program with much in it more: below 128 MB
	// a worker may not get as far as its task. Where MemoryLimited is false it
	// does nothing.
	Memory int64

	// Procs is the GOMAXPROCS of the workers. Zero means that they share the
	// CPUs, but at least 1.
	Procs int

	// Env is added to the environment of the workers, as "NAME=value".
	Env []string

	// Stdout and Stderr get what the workers write, whole lines at a time,
	// one Write at a time; nil means what is os.Stdout and os.Stderr here.
	// If Stdout is an *os.File the workers have it themselves, see Options.
	Stdout, Stderr io.Writer
}

// A Pool runs tasks in a number of worker processes, each of which does one
// task at a time. Make one with NewPool, give it tasks with the methods of
// Func, and end it with Close or Terminate, and Join.
//
// Workers are started when there is a task for them, and are used again. A
// worker that dies fails the task that it ran, with a *CrashError, and no
// other; tasks are never run twice. A task that panics or calls
// runtime.Goexit fails with a *RemoteError, and its worker lives on. A task
// that was given to a worker and may have started counts as run.
//
// A Pool is safe for concurrent use. A Pool that is not ended keeps its
// workers until the program ends.
type Pool struct {
	opts           PoolOptions
	stdout, stderr output

	mu       sync.Mutex // guards everything below
	state    poolState
	cause    error // of ErrPoolBroken
	pending  taskList
	workers  []*poolWorker
	failures int // workers in a row that died before they were ready
	telling  int // calls that tell futures of their end
	lastID   uint64
	stats    PoolStats
	watching bool          // recall is due
	posted   []*link       // to be flushed by unlock
	halt     chan struct{} // closed when no worker should wait to start
	done     chan struct{} // closed when the pool has ended
}

type poolState uint8

const (
	poolOpen poolState = iota
	poolClosed
	poolBroken
	poolTerminated
)

// PoolStats tells what a Pool is doing and has done.
type PoolStats struct {
	Workers int // processes that there are now, those that are starting included
	Running int // tasks that workers have
	Waiting int // tasks that no worker has

	Started  int // workers that were ever started
	Crashed  int // workers that died on their own
	TimedOut int // workers killed because of TaskTimeout
	Done     int // tasks that ended, well or not
	Failed   int // tasks of these that a crash, a timeout or the end of their context ended
}

const (
	maxFailures  = 5
	maxWindow    = 32                     // tasks in a worker's hands
	shortTask    = 100 * time.Microsecond // more in hand is worth it below
	longTask     = time.Millisecond       // and not above
	recallAfter  = 5 * time.Millisecond
	startTimeout = time.Minute // from the start to Init
)

// NewPool makes a pool. It starts nothing. Nil options are the default ones.
func NewPool(opts *PoolOptions) *Pool {
	p := &Pool{halt: make(chan struct{}), done: make(chan struct{})}
	if opts != nil {
		p.opts = *opts
	}
	o := &p.opts
	if o.Workers < 0 || o.MaxTasks < 0 || o.Memory < 0 || o.TaskTimeout < 0 || o.Procs < 0 {
		panic("process: pool with a negative number")
	}
	if o.Workers == 0 {
		o.Workers = runtime.NumCPU()
	}
	if o.Name == "" {
		o.Name = "PoolWorker"
	}
	if o.Grace == 0 {
		o.Grace = time.Second
	}
	if o.Procs == 0 {
		o.Procs = max(1, runtime.NumCPU()/o.Workers)
	}
	p.stdout, p.stderr = newOutputs(o.Stdout, o.Stderr)
	return p
}

// Close makes the pool take no more tasks. Those that it has are done, then
// the workers end. Close does not wait for that; Join does. It may be called
// again.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.unlock()
	if p.state == poolOpen {
		p.state = poolClosed
		p.dispatchLocked()
	}
}

// Terminate makes the pool take no more tasks and kills the workers. Tasks
// that are not done fail with ErrTerminated. It may be called again.
func (p *Pool) Terminate() {
	p.mu.Lock()
	var lost []*task
	if p.state != poolTerminated {
		p.state = poolTerminated
		lost = p.pending.takeAll()
		p.stats.Failed += len(lost)
		p.stats.Done += len(lost)
		for _, w := range p.workers {
			lost = append(lost, w.tasks...)
			p.stats.Failed += len(w.tasks)
			p.stats.Done += len(w.tasks)
			w.tasks = nil
			w.killLocked(ErrTerminated)
		}
		for _, t := range lost {
			t.endLocked()
		}
		p.stopLocked()
	}
	p.telling++
	p.unlock()
	failAll(lost, ErrTerminated)
	p.told()
}

// Join waits until the pool has ended: all tasks are done and all workers
// gone. It returns ErrPoolOpen if neither Close nor Terminate was called, nil
// for a pool that is broken, and ctx.Err() if ctx ends first. A task must not
// join its own pool, nor must what is called when its future ends.
func (p *Pool) Join(ctx context.Context) error {
	p.mu.Lock()
	open := p.state == poolOpen
	p.unlock()
	if open {
		return ErrPoolOpen
	}
	select {
	case <-p.done:
		return nil
	default:
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats tells what the pool is doing and has done.
func (p *Pool) Stats() PoolStats {
	p.mu.Lock()
	defer p.unlock()
	s := p.stats
	s.Workers = len(p.workers)
	s.Waiting = p.pending.n
	for _, w := range p.workers {
		s.Running += len(w.tasks)
	}
	return s
}

// unlock unlocks the pool, and writes what was posted to workers.
func (p *Pool) unlock() {
	posted := p.posted
	p.posted = nil
	p.mu.Unlock()
	for _, l := range posted {
		l.flush()
	}
}

// submit hands in a task.
func (p *Pool) submit(ctx context.Context, t *task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !self.inited.Load() {
		return ErrNoInit
	}
	if len(t.body) > maxMessage-64 {
		return &EncodeError{Type: "message", Err: errTooLong}
	}
	p.mu.Lock()
	if err := p.refuseLocked(); err != nil {
		p.unlock()
		return err
	}
	p.lastID++
	t.id = p.lastID
	p.pending.push(t)
	p.dispatchLocked()
	p.unlock()
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { p.cancel(t, ctx.Err()) })
		p.mu.Lock()
		t.stop = stop
		ended := t.ended
		p.unlock()
		if ended {
			stop()
		}
	}
	return nil
}

func (p *Pool) refuseLocked() error {
	switch p.state {
	case poolOpen:
		return nil
	case poolBroken:
		return p.brokenLocked()
	case poolTerminated:
		return ErrTerminated
	default:
		return ErrPoolClosed
	}
}

func (p *Pool) brokenLocked() error { return fmt.Errorf("%w: %w", ErrPoolBroken, p.cause) }

// cancel is called when the context of a task has ended.
func (p *Pool) cancel(t *task, err error) {
	p.mu.Lock()
	w := t.w
	switch {
	case t.ended:
		p.unlock()
	case w == nil:
		p.dropLocked(t)
		p.stats.Failed++
		p.unlock()
		t.job.fail(err)
		p.told()
	default:
		t.cancelled = err
		w.c.link.send(kindCancel, t.appendID(nil))
		p.unlock()
		if p.opts.Grace > 0 {
			time.AfterFunc(p.opts.Grace, func() { p.killFor(t, err) })
		}
	}
}

// withdraw takes t back if no worker has it.
func (p *Pool) withdraw(t *task, err error) {
	p.mu.Lock()
	if t.id == 0 || t.ended || t.w != nil {
		p.unlock()
		return
	}
	p.dropLocked(t)
	p.unlock()
	t.job.fail(err)
	p.told()
}

// dropLocked takes out a task that no worker has. Its future is to be told, and
// then told to be called.
func (p *Pool) dropLocked(t *task) {
	p.pending.remove(t)
	t.endLocked()
	p.stats.Done++
	p.telling++
	p.dispatchLocked()
}

// killFor kills the worker that runs t, if one does, because of err.
func (p *Pool) killFor(t *task, err error) {
	p.mu.Lock()
	defer p.unlock()
	if t.ended || t.w == nil || len(t.w.tasks) == 0 || t.w.tasks[0] != t {
		return
	}
	if _, ok := err.(*TimeoutError); ok {
		p.stats.TimedOut++
	}
	t.w.killLocked(err)
}

// dispatchLocked gives pending tasks to workers, starts workers for the rest,
// and sends those home that have nothing to do any more.
func (p *Pool) dispatchLocked() {
	for p.pending.n > 0 {
		w := p.freeLocked()
		if w == nil {
			break
		}
		t := p.pending.pop()
		if !t.begun && !t.job.begin() { // cancelled
			t.endLocked()
			p.stats.Done++
			continue
		}
		t.begun = true
		w.giveLocked(t)
	}
	if p.state == poolTerminated {
		return
	}
	starting := 0
	for _, w := range p.workers {
		if !w.ready {
			starting++
		}
	}
	for len(p.workers) < p.opts.Workers && p.pending.n > starting {
		p.startLocked()
		starting++
	}
	if p.state != poolOpen && p.pending.n == 0 {
		for _, w := range p.workers {
			if w.ready && len(w.tasks) == 0 {
				w.byeLocked()
			}
		}
		p.endedLocked()
	}
}

// freeLocked gives the worker that should get the next task: the one with the
// fewest in hand that has room for it.
func (p *Pool) freeLocked() *poolWorker {
	var best *poolWorker
	for _, w := range p.workers {
		if w.roomLocked() && (best == nil || len(w.tasks) < len(best.tasks)) {
			if best = w; len(w.tasks) == 0 {
				break
			}
		}
	}
	// A new worker is better than a second task for an old one.
	if best != nil && len(best.tasks) > 0 && len(p.workers) < p.opts.Workers {
		p.startLocked()
	}
	return best
}

// breakLocked makes the pool broken and returns the tasks that lose by it.
func (p *Pool) breakLocked(cause error) []*task {
	if p.state == poolTerminated || p.state == poolBroken {
		return nil
	}
	p.state = poolBroken
	p.cause = cause
	lost := p.pending.takeAll()
	p.stats.Failed += len(lost)
	p.stats.Done += len(lost)
	for _, t := range lost {
		t.endLocked()
	}
	p.stopLocked()
	return lost
}

func (p *Pool) stopLocked() {
	select {
	case <-p.halt:
	default:
		close(p.halt)
	}
}

// told is called after futures were told of their end, as which telling counts
// from before the pool was unlocked: Join must not return in between.
func (p *Pool) told() {
	p.mu.Lock()
	p.telling--
	p.endedLocked()
	p.unlock()
}

// endedLocked notes the end of the pool.
func (p *Pool) endedLocked() {
	if p.state == poolOpen || len(p.workers) > 0 || p.pending.n > 0 || p.telling > 0 {
		return
	}
	select {
	case <-p.done:
	default:
		close(p.done)
	}
}

// watchLocked makes sure that tasks behind a long one are taken back.
func (p *Pool) watchLocked() {
	if !p.watching {
		p.watching = true
		time.AfterFunc(recallAfter, p.recall)
	}
}

// recall takes back what waits in the hands of workers that are busy with a
// long task: another worker may be free, or the long task may even wait for
// one of them.
func (p *Pool) recall() {
	p.mu.Lock()
	defer p.unlock()
	p.watching = false
	again := false
	for _, w := range p.workers {
		if len(w.tasks) < 2 || w.recalled {
			continue
		}
		if time.Since(w.since) >= recallAfter {
			w.recalled = true
			w.c.link.send(kindRecall)
			continue
		}
		again = true
	}
	if again {
		p.watchLocked()
	}
}

func failAll(ts []*task, err error) {
	for _, t := range ts {
		t.job.fail(err)
	}
}

var errHung = errors.New("the worker did not come to process.Init within a minute")
