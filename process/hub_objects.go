package process

import (
	"encoding/binary"
	"math"
	"slices"
)

// Kinds of objects.
const (
	kindLock byte = iota + 1
	kindSemaphore
	kindEvent
	kindCond
	kindBarrier
	kindQueue
	kindMemory
)

func newObject(args *decoder) object {
	switch args.byte() {
	case kindLock:
		return new(hubLock)
	case kindSemaphore:
		n, bounded := args.int(), args.byte() == 1
		s := &hubSemaphore{value: n, most: math.MaxInt64}
		if bounded {
			s.most, s.held = n, make(map[uint64]int64)
		}
		return s
	case kindEvent:
		return new(hubEvent)
	case kindCond:
		return &hubCond{tickets: make(map[int64]*ticket)}
	case kindBarrier:
		return &hubBarrier{parties: int(args.int())}
	case kindQueue:
		return &hubQueue{max: int(args.int())}
	default:
		return &hubMemory{b: make([]byte, max(0, args.int()))}
	}
}

type hubLock struct {
	owner     uint64 // session, 0 if free
	abandoned bool   // the last owner died
	waiters   line
}

func (l *hubLock) ask(q *question) {
	switch q.op {
	case opTake, opTry:
		if l.owner == 0 {
			l.grant(q)
		} else if q.op == opTake {
			l.waiters.push(q)
		} else {
			q.answer(codeBusy)
		}
	case opGive:
		if l.owner == 0 {
			q.answer(codeNotHeld)
			return
		}
		l.owner = 0
		l.next()
		q.answer(codeOK)
	case opValue:
		var held int64
		if l.owner != 0 {
			held = 1
		}
		q.answerInt(codeOK, held)
	}
}

func (l *hubLock) grant(q *question) {
	l.owner = q.session
	if l.abandoned {
		l.abandoned = false
		q.answer(codeOwnerDied)
		return
	}
	q.answer(codeOK)
}

func (l *hubLock) next() {
	if q := l.waiters.pop(); q != nil {
		l.grant(q)
	}
}

func (l *hubLock) forget(q *question) { l.waiters.forget(q) }

func (l *hubLock) gone(session uint64) {
	l.waiters.gone(session)
	if l.owner == session {
		l.owner, l.abandoned = 0, true
		l.next()
	}
}

type hubSemaphore struct {
	value, most int64
	held        map[uint64]int64 // by session, if bounded
	waiters     line
}

func (s *hubSemaphore) ask(q *question) {
	switch q.op {
	case opTake, opTry:
		if s.value > 0 {
			s.grant(q)
		} else if q.op == opTake {
			s.waiters.push(q)
		} else {
			q.answer(codeBusy)
		}
	case opGive:
		n := q.args.int()
		if s.value > s.most-n {
			q.answer(codeOver)
			return
		}
		s.unhold(q.session, n)
		s.add(n)
		q.answer(codeOK)
	case opValue:
		q.answerInt(codeOK, s.value)
	}
}

func (s *hubSemaphore) grant(q *question) {
	s.value--
	if s.held != nil {
		s.held[q.session]++
	}
	q.answer(codeOK)
}

// unhold takes n permits from those who hold them: from the session itself,
// and then from others, for whom it releases.
func (s *hubSemaphore) unhold(session uint64, n int64) {
	take := func(session uint64) {
		m := min(n, s.held[session])
		n -= m
		if s.held[session] -= m; s.held[session] == 0 {
			delete(s.held, session)
		}
	}
	if s.held == nil {
		return
	}
	take(session)
	for other := range s.held {
		take(other)
	}
}

func (s *hubSemaphore) add(n int64) {
	for s.value += n; s.value > 0 && len(s.waiters) > 0; {
		s.grant(s.waiters.pop())
	}
}

func (s *hubSemaphore) forget(q *question) { s.waiters.forget(q) }

func (s *hubSemaphore) gone(session uint64) {
	s.waiters.gone(session)
	n := s.held[session]
	delete(s.held, session)
	s.add(n)
}

type hubEvent struct {
	isSet   bool
	waiters line
}

