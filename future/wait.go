package future

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// When tells Wait what to wait for.
type When uint8

const (
	All        When = iota // every future is done
	First                  // at least one is done
	FirstError             // one has failed, or every one is done; cancelled ones have not failed
)

// Wait waits for some or all of the futures and returns those that are done
// and the others, each once and in the order given.
//
// If ctx ends before what it waits for is so, Wait returns ctx.Err() with the
// futures as they are then.
func Wait[T any](ctx context.Context, when When, fs ...*Future[T]) (done, pending []*Future[T], err error) {
	fs = unique(fs)
	w := watch(slices.Clone(fs))
	defer w.stop()
	for range fs {
		var f *Future[T]
		if f, err = w.next(ctx); err != nil {
			break
		}
		if when == First || when == FirstError && f.failed() {
			break
		}
	}
	for _, f := range fs {
		if f.State().done() {
			done = append(done, f)
		} else {
			pending = append(pending, f)
		}
	}
	return done, pending, err
}

func (f *Future[T]) failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state == Finished && f.err != nil
}

// AsCompleted gives each future once, as they become done; those that are done
// already come first. It can be ranged over once, and does not hold on to what
// it gave.
//
// If ctx ends first the last pair is a nil future and an error that tells how
// many are missing and wraps ctx.Err().
func AsCompleted[T any](ctx context.Context, fs ...*Future[T]) iter.Seq2[*Future[T], error] {
	fs = unique(fs)
	return func(yield func(*Future[T], error) bool) {
		w := watch(fs)
		fs = nil
		defer w.stop()
		total := len(w.fs)
		for left := total; left > 0; left-- {
			f, err := w.next(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("%d (of %d) futures unfinished: %w", left, total, err))
				return
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

func unique[T any](fs []*Future[T]) []*Future[T] {
	seen := make(map[*Future[T]]bool, len(fs))
	return slices.DeleteFunc(slices.Clone(fs), func(f *Future[T]) bool {
		again := seen[f]
		seen[f] = true
		return again
	})
}

// watcher tells which of its futures became done.
type watcher[T any] struct {
	fs        []*Future[T] // nil where next has given it
	callbacks []*callback

	mu    sync.Mutex // guards ready
	ready []int      // indexes of fs, in the order they became done
	more  chan struct{}
}

// watch makes a watcher, which takes fs.
func watch[T any](fs []*Future[T]) *watcher[T] {
	w := &watcher[T]{
		fs:        fs,
		callbacks: make([]*callback, len(fs)),
		more:      make(chan struct{}, 1), // one token: "ready is not empty"
	}
	for i, f := range fs {
		c := &callback{fn: func() { w.push(i) }}
		if f.add(c) {
			w.callbacks[i] = c
		} else {
			w.push(i)
		}
	}
	return w
}

func (w *watcher[T]) push(i int) {
	w.mu.Lock()
	w.ready = append(w.ready, i)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// next waits for the next future that is done. It returns ctx.Err() if there
// is none when ctx ends.
func (w *watcher[T]) next(ctx context.Context) (*Future[T], error) {
	for {
		w.mu.Lock()
		if len(w.ready) > 0 {
			i := w.ready[0]
			w.ready = w.ready[1:]
			w.mu.Unlock()
			f := w.fs[i]
			w.fs[i], w.callbacks[i] = nil, nil
			return f, nil
		}
		w.mu.Unlock()
		select {
		case <-w.more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// stop takes the watcher's callbacks out of the futures that are not done.
func (w *watcher[T]) stop() {
	for i, c := range w.callbacks {
		if c != nil {
			w.fs[i].remove(c)
		}
	}
}
