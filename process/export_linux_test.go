package process

import "golang.org/x/sys/unix"

const fionread = unix.TIOCINQ

func parkedHere(e eventImpl) (n int, ok bool) {
	x, ok := e.(arenaEvent)
	if !ok {
		return 0, false
	}
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	for p := range x.a.parked {
		if p.bits == &x.b.bits {
			n++
		}
	}
	return n, true
}
