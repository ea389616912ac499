package frontier

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

// A group gathers outcomes for one commit. The frontier's mutex guards it.
type group struct {
	pending    []store.Outcome
	tasks      []*Task
	committing int       // outcomes in the commit under way
	space      sync.Cond // size has fallen, or failed is set
	timer      *time.Timer
	brings     [2]bool // kinds of the requests that pending has found
	hurried    bool    // the timer is set for Options.Linger
	failed     bool    // nothing is committed any more
}

// size is the number of outcomes that are finished and not durable.
func (g *group) size() int { return len(g.pending) + g.committing }

const (
	// patience is how many times Options.Linger a group waits that nobody
	// waits for. What a commit costs depends little on how much it holds.
	patience = 5

	// enough requests in the window keep the workers busy for that long.
	enough = 64
)

// joinLocked adds an outcome to the group, and sees to it that it is committed
// in time.
func (f *Frontier) joinLocked(t *Task, o store.Outcome) {
	g := &f.group
	g.pending = append(g.pending, o)
	g.tasks = append(g.tasks, t)
	for i := range o.Children {
		g.brings[o.Children[i].Request.Kind] = true
	}
	if 2*len(g.pending) >= f.opt.Group {
		signal(f.flush)
		return
	}
	if len(g.pending) == 1 {
		g.linger(f, patience*f.opt.Linger)
	}
	f.hurryLocked()
}

// hurryLocked sees to it that what the group brings is there before work runs
// out.
func (f *Frontier) hurryLocked() {
	g := &f.group
	for k, n := range f.queued {
		if g.brings[k] && n < enough && !g.hurried {
			g.hurried = true
			g.linger(f, f.opt.Linger)
		}
	}
}

// linger commits the group some time from now.
func (g *group) linger(f *Frontier, d time.Duration) {
	if g.timer == nil {
		g.timer = time.AfterFunc(d, func() { signal(f.flush) })
	} else {
		g.timer.Reset(d)
	}
}

// commitLoop commits a group each time it is woken, until the job has ended
// and nothing is left to commit.
func (f *Frontier) commitLoop(ctx context.Context) {
	for {
		if !f.commitOnce(ctx) {
			return
		}
		<-f.flush
	}
}

// commitOnce commits what is there. It returns false when there will be
// nothing more.
func (f *Frontier) commitOnce(ctx context.Context) bool {
	f.mu.Lock()
	outs, tasks := f.group.pending, f.group.tasks
	f.group.pending, f.group.tasks = nil, nil
	f.group.brings, f.group.hurried = [2]bool{}, false
	f.group.committing = len(outs)
	leases := f.leasesLocked()
	ending := f.err != nil
	last := ending && f.running == 0
	var hosts []store.Host
	for _, h := range f.hosts {
		if h.dirty {
			h.dirty, h.saving = false, true
			hosts = append(hosts, store.Host{ID: h.id, Name: h.name, Next: h.next, Delay: h.learnt, Backoff: h.backoff})
		}
	}
	f.mu.Unlock()

	if len(outs) == 0 && len(hosts) == 0 {
		if last {
			f.closeGroup()
		}
		return !last
	}

	rec, err := f.commit(ctx, leases, outs, hosts)
	if err != nil {
		f.end(err)
		f.closeGroup()
		return false
	}

	f.mu.Lock()
	f.group.committing = 0
	f.group.space.Broadcast()
	tasks, outs = f.unfencedLocked(tasks, outs, rec.Fenced)
	for i, t := range tasks {
		f.settleLocked(t, &outs[i])
	}
	for i := range hosts {
		if h := f.hosts[hosts[i].ID]; h != nil {
			h.saving = false
		}
	}
	for id, n := range rec.Origins {
		f.filesLocked(id, n)
	}
	f.dispatchLocked()
	signal(f.wake)
	if len(f.group.pending) > 0 && f.running == 0 {
		signal(f.flush)
	}
	f.mu.Unlock()

	if len(outs) > 0 {
		f.opt.Committed(tasks, outs, rec)
	}
	if ending {
		signal(f.flush) // look once more before the end
	}
	return true
}

func (f *Frontier) commit(ctx context.Context, leases []store.Lease, outs []store.Outcome, hosts []store.Host) (store.Receipt, error) {
	if err := f.opt.BeforeCommit(ctx); err != nil {
		return store.Receipt{}, err
	}
	rec, err := f.st.Commit(ctx, store.Commit{
		Leases: leases, Outcomes: outs, Hosts: hosts, Hold: f.opt.Hold, At: time.Now(),
	})
	if err == nil && len(rec.Fenced) > 0 && f.opt.Sharing == nil {
		err = fmt.Errorf("frontier: partition %d: %w", rec.Fenced[0], store.ErrFenced)
	}
	return rec, err
}

// unfencedLocked forgets the partitions whose outcomes were refused, and returns
// what was not refused. The requests of the others are with another process.
func (f *Frontier) unfencedLocked(tasks []*Task, outs []store.Outcome, fenced []int32) ([]*Task, []store.Outcome) {
	if len(fenced) == 0 {
		return tasks, outs
	}
	f.loseLocked(fenced)
	n := 0
	for i, t := range tasks {
		if slices.Contains(fenced, outs[i].Part) {
			t.host.holds[outs[i].Kind]--
			delete(f.held, t.Key)
			continue
		}
		tasks[n], outs[n] = t, outs[i]
		n++
	}
	return tasks[:n], outs[:n]
}

// closeGroup lets every Finish return: nothing is committed any more.
func (f *Frontier) closeGroup() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.group.failed = true
	if f.group.timer != nil {
		f.group.timer.Stop()
	}
	f.group.space.Broadcast()
}

// settleLocked brings the window up to date with an outcome that is durable.
func (f *Frontier) settleLocked(t *Task, o *store.Outcome) {
	t.host.holds[o.Kind]--
	if f.reading {
		f.stale = append(f.stale, t.Key)
	} else {
		delete(f.held, t.Key)
	}
	if o.State == store.Waiting {
		h := t.host
		h.later[o.Kind] = earlier(h.later[o.Kind], o.Due)
	}
	for i := range o.Children {
		f.foundLocked(&o.Children[i])
	}
	f.refileLocked(t.host)
}
