package frontier

import (
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

// A Check is what was found out about a host before it is asked for anything;
// see Options.Check.
type Check struct {
	// Until is how long it holds. Then the host is checked again.
	Until time.Time

	// Delay is the pause that the host wants between two requests; 0 if it
	// does not care. It is kept over a restart.
	Delay time.Duration

	// Asked says that the host was asked for it, so that the first request
	// has to keep the pause.
	Asked bool
}

// checkLocked makes the task that checks a host. The entry at the head of its
// queue goes with it and stays where it is.
func (f *Frontier) checkLocked(h *host, e *store.Entry, now time.Time) *Task {
	h.checking = true
	t := &Task{Entry: *e, Check: true, host: h, began: now}
	f.startLocked(t)
	f.refileLocked(h)
	return t
}

// Checked ends a task with Check set: the host may be asked now.
func (f *Frontier) Checked(t *Task, c Check) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := t.host
	h.checked = c.Until
	if h.learnt != c.Delay {
		h.learnt, h.dirty = c.Delay, true
	}
	if d := h.delay(); c.Asked && d > 0 {
		f.restLocked(h, t.began.Add(d))
	}
	f.endCheckLocked(t)
}

// CheckAgain ends a task with Check set that came to nothing: its host is
// checked again, not before at.
func (f *Frontier) CheckAgain(t *Task, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restLocked(t.host, at)
	f.endCheckLocked(t)
}

func (f *Frontier) endCheckLocked(t *Task) {
	t.host.checking = false
	f.releaseLocked(t)
	f.running--
	if t.host.dirty {
		signal(f.flush)
	}
	f.refileLocked(t.host)
	f.dispatchLocked()
	f.flushIfQuietLocked()
	signal(f.wake)
}

// restLocked starts nothing of a host before at.
func (f *Frontier) restLocked(h *host, at time.Time) {
	if !at.After(h.next) {
		return
	}
	h.next = at
	h.dirty = h.dirty || time.Until(at) > soon // long enough for the host to leave memory
}
