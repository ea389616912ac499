package thread

import (
	"context"
	"iter"
	"sync"
)

// A Queue hands items from some goroutines to others. The zero Queue is
// unbounded and first in, first out; see [NewQueue], [NewStack] and
// [NewPriorityQueue] for the others.
//
// Unlike a channel it can be unbounded or ordered, be shut down by anyone while
// others put, be waited for until its items are worked off (Join), and tell
// how it fared without a select.
//
// A Queue is safe for concurrent use and must not be copied after first use.
type Queue[T any] struct {
	mu sync.Mutex // guards everything below

	order order
	ring  ring[T] // for fifo and lifo
	heap  heap[T] // for priority
	size  int     // items inside
	max   int     // 0: unbounded

	// Getters wait only while the queue is empty, putters only while it is
	// full: an item goes straight from a putter to the getter that waited
	// longest, and room straight to the putter that did.
	getters waitList[handoff[T]]
	putters waitList[handoff[T]]

	unfinished int           // items put and not yet TaskDone
	finished   chan struct{} // closed when unfinished falls to 0; nil if nobody joins
	shut       bool
}

type order uint8

const (
	fifo order = iota
	lifo
	priority
)

// handoff is what a blocked Get receives, or a blocked Put has to give.
type handoff[T any] struct {
	item     T
	err      error
	panicked any // the compare function panicked on this putter's item
}

// NewQueue makes a first in, first out queue that holds at most max items;
// max <= 0 means unbounded.
func NewQueue[T any](max int) *Queue[T] { return &Queue[T]{max: atLeast0(max)} }

// NewStack makes a last in, first out queue that holds at most max items;
// max <= 0 means unbounded.
func NewStack[T any](max int) *Queue[T] { return &Queue[T]{max: atLeast0(max), order: lifo} }

// NewPriorityQueue makes a queue that gives the smallest item first, by
// compare, and equal items in order of arrival. It holds at most max items;
// max <= 0 means unbounded.
//
// compare returns a negative number when a comes before b, as cmp.Compare
// does. It is called with the queue locked and so must not use the queue. If
// it panics the panic comes out of the Put or Get concerned and the queue is
// unchanged.
func NewPriorityQueue[T any](max int, compare func(a, b T) int) *Queue[T] {
	return &Queue[T]{max: atLeast0(max), order: priority, heap: heap[T]{compare: compare}}
}

func atLeast0(n int) int { return max(n, 0) }

// Put adds v, and waits while the queue is full.
//
// It returns ErrShutDown once the queue is shut down, even if it was waiting
// then, and ctx.Err() if ctx ends first. On any error v was not added.
func (q *Queue[T]) Put(ctx context.Context, v T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := q.put(v, true)
	if w == nil {
		return err
	}
	if err := w.park(ctx); err != nil {
		q.mu.Lock()
		gaveUp := q.putters.remove(w)
		q.mu.Unlock()
		if gaveUp {
			return err
		}
	}
	if w.v.panicked != nil {
		panic(w.v.panicked)
	}
	return w.v.err
}

// TryPut adds v if there is room now. It returns ErrFull or ErrShutDown if it
// did not.
func (q *Queue[T]) TryPut(v T) error {
	_, err := q.put(v, false)
	return err
}

// put adds v, or else fails, or else returns the waiter to park on.
func (q *Queue[T]) put(v T, wait bool) (*waiter[handoff[T]], error) {
	q.mu.Lock()
	// The common case has no need of a deferred Unlock.
	if !q.shut && q.order == fifo && q.getters.head == nil && (q.max == 0 || q.size < q.max) {
		q.ring.push(v)
		q.size++
		q.unfinished++
		q.mu.Unlock()
		return nil, nil
	}
	defer q.mu.Unlock() // deferred because compare may panic
	if q.shut {
		return nil, ErrShutDown
	}
	if g := q.getters.pop(); g != nil {
		q.unfinished++
		g.v.item = v
		g.wake()
		return nil, nil
	}
	if q.max == 0 || q.size < q.max {
		q.insertLocked(v)
		return nil, nil
	}
	if !wait {
		return nil, ErrFull
	}
	w := newWaiter(handoff[T]{item: v})
	q.putters.push(w)
	return w, nil
}

func (q *Queue[T]) insertLocked(v T) {
	if q.order == priority {
		q.heap.push(v)
	} else {
		q.ring.push(v)
	}
	q.size++
	q.unfinished++
}

func (q *Queue[T]) removeLocked() (v T) {
	switch q.order {
	case fifo:
		v = q.ring.popFront()
	case lifo:
		v = q.ring.popBack()
	case priority:
		v = q.heap.pop()
	}
	q.size--
	return v
}

