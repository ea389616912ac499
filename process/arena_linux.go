//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package process

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The arena is memory that all processes of the family share, and what they
// need to wake one another.
//
// Its files, the memory and one eventfd (a doorbell) per slot, lie in a
// datagram that is never taken out of its socket. A process inherits the
// socket only, and peeks at the datagram, which gives it copies of the files,
// when it first uses a tool. It then owns a slot for the rest of its life, by
// a record lock on one byte of the memory file: the kernel drops that lock
// when the process dies, however it does, so that anyone can find out.
//
// Words in the arena only change by single atomic operations, so there is no
// moment at which a process could die and leave them broken.
type arena struct {
	base   unsafe.Pointer
	file   int   // the memory
	bells  []int // by slot
	slot   int
	me     uint64 // what this process writes into words that it owns
	header *arenaHeader

	mu     sync.Mutex // guards parked
	parked map[*parking]struct{}

	sweeping sync.Mutex
}

const (
	arenaSlots = 128
	arenaSize  = 1 << 32 // of address space; memory is taken as it is used
	arenaStart = 1 << 14 // behind the header
)

type arenaHeader struct {
	next  atomic.Uint64         // offset of what was never used
	free  [33]atomic.Uint64     // by size class: tag and offset of the first free block
	slots [arenaSlots]arenaSlot //
	_     [arenaStart - 34*8 - arenaSlots*32]byte
}

type arenaSlot struct {
	gen    atomic.Uint64 // how many processes have had it
	live   atomic.Uint32 // 1 while one has it, or had and was not swept
	poke   atomic.Uint32 // 1: look after everything that is parked
	parked atomic.Int64  // how many goroutines of the process wait
	_      uint64
}

// arenaOnce is the arena of this process.
type arenaOnce struct {
	create sync.Once
	socket *os.File // holds the datagram; nil if there is no arena
	open   sync.Once
	a      atomic.Pointer[arena]
	err    error
}

var errNoArena = errors.New("process: no shared memory")

// arenaFile returns the socket for a child to inherit, and makes it first. It
// is nil if that is not possible; the hub does everything then.
func arenaFile() *os.File {
	o := &self.arena
	o.create.Do(func() {
		if self.isChild {
			return // the first process could not make one
		}
		if f, err := createArena(); err == nil {
			o.socket = f
		}
	})
	return o.socket
}

func setArenaFile(f *os.File) {
	self.arena.create.Do(func() { self.arena.socket = f })
}

// getArena returns the arena, with a slot for this process.
func getArena() (*arena, error) {
	o := &self.arena
	if a := o.a.Load(); a != nil {
		return a, nil
	}
	f := arenaFile()
	if f == nil {
		return nil, errNoArena
	}
	o.open.Do(func() {
		a, err := openArena(f)
		if err != nil {
			o.err = fmt.Errorf("process: shared memory: %w", err)
			return
		}
		o.a.Store(a)
	})
	return o.a.Load(), o.err
}

func createArena() (f *os.File, err error) {
	var fds []int
	defer func() {
		for _, fd := range fds { // the datagram has them
			unix.Close(fd)
		}
	}()
	mem, err := unix.MemfdCreate("process", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	fds = append(fds, mem)
	if err := unix.Ftruncate(mem, arenaSize); err != nil {
		return nil, err
	}
	for range arenaSlots {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			return nil, err
		}
		fds = append(fds, fd)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(fds...), nil, 0)
	unix.Close(pair[0])
	if err != nil {
		unix.Close(pair[1])
		return nil, err
	}
	return os.NewFile(uintptr(pair[1]), "arena"), nil
}

