package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/frontier"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
)

// The frontier's workload: so many hosts, and for each page the links that a
// page has to its own site, most of which are known.
const (
	frontierHosts = 20_000
	linksKnown    = 8
	linksNew      = 2
)

// frontierWorkload measures the frontier over the SQLite store, without a
// network, at each of the sizes: URLs that wait.
func frontierWorkload(sizes []int, pages int) *workload {
	w := &workload{name: "frontier", title: "The frontier alone, with millions of URLs"}
	w.measure = func(ctx context.Context, b *bench, r *result) error {
		r.Note = fmt.Sprintf("URLs of %d bytes, of %s hosts. A cycle takes a page from the frontier and commits it with a record of 200 bytes and %d links, of which %d are new; %d workers, synced. Then the process is killed (`kill -9`) at its work, and the time is taken that another one needs to open the job and get its first page.",
			len(frontierURL(0, 0)), thousands(frontierHosts), linksKnown+linksNew, linksNew, b.opt.jobs)
		dir := filepath.Join(b.dir, w.name)
		var rates []float64
		for _, n := range sizes {
			var load, cycle, open frontierFigures
			if _, err := b.child(ctx, false, &load, "frontier-load", dir, strconv.Itoa(n)); err != nil {
				return err
			}
			size, err := dirSize(filepath.Join(dir, ".trawl"))
			if err != nil {
				return err
			}
			rss, err := b.child(ctx, true, &cycle, "frontier-cycle", dir, strconv.Itoa(pages), strconv.Itoa(b.opt.jobs))
			if err != nil {
				return err
			}
			if _, err := b.child(ctx, false, &open, "frontier-open", dir); err != nil {
				return err
			}
			rates = append(rates, cycle.Rate)
			at := " at " + thousands(n) + " URLs"
			disk := float64(size) / float64(load.URLs)
			r.Facts = append(r.Facts,
				fact{"adding URLs, up to" + at[3:], load.Rate, "URLs/s"},
				fact{"cycle" + at, cycle.Rate, "pages/s"},
				fact{"CPU per page" + at, 1e6 * cycle.CPU, "µs"},
				fact{"on disk" + at, disk, "bytes/URL"},
				fact{"written per page" + at, cycle.Written, "bytes"},
				fact{"resident" + at, float64(rss) / 1e6, "MB"},
				fact{"opened after kill -9" + at, open.Seconds, "s"})
			fmt.Fprintf(b.log, "  %s URLs: %.0f added/s, %.0f pages/s, %.0f µs CPU/page, %.0f bytes/URL, %.0f bytes written/page, %.0f MB, opened in %.3f s\n",
				thousands(n), load.Rate, cycle.Rate, 1e6*cycle.CPU, disk, cycle.Written, float64(rss)/1e6, open.Seconds)
			if !b.opt.small {
				r.atLeast("cycle ≥ 5,000 pages/s"+at, cycle.Rate, 5000, "pages/s")
				r.atMost("on disk ≤ 170 bytes/URL"+at, disk, 170, "bytes")
				r.atMost("resident ≤ 256 MB"+at, float64(rss)/1e6, 256, "MB")
				r.atMost("opened after kill -9 ≤ 0.5 s"+at, open.Seconds, 0.5, "s")
			}
		}
		if last := len(rates) - 1; !b.opt.small {
			r.atLeast(fmt.Sprintf("cycle at %s / cycle at %s URLs ≥ 80 %%", thousands(sizes[last]), thousands(sizes[0])), 100*rates[last]/rates[0], 80, "%")
		}
		return nil
	}
	return w
}

// frontierFigures are what a child of this workload prints.
type frontierFigures struct {
	URLs    int64
	Rate    float64 // a second
	Seconds float64
	Written float64 // bytes per page
	CPU     float64 // seconds per page
}

// child runs this program as a child that prints its figures, and returns the
// most memory it had resident. With kill it is killed once it has printed.
func (b *bench) child(ctx context.Context, kill bool, figures any, args ...string) (rss int64, err error) {
	settle()
	ctx, cancel := context.WithTimeoutCause(ctx, 2*longest, errors.New("it took too long"))
	defer cancel()
	cmd := exec.CommandContext(ctx, b.tools.path["bench"], args...)
	cmd.Stderr = b.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchRSS(cmd.Process.Pid, done) }()
	err = json.NewDecoder(out).Decode(figures)
	close(done)
	rss = <-peak
	if err != nil || kill {
		_ = cmd.Process.Kill() // it may have ended
	}
	if werr := cmd.Wait(); werr != nil && !kill {
		err = werr
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", args[0], err)
	}
	return rss, nil
}

