package process

import "context"

// A Lock is held by at most one process at a time. It comes from NewLock, and
// gets to other processes in an argument or an item.
//
// A Lock belongs to the process that took it, not to the goroutine: any
// goroutine of any process may release it. It is not reentrant. If the process
// that holds it ends, the next one gets it, and is told by ErrOwnerDied.
//
// Who runs may take the lock before one that waits and has yet to wake up.
//
// A Lock is safe for concurrent use.
type Lock struct {
	ref  ref
	impl lockImpl
}

// NewLock makes a lock that is free. Like all tools between processes it lasts
// as long as the first process. It returns ErrNoInit in a child that has not
// come to Init.
func NewLock() (*Lock, error) {
	l := new(Lock)
	var err error
	l.ref, l.impl, err = newTool[lockImpl](kindLock, 0, false)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Acquire takes the lock, and waits while it is taken.
//
// It returns nil or ErrOwnerDied with the lock taken, and ctx.Err() without
// it. After ErrOwnerDied the lock works as ever, but what it guards may have
// been left half-changed.
func (l *Lock) Acquire(ctx context.Context) error { return l.impl.acquire(ctx) }

// TryAcquire takes the lock if it is free now, and tells whether it did. The
// error is nil or ErrOwnerDied, see Acquire.
func (l *Lock) TryAcquire() (bool, error) { return l.impl.tryAcquire() }

// Release frees the lock. If it is not locked Release returns ErrNotLocked and
// the lock is as it was.
func (l *Lock) Release() error { return l.impl.release() }

// Locked tells whether some process holds the lock.
func (l *Lock) Locked() bool { return l.impl.locked() }

func (l *Lock) encodeTo(e *encoder) error { return l.ref.encode(e) }

func (l *Lock) decodeFrom(d *decoder) (err error) {
	l.impl, err = decodeTool[lockImpl](d, kindLock, &l.ref)
	return err
}
