package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A workload is something to measure.
type workload struct {
	name  string // what -run matches
	title string

	// Contenders run in turns against a site that make writes; make is told
	// the directory and the site's address, and returns a remark for the
	// table. check returns what a run did not do, "" if it did everything,
	// and judge notes the targets.
	contenders []contender
	latency    time.Duration // of the server
	make       func(ctx context.Context, dir, base string) (note string, err error)
	check      func(c *contender, out string) (wrong string, err error)
	judge      func(*result)
	heavy      bool // a run's files are removed at once, or the disk would fill up

	// measure, if it is there, does the whole work in place of all of these.
	measure func(context.Context, *bench, *result) error
}

// A contender is a way to do a workload.
type contender struct {
	name string
	does string // which part of the work
	tool string
	args func(*place) []string
}

// A place is what a run works with.
type place struct {
	base string // address of the site
	site string // directory with the site and the lists of its pictures
	out  string // directory for what is collected; its parent exists
	jobs int
	peer string // directory of the peers' scripts
}

func (p *place) list() string              { return filepath.Join(p.site, "list.txt") }
func (p *place) script(name string) string { return filepath.Join(p.peer, name) }

// enough is how long a program is measured: once its runs took longer
// together, it is not run again.
const enough = 80 * time.Second

// work measures a workload.
func (b *bench) work(ctx context.Context, w *workload) (*result, error) {
	r := &result{Name: w.name, Title: w.title}
	if w.measure != nil {
		if err := w.measure(ctx, b, r); err != nil {
			return nil, err
		}
		return r, nil
	}
	dir := filepath.Join(b.dir, w.name)
	srv, note, err := b.open(ctx, w, dir)
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	r.Server, r.Note = srv.name, note

	var cs []*contender
	for i := range w.contenders {
		if c := &w.contenders[i]; b.tools.path[c.tool] != "" {
			cs = append(cs, c)
			r.Rows = append(r.Rows, row{Name: c.name, Does: c.does})
		}
	}
	runs := filepath.Join(dir, "runs")
	if err := os.Mkdir(runs, 0o755); err != nil {
		return nil, err
	}
	spread(runs)
	for round := range b.opt.rounds {
		for i := range cs {
			i := (i + round) % len(cs) // so that none always follows the same one
			c, rw := cs[i], &r.Rows[i]
			if rw.Failed != "" || rw.total() > enough.Seconds() {
				continue
			}
			p := &place{base: srv.base, site: dir, jobs: b.opt.jobs, peer: b.tools.peers,
				out: filepath.Join(runs, fmt.Sprintf("%d-%d", round, i))}
			if err := b.runOnce(ctx, w, c, p, rw); err != nil {
				return nil, err
			}
			fmt.Fprintf(b.log, "  %-28s %s\n", c.name, rw.last())
		}
	}
	if w.judge != nil && !b.opt.small {
		w.judge(r)
	}
	return r, nil
}

// open makes and serves the site of a workload in dir.
func (b *bench) open(ctx context.Context, w *workload, dir string) (_ *server, note string, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "www"), 0o755); err != nil {
		return nil, "", err
	}
	srv, err := startServer(ctx, dir, w.latency)
	if err != nil {
		return nil, "", err
	}
	if note, err = w.make(ctx, dir, srv.base); err != nil {
		srv.stop()
		return nil, "", err
	}
	return srv, note, nil
}

// serveSite serves the site of a workload until it is interrupted, and shows
// the contenders' commands.
func (b *bench) serveSite(ctx context.Context, w *workload) error {
	if w.make == nil {
		return fmt.Errorf("-serve: the workload %s has no site", w.name)
	}
	dir := filepath.Join(b.dir, w.name)
	srv, _, err := b.open(ctx, w, dir)
	if err != nil {
		return err
	}
	defer srv.stop()
	for i := range w.contenders {
		c := &w.contenders[i]
		if path := b.tools.path[c.tool]; path != "" {
			p := &place{base: srv.base, site: dir, jobs: b.opt.jobs, peer: b.tools.peers, out: filepath.Join(dir, "out")}
			fmt.Printf("%s %s\n", path, strings.Join(c.args(p), " "))
		}
	}
	<-ctx.Done()
	return nil
}