func dirSize(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

// frontierURL is the k-th URL of a host.
func frontierURL(host, k int) string {
	return fmt.Sprintf("https://www.site-%05d.example/gallery/%08d/page-of-a-large-site-%011d", host, k/50, k)
}

// openFrontier opens the job in a directory with limits that leave the
// frontier to itself.
func openFrontier(ctx context.Context, dir string, committed func(int)) (*sqlite.Store, *frontier.Frontier, error) {
	st, err := sqlite.Open(ctx, dir, nil)
	if err != nil {
		return nil, nil, err
	}
	leases, err := st.Acquire(ctx, "", 0, 0)
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return st, frontier.New(st, leases[0], &frontier.Options{
		Committed: func(tasks []*frontier.Task, _ []store.Outcome, _ store.Receipt) { committed(len(tasks)) },
	}), nil
}

// frontierLoad is the child that adds URLs until there are so many: DIR N.
func frontierLoad(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("frontier-load: %d arguments, want 2", len(args))
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	st, front, err := openFrontier(ctx, args[0], func(int) {})
	if err != nil {
		return err
	}
	defer st.Close()
	before, err := st.Stats(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	r := rand.New(rand.NewPCG(1, 2))
	added := 0
	var batch []store.Entry
	// Fifty of a host at a time, as a list of links has them, and the hosts
	// in no order.
	for k := int(before.Pages.Total()) / frontierHosts; int(before.Pages.Total())+added < n; k += 50 {
		for _, h := range r.Perm(frontierHosts) {
			for j := range 50 {
				e, err := front.Entry(trawl.Request{URL: frontierURL(h, k+j), Spider: "bench"}, 0)
				if err != nil {
					return err
				}
				batch = append(batch, e)
			}
			if len(batch) < 1000 {
				continue
			}
			m, err := front.Add(ctx, batch, nil)
			if err != nil {
				return err
			}
			added, batch = added+m, batch[:0]
			if int(before.Pages.Total())+added >= n {
				break
			}
		}
	}
	took := time.Since(began).Seconds()
	if err := st.Close(); err != nil { // all of it is in one file now
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(frontierFigures{URLs: before.Pages.Total() + int64(added), Rate: float64(added) / took})
}

// frontierCycle is the child that takes pages and commits them: DIR PAGES
// WORKERS. It prints its figures after so many pages and goes on until it is
// killed.
func frontierCycle(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("frontier-cycle: %d arguments, want 3", len(args))
	}
	pages, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	workers, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	var (
		count  atomic.Int64
		began  time.Time
		before int64
		cpu    float64
	)
	st, front, err := openFrontier(ctx, args[0], func(n int) {
		done := count.Add(int64(n))
		if done < pages || done-int64(n) >= pages {
			return
		}
		took := time.Since(began).Seconds()
		_ = json.NewEncoder(os.Stdout).Encode(frontierFigures{ // who reads it complains
			Rate: float64(done) / took, Written: float64(written()-before) / float64(done), CPU: (ownCPU() - cpu) / float64(done),
		})
	})
	if err != nil {
		return err
	}
	defer st.Close()
	began, before, cpu = time.Now(), written(), ownCPU()
	item := fmt.Appendf(nil, `{"text":"%0188d"}`, 1)
	fresh := atomic.Int64{}
	fresh.Store(began.UnixNano() % 1e8)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(w)))
			for {
				t, err := front.Next(ctx, trawl.KindPage)
				if err != nil {
					return // Run returns it too
				}
				o := store.Outcome{State: store.Done, Items: []store.Item{{Output: "bench", Body: item}}}
				var host int
				_, _ = fmt.Sscanf(t.HostName, "www.site-%05d", &host) // 0 would do as well
				for i := range linksKnown + linksNew {
					k := r.IntN(50)
					if i < linksNew {
						k = int(fresh.Add(1))
					}
					e, err := front.Entry(trawl.Request{URL: frontierURL(host, k), Spider: "bench"}, t.Entry.Host)
					if err != nil {
						front.Fail(err)
						return
					}
					o.Children = append(o.Children, e)
				}
				if front.Finish(t, o) != nil {
					return
				}
			}
		})
	}
	err = front.Run(ctx)
	wg.Wait()
	return err
}

// frontierOpen is the child that opens a job and gets its first page: DIR.
func frontierOpen(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("frontier-open: %d arguments, want 1", len(args))
	}
	began := time.Now()
	st, front, err := openFrontier(ctx, args[0], func(int) {})
	if err != nil {
		return err
	}
	defer st.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ran := make(chan error, 1)
	go func() { ran <- front.Run(ctx) }()
	t, err := front.Next(ctx, trawl.KindPage)
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	front.Abandon(t)
	cancel()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(frontierFigures{Seconds: took})
}
