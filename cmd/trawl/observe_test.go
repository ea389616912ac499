package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"image"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/replica"
)

// TestMetrics asks a run how it stands while it goes on, and finds nobody there
// after its end.
func TestMetrics(t *testing.T) {
	t.Parallel()
	site := replica.New(&replica.Options{Doutula: replica.DoutulaOptions{Pages: 6, Size: image.Pt(40, 40)}, Latency: 20 * time.Millisecond})
	if err := site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	args := []string{"run", "doutula", "-d", filepath.Join(t.TempDir(), "out"), "--metrics", "0", "--log", "json", "-j", "1"}
	for _, c := range site.ConnectTo() {
		args = append(args, "--connect-to", c)
	}
	ctx, interrupt := context.WithTimeout(t.Context(), 2*time.Minute)
	defer interrupt()
	stderr, w := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, args, strings.NewReader(""), io.Discard, w)
		w.Close()
	}()

	var url string
	lines := bufio.NewScanner(stderr)
	for url == "" && lines.Scan() {
		var rec struct{ Msg string }
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if u, ok := strings.CutPrefix(rec.Msg, "metrics: "); ok {
			url = u
		}
	}
	go func() { // so that the program does not wait
		for lines.Scan() {
		}
	}()
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("the metrics are at %q, want an address of this machine alone", url)
	}

	// Until a file is saved.
	saved := regexp.MustCompile(`(?m)^trawl_files_total\{trawl_job="doutula"\} [1-9]`)
	var text string
	for !saved.MatchString(text) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || ctx.Err() != nil {
			t.Fatalf("no file is saved, %v:\n%s", err, text)
		}
		text = string(body)
	}
	for _, want := range []string{
		`trawl_pages_total\{trawl_job="doutula"\} \d`, `trawl_job_requests\{kind="file",state="waiting",trawl_job="doutula"\} [1-9]`,
		`trawl_commit_duration_seconds_count\{trawl_job="doutula"\} [1-9]`, `trawl_received_bytes_total\{trawl_job="doutula"\} [1-9]`,
		`trawl_build_info\{goversion="go[^"]+",version="[^"]+"\} 1`, `go_goroutines \d`, `trawl_store_up\{trawl_job="doutula"\} 1`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
			t.Errorf("the metrics do not match %s:\n%s", want, text)
		}
	}

	// The port is taken.
	addr := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics")
	var out bytes.Buffer
	if code := run(ctx, []string{"get", "https://www.example.test/", "-d", t.TempDir(), "--metrics", addr}, strings.NewReader(""), io.Discard, &out); code != exitUsage || !strings.Contains(out.String(), "another program listens there") {
		t.Errorf("a second run at %s: status %d, %q", addr, code, &out)
	}

	interrupt()
	if code := <-status; code != exitInterrupted {
		t.Errorf("interrupted: status %d, want %d", code, exitInterrupted)
	}
	if resp, err := http.Get(url); err == nil {
		resp.Body.Close()
		t.Error("after the run there is still an answer")
	}
}
