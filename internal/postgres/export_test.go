package postgres

import "time"

// The steps of a change, for tests.
const (
	StepChanged   = stepChanged
	StepCommitted = stepCommitted
)

// WithHook has f called at the steps of each change.
func WithHook(o Options, f func(Step)) *Options {
	o.hook = f
	return &o
}

// Step is a step of a change.
type Step = step

// WithClock has the process see the time that f returns.
func WithClock(o Options, f func() time.Time) *Options {
	o.clock = f
	return &o
}
