package process

import (
	"context"
	"fmt"
	"iter"
	"sync"
)

// Map calls f with each element of in, in the workers of the pool, and returns
// the results in the order of in when all are there.
//
// chunk elements at a time are one task; zero means 1. Larger chunks make
// Map of many small calls faster, but if the worker dies the whole chunk
// fails.
//
// If calls fail Map still waits for all of them and returns the results of the
// others, with zero values in between, and an *ItemError for the first that
// failed. If ctx ends first it returns ctx.Err() and no results. A negative
// chunk panics.
func (f *Func[A, R]) Map(ctx context.Context, p *Pool, in []A, chunk int) ([]R, error) {
	chunk = chunkSize(chunk)
	out := make([]R, len(in))
	var mu sync.Mutex // guards what follows
	var first *ItemError
	left := (len(in) + chunk - 1) / chunk
	done := make(chan struct{})
	if left == 0 {
		return out, nil
	}
	failed := func(i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil || i < first.Index {
			first = &ItemError{i, err}
		}
	}
	part := func() {
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			close(done)
		}
	}
	for from := 0; from < len(in); from += chunk {
		b := &batch[A, R]{f: f, index: from}
		b.each = func(i int, r R, err error) {
			if err != nil {
				failed(i, err)
				return
			}
			out[i] = r
		}
		b.done = part
		if err := b.submit(ctx, p, in[from:min(from+chunk, len(in))]); err != nil {
			b.fail(err)
		}
	}
	select {
	case <-done:
	default:
		select {
		case <-done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if first != nil {
		return out, first
	}
	return out, nil
}

func chunkSize(n int) int {
	if n < 0 {
		panic(fmt.Sprintf("process: chunk of %d", n))
	}
	return max(n, 1)
}

// Imap calls f with each element of in, in the workers of the pool, and gives
// the results in the order of in, each as soon as it and those before it are
// there. The error of a call comes in its place, as an *ItemError, and the
// sequence goes on.
//
// The input is asked for as the results are, on the caller's goroutine and
// only so far ahead as keeps the workers busy, so it may be endless. chunk
// elements at a time are one task; zero means 1, see Map.
//
// If ctx ends or the pool takes no more tasks the sequence ends after the
// error that says so. Leaving the range loop early takes back what no worker
// has begun.
func (f *Func[A, R]) Imap(ctx context.Context, p *Pool, in iter.Seq[A], chunk int) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var line []*batch[A, R]
		defer func() {
			for _, b := range line {
				p.withdraw(&b.task, context.Canceled)
			}
		}()
		// first gives the results of the first in line.
		first := func() bool {
			b := line[0]
			select {
			case <-b.finished:
			case <-ctx.Done():
				var zero R
				yield(zero, ctx.Err())
				return false
			}
			line = line[1:]
			return b.yield(yield)
		}
		left, err := f.feed(ctx, p, in, chunk, func(b *batch[A, R]) {
			b.finished = make(chan struct{})
			b.done = func() { close(b.finished) }
		}, func(b *batch[A, R]) bool {
			line = append(line, b)
			for len(line) > 0 && (len(line) >= ahead(p) || line[0].isFinished()) {
				if !first() {
					return false
				}
			}
			return true
		})
		for !left && len(line) > 0 {
			left = !first()
		}
		if err != nil && !left {
			var zero R
			yield(zero, err)
		}
	}
}

// ImapUnordered is Imap that gives results as they come. Which call an error
// belongs to is told by ItemError.Index.
func (f *Func[A, R]) ImapUnordered(ctx context.Context, p *Pool, in iter.Seq[A], chunk int) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		most := ahead(p)
		// At most that many are under way, so a batch that is done never waits.
		come := make(chan *batch[A, R], most)
		out := make(map[*batch[A, R]]bool)
		next := func() bool {
			select {
			case b := <-come:
				delete(out, b)
				return b.yield(yield)
			case <-ctx.Done():
				var zero R
				yield(zero, ctx.Err())
				return false
			}
		}
		defer func() {
			for b := range out {
				p.withdraw(&b.task, context.Canceled)
			}
		}()
		left, err := f.feed(ctx, p, in, chunk, func(b *batch[A, R]) {
			b.done = func() { come <- b }
		}, func(b *batch[A, R]) bool {
			out[b] = true
			for len(out) >= most || len(come) > 0 {
				if !next() {
					return false
				}
			}
			return true
		})
		for !left && len(out) > 0 {
			left = !next()
		}
		if err != nil && !left {
			var zero R
			yield(zero, err)
		}
	}
}

// ahead is how many tasks a sequence has under way.
func ahead(p *Pool) int { return p.opts.Workers * 2 * maxWindow }

// feed makes tasks of the elements of in: it calls prepare with each before it
// is submitted, and accept after that. It stops when the pool refuses one, with
// the error, and when accept returns false, which left tells.
func (f *Func[A, R]) feed(ctx context.Context, p *Pool, in iter.Seq[A], chunk int, prepare func(*batch[A, R]), accept func(*batch[A, R]) bool) (left bool, err error) {
	chunk = chunkSize(chunk)
	index := 0
	var args []A
	submit := func() bool {
		b := &batch[A, R]{f: f, index: index, keep: true}
		prepare(b)
		if err = b.submit(ctx, p, args); err != nil {
			return false
		}
		index += len(args)
		args = args[:0]
		left = !accept(b)
		return !left
	}
	for a := range in {
		if args = append(args, a); len(args) == chunk && !submit() {
			return left, err
		}
	}
	if len(args) > 0 {
		submit()
	}
	return left, err
}

// A batch is the job of a chunk.
type batch[A, R any] struct {
	task  task
	f     *Func[A, R]
	index int // of its first element
	n     int
	each  func(i int, r R, err error)
	done  func() // called last

	keep     bool // the results, in place of each
	rs       []R
	errs     []error
	finished chan struct{}
}

func (b *batch[A, R]) isFinished() bool {
	select {
	case <-b.finished:
		return true
	default:
		return false
	}
}

// submit hands the batch in. It returns an error if the pool refuses it; other
// errors are results.
func (b *batch[A, R]) submit(ctx context.Context, p *Pool, args []A) error {
	b.n = len(args)
	if b.keep {
		b.rs, b.errs = make([]R, b.n), make([]error, b.n)
		b.each = func(i int, r R, err error) { b.rs[i-b.index], b.errs[i-b.index] = r, err }
	}
	e := encoder{buf: b.f.head(nil, b.n)}
	for i := range args {
		b.f.in.put(&e, &args[i])
	}
	if e.err != nil {
		b.fail(e.err)
		return nil
	}
	b.task.job = b
	b.task.body = e.buf
	return p.submit(ctx, &b.task)
}

func (b *batch[A, R]) begin() bool { return true }

func (b *batch[A, R]) finish(d *decoder, cancelled error) {
	b.task.body = nil
	for i := range b.n {
		r, err := b.f.result(d)
		b.each(b.index+i, r, ended(err, cancelled))
	}
	b.done()
}

func (b *batch[A, R]) fail(err error) {
	b.task.body = nil
	var zero R
	for i := range b.n {
		b.each(b.index+i, zero, err)
	}
	b.done()
}

// yield gives the results, and tells whether to go on.
func (b *batch[A, R]) yield(yield func(R, error) bool) bool {
	for i, r := range b.rs {
		err := b.errs[i]
		if err != nil {
			err = &ItemError{b.index + i, err}
		}
		if !yield(r, err) {
			return false
		}
	}
	return true
}
