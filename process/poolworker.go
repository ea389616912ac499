package process

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// A poolWorker is a worker as its pool sees it. Its fields are guarded by the
// pool's mutex.
type poolWorker struct {
	p        *Pool
	c        *child // nil until it is started
	ready    bool
	leaving  bool    // it gets no more tasks
	reason   error   // why it was killed, if we did it
	initErr  error   // of its initialiser
	tasks    []*task // in its hands; the first one is running
	given    int     // tasks that it was ever given
	window   int     // how many it may have in hand
	recalled bool    // it was told to give back what it has not started
	since    time.Time
	timer    *time.Timer // for TaskTimeout and startTimeout
}

// startLocked starts a worker; it becomes ready by itself, or is gone.
func (p *Pool) startLocked() {
	w := &poolWorker{p: p, window: 1}
	p.workers = append(p.workers, w)
	p.stats.Started++
	go w.run(p.failures)
}

// run starts the process and stays until it has ended.
func (w *poolWorker) run(failures int) {
	p := w.p
	if failures > 0 {
		select {
		case <-time.After(10 * time.Millisecond << failures):
		case <-p.halt:
		}
	}
	id, name := nextIdentity(p.opts.Name)
	o := childOptions{
		start: startMessage{
			Worker: true, Name: name, Identity: id, Daemon: true,
			Memory: p.opts.Memory, Procs: p.opts.Procs,
		},
		env:    p.opts.Env,
		stdout: p.stdout,
		stderr: p.stderr,
		handle: w.handle,
	}
	var err error
	if i := p.opts.Init; i != nil {
		o.start.HasFn, o.start.Fn, o.arg, err = true, frozen().index(i.name), i.arg, i.err
	}
	var c *child
	if err == nil {
		select {
		case <-p.halt:
			err = ErrTerminated
		default:
			// From here on messages may come before c is known.
			w.p.mu.Lock()
			w.timer = time.AfterFunc(startTimeout, func() { w.kill(errHung) })
			w.p.unlock()
			c, err = startChild(o)
		}
	}
	if err == nil {
		p.mu.Lock()
		w.c = c
		if w.reason != nil {
			c.proc.Kill()
		}
		w.becomeReadyLocked()
		p.unlock()
		<-c.ended
	}
	w.end(err)
}

// handle acts on a message of the worker, on the goroutine that reads it.
func (w *poolWorker) handle(kind byte, body []byte) {
	d := &decoder{buf: body}
	switch kind {
	case kindResult:
		w.result(d)
	case kindHello:
		w.p.mu.Lock()
		w.timer.Stop()
		if t := w.p.opts.TaskTimeout; t > 0 && w.p.opts.Init != nil {
			w.timer = time.AfterFunc(t, func() { w.kill(fmt.Errorf("initialiser: %w", &TimeoutError{t})) })
		}
		w.p.unlock()
	case kindReady:
		err := d.error()
		w.p.mu.Lock()
		w.timer.Stop()
		w.initErr = err
		w.ready = err == nil
		w.becomeReadyLocked()
		w.p.unlock()
	case kindReturned:
		w.returned(d)
	}
}

// becomeReadyLocked is called when the worker is ready, and when c is known.
func (w *poolWorker) becomeReadyLocked() {
	if w.ready && w.c != nil {
		w.p.failures = 0
		w.p.dispatchLocked()
	}
}

func (w *poolWorker) roomLocked() bool {
	most := w.p.opts.MaxTasks
	return w.ready && w.c != nil && !w.leaving && !w.recalled && w.reason == nil &&
		len(w.tasks) < w.window && (most == 0 || w.given < most)
}

func (w *poolWorker) giveLocked(t *task) {
	t.w = w
	w.given++
	w.tasks = append(w.tasks, t)
	if len(w.tasks) == 1 {
		w.c.link.post(kindTask, t.appendID(make([]byte, 0, 10)), t.body)
		w.p.posted = append(w.p.posted, w.c.link)
		w.headLocked()
	} else {
		w.c.link.send(kindTask, t.appendID(make([]byte, 0, 10)), t.body)
		w.p.watchLocked()
	}
}

// headLocked notes that the first task in the worker's hands starts.
func (w *poolWorker) headLocked() {
	w.since = time.Now()
	if limit := w.p.opts.TaskTimeout; limit > 0 {
		t := w.tasks[0]
		w.timer = time.AfterFunc(limit, func() { w.p.killFor(t, &TimeoutError{limit}) })
	}
}

// result takes the result of a task from d.
func (w *poolWorker) result(d *decoder) {
	p := w.p
	took := time.Duration(d.uint())
	id := d.uint()
	p.mu.Lock()
	if len(w.tasks) == 0 || w.tasks[0].id != id {
		// Unreachable but after Terminate: the worker answers in order.
		p.unlock()
		return
	}
	t := w.tasks[0]
	w.tasks[0] = nil // it holds the result
	w.tasks = w.tasks[1:]
	t.endLocked()
	p.stats.Done++
	if p.opts.TaskTimeout > 0 {
		// A task in hand has a deadline from its start, and only one has.
		w.timer.Stop()
	} else if took < shortTask {
		w.window = min(2*w.window, maxWindow)
	} else if took > longTask {
		w.window = 1
	}
	if len(w.tasks) > 0 {
		w.headLocked()
	} else if p.opts.MaxTasks > 0 && w.given >= p.opts.MaxTasks {
		w.byeLocked()
	}
	p.dispatchLocked()
	p.unlock()
	t.job.finish(d, t.cancelled)
}

