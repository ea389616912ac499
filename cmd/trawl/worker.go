package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/job"
)

func (a *app) workerCommand() *cobra.Command {
	var flags collectFlags
	c := &cobra.Command{
		Use:   "worker --store postgres://HOST/DATABASE",
		Short: "Add hands to the jobs in a database",
		Long: `Add hands to the jobs in a database, as many workers on as many machines as
you like. A worker takes a share of the hosts of a job and gives some of it to
those that come later. It may be stopped or killed at any moment: others do
again what it had under way. SIGTERM lets it end what it has begun.

It works on all jobs of the database that have something to do, eight at a time,
and on those that begin later; if there are more, each gets its turn of five
minutes. Flags count for each job, -j and -r among them. It goes on until it is
interrupted (exit status 130), or its database has been away for two minutes (3):
a job that ends or fails, or whose spider needs another version of trawl, is
named and does not stop the others.

With --job it works on that one, waits for it to begin, and ends with it, with
the exit status of the job; 0 if there is nothing to do.

Spiders come with their jobs; as they may be a stranger's, they run in worker
processes with limits, see trawl run --help. Files go to DIR/JOB, which several
workers may share; records are written by trawl run.
` + storeHelp + placeHelp + exitHelp,
		Example: `  trawl worker --store postgres://db.example/jobs -d /mnt/pictures
  trawl worker --store postgres://db.example/jobs --job douban`,
		Args: func(c *cobra.Command, args []string) error {
			if flags.store.url == "" {
				return usagef("worker needs --store\nsee 'trawl worker --help'")
			}
			if err := flags.store.check(); err != nil {
				return err
			}
			return cobra.NoArgs(c, args)
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if flags.simulate || flags.getURLs || flags.update || flags.referer != "" {
				return usagef("worker adds hands to a job as it is; -s, -g, --update and --referer do not go with it")
			}
			flags.noRecords = true
			stop, err := a.watch(c.Context(), &flags)
			if err != nil {
				return err
			}
			defer stop()
			w := &worker{app: a, flags: &flags, changed: c.Flags().Changed}
			if flags.store.job != "" {
				return w.one(c.Context())
			}
			flags.many = true
			return newHands(w).run(c.Context())
		},
	}
	flags.store.add(c)
	flags.store.addLease(c)
	flags.add(c)
	for _, name := range []string{"simulate", "get-urls", "update", "abort-after", "referer"} {
		_ = c.Flags().MarkHidden(name) // cannot fail: the flags are there
	}
	return c
}

// lookEvery is how often a worker without work looks for some.
const lookEvery = time.Second

// restAfter is how long a job rests that has requests waiting and nothing to
// do: they are for hosts that were stopped.
const restAfter = 5 * time.Minute

// A worker works on jobs of a database.
type worker struct {
	*app
	flags   *collectFlags
	changed func(string) bool
}

// one works on the job of --job: waits for it to begin, and ends with it.
func (w *worker) one(ctx context.Context) error {
	for {
		waiting, begun, err := w.waiting(ctx, w.flags.store.job)
		switch {
		case ctx.Err() != nil:
			w.status = exitInterrupted
			return nil
		case err != nil || begun && waiting == 0:
			return err
		case begun:
			sum, err := w.work(ctx, w.flags.store.job)
			if sum != nil {
				w.status = statusOfSummary(sum)
			}
			return err
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
		}
	}
}

// waiting returns how many requests of a job wait, and whether it has begun.
func (w *worker) waiting(ctx context.Context, name string) (n int64, begun bool, err error) {
	st, err := w.flags.store.open(ctx, name)
	if errors.Is(err, postgres.ErrNoJob) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer st.Close()
	if _, ok, err := job.Identify(ctx, st); err != nil || !ok {
		return 0, false, err
	}
	stats, err := st.Stats(ctx)
	return stats.Pages.Waiting + stats.Files.Waiting, stats.Pages.Total()+stats.Files.Total() > 0, err
}

// work works on a job until nothing is left of it or ctx ends, with the spider
// that comes with it.
func (w *worker) work(ctx context.Context, name string) (*crawl.Summary, error) {
	flags := *w.flags
	flags.store.job = name
	st, err := w.flags.store.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	id, _, err := job.Identify(ctx, st)
	if err != nil {
		return nil, err
	}
	stats, err := st.Stats(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := w.planOfShared(ctx, st, id, flags.loading(id.Args, w.changed))
	if err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil {
		closeSpiders(plan.Spiders)
		return nil, err
	}
	if !flags.quiet && !flags.json {
		fmt.Fprintf(w.err, "%s: %s waiting\n", printable(name), plural(stats.Pages.Waiting+stats.Files.Waiting, "request"))
	}
	flags.below(flags.store.dirName(&plan))
	return w.collectJob(ctx, plan, &flags, w.changed, nil)
}
