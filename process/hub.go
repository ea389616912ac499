package process

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// The hub is in the first process. It holds the tools that are not in shared
// memory, and answers the questions of all processes of the family about
// them. Questions travel up the tree of processes and answers down, over the
// links. Each process has a session; when one dies its parent tells, and the
// hub takes back what it held and forgets what it waited for.
//
// An ask message is session, number, operation, object, arguments; an answer
// is session, number, code, data. A question that has to wait is answered
// later; the asker may cancel it, and then gets either the answer, which was
// on its way, or codeCancelled.

type opcode = byte

const (
	opCreate opcode = iota + 1 // object 0; kind and parameters follow
	opCancel                   // the number of the question follows, in place of an object
	opTake                     // wait for a lock, permit, event, barrier, item
	opTry                      // the same without waiting
	opGive                     // release, set, put
	opTryGive
	opValue // locked, count, is set, size
	opClear // an event; a barrier's reset
	opAbort // a barrier; shut a queue down
	opEnter // a condition
	opLeave
	opDone // a queue's TaskDone
	opJoin
	opRead // memory
	opWrite
	opSwap
	opAdd
	opAddFloat
	opCAS
)

type code = byte

const (
	codeOK code = iota
	codeCancelled
	codeNoObject
	codeOwnerDied
	codeNotHeld
	codeBusy
	codeOver
	codeBroken
	codeShutDown
	codeTooMany
)

// errorOf is what the codes mean to callers.
var errorOf = map[code]error{
	codeNoObject:  errNoObject,
	codeOwnerDied: ErrOwnerDied,
	codeNotHeld:   ErrNotLocked,
	codeBusy:      errBusy,
	codeOver:      ErrOverRelease,
	codeBroken:    ErrBarrierBroken,
	codeShutDown:  ErrShutDown,
	codeTooMany:   ErrTaskDone,
}

var (
	errNoObject = errors.New("process: no such tool: was it made by another program?")
	errBusy     = errors.New("process: not available now")
)

// A question waits in an object, or was answered.
type question struct {
	h       *hub
	session uint64
	number  uint64
	op      opcode
	args    decoder
	object  object
	data    []byte // what the object keeps with it
}

// An object is a tool in the hub. Its methods are called with the hub locked.
type object interface {
	ask(q *question)    // answers q now or keeps it
	forget(q *question) // q, which was kept, is cancelled
	gone(session uint64)
}

type hub struct {
	mu       sync.Mutex // guards everything below
	lastID   uint64
	objects  map[uint64]object
	sessions map[uint64]*hubSession
}

type hubSession struct {
	send    func(answer []byte) // never blocks
	waiting map[uint64]*question
}

// answer ends a question.
func (q *question) answer(c code, data ...byte) {
	s := q.h.sessions[q.session]
	if s == nil {
		return // gone
	}
	delete(s.waiting, q.number)
	b := binary.AppendUvarint(nil, q.session)
	b = binary.AppendUvarint(b, q.number)
	s.send(append(append(b, c), data...))
}

func (q *question) answerInt(c code, n int64) { q.answer(c, binary.AppendVarint(nil, n)...) }

// keep notes that q waits in its object.
func (q *question) keep() { q.h.sessions[q.session].waiting[q.number] = q }

// receive handles an ask message of a session.
func (h *hub) receive(body []byte, send func([]byte)) (session uint64) {
	q := &question{h: h, args: decoder{buf: body}}
	q.session, q.number, q.op = q.args.uint(), q.args.uint(), q.args.byte()
	id := q.args.uint()
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.sessions[q.session]
	if s == nil {
		s = &hubSession{send: send, waiting: make(map[uint64]*question)}
		h.sessions[q.session] = s
	}
	switch q.op {
	case opCancel:
		if w := s.waiting[id]; w != nil {
			w.object.forget(w)
			w.answer(codeCancelled)
		}
	case opCreate:
		h.lastID++
		h.objects[h.lastID] = newObject(&q.args)
		q.answerInt(codeOK, int64(h.lastID))
	default:
		if q.object = h.objects[id]; q.object == nil {
			q.answer(codeNoObject)
			break
		}
		q.object.ask(q)
	}
	return q.session
}

// gone forgets a session.
func (h *hub) gone(session uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[session] == nil {
		return
	}
	delete(h.sessions, session)
	for _, o := range h.objects {
		o.gone(session)
	}
}

// queue of questions that wait, as objects have it.
type line []*question

func (l *line) push(q *question) {
	q.keep()
	*l = append(*l, q)
}

