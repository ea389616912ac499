package main

import (
	"bytes"
	"context"
	"errors"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/replica"
	"github.com/trawl-go/trawl/internal/store"
)

// TestShared has several processes of the program work on one job in a
// database.
func TestShared(t *testing.T) {
	t.Parallel()
	pgtest.Need(t)
	program := buildTrawl(t)
	t.Run("together", func(t *testing.T) { sharedJob(newSharedTest(t, program, "douban")) })
	t.Run("bucket", func(t *testing.T) { sharedBucket(newSharedTest(t, program, "douban")) })
	t.Run("shards", func(t *testing.T) { sharedShards(newSharedTest(t, program, "doutula")) })
	t.Run("drained", func(t *testing.T) { sharedDrain(newSharedTest(t, program, "doutula")) })
	t.Run("killed", func(t *testing.T) { sharedKills(newSharedTest(t, program, "doutula")) })
}

// A sharedTest is one job with its own server and its own sites.
type sharedTest struct {
	*testing.T
	program string
	spider  string
	site    *replica.Server
	db      *pgtest.Server
	dir     string
	env     []string // beside that of the test
	running []*exec.Cmd
}

func newSharedTest(t *testing.T, program, spider string) *sharedTest {
	t.Helper()
	t.Parallel()
	db := pgtest.New(t, nil)
	small := image.Pt(60, 60)
	s := &sharedTest{T: t, program: program, spider: spider, db: db, dir: filepath.Join(t.TempDir(), spider), site: replica.New(&replica.Options{
		Douban:  replica.DoubanOptions{Size: small},
		Doutula: replica.DoutulaOptions{Pages: 6, Size: small},
		Latency: 20 * time.Millisecond, Jitter: 10 * time.Millisecond,
	})}
	if err := s.site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.site.Close() })
	return s
}

// start starts the program. It is killed at the end of the test, if it is
// still there.
func (s *sharedTest) start(args ...string) (*exec.Cmd, *bytes.Buffer) {
	s.Helper()
	args = append(args, "--store", s.db.URL("postgres"), "--lease", "1s", "-n")
	for _, c := range s.site.ConnectTo() {
		args = append(args, "--connect-to", c)
	}
	cmd := exec.CommandContext(s.Context(), s.program, args...)
	cmd.Env = append(os.Environ(), s.env...)
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.running = append(s.running, cmd)
	return cmd, &out
}

func (s *sharedTest) startRun() (*exec.Cmd, *bytes.Buffer) {
	s.Helper()
	return s.start("run", s.spider, "-d", s.dir)
}

func (s *sharedTest) startWorker() (*exec.Cmd, *bytes.Buffer) {
	s.Helper()
	return s.start("worker", "--job", s.spider, "-d", filepath.Dir(s.dir))
}

// wait waits until the program ends by itself, well.
func (s *sharedTest) wait(cmd *exec.Cmd, out *bytes.Buffer) {
	s.Helper()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			s.Fatalf("%v\n%s", err, out)
		}
	case <-time.After(2 * time.Minute):
		cmd.Process.Kill()
		<-ended
		s.Fatalf("%v does not end\n%s", cmd.Args[1:3], out)
	}
}

// requests waits until n more requests have ended.
func (s *sharedTest) requests(n int) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	if err := s.site.Log().Wait(ctx, s.site.Log().Len()+n); err != nil {
		s.Fatalf("waiting for %d more requests: %v", n, err)
	}
}

// recorded returns the files that the job has recorded, and what it has counted.
func (s *sharedTest) recorded() (list []store.File, stats store.Stats) {
	s.Helper()
	st, err := postgres.Open(s.Context(), s.db.URL("postgres"), &postgres.Options{Job: s.spider, Existing: true})
	if err != nil {
		s.Fatal(err)
	}
	defer st.Close()
	for f, err := range st.Files(s.Context()) {
		if err != nil {
			s.Fatal(err)
		}
		list = append(list, f)
	}
	if stats, err = st.Stats(s.Context()); err != nil {
		s.Fatal(err)
	}
	return list, stats
}

