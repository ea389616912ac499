package process

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"time"
)

// worker is the child's side of a pool. Tasks are run one after another, in
// the order they came, and each result is written before the next task
// starts: so the parent of a worker that died knows what it was doing.
//
// A task runs on the goroutine that reads the link, as handing it to another
// costs more than a short task takes. If it turns out to be a long one,
// another goroutine takes over reading: for the end of the parent, the end of
// the task's context, and tasks that are to be given back.
type worker struct {
	base   context.Context // ends with the context of the Process
	cancel context.CancelFunc
	read   func() // reads the link

	mu        sync.Mutex // guards everything below
	changed   sync.Cond  // executing or bye has changed
	queue     []*work    // tasks that came while one runs
	running   *work
	since     time.Time // when it started
	executing bool      // some goroutine runs tasks
	takenOver bool      // and another one reads
	watched   bool      // by watch
	ready     bool      // initialised
	bye       bool
}

// work is a task in its worker.
type work struct {
	id     uint64
	fn     callee
	count  uint64
	args   []byte
	ctx    context.Context
	cancel context.CancelFunc
}

func (w *worker) begin(read func()) {
	w.changed.L = &w.mu
	w.read = read
	w.base, w.cancel = context.WithCancel(context.Background())
}

// handle acts on a message. It returns a task that is to be run at once.
func (w *worker) handle(kind byte, body []byte) (now *work) {
	d := &decoder{buf: body}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch kind {
	case kindTask:
		t := &work{id: d.uint(), fn: frozen().at(d.uint()), count: d.uint()}
		t.args = append([]byte(nil), d.buf...)
		t.ctx, t.cancel = context.WithCancel(w.base)
		if w.executing {
			w.queue = append(w.queue, t)
			return nil
		}
		w.executing = true
		w.startLocked(t)
		if !w.watched {
			w.watched = true
			go w.watch()
		}
		return t
	case kindCancel:
		id := d.uint()
		switch {
		case id == 0:
			w.cancel()
		case w.running != nil && w.running.id == id:
			w.running.cancel()
		default:
			for _, t := range w.queue {
				if t.id == id {
					t.cancel()
				}
			}
		}
	case kindRecall:
		var ids []byte
		for _, t := range w.queue {
			t.cancel()
			ids = binary.AppendUvarint(ids, t.id)
		}
		w.queue = nil
		self.up.send(kindReturned, ids)
	case kindBye:
		w.bye = true
		w.changed.Broadcast()
	}
	return nil
}

func (w *worker) startLocked(t *work) {
	w.running = t
	w.since = time.Now()
}

const (
	takeOverAfter = 500 * time.Microsecond
	watchEvery    = time.Millisecond
)

// watch has reading taken over when a task is a long one. It ends when there
// was none for a while.
func (w *worker) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for idle := 0; ; idle++ {
		<-tick.C
		w.mu.Lock()
		if w.executing {
			idle = 0
			if time.Since(w.since) >= takeOverAfter {
				w.takeOverLocked()
			}
		}
		if idle > 50 || w.takenOver {
			w.watched = false
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
	}
}

// takeOver has reading taken over at once: the task waits for what is read.
func (w *worker) takeOver() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.takeOverLocked()
}

func (w *worker) takeOverLocked() {
	if w.executing && !w.takenOver {
		w.takenOver = true
		go w.read()
	}
}

// idle tells whether no task is run.
func (w *worker) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ready && !w.executing
}

// runHere runs a task that handle returned, and those that come meanwhile if
// another goroutine takes over reading. It returns false if one has.
func (w *worker) runHere(t *work) (reading bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		// The task called runtime.Goexit and takes this goroutine with it.
		if t, reading := w.next(); t != nil || reading {
			go w.carryOn(t)
		}
	}()
	for t != nil {
		w.run(t)
		t, reading = w.next()
	}
	returned = true
	return reading
}

func (w *worker) carryOn(t *work) {
	if t == nil || w.runHere(t) {
		w.read()
	}
}

// next is called after a task. It returns the next one that this goroutine has
// to run, or none and whether it is to read again.
func (w *worker) next() (t *work, reading bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.takenOver && len(w.queue) > 0 {
		t = w.queue[0]
		w.queue = w.queue[1:]
		w.startLocked(t)
		return t, false
	}
	reading = !w.takenOver
	w.running, w.executing, w.takenOver = nil, false, false
	w.changed.Broadcast()
	return nil, reading
}

// serve runs the initialiser, waits until there are no more tasks, and gives
// the exit code.
func (w *worker) serve(init callee, d *decoder) int {
	var err error
	if init != nil {
		done := make(chan error)
		go func() {
			err := errGoexit
			defer func() { done <- err }()
			var e encoder
			init.call(w.base, d, &e)
			err = outcome(&decoder{buf: e.buf})
		}()
		err = <-done
	}
	var e encoder
	e.error(err)
	self.up.send(kindReady, e.buf)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Process %s: initialiser: %v\n", self.info.Name, err)
		return exitError
	}
	w.mu.Lock()
	w.ready = true
	for !w.bye || w.executing {
		w.changed.Wait()
	}
	w.mu.Unlock()
	Shutdown(context.Background())
	return 0
}

// run runs a task and sends its results.
func (w *worker) run(t *work) {
	var e encoder
	left := t.count // results that are missing
	start := time.Now()
	defer func() {
		// If there are any the task called runtime.Goexit.
		for ; left > 0; left-- {
			putStatus(&e, &RemoteError{Message: errGoexit.Error(), Type: "runtime.Goexit", Panic: true})
		}
		t.cancel()
		head := binary.AppendUvarint(make([]byte, 0, 20), uint64(time.Since(start)))
		head = binary.AppendUvarint(head, t.id)
		if self.up.send(kindResult, head, e.buf) != nil { // too long
			e.buf = nil
			for range t.count {
				putStatus(&e, &EncodeError{Type: "message", Err: errTooLong})
			}
			self.up.send(kindResult, head, e.buf)
		}
	}()
	d := &decoder{buf: t.args}
	for ; left > 0; left-- {
		if err := t.ctx.Err(); err != nil {
			putStatus(&e, err)
			continue
		}
		t.fn.call(t.ctx, d, &e)
	}
}
