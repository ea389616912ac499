//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/store"
)

// A worker works on two jobs at the same time, says of a third that its spider
// needs another version of trawl, and goes on until it gets SIGTERM.
func TestWorkerManyJobs(t *testing.T) {
	pgtest.Need(t)
	s := newSharedTest(t, buildTrawl(t), "douban")
	base := filepath.Dir(s.dir)
	for _, spider := range []string{"douban", "doutula"} {
		first, _ := s.start("run", spider, "-d", filepath.Join(base, spider))
		s.requests(4)
		if err := first.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = first.Wait() // with the status of an interruption
	}
	newer(t, s.db.URL("postgres"))

	worker, out := s.start("worker", "-d", base, "--log", "json")
	for _, job := range []string{"douban", "doutula"} {
		if !done(t, s.db.URL("postgres"), job) {
			t.Fatalf("%s does not end\n%s", job, out)
		}
	}
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := worker.Wait()
	if code := worker.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit status %d, %v; want %d", code, err, exitInterrupted)
	}

	var began, ended []string
	refused := 0
	for line := range strings.Lines(out.String()) {
		var rec struct{ Msg, Job, Worker, Err string }
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch rec.Msg {
		case "run begins":
			if len(ended) == 0 {
				began = append(began, rec.Job)
			}
		case "run ends":
			ended = append(ended, rec.Job)
		case "job left alone":
			refused++
			if rec.Job != "newer" || rec.Worker == "" || !strings.Contains(rec.Err, "nothing_yet") || !strings.Contains(rec.Err, "the job was begun by trawl v9.9.0, this is ") {
				t.Errorf("it left alone %+v, want newer and both versions", rec)
			}
		}
	}
	if len(began) != 2 || len(ended) != 2 || refused != 1 {
		t.Errorf("before the first job ended %q had begun; %q ended, %d was refused; want both at the same time, and one\n%s", began, ended, refused, out)
	}
}

// newer makes a job of a later trawl, with a request that waits.
func newer(t *testing.T, url string) {
	t.Helper()
	st, err := postgres.Open(t.Context(), url, &postgres.Options{Job: "newer"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	const page = "https://www.example.test/"
	key, host, err := trawl.Identify(trawl.KindPage, page)
	if err != nil {
		t.Fatal(err)
	}
	e := store.Entry{Key: key, Host: store.HostOf(host), HostName: host, Due: time.Now(), Request: trawl.Request{URL: page, Spider: "newer"}}
	if _, err := st.Add(t.Context(), []store.Entry{e}, nil); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"job":    `{"name":"newer"}`,
		"spider": `{"name":"newer.star","text":"name = \"newer\"\nnothing_yet()\n","version":"v9.9.0"}`,
	} {
		if err := st.Set(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
}

// done waits until nothing of a job waits, and reports whether it came to that.
func done(t *testing.T, url, job string) bool {
	t.Helper()
	st, err := postgres.Open(t.Context(), url, &postgres.Options{Job: job, Existing: true, Conns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); <-tick.C {
		stats, err := st.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stats.Pages.Waiting+stats.Files.Waiting == 0 && stats.Pages.Total() > 0 {
			return true
		}
	}
	return false
}
