package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the width of the flags in a help text, in columns.
const helpWidth = 100

// A flagGroup is flags of a command that its help shows under a title.
type flagGroup struct {
	title string
	*pflag.FlagSet
}

// addGroups gives a command flags in groups. Those that it has besides come
// first in its help.
func addGroups(c *cobra.Command, groups []flagGroup) {
	for _, g := range groups {
		c.Flags().AddFlagSet(g.FlagSet)
	}
	c.SetUsageFunc(func(c *cobra.Command) error {
		var b strings.Builder
		fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
		if c.HasExample() {
			fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
		}
		own := pflag.NewFlagSet("", pflag.ContinueOnError)
		own.SortFlags = false
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			for _, g := range groups {
				if g.Lookup(f.Name) != nil {
					return
				}
			}
			own.AddFlag(f)
		})
		for _, g := range append([]flagGroup{{"Flags", own}}, groups...) {
			fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.FlagUsagesWrapped(helpWidth))
		}
		_, err := fmt.Fprint(c.OutOrStderr(), b.String())
		return err
	})
}