// Get takes the next item, and waits while there is none.
//
// It returns ErrShutDown once the queue is shut down and empty, and ctx.Err()
// if ctx ends first. The item belongs to the caller.
func (q *Queue[T]) Get(ctx context.Context) (T, error) {
	if err := ctx.Err(); err != nil {
		var zero T
		return zero, err
	}
	v, w, err := q.get(true)
	if w == nil {
		return v, err
	}
	if err := w.park(ctx); err != nil {
		q.mu.Lock()
		gaveUp := q.getters.remove(w)
		q.mu.Unlock()
		if gaveUp {
			return v, err
		}
	}
	return w.v.item, w.v.err
}

// TryGet takes the next item if there is one now. It returns ErrEmpty or
// ErrShutDown if there is none.
func (q *Queue[T]) TryGet() (T, error) {
	v, _, err := q.get(false)
	return v, err
}

// get takes an item, or else fails, or else returns the waiter to park on.
func (q *Queue[T]) get(wait bool) (v T, w *waiter[handoff[T]], err error) {
	q.mu.Lock()
	// The common case has no need of a deferred Unlock.
	if q.size > 0 && q.order == fifo && q.putters.head == nil {
		v = q.ring.popFront()
		q.size--
		q.mu.Unlock()
		return v, nil, nil
	}
	defer q.mu.Unlock() // deferred because compare may panic
	if q.size > 0 {
		v = q.removeLocked()
		q.admitLocked()
		return v, nil, nil
	}
	switch {
	case q.shut:
		return v, nil, ErrShutDown
	case !wait:
		return v, nil, ErrEmpty
	}
	w = newWaiter(handoff[T]{})
	q.getters.push(w)
	return v, w, nil
}

// admitLocked lets waiting putters in while there is room.
func (q *Queue[T]) admitLocked() {
	for q.putters.head != nil && (q.max == 0 || q.size < q.max) {
		w := q.putters.pop()
		q.insertFor(w)
		w.wake()
	}
}

// insertFor inserts a waiting putter's item. A panic of compare is the
// putter's, not that of whoever made room.
func (q *Queue[T]) insertFor(w *waiter[handoff[T]]) {
	if q.order == priority {
		defer func() { w.v.panicked = recover() }()
	}
	q.insertLocked(w.v.item)
}

// All gives the items as they come, each to one range loop only. It ends when
// the queue is shut down and empty, or when ctx ends; ctx.Err() tells which.
func (q *Queue[T]) All(ctx context.Context) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			v, err := q.Get(ctx)
			if err != nil || !yield(v) {
				return
			}
		}
	}
}

// TaskDone says that one item taken from the queue is worked off. It returns
// ErrTaskDone, and changes nothing, if that was said of every item already.
// Programs that do not call Join need not call it.
func (q *Queue[T]) TaskDone() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.unfinished == 0 {
		return ErrTaskDone
	}
	q.finishLocked(1)
	return nil
}

func (q *Queue[T]) finishLocked(n int) {
	q.unfinished -= n
	if q.unfinished == 0 && q.finished != nil {
		close(q.finished)
		q.finished = nil
	}
}

// Join waits until TaskDone was called for every item that was put. It
// returns ctx.Err() if ctx ends first.
func (q *Queue[T]) Join(ctx context.Context) error {
	q.mu.Lock()
	if q.unfinished == 0 {
		q.mu.Unlock()
		return nil
	}
	if q.finished == nil {
		q.finished = make(chan struct{})
	}
	finished := q.finished
	q.mu.Unlock()
	return await(ctx, finished)
}

// Shutdown ends the queue: from now on Put fails with ErrShutDown, waiting
// ones included, and Get does so once the items inside are taken. It may be
// called again.
func (q *Queue[T]) Shutdown() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shutdownLocked()
}

func (q *Queue[T]) shutdownLocked() {
	q.shut = true
	for _, l := range []*waitList[handoff[T]]{&q.putters, &q.getters} {
		for w := l.pop(); w != nil; w = l.pop() {
			w.v.err = ErrShutDown
			w.wake()
		}
	}
}

// ShutdownNow is Shutdown, and also takes out the items inside and returns
// them in an unspecified order. Join no longer waits for those, but still for
// items that were taken by Get and are not done.
func (q *Queue[T]) ShutdownNow() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shutdownLocked()
	if q.size == 0 {
		return nil
	}
	left := make([]T, 0, q.size)
	for q.ring.n > 0 {
		left = append(left, q.ring.popFront())
	}
	for _, x := range q.heap.items {
		left = append(left, x.v)
	}
	q.heap.items = nil
	q.size = 0
	q.finishLocked(min(len(left), q.unfinished))
	return left
}

// Len tells how many items are inside. With other goroutines at work the
// number may be old when it arrives.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size
}

// Cap tells how many items the queue holds at most; 0 means unbounded.
func (q *Queue[T]) Cap() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.max
}

// SetCap changes how many items the queue holds at most; max <= 0 means
// unbounded. Items above a smaller max stay, and the queue is full until
// enough of them have left.
func (q *Queue[T]) SetCap(max int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.max = atLeast0(max)
	q.admitLocked()
}