// runOnce runs a contender and adds to its row what came of it.
func (b *bench) runOnce(ctx context.Context, w *workload, c *contender, p *place, rw *row) error {
	args := c.args(p)
	rw.Flags = shown(args, p)
	settle()
	rctx, cancel := context.WithTimeoutCause(ctx, longest, errors.New("it took too long"))
	defer cancel()
	cmd := exec.CommandContext(rctx, b.tools.path[c.tool], args...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Dir = filepath.Dir(p.out)
	// Nobody's own configuration, and no proxy, has a say.
	home := filepath.Join(b.dir, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "PYTHONDONTWRITEBYTECODE=1",
		"http_proxy=", "https_proxy=", "all_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=", "ALL_PROXY=", "no_proxy=*", "NO_PROXY=*")
	s, err := measure(rctx, cmd, p.out+".log")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		rw.Failed = err.Error()
		return nil
	}
	rw.Samples = append(rw.Samples, s)
	wrong, err := w.check(c, p.out)
	if err != nil {
		return err
	}
	if wrong != "" {
		rw.Wrong = wrong
	}
	if w.heavy {
		return os.RemoveAll(p.out)
	}
	return nil
}

// shown returns arguments as the table shows them.
func shown(args []string, p *place) string {
	r := strings.NewReplacer(p.out, "OUT", p.base, "URL", p.site+string(filepath.Separator), "", p.peer+string(filepath.Separator), "")
	return r.Replace(strings.Join(args, " "))
}

func (r *row) total() (s float64) {
	for _, x := range r.Samples {
		s += x.Elapsed
	}
	return s
}

// last says what the latest run took.
func (r *row) last() string {
	if r.Failed != "" {
		return "failed: " + r.Failed
	}
	s := r.Samples[len(r.Samples)-1]
	out := fmt.Sprintf("%8.2f s  CPU %7.2f s  %5.0f MB", s.Elapsed, s.CPU, float64(s.RSS)/1e6)
	if r.Wrong != "" {
		out += "  " + r.Wrong
	}
	return out
}

// workloads returns everything that there is to measure. Small ones show only
// that it works.
func workloads(small bool) []*workload {
	size := func(full, little int) int {
		if small {
			return little
		}
		return full
	}
	millions := []int{1_000_000, 5_000_000, 10_000_000}
	if small {
		millions = []int{20_000, 50_000}
	}
	return []*workload{
		picturesWorkload(&gallerySite{pages: size(100, 5), perPage: size(60, 10), size: 20_000}),
		largeWorkload(&gallerySite{pages: size(10, 2), perPage: size(20, 2), size: size(5_000_000, 500_000)}),
		tinyWorkload(&gallerySite{pages: size(1000, 5), perPage: size(100, 20), size: 1000}),
		latencyWorkload(&gallerySite{pages: size(10, 2), perPage: size(160, 16), size: 20_000}),
		pagesWorkload(size(20_000, 40)),
		frontierWorkload(millions, size(200_000, 2000)),
		resumeWorkload(size(1_000_000, 2000)),
		startWorkload(size(40, 3)),
	}
}

// The contenders for pictures.

// trawlPictures has as many requests under way as the others, and so many
// times as many jobs: a job that has its file, and syncs it, holds no place at
// the host.
func trawlPictures(name, does string, g *gallerySite, more ...string) contender {
	return contender{name: name, does: does, tool: "trawl", args: func(p *place) []string {
		args := []string{"run", p.script("pictures.star"), "-a", "base=" + p.base, "-a", "pages=" + strconv.Itoa(g.pages), "-d", p.out,
			"--jobs", strconv.Itoa(max(1, g.jobsPerPlace) * p.jobs), "--per-host", strconv.Itoa(p.jobs), "--delay", "0", "-q"}
		return append(args, more...)
	}}
}

