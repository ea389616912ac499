package frontier

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// Bounds of the search: what one read of the store yields, and how many hosts
// may be looked for by name before a pass through all is the shorter way.
const (
	hostsPerRead = 256
	mostWanted   = 256
)

// A search finds the store's hosts that have waiting requests and are not in
// memory. It looks for those that are wanted by their IDs, and goes through
// all in the order of their IDs when there may be others. What is remembered
// of a host comes with it, so none is asked too early because it was out of
// memory.
type search struct {
	wanted  map[store.HostID]struct{} // something was found for them
	open    bool                      // there may be others
	whole   bool                      // this pass began at the first host and nothing was added behind it
	parts   []int32                   // the partitions that are left of the pass; nil before it begins
	after   store.HostID              // where the pass stands
	blocked time.Time                 // when the first host that was passed over may be asked; zero if none was

	// While a read is under way, files notes the counts that commits bring, as
	// those that the read returns may be older. Otherwise it is nil.
	files map[store.HostID]int
}

const beforeFirst = store.HostID(-1 << 63)

// start begins a pass.
func (s *search) start() {
	s.wanted = make(map[store.HostID]struct{})
	s.open, s.whole, s.parts, s.after, s.blocked = true, true, nil, beforeFirst, time.Time{}
}

// again has the search come back to hosts that it may have passed.
func (s *search) again() {
	s.open, s.whole, s.blocked = true, false, time.Time{}
}

// want has the search look for one host.
func (s *search) want(id store.HostID) {
	if len(s.wanted) >= mostWanted {
		s.again()
		return
	}
	s.wanted[id] = struct{}{}
}

// over reports whether there is nothing to look for, now or later.
func (s *search) over() bool {
	return len(s.wanted) == 0 && !s.open && s.blocked.IsZero()
}

// searchHosts takes a step of the search. It reports whether to go on at
// once.
func (f *Frontier) searchHosts(ctx context.Context) (bool, error) {
	f.mu.Lock()
	if f.search.over() || !f.haveRoomLocked() {
		f.mu.Unlock()
		return false, nil
	}
	s := &f.search
	s.files = make(map[store.HostID]int)
	for id := range s.wanted {
		delete(s.wanted, id)
		f.mu.Unlock()
		return true, f.lookFor(ctx, id)
	}
	if !s.open {
		s.files = nil
		f.mu.Unlock()
		return false, nil
	}
	if len(s.parts) == 0 {
		s.whole, s.blocked = true, time.Time{}
		s.parts, s.after = slices.Sorted(maps.Keys(f.shares)), beforeFirst
	}
	for len(s.parts) > 0 && (f.shares[s.parts[0]] == nil || f.shares[s.parts[0]].draining) {
		s.parts, s.after = s.parts[1:], beforeFirst
	}
	if len(s.parts) == 0 {
		s.files = nil
		more := f.passedLocked()
		f.mu.Unlock()
		return more, nil
	}
	lease, after := f.shares[s.parts[0]].lease, s.after
	f.mu.Unlock()

	hs, err := f.st.Hosts(ctx, lease, after, hostsPerRead)

	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { s.files = nil }()
	if f.lostLocked(err, lease) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if f.shares[lease.Part] == nil || len(s.parts) == 0 || s.parts[0] != lease.Part {
		return true, nil // it was lost meanwhile
	}
	for _, h := range hs {
		if len(f.hosts) >= f.opt.Hosts {
			return true, nil // goes on behind the last host that was taken
		}
		s.after = h.ID
		f.admitLocked(h)
	}
	if len(hs) == hostsPerRead {
		return true, nil
	}
	if s.parts, s.after = s.parts[1:], beforeFirst; len(s.parts) > 0 {
		return true, nil
	}
	return f.passedLocked(), nil
}

// passedLocked ends a pass, and reports whether to look again at once.
func (f *Frontier) passedLocked() bool {
	s := &f.search
	s.open = !s.whole
	if !s.open {
		f.pollLocked()
	}
	f.clock.arm(f)
	return true
}

// lookFor reads one host.
func (f *Frontier) lookFor(ctx context.Context, id store.HostID) error {
	f.mu.Lock()
	part := f.shares[f.partOf(id)]
	if part == nil || part.draining {
		f.search.files = nil
		f.mu.Unlock()
		return nil
	}
	lease := part.lease
	f.mu.Unlock()
	hs, err := f.st.Hosts(ctx, lease, id-1, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lostLocked(err, lease) {
		err = nil
	}
	if err == nil && len(hs) > 0 && hs[0].ID == id {
		f.admitLocked(hs[0])
		f.clock.arm(f)
	}
	f.search.files = nil
	return err
}

// admitLocked takes a host into memory, unless it is there, was stopped, or
// must rest.
func (f *Frontier) admitLocked(s store.Host) {
	if p := f.shares[f.partOf(s.ID)]; p == nil || p.draining {
		return
	}
	if _, stopped := f.stopped[s.ID]; stopped {
		return
	}
	if h := f.hosts[s.ID]; h != nil {
		if f.opt.Sharing != nil {
			f.lookAgainLocked(h, s)
		}
		return
	}
	if s.Next.After(time.Now().Add(soon)) {
		f.search.blocked = earlier(f.search.blocked, s.Next)
		return
	}
	if n, ok := f.search.files[s.ID]; ok {
		s.Files = n
	}
	h := f.addHostLocked(s)
	h.found(trawl.KindPage)
	h.found(trawl.KindFile)
	f.refileLocked(h)
}

// lookAgainLocked brings a host in memory up to date with what others have
// added to it and ended of its files.
func (f *Frontier) lookAgainLocked(h *host, s store.Host) {
	if n, ok := f.search.files[s.ID]; ok {
		s.Files = n
	}
	h.files = s.Files
	h.found(trawl.KindPage)
	h.found(trawl.KindFile)
	f.refileLocked(h)
}
