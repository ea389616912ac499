//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package process

import (
	"context"
	"sync/atomic"
	"unsafe"
)

// The tools in the arena. What they are to their users is told elsewhere; here
// is what their blocks hold.

// lockBlock is a lock: its owner, 0 if it is free. An owner that died stays
// there until the next one takes over.
type lockBlock struct {
	owner atomic.Uint64
	bits  waitBits
}

type arenaLock struct {
	a    *arena
	b    *lockBlock
	turn chan struct{}
}

func newArenaLock(a *arena, off uint64) *arenaLock {
	return &arenaLock{a, (*lockBlock)(unsafe.Add(a.base, off)), make(chan struct{}, 1)}
}

func (l *arenaLock) tryAcquire() (bool, error) {
	if l.b.owner.CompareAndSwap(0, l.a.me) {
		return true, nil
	}
	if o := l.b.owner.Load(); o != 0 && l.a.dead(o) && l.b.owner.CompareAndSwap(o, l.a.me) {
		return true, ErrOwnerDied
	}
	return false, nil
}

func (l *arenaLock) acquire(ctx context.Context) error {
	if ctx.Err() == nil && l.b.owner.CompareAndSwap(0, l.a.me) {
		return nil
	}
	return l.acquireSlow(ctx)
}

func (l *arenaLock) acquireSlow(ctx context.Context) (died error) {
	err := l.a.await(ctx, &l.b.bits, l.turn, func() bool {
		ok, err := l.tryAcquire()
		died = err
		return ok
	})
	if err != nil {
		// The hint that the lock is free may have come to us.
		if l.b.owner.Load() == 0 {
			l.a.wake(&l.b.bits, false)
		}
		return err
	}
	return died
}

func (l *arenaLock) release() error {
	o := l.b.owner.Load()
	if o != l.a.me && (o == 0 || l.a.dead(o)) || !l.b.owner.CompareAndSwap(o, 0) {
		return ErrNotLocked
	}
	if l.b.bits.any() {
		l.a.wake(&l.b.bits, false)
	}
	return nil
}

func (l *arenaLock) locked() bool {
	o := l.b.owner.Load()
	return o != 0 && !l.a.dead(o)
}

// semaphoreBlock is a semaphore. A bounded one has a word with the owner for
// each permit, which follow, and no value; so permits of the dead are free.
type semaphoreBlock struct {
	value   atomic.Int64
	permits int64 // of a bounded one; fixed
	bounded bool  // fixed
	bits    waitBits
}

type arenaSemaphore struct {
	a    *arena
	b    *semaphoreBlock
	turn chan struct{}
}

const semaphoreSize = uint64(unsafe.Sizeof(semaphoreBlock{}))

func openArenaSemaphore(a *arena, off uint64) *arenaSemaphore {
	return &arenaSemaphore{a, (*semaphoreBlock)(unsafe.Add(a.base, off)), make(chan struct{}, 1)}
}

func newArenaSemaphore(a *arena, n int, bounded bool) (uint64, error) {
	size := semaphoreSize
	if bounded {
		size += 8 * uint64(n)
	}
	off, err := a.allocZero(size)
	if err != nil {
		return 0, err
	}
	s := openArenaSemaphore(a, off)
	s.b.bounded = bounded
	if bounded {
		s.b.permits = int64(n)
	} else {
		s.b.value.Store(int64(n))
	}
	return off, nil
}

func (a *arena) allocZero(n uint64) (uint64, error) {
	off, err := a.alloc(n)
	if err == nil {
		clear(a.bytes(off, n))
	}
	return off, err
}

func (s *arenaSemaphore) owners() []atomic.Uint64 {
	return unsafe.Slice((*atomic.Uint64)(unsafe.Add(unsafe.Pointer(s.b), semaphoreSize)), s.b.permits)
}

func (s *arenaSemaphore) tryAcquire() bool {
	if !s.b.bounded {
		for {
			v := s.b.value.Load()
			if v <= 0 {
				return false
			}
			if s.b.value.CompareAndSwap(v, v-1) {
				return true
			}
		}
	}
	permits := s.owners()
	for i := range permits {
		p := &permits[i]
		if o := p.Load(); (o == 0 || s.a.dead(o)) && p.CompareAndSwap(o, s.a.me) {
			return true
		}
	}
	return false
}

func (s *arenaSemaphore) acquire(ctx context.Context) error {
	err := s.a.await(ctx, &s.b.bits, s.turn, s.tryAcquire)
	// What woke us may have been one of several permits.
	if s.b.bits.any() && s.value() > 0 {
		s.a.wake(&s.b.bits, false)
	}
	return err
}

