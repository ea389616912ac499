package frontier

import (
	"cmp"
	"slices"
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

// A share is a partition that the frontier works on.
type share struct {
	lease    store.Lease
	since    time.Time // when it was taken over; zero if nobody else had it
	draining bool
}

// Sharing is for a store that other processes work on too. The frontier begins
// without a partition; those it works on are given by Take, and given back by
// Drain and Drained, or lost by Lose. It ends when nothing waits in the whole
// job, or by Rest.
type Sharing struct {
	// Part returns the partition of a host.
	Part func(store.HostID) int32

	// Poll is how often to look for what others have added, and for files
	// that they have ended; zero means a second.
	Poll time.Duration

	// Margin is how long before the end of a lease nothing is begun any more;
	// zero means 2 seconds.
	Margin time.Duration
}

func (s *Sharing) withDefaults() *Sharing {
	if s == nil {
		return nil
	}
	v := *s
	if v.Poll == 0 {
		v.Poll = time.Second
	}
	if v.Margin == 0 {
		v.Margin = 2 * time.Second
	}
	return &v
}

// partOf returns the partition of a host.
func (f *Frontier) partOf(id store.HostID) int32 {
	if f.opt.Sharing == nil {
		return f.only
	}
	return f.opt.Sharing.Part(id)
}

// Take adds partitions to those that the frontier works on; of those it has it
// extends the leases. A host of a new one gets its first request one delay from
// now, since its last owner may just have asked it.
func (f *Frontier) Take(ls []store.Lease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range ls {
		if s := f.shares[l.Part]; s != nil && s.lease.Epoch == l.Epoch {
			s.lease.Until = l.Until
			continue
		}
		f.dropPartLocked(l.Part) // what is left of an earlier time
		f.shares[l.Part] = &share{lease: l, since: time.Now()}
		f.search.again()
	}
	for _, h := range f.hosts {
		f.refileLocked(h)
	}
	f.dispatchLocked()
	signal(f.wake)
}

// Lose forgets partitions that have passed to others. What is under way there
// goes on to its end, and is fenced.
func (f *Frontier) Lose(parts []int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loseLocked(parts)
}

func (f *Frontier) loseLocked(parts []int32) {
	for _, p := range parts {
		delete(f.shares, p)
		f.dropPartLocked(p)
	}
	f.dispatchLocked()
	signal(f.wake)
}

// dropPartLocked forgets the hosts of a partition.
func (f *Frontier) dropPartLocked(part int32) {
	for _, h := range f.hosts {
		if h.part == part {
			f.dropLocked(h)
		}
	}
}

// Drain begins nothing more in n further partitions, so that they can be given back
// once nothing is under way there; see Drained. Of those with many hosts in
// memory it takes as large a part as of those with few, so that who gets them
// has something to do.
func (f *Frontier) Drain(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hosts := make(map[int32]int)
	for _, h := range f.hosts {
		hosts[h.part]++
	}
	var parts []int32
	for p, s := range f.shares {
		if !s.draining {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b int32) int { return cmp.Or(hosts[a]-hosts[b], int(a-b)) })
	n = min(n, len(parts))
	for i, p := range parts {
		if (i+1)*n/len(parts) == i*n/len(parts) {
			continue
		}
		f.shares[p].draining = true
		for _, h := range f.hosts {
			if h.part == p {
				f.emptyLocked(h)
			}
		}
	}
	signal(f.flush)
	signal(f.wake)
}

// Drained forgets those partitions that were drained and have nothing under way
// or uncommitted any more, and returns their leases: the caller gives them
// back.
func (f *Frontier) Drained() []store.Lease {
	f.mu.Lock()
	defer f.mu.Unlock()
	busy := make(map[int32]bool)
	for _, h := range f.hosts {
		if !h.settled() {
			busy[h.part] = true
		}
	}
	var ls []store.Lease
	for p, s := range f.shares {
		if s.draining && !busy[p] {
			ls = append(ls, s.lease)
			delete(f.shares, p)
			f.dropPartLocked(p)
		}
	}
	if len(ls) == 0 {
		signal(f.flush) // a host may have to be remembered first
	}
	return ls
}

// Leases returns those of the partitions that the frontier works on, and how
// many of them are not being drained.
func (f *Frontier) Leases() (ls []store.Lease, working int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.shares {
		if !s.draining {
			working++
		}
	}
	return f.leasesLocked(), working
}

func (f *Frontier) leasesLocked() []store.Lease {
	ls := make([]store.Lease, 0, len(f.shares))
	for _, s := range f.shares {
		ls = append(ls, s.lease)
	}
	return ls
}

// Idle reports whether nothing is under way and the last look at the store has
// found nothing to do, now or later.
func (f *Frontier) Idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.quietLocked()
}

// Rest ends the frontier as at the end of the job, though requests wait: those
// of hosts that were stopped, here or elsewhere.
func (f *Frontier) Rest() { f.end(ErrDrained) }

// oursLocked reports whether something of a host may begin now.
func (f *Frontier) oursLocked(h *host, now time.Time) bool {
	s := f.shares[h.part]
	if s == nil || s.draining {
		return false
	}
	return s.lease.Until.IsZero() || now.Before(s.lease.Until.Add(-f.opt.Sharing.Margin))
}

// settled reports whether nothing of a host is under way, uncommitted or to be
// remembered.
func (h *host) settled() bool {
	return !h.dirty && !h.saving && h.active == 0 && h.holds[page] == h.q[page].len() && h.holds[file] == h.q[file].len()
}

// takenOverLocked has a host of a partition that was taken over wait for one
// delay, once that is known.
func (f *Frontier) takenOverLocked(h *host) {
	s := f.shares[h.part]
	if s == nil || s.since.IsZero() {
		return
	}
	if t := s.since.Add(h.delay()); t.After(h.next) {
		h.next = t
	}
}

// pollLocked has the search go through everything again, some time from now.
func (f *Frontier) pollLocked() {
	if f.opt.Sharing != nil && f.poll.IsZero() {
		f.poll = time.Now().Add(f.opt.Sharing.Poll)
		f.clock.arm(f)
	}
}
