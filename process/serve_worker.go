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
type worker struct {
	base   context.Context // ends with the context of the Process
	cancel context.CancelFunc

	mu      sync.Mutex // guards everything below
	more    sync.Cond
	queue   []*work
	running *work
	bye     bool
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

func (w *worker) begin() {
	w.more.L = &w.mu
	w.base, w.cancel = context.WithCancel(context.Background())
}

// handle acts on a message, on the reader's goroutine.
func (w *worker) handle(kind byte, body []byte) {
	d := &decoder{buf: body}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch kind {
	case kindTask:
		t := &work{id: d.uint(), fn: frozen().at(d.uint()), count: d.uint()}
		t.args = append([]byte(nil), d.buf...)
		t.ctx, t.cancel = context.WithCancel(w.base)
		w.queue = append(w.queue, t)
		w.more.Signal()
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
		w.more.Signal()
	}
}

// next waits for a task, and returns nil if there will be none.
func (w *worker) next() *work {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = nil
	for len(w.queue) == 0 && !w.bye {
		w.more.Wait()
	}
	if len(w.queue) == 0 {
		return nil
	}
	w.running = w.queue[0]
	w.queue = w.queue[1:]
	return w.running
}

// serve runs the initialiser and then tasks, and gives the exit code.
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
	done := make(chan struct{})
	go w.loop(done)
	<-done
	Shutdown(context.Background())
	return 0
}

// loop runs tasks until there are no more.
func (w *worker) loop(done chan struct{}) {
	var t *work
	var e encoder
	var left uint64 // how many results of t are missing
	defer func() {
		if t == nil {
			close(done)
			return
		}
		// The task called runtime.Goexit and took this goroutine with it.
		for ; left > 0; left-- {
			putStatus(&e, &RemoteError{Message: errGoexit.Error(), Type: "runtime.Goexit", Panic: true})
		}
		self.up.send(kindResult, []byte{0}, e.buf)
		go w.loop(done)
	}()
	for t = w.next(); t != nil; t = w.next() {
		e.buf = binary.AppendUvarint(e.buf[:0], t.id)
		d := &decoder{buf: t.args}
		start := time.Now()
		for left = t.count; left > 0; left-- {
			if err := t.ctx.Err(); err != nil {
				putStatus(&e, err)
				continue
			}
			t.fn.call(t.ctx, d, &e)
		}
		t.cancel()
		took := binary.AppendUvarint(nil, uint64(time.Since(start)))
		if self.up.send(kindResult, took, e.buf) != nil { // too long
			e.buf = binary.AppendUvarint(e.buf[:0], t.id)
			for range t.count {
				putStatus(&e, &EncodeError{Type: "message", Err: errTooLong})
			}
			self.up.send(kindResult, took, e.buf)
		}
		if cap(e.buf) > 1<<20 {
			e.buf = nil
		}
	}
}
