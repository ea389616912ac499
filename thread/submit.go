package thread

import (
	"context"
	"iter"
	"runtime/debug"

	"github.com/trawl-go/trawl/future"
)

// Submit gives the pool a task and returns the future of its result. It waits
// while as many tasks wait for a worker as PoolOptions.Queue allows.
//
// The function gets ctx, as seen by the worker's thread. If ctx ends before
// the task starts the function is not called and the future has ctx.Err(); if
// the function panics the future has a *PanicError.
//
// Submit returns ErrPoolClosed or ErrPoolBroken if the pool takes no tasks,
// and ctx.Err() if ctx ends first. Then there is no future.
func Submit[R any](ctx context.Context, p *Pool, fn func(context.Context) (R, error)) (*future.Future[R], error) {
	j := &job[R]{ctx: ctx, fn: fn}
	if err := p.put(ctx, j); err != nil {
		return nil, err
	}
	return j.promise.Future(), nil
}

// job is a task with a result.
type job[R any] struct {
	promise future.Promise[R]
	ctx     context.Context
	fn      func(context.Context) (R, error)
}

func (j *job[R]) run(w *worker) {
	ctx, fn := j.ctx, j.fn
	j.ctx, j.fn = nil, nil // the future outlives them
	if !j.promise.Start() {
		return
	}
	var v R
	err := ctx.Err()
	if err != nil {
		j.promise.Set(v, err)
		return
	}
	returned := false
	defer func() {
		if !returned {
			err = ErrGoexit
			if v := recover(); v != nil {
				err = &PanicError{Value: v, Stack: debug.Stack()}
			}
		}
		j.promise.Set(v, err)
	}()
	v, err = fn(w.adopt(ctx))
	returned = true
}

func (j *job[R]) fail(err error) {
	j.ctx, j.fn = nil, nil
	if err == future.ErrCancelled {
		j.promise.Future().Cancel()
		return
	}
	var v R
	j.promise.Set(v, err)
}

// adopt is ctx, of whoever submitted a task, as seen by the worker.
func (w *worker) adopt(ctx context.Context) context.Context {
	t := w.thread
	c := &identity{Context: ctx, thread: t, scope: t.self.scope}
	if from(ctx).thread != mainThread {
		// It carries the label of another thread, which pprof.Do would set.
		c.labels = labelsFor(ctx, t.self.labels.name)
	}
	return c
}

// Map gives the pool a task for each element of in, and then returns their
// results in the order of in, each as soon as it and those before it are
// there. All tasks are submitted before Map returns; like Submit it waits
// while the pool's queue is full.
//
// The error of a task comes in its place, and the sequence goes on. If the
// pool takes no more tasks the sequence ends after the error that says so.
// Leaving the range loop early cancels the tasks that have not started. The
// sequence can be ranged over once. Map keeps no reference to in.
func Map[A, R any](ctx context.Context, p *Pool, in []A, fn func(context.Context, A) (R, error)) iter.Seq2[R, error] {
	fs := make([]*future.Future[R], 0, len(in))
	var refused error
	for _, a := range in {
		f, err := Submit(ctx, p, func(ctx context.Context) (R, error) { return fn(ctx, a) })
		if err != nil {
			refused = err
			break
		}
		fs = append(fs, f)
	}
	return func(yield func(R, error) bool) {
		defer func() {
			for _, f := range fs {
				f.Cancel()
			}
			fs = nil
		}()
		for len(fs) > 0 {
			f := fs[0]
			fs[0], fs = nil, fs[1:]
			if !yield(f.Result(ctx)) {
				return
			}
		}
		if refused != nil {
			var zero R
			err := refused
			refused = nil
			yield(zero, err)
		}
	}
}
