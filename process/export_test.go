//go:build unix

package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// SetPortable makes tools that are made from now on live in the hub.
func SetPortable(on bool) { self.portable.Store(on) }

// Shared tells whether there is shared memory on this system.
func Shared() bool {
	_, ok := newShared(kindEvent, 0, false)
	return ok
}

// FileOf takes the file out of a sending end.
func FileOf[T any](c *Conn[T]) *os.File {
	f := c.w
	c.w = nil
	return f
}

// InPipe tells how many bytes wait to be received.
func InPipe[T any](c *Conn[T]) int {
	n := 0
	raw, _ := c.r.SyscallConn()
	raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), fionread) })
	return n
}

// Remembered tells how many waiters c would notify.
func Remembered(c *Cond) int {
	h := self.root.get()
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.objects[c.ref.id].(*hubCond).order)
}

// Waiting tells how many goroutines of this process wait for e.
func Waiting(e *Event) int {
	if n, ok := parkedHere(e.impl); ok {
		return n
	}
	h := self.root.get()
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.objects[e.ref.id].(*hubEvent).waiters)
}
