package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// errTimeUp is the cause with which a watch ends its context.
var errTimeUp = errors.New("time is up")

// A timeout says what was waited for in vain.
type timeout struct {
	what   string
	within time.Duration
}

func (t timeout) Error() string { return fmt.Sprintf("%s within %v", t.what, t.within) }
func (t timeout) Timeout() bool { return true }

// A watch ends the waits of one request: each one that is armed, and the
// request as a whole at its deadline.
//
// It belongs to the goroutine that makes the request.
type watch struct {
	parent   context.Context // the caller's
	start    time.Time       // moved on by the time that we held it up; see hold
	deadline time.Duration   // from start; 0 for none
	beat     func()          // see WithBeat

	// Of the exchange under way; see begin.
	ctx    context.Context // ends with parent, or when time is up
	cancel context.CancelCauseFunc
	timer  *time.Timer

	waiting timeout // what the timer is armed for
}

func newWatch(parent context.Context, deadline time.Duration) *watch {
	return &watch{parent: parent, deadline: deadline, start: time.Now(), beat: beatOf(parent)}
}

// begin starts an exchange with a context of its own, so that giving up one
// of a chain of redirects does not end the next. The last one has ended.
func (w *watch) begin() {
	ctx, cancel := context.WithCancelCause(w.parent)
	w.ctx, w.cancel, w.timer = ctx, cancel, nil
}

// end releases what the exchange holds. It may be called twice.
func (w *watch) end() {
	w.disarm()
	if w.cancel != nil {
		w.cancel(context.Canceled)
	}
}

// arm gives the wait that follows d to end, or no limit but the deadline if
// d is 0. It fails if the deadline has passed.
func (w *watch) arm(d time.Duration, t timeout) error {
	if w.deadline > 0 {
		left := w.deadline - time.Since(w.start)
		if d == 0 || left < d {
			d, t = left, timeout{"not finished", w.deadline}
		}
		if left <= 0 {
			return t
		}
	}
	if d == 0 {
		return nil
	}
	w.waiting = t
	if w.timer == nil {
		cancel := w.cancel
		w.timer = time.AfterFunc(d, func() { cancel(errTimeUp) })
	} else {
		w.timer.Reset(d)
	}
	return nil
}

// disarm ends the wait. A timer that fires at that very moment still ends
// the exchange.
func (w *watch) disarm() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// cause returns why an exchange ended with err: because time was up, or err
// itself.
func (w *watch) cause(err error) error {
	if context.Cause(w.ctx) == errTimeUp {
		return w.waiting
	}
	return err
}

// drain reads what is left of the body of an answer that is of no use, if it
// is little and comes at once, so that the connection can serve again. It
// ends the exchange.
func (w *watch) drain(body io.ReadCloser) {
	const most, wait = 64 << 10, time.Second
	if w.arm(wait, timeout{"no end of the body", wait}) == nil {
		io.CopyN(io.Discard, body, most)
	}
	body.Close()
	w.end()
}
