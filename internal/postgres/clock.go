package postgres

import (
	"sync/atomic"
	"time"

	"github.com/trawl-go/trawl/internal/store"
)

// A clock turns times of this machine into those of the server and back: what
// one process says is due now must be so for all of them, whatever their own
// clocks say, and when one of them is set. Leases need none, as the server
// alone looks at their ends.
//
// Each transaction looks at the server's clock. A difference that may be less
// than a second counts as none.
type clock struct {
	now  func() time.Time
	lead atomic.Int64 // of the server's clock, in nanoseconds; whole seconds
}

// set notes what the server's clock said between two moments of ours, from
// then until now.
func (c *clock) set(then time.Time, server float64) {
	at := int64(server * 1e9)
	least, most := at-c.now().UnixNano(), at-then.UnixNano()
	lead := int64(0)
	switch {
	case least > int64(time.Second):
		lead = least
	case most < -int64(time.Second):
		lead = most
	}
	c.lead.Store(lead - lead%int64(time.Second))
}

// nanos returns a time as it is kept.
func (c *clock) nanos(t time.Time) int64 {
	n := store.Nanos(t)
	if n == 0 {
		return 0
	}
	return n + c.lead.Load()
}

// time undoes nanos.
func (c *clock) time(n int64) time.Time {
	if n == 0 {
		return store.Time(0)
	}
	return store.Time(n - c.lead.Load())
}

// look queues a look at the server's clock.
func (t *tx) look() {
	then := t.s.clock.now()
	t.query("SELECT extract(epoch FROM clock_timestamp())::double precision", nil, func(scan func(...any) error) error {
		var at float64
		err := scan(&at)
		t.s.clock.set(then, at)
		return err
	})
}
