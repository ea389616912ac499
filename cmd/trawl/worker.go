package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

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

It takes the jobs one after another, each until nothing is left of it, and waits
for more. With --job it works on that one, waits for it to begin, and ends with
it. Spiders come with their jobs; as they may be a stranger's, they run in
worker processes with limits, see trawl run --help. Files go to DIR/JOB, which
several workers may share; records are written by trawl run.
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
			w := &worker{app: a, flags: &flags, changed: c.Flags().Changed, tried: make(map[string]time.Time)}
			return w.run(c.Context())
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

// A worker works on the jobs of a database, one after another.
type worker struct {
	*app
	flags   *collectFlags
	changed func(string) bool
	tried   map[string]time.Time // when a job was last worked on
}

func (w *worker) run(ctx context.Context) error {
	for {
		worked, over, err := w.once(ctx)
		if err != nil || over || ctx.Err() != nil {
			return err
		}
		if worked {
			continue
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			w.status = exitInterrupted
			return nil
		}
	}
}

// once works on the first job that has something to do. over says that the
// job which the worker is for has come to its end.
func (w *worker) once(ctx context.Context) (worked, over bool, err error) {
	names := []string{w.flags.store.job}
	if w.flags.store.job == "" {
		if names, err = postgres.Jobs(ctx, w.flags.store.url); err != nil {
			return false, false, err
		}
	}
	for _, name := range names {
		if worked, over, err = w.work(ctx, name); worked || over || err != nil {
			return worked, over && w.flags.store.job != "", err
		}
	}
	return false, false, nil
}

// work works on a job, if it has something to do.
func (w *worker) work(ctx context.Context, name string) (worked, over bool, err error) {
	flags := *w.flags
	flags.store.job = name
	st, err := postgres.Open(ctx, flags.store.url, &postgres.Options{Job: name, Existing: true, Conns: 2})
	if errors.Is(err, postgres.ErrNoJob) {
		return false, false, nil // not begun
	}
	if err != nil {
		return false, false, err
	}
	defer st.Close()
	id, ok, err := job.Identify(ctx, st)
	if err != nil || !ok {
		return false, false, err
	}
	stats, err := st.Stats(ctx)
	if err != nil {
		return false, false, err
	}
	waiting := stats.Pages.Waiting + stats.Files.Waiting
	if waiting == 0 {
		return false, stats.Pages.Total()+stats.Files.Total() > 0, nil
	}
	if t, ok := w.tried[name]; ok && time.Since(t) < restAfter {
		return false, true, nil
	}
	plan, err := w.planOfShared(ctx, st, id, flags.loading(id.Args, w.changed))
	if err != nil {
		return false, false, err
	}
	if err := st.Close(); err != nil {
		return false, false, err
	}
	if !flags.quiet && !flags.json {
		fmt.Fprintf(w.err, "%s: %s waiting\n", printable(name), plural(waiting, "request"))
	}
	flags.below(flags.store.dirName(&plan))
	if err := w.collect(ctx, plan, &flags, w.changed, nil); err != nil {
		return true, false, err
	}
	w.tried[name] = time.Now()
	return true, flags.store.job != "" && w.status != exitInterrupted, nil
}
