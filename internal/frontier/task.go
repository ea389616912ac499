package frontier

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// A Task is a request handed out by Next. It belongs to the worker that
// received it, who must end it with Finish or Abandon.
type Task struct {
	store.Entry

	// Check says that the task is not to fetch the request, but to find out
	// whether its host may be asked at all; see Options.Check. It is ended
	// with Checked, CheckAgain or Abandon.
	Check bool

	host     *host
	addr     *address // in which it is counted
	full     bool     // no further request could start beside it
	began    time.Time
	answered time.Time // zero as long as nothing has come
	released bool
}

// Answered notes that the host has begun to answer. Only the first call
// counts. It is for the goroutine that will release the task.
func (t *Task) Answered() {
	if t.answered.IsZero() {
		t.answered = time.Now()
	}
}

// A waiter is a worker inside Next. Its channel has room for the one task it
// gets; it is closed when the job ends.
type waiter struct{ ch chan *Task }

// Next waits until a request of one of kinds may start and hands it out. When
// there is a choice, files come before pages, and the hosts take turns.
//
// It returns ErrDrained at the end of the job, ctx.Err() if ctx ends first,
// and what Run returns if Run is over.
func (f *Frontier) Next(ctx context.Context, kinds ...trawl.Kind) (*Task, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &waiter{ch: make(chan *Task, 1)}
	f.mu.Lock()
	if f.err != nil {
		defer f.mu.Unlock()
		return nil, f.err
	}
	for _, k := range kinds {
		f.waiters[k] = append(f.waiters[k], w)
	}
	f.dispatchLocked()
	f.mu.Unlock()

	select {
	case t, ok := <-w.ch:
		if !ok {
			f.mu.Lock()
			defer f.mu.Unlock()
			return nil, f.err
		}
		return t, nil
	case <-ctx.Done():
		f.mu.Lock()
		f.forgetLocked(w)
		f.mu.Unlock()
		select {
		case t := <-w.ch: // handed out at the same moment
			if t != nil {
				f.Abandon(t)
			}
		default:
		}
		return nil, ctx.Err()
	}
}

// forgetLocked takes a waiter off the lists.
func (f *Frontier) forgetLocked(w *waiter) {
	for k, ws := range f.waiters {
		for i := range ws {
			if ws[i] == w {
				f.waiters[k] = append(ws[:i], ws[i+1:]...)
				break
			}
		}
	}
}

// dispatchLocked hands requests to workers while there are both.
func (f *Frontier) dispatchLocked() {
	if f.err != nil || f.run != nil && f.run.Err() != nil {
		return
	}
	for _, k := range []int{file, page} {
		for len(f.waiters[k]) > 0 && (f.opt.Jobs == 0 || f.running < f.opt.Jobs) {
			t := f.takeLocked(k)
			if t == nil {
				break
			}
			w := f.waiters[k][0]
			f.forgetLocked(w)
			w.ch <- t
		}
	}
}

// takeLocked takes the next request of kind k out of the window, nil if none
// can start now.
func (f *Frontier) takeLocked(k int) *Task {
	now := time.Now()
	for len(f.ready[k]) > 0 {
		h := f.ready[k][0]
		f.ready[k] = f.ready[k][1:]
		h.inReady[k] = false
		if !f.canStart(h, k, now) || h.addr.full(h) {
			f.refileLocked(h)
			continue
		}
		if f.opt.Check && !now.Before(h.checked) {
			return f.checkLocked(h, h.q[k].first(), now)
		}
		e := h.q[k].pop()
		f.leaveLocked(h, e)
		t := &Task{Entry: *e, host: h, began: now}
		f.startLocked(t)
		h.started[k]++
		if d := h.delay(); d > 0 {
			h.next = now.Add(d)
			h.dirty = h.dirty || d > soon // long enough for the host to leave memory
		}
		f.refileLocked(h)
		f.wakeHungryLocked()
		f.hurryLocked()
		return t
	}
	return nil
}

// startLocked counts a task in.
func (f *Frontier) startLocked(t *Task) {
	h := t.host
	h.active++
	f.running++
	f.rescans = 0
	t.full = h.active >= h.perHost()
	if t.addr = h.addr; t.addr != nil {
		t.addr.active++
	}
}

// wakeHungryLocked has the reader look again once the window has room.
func (f *Frontier) wakeHungryLocked() {
	if len(f.hungry) > 0 && (f.queued[file] < f.opt.FileQueue/2 || f.queued[page] < f.opt.PageQueue/2) {
		signal(f.wake)
	}
}

// Release frees the task's place at its host, once the exchange with it has
// come to a good end. Finish and Abandon free it too.
func (f *Frontier) Release(t *Task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wentWellLocked(t)
	f.releaseLocked(t)
	f.dispatchLocked()
}

// wentWellLocked counts a good answer, before its task is released.
func (f *Frontier) wentWellLocked(t *Task) {
	if t.released {
		return
	}
	t.Answered()
	t.host.denied = nil
	t.host.win.answered(int(t.Request.Kind), t.began, t.answered.Sub(t.began), t.full)
}

