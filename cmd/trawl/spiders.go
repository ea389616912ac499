package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/spiders"
)

func (a *app) spidersCommand() *cobra.Command {
	var show string
	c := &cobra.Command{
		Use:   "spiders",
		Short: "List the built-in spiders",
		Long: `List the built-in spiders: what they collect, what they can be told, and the
URLs that they claim. With --show, print the source of one, to start from.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if show != "" {
				src, ok := spiders.Source(show)
				if !ok {
					return unknownSpider(show)
				}
				_, err := a.out.Write(src)
				return err
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			for _, name := range spiders.Names() {
				s, err := a.loadSpider(name, nil)
				if err != nil {
					return err
				}
				set := s.Settings()
				fmt.Fprintf(w, "%s\t%s\n", name, about(name))
				for _, arg := range set.Args {
					fmt.Fprintf(w, "\t-a %s=%s\n", arg.Name, arg.Default)
				}
				for _, m := range set.Match {
					fmt.Fprintf(w, "\t%s\n", m)
				}
			}
			return w.Flush()
		},
	}
	c.Flags().StringVar(&show, "show", "", "print the source of the spider `NAME`")
	_ = c.RegisterFlagCompletionFunc("show", completeSpiders) // cannot fail: the flag is there
	return c
}

// about returns the comment that a spider begins with.
func about(name string) string {
	src, _ := spiders.Source(name)
	first, _, _ := strings.Cut(string(src), "\n")
	return strings.TrimSpace(strings.TrimLeft(first, "# "))
}

func (a *app) newCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new NAME",
		Short: "Begin a spider: writes NAME.star",
		Long: `Begin a spider: writes NAME.star, which can be run at once and explains itself.
docs/spiders.md says everything that a spider can do.`,
		Args: exactly(1, "a name for the spider"),
		RunE: func(_ *cobra.Command, pos []string) error {
			name := strings.TrimSuffix(pos[0], ".star")
			src := spider.Template(name)
			if _, err := spider.Load(name+".star", src, nil); err != nil {
				return usagef("%q is not a name for a spider: a letter, then letters, digits, '-' or '_'", name)
			}
			f, err := os.OpenFile(name+".star", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
			if err != nil {
				if os.IsExist(err) {
					return usagef("%s.star is there already; nothing was changed", name)
				}
				return err
			}
			if _, err := f.Write(src); err != nil {
				f.Close()
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "wrote %s.star; try it with: trawl run %s.star -s\n", name, name)
			return nil
		},
	}
}
