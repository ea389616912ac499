package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl/internal/spider"
)

func (a *app) spidersCommand() *cobra.Command {
	var show string
	c := &cobra.Command{
		Use:   "spiders",
		Short: "List the spiders that have a name",
		Long: `List the spiders that have a name, which are the built-in ones and those of
your own folder, trawl/spiders in the place for settings (on Linux ~/.config):
what they collect, what they can be told, and the URLs that they claim. Of two
with a name yours counts. With --show, print the source of one, to start from.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if show != "" {
				f, err := findSpider(show)
				if err != nil {
					return err
				}
				_, err = a.out.Write(f.text)
				return err
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			for _, name := range spiderNames() {
				f, err := findSpider(name)
				var s *spider.Spider
				if err == nil {
					s, err = spider.Load(f.name, f.text, nil)
				}
				if err != nil {
					a.status = exitUsage
					fmt.Fprintf(w, "%s\tcannot be loaded: %s\n", printable(name), printable(err.Error()))
					continue
				}
				set := s.Settings()
				fmt.Fprintf(w, "%s\t%s\n", printable(name), printable(about(f.text)))
				if f.path != "" {
					fmt.Fprintf(w, "\t%s\n", printable(f.path))
				}
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
func about(text []byte) string {
	first, _, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(first, "#") {
		return ""
	}
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
