package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/net/html"
)

// filmsPerPage is how many records a page of films has.
const filmsPerPage = 25

// pagesWorkload has n pages of films read into records, and nothing saved.
func pagesWorkload(n int) *workload {
	num := strconv.Itoa
	const does = "fetches, selects, writes records"
	w := &workload{name: "pages", title: fmt.Sprintf("%s pages of %d records, no files", thousands(n), filmsPerPage)}
	args := func(p *place, more ...string) []string {
		return append([]string{"run", p.script("films.star"), "-a", "base=" + p.base, "-a", "pages=" + num(n), "-d", p.out,
			"--jobs", num(p.jobs), "--per-host", num(p.jobs), "--delay", "0", "-q"}, more...)
	}
	const ours = does + " and a database of both, synced; "
	w.contenders = []contender{
		{"trawl", ours + "the spider in worker processes", "trawl", func(p *place) []string { return args(p) }},
		{"trawl --isolate=false", ours + "the spider in threads", "trawl", func(p *place) []string { return args(p, "--isolate=false") }},
		{"Colly", does, "Colly", func(p *place) []string { return []string{"films", p.base, num(n), num(p.jobs), p.out} }},
		{"Scrapy", does, "Scrapy", func(p *place) []string {
			return []string{"runspider", p.script("films.py"), "-a", "base=" + p.base, "-a", "pages=" + num(n), "-O", filepath.Join(p.out, "films.jsonl"),
				"-s", "CONCURRENT_REQUESTS=" + num(p.jobs), "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=" + num(p.jobs), "-s", "LOG_LEVEL=ERROR"}
		}},
		{"HTML parser alone", "parses pages in memory on all CPUs", "bench", func(p *place) []string {
			return []string{"parse", filepath.Join(p.site, "www", "films"), num(n)}
		}},
	}
	w.make = func(ctx context.Context, dir, _ string) (string, error) {
		size, err := makeFilms(ctx, dir)
		return fmt.Sprintf("A page has %d KB.", size/1000), err
	}
	w.check = func(c *contender, out string) (string, error) {
		if c.tool == "bench" {
			return "", nil
		}
		got, err := countLines(filepath.Join(out, "films.jsonl"))
		if err != nil || got == n*filmsPerPage {
			return "", err
		}
		return fmt.Sprintf("%d records of %d", got, n*filmsPerPage), nil
	}
	w.judge = func(r *result) {
		for i := range r.Rows {
			r.Facts = append(r.Facts, fact{r.Rows[i].Name, float64(n) / r.Rows[i].elapsed(), "pages/s"})
		}
		for _, name := range []string{"trawl", "trawl --isolate=false"} {
			r.ratio("Colly", name, (*row).elapsed, func(x float64) { r.atLeast("speed, "+name+" / Colly ≥ 2", x, 2, "x") })
			r.ratio("Scrapy", name, (*row).elapsed, func(x float64) { r.atLeast("speed, "+name+" / Scrapy ≥ 15", x, 15, "x") })
			r.ratio("HTML parser alone", name, (*row).elapsed, func(x float64) {
				r.atLeast("speed, "+name+" / HTML parser alone on all CPUs ≥ 75 %", 100*x, 75, "%")
			})
		}
	}
	return w
}

// parse is the child that parses the pages of a directory, in turns, so and so
// many in all, on every CPU.
func parse(_ context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("parse: %d arguments, want 2", len(args))
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(args[0], "*.html"))
	if err != nil {
		return err
	}
	var pages [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		pages = append(pages, data)
	}
	if len(pages) == 0 {
		return fmt.Errorf("parse: no pages in %s", args[0])
	}
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		failed = make(chan error, runtime.NumCPU()) // each worker ends at its first
	)
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				if _, err := html.ParseWithOptions(bytes.NewReader(pages[int(i)%len(pages)]), html.ParseOptionEnableScripting(false)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	return <-failed
}
