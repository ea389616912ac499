package metrics

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trawl-go/trawl/crawl"
)

// What stands at the moment of a scrape.
var (
	received   = desc("trawl_received_bytes_total", "Bytes that this process has received in bodies, those thrown away among them.")
	queue      = desc("trawl_queue_requests", "Requests that this process holds in memory: ready ones want a worker, the others wait for their host.", "kind", "state")
	inFlight   = desc("trawl_in_flight_requests", "Requests under way in this process.", "kind")
	uncommited = desc("trawl_uncommitted_outcomes", "Outcomes of this process that are finished and not durable yet.")
	hosts      = desc("trawl_hosts", "Hosts in the memory of this process that have something to do: active, ready, resting for more than a second, or stopped.", "state")
	partitions = desc("trawl_partitions", "Partitions of the hosts that this process works on.")
	leaseAge   = desc("trawl_lease_age_seconds", "Time since the process last renewed the oldest of its leases; at trawl_lease_seconds others may take it over.")
	leaseTime  = desc("trawl_lease_seconds", "How long a lease lasts that is not renewed.")
	requests   = desc("trawl_job_requests", "Requests of the whole job, all processes together; the same in each of them.", "kind", "state")
	storeUp    = desc("trawl_store_up", "1 if the job's database answered during this scrape, else 0.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{label}, labels...), nil)
}

// standing looks up how the jobs stand that run.
type standing struct{ m *Metrics }

// Describe implements [prometheus.Collector].
func (standing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{received, queue, inFlight, uncommited, hosts, partitions, leaseAge, leaseTime, requests, storeUp} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]. It asks the stores of all jobs at
// once, and gives up those that do not answer in time.
func (s standing) Collect(ch chan<- prometheus.Metric) {
	s.m.mu.Lock()
	jobs := slices.Collect(maps.Values(s.m.jobs))
	s.m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), storeWait)
	defer cancel()
	var all sync.WaitGroup
	for _, j := range jobs {
		all.Go(func() { j.collect(ctx, ch) })
	}
	all.Wait()
}

func (j *Job) collect(ctx context.Context, ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{j.name}, labels...)...)
	}
	j.mu.Lock()
	source, bytes := j.source, j.received
	var (
		load crawl.Load
		err  = crawl.ErrNotRunning
	)
	if source != nil {
		load, err = source.Load()
	}
	j.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(received, prometheus.CounterValue, float64(bytes+load.Received), j.name)
	if err != nil {
		return
	}
	for kind, l := range map[string]crawl.KindLoad{"page": load.Pages, "file": load.Files} {
		gauge(queue, float64(l.Ready), kind, "ready")
		gauge(queue, float64(l.Waiting), kind, "waiting")
		gauge(inFlight, float64(l.Active), kind)
	}
	gauge(uncommited, float64(load.Uncommitted))
	gauge(hosts, float64(load.Hosts.Active), "active")
	gauge(hosts, float64(load.Hosts.Ready), "ready")
	gauge(hosts, float64(load.Hosts.Resting), "resting")
	gauge(hosts, float64(load.Hosts.Stopped), "stopped")
	if load.Shared {
		gauge(partitions, float64(load.Partitions))
		gauge(leaseAge, load.LeaseAge.Seconds())
		gauge(leaseTime, load.Lease.Seconds())
	}
	snap, err := source.Snapshot(ctx, 0)
	if err != nil {
		gauge(storeUp, 0)
		return
	}
	gauge(storeUp, 1)
	for kind, t := range map[string]crawl.Tally{"page": snap.Pages, "file": snap.Files} {
		gauge(requests, float64(t.Waiting), kind, "waiting")
		gauge(requests, float64(t.Done+t.Already), kind, "done")
		gauge(requests, float64(t.Failed), kind, "failed")
		gauge(requests, float64(t.LeftOut), kind, "left_out")
	}
}
