package process

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Errors to compare with errors.Is. Errors of a context that ended are
// returned as they are, or wrapped.
var (
	// ErrNoInit: this process has not called Init, so its children would
	// not know that they are children.
	ErrNoInit = errors.New("process: Init was not called: make process.Init() the first statement of main, and of TestMain in tests")
	// ErrStarted: the process has been started before.
	ErrStarted = errors.New("process: already started")
	// ErrNotStarted: a process that was not started cannot be joined or signalled.
	ErrNotStarted = errors.New("process: not started")
	// ErrEnded: a process that has ended cannot be signalled.
	ErrEnded = errors.New("process: has ended")

	// ErrPoolClosed: the pool takes no more tasks.
	ErrPoolClosed = errors.New("process: pool is closed")
	// ErrPoolOpen: Join waits for the end of a pool, so Close or Terminate come first.
	ErrPoolOpen = errors.New("process: pool was neither closed nor terminated")
	// ErrPoolBroken: workers fail before they can take a task; wrapped
	// together with what the last one failed with.
	ErrPoolBroken = errors.New("process: pool is broken")
	// ErrTerminated: the pool was terminated before the task was done.
	ErrTerminated = errors.New("process: pool was terminated")
	// ErrMemory: a worker needed more than PoolOptions.Memory. It is wrapped
	// in the CrashError of the task.
	ErrMemory = errors.New("process: memory limit exceeded")

	// ErrOwnerDied: the lock is yours, but the process that held it before
	// ended without releasing it: what the lock guards may be half-changed.
	ErrOwnerDied = errors.New("process: previous holder of the lock died; lock acquired")
	// ErrNotLocked: the lock was not locked.
	ErrNotLocked = errors.New("process: lock is not locked")
	// ErrOverRelease: a bounded semaphore would rise above its start value.
	ErrOverRelease = errors.New("process: semaphore released too many times")
	// ErrBarrierBroken: the barrier was aborted, reset, or left by another party.
	ErrBarrierBroken = errors.New("process: barrier is broken")

	// ErrEmpty: TryGet found no item.
	ErrEmpty = errors.New("process: queue is empty")
	// ErrFull: TryPut found no room.
	ErrFull = errors.New("process: queue is full")
	// ErrShutDown: the queue takes no more items, or has no more to give.
	ErrShutDown = errors.New("process: queue is shut down")
	// ErrTaskDone: TaskDone was called more often than there were items.
	ErrTaskDone = errors.New("process: TaskDone called too many times")
	// ErrClosed: this end of a pipe was closed, or given to another process.
	ErrClosed = errors.New("process: closed")
	// ErrDirection: this end of a one-way pipe goes the other way.
	ErrDirection = errors.New("process: wrong direction of a one-way pipe")
)

// A CrashError is the error of a task, or a Process, whose process ended on
// its own: by a signal, os.Exit, or a fatal error of the Go runtime.
type CrashError struct {
	Name     string    // of the process
	PID      int       //
	ExitCode int       // negative: the number of the signal that ended it
	Signal   os.Signal // nil if it was not a signal
	Reason   string    // "panic: …" or "fatal error: …", if it was written to standard error
	Stderr   []byte    // the end of what it wrote to standard error, up to 16 KB

	memory bool
}

// Error gives the Reason too, but not what was written to standard error.
func (e *CrashError) Error() string {
	how := fmt.Sprintf("exit code %d", e.ExitCode)
	switch {
	case e.memory:
		how = "memory limit exceeded"
	case e.Signal != nil:
		how = fmt.Sprintf("signal: %v", e.Signal)
	case e.Reason != "":
		how = e.Reason
	}
	return fmt.Sprintf("process: %s (pid %d) crashed: %s", e.Name, e.PID, how)
}

// Unwrap gives ErrMemory if that is what happened, else nil.
func (e *CrashError) Unwrap() error {
	if e.memory {
		return ErrMemory
	}
	return nil
}

// A TimeoutError is the error of a task that ran longer than
// PoolOptions.TaskTimeout; its worker was killed. errors.Is takes it for
// os.ErrDeadlineExceeded.
type TimeoutError struct{ After time.Duration }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("process: task took longer than %v; worker killed", e.After)
}

// Timeout returns true.
func (e *TimeoutError) Timeout() bool { return true }

// Is tells whether target is os.ErrDeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// A RemoteError stands for an error that a function returned in another
// process, or for its panic.
type RemoteError struct {
	Message string // what Error gave there
	Type    string // its Go type
	Panic   bool   // the function panicked, or called runtime.Goexit
	Stack   []byte // of a panic

	chain []remoteLink // the error and all that it wraps
}

type remoteLink struct{ Type, Message string }

// Error gives the text that the error had on the other side.
func (e *RemoteError) Error() string { return e.Message }

// Is tells whether the error, or one that it wraps, has the type and the text
// of target. Errors like io.EOF or fs.ErrNotExist, and your own package-level
// ones, are therefore found by errors.Is as if they had not crossed.
func (e *RemoteError) Is(target error) bool {
	if target == nil {
		return false
	}
	t := fmt.Sprintf("%T", target)
	for _, l := range e.chain {
		if l.Type == t && l.Message == target.Error() {
			return true
		}
	}
	return false
}

// remote makes an error ready to cross.
func remote(err error) *RemoteError {
	if r, ok := err.(*RemoteError); ok {
		return r
	}
	r := &RemoteError{Message: err.Error(), Type: fmt.Sprintf("%T", err)}
	r.add(err, 0)
	return r
}

func (e *RemoteError) add(err error, depth int) {
	if err == nil || depth > 20 || len(e.chain) > 50 {
		return
	}
	if r, ok := err.(*RemoteError); ok {
		e.chain = append(e.chain, r.chain...)
		return
	}
	e.chain = append(e.chain, remoteLink{fmt.Sprintf("%T", err), err.Error()})
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		e.add(u.Unwrap(), depth+1)
	case interface{ Unwrap() []error }:
		for _, err := range u.Unwrap() {
			e.add(err, depth+1)
		}
	}
}

// An EncodeError is the error for a value that cannot cross to another process.
type EncodeError struct {
	Type string // the Go type that is the cause
	Err  error
}

func (e *EncodeError) Error() string {
	return fmt.Sprintf("process: value of type %s cannot cross: %v", e.Type, e.Err)
}

// Unwrap gives Err.
func (e *EncodeError) Unwrap() error { return e.Err }

// An ItemError tells which item of a Map or Imap failed. Index counts from 0.
type ItemError struct {
	Index int
	Err   error
}

func (e *ItemError) Error() string { return fmt.Sprintf("item %d: %v", e.Index, e.Err) }

// Unwrap gives Err.
func (e *ItemError) Unwrap() error { return e.Err }