func (l *line) pop() *question {
	if len(*l) == 0 {
		return nil
	}
	q := (*l)[0]
	*l = (*l)[1:]
	return q
}

func (l *line) forget(q *question) {
	*l = slices.DeleteFunc(*l, func(x *question) bool { return x == q })
}

func (l *line) gone(session uint64) {
	*l = slices.DeleteFunc(*l, func(x *question) bool { return x.session == session })
}

// rooted is what only the first process has.
type rooted struct {
	once sync.Once
	hub  *hub
}

func (r *rooted) get() *hub {
	r.once.Do(func() {
		r.hub = &hub{objects: make(map[uint64]object), sessions: make(map[uint64]*hubSession)}
	})
	return r.hub
}

// sessions are those that came over the link of a child: its own, and those of
// its descendants.
type sessions struct{ ids map[uint64]bool }

// forward passes a message of a child on to the hub.
func (s *sessions) forward(l *link, kind byte, body []byte) {
	if self.up == nil && kind == kindAsk {
		id := self.root.get().receive(slices.Clone(body), func(b []byte) { l.send(kindAnswer, b) })
		s.add(id)
		return
	}
	d := decoder{buf: body}
	id := d.uint()
	if kind == kindGone {
		s.end(id)
		return
	}
	if !s.ids[id] {
		s.add(id)
		self.asks.mu.Lock()
		if self.asks.routes == nil {
			self.asks.routes = make(map[uint64]*link)
		}
		self.asks.routes[id] = l
		self.asks.mu.Unlock()
	}
	self.up.send(kind, body)
}

func (s *sessions) add(id uint64) {
	if s.ids == nil {
		s.ids = make(map[uint64]bool)
	}
	s.ids[id] = true
}

func (s *sessions) end(id uint64) {
	delete(s.ids, id)
	if self.up == nil {
		self.root.get().gone(id)
		return
	}
	self.asks.mu.Lock()
	delete(self.asks.routes, id)
	self.asks.mu.Unlock()
	self.up.send(kindGone, binary.AppendUvarint(nil, id))
}

// gone is called when the link has ended.
func (s *sessions) gone() {
	for id := range s.ids {
		s.end(id)
	}
}

// asks are the questions of this process, and the way back for those of its
// descendants.
type asks struct {
	once    sync.Once
	session uint64 // set once, with mu held
	last    atomic.Uint64

	mu      sync.Mutex // guards everything below
	waiting map[uint64]chan reply
	routes  map[uint64]*link
}

type reply struct {
	code code
	data []byte
}

// do asks the hub and waits for the answer. If ctx ends first it returns
// codeCancelled; an answer that was already given is never lost.
func (a *asks) do(ctx context.Context, op opcode, object uint64, args ...byte) reply {
	if self.up == nil && IsChild() {
		// Before Init there is no way to the hub.
		return reply{code: codeNoObject}
	}
	a.once.Do(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.session = newSession()
		a.waiting = make(map[uint64]chan reply)
	})
	n := a.last.Add(1)
	c := make(chan reply, 1)
	a.mu.Lock()
	a.waiting[n] = c
	a.mu.Unlock()
	a.send(n, op, object, args)
	if self.server != nil {
		self.server.worker.takeOver() // someone must read the answer
	}
	select {
	case r := <-c:
		return r
	case <-ctx.Done():
		a.send(a.last.Add(1), opCancel, n, nil)
		return <-c
	}
}

func (a *asks) send(number uint64, op opcode, object uint64, args []byte) {
	b := binary.AppendUvarint(nil, a.session)
	b = binary.AppendUvarint(b, number)
	b = append(b, op)
	b = binary.AppendUvarint(b, object)
	b = append(b, args...)
	if self.up != nil {
		self.up.send(kindAsk, b)
		return
	}
	self.root.get().receive(b, a.answer)
}

// answer takes an answer to the one who waits for it.
func (a *asks) answer(body []byte) {
	d := decoder{buf: body}
	session, number := d.uint(), d.uint()
	a.mu.Lock()
	defer a.mu.Unlock()
	if session != a.session {
		if l := a.routes[session]; l != nil {
			l.send(kindAnswer, body)
		}
		return
	}
	if c := a.waiting[number]; c != nil {
		delete(a.waiting, number)
		c <- reply{d.byte(), slices.Clone(d.buf)}
	}
}

func uvarint(n uint64) []byte { return binary.AppendUvarint(nil, n) }
func varint(n int64) []byte   { return binary.AppendVarint(nil, n) }
