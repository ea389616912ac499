package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/job"
)

// collect runs a plan as the flags say, shows how it goes, and leaves the
// exit status. It closes the spiders.
func (a *app) collect(ctx context.Context, p job.Plan, f *collectFlags, changed func(string) bool, prepare func(*job.Job) error) error {
	stopMetrics, err := a.watch(ctx, f)
	if err != nil {
		closeSpiders(p.Spiders)
		return err
	}
	defer stopMetrics()
	sum, err := a.collectJob(ctx, p, f, changed, prepare)
	if sum != nil {
		a.status = statusOfSummary(sum)
	}
	return err
}

// collectJob is collect within a program that does more; see [app.watch].
func (a *app) collectJob(ctx context.Context, p job.Plan, f *collectFlags, changed func(string) bool, prepare func(*job.Job) error) (*crawl.Summary, error) {
	defer closeSpiders(p.Spiders)
	opt, err := f.options(changed, a.err)
	if err != nil {
		return nil, err
	}
	if opt.HTTP.Jar, err = a.jar(ctx, f); err != nil {
		return nil, err
	}
	f.setDefault(filepath.Join("trawl", f.store.dirName(&p)))
	dir := f.local()
	if f.simulate || f.getURLs {
		dir = ""
	}
	if f.referer != "" {
		p.Seeds = withReferer(seedsOf(p), f.referer)
	}
	if dir != "" {
		opt.Shared = f.store.shared(&p)
		opt.Crawl.Lease = time.Duration(f.store.lease)
		opt.Crawl.NoRecords = f.noRecords
	}
	shown := dir
	if dir != "" && opt.Files.Bucket != "" {
		shown = opt.Files.Bucket
	}
	ui := a.newUI(f, f.store.jobName(&p), shown, f.store.where(&p, dir))
	opt.Crawl.Events = ui.events()
	warn := opt.Crawl.Events.Warning
	if warn == nil {
		warn = func(string) {}
	}
	begin, done := a.observe(f.store.jobName(&p), opt)
	defer done()
	if a.log != nil {
		warn = func(s string) { opt.Crawl.Log.Warn(s) }
	}
	opt.HTTP.Login = (&logins{own: f.logins, noNetrc: f.noNetrc, warn: warn}).login
	opt.HTTP.ProxyFailed = func(host string, rest time.Duration, err error) {
		warn(fmt.Sprintf("proxy %s rests for %s: %v", host, span(rest), err))
	}
	sum, err := runJob(ctx, dir, p, opt, ui, func(j *job.Job) error {
		begin(j)
		if prepare == nil {
			return nil
		}
		return prepare(j)
	})
	if sum != nil {
		ui.summary(sum)
	}
	return sum, err
}

// runJob opens a job, runs it and closes it.
func runJob(ctx context.Context, dir string, p job.Plan, opt *job.Options, ui ui, prepare func(*job.Job) error) (sum *crawl.Summary, err error) {
	j, err := job.Open(ctx, dir, p, opt)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := j.Close(); err == nil {
			err = cerr
		}
	}()
	if prepare != nil {
		if err := prepare(j); err != nil {
			return nil, err
		}
	}
	ui.start(func(hosts int) (crawl.Snapshot, error) { return j.Snapshot(context.WithoutCancel(ctx), hosts) })
	defer ui.stop()
	return j.Run(ctx)
}

// seedsOf returns the seeds of a plan, those it stands for if it has none.
func seedsOf(p job.Plan) []crawl.Seed {
	if p.Seeds != nil {
		return p.Seeds
	}
	var seeds []crawl.Seed
	for _, s := range p.Spiders {
		seeds = append(seeds, job.StartOf(s))
	}
	return seeds
}

// withReferer sets the referer of all start requests.
func withReferer(seeds []crawl.Seed, referer string) []crawl.Seed {
	out := make([]crawl.Seed, len(seeds))
	for i, s := range seeds {
		out[i] = crawl.Seed{Name: s.Name, Read: func(ctx context.Context, skip int64, add func(trawl.Request, error) error) error {
			return s.Read(ctx, skip, func(r trawl.Request, err error) error {
				r.Referer = referer
				return add(r, err)
			})
		}}
	}
	return out
}

// spiderArgs turns -a NAME=VALUE into a map.
func spiderArgs(list []string) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	m := make(map[string]string)
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, usagef("-a %q: must be NAME=VALUE", s)
		}
		m[k] = v
	}
	return m, nil
}
