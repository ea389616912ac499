package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/replica"
)

// demoLatency is how long a site of the demo takes to answer: about what one
// across a continent does.
const demoLatency = 15 * time.Millisecond

// A demoWay is how the demo runs its spiders.
type demoWay struct {
	name    string
	jobs    int // 0: many
	workers trawl.Workers
}

// The first is what the others are measured by.
var demoWays = []demoWay{
	{"one thread", 1, trawl.Threads(1)},
	{"many threads", 0, trawl.Threads(8)},
	{"processes", 0, trawl.Processes(0)},
}

// dir is where a way collects.
func (w demoWay) dir() string { return strings.ReplaceAll(w.name, " ", "-") }

// A demoSpider is a spider of the demo with its arguments.
type demoSpider struct {
	name string
	args map[string]string
}

var demoSpiders = []demoSpider{
	{"mzitu", map[string]string{"pages": "2"}},
	{"douban", nil},
	{"doutula", nil},
}

func (a *app) demoCommand() *cobra.Command {
	var (
		dir   string
		serve bool
	)
	c := &cobra.Command{
		Use:   "demo",
		Short: "See trawl at work on three sites of its own, on this machine",
		Long: `Serve a replica of three sites on this machine (nothing leaves it), and collect
them with the three built-in spiders: first one request at a time, then with
many, and then with the pages parsed in worker processes, one per CPU. It takes
about half a minute.

With --serve the sites stay up until you interrupt it, to try spiders on: the
line that it prints goes behind any command that collects.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if serve {
				return a.serve(c.Context())
			}
			return a.demo(c.Context(), dir, newReplica(), demoSpiders)
		},
	}
	c.Flags().StringVarP(&dir, "directory", "d", filepath.Join("trawl", "demo"), "`DIR` for what is collected; an earlier demo in it is replaced")
	c.Flags().BoolVar(&serve, "serve", false, "only serve the sites, until interrupted")
	return c
}

func newReplica() *replica.Server {
	return replica.New(&replica.Options{
		Mzitu:   replica.MzituOptions{Galleries: 30, PerList: 15, Pages: 5},
		Latency: demoLatency, Jitter: demoLatency / 2,
	})
}

func (a *app) serve(ctx context.Context) error {
	s := newReplica()
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(a.out, "The sites are up: %s.\nPut this behind a command that collects, such as trawl run douban:\n\n", strings.Join(s.Hosts(), ", "))
	for i, c := range s.ConnectTo() {
		if i > 0 {
			fmt.Fprint(a.out, " ")
		}
		fmt.Fprintf(a.out, "--connect-to %s", c)
	}
	fmt.Fprint(a.out, "\n\nInterrupt to end.\n")
	<-ctx.Done()
	return nil
}

// A demoRun is one spider's way through its site.
type demoRun struct {
	spider string
	sum    *crawl.Summary
}

// demo collects from the sites of s, which it starts, into dir.
func (a *app) demo(ctx context.Context, dir string, s *replica.Server, spiders []demoSpider) (err error) {
	if err := clearDemo(dir); err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	fmt.Fprintf(a.err, "Three sites are up on this machine; each answers after %v or a little more.\n", demoLatency)
	var runs [][]demoRun // by way
	for _, way := range demoWays {
		var row []demoRun
		for _, sp := range spiders {
			r, err := a.demoRun(ctx, s, dir, sp, way)
			if err != nil {
				return err
			}
			row = append(row, r)
			if r.sum.Interrupted {
				a.status = exitInterrupted
				return nil
			}
			if code := statusOfSummary(r.sum); code != 0 {
				a.status = code
				printSummary(a.err, sp.name, "", "", r.sum)
			}
		}
		runs = append(runs, row)
	}
	printDemo(a.out, runs)
	last := filepath.Join(dir, demoWays[len(demoWays)-1].dir())
	fmt.Fprintf(a.out, "\nThe files are in %s, the records in %s.\n", last, filepath.Join(last, "douban", "top250.jsonl"))
	return nil
}

// demoRun runs one spider of the demo.
func (a *app) demoRun(ctx context.Context, s *replica.Server, dir string, sp demoSpider, way demoWay) (demoRun, error) {
	file, err := builtIn(sp.name)
	if err != nil {
		return demoRun{}, err
	}
	plan, err := a.planOfFile(ctx, file, loading{args: sp.args, workers: way.workers})
	if err != nil {
		return demoRun{}, err
	}
	defer closeSpiders(plan.Spiders)
	f := &collectFlags{}
	f.add(&cobra.Command{}) // for the defaults
	f.connectTo, f.jobs = s.ConnectTo(), way.jobs
	opt, err := f.options(func(flag string) bool { return flag == "jobs" && way.jobs > 0 }, a.err)
	if err != nil {
		return demoRun{}, err
	}
	where := filepath.Join(dir, way.dir(), sp.name)
	fmt.Fprintf(a.err, "%s, %s ...\n", sp.name, way.name)
	var u ui = &linesUI{out: &printer{w: io.Discard}, err: &printer{w: a.err}, silent: true}
	if isTerminal(a.err) {
		u = newBarsUI(&linesUI{out: &printer{w: io.Discard}, err: &printer{w: a.err}}, a.err)
	}
	opt.Crawl.Events = u.events()
	sum, err := runJob(ctx, where, plan, opt, u, nil)
	return demoRun{sp.name, sum}, err
}

// demoMark is the file that tells a directory of the demo from any other.
const demoMark = ".trawl-demo"

// clearDemo makes an empty directory for the demo. What an earlier demo left
// is removed; anything else is not touched.
func clearDemo(dir string) error {
	mark := filepath.Join(dir, demoMark)
	if _, err := os.Stat(mark); err == nil {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	} else if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return usagef("%s is not empty and not from a demo; choose another directory with -d", dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte("trawl demo replaces this directory\n"), 0o666)
}

func printDemo(w io.Writer, runs [][]demoRun) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "spider\tpages\trecords\tfiles\tsize\t", demoWays[0].name, "\t")
	for _, way := range demoWays[1:] {
		fmt.Fprint(tw, way.name, "\tspeed-up\t")
	}
	fmt.Fprintln(tw)
	for i, one := range runs[0] {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t", one.spider,
			thousands(one.sum.Pages.Done), thousands(one.sum.Items), thousands(one.sum.Files.Done), size(one.sum.Bytes), span(one.sum.Elapsed))
		for _, row := range runs[1:] {
			took := row[i].sum.Elapsed
			fmt.Fprintf(tw, "%s\t%.1fx\t", span(took), one.sum.Elapsed.Seconds()/took.Seconds())
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
}
