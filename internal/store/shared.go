package store

import (
	"context"
	"time"
)

// A Shared store is one that several processes work on at a time. Its leases
// end, and what they give to each partition can be taken over by others.
type Shared interface {
	Store

	// Part returns the partition of a host.
	Part(HostID) int32

	// Stand notes that a process works on the job, for as long as ttl, and
	// whether it is idle: nothing is under way in it, and it has found nothing
	// to do. It returns how all of them stand. What was noted is forgotten
	// when the process closes the store.
	Stand(ctx context.Context, worker string, ttl time.Duration, idle bool) (Standing, error)
}

// A Standing is how the processes stand that work on a job.
type Standing struct {
	// Share is the number of partitions that each process should have, so
	// that all have about the same.
	Share int

	// Free is the number of partitions that nobody has a lease on at the
	// moment, those among them that are still to be taken over.
	Free int

	// Workers is the number of processes, at least 1; Idle that of those
	// among them that are idle.
	Workers, Idle int
}
