package process

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

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

// ErrDamaged is what one gets from a ring whose memory is wrong.
var ErrDamaged = errDamaged

func ringEndOf[T any](c *Conn[T]) *ringEnd {
	if c.receives {
		return &c.r.(*ringInlet).ringEnd
	}
	return &c.w.(*ringOutlet).ringEnd
}

// headerOf maps the ring, if it is not.
func headerOf(x *ringEnd) *ringHeader {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.openLocked(); err != nil {
		panic(err)
	}
	return x.h
}

func inRing(in inlet) int {
	h := headerOf(&in.(*ringInlet).ringEnd)
	head := h.head.Load()
	return int(h.tail.Load() - head)
}

// Rung tells how many bytes there are that woke the other side, or would have.
func Rung[T any](c *Conn[T]) int { return readable(ringEndOf(c).bell) }

// Words are those of a pipe that the other side can change at will.
func Words[T any](c *Conn[T]) (tail, head *atomic.Uint64, awaited, wanted *atomic.Uint32) {
	h := headerOf(ringEndOf(c))
	return &h.tail, &h.head, &h.awaited, &h.wanted
}

// Ready is what an end does before it sleeps: false if it may.
func Ready[T any](c *Conn[T]) bool {
	x := ringEndOf(c)
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ready()
}
