package isolate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trawl-go/trawl/process"
)

// A Cause is why a worker ended while it was at work.
type Cause string

// Causes.
const (
	Crash    Cause = "crash"    // by a signal, or a fatal error of the program
	Memory   Cause = "memory"   // it needed more than Options.Memory
	Deadline Cause = "deadline" // it took longer than Options.Deadline
)

// An Error is a worker that ended while it parsed a page, or did something
// else for the spider.
type Error struct {
	Place string // the spider's file
	What  string // "parsing the page", or the name of a function
	Cause Cause

	Memory   int64         // the limit, in bytes
	Deadline time.Duration // the limit

	// Err is what package process says.
	Err error
}

// Reason returns the cause: a page that fails is counted under it.
func (e *Error) Reason() string { return string(e.Cause) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Error says it in one line.
func (e *Error) Error() string {
	how := ""
	switch e.Cause {
	case Memory:
		how = fmt.Sprintf("needs more than %d MB of memory; the worker process was ended", e.Memory>>20)
	case Deadline:
		how = fmt.Sprintf("takes longer than %v; the worker process was ended", e.Deadline)
	default:
		how = "crashed the worker process"
		var c *process.CrashError
		if errors.As(e.Err, &c) {
			switch {
			case c.Reason != "":
				how += ": " + c.Reason
			case c.Signal != nil:
				how += ": " + c.Signal.String()
			default:
				how += fmt.Sprintf(": exit status %d", c.ExitCode)
			}
		}
	}
	return e.Place + ": " + e.What + " " + how
}

// A StartError is workers that cannot be started: the system has no processes
// or no memory left, for instance.
type StartError struct {
	Place string // the spider's file
	Err   error
}

func (e *StartError) Error() string {
	return e.Place + ": worker processes cannot be started: " + e.Err.Error()
}

// Unwrap returns Err.
func (e *StartError) Unwrap() error { return e.Err }

// Fatal returns true: no page would fare better.
func (e *StartError) Fatal() bool { return true }

// maxStack bounds what Backtrace returns, in bytes.
const maxStack = 4 << 10

// Backtrace returns what the program wrote when it crashed, "" if it is not
// that.
func (e *Error) Backtrace() string {
	var c *process.CrashError
	if e.Cause != Crash || !errors.As(e.Err, &c) || c.Reason == "" {
		return ""
	}
	return string(c.Stderr[:min(len(c.Stderr), maxStack)])
}

// failure makes an error of what package process says about a task; what names
// the task.
func (s *Spider) failure(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, process.ErrPoolBroken) {
		return &StartError{Place: s.place, Err: err}
	}
	e := &Error{Place: s.place, What: what, Memory: s.opt.Memory, Deadline: s.opt.Deadline, Err: err}
	var (
		crash   *process.CrashError
		timeout *process.TimeoutError
	)
	switch {
	case errors.As(err, &timeout):
		e.Cause = Deadline
	case errors.Is(err, process.ErrMemory):
		e.Cause = Memory
	case errors.As(err, &crash):
		e.Cause = Crash
	default:
		return fmt.Errorf("%s: %s: %w", s.place, what, err)
	}
	return e
}