// check looks at the job when it has come to its end: all pictures are there,
// each has its record, and no more requests were made twice than allowed.
func (s *sharedTest) check(mostTwice int) {
	s.Helper()
	if err := s.site.Log().Idle(s.Context()); err != nil {
		s.Fatal(err)
	}
	list, stats := s.recorded()
	if err := checkDir(s.site, s.dir, list, []string{"top250.jsonl", "top250.csv"}); err != nil {
		s.Error(err)
	}
	want := int64(len(s.site.Expected().Stickers))
	if s.spider == "douban" {
		want = int64(len(s.site.Expected().Films))
	}
	if stats.Files.Waiting > 0 || stats.Pages.Waiting > 0 || stats.Files.Done < want*9/10 || int64(len(list)) != stats.Files.Done {
		s.Errorf("Stats() = %+v with %d records, want about %d files and nothing waiting", stats, len(list), want)
	}
	twice := 0
	for url, n := range s.site.Log().Whole() {
		if !strings.HasSuffix(url, "/robots.txt") { // every process asks for it
			twice += n - 1
		}
	}
	s.Logf("%d files, %d requests answered whole more than once", len(list), twice)
	if twice > mostTwice {
		s.Errorf("%d requests were answered whole more than once, want at most %d", twice, mostTwice)
	}
}

// Two processes on one job without faults fetch nothing twice, and end
// together.
func sharedJob(s *sharedTest) {
	run, out := s.startRun()
	s.requests(2)
	worker, wout := s.startWorker()
	s.wait(run, out)
	s.wait(worker, wout)
	s.check(0)
	records, err := os.ReadFile(filepath.Join(s.dir, "top250.jsonl"))
	if n := bytes.Count(records, []byte("\n")); err != nil || n != len(s.site.Expected().Films) {
		s.Errorf("top250.jsonl has %d lines, %v; want one for each film\n%s", n, err, out)
	}
}

// Processes are killed, and others come in their place; once the database is.
// What a dead one had in flight, and one group of outcomes at most, is done
// again; nothing is lost.
func sharedKills(s *sharedTest) {
	const kills = 4
	s.startRun()
	s.requests(3)
	s.startWorker()
	for i := range kills {
		s.requests(30)
		victim := s.running[i] // the oldest one
		if err := victim.Process.Kill(); err != nil {
			s.Fatal(err)
		}
		_ = victim.Wait() // killed
		if i == kills/2 {
			if err := errors.Join(s.db.Kill(), s.db.Resume()); err != nil {
				s.Fatal(err)
			}
		}
		s.startWorker()
	}
	run, out := s.startRun()
	s.wait(run, out)
	s.check((kills + 1) * (inFlight + commitGroup))
}

// An interrupted process ends what it has begun, and gives its hosts back: the
// next one goes on at once and does nothing again.
func sharedDrain(s *sharedTest) {
	first, _ := s.startRun()
	s.requests(20)
	if err := first.Process.Signal(os.Interrupt); err != nil {
		s.Fatal(err)
	}
	err := first.Wait()
	if code := first.ProcessState.ExitCode(); code != exitInterrupted {
		s.Errorf("exit status %d, %v; want %d", code, err, exitInterrupted)
	}
	run, out := s.startRun()
	s.wait(run, out)
	s.check(0)
}

// havePostgres reports whether scripts can start a database. With CI=true it
// is an error if they cannot.
func havePostgres() (bool, error) {
	err := pgtest.Available()
	if err != nil && os.Getenv("CI") == "true" {
		return false, err
	}
	return err == nil, nil
}

// postgres starts a server; $STORE is its database, and $PGHOST and $PGUSER
// lead there too.
func cmdPostgres(ts *testscript.TestScript, neg bool, _ []string) {
	noNeg(ts, neg)
	db, err := pgtest.Start(nil)
	ts.Check(err)
	ts.Defer(func() { ts.Check(db.Close()) })
	ts.Setenv("STORE", db.URL("postgres"))
	ts.Setenv("PGHOST", filepath.Dir(db.Socket()))
	ts.Setenv("PGUSER", pgtest.User)
}