func openArena(socket *os.File) (*arena, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fds []int
	oob := make([]byte, unix.CmsgSpace(4*(1+arenaSlots)))
	rawErr := raw.Control(func(fd uintptr) {
		var n int
		_, n, _, _, err = unix.Recvmsg(int(fd), make([]byte, 1), oob, unix.MSG_PEEK|unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
		if err != nil {
			return
		}
		var msgs []unix.SocketControlMessage
		if msgs, err = unix.ParseSocketControlMessage(oob[:n]); err == nil && len(msgs) == 1 {
			fds, err = unix.ParseUnixRights(&msgs[0])
		}
	})
	if err := errors.Join(rawErr, err); err != nil {
		return nil, err
	}
	if len(fds) != 1+arenaSlots {
		return nil, fmt.Errorf("got %d files", len(fds))
	}
	base, err := unix.MmapPtr(fds[0], 0, nil, arenaSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	a := &arena{base: base, file: fds[0], bells: fds[1:], header: (*arenaHeader)(base), parked: make(map[*parking]struct{})}
	if err := a.claim(); err != nil {
		return nil, err
	}
	bell := os.NewFile(uintptr(a.bells[a.slot]), "doorbell")
	go a.answerBell(bell)
	return a, nil
}

// claim takes a slot. What its last owner held is then known to be abandoned,
// as gen has moved on.
func (a *arena) claim() error {
	for s := range arenaSlots {
		if a.lockSlot(s, unix.F_WRLCK) {
			slot := &a.header.slots[s]
			a.slot = s
			a.me = slot.gen.Add(1)<<8 | uint64(s+1)
			slot.poke.Store(0)
			slot.parked.Store(0)
			slot.live.Store(1)
			return nil
		}
	}
	return fmt.Errorf("more than %d processes use it", arenaSlots)
}

// lockSlot locks or unlocks the byte of a slot, and tells whether it could.
func (a *arena) lockSlot(s int, how int16) bool {
	l := unix.Flock_t{Type: how, Whence: 0, Start: int64(s), Len: 1}
	for {
		err := unix.FcntlFlock(uintptr(a.file), unix.F_SETLK, &l)
		if err != unix.EINTR {
			return err == nil
		}
	}
}

// dead tells whether the process that wrote owner into a word has died, as far
// as it was noticed.
func (a *arena) dead(owner uint64) bool {
	return a.header.slots[owner&0xff-1].gen.Load() != owner>>8
}

// sweepArena looks for processes that have died. It is called when a child
// has, and now and then by those who wait.
func sweepArena() {
	if a := self.arena.a.Load(); a != nil {
		a.sweep()
	}
}

func (a *arena) sweep() {
	a.sweeping.Lock()
	defer a.sweeping.Unlock()
	found := false
	for s := range arenaSlots {
		slot := &a.header.slots[s]
		// To lock the byte is to see that nobody has it, and to keep others
		// from taking it. Our own must be left alone: we could lock it again.
		if s == a.slot || slot.live.Load() == 0 || !a.lockSlot(s, unix.F_WRLCK) {
			continue
		}
		slot.gen.Add(1)
		slot.parked.Store(0)
		slot.live.Store(0)
		a.lockSlot(s, unix.F_UNLCK)
		found = true
	}
	if found {
		a.pokeAll()
	}
}

// pokeAll makes everyone who waits look again.
func (a *arena) pokeAll() {
	for s := range arenaSlots {
		slot := &a.header.slots[s]
		if slot.live.Load() == 1 && slot.parked.Load() > 0 {
			slot.poke.Store(1)
			a.ring(s)
		}
	}
}

func (a *arena) ring(slot int) {
	one := [8]byte{1}
	if *(*uint16)(unsafe.Pointer(&[2]byte{1, 0})) != 1 { // big-endian
		one = [8]byte{7: 1}
	}
	unix.Write(a.bells[slot], one[:])
}

// word returns the word at an offset.
func (a *arena) word(off uint64) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Add(a.base, off))
}

// bytes returns n bytes at an offset.
func (a *arena) bytes(off, n uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(a.base, off)), n)
}

var errArenaFull = errors.New("process: shared memory is used up (4 GB)")

// alloc gives a block of at least n bytes, whose content is undefined if it
// was used before.
func (a *arena) alloc(n uint64) (off uint64, err error) {
	class := sizeClass(n)
	if class >= 32 {
		return 0, errArenaFull
	}
	free := &a.header.free[class]
	for {
		// The tag makes sure that the head is the one whose next we read. A
		// process that dies in between costs the block at most.
		head := free.Load()
		off := head & (1<<40 - 1)
		if off == 0 {
			break
		}
		next := a.word(off).Load() & (1<<40 - 1)
		if free.CompareAndSwap(head, (head>>40+1)<<40|next) {
			return off, nil
		}
	}
	size := uint64(1) << class
	end := a.header.next.Add(size) + arenaStart
	if end > arenaSize {
		a.header.next.Add(-size)
		return 0, errArenaFull
	}
	return end - size, nil
}

// sizeClass is the binary logarithm of the size of a block for n bytes, 64 at
// least.
func sizeClass(n uint64) int { return max(6, bits.Len64(n-1)) }

// freeBlock gives back a block that alloc gave for n bytes.
func (a *arena) freeBlock(off, n uint64) {
	class := sizeClass(n)
	if size := int64(1) << class; size >= 1<<20 {
		// The memory itself goes back to the system.
		unix.Fallocate(a.file, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), size)
	}
	free := &a.header.free[class]
	for {
		head := free.Load()
		a.word(off).Store(head & (1<<40 - 1))
		if free.CompareAndSwap(head, (head>>40+1)<<40|off) {
			return
		}
	}
}
