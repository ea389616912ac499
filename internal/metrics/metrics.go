// Package metrics tells Prometheus how a process collects.
//
// Start with [New], give each job that runs a [Job] by [Metrics.Job], pass its
// [Job.Events] to the engine and call [Job.Watch] while it runs. [Listen] and
// [Metrics.Serve] answer Prometheus. Counters come from the events of package
// crawl; what stands at a moment is looked up when Prometheus asks, so that a
// page costs a few atomic additions and nothing else.
//
// Every metric of a job has the label trawl_job, its name: "job" is what
// Prometheus itself calls the group of targets. No label is a URL or a host, as
// there may be millions of them.
//
// The types are safe for concurrent use.
package metrics

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
)

// label is that of a job's name.
const label = "trawl_job"

// Metrics are those of a process.
type Metrics struct {
	reg *prometheus.Registry

	pages, files, items, itemsFailed *prometheus.CounterVec
	fileBytes                        *prometheus.CounterVec
	failures, retries                *prometheus.CounterVec
	rests, stopped                   *prometheus.CounterVec
	taken, given, lost               *prometheus.CounterVec
	conflicts, away                  *prometheus.CounterVec
	commitSeconds, commitOutcomes    *prometheus.HistogramVec

	mu   sync.Mutex // guards what follows
	jobs map[string]*Job
}

// New returns the metrics of a process that is this version of trawl.
func New(version string) *Metrics {
	m := &Metrics{reg: prometheus.NewRegistry(), jobs: make(map[string]*Job)}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{label}, labels...))
		m.reg.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{label})
		m.reg.MustRegister(h)
		return h
	}
	m.pages = counter("trawl_pages_total", "Pages that this process has fetched, parsed and committed.")
	m.files = counter("trawl_files_total", "Files that this process has saved and committed.")
	m.items = counter("trawl_items_total", "Records that this process has committed.")
	m.itemsFailed = counter("trawl_items_failed_total", "Records that could not be built.")
	m.fileBytes = counter("trawl_file_bytes_total", "Bytes in the files that this process has saved.")
	m.failures = counter("trawl_failures_total", "Requests that were given up, by kind and reason.", "kind", "reason")
	m.retries = counter("trawl_retries_total", "Attempts that failed and will be made again, by kind and reason.", "kind", "reason")
	m.rests = counter("trawl_host_rests_total", "Answers by which a host asked to be left alone for a while (429, 503).")
	m.stopped = counter("trawl_hosts_stopped_total", "Hosts that nothing more is asked of, as they refused again and again.")
	m.taken = counter("trawl_partitions_taken_total", "Partitions of the hosts that this process has taken.")
	m.given = counter("trawl_partitions_given_total", "Partitions that it has given back for others to have a share.")
	m.lost = counter("trawl_partitions_lost_total", "Partitions that it has lost to others, as their leases ended.")
	m.conflicts = counter("trawl_store_conflicts_total", "Transactions tried again because other processes stood in the way.")
	m.away = counter("trawl_store_away_total", "Calls of the database tried again because it could not be reached.")
	m.commitSeconds = histogram("trawl_commit_duration_seconds", "Time until a group of outcomes was durable, its files' directories synced.",
		[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60})
	m.commitOutcomes = histogram("trawl_commit_outcomes", "Outcomes in a group that was committed.", prometheus.ExponentialBuckets(1, 2, 9))

	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "trawl_build_info", Help: "Always 1; the labels say what the program was built from."}, []string{"version", "goversion"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	m.reg.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), standing{m})
	return m
}

// Job returns the metrics of a job with this name. When one runs again in the
// same process its counters go on.
func (m *Metrics) Job(name string) *Job {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.jobs[name]; j != nil {
		return j
	}
	j := &Job{name: name, m: m}
	j.events = j.listen()
	m.jobs[name] = j
	return j
}

// A Job is the metrics of one job.
type Job struct {
	name   string
	m      *Metrics
	events crawl.Events

	mu       sync.Mutex // guards what follows
	source   Source     // nil while the job does not run
	received int64      // of the runs that have ended
}

// A Source tells how a run stands; a *job.Job is one.
type Source interface {
	Load() (crawl.Load, error)
	Snapshot(ctx context.Context, hosts int) (crawl.Snapshot, error)
}

// Events returns the listener that counts. Several runs may share it.
func (j *Job) Events() crawl.Events { return j.events }

// Watch has what stands at a moment looked up in a run from now on, until done
// is called. It must be called before the run's parts are closed.
func (j *Job) Watch(s Source) (done func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.source = s
	return sync.OnceFunc(func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		if l, err := s.Load(); err == nil {
			j.received += l.Received
		}
		j.source = nil
	})
}

// listen makes the listener, with the counters that every job has: they begin
// at 0, so that Prometheus sees the first step too.
func (j *Job) listen() crawl.Events {
	of := func(c *prometheus.CounterVec) prometheus.Counter { return c.WithLabelValues(j.name) }
	var (
		pages, files, items, bad = of(j.m.pages), of(j.m.files), of(j.m.items), of(j.m.itemsFailed)
		fileBytes                = of(j.m.fileBytes)
		rests, stopped           = of(j.m.rests), of(j.m.stopped)
		taken, given, lost       = of(j.m.taken), of(j.m.given), of(j.m.lost)
		conflicts, away          = of(j.m.conflicts), of(j.m.away)
		seconds                  = j.m.commitSeconds.WithLabelValues(j.name)
		outcomes                 = j.m.commitOutcomes.WithLabelValues(j.name)
	)
	return crawl.Events{
		Page:        func(crawl.PageDone) { pages.Inc() },
		File:        func(f crawl.FileDone) { files.Inc(); fileBytes.Add(float64(f.Size)) },
		Item:        func(crawl.ItemDone) { items.Inc() },
		ItemFailed:  func(string, trawl.ItemError) { bad.Inc() },
		Failed:      func(f crawl.Failed) { j.m.failures.WithLabelValues(j.name, f.Kind, f.Reason).Inc() },
		Retry:       func(f crawl.Failed) { j.m.retries.WithLabelValues(j.name, f.Kind, f.Reason).Inc() },
		HostRests:   func(crawl.HostRests) { rests.Inc() },
		HostStopped: func(crawl.HostStopped) { stopped.Inc() },
		Commit: func(c crawl.Commit) {
			seconds.Observe(c.Took.Seconds())
			outcomes.Observe(float64(c.Outcomes))
		},
		Leases: func(l crawl.Leases) {
			taken.Add(float64(l.Taken))
			given.Add(float64(l.Given))
			lost.Add(float64(l.Lost))
		},
		StoreRetry: func(r crawl.StoreRetry) {
			if r.Conflict {
				conflicts.Inc()
			} else {
				away.Inc()
			}
		},
	}
}

// storeWait bounds what a scrape waits for the store.
const storeWait = 3 * time.Second
