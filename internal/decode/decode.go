package decode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/trawl-go/trawl/process"
)

// Options adjust a Decoder. A nil *Options and every zero field mean the
// default.
type Options struct {
	// Workers is the number of worker processes; zero means one per CPU.
	Workers int

	// MaxPixels is how many pixels a picture, or a frame of it, may have;
	// zero means 100 million. With more it is refused.
	MaxPixels int64

	// Memory is how many bytes of memory a worker may use, where the system
	// has such a limit (process.MemoryLimited); zero means 1 GB. That is
	// enough for MaxPixels of nearly all kinds of pictures.
	Memory int64

	// Timeout is how long a picture may take; zero means a minute.
	Timeout time.Duration
}

// A Picture is a file to be decoded. Path is below Dir, with slashes, and
// cannot lead out of it; Dir is absolute. Type is the media type found in its
// content.
type Picture struct {
	Dir, Path, Type string
}

// A Result is what came of a picture.
type Result struct {
	Picture

	// Err says why the picture does not decode; nil if it does.
	Err error

	// Beyond says what the decoders lack to tell; "" if they do not.
	Beyond string
}

// A Decoder decodes pictures. It comes from New.
//
// It is safe for concurrent use.
type Decoder struct {
	pool *process.Pool
	opts Options
}

// New returns a Decoder, which must be closed. It starts nothing. We copy
// opts.
func New(opts *Options) *Decoder {
	d := &Decoder{}
	if opts != nil {
		d.opts = *opts
	}
	if d.opts.MaxPixels == 0 {
		d.opts.MaxPixels = 100_000_000
	}
	if d.opts.Memory == 0 {
		d.opts.Memory = 1 << 30
	}
	if d.opts.Timeout == 0 {
		d.opts.Timeout = time.Minute
	}
	d.pool = process.NewPool(&process.PoolOptions{
		Workers: d.opts.Workers, Name: "decode",
		Memory: d.opts.Memory, TaskTimeout: d.opts.Timeout,
		// What a crashed worker says comes in its error.
		Stdout: io.Discard, Stderr: io.Discard,
	})
	return d
}

// Close ends the workers; pictures that are being decoded get
// process.ErrTerminated. It may be called twice.
func (d *Decoder) Close() error {
	d.pool.Terminate()
	return d.pool.Join(context.Background())
}

// Check decodes a picture. A picture that does not decode is no error, but
// Result.Err. The error is that of ctx, of reading the file, as an
// *[os.PathError] has it, or of workers that cannot be started.
func (d *Decoder) Check(ctx context.Context, p Picture) (Result, error) {
	f, err := picture.Apply(ctx, d.pool, d.task(0, p))
	return d.result(p, f, err)
}

// All decodes pictures, as many at a time as there are workers. The results
// come as they are ready, in no order; pictures is read on the caller's
// goroutine and no further ahead than keeps the workers busy. The sequence
// ends after an error, which is one of Check's.
func (d *Decoder) All(ctx context.Context, pictures iter.Seq[Picture]) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		open := make(map[int]Picture) // by their place in the sequence
		n := 0
		tasks := func(yield func(task) bool) {
			for p := range pictures {
				open[n] = p
				if !yield(d.task(n, p)) {
					return
				}
				n++
			}
		}
		for f, err := range picture.ImapUnordered(ctx, d.pool, tasks, 0) {
			i := f.Place
			var ie *process.ItemError
			if errors.As(err, &ie) {
				i, err = ie.Index, ie.Err
			}
			p := open[i]
			delete(open, i)
			r, err := d.result(p, f, err)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (d *Decoder) task(place int, p Picture) task {
	return task{Place: place, Picture: p, MaxPixels: d.opts.MaxPixels}
}

// result tells the failures of a picture from those of the machine.
func (d *Decoder) result(p Picture, f finding, err error) (Result, error) {
	r := Result{Picture: p, Beyond: f.Beyond}
	var (
		crash  *process.CrashError
		late   *process.TimeoutError
		remote *process.RemoteError
	)
	switch {
	case err == nil && f.Bad != "":
		r.Err = errors.New(f.Bad)
	case errors.Is(err, process.ErrMemory):
		r.Err = fmt.Errorf("decoding it needs more than %d MB of memory", d.opts.Memory>>20)
	case errors.As(err, &late):
		r.Err = fmt.Errorf("decoding it takes longer than %v", late.After)
	case errors.As(err, &remote) && remote.Panic:
		r.Err = fmt.Errorf("the decoder fails: %s", remote.Message)
	case errors.As(err, &crash) && !errors.Is(err, process.ErrPoolBroken):
		r.Err = fmt.Errorf("the decoder crashes: %w", crash)
	default:
		return r, err
	}
	return r, nil
}
