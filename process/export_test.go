//go:build unix

package process

import (
	"context"
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

// InPipe tells how many bytes wait to be received.
func InPipe[T any](c *Conn[T]) int {
	f, ok := c.r.(*fileInlet)
	if !ok {
		return inRing(c.r)
	}
	return readable(f.f)
}

// SendRaw sends bytes that need not be a message.
func SendRaw[T any](c *Conn[T], b []byte) { c.w.write(context.Background(), b) }

// IsRing tells whether pipes that are made now are rings.
func IsRing() bool {
	if self.portable.Load() {
		return false
	}
	in, out, ok := newRing()
	if ok {
		in.close()
		out.close()
	}
	return ok
}

// readable tells how many bytes there are to read.
func readable(f *os.File) int {
	n := 0
	raw, _ := f.SyscallConn()
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
