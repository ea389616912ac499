//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package process

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A ring is a stream in memory that both ends have, of which one writes and
// one reads. While neither has to wait, neither asks the system for anything.
//
// An end that waits says so in the memory, looks again, and sleeps on its end
// of a socket pair, to which the other then writes a byte. As each first
// writes and then reads, the one its flag and then the index, the other its
// index and then the flag, one of them always sees the other. These writes are
// Swaps: with the race detector a Store is no barrier before the Load behind it,
// and without it costs the same. The sockets also tell when the other side is
// gone, however it died.
//
// What is written becomes visible by changing tail, at the end: a message that
// fits into the ring is there as a whole or not at all.
//
// The other process may be mad, so nothing in the memory is believed: indices
// are only used modulo the size, and content is copied before it is looked at.
// It cannot make the memory shorter either, which is sealed.
type ringHeader struct {
	tail    atomic.Uint64 // bytes ever written; of the outlet
	_       [56]byte      // to another cache line
	head    atomic.Uint64 // bytes ever read; of the inlet
	_       [56]byte
	awaited atomic.Uint32 // 1: the inlet waits for bytes
	wanted  atomic.Uint32 // how many bytes of room the outlet waits for, or 0
	closed  atomic.Uint32 // 1: the inlet was closed
}

const (
	ringSize   = 64 << 10 // a power of two
	ringStart  = 4 << 10  // behind the header
	ringClosed = int64(unsafe.Offsetof(ringHeader{}.closed))
)

var errDamaged = errors.New("process: the shared memory of the pipe is damaged")

// newRing makes both ends of a ring, or returns false if the system has no
// such things, or no files left.
func newRing() (inlet, outlet, bool) {
	var fds []int
	ok := false
	defer func() {
		if !ok {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}()
	mem, err := unix.MemfdCreate("pipe", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, false
	}
	fds = append(fds, mem)
	if err := unix.Ftruncate(mem, ringStart+ringSize); err != nil {
		return nil, nil, false
	}
	if _, err := unix.FcntlInt(uintptr(mem), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, nil, false
	}
	mem2, err := unix.FcntlInt(uintptr(mem), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, nil, false
	}
	fds = append(fds, mem2)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, false
	}
	ok = true
	in := newRingInlet(os.NewFile(uintptr(mem), "ring"), os.NewFile(uintptr(pair[0]), "bell"))
	out := newRingOutlet(os.NewFile(uintptr(mem2), "ring"), os.NewFile(uintptr(pair[1]), "bell"))
	return in, out, true
}

// ringEnd is what both ends have in common.
type ringEnd struct {
	mem  *os.File
	bell *os.File // a byte from it: look again

	mu     sync.Mutex  // held while reading and writing; guards what follows
	h      *ringHeader // nil if closed, or not used yet
	data   []byte      // ringSize bytes
	pos    uint64      // tail or head, whichever is ours
	unmap  runtime.Cleanup
	closed bool
	gone   bool // the other side has closed its socket

	// For calls with the number of the socket, which allocate otherwise.
	raw    syscall.RawConn
	look   func(fd uintptr) bool
	strike func(fd uintptr) bool
	ready  func() bool // says that we wait, if there is nothing to do yet
	try    bool
	empty  bool
	note   [16]byte
}

func (x *ringEnd) init(mem, bell *os.File, ready func() bool) {
	x.mem, x.bell, x.ready = mem, bell, ready
	x.raw, _ = bell.SyscallConn() // which fails for a nil file only
	x.look = x.lookLocked
	x.strike = x.strikeLocked
}

// openLocked maps the memory when it is first used.
func (x *ringEnd) openLocked() error {
	if x.h != nil {
		return nil
	}
	if x.closed {
		return ErrClosed
	}
	raw, err := x.mem.SyscallConn()
	if err != nil {
		return err
	}
	var base unsafe.Pointer
	rawErr := raw.Control(func(fd uintptr) {
		base, err = unix.MmapPtr(int(fd), 0, nil, ringStart+ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	})
	if rawErr != nil {
		return ErrClosed
	}
	if err != nil {
		return os.NewSyscallError("process: mmap", err)
	}
	x.h = (*ringHeader)(base)
	x.data = unsafe.Slice((*byte)(unsafe.Add(base, ringStart)), ringSize)
	x.unmap = runtime.AddCleanup(x, unmapRing, base)
	return nil
}

func unmapRing(base unsafe.Pointer) { unix.MunmapPtr(base, ringStart+ringSize) }

func (x *ringEnd) close() {
	x.bell.Close() // which wakes the one that waits with mu held
	x.mem.Close()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forgetLocked()
}

// forgetLocked gives the mapping back.
func (x *ringEnd) forgetLocked() {
	x.closed = true
	if x.h != nil {
		x.unmap.Stop()
		unmapRing(unsafe.Pointer(x.h))
		x.h, x.data = nil, nil
	}
}

func (x *ringEnd) give(e *encoder) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forgetLocked()
	e.byte(endRing)
	e.given = append(e.given, func() {
		x.mem.Close()
		x.bell.Close()
	})
	return errors.Join(e.file(x.mem), e.file(x.bell))
}

func takeRing(d *decoder) (mem, bell *os.File, err error) {
	mem, err = d.file(inheritedAsIs)
	if err != nil {
		return nil, nil, err
	}
	bell, err = d.file(inherited)
	return mem, bell, err
}

