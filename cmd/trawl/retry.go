package main

import (
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
	)
	c := &cobra.Command{
		Use:   "retry DIR",
		Short: "Take what failed again",
		Long: `Take what failed in the job of a directory again, and whatever is left of it.
The spider and its arguments are those of the job.
` + exitHelp,
		Example: `  trawl retry trawl/doutula
  trawl retry pictures --reason network --reason http -R 10`,
		Args: exactly(1, "the directory of a job"),
		RunE: func(c *cobra.Command, pos []string) error {
			if flags.dir != "" || flags.simulate || flags.getURLs {
				return usagef("retry works in the directory of the job; -d, -s and -g do not go with it")
			}
			flags.dir = pos[0]
			st, id, err := openJob(c.Context(), pos[0])
			if err != nil {
				return err
			}
			if err := st.Close(); err != nil {
				return err
			}
			plan, err := a.planOf(id)
			if err != nil {
				return err
			}
			return a.collect(c.Context(), plan, &flags, c.Flags().Changed, func(j *job.Job) error {
				n, err := j.Retry(c.Context(), func(f store.Failure) bool {
					return len(reasons) == 0 || slices.Contains(reasons, f.Reason)
				})
				if err == nil && !flags.quiet && !flags.json {
					fmt.Fprintf(a.err, "%s to take again\n", plural(int64(n), "request"))
				}
				return err
			})
		},
	}
	c.Flags().StringArrayVar(&reasons, "reason", nil, "only what failed for this `REASON`, a word like network or http (repeatable)")
	flags.add(c)
	_ = c.Flags().MarkHidden("directory") // cannot fail: the flags are there
	_ = c.Flags().MarkHidden("simulate")
	_ = c.Flags().MarkHidden("get-urls")
	return c
}

// planOf returns the plan of a job that exists, without new start requests.
func (a *app) planOf(id job.Identity) (job.Plan, error) {
	if id.Name == "get" && id.Source == "" {
		p, err := a.getPlan(nil, "")
		p.Seeds = []crawl.Seed{}
		return p, err
	}
	source := id.Source
	if source == "" {
		source = id.Name
	}
	p, err := a.spiderPlan(source, id.Args)
	p.Seeds = []crawl.Seed{}
	return p, err
}