// returned takes the IDs of tasks that the worker gives back from d.
func (w *poolWorker) returned(d *decoder) {
	p := w.p
	p.mu.Lock()
	w.recalled = false
	w.window = 1
	var back []*task
	for len(d.buf) > 0 && d.err == nil {
		id := d.uint()
		i := slices.IndexFunc(w.tasks, func(t *task) bool { return t.id == id })
		if i < 0 {
			continue // terminated
		}
		back = append(back, w.tasks[i])
		w.tasks = slices.Delete(w.tasks, i, i+1)
		w.given--
	}
	lost := p.requeueLocked(back)
	p.telling++
	p.dispatchLocked()
	p.unlock()
	for _, t := range lost {
		t.job.fail(t.cancelled)
	}
	p.told()
}

// requeueLocked puts tasks that were not started first in the line again. It
// returns those whose context has ended meanwhile.
func (p *Pool) requeueLocked(back []*task) (lost []*task) {
	for _, t := range slices.Backward(back) {
		t.w = nil
		if t.cancelled != nil {
			t.endLocked()
			p.stats.Done++
			p.stats.Failed++
			lost = append(lost, t)
			continue
		}
		p.pending.pushFront(t)
	}
	return lost
}

// byeLocked sends the worker home.
func (w *poolWorker) byeLocked() {
	if !w.leaving {
		w.leaving = true
		w.c.link.send(kindBye)
	}
}

func (w *poolWorker) kill(reason error) {
	w.p.mu.Lock()
	defer w.p.unlock()
	if !w.ready {
		w.killLocked(reason)
	}
}

func (w *poolWorker) killLocked(reason error) {
	if w.reason == nil {
		w.reason = reason
	}
	if w.c != nil {
		w.c.proc.Kill()
	}
}

// end works out what the end of the worker means; err is why it could not
// even be started.
func (w *poolWorker) end(err error) {
	p := w.p
	var crash error = err
	if err == nil {
		crash = w.c.crash(p.opts.Memory)
	}
	p.mu.Lock()
	p.workers = slices.DeleteFunc(p.workers, func(x *poolWorker) bool { return x == w })
	if w.timer != nil {
		w.timer.Stop()
	}
	switch {
	case w.reason != nil:
		crash = w.reason
	case w.initErr != nil:
		crash = fmt.Errorf("initialiser: %w", w.initErr)
	}
	if w.reason == nil && !w.leaving && err == nil {
		p.stats.Crashed++
	}
	var lost []*task
	var blamed *task
	if len(w.tasks) > 0 {
		// All that it sent has been read: the first task that has no result
		// was running, and those behind it had not started.
		blamed = w.tasks[0]
		blamed.endLocked()
		p.stats.Done++
		p.stats.Failed++
		lost = p.requeueLocked(w.tasks[1:])
		w.tasks = nil
	}
	var broken []*task
	if !w.ready {
		if p.failures++; p.failures >= maxFailures {
			broken = p.breakLocked(crash)
		}
	}
	cause := error(nil)
	if p.state == poolBroken {
		cause = p.brokenLocked()
		more := p.pending.takeAll() // requeued just now
		for _, t := range more {
			t.endLocked()
		}
		p.stats.Done += len(more)
		p.stats.Failed += len(more)
		broken = append(broken, more...)
	}
	p.telling++
	p.dispatchLocked()
	p.unlock()
	if blamed != nil {
		blamed.job.fail(crash)
	}
	for _, t := range lost {
		t.job.fail(t.cancelled)
	}
	failAll(broken, cause)
	p.told()
}

// A task is work for a pool. Its fields are guarded by the pool's mutex.
type task struct {
	next, prev *task // in the pool's line
	id         uint64
	body       []byte // function, count, arguments
	job        job
	stop       func() bool // of the context's AfterFunc, if there is one
	begun      bool        // job.begin was called
	ended      bool
	cancelled  error // of the context, once it has ended
	w          *poolWorker
}

// A job is what a task is for: exactly one of finish and fail is called, once,
// unless begin returned false.
type job interface {
	begin() bool                        // false if it was cancelled
	finish(d *decoder, cancelled error) // with the results
	fail(err error)
}

func (t *task) appendID(b []byte) []byte { return binary.AppendUvarint(b, t.id) }

func (t *task) endLocked() {
	t.ended = true
	t.w = nil
	if t.stop != nil {
		t.stop()
	}
}

// A taskList is a line of tasks.
type taskList struct {
	first, last *task
	n           int
}

func (l *taskList) push(t *task) {
	t.prev = l.last
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
	l.n++
}

func (l *taskList) pushFront(t *task) {
	t.next = l.first
	if l.first == nil {
		l.last = t
	} else {
		l.first.prev = t
	}
	l.first = t
	l.n++
}

func (l *taskList) pop() *task {
	t := l.first
	l.remove(t)
	return t
}

// remove takes out t, which is in the list.
func (l *taskList) remove(t *task) {
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.next, t.prev = nil, nil
	l.n--
}

func (l *taskList) takeAll() (all []*task) {
	for l.n > 0 {
		all = append(all, l.pop())
	}
	return all
}
