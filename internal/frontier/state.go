package frontier

import (
	"cmp"
	"slices"
	"time"
)

// A HostState is how a host stands, for those who watch.
type HostState struct {
	Name    string
	Active  int           // requests under way
	Latency time.Duration // of its requests lately
	Queued  int           // its requests in the window
	// Rests is until when nothing is asked of it; the zero time if it may be
	// asked.
	Rests time.Time
	// Stopped is why nothing more is asked of it in this run.
	Stopped string
}

// Slowest returns up to n hosts that have something to do: those that were
// stopped or rest, then the slowest.
func (f *Frontier) Slowest(n int) []HostState {
	f.mu.Lock()
	now := time.Now()
	var all []HostState
	for _, h := range f.hosts {
		if h.idle() && h.stopped == "" {
			continue
		}
		s := HostState{Name: h.name, Active: h.active, Latency: h.latency, Queued: h.q[page].len() + h.q[file].len(), Stopped: h.stopped}
		if h.next.After(now.Add(soon)) {
			s.Rests = h.next
		}
		all = append(all, s)
	}
	f.mu.Unlock()
	slices.SortFunc(all, func(a, b HostState) int {
		return cmp.Or(
			cmp.Compare(b.Stopped, a.Stopped),
			b.Rests.Compare(a.Rests),
			cmp.Compare(b.Latency, a.Latency),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return all[:min(n, len(all))]
}
