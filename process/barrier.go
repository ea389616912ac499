package process

import "context"

// A Barrier lets a fixed number of parties wait for one another, again and
// again. It comes from NewBarrier. If the process of a party that waits ends,
// the barrier is broken.
//
// A Barrier is safe for concurrent use. It lives in the first process, on all
// systems.
type Barrier struct {
	ref     ref
	impl    tool
	parties int
}

// NewBarrier makes a barrier for a number of parties, which must be positive.
// For errors see NewLock.
//
// There is no action, as in package thread: functions do not cross. Let the
// party with index 0 act and then all wait once more.
func NewBarrier(parties int) (*Barrier, error) {
	if parties < 1 {
		panic("process: barrier for less than one party")
	}
	b := &Barrier{parties: parties}
	var err error
	b.ref, b.impl, err = newTool[tool](kindBarrier, parties, false)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Wait waits until all parties wait, and returns in which order this one came:
// 0 for the first, parties-1 for the last.
//
// If ctx ends first Wait returns ctx.Err() and breaks the barrier for all: the
// others could only wait in vain. On a broken barrier it returns
// ErrBarrierBroken. The index is -1 with any error.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	d, err := b.impl.wait(ctx, opTake)
	if err != nil {
		return -1, err
	}
	return int(d.int()), nil
}

// Abort breaks the barrier: Wait returns ErrBarrierBroken to all, until Reset.
func (b *Barrier) Abort() { b.impl.now(opAbort) }

// Reset makes the barrier as new. Parties that wait get ErrBarrierBroken.
func (b *Barrier) Reset() { b.impl.now(opClear) }

// Broken tells whether the barrier is broken.
func (b *Barrier) Broken() bool { return b.impl.value() < 0 }

// Waiting tells how many parties wait.
func (b *Barrier) Waiting() int { return max(0, b.impl.value()) }

func (b *Barrier) encodeTo(e *encoder) error {
	e.uint(uint64(b.parties))
	return b.ref.encode(e)
}

func (b *Barrier) decodeFrom(d *decoder) (err error) {
	b.parties = int(d.uint())
	b.impl, err = decodeTool[tool](d, kindBarrier, &b.ref)
	return err
}
