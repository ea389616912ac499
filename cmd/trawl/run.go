package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/job"
)

func (a *app) runCommand() *cobra.Command {
	var (
		flags collectFlags
		args  []string
	)
	c := &cobra.Command{
		Use:   "run SPIDER",
		Short: "Run a spider: one by name (trawl spiders), or a .star file",
		Long: `Run a spider: one by name, which is built in or in your own folder (trawl
spiders lists them), or a .star file. It collects into ./trawl/NAME until
nothing is left. Stopped or killed, the same command goes on.

A .star file that is not in that folder may be a stranger's. Its code runs in
worker processes, each with a limit of 512 MB and of 5 seconds a page: a page
that goes beyond fails, and the job goes on. --isolate=false says that you trust
it, and --isolate does the same to the others.
` + storeHelp + placeHelp + exitHelp,
		Example: `  trawl run douban
  trawl run doutula -a pages=2 -d pictures
  trawl run mine.star --delay 0.5
  trawl run mine.star --workers 'processes(cpu)'
  trawl run douban --store postgres://db.example/jobs -d /mnt/pictures/douban`,
		Args:              exactly(1, "a spider: a name or a .star file"),
		ValidArgsFunction: completeSpiders,
		RunE: func(c *cobra.Command, pos []string) error {
			if err := flags.store.check(); err != nil {
				return err
			}
			given, err := spiderArgs(args)
			if err != nil {
				return err
			}
			plan, err := a.spiderPlan(c.Context(), pos[0], flags.loading(given, c.Flags().Changed))
			if err != nil {
				return err
			}
			return a.collect(c.Context(), plan, &flags, c.Flags().Changed, nil)
		},
	}
	flags.store.add(c)
	flags.store.addLease(c)
	c.Flags().StringArrayVarP(&args, "arg", "a", nil, "tell the spider `NAME=VALUE` (repeatable)")
	flags.add(c)
	return c
}

// spiderPlan returns the plan of a spider that is named or in a file.
func (a *app) spiderPlan(ctx context.Context, source string, l loading) (job.Plan, error) {
	f, err := findSpider(source)
	if err != nil {
		return job.Plan{}, err
	}
	return a.planOfFile(ctx, f, l)
}

func (a *app) planOfFile(ctx context.Context, f spiderFile, l loading) (job.Plan, error) {
	s, err := a.loadSpider(ctx, f, l)
	if err != nil {
		return job.Plan{}, err
	}
	return job.Plan{
		Name: s.Settings().Name, Source: f.path, Args: l.args, Spiders: []trawl.Spider{s},
		Text: job.Source{Name: f.name, Text: string(f.text), Version: versionText()},
	}, nil
}

// exactly demands n arguments and says what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s needs %s\nsee '%s --help'", c.CommandPath(), what, c.CommandPath())
		}
		return nil
	}
}

func completeSpiders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return spiderNames(), cobra.ShellCompDirectiveDefault
}