func (f *Frontier) releaseLocked(t *Task) {
	if t.released {
		return
	}
	t.released = true
	t.host.active--
	t.host.took(time.Since(t.began))
	f.freeAddressLocked(t.addr)
	f.refileLocked(t.host)
}

// Faltered notes that the task's host did not answer as a healthy one does: too
// late, not to the end, or with a failure of its own. It gets fewer requests at
// a time, unless their number was set.
func (f *Frontier) Faltered(t *Task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.host.win.failed(t.began, time.Now())
}

// Abandon ends a task without an outcome: the request goes on waiting.
func (f *Frontier) Abandon(t *Task) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.Check {
		f.endCheckLocked(t)
		return
	}
	f.releaseLocked(t)
	f.running--
	k := t.Request.Kind
	t.host.holds[k]--
	delete(f.held, t.Key)
	t.host.found(k)
	f.refileLocked(t.host)
	f.dispatchLocked()
	f.flushIfQuietLocked()
	signal(f.wake)
}

// The pauses after a refusal: doubled each time from the first to the longest.
const (
	firstPause   = time.Second
	longestPause = 10 * time.Minute
)

// Refused notes that the task's host refused for now: 429, 503. The host
// rests for as long as it asked for, at least a second, twice as long at each
// refusal in a row, and a random part more. The pause is kept over a restart.
//
// After Options.Refusals of them in a row, with nothing fetched in between,
// the host is stopped; see Stop. Refused returns when it may be asked again.
func (f *Frontier) Refused(t *Task, after time.Duration) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := t.host
	now := time.Now()
	h.win.failed(t.began, now)
	if h.next.Before(now.Add(soon / 2)) { // requests under way together are one refusal
		h.backoff++
	}
	pause := min(firstPause<<min(max(h.backoff-1, 0), 10), longestPause)
	pause = max(pause, after)
	pause += rand.N(pause/4 + 1)
	if next := now.Add(pause); next.After(h.next) {
		h.next = next
	}
	h.dirty = true
	if h.backoff >= f.opt.Refusals {
		f.stopLocked(h, fmt.Sprintf("refused %d times in a row", h.backoff))
	}
	f.refileLocked(h)
	return h.next
}

// Denied notes that the host has denied the task's request for good, in a way
// that is said by what: "answers 403". One that does so again and again, with
// nothing fetched in between, denies us as such: after Options.Denials of them
// it is stopped; see Stop. Denied reports whether that is so.
func (f *Frontier) Denied(t *Task, what string) (stopped bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := t.host
	if h.denial != what {
		h.denial, h.denied = what, nil
	}
	if h.denied = append(h.denied, t.Key); len(h.denied) >= f.opt.Denials && h.stopped == "" {
		f.stopLocked(h, fmt.Sprintf("%s, %d times in a row", what, len(h.denied)))
		f.walled = append(f.walled, h.denied...)
	}
	return h.stopped != ""
}

// Walled returns the requests whose denials have stopped a host. All but the
// last ones have failed before that was known, and are no more to blame than
// those that wait.
func (f *Frontier) Walled() []trawl.Key {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.walled)
}

// Stop hands out nothing more of the task's host in this run, for a reason to
// be shown. Its requests stay in the store, waiting for the next run.
func (f *Frontier) Stop(t *Task, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopLocked(t.host, why)
}

// A stop is what is kept of a host that was stopped and left memory.
type stop struct{ name, why string }

func (f *Frontier) stopLocked(h *host, why string) {
	if h.stopped == "" {
		h.stopped = why
		f.emptyLocked(h)
	}
}

// Stopped returns the hosts that were stopped, with the reason.
func (f *Frontier) Stopped() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := make(map[string]string)
	for _, s := range f.stopped {
		m[s.name] = s.why
	}
	for _, h := range f.hosts {
		if h.stopped != "" {
			m[h.name] = h.stopped
		}
	}
	return m
}

// Finish ends a task with an outcome. Of o it needs State, and what goes with
// it; the rest is the task's own. The outcome is durable some time after; see
// Options.Group. Finish waits while a whole group is not durable yet.
//
// It returns what Run returns if the outcome cannot be kept because Run is
// over or the store has failed.
func (f *Frontier) Finish(t *Task, o store.Outcome) error {
	o.Key, o.Host, o.Kind, o.Part = t.Key, t.Entry.Host, t.Request.Kind, t.host.part
	if o.State != store.Waiting {
		o.Tries = t.Tries + 1
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if o.State == store.Done {
		f.wentWellLocked(t)
	}
	f.releaseLocked(t)
	if o.State == store.Done && t.host.backoff > 0 && !t.host.next.After(time.Now()) {
		t.host.backoff, t.host.dirty = 0, true
	}
	for f.group.size() >= f.opt.Group && !f.group.failed {
		f.group.space.Wait()
	}
	f.running--
	if f.group.failed {
		return f.err
	}
	f.joinLocked(t, o)
	f.flushIfQuietLocked()
	f.dispatchLocked()
	return nil
}

// flushIfQuietLocked commits at once when no outcome can join the group.
func (f *Frontier) flushIfQuietLocked() {
	if f.running == 0 {
		signal(f.flush)
	}
}
