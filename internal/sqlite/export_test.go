package sqlite

import "context"

// Steps of a transaction, for the tests.
const (
	StepBegun     = int(stepBegun)
	StepChanged   = int(stepChanged)
	StepCommitted = int(stepCommitted)
)

// WithHook returns options that call f at the steps of each transaction.
func WithHook(f func(step int)) *Options {
	var o Options
	o.SetHook(f)
	return &o
}

// SetHook adds to options that of WithHook.
func (o *Options) SetHook(f func(step int)) { o.hook = func(s step) { f(int(s)) } }

// WithMaxPages returns options that bound the database, in pages of 4 KiB.
func WithMaxPages(n int) *Options { return &Options{maxPages: n} }

// SyncLevel returns the writer's PRAGMA synchronous, as SQLite tells it.
func (s *Store) SyncLevel() (level int64, err error) {
	err = s.exclusively(context.Background(), "test", func(c *conn) error {
		r, err := c.first(context.Background(), "PRAGMA synchronous")
		if r != nil {
			level = r.int(0)
		}
		return err
	})
	return level, err
}

// WithBacklog returns options that have the backlog hold n requests.
func WithBacklog(n int) *Options { return &Options{backlog: n} }
