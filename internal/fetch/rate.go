package fetch

import (
	"context"
	"sync"
	"time"
)

// credit is how much of the time in which nothing was received a rate makes
// up for, so that the gaps between bodies do not lower it.
const credit = 100 * time.Millisecond

// A rate bounds the bytes received a second in all bodies together. Whoever
// has read a piece pays for it by waiting; since pieces are small and waits
// end in the order in which they began, all get the same share.
//
// It is safe for concurrent use.
type rate struct {
	perSecond int64
	piece     int // the most to read at a time

	mu   sync.Mutex
	paid time.Time // when all that was taken so far is paid for
}

// newRate returns nil, no bound, for 0.
func newRate(perSecond int64) *rate {
	if perSecond <= 0 {
		return nil
	}
	return &rate{perSecond: perSecond, piece: int(min(max(perSecond/50, 256), 64<<10))}
}

// take notes that n bytes were received and returns how long to wait for it.
func (r *rate) take(n int) time.Duration {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if earliest := now.Add(-credit); r.paid.Before(earliest) {
		r.paid = earliest
	}
	r.paid = r.paid.Add(time.Duration(float64(n) / float64(r.perSecond) * float64(time.Second)))
	return r.paid.Sub(now)
}

// hold waits for d, on our own account: the deadline moves by as much. It
// returns early, with its error, if the caller's context ends.
func (w *watch) hold(d time.Duration) error {
	// Timers are late by about this much; what is left adds up.
	if d < time.Millisecond {
		return nil
	}
	const breath = time.Second / 2
	start := time.Now()
	defer func() { w.start = w.start.Add(time.Since(start)) }()
	for d > 0 {
		t := time.NewTimer(min(d, breath))
		select {
		case <-t.C:
			d -= breath
			w.beat()
		case <-w.parent.Done():
			t.Stop()
			return w.parent.Err()
		}
	}
	return nil
}

type beatKey struct{}

// WithBeat returns a context for [Client.Page] and [Client.Open] with which
// beat is called at every sign that a body gets on: when bytes of it have
// come, and about twice a second while Options.Rate holds it back. It is
// called from the goroutine that reads the body and must not block.
func WithBeat(ctx context.Context, beat func()) context.Context {
	return context.WithValue(ctx, beatKey{}, beat)
}

// beatOf returns the function that ctx was given, or one that does nothing.
func beatOf(ctx context.Context) func() {
	if beat, ok := ctx.Value(beatKey{}).(func()); ok {
		return beat
	}
	return func() {}
}