func (e *hubEvent) ask(q *question) {
	switch q.op {
	case opTake:
		if e.isSet {
			q.answer(codeOK)
		} else {
			e.waiters.push(q)
		}
	case opGive:
		for e.isSet = true; len(e.waiters) > 0; {
			e.waiters.pop().answer(codeOK)
		}
		q.answer(codeOK)
	case opClear:
		e.isSet = false
		q.answer(codeOK)
	case opValue:
		var n int64
		if e.isSet {
			n = 1
		}
		q.answerInt(codeOK, n)
	}
}

func (e *hubEvent) forget(q *question)  { e.waiters.forget(q) }
func (e *hubEvent) gone(session uint64) { e.waiters.gone(session) }

// hubCond gives out tickets: one enters with the lock held, and then waits for
// the ticket to be notified, so that nothing is missed in between.
type hubCond struct {
	last    int64
	order   []int64 // tickets that were not notified, longest waiting first
	tickets map[int64]*ticket
}

type ticket struct {
	session  uint64
	notified bool
	waiter   *question
}

func (c *hubCond) ask(q *question) {
	switch q.op {
	case opEnter:
		c.last++
		c.tickets[c.last] = &ticket{session: q.session}
		c.order = append(c.order, c.last)
		q.answerInt(codeOK, c.last)
	case opTake:
		id := q.args.int()
		t := c.tickets[id]
		if t == nil || t.notified {
			c.drop(id)
			q.answer(codeOK)
			return
		}
		t.waiter = q
		q.keep()
	case opLeave:
		c.drop(q.args.int())
		q.answer(codeOK)
	case opGive:
		c.notify(q.args.int())
		q.answer(codeOK)
	}
}

// drop forgets a ticket.
func (c *hubCond) drop(id int64) {
	if t := c.tickets[id]; t != nil && !t.notified {
		c.order = slices.DeleteFunc(c.order, func(x int64) bool { return x == id })
	}
	delete(c.tickets, id)
}

func (c *hubCond) notify(n int64) {
	for ; n > 0 && len(c.order) > 0; n-- {
		id := c.order[0]
		c.order = c.order[1:]
		t := c.tickets[id]
		t.notified = true
		if t.waiter != nil {
			delete(c.tickets, id)
			t.waiter.answer(codeOK)
		}
	}
}

func (c *hubCond) forget(q *question) {
	for id, t := range c.tickets {
		if t.waiter == q {
			c.drop(id)
		}
	}
}

func (c *hubCond) gone(session uint64) {
	var lost int64
	for id, t := range c.tickets {
		if t.session == session {
			c.drop(id)
			if t.notified {
				lost++ // it was told, and did not live to hear it
			}
		}
	}
	c.notify(lost)
}

type hubBarrier struct {
	parties int
	waiters line
	broken  bool
}

func (b *hubBarrier) ask(q *question) {
	switch q.op {
	case opTake:
		if b.broken {
			q.answer(codeBroken)
			return
		}
		b.waiters.push(q)
		if len(b.waiters) == b.parties {
			for i, w := range b.release() {
				w.answerInt(codeOK, int64(i))
			}
		}
	case opClear:
		b.breakUp()
		b.broken = false
		q.answer(codeOK)
	case opAbort:
		b.breakUp()
		q.answer(codeOK)
	case opValue:
		n := int64(len(b.waiters))
		if b.broken {
			n = -1
		}
		q.answerInt(codeOK, n)
	}
}

func (b *hubBarrier) release() line {
	l := b.waiters
	b.waiters = nil
	return l
}

func (b *hubBarrier) breakUp() {
	b.broken = true
	for _, w := range b.release() {
		w.answer(codeBroken)
	}
}

func (b *hubBarrier) forget(q *question) {
	b.waiters.forget(q)
	b.breakUp()
}

func (b *hubBarrier) gone(session uint64) {
	n := len(b.waiters)
	if b.waiters.gone(session); len(b.waiters) < n {
		b.breakUp()
	}
}