const (
	doesAll  = "crawls, checks, hashes, records"
	doesSome = "crawls, saves"
	doesSave = "given the list, saves"
)

// pictureContenders are those that can collect the pictures of a gallery.
func pictureContenders(g *gallerySite) []contender {
	n := strconv.Itoa
	return []contender{
		trawlPictures("trawl", doesAll+", synced", g),
		trawlPictures("trawl --sync off", doesAll, g, "--sync", "off"),
		{"cp -r", "copies the files", "cp", func(p *place) []string { return []string{"-r", filepath.Join(p.site, "www", "p"), p.out} }},
		{"Go worker pool", doesSave, "Go pool", func(p *place) []string { return []string{p.list(), n(p.jobs), p.out} }},
		{"wget2", doesSave, "wget2", func(p *place) []string {
			return []string{"--no-config", "-q", "-x", "-nH", "--max-threads=" + n(p.jobs), "-P", p.out, "-i", p.list()}
		}},
		{"wget", doesSave + " one by one", "wget", func(p *place) []string {
			return []string{"--no-config", "-q", "-x", "-nH", "-P", p.out, "-i", p.list()}
		}},
		{"aria2", doesSave, "aria2", func(p *place) []string {
			return []string{"--no-conf", "-q", "-j", n(p.jobs), "-x", "1", "-d", p.out, "-i", filepath.Join(p.site, "list.aria2")}
		}},
		{"Colly", doesSome, "Colly", func(p *place) []string { return []string{"pictures", p.base, n(g.pages), n(p.jobs), p.out} }},
		{"Python threads", doesSome + "; 5 + 5 threads", "Python", func(p *place) []string {
			return []string{p.script("threads.py"), p.base, n(g.pages), p.out}
		}},
		{"Scrapy", doesSome + ", hashes names", "Scrapy", func(p *place) []string {
			return []string{"runspider", p.script("pictures.py"), "-a", "base=" + p.base, "-a", "pages=" + n(g.pages), "-s", "FILES_STORE=" + p.out,
				"-s", "CONCURRENT_REQUESTS=" + n(p.jobs), "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=" + n(p.jobs), "-s", "LOG_LEVEL=ERROR"}
		}},
		{"gallery-dl", doesSave + " one by one", "gallery-dl", func(p *place) []string {
			return []string{"--config-ignore", "-q", "-d", p.out, "-i", p.list()}
		}},
		{"gallery-dl with its archive", doesSave + " and records one by one", "gallery-dl", func(p *place) []string {
			return []string{"--config-ignore", "-q", "-d", p.out, "--download-archive", filepath.Join(p.out, "archive"), "-i", p.list()}
		}},
	}
}

// galleryWorkload is a workload on a gallery with the contenders that are
// named; all of them if none is.
func galleryWorkload(g *gallerySite, names ...string) *workload {
	w := &workload{
		make: func(_ context.Context, dir, base string) (string, error) { return "", g.make(dir, base) },
		check: func(_ *contender, out string) (string, error) {
			n, err := countFiles(out, int64(g.size))
			if err != nil || n == g.files() {
				return "", err
			}
			return fmt.Sprintf("saved %d of %d", n, g.files()), nil
		},
	}
	for _, c := range pictureContenders(g) {
		if len(names) == 0 || slices.Contains(names, c.name) {
			w.contenders = append(w.contenders, c)
		}
	}
	return w
}

