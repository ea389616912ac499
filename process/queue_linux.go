//go:build linux && (amd64 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package process

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// queueBlock is a queue: a chain of segments. Producers append under one lock
// and consumers take under another; what they change becomes visible by
// storing a single word at the end, so that one who dies in between has
// changed nothing, and the next one who gets the lock can just go on.
type queueBlock struct {
	put, get           lockBlock
	itemBits, roomBits waitBits // who waits for items, for room
	joinBits           waitBits
	max                int64 // 0: any number; fixed
	down               atomic.Uint32
	head               atomic.Uint64 // segment; changed under get
	tail               atomic.Uint64 // segment; changed under put
	puts               atomic.Uint64 // items that were ever put; changed under put
	gets               atomic.Uint64 // and taken; changed under get
	done               atomic.Uint64 // and worked off
}

// segment is followed by its items, each as its length (4 bytes) and content.
type segment struct {
	next    atomic.Uint64
	written atomic.Uint64 // bytes<<32 | items
	taken   atomic.Uint64 // the same
	base    uint64        // items in all segments before
	size    uint64        // for items
}

const (
	segmentHead = uint64(unsafe.Sizeof(segment{}))
	segmentSize = 64 << 10 // with the head
)

type arenaQueue struct {
	a                            *arena
	b                            *queueBlock
	putLock, getLock             *arenaLock
	itemTurn, roomTurn, joinTurn chan struct{}
}

func newArenaQueue(a *arena, max int) (uint64, error) {
	off, err := a.allocZero(uint64(unsafe.Sizeof(queueBlock{})))
	if err != nil {
		return 0, err
	}
	q := openArenaQueue(a, off)
	q.b.max = int64(max)
	seg, err := q.newSegment(0, 0)
	if err != nil {
		return 0, err
	}
	q.b.head.Store(seg)
	q.b.tail.Store(seg)
	return off, nil
}

func openArenaQueue(a *arena, off uint64) *arenaQueue {
	b := (*queueBlock)(unsafe.Add(a.base, off))
	turn := func() chan struct{} { return make(chan struct{}, 1) }
	return &arenaQueue{
		a: a, b: b,
		putLock: &arenaLock{a, &b.put, turn()}, getLock: &arenaLock{a, &b.get, turn()},
		itemTurn: turn(), roomTurn: turn(), joinTurn: turn(),
	}
}

func (q *arenaQueue) segment(off uint64) *segment { return (*segment)(unsafe.Add(q.a.base, off)) }

func (q *arenaQueue) newSegment(base, item uint64) (uint64, error) {
	n := max(segmentSize, segmentHead+4+item)
	off, err := q.a.alloc(n)
	if err != nil {
		return 0, err
	}
	s := q.segment(off)
	s.next.Store(0)
	s.written.Store(0)
	s.taken.Store(0)
	s.base, s.size = base, n-segmentHead
	return off, nil
}

// enter takes one of the internal locks. They are held for so short a time
// that ctx is not needed; if the holder died, repair is called.
func enter(l *arenaLock, repair func()) {
	if l.acquire(context.Background()) == ErrOwnerDied {
		repair()
	}
}

// repairPut works out what a producer that died may not have written.
func (q *arenaQueue) repairPut() {
	t := q.segment(q.b.tail.Load())
	if next := t.next.Load(); next != 0 {
		q.b.tail.Store(next)
		t = q.segment(next)
	}
	q.b.puts.Store(t.base + t.written.Load()&0xffffffff)
}

func (q *arenaQueue) repairGet() {
	h := q.segment(q.b.head.Load())
	q.b.gets.Store(h.base + h.taken.Load()&0xffffffff)
}

func (q *arenaQueue) length() int {
	// Only a hint while others put and get: gets first, lest it be negative.
	gets := q.b.gets.Load()
	return int(max(0, int64(q.b.puts.Load()-gets)))
}

func (q *arenaQueue) full() bool { return q.b.max > 0 && int64(q.length()) >= q.b.max }

