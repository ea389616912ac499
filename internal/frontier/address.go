package frontier

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/trawl-go/trawl/internal/store"
)

// An address is a network address and the hosts at it. Together they get at
// most twice as many requests at a time as one of them gets alone. Where other
// processes have hosts at it too, each of them may use the same part of that.
type address struct {
	ip      netip.Addr
	split   int // into how many parts
	hosts   int // in memory
	active  int
	waiting []*host // that could start a request but for this
}

// full reports whether h must wait for the other hosts at its address.
func (a *address) full(h *host) bool {
	return a != nil && a.active >= max(2*max(h.perHost(), mostWindow)/a.split, 1)
}

// Addresses returns those at which the frontier has hosts.
func (f *Frontier) Addresses() []netip.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.addrs))
}

// Split says how many processes have hosts at addresses, this one among them,
// so that together they keep to what an address can bear. An address that is
// not in users, as it was found later, counts as one at which all of them have
// some, of which there are workers.
func (f *Frontier) Split(workers int, users map[netip.Addr]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers = max(workers, 1)
	for ip, a := range f.addrs {
		n, ok := users[ip]
		if !ok {
			n = f.workers
		}
		if n = max(n, 1); n != a.split {
			a.split = n
			f.wakeAddressLocked(a)
		}
	}
	f.dispatchLocked()
}

// At notes that a connection to a host was made to an address, so that hosts
// which share one share what it can bear. It is forgotten when the host leaves
// memory.
func (f *Frontier) At(host string, ip netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[store.HostOf(host)]
	if h == nil || h.addr != nil && h.addr.ip == ip {
		return
	}
	f.leaveAddressLocked(h)
	if h.addr = f.addrs[ip]; h.addr == nil {
		h.addr = &address{ip: ip, split: f.workers}
		f.addrs[ip] = h.addr
	}
	h.addr.hosts++
	f.refileLocked(h)
}

func (f *Frontier) leaveAddressLocked(h *host) {
	a := h.addr
	if a == nil {
		return
	}
	h.addr = nil
	if h.waits {
		h.waits = false
		a.waiting = remove(a.waiting, h)
	}
	if a.hosts--; a.hosts == 0 {
		delete(f.addrs, a.ip)
	}
}

// freeAddressLocked ends a request to an address, and lets those that wait for
// it try again.
func (f *Frontier) freeAddressLocked(a *address) {
	if a == nil {
		return
	}
	a.active--
	f.wakeAddressLocked(a)
}

// wakeAddressLocked lets the hosts that wait for an address try again.
func (f *Frontier) wakeAddressLocked(a *address) {
	hs := a.waiting
	a.waiting = nil
	for _, h := range hs {
		h.waits = false
	}
	for _, h := range hs {
		f.refileLocked(h)
	}
}
