package frontier

import "time"

// A Load is what a frontier has in hand, for those who watch.
type Load struct {
	// Ready are the requests in the window, by kind, of hosts that may be asked
	// now: they want a worker. Waiting are the others there.
	Ready, Waiting [2]int

	// Uncommitted are the outcomes that are finished and not durable yet.
	Uncommitted int

	Hosts HostCounts

	// Partitions are those that the frontier works on, and LeaseEnds when the
	// first of their leases does; zero if none of them ends.
	Partitions int
	LeaseEnds  time.Time
}

// HostCounts counts hosts by how they stand: each one with something to do is
// one of these.
type HostCounts struct {
	Active  int // has requests under way
	Ready   int // could be asked now, or within a second
	Resting int // may not be asked for longer than that
	Stopped int // is not asked in this run any more
}

// Load returns what the frontier has in hand. It looks at every host in memory.
func (f *Frontier) Load() Load {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	l := Load{Uncommitted: f.group.size(), Partitions: len(f.shares)}
	l.Hosts.Stopped = len(f.stopped)
	for _, h := range f.hosts {
		for k := range h.q {
			if f.canStart(h, k, now) {
				l.Ready[k] += h.q[k].len()
			} else {
				l.Waiting[k] += h.q[k].len()
			}
		}
		switch {
		case h.stopped != "":
			l.Hosts.Stopped++
		case h.idle():
		case h.next.After(now.Add(soon)):
			l.Hosts.Resting++
		case h.active > 0:
			l.Hosts.Active++
		default:
			l.Hosts.Ready++
		}
	}
	for _, s := range f.shares {
		l.LeaseEnds = earlier(l.LeaseEnds, s.lease.Until)
	}
	return l
}

// WhyStopped returns why nothing more is asked of a task's host in this run; ""
// if that is not so.
func (f *Frontier) WhyStopped(t *Task) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return t.host.stopped
}