type hubQueue struct {
	max        int // 0: any number
	items      [][]byte
	unfinished int
	down       bool
	getters    line
	putters    line
	joiners    line
}

func (u *hubQueue) ask(q *question) {
	switch q.op {
	case opGive, opTryGive:
		switch {
		case u.down:
			q.answer(codeShutDown)
		case u.max == 0 || len(u.items) < u.max:
			u.put(q.args.buf)
			q.answer(codeOK)
		case q.op == opGive:
			q.data = q.args.buf
			u.putters.push(q)
		default:
			q.answer(codeBusy)
		}
	case opTake, opTry:
		switch {
		case len(u.items) > 0:
			item := u.items[0]
			u.items = u.items[1:]
			q.answer(codeOK, item...)
			if p := u.putters.pop(); p != nil {
				u.put(p.data)
				p.answer(codeOK)
			}
		case u.down:
			q.answer(codeShutDown)
		case q.op == opTake:
			u.getters.push(q)
		default:
			q.answer(codeBusy)
		}
	case opDone:
		if u.unfinished == 0 {
			q.answer(codeTooMany)
			return
		}
		if u.unfinished--; u.unfinished == 0 {
			for len(u.joiners) > 0 {
				u.joiners.pop().answer(codeOK)
			}
		}
		q.answer(codeOK)
	case opJoin:
		if u.unfinished == 0 {
			q.answer(codeOK)
		} else {
			u.joiners.push(q)
		}
	case opValue:
		q.answerInt(codeOK, int64(len(u.items)))
	case opAbort:
		u.down = true
		for len(u.putters) > 0 {
			u.putters.pop().answer(codeShutDown)
		}
		for len(u.getters) > 0 {
			u.getters.pop().answer(codeShutDown)
		}
		q.answer(codeOK)
	}
}

// put takes an item to the longest waiting getter, or in.
func (u *hubQueue) put(item []byte) {
	u.unfinished++
	if g := u.getters.pop(); g != nil {
		g.answer(codeOK, item...)
		return
	}
	u.items = append(u.items, item)
}

func (u *hubQueue) forget(q *question) {
	u.getters.forget(q)
	u.putters.forget(q)
	u.joiners.forget(q)
}

func (u *hubQueue) gone(session uint64) {
	u.getters.gone(session)
	u.putters.gone(session)
	u.joiners.gone(session)
}

// hubMemory is what Value and Array are about.
type hubMemory struct{ b []byte }

func (m *hubMemory) ask(q *question) {
	d := &q.args
	off, width := d.uint(), d.uint()
	if d.err != nil || off > uint64(len(m.b)) || width > uint64(len(m.b))-off {
		q.answer(codeNoObject)
		return
	}
	b := m.b[off : off+width]
	switch q.op {
	case opRead:
		q.answer(codeOK, b...)
		return
	case opWrite:
		copy(b, d.buf)
		q.answer(codeOK)
		return
	}
	old := getWord(b)
	switch q.op {
	case opSwap:
		putWord(b, d.uint())
	case opAdd:
		putWord(b, old+d.uint())
	case opAddFloat:
		putWord(b, addFloat(old, d.uint(), len(b)))
	case opCAS:
		if old == d.uint() {
			putWord(b, d.uint())
		}
	}
	q.answer(codeOK, uvarint(old)...)
}

func (m *hubMemory) forget(*question) {}
func (m *hubMemory) gone(uint64)      {}

// addFloat adds the bits of two floats of a width in bytes.
func addFloat(a, b uint64, width int) uint64 {
	if width == 4 {
		return uint64(math.Float32bits(math.Float32frombits(uint32(a)) + math.Float32frombits(uint32(b))))
	}
	return math.Float64bits(math.Float64frombits(a) + math.Float64frombits(b))
}

// getWord and putWord treat a number of 1, 4 or 8 bytes.
func getWord(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	default:
		return binary.NativeEndian.Uint64(b)
	}
}

func putWord(b []byte, u uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(u)
	case 4:
		binary.NativeEndian.PutUint32(b, uint32(u))
	default:
		binary.NativeEndian.PutUint64(b, u)
	}
}
