package crawl

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/store"
)

// A keeper holds the process's share of a job that others work on too: it
// renews its leases, gives back what is more than its share, and takes what is
// less.
type keeper struct {
	st     store.Shared
	front  *frontier.Frontier
	worker string
	ttl    time.Duration
	log    *slog.Logger
	tell   func(Leases) // may be nil

	noted bool // the store knows of addresses

	idle int // how often in a row all processes were
}

// idleRounds is how often in a row all processes must be idle before the job
// ends without what waits for hosts that were stopped. In between each of them
// has looked at the whole of its share.
const idleRounds = 4

func newKeeper(st store.Shared, f *frontier.Frontier, worker string, ttl time.Duration, log *slog.Logger) *keeper {
	if worker == "" {
		host, _ := os.Hostname()
		worker = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	return &keeper{st: st, front: f, worker: worker, ttl: ttl, log: log}
}

// run keeps the leases until ctx ends, or the store fails: then it ends the
// job.
func (k *keeper) run(ctx context.Context) {
	t := time.NewTicker(k.ttl / 4)
	defer t.Stop()
	for {
		if err := k.step(ctx); err != nil && ctx.Err() == nil {
			k.front.Fail(err)
			return
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// step brings the process to its share, as far as others let it.
func (k *keeper) step(ctx context.Context) error {
	if err := k.renew(ctx); err != nil {
		return err
	}
	if err := k.giveBack(ctx); err != nil {
		return err
	}
	// A process that has died counts until its partitions can be taken over.
	standing, err := k.st.Stand(ctx, k.worker, k.ttl+k.ttl/2, k.front.Idle())
	if err != nil {
		return err
	}
	if err := k.split(ctx, standing.Workers); err != nil {
		return err
	}
	_, have := k.front.Leases()
	switch {
	case have > standing.Share:
		k.log.Info("partitions to be given back", "partitions", have-standing.Share, "workers", standing.Workers)
		k.front.Drain(have - standing.Share)
		err = k.giveBack(ctx)
	case have < standing.Share:
		var ls []store.Lease
		if ls, err = k.st.Acquire(ctx, k.worker, standing.Share-have, k.ttl); len(ls) > 0 {
			k.front.Take(ls)
			k.changed("partitions taken", Leases{Taken: len(ls), Workers: standing.Workers})
		}
	}
	// What nobody has a lease on may be that of a process that has died, with
	// work to do.
	if k.idle++; standing.Idle < standing.Workers || standing.Free > 0 {
		k.idle = 0
	}
	if k.idle >= idleRounds {
		k.front.Rest()
	}
	return err
}

// split has the processes share what addresses can bear.
func (k *keeper) split(ctx context.Context, workers int) error {
	at := k.front.Addresses()
	if (len(at) == 0 || workers == 1) && !k.noted {
		k.front.Split(workers, nil)
		return nil
	}
	users, err := k.st.Addresses(ctx, at)
	if err != nil {
		return err
	}
	k.noted = len(at) > 0
	k.front.Split(workers, users)
	return nil
}

func (k *keeper) renew(ctx context.Context) error {
	ls, _ := k.front.Leases()
	if len(ls) == 0 {
		return nil
	}
	held, err := k.st.Renew(ctx, ls, k.ttl)
	if err != nil {
		return err
	}
	var lost []int32
	for _, l := range ls {
		if !slices.ContainsFunc(held, func(h store.Lease) bool { return h.Part == l.Part }) {
			lost = append(lost, l.Part)
		}
	}
	if len(lost) > 0 {
		k.front.Lose(lost)
		k.changed("partitions lost to other workers", Leases{Lost: len(lost)})
	}
	k.front.Take(held)
	return nil
}

// giveBack releases what was to be given back and has nothing under way any
// more.
func (k *keeper) giveBack(ctx context.Context) error {
	ls := k.front.Drained()
	if len(ls) == 0 {
		return nil
	}
	err := k.st.Release(ctx, ls)
	if err == nil {
		k.changed("partitions given back", Leases{Given: len(ls)})
	}
	return err
}

// changed tells of a change in the process's share.
func (k *keeper) changed(what string, l Leases) {
	ls, _ := k.front.Leases()
	l.Have = len(ls)
	level := slog.LevelInfo
	if l.Lost > 0 {
		level = slog.LevelWarn
	}
	k.log.Log(context.Background(), level, what, "partitions", l.Taken+l.Given+l.Lost, "have", l.Have, "workers", l.Workers)
	tell(k.tell, l)
}
