package thread

import "context"

// A waiter is one blocked call. The owner of the list it stands in fills in
// its value and wakes it; both happen under the owner's mutex.
//
// Waiters are not pooled: a channel made inside a testing/synctest bubble must
// not be used outside it, so a pool would break every test that uses one.
type waiter[V any] struct {
	prev, next *waiter[V]
	list       *waitList[V] // nil when it stands in no list
	ready      chan struct{}
	v          V
}

func newWaiter[V any](v V) *waiter[V] {
	// Buffer 1: whoever wakes must not wait for the woken.
	return &waiter[V]{ready: make(chan struct{}, 1), v: v}
}

// wake ends one call of park. It must not be called again before park returned.
func (w *waiter[V]) wake() { w.ready <- struct{}{} }

// park waits for wake, or for the end of ctx.
func (w *waiter[V]) park(ctx context.Context) error {
	done := ctx.Done()
	if done == nil {
		<-w.ready
		return nil
	}
	select {
	case <-w.ready:
		return nil
	case <-done:
		return ctx.Err()
	}
}

// waitList is a list of waiters, the longest waiting first. Its zero value is empty.
type waitList[V any] struct{ head, tail *waiter[V] }

func (l *waitList[V]) push(w *waiter[V]) {
	w.list, w.prev = l, l.tail
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
}

func (l *waitList[V]) pop() *waiter[V] {
	w := l.head
	if w != nil {
		l.remove(w)
	}
	return w
}

// remove reports whether w stood in this list.
func (l *waitList[V]) remove(w *waiter[V]) bool {
	if w.list != l {
		return false
	}
	if w.prev == nil {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.list = nil, nil, nil
	return true
}

// await waits until c is closed, or for the end of ctx if it is not closed yet.
func await(ctx context.Context, c <-chan struct{}) error {
	done := ctx.Done()
	if done == nil {
		<-c
		return nil
	}
	select {
	case <-c:
		return nil
	case <-done:
	}
	select {
	case <-c: // both at once
		return nil
	default:
		return ctx.Err()
	}
}
