package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/metrics"
)

// A source is a run that stands as it says.
type source struct {
	load crawl.Load
	snap crawl.Snapshot
	err  error // of the store
}

func (s *source) Load() (crawl.Load, error) { return s.load, nil }

func (s *source) Snapshot(ctx context.Context, _ int) (crawl.Snapshot, error) {
	return s.snap, s.err
}

// running is a run in which everything is there once.
func running() *source {
	return &source{
		load: crawl.Load{
			Pages: crawl.KindLoad{Ready: 1, Waiting: 2, Active: 3}, Files: crawl.KindLoad{Ready: 4, Waiting: 5, Active: 6},
			Uncommitted: 7, Hosts: crawl.HostCounts{Active: 8, Ready: 9, Resting: 10, Stopped: 11}, Received: 12,
			Shared: true, Partitions: 13, LeaseAge: 1500 * time.Millisecond, Lease: 15 * time.Second,
		},
		snap: crawl.Snapshot{Pages: crawl.Tally{Done: 1, Already: 2, Failed: 3, Waiting: 4}, Files: crawl.Tally{Done: 5}},
	}
}

// fire has everything happen once.
func fire(ev crawl.Events) {
	ev.Page(crawl.PageDone{URL: "https://a.example.test/page"})
	ev.File(crawl.FileDone{URL: "https://a.example.test/file", Size: 100})
	ev.Item(crawl.ItemDone{})
	ev.Failed(crawl.Failed{URL: "https://a.example.test/", Kind: "page", Reason: "network"})
	ev.Retry(crawl.Failed{URL: "https://a.example.test/", Kind: "file", Reason: "http", Status: 500})
	ev.ItemFailed("https://a.example.test/", trawl.ItemError{})
	ev.HostRests(crawl.HostRests{Host: "a.example.test"})
	ev.HostStopped(crawl.HostStopped{Host: "a.example.test"})
	ev.Commit(crawl.Commit{Outcomes: 3, Took: 20 * time.Millisecond})
	ev.Leases(crawl.Leases{Taken: 3, Given: 2, Lost: 1})
	ev.StoreRetry(crawl.StoreRetry{Conflict: true})
	ev.StoreRetry(crawl.StoreRetry{})
}

// serve answers for metrics, and returns what there is to see.
func serve(t *testing.T, m *metrics.Metrics) (scrape func() string) {
	t.Helper()
	ln, err := metrics.Listen(t.Context(), "0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
	return func() string {
		t.Helper()
		resp, err := http.Get("http://" + ln.Addr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d, %v:\n%s", resp.StatusCode, err, body)
		}
		return string(body)
	}
}

// values returns the lines about a job, without buckets and the job.
func values(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "trawl_") && strings.Contains(line, `trawl_job="豆瓣"`) && !strings.Contains(line, "_bucket") {
			line = strings.NewReplacer(`,trawl_job="豆瓣"`, "", `trawl_job="豆瓣"`, "").Replace(line)
			out = append(out, strings.Replace(strings.TrimSpace(line), "{}", "", 1))
		}
	}
	return out
}

func TestJob(t *testing.T) {
	m := metrics.New("v1.2.3")
	j := m.Job("豆瓣")
	m.Job("other") // which does not run
	fire(j.Events())
	done := j.Watch(running())
	scrape := serve(t, m)
	text := scrape()
	want := []string{
		"trawl_commit_duration_seconds_sum 0.02", "trawl_commit_duration_seconds_count 1",
		"trawl_commit_outcomes_sum 3", "trawl_commit_outcomes_count 1",
		`trawl_failures_total{kind="page",reason="network"} 1`,
		"trawl_file_bytes_total 100", "trawl_files_total 1", "trawl_host_rests_total 1",
		`trawl_hosts{state="active"} 8`, `trawl_hosts{state="ready"} 9`, `trawl_hosts{state="resting"} 10`, `trawl_hosts{state="stopped"} 11`,
		"trawl_hosts_stopped_total 1",
		`trawl_in_flight_requests{kind="file"} 6`, `trawl_in_flight_requests{kind="page"} 3`,
		"trawl_items_failed_total 1", "trawl_items_total 1",
		`trawl_job_requests{kind="file",state="done"} 5`, `trawl_job_requests{kind="file",state="failed"} 0`, `trawl_job_requests{kind="file",state="left_out"} 0`, `trawl_job_requests{kind="file",state="waiting"} 0`,
		`trawl_job_requests{kind="page",state="done"} 3`, `trawl_job_requests{kind="page",state="failed"} 3`, `trawl_job_requests{kind="page",state="left_out"} 0`, `trawl_job_requests{kind="page",state="waiting"} 4`,
		"trawl_lease_age_seconds 1.5", "trawl_lease_seconds 15",
		"trawl_pages_total 1", "trawl_partitions 13",
		"trawl_partitions_given_total 2", "trawl_partitions_lost_total 1", "trawl_partitions_taken_total 3",
		`trawl_queue_requests{kind="file",state="ready"} 4`, `trawl_queue_requests{kind="file",state="waiting"} 5`,
		`trawl_queue_requests{kind="page",state="ready"} 1`, `trawl_queue_requests{kind="page",state="waiting"} 2`,
		"trawl_received_bytes_total 12",
		`trawl_retries_total{kind="file",reason="http"} 1`,
		"trawl_store_away_total 1", "trawl_store_conflicts_total 1", "trawl_store_up 1", "trawl_uncommitted_outcomes 7",
	}
	if d := cmp.Diff(want, values(text)); d != "" {
		t.Errorf("metrics of a job, -want +got:\n%s", d)
	}
	if !strings.Contains(text, `trawl_build_info{goversion="go`) || !strings.Contains(text, `version="v1.2.3"} 1`) {
		t.Errorf("no trawl_build_info with the version in:\n%s", text)
	}
	for _, secret := range []string{"http://", "https://", "example.test"} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics hold %q", secret)
		}
	}

	// It runs again, and the counters go on; what stood has gone in between.
	done()
	if got := scrape(); strings.Contains(got, `trawl_hosts{`) || !strings.Contains(got, `trawl_received_bytes_total{trawl_job="豆瓣"} 12`) {
		t.Errorf("after the end of the run there is still what stood, or not what was counted:\n%s", got)
	}
	defer m.Job("豆瓣").Watch(running())()
	fire(m.Job("豆瓣").Events())
	for _, line := range []string{"trawl_received_bytes_total 24", "trawl_pages_total 2"} {
		if got := values(scrape()); !slices.Contains(got, line) {
			t.Errorf("in the second run there is no %q in %q", line, got)
		}
	}
}

