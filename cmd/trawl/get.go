package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/gallery"
	"github.com/trawl-go/trawl/job"
)

func (a *app) getCommand() *cobra.Command {
	var (
		flags collectFlags
		list  string
	)
	c := &cobra.Command{
		Use:   "get URL...",
		Short: "Collect what is at a URL, or at every URL of a list",
		Long: `Collect what is at a URL: with the spider that claims it (trawl spiders), else
the pictures of the page at their best size and of the pages that follow it, or
the file itself. "trawl URL..." is the same.

A list given with -i has one URL a line; empty lines and lines that begin with
'#' are left out. It is read as it is needed, however long it is.
` + placeHelp + exitHelp,
		Example: `  trawl get https://example.com/gallery/7
  trawl get -i list.txt -d pictures
  grep -o 'https://[^"]*jpg' page.html | trawl get -i - -d pictures`,
		RunE: func(c *cobra.Command, urls []string) error {
			if len(urls) == 0 && list == "" {
				return usagef("get needs a URL, or a list with -i\nsee 'trawl get --help'")
			}
			urls, flags.logins = takeLogins(urls)
			plan, err := a.getPlan(c.Context(), urls, list, flags.loading(nil, c.Flags().Changed))
			if err != nil {
				return err
			}
			flags.setDefault(filepath.Join("trawl", getName(urls, list)))
			return a.collect(c.Context(), plan, &flags, c.Flags().Changed, nil)
		},
	}
	c.Flags().StringVarP(&list, "input-file", "i", "", "collect every URL of `FILE`, one a line; - is standard input")
	_ = c.MarkFlagFilename("input-file") // cannot fail: the flag is there
	flags.add(c)
	return c
}

// getName is the default name of a get's directory: the host of the first URL
// and a short hash of them all.
func getName(urls []string, list string) string {
	all := slices.Sorted(slices.Values(urls))
	host := "list"
	if len(urls) > 0 {
		if u, err := trawl.ParseURL(urls[0]); err == nil {
			host = strings.ReplaceAll(u.Host, ":", "_")
		}
	}
	if list != "" {
		if abs, err := filepath.Abs(list); err == nil && list != "-" {
			list = abs
		}
		all = append(all, "-i", list)
	}
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return host + "-" + hex.EncodeToString(sum[:4])
}

// getPlan returns the plan of a get: every spider that has a name, and the
// generic one for what none of them claims.
func (a *app) getPlan(ctx context.Context, urls []string, list string, l loading) (p job.Plan, err error) {
	p = job.Plan{Name: "get"}
	p.Spiders, err = a.namedSpiders(ctx, l, func(path string, err error) {
		if !l.quiet {
			fmt.Fprintf(a.err, "warning: %s is left out: %s\n", printable(path), printableLines(err.Error()))
		}
	})
	if err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			closeSpiders(p.Spiders)
		}
	}()
	var claims claims
	for _, s := range p.Spiders {
		claims.add(s.Settings())
	}
	p.Spiders = append(p.Spiders, a.genericSpider(l))

	if len(urls) > 0 {
		var rs []trawl.Request
		for _, u := range urls {
			r, err := claims.request(u)
			if err != nil {
				return p, usageError{err}
			}
			rs = append(rs, r)
		}
		p.Seeds = append(p.Seeds, crawl.Seed{Read: func(_ context.Context, _ int64, add func(trawl.Request, error) error) error {
			for _, r := range rs {
				if err := add(r, nil); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	if list != "" {
		seed, err := a.listSeed(list, &claims)
		if err != nil {
			return p, err
		}
		p.Seeds = append(p.Seeds, seed)
	}
	return p, nil
}

// listSeed reads start URLs from a file, "-" for standard input.
func (a *app) listSeed(name string, c *claims) (crawl.Seed, error) {
	if name == "-" {
		return crawl.Seed{Read: func(ctx context.Context, skip int64, add func(trawl.Request, error) error) error {
			return readList(ctx, a.in, "standard input", skip, c, add)
		}}, nil
	}
	st, err := os.Stat(name)
	if err != nil {
		return crawl.Seed{}, usageError{err}
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return crawl.Seed{}, err
	}
	// A list that was changed is read from its beginning.
	id := fmt.Sprintf("list %s %d %d", abs, st.Size(), st.ModTime().UnixNano())
	return crawl.Seed{Name: id, Read: func(ctx context.Context, skip int64, add func(trawl.Request, error) error) (err error) {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return readList(ctx, io.Reader(f), name, skip, c, add)
	}}, nil
}

// claims are the URLs that spiders claim.
type claims struct{ list []claim }

type claim struct {
	pattern string
	parts   []string // between the stars
	spider  string
}

func (c *claims) add(s trawl.Settings) {
	for _, m := range s.Match {
		c.list = append(c.list, claim{pattern: m, parts: strings.Split(m, "*"), spider: s.Name})
	}
	// The longest match wins.
	slices.SortStableFunc(c.list, func(a, b claim) int { return len(b.pattern) - len(a.pattern) })
}

// request makes the start request for a URL.
func (c *claims) request(rawURL string) (trawl.Request, error) {
	u, err := trawl.ParseURL(rawURL)
	if err != nil {
		return trawl.Request{}, err
	}
	s := u.String()
	for _, cl := range c.list {
		if matches(cl.parts, s) {
			return trawl.Request{URL: s, Spider: cl.spider}, nil
		}
	}
	return gallery.Request(s)
}

// matches reports whether s is made of the parts, with anything between them.
func matches(parts []string, s string) bool {
	if len(parts) == 1 {
		return s == parts[0]
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}
