package process

import (
	"context"
	"errors"
	"fmt"
)

// A ref is where a tool is: in the arena, or in the hub. It is what crosses.
type ref struct {
	kind   byte
	shared bool
	id     uint64 // offset or number
	size   uint64 // of memory
}

// What works on a tool, in the arena or in the hub.
type (
	lockImpl interface {
		acquire(context.Context) error
		tryAcquire() (bool, error)
		release() error
		locked() bool
	}
	semaphoreImpl interface {
		acquire(context.Context) error
		tryAcquire() bool
		release(n int) error
		value() int
	}
	eventImpl interface {
		set()
		clear()
		isSet() bool
		wait(context.Context) error
	}
	queueImpl interface {
		put(ctx context.Context, item []byte, try bool) error // errBusy if full
		get(ctx context.Context, try bool) ([]byte, error)    // errBusy if empty
		length() int
		taskDone() error
		join(context.Context) error
		shutdown()
	}
	memoryImpl interface {
		read(off uint64, b []byte) error
		write(off uint64, b []byte) error
		op(op opcode, off uint64, width int, x, y uint64) (old uint64, err error)
	}
)

// newTool makes a tool. n and bounded are what its kind needs.
func newTool[I any](kind byte, n int, bounded bool) (r ref, impl I, err error) {
	r = ref{kind: kind, size: uint64(n)}
	if !self.portable.Load() && !(self.up == nil && IsChild()) {
		r.id, r.shared = newShared(kind, n, bounded)
	}
	if !r.shared {
		args := varint(int64(n))
		if bounded {
			args = append(args, 1)
		} else {
			args = append(args, 0)
		}
		a := self.asks.do(context.Background(), opCreate, 0, append([]byte{kind}, args...)...)
		if a.code != codeOK {
			return r, impl, ErrNoInit
		}
		d := decoder{buf: a.data}
		r.id = uint64(d.int())
	}
	impl, err = openTool[I](r)
	return r, impl, err
}

func openTool[I any](r ref) (impl I, err error) {
	var x any
	t := tool(r.id)
	switch {
	case r.shared:
		if x, err = openShared(r.kind, r.id, r.size); err != nil {
			return impl, err
		}
	case r.kind == kindLock:
		x = remoteLock{t}
	case r.kind == kindSemaphore:
		x = remoteSemaphore{t}
	case r.kind == kindEvent:
		x = remoteEvent{t}
	case r.kind == kindQueue:
		x = remoteQueue{t}
	case r.kind == kindMemory:
		x = remoteMemory{t}
	default:
		x = t
	}
	impl, ok := x.(I)
	if !ok {
		return impl, errors.New("it is another kind of tool")
	}
	return impl, nil
}

func (r *ref) encode(e *encoder) error {
	if r.kind == 0 {
		return fmt.Errorf("it was not made by its New function")
	}
	b := r.kind << 1
	if r.shared {
		b |= 1
	}
	e.byte(b)
	e.uint(r.id)
	e.uint(r.size)
	return nil
}

// decodeTool reads a ref of a kind and opens it.
func decodeTool[I any](d *decoder, kind byte, r *ref) (impl I, err error) {
	b := d.byte()
	*r = ref{kind: b >> 1, shared: b&1 == 1, id: d.uint(), size: d.uint()}
	if d.err != nil {
		return impl, d.err
	}
	if r.kind != kind {
		return impl, errors.New("it is another kind of tool")
	}
	return openTool[I](*r)
}

// A tool is an object of the hub as its users see it.
type tool uint64

// wait asks what may take time.
func (t tool) wait(ctx context.Context, op opcode, args ...byte) (*decoder, error) {
	r := self.asks.do(ctx, op, uint64(t), args...)
	if r.code == codeCancelled {
		return nil, ctx.Err()
	}
	return &decoder{buf: r.data}, errorOf[r.code]
}

// now asks what is answered at once.
func (t tool) now(op opcode, args ...byte) (*decoder, error) {
	return t.wait(context.Background(), op, args...)
}

func (t tool) value() int {
	d, err := t.now(opValue)
	if err != nil {
		return 0
	}
	return int(d.int())
}

// take is opTake or opTry.
func (t tool) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := t.wait(ctx, opTake)
	return err
}

type remoteLock struct{ tool }

func (l remoteLock) acquire(ctx context.Context) error { return l.take(ctx) }

func (l remoteLock) tryAcquire() (bool, error) {
	_, err := l.now(opTry)
	if err == errBusy {
		return false, nil
	}
	return err == nil || err == ErrOwnerDied, err
}

func (l remoteLock) release() error {
	_, err := l.now(opGive)
	return err
}

func (l remoteLock) locked() bool { return l.value() == 1 }

type remoteSemaphore struct{ tool }

func (s remoteSemaphore) acquire(ctx context.Context) error { return s.take(ctx) }

func (s remoteSemaphore) tryAcquire() bool {
	_, err := s.now(opTry)
	return err == nil
}

func (s remoteSemaphore) release(n int) error {
	_, err := s.now(opGive, varint(int64(n))...)
	return err
}

type remoteEvent struct{ tool }

func (e remoteEvent) set()        { e.now(opGive) }
func (e remoteEvent) clear()      { e.now(opClear) }
func (e remoteEvent) isSet() bool { return e.value() == 1 }

func (e remoteEvent) wait(ctx context.Context) error {
	if ctx.Err() != nil && e.isSet() {
		return nil
	}
	_, err := e.tool.wait(ctx, opTake)
	return err
}

type remoteQueue struct{ tool }

func (q remoteQueue) put(ctx context.Context, item []byte, try bool) error {
	op := opGive
	if try {
		op = opTryGive
	} else if err := ctx.Err(); err != nil {
		return err
	}
	_, err := q.wait(ctx, op, item...)
	return err
}

func (q remoteQueue) get(ctx context.Context, try bool) ([]byte, error) {
	op := opTake
	if try {
		op = opTry
	} else if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, err := q.wait(ctx, op)
	if err != nil {
		return nil, err
	}
	return d.buf, nil
}

func (q remoteQueue) length() int { return q.value() }

func (q remoteQueue) taskDone() error {
	_, err := q.now(opDone)
	return err
}

func (q remoteQueue) join(ctx context.Context) error {
	_, err := q.wait(ctx, opJoin)
	return err
}

func (q remoteQueue) shutdown() { q.now(opAbort) }

type remoteMemory struct{ tool }

func (m remoteMemory) read(off uint64, b []byte) error {
	d, err := m.now(opRead, append(uvarint(off), uvarint(uint64(len(b)))...)...)
	if err == nil {
		copy(b, d.buf)
	}
	return err
}

func (m remoteMemory) write(off uint64, b []byte) error {
	_, err := m.now(opWrite, append(append(uvarint(off), uvarint(uint64(len(b)))...), b...)...)
	return err
}

func (m remoteMemory) op(op opcode, off uint64, width int, x, y uint64) (uint64, error) {
	args := append(uvarint(off), uvarint(uint64(width))...)
	if op == opRead {
		op, x = opAdd, 0 // answers with the old value
	}
	args = append(args, uvarint(x)...)
	d, err := m.now(op, append(args, uvarint(y)...)...)
	if err != nil {
		return 0, err
	}
	return d.uint(), nil
}