// A database that does not answer keeps nothing else from being seen.
func TestStoreAway(t *testing.T) {
	m := metrics.New("")
	s := running()
	s.err = errors.New("away")
	defer m.Job("豆瓣").Watch(s)()
	got := strings.Join(values(serve(t, m)()), "\n")
	if !strings.Contains(got, "trawl_store_up 0") || !strings.Contains(got, "trawl_partitions 13") || strings.Contains(got, "trawl_job_requests") {
		t.Errorf("with the database away:\n%s", got)
	}
}

var (
	helpLine = regexp.MustCompile(`(?m)^# HELP (\S+) (.*)$`)
	typeLine = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	inExpr   = regexp.MustCompile(`\b(?:trawl|go|process)_[a-z0-9_]+`)
)

// TestNames holds the names against the conventions of Prometheus, and against
// the dashboard.
func TestNames(t *testing.T) {
	m := metrics.New("v1")
	fire(m.Job("a").Events())
	defer m.Job("a").Watch(running())()
	text := serve(t, m)()
	help := make(map[string]string)
	for _, l := range helpLine.FindAllStringSubmatch(text, -1) {
		help[l[1]] = l[2]
	}
	known := make(map[string]bool)
	for _, l := range typeLine.FindAllStringSubmatch(text, -1) {
		name, kind := l[1], l[2]
		known[name] = true
		if kind == "histogram" {
			for _, end := range []string{"_bucket", "_sum", "_count"} {
				known[name+end] = true
			}
		}
		if !strings.HasPrefix(name, "trawl_") {
			continue
		}
		if len(help[name]) < 20 || !strings.HasSuffix(help[name], ".") {
			t.Errorf("%s has the help text %q, want a sentence", name, help[name])
		}
		if (kind == "counter") != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s", name, kind)
		}
	}

	data, err := os.ReadFile("../../examples/grafana-trawl.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Definition string } }
	}
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	look := func(where, expr string) {
		for _, name := range inExpr.FindAllString(expr, -1) {
			if name == "trawl_job" { // the label
				continue
			}
			shown[name] = true
			if !known[name] {
				t.Errorf("%s shows %s, which is not exported", where, name)
			}
		}
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			look("panel "+p.Title, target.Expr)
		}
	}
	for _, v := range board.Templating.List {
		look("a variable", v.Definition)
	}
	for name := range help {
		if strings.HasPrefix(name, "trawl_") && !shown[name] && !shown[name+"_bucket"] && !shown[name+"_sum"] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

func TestListen(t *testing.T) {
	for _, tc := range []struct {
		addr string
		want string // of the address, or of the error
	}{
		{"0", "127.0.0.1:"}, {":0", "127.0.0.1:"}, {"127.0.0.1:0", "127.0.0.1:"}, {"0.0.0.0:0", "[::]:"}, {"[::1]:0", "[::1]:"},
		{"", "must be PORT"}, {"a:b:c", "must be PORT"}, {"127.0.0.1:", "must be PORT"}, {"99999", "must be PORT"}, {"http://x:1", "must be PORT"},
	} {
		ln, err := metrics.Listen(t.Context(), tc.addr)
		if err != nil {
			if !strings.Contains(err.Error(), tc.want) || !errors.Is(err, metrics.ErrAddress) {
				t.Errorf("Listen(%q): %v, want %q", tc.addr, err, tc.want)
			}
			continue
		}
		if got := ln.Addr().String(); !strings.HasPrefix(got, tc.want) {
			t.Errorf("Listen(%q) is at %s, want %s", tc.addr, got, tc.want)
		}
		ln.Close()
	}

	ln, err := metrics.Listen(t.Context(), "0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String()) // it is one
	if _, err := metrics.Listen(t.Context(), port); err == nil || !strings.Contains(err.Error(), "another program listens there") {
		t.Errorf("Listen() where another one does: %v", err)
	}
}
