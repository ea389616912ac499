package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/job"
)

func (a *app) retryCommand() *cobra.Command {
	var (
		flags   collectFlags
		reasons []string
		accept  bool
	)
	c := &cobra.Command{
		Use:   "retry DIR|--store postgres://HOST/DATABASE",
		Short: "Take what failed again",
		Long: `Take what failed in the job of a directory again, and whatever is left of it.
The spider and its arguments are those of the job.

Among what failed are files that were put aside, since many of their host have
the same content (--held): they are asked for again. With --accept-held nothing
is asked for; they are taken as they are, and get their names back.

With --store the files go to the directory given with -d, or to ./trawl/JOB.
` + storeHelp + exitHelp,
		Example: `  trawl retry trawl/doutula
  trawl retry pictures --reason network --reason http -R 10
  trawl retry pictures --accept-held`,
		Args: flags.store.dirOrStore(),
		RunE: func(c *cobra.Command, pos []string) error {
			if flags.store.url != "" {
				return a.retryShared(c, &flags, first(pos), reasons, accept)
			}
			if flags.dir != "" || flags.simulate || flags.getURLs {
				return usagef("retry works in the directory of the job; -d, -s and -g do not go with it")
			}
			flags.dir, flags.onlyAdds = pos[0], true
			if accept {
				if len(reasons) > 0 {
					return usagef("--accept-held fetches nothing; --reason does not go with it")
				}
				return a.acceptHeld(c.Context(), pos[0], flags.quiet)
			}
			st, id, err := openJob(c.Context(), pos[0])
			if err != nil {
				return err
			}
			if err := st.Close(); err != nil {
				return err
			}
			plan, err := a.planOf(c.Context(), id, flags.loading(id.Args, c.Flags().Changed))
			if err != nil {
				return err
			}
			return a.collect(c.Context(), plan, &flags, c.Flags().Changed, a.takeAgain(c.Context(), &flags, reasons))
		},
	}
	flags.store.add(c)
	flags.store.addLease(c)
	c.Flags().StringArrayVar(&reasons, "reason", nil, "only what failed for this `REASON`, a word like network or http (repeatable)")
	c.Flags().BoolVar(&accept, "accept-held", false, "take the files that were put aside for what they are")
	flags.add(c)
	_ = c.Flags().MarkHidden("directory") // cannot fail: the flags are there
	_ = c.Flags().MarkHidden("simulate")
	_ = c.Flags().MarkHidden("get-urls")
	return c
}

// takeAgain makes what failed for one of the reasons wait again; for any if
// there are none.
func (a *app) takeAgain(ctx context.Context, flags *collectFlags, reasons []string) func(*job.Job) error {
	return func(j *job.Job) error {
		n, err := j.Retry(ctx, func(f store.Failure) bool {
			return len(reasons) == 0 || slices.Contains(reasons, f.Reason)
		})
		if err == nil && !flags.quiet && !flags.json {
			fmt.Fprintf(a.err, "%s to take again\n", plural(int64(n), "request"))
		}
		return err
	}
}

// retryShared takes again what failed in a job in a database.
func (a *app) retryShared(c *cobra.Command, flags *collectFlags, dir string, reasons []string, accept bool) error {
	if accept || flags.simulate || flags.getURLs {
		return usagef("--accept-held, -s and -g do not go with --store")
	}
	ctx := c.Context()
	st, id, err := flags.store.openJob(ctx, "")
	if err != nil {
		return err
	}
	defer st.Close()
	plan, err := a.planOfShared(ctx, st, id, flags.loading(id.Args, c.Flags().Changed))
	if err != nil {
		return err
	}
	if flags.store.job, err = flags.store.only(ctx); err != nil {
		return err
	}
	if err := st.Close(); err != nil {
		return err
	}
	if flags.dir == "" {
		flags.dir = dir
	}
	return a.collect(ctx, plan, flags, c.Flags().Changed, a.takeAgain(ctx, flags, reasons))
}

// acceptHeld brings the files that a job holds back under their names.
func (a *app) acceptHeld(ctx context.Context, dir string, quiet bool) error {
	n, lost, err := job.AcceptHeld(ctx, dir)
	if err != nil {
		return err
	}
	if !quiet {
		fmt.Fprintf(a.err, "%s put back\n", plural(int64(n), "file"))
	}
	for _, p := range lost {
		a.status = exitBody
		fmt.Fprintf(a.err, "%s is missing or changed; trawl retry %s fetches it again\n", printable(p), dir)
	}
	return nil
}

// planOf returns the plan of a job that exists, without new start requests.
func (a *app) planOf(ctx context.Context, id job.Identity, l loading) (job.Plan, error) {
	if id.Name == "get" && id.Source == "" {
		p, err := a.getPlan(ctx, nil, "", l)
		p.Seeds = []crawl.Seed{}
		return p, err
	}
	source := id.Source
	if source == "" {
		source = id.Name
	}
	p, err := a.spiderPlan(ctx, source, l)
	p.Seeds = []crawl.Seed{}
	return p, err
}