// tryPut returns errBusy if there is no room.
func (q *arenaQueue) tryPut(item []byte) error {
	if q.b.down.Load() == 0 && q.full() {
		return errBusy
	}
	enter(q.putLock, q.repairPut)
	defer q.putLock.release()
	if q.b.down.Load() != 0 {
		return ErrShutDown
	}
	if q.full() {
		return errBusy
	}
	n := uint64(len(item))
	t := q.segment(q.b.tail.Load())
	written := t.written.Load()
	at := written >> 32
	if at+4+n > t.size {
		off, err := q.newSegment(t.base+written&0xffffffff, n)
		if err != nil {
			return err
		}
		s := q.segment(off)
		q.write(s, off, 0, item)
		s.written.Store((4+n)<<32 | 1)
		t.next.Store(off)
		q.b.tail.Store(off)
	} else {
		q.write(t, q.b.tail.Load(), at, item)
		t.written.Store((at+4+n)<<32 | (written&0xffffffff + 1))
	}
	q.b.puts.Add(1)
	return nil
}

func (q *arenaQueue) write(s *segment, off, at uint64, item []byte) {
	b := q.a.bytes(off+segmentHead, s.size)
	binary.NativeEndian.PutUint32(b[at:], uint32(len(item)))
	copy(b[at+4:], item)
}

func (q *arenaQueue) put(ctx context.Context, item []byte, try bool) (err error) {
	if try {
		err = q.tryPut(item)
	} else {
		waitErr := q.a.await(ctx, &q.b.roomBits, q.roomTurn, func() bool {
			err = q.tryPut(item)
			return err != errBusy
		})
		if waitErr != nil {
			err = waitErr
		}
		if q.b.roomBits.any() && !q.full() {
			q.a.wake(&q.b.roomBits, false)
		}
	}
	if err == nil && q.b.itemBits.any() {
		q.a.wake(&q.b.itemBits, false)
	}
	return err
}

// tryGet returns errBusy if there is nothing.
func (q *arenaQueue) tryGet() ([]byte, error) {
	down := q.b.down.Load() != 0 // before looking: nothing is put after it
	if q.length() == 0 && !down {
		return nil, errBusy
	}
	enter(q.getLock, q.repairGet)
	defer q.getLock.release()
	for {
		off := q.b.head.Load()
		h := q.segment(off)
		// tail first: once it is another, nothing is written to this one.
		last := q.b.tail.Load() == off
		taken, written := h.taken.Load(), h.written.Load()
		if taken&0xffffffff < written&0xffffffff {
			b := q.a.bytes(off+segmentHead, h.size)[taken>>32:]
			n := uint64(binary.NativeEndian.Uint32(b))
			item := append(make([]byte, 0, n), b[4:4+n]...)
			h.taken.Store((taken>>32+4+n)<<32 | (taken&0xffffffff + 1))
			q.b.gets.Add(1)
			return item, nil
		}
		if last {
			if down {
				return nil, ErrShutDown
			}
			return nil, errBusy
		}
		q.b.head.Store(h.next.Load())
		q.a.freeBlock(off, h.size+segmentHead)
	}
}

func (q *arenaQueue) get(ctx context.Context, try bool) (item []byte, err error) {
	if try {
		item, err = q.tryGet()
	} else {
		waitErr := q.a.await(ctx, &q.b.itemBits, q.itemTurn, func() bool {
			item, err = q.tryGet()
			return err != errBusy
		})
		if waitErr != nil {
			err = waitErr
		}
		if q.b.itemBits.any() && q.length() > 0 {
			q.a.wake(&q.b.itemBits, false)
		}
	}
	if err == nil && q.b.roomBits.any() {
		q.a.wake(&q.b.roomBits, false)
	}
	return item, err
}

func (q *arenaQueue) taskDone() error {
	for {
		done := q.b.done.Load()
		puts := q.b.puts.Load()
		if done >= puts {
			return ErrTaskDone
		}
		if q.b.done.CompareAndSwap(done, done+1) {
			if done+1 == puts {
				q.a.wake(&q.b.joinBits, true)
			}
			return nil
		}
	}
}

func (q *arenaQueue) join(ctx context.Context) error {
	finished := func() bool { return q.b.done.Load() >= q.b.puts.Load() }
	if finished() {
		return nil
	}
	return q.a.await(ctx, &q.b.joinBits, nil, finished)
}

func (q *arenaQueue) shutdown() {
	// With the lock: what is put after this sees it.
	enter(q.putLock, q.repairPut)
	q.b.down.Store(1)
	q.putLock.release()
	q.a.wake(&q.b.itemBits, true)
	q.a.wake(&q.b.roomBits, true)
}
