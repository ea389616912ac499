package thread

import (
	"errors"
	"fmt"
)

// Errors to compare with errors.Is. Errors of a context that ended are
// returned as they are, or wrapped.
var (
	// ErrStarted: the thread has been started before, or can no longer be
	// changed because it has.
	ErrStarted = errors.New("thread: already started")
	// ErrNotStarted: a thread that was not started cannot be joined.
	ErrNotStarted = errors.New("thread: not started")
	// ErrJoinSelf: a thread that joined itself would wait for ever.
	ErrJoinSelf = errors.New("thread: cannot join the current thread")
	// ErrScopeEnded: the Scope that the context belongs to has ended.
	ErrScopeEnded = errors.New("thread: scope has ended")

	// ErrNotLocked: the lock was not locked.
	ErrNotLocked = errors.New("thread: lock is not locked")
	// ErrOverRelease: a bounded semaphore would rise above its start value.
	ErrOverRelease = errors.New("thread: semaphore released too many times")
	// ErrBroken: the barrier was aborted, reset, or left by another party.
	ErrBroken = errors.New("thread: barrier is broken")

	// ErrEmpty: TryGet found no item.
	ErrEmpty = errors.New("thread: queue is empty")
	// ErrFull: TryPut found no room.
	ErrFull = errors.New("thread: queue is full")
	// ErrShutDown: the queue takes no more items, or has no more to give.
	ErrShutDown = errors.New("thread: queue is shut down")
	// ErrTaskDone: TaskDone was called more often than there were items.
	ErrTaskDone = errors.New("thread: TaskDone called too many times")

	// ErrPoolClosed: the pool takes no more tasks.
	ErrPoolClosed = errors.New("thread: pool is shut down")
	// ErrPoolBroken: PoolOptions.Init failed; wrapped together with its error.
	ErrPoolBroken = errors.New("thread: pool is broken")
	// ErrGoexit is the error of a task that called runtime.Goexit.
	ErrGoexit = errors.New("thread: task called runtime.Goexit")
)

// A PanicError is the error of a thread or task whose function panicked.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // the stack of the goroutine that panicked, as debug.Stack prints it
}

// Error gives the value but not the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap gives the value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
