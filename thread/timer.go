package thread

import (
	"context"
	"sync/atomic"
	"time"
)

// A Timer is a thread that waits for a while before it runs its function. It
// is started, joined and listed like any thread. Where neither is needed
// time.AfterFunc is simpler.
type Timer struct {
	*Thread
	decided atomic.Bool // to run, or not to
	cancel  chan struct{}
}

// NewTimer makes a timer that runs fn after d from its Start. If its context
// ends before that, fn is not run and the error of the timer is ctx.Err().
func NewTimer(name string, d time.Duration, fn func(context.Context) error) *Timer {
	t := &Timer{cancel: make(chan struct{})}
	t.Thread = New(name, func(ctx context.Context) error {
		clock := time.NewTimer(d)
		defer clock.Stop()
		select {
		case <-clock.C:
		case <-t.cancel:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if fn == nil || t.decided.Swap(true) {
			return nil
		}
		return fn(ctx)
	})
	return t
}

// Cancel tells whether it was in time to stop fn from running, now or earlier.
// It does not wait for the thread to end. A timer that was cancelled before its
// Start ends as soon as it is started.
func (t *Timer) Cancel() bool {
	if t.decided.Swap(true) {
		select {
		case <-t.cancel:
			return true
		default:
			return false
		}
	}
	close(t.cancel)
	return true
}
