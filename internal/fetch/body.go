package fetch

import (
	"errors"
	"fmt"
	"io"
	"time"
)

var errClosed = errors.New("body is closed")

// A body is the body of a response as it comes from the network. It keeps
// time, and its errors are those of Response.Body.
type body struct {
	src    io.ReadCloser
	watch  *watch
	opts   *Options
	rate   *rate // nil for none
	url    string
	status int

	err   error // sticky
	total int64 // bytes read so far

	// Of the current stretch of Options.SlowTime.
	got   int64
	spent time.Duration
}

// Read reads no faster than the rate allows.
func (b *body) Read(p []byte) (int, error) {
	if b.rate == nil {
		return b.read(p)
	}
	n, err := b.read(p[:min(len(p), b.rate.piece)])
	if d := b.rate.take(n); err == nil {
		if err = b.watch.hold(d); err != nil {
			err = b.fail(err)
		}
	}
	return n, err
}

func (b *body) read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	wait, waiting := b.opts.IdleTimeout, timeout{"no byte", b.opts.IdleTimeout}
	paced := b.opts.SlowBytes > 0 && b.opts.SlowTime > 0
	if paced && b.got < b.opts.SlowBytes {
		if left := b.opts.SlowTime - b.spent; wait == 0 || left < wait {
			wait, waiting = left, timeout{"too few bytes", b.opts.SlowTime}
		}
	}
	start := time.Now()
	if err := b.watch.arm(wait, waiting); err != nil {
		return 0, b.fail(err)
	}
	n, err := b.src.Read(p)
	b.watch.disarm()
	b.total += int64(n)
	if n > 0 {
		b.watch.beat()
	}
	if err == io.EOF {
		b.err = io.EOF
		return n, io.EOF
	}
	if err != nil {
		return n, b.fail(b.watch.cause(err))
	}
	if paced {
		b.got += int64(n)
		b.spent += time.Since(start)
		if b.spent >= b.opts.SlowTime {
			if b.got < b.opts.SlowBytes {
				return n, b.fail(timeout{"too few bytes", b.opts.SlowTime})
			}
			b.got, b.spent = 0, 0
		}
	}
	return n, nil
}

// fail makes the end of the caller's context, or else err, the error of the
// body.
func (b *body) fail(err error) error {
	if b.err = b.watch.parent.Err(); b.err != nil {
		return b.err
	}
	reason := Cut
	if isNetwork(err) {
		reason = Network
	}
	b.err = &Error{URL: b.url, Reason: reason, Status: b.status,
		Err: fmt.Errorf("body after %d bytes: %w", b.total, err)}
	return b.err
}

// Close ends the exchange; a connection whose body was not read to its end
// is closed. It may be called twice.
func (b *body) Close() error {
	if b.err == nil {
		b.err = errClosed
	}
	err := b.src.Close()
	b.watch.end()
	return err
}