func picturesWorkload(g *gallerySite) *workload {
	w := galleryWorkload(g)
	w.name, w.title = "pictures", fmt.Sprintf("%s pictures of %s", thousands(g.files()), bytesText(g.size))
	w.judge = func(r *result) {
		r.ratio("trawl --sync off", "wget2", (*row).elapsed, func(x float64) { r.atMost("elapsed, --sync off / wget2 ≤ 1.0", x, 1.0, "x") })
		r.ratio("trawl", "wget2", (*row).elapsed, func(x float64) { r.atMost("elapsed, trawl / wget2 ≤ 1.5", x, 1.5, "x") })
		r.ratio("Colly", "trawl", (*row).elapsed, func(x float64) { r.atLeast("elapsed, Colly / trawl ≥ 3", x, 3, "x") })
		r.ratio("gallery-dl", "trawl", (*row).elapsed, func(x float64) { r.atLeast("elapsed, gallery-dl / trawl ≥ 20", x, 20, "x") })
		r.ratio("gallery-dl with its archive", "trawl", (*row).elapsed, func(x float64) { r.atLeast("elapsed, gallery-dl with its archive / trawl ≥ 40", x, 40, "x") })
		r.ratio("trawl", "wget2", (*row).cpu, func(x float64) { r.atMost("CPU, trawl / wget2 ≤ 1.5", x, 1.5, "x") })
	}
	return w
}

func largeWorkload(g *gallerySite) *workload {
	w := galleryWorkload(g, "trawl", "trawl --sync off", "cp -r", "Go worker pool", "wget2", "wget", "aria2", "Colly", "gallery-dl")
	w.name, w.title, w.heavy = "large", fmt.Sprintf("%s pictures of %s", thousands(g.files()), bytesText(g.size)), true
	w.judge = func(r *result) {
		r.ratio("trawl --sync off", "wget2", (*row).elapsed, func(x float64) { r.atMost("elapsed, --sync off / wget2 ≤ 1.0", x, 1.0, "x") })
		r.ratio("trawl", "wget2", (*row).elapsed, func(x float64) { r.atMost("elapsed, trawl / wget2 ≤ 1.0", x, 1.0, "x") })
		if t := r.row("trawl"); t != nil {
			r.atMost("memory ≤ 64 MB", t.rss()/1e6, 64, "MB")
		}
	}
	return w
}

func tinyWorkload(g *gallerySite) *workload {
	w := galleryWorkload(g, "trawl", "trawl --sync off", "cp -r", "Go worker pool", "wget2", "wget", "aria2", "Colly")
	w.name, w.title = "tiny", fmt.Sprintf("%s files of %s", thousands(g.files()), bytesText(g.size))
	w.judge = func(r *result) {
		r.ratio("trawl --sync off", "wget2", (*row).elapsed, func(x float64) { r.atMost("elapsed, --sync off / wget2 ≤ 1.2", x, 1.2, "x") })
		r.ratio("trawl", "wget2", (*row).elapsed, func(x float64) { r.atMost("elapsed, trawl / wget2 ≤ 1.2", x, 1.2, "x") })
	}
	return w
}

func latencyWorkload(g *gallerySite) *workload {
	const pause = 50 * time.Millisecond
	g.jobsPerPlace = 2
	w := galleryWorkload(g, "trawl", "trawl --sync off", "Go worker pool", "wget2", "aria2", "Colly", "Scrapy")
	w.name, w.title, w.latency = "latency", fmt.Sprintf("%s pictures of %s, each answer after %v", thousands(g.files()), bytesText(g.size), pause), pause
	w.judge = func(r *result) {
		t := r.row("trawl")
		if t == nil {
			return
		}
		_, jobs, _ := strings.Cut(t.Flags, "--per-host ")
		n, _ := strconv.Atoi(strings.Fields(jobs)[0]) // written above
		rounds := (g.files() + g.pages + n - 1) / n
		ideal := float64(rounds) * pause.Seconds()
		r.Facts = append(r.Facts, fact{fmt.Sprintf("ideal: %d requests, %d at a time", g.files()+g.pages, n), ideal, "s"})
		r.atMost("elapsed, trawl / ideal ≤ 1.05", t.elapsed()/ideal, 1.05, "x")
	}
	return w
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytesText writes a size in KB or MB.
func bytesText(n int) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%d KB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}
