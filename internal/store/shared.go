package store

import (
	"context"
	"net/netip"
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

	// Addresses notes at which network addresses the process has hosts, instead
	// of those that it noted before, and returns for each how many of the
	// processes that stand have some there, this one among them.
	Addresses(ctx context.Context, at []netip.Addr) (map[netip.Addr]int, error)

	// Session returns what tells this use of the store from all others: digits
	// and letters.
	Session() string

	// Sessions returns those that have noted by Stand that they work on the
	// job, and have not closed the store. One that has not been heard of for an
	// hour is left out.
	Sessions(ctx context.Context) (map[string]bool, error)

	// Claim sets a value of the job that is "", and returns the one that it has
	// then: of several who claim it at the same time all get the same.
	Claim(ctx context.Context, name, value string) (string, error)
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