func (s *arenaSemaphore) release(n int) error {
	if s.b.bounded {
		if n > int(s.b.permits)-s.value() {
			return ErrOverRelease
		}
		for range n {
			if !s.releaseOne() {
				return ErrOverRelease // others released at the same time
			}
		}
	} else {
		s.b.value.Add(int64(n))
	}
	for range n {
		if !s.b.bits.any() {
			break
		}
		s.a.wake(&s.b.bits, false)
	}
	return nil
}

// releaseOne frees a permit that this process has, or else one of another, for
// which it releases.
func (s *arenaSemaphore) releaseOne() bool {
	permits := s.owners()
	for i := range permits {
		if permits[i].CompareAndSwap(s.a.me, 0) {
			return true
		}
	}
	for i := range permits {
		if o := permits[i].Load(); o != 0 && !s.a.dead(o) && permits[i].CompareAndSwap(o, 0) {
			return true
		}
	}
	return false
}

func (s *arenaSemaphore) value() int {
	if !s.b.bounded {
		return int(s.b.value.Load())
	}
	n := 0
	permits := s.owners()
	for i := range permits {
		if o := permits[i].Load(); o == 0 || s.a.dead(o) {
			n++
		}
	}
	return n
}

// eventBlock is an event: 1 if it is set, plus twice how often it was.
type eventBlock struct {
	state atomic.Uint64
	bits  waitBits
}

type arenaEvent struct {
	a *arena
	b *eventBlock
}

func (e arenaEvent) set() {
	for {
		s := e.b.state.Load()
		if s&1 == 1 {
			return
		}
		if e.b.state.CompareAndSwap(s, (s|1)+2) {
			e.a.wake(&e.b.bits, true)
			return
		}
	}
}

func (e arenaEvent) clear()      { e.b.state.And(^uint64(1)) }
func (e arenaEvent) isSet() bool { return e.b.state.Load()&1 == 1 }

func (e arenaEvent) wait(ctx context.Context) error {
	before := e.b.state.Load()
	if before&1 == 1 {
		return nil
	}
	return e.a.await(ctx, &e.b.bits, nil, func() bool {
		now := e.b.state.Load()
		return now&1 == 1 || now>>1 != before>>1
	})
}

// arenaMemory is what Value and Array are about.
type arenaMemory struct{ b []byte }

func (m arenaMemory) word(off uint64) *uint64   { return (*uint64)(unsafe.Pointer(&m.b[off])) }
func (m arenaMemory) word32(off uint64) *uint32 { return (*uint32)(unsafe.Pointer(&m.b[off])) }

func (m arenaMemory) read(off uint64, b []byte) error {
	copy(b, m.b[off:])
	return nil
}

func (m arenaMemory) write(off uint64, b []byte) error {
	copy(m.b[off:], b)
	return nil
}

// update changes the number of a width at off to f of what it was.
func (m arenaMemory) update(off uint64, width int, f func(uint64) uint64) (old uint64) {
	for {
		switch width {
		case 8:
			w := m.word(off)
			if old = atomic.LoadUint64(w); atomic.CompareAndSwapUint64(w, old, f(old)) {
				return old
			}
		case 4:
			w := m.word32(off)
			o := atomic.LoadUint32(w)
			if atomic.CompareAndSwapUint32(w, o, uint32(f(uint64(o)))) {
				return uint64(o)
			}
		default: // a byte, within its word
			w := m.word32(off &^ 3)
			shift := off & 3 * 8
			if bigEndian {
				shift = 24 - shift
			}
			o := atomic.LoadUint32(w)
			b := uint64(o >> shift & 0xff)
			n := o&^(0xff<<shift) | uint32(f(b)&0xff)<<shift
			if atomic.CompareAndSwapUint32(w, o, n) {
				return b
			}
		}
	}
}

func (m arenaMemory) load(off uint64, width int) uint64 {
	switch width {
	case 8:
		return atomic.LoadUint64(m.word(off))
	case 4:
		return uint64(atomic.LoadUint32(m.word32(off)))
	default:
		return m.update(off, width, func(u uint64) uint64 { return u })
	}
}

func (m arenaMemory) op(op opcode, off uint64, width int, x, y uint64) (old uint64, err error) {
	switch op {
	case opRead:
		return m.load(off, width), nil
	case opSwap:
		return m.update(off, width, func(uint64) uint64 { return x }), nil
	case opAdd:
		return m.update(off, width, func(u uint64) uint64 { return u + x }), nil
	case opAddFloat:
		return m.update(off, width, func(u uint64) uint64 { return addFloat(u, x, width) }), nil
	default: // opCAS
		return m.update(off, width, func(u uint64) uint64 {
			if u == x {
				return y
			}
			return u
		}), nil
	}
}

var bigEndian = *(*uint16)(unsafe.Pointer(&[2]byte{1, 0})) != 1
