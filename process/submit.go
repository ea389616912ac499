package process

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/trawl-go/trawl/future"
)

// Submit gives the pool a task, the call of f with arg, and returns the future
// of its result. The argument is copied before Submit returns.
//
// The context of the task ends when ctx does. If it has not started by then it
// never does, and the future fails with ctx.Err(). If it has, and does not
// return within PoolOptions.Grace, its worker is killed.
//
// The future fails with a *RemoteError if f does, a *CrashError if the worker
// dies, a *TimeoutError, an *EncodeError if the result cannot cross,
// ErrTerminated, or ErrPoolBroken.
//
// Submit returns an *EncodeError if the argument cannot cross, ErrPoolClosed,
// ErrPoolBroken, ErrTerminated or ErrNoInit if the pool takes no tasks, and
// ctx.Err(). Then there is no future. It does not wait.
func (f *Func[A, R]) Submit(ctx context.Context, p *Pool, arg A) (*future.Future[R], error) {
	e := encoder{buf: f.head(make([]byte, 0, 64), 1)}
	f.in.put(&e, &arg)
	if e.err != nil {
		return nil, e.err
	}
	j := &submitted[A, R]{f: f}
	j.task.job = j
	j.task.body = e.buf
	if err := p.submit(ctx, &j.task); err != nil {
		return nil, err
	}
	return j.promise.Future(), nil
}

// Apply gives the pool a task and waits for its result: it is Submit and
// Result. If ctx ends first it returns ctx.Err(), and the task ends as Submit
// tells.
func (f *Func[A, R]) Apply(ctx context.Context, p *Pool, arg A) (R, error) {
	fut, err := f.Submit(ctx, p, arg)
	if err != nil {
		var zero R
		return zero, err
	}
	return fut.Result(ctx)
}

// head begins the body of a task.
func (f *Func[A, R]) head(b []byte, count int) []byte {
	b = binary.AppendUvarint(b, frozen().index(f.name))
	return binary.AppendUvarint(b, uint64(count))
}

// submitted is the job of a single call.
type submitted[A, R any] struct {
	task    task
	f       *Func[A, R]
	promise future.Promise[R]
}

func (j *submitted[A, R]) begin() bool { return j.promise.Start() }

func (j *submitted[A, R]) finish(d *decoder, cancelled error) {
	j.task.body = nil // the future outlives it
	r, err := j.f.result(d)
	j.promise.Set(r, ended(err, cancelled))
}

func (j *submitted[A, R]) fail(err error) {
	j.task.body = nil
	var zero R
	j.promise.Set(zero, err)
}

// ended is the error of a task whose context may have ended: what the task
// says about that is better said by the context itself.
func ended(err, cancelled error) error {
	if cancelled != nil && errors.Is(err, context.Canceled) {
		return cancelled
	}
	return err
}
