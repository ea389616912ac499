package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/job"
	"github.com/trawl-go/trawl/spiders"
)

func (a *app) runCommand() *cobra.Command {
	var (
		flags collectFlags
		args  []string
	)
	c := &cobra.Command{
		Use:   "run SPIDER",
		Short: "Run a spider: a built-in one by name, or a .star file",
		Long: `Run a spider: a built-in one by name, or a .star file. It collects into
./trawl/NAME until nothing is left. Stopped or killed, the same command goes on.
` + exitHelp,
		Example: `  trawl run douban
  trawl run doutula -a pages=2 -d pictures
  trawl run mine.star --delay 0.5`,
		Args:              exactly(1, "a spider: a name or a .star file"),
		ValidArgsFunction: completeSpiders,
		RunE: func(c *cobra.Command, pos []string) error {
			given, err := spiderArgs(args)
			if err != nil {
				return err
			}
			plan, err := a.spiderPlan(pos[0], given)
			if err != nil {
				return err
			}
			return a.collect(c.Context(), plan, &flags, c.Flags().Changed, nil)
		},
	}
	c.Flags().StringArrayVarP(&args, "arg", "a", nil, "tell the spider `NAME=VALUE` (repeatable)")
	flags.add(c)
	return c
}

// spiderPlan returns the plan of a spider that is named or in a file.
func (a *app) spiderPlan(source string, args map[string]string) (job.Plan, error) {
	s, err := a.loadSpider(source, args)
	if err != nil {
		return job.Plan{}, err
	}
	p := job.Plan{Name: s.Settings().Name, Args: args, Spiders: []trawl.Spider{s}}
	if _, builtIn := spiders.Source(source); !builtIn {
		if p.Source, err = filepath.Abs(source); err != nil {
			return job.Plan{}, err
		}
	}
	return p, nil
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
	return spiders.Names(), cobra.ShellCompDirectiveDefault
}
