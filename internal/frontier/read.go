package frontier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/store"
)

// queriesPerRead bounds one read of the store.
const queriesPerRead = 64

// readLoop reads for hungry hosts and searches for further ones each time it
// is woken, until the job ends.
func (f *Frontier) readLoop(ctx context.Context) {
	for {
		select {
		case <-f.ended:
			return
		case <-f.wake:
		}
		for again := true; again; {
			var err error
			if again, err = f.read(ctx); err == nil && !again {
				again, err = f.searchHosts(ctx)
			}
			if err != nil {
				f.end(fmt.Errorf("frontier: %w", err))
				return
			}
		}
		if err := f.endIfDrained(ctx); err != nil {
			f.end(err)
			return
		}
	}
}

// read fills the window of hungry hosts. It reports whether it read anything.
func (f *Frontier) read(ctx context.Context) (bool, error) {
	f.mu.Lock()
	type asked struct {
		h   *host
		gen int
	}
	var qs []store.HostQuery
	var as []asked
	taken := [2]int{}
	var from *share // one partition is read at a time
	for h := range f.hungry {
		if len(qs) >= queriesPerRead {
			break
		}
		s := f.shares[h.part]
		if s == nil || s.draining {
			delete(f.hungry, h)
			continue
		}
		if from != nil && s != from {
			continue
		}
		still := false
		for k := range h.q {
			if !h.more[k] || h.stopped != "" || 2*h.q[k].len() > h.want(k) || h.next.After(time.Now().Add(soon)) {
				continue
			}
			n := min(h.want(k), f.roomLocked(h, k)-taken[k])
			if n <= 0 && h.q[k].len() == 0 {
				n = 1
			}
			if n <= 0 {
				still = true
				continue
			}
			taken[k] += n
			h.started[k] = 0
			// The requests that are held come back with the others.
			qs = append(qs, store.HostQuery{Host: h.id, Kind: trawl.Kind(k), Limit: n + h.holds[k]})
			as = append(as, asked{h, h.gen[k]})
			from = s
		}
		if !still {
			delete(f.hungry, h)
		}
	}
	if len(qs) == 0 {
		f.mu.Unlock()
		return false, nil
	}
	f.reading = true
	lease := from.lease
	now := time.Now()
	if f.stamp.After(now) {
		now = f.stamp // entries made in the same moment are due too
	}
	f.mu.Unlock()

	bs, err := f.st.Due(ctx, lease, now, qs)

	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading = false
	if f.lostLocked(err, lease) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for i, b := range bs {
		h, k := as[i].h, int(qs[i].Kind)
		if f.hosts[h.id] != h || h.stopped != "" {
			continue // dropped or stopped meanwhile
		}
		full := false
		for j := range b.Entries {
			e := &b.Entries[j]
			if _, ok := f.held[e.Key]; ok {
				continue
			}
			if full = f.bytes >= f.opt.QueueBytes && h.q[k].len() > 0; full {
				break // the rest is read again when there is room
			}
			f.held[e.Key] = struct{}{}
			f.enterLocked(h, e)
		}
		if !full && len(b.Entries) < qs[i].Limit && h.gen[k] == as[i].gen {
			h.more[k] = false
			h.later[k] = earlier(h.later[k], b.Next)
		}
		f.refileLocked(h)
	}
	for _, k := range f.stale {
		delete(f.held, k)
	}
	f.stale = f.stale[:0]
	f.dispatchLocked()
	return true, nil
}

// lostLocked reports whether a read failed because the partition has passed to
// another process, and forgets it then.
func (f *Frontier) lostLocked(err error, l store.Lease) bool {
	if f.opt.Sharing == nil || !errors.Is(err, store.ErrFenced) {
		return false
	}
	if s := f.shares[l.Part]; s != nil && s.lease.Epoch == l.Epoch {
		f.loseLocked([]int32{l.Part})
	}
	return true
}

// endIfDrained ends the job if nothing is left to do.
func (f *Frontier) endIfDrained(ctx context.Context) error {
	f.mu.Lock()
	quiet := f.quietLocked()
	f.mu.Unlock()
	if !quiet {
		return nil
	}
	st, err := f.st.Stats(ctx)
	if err != nil {
		return fmt.Errorf("frontier: %w", err)
	}
	left := st.Pages.Waiting + st.Files.Waiting
	if left == 0 {
		return ErrDrained
	}
	if f.opt.Sharing != nil {
		return nil // others are at work on the rest
	}
	if len(f.Stopped()) > 0 && f.rescans > 0 {
		return ErrDrained // the rest waits for hosts that were stopped
	}

	// The store counts more than was found. Look at everything again; if
	// that does not help, its count is wrong, and to wait would be for ever.
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.quietLocked() {
		return nil
	}
	if f.rescans++; f.rescans > 3 {
		return fmt.Errorf("frontier: the store counts %d waiting requests and yields none of them", left)
	}
	for _, h := range f.hosts {
		h.found(trawl.KindPage)
		h.found(trawl.KindFile)
		f.refileLocked(h)
	}
	f.search.start()
	signal(f.wake)
	return nil
}

// quietLocked reports whether nothing is under way and nothing will come of
// itself: no host can start a request, now or at a time that is known.
func (f *Frontier) quietLocked() bool {
	if f.err != nil || f.sources > 0 || f.running > 0 || f.group.size() > 0 || f.reading ||
		len(f.clock.heap) > 0 || len(f.hungry) > 0 || !f.search.over() {
		return false
	}
	now := time.Now()
	for k, hs := range f.ready {
		for _, h := range hs {
			if f.canStart(h, k, now) { // it may have been filed before its files filled up
				return false
			}
		}
	}
	return true
}
