package process

import (
	"context"
	"iter"
	"sync"
)

// A Queue hands items from some processes to others, first in, first out. It
// comes from NewQueue.
//
// A process that dies while it puts or gets takes at most its own item with
// it; the others go on.
//
// A Queue is safe for concurrent use.
type Queue[T any] struct {
	ref  ref
	impl queueImpl
	max  int
	once sync.Once
	c    codec[T]
}

// NewQueue makes a queue that holds at most max items; max <= 0 means any
// number. On Linux all queues and arrays together hold at most 4 GB. For
// errors see NewLock.
func NewQueue[T any](max int) (*Queue[T], error) {
	q := &Queue[T]{max: maxOf(max)}
	var err error
	q.ref, q.impl, err = newTool[queueImpl](kindQueue, q.max, false)
	if err != nil {
		return nil, err
	}
	return q, nil
}

func maxOf(n int) int { return max(0, n) }

func (q *Queue[T]) codec() codec[T] {
	q.once.Do(func() { q.c = newCodec[T]() })
	return q.c
}

// Put puts v, which is copied, into the queue, and waits while it is full.
//
// It returns an *EncodeError if v cannot cross, ErrShutDown, and ctx.Err() if
// ctx ends first. The item is not in the queue then.
func (q *Queue[T]) Put(ctx context.Context, v T) error { return q.put(ctx, &v, false) }

// TryPut is Put that does not wait: it returns ErrFull if there is no room.
func (q *Queue[T]) TryPut(v T) error {
	err := q.put(context.Background(), &v, true)
	if err == errBusy {
		return ErrFull
	}
	return err
}

func (q *Queue[T]) put(ctx context.Context, v *T, try bool) error {
	b, err := q.codec().encode(v)
	if err != nil {
		return err
	}
	if len(b) > maxMessage-64 {
		return &EncodeError{Type: "message", Err: errTooLong}
	}
	return q.impl.put(ctx, b, try)
}

// Get takes the next item, and waits while there is none.
//
// It returns ErrShutDown if the queue is shut down and empty, and ctx.Err() if
// ctx ends first. An item that cannot be read is gone, with an *EncodeError.
func (q *Queue[T]) Get(ctx context.Context) (T, error) { return q.get(ctx, false) }

// TryGet is Get that does not wait: it returns ErrEmpty if there is no item.
func (q *Queue[T]) TryGet() (T, error) {
	v, err := q.get(context.Background(), true)
	if err == errBusy {
		err = ErrEmpty
	}
	return v, err
}

func (q *Queue[T]) get(ctx context.Context, try bool) (v T, err error) {
	b, err := q.impl.get(ctx, try)
	if err != nil {
		return v, err
	}
	err = q.codec().decode(b, &v)
	return v, err
}

// All gives items as Get does until the queue is shut down and empty, or ctx
// ends. Items that cannot be read are left out.
func (q *Queue[T]) All(ctx context.Context) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			v, err := q.Get(ctx)
			if _, unreadable := err.(*EncodeError); unreadable {
				continue
			}
			if err != nil || !yield(v) {
				return
			}
		}
	}
}

// Len returns how many items there are now.
func (q *Queue[T]) Len() int { return q.impl.length() }

// Cap returns how many items the queue can hold, and 0 for any number.
func (q *Queue[T]) Cap() int { return q.max }

// TaskDone says that an item that was taken is worked off, for Join. It
// returns ErrTaskDone if it was said more often than items were put.
func (q *Queue[T]) TaskDone() error { return q.impl.taskDone() }

// Join waits until TaskDone was called for every item that was put. It returns
// ctx.Err() if ctx ends first. If a process died between Get and TaskDone, that
// can be the only way out.
func (q *Queue[T]) Join(ctx context.Context) error { return q.impl.join(ctx) }

// Shutdown ends the queue for all processes: from now on Put fails with
// ErrShutDown, waiting ones included, and Get does so once the items inside
// are taken. It may be called again.
func (q *Queue[T]) Shutdown() { q.impl.shutdown() }

func (q *Queue[T]) encodeTo(e *encoder) error {
	e.uint(uint64(q.max))
	return q.ref.encode(e)
}

func (q *Queue[T]) decodeFrom(d *decoder) (err error) {
	q.max = int(d.uint())
	q.impl, err = decodeTool[queueImpl](d, kindQueue, &q.ref)
	return err
}