// awaitLocked waits until ready is true. With try it only makes sure of what
// the sockets tell.
func (x *ringEnd) awaitLocked(ctx context.Context, try bool) error {
	release := interruptible(ctx, x.bell.SetReadDeadline)
	x.try, x.empty = try, false
	err := x.raw.Read(x.look)
	release()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ctx.Err()
	case err != nil:
		return ErrClosed
	case x.empty:
		return ErrEmpty
	}
	return nil
}

// lookLocked tells whether the wait is over. It is called before each sleep,
// and what comes after it wakes us.
func (x *ringEnd) lookLocked(fd uintptr) bool {
	for !x.ready() {
		// All that is there must be read before we can sleep, or we would not
		// be told of the end of the other side.
		n, err := syscall.Read(int(fd), x.note[:])
		switch {
		case n > 0 || err == syscall.EINTR:
		case err != syscall.EAGAIN:
			x.gone = true
			return true
		case x.try:
			x.empty = true
			return true
		default:
			return false
		}
	}
	return true
}

// wakeLocked wakes the other side.
func (x *ringEnd) wakeLocked() { x.raw.Write(x.strike) }

func (x *ringEnd) strikeLocked(fd uintptr) bool {
	for {
		_, err := syscall.Write(int(fd), x.note[:1])
		switch err {
		case syscall.EINTR:
			continue
		case nil, syscall.EAGAIN: // there are bytes enough that wake it
		default:
			x.gone = true
		}
		return true
	}
}

type ringInlet struct{ ringEnd }

func newRingInlet(mem, bell *os.File) inlet {
	x := new(ringInlet)
	x.init(mem, bell, x.readyLocked)
	return x
}

func (x *ringInlet) close() {
	// Without the lock, and whether it is mapped or not.
	x.mem.WriteAt([]byte{1, 1, 1, 1}, ringClosed)
	x.ringEnd.close()
}

func (x *ringInlet) readyLocked() bool {
	if x.h.tail.Load() != x.pos {
		return true
	}
	x.h.awaited.Swap(1)
	return x.h.tail.Load() != x.pos
}

func (x *ringInlet) read(ctx context.Context, b []byte, try bool) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.h == nil {
		if err := x.openLocked(); err != nil {
			return 0, err
		}
		x.pos = x.h.head.Load()
	}
	if x.h.tail.Load() == x.pos {
		err := x.awaitLocked(ctx, try)
		x.h.awaited.Store(0)
		if err != nil {
			return 0, err
		}
	}
	there := x.h.tail.Load() - x.pos
	switch {
	case there == 0: // after it was gone, so this was all
		return 0, io.EOF
	case there > ringSize:
		return 0, errDamaged
	}
	n := min(uint64(len(b)), there)
	k := copy(b[:n], x.data[x.pos%ringSize:])
	copy(b[k:n], x.data)
	x.pos += n
	x.h.head.Swap(x.pos)
	if w := x.h.wanted.Load(); w != 0 && ringSize-(there-n) >= uint64(w) && x.h.wanted.CompareAndSwap(w, 0) {
		x.wakeLocked()
	}
	return int(n), nil
}

type ringOutlet struct {
	ringEnd
	need uint32 // room to wait for
}

func newRingOutlet(mem, bell *os.File) outlet {
	x := new(ringOutlet)
	x.init(mem, bell, x.readyLocked)
	return x
}

// roomLocked is how much can be written; of a damaged ring, more than its
// size.
func (x *ringOutlet) roomLocked() uint64 { return ringSize - (x.pos - x.h.head.Load()) }

func (x *ringOutlet) readyLocked() bool {
	if x.h.closed.Load() != 0 || x.roomLocked() >= uint64(x.need) {
		return true
	}
	x.h.wanted.Swap(x.need)
	return x.roomLocked() >= uint64(x.need)
}

func (x *ringOutlet) write(ctx context.Context, b []byte) (done int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.h == nil {
		if err := x.openLocked(); err != nil {
			return 0, err
		}
		x.pos = x.h.tail.Load()
	}
	whole := len(b) <= ringSize
	for done < len(b) {
		// Half a ring at least, if we have to wait, or else the two would
		// take turns for each message.
		need := uint64(len(b) - done)
		if !whole {
			need = min(need, ringSize/2)
		}
		if x.roomLocked() < need {
			x.need = uint32(max(need, ringSize/2))
			err := x.awaitLocked(ctx, false)
			x.h.wanted.Store(0)
			if err != nil {
				return done, err
			}
		}
		if x.gone || x.h.closed.Load() != 0 {
			return done, io.ErrClosedPipe
		}
		room := x.roomLocked()
		if room > ringSize {
			return done, errDamaged
		}
		piece := b[done:][:min(uint64(len(b)-done), room)]
		k := copy(x.data[x.pos%ringSize:], piece)
		copy(x.data, piece[k:])
		x.pos += uint64(len(piece))
		done += len(piece)
		x.h.tail.Swap(x.pos)
		if x.h.awaited.Load() != 0 && x.h.awaited.Swap(0) != 0 {
			x.wakeLocked()
			if x.gone {
				return done, io.ErrClosedPipe
			}
		}
	}
	return done, nil
}
