package frontier

import "time"

// The requests under way to a host whose number nobody has set: as many as
// this at first, and at most as many as a browser has.
const (
	firstWindow = 2
	mostWindow  = 6
)

// slack is how much longer than at its best a host may always take: the
// machine that we run on is no more punctual than that.
const slack = 50 * time.Millisecond

// A window is the number of requests that may be under way to a host.
//
// It grows by one, and falls by half, as the windows of TCP do (additive
// increase, multiplicative decrease: Chiu and Jain, 1989), with a beginning in
// which it doubles. Because a server has queues in which requests wait long
// before they fail, it falls by a quarter when answers begin to take twice as
// long as the best did; that is the idea of TCP Vegas (Brakmo and Peterson,
// 1994).
//
// It is looked at once a round, which is as many answers as the window is wide,
// and falls only if all of a round were late: one alone may have had to
// connect first, or be of another sort. What has to be fetched for an answer
// says nothing of the host, so the time to the first byte counts.
type window struct {
	width  int // 0 means firstWindow
	steady bool
	best   [2]time.Duration // by kind; 0 if there was none
	fell   time.Time        // last time

	// Of the round:
	answers, late int
	full          bool // the window was the limit
}

func (w *window) size() int {
	if w.width == 0 {
		return firstWindow
	}
	return w.width
}

// answered counts the answer to a request of kind k, begun at a time, whose
// first byte came after latency. full says that no further request could start
// beside it. One that began before the window fell says nothing of how it is.
func (w *window) answered(k int, began time.Time, latency time.Duration, full bool) {
	if w.best[k] == 0 || latency < w.best[k] {
		w.best[k] = latency
	}
	if began.Before(w.fell) {
		return
	}
	w.answers++
	w.full = w.full || full
	if latency > 2*w.best[k]+slack {
		w.late++
	}
	if w.answers < w.size() {
		return
	}
	switch {
	case w.late == w.answers:
		w.steady = true
		w.width = max(w.size()*3/4, firstWindow)
		for i := range w.best { // it may have become slower for good
			w.best[i] += w.best[i] / 8
		}
	case w.full && w.steady:
		w.width = min(w.size()+1, mostWindow)
	case w.full:
		w.width = min(w.size()*2, mostWindow)
	}
	w.answers, w.late, w.full = 0, 0, false
}

// failed counts a request, begun at a time, that the host refused or did not
// answer. Those that were under way when the window fell are part of that.
func (w *window) failed(began, now time.Time) {
	if began.Before(w.fell) {
		return
	}
	w.fell, w.steady = now, true
	w.width = max(w.size()/2, 1)
	w.answers, w.late, w.full = 0, 0, false
}
