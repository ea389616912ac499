package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trawl-go/trawl/internal/postgres"
	"github.com/trawl-go/trawl/internal/postgres/pgtest"
	"github.com/trawl-go/trawl/internal/shards"
)

// TestFaults has several processes of the program work on one job in a
// database while something goes wrong. What the sites have seen says whether it
// went well: everything was fetched, at most what was under way and a group of
// outcomes twice for each fault, no host by two processes at a time or before
// its delay was over; and every page has its record, every file its bytes.
func TestFaults(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	program := buildTrawl(t)
	for _, f := range []struct {
		name string
		test func(*faultTest)
	}{
		{"killed at steps", faultSteps},
		{"answers lost", faultAnswers},
		{"partition", faultPartition},
		{"database away", faultAway},
		{"storm", faultStorm},
		{"long read", faultLongRead},
		{"huge page", faultHuge},
		{"two spiders", faultSpiders},
		{"two databases", faultShards},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.test(newFaultTest(t, program, db, strings.ReplaceAll(f.name, " ", "-")))
		})
	}
}

// faultDelay is that of the hosts.
const faultDelay = 20 * time.Millisecond

// faultCost is what one fault may have done twice.
const faultCost = inFlight + commitGroup

// A faultTest is one job of many hosts.
type faultTest struct {
	*testing.T
	program  string
	db       *pgtest.Server
	more     []string // addresses of further databases of the job
	job, dir string
	spider   string
	web      *web
	lease    time.Duration
}

func newFaultTest(t *testing.T, program string, db *pgtest.Server, job string) *faultTest {
	t.Helper()
	f := &faultTest{
		T: t, program: program, db: db, job: job, dir: filepath.Join(t.TempDir(), "out"),
		spider: filepath.Join(t.TempDir(), "web.star"),
		lease:  time.Second,
		web:    &web{hosts: 10, pages: 40, shared: 12, latency: 10 * time.Millisecond},
	}
	f.web.start(t)
	if err := os.WriteFile(f.spider, []byte(f.web.spider(faultDelay)), 0o666); err != nil {
		t.Fatal(err)
	}
	return f
}

// start starts a process that works on the job by way of an address, that of
// the database if it is "". It is killed at the end of the test, if it is
// still there.
func (f *faultTest) start(store string) *faultProcess {
	f.Helper()
	if store == "" {
		store = f.db.URL("postgres")
	}
	args := append([]string{"run", f.spider, "--isolate=false", "--store", store, "--job", f.job, "-d", f.dir,
		"--lease", f.lease.String(), "-n", "--sync", "off"}, f.web.connectTo()...)
	for _, m := range f.more {
		args = append(args, "--store", m)
	}
	p := &faultProcess{f: f, cmd: exec.CommandContext(f.Context(), f.program, args...), ended: make(chan error, 1)}
	p.cmd.Stderr = &p.out
	if err := p.cmd.Start(); err != nil {
		f.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	return p
}

type faultProcess struct {
	f     *faultTest
	cmd   *exec.Cmd
	out   bytes.Buffer
	ended chan error
}

// wait waits until the process ends with a status; -1 is that of one that was
// killed.
func (p *faultProcess) wait(status int) {
	p.f.Helper()
	select {
	case err := <-p.ended:
		if got := p.cmd.ProcessState.ExitCode(); got != status {
			p.f.Fatalf("exit status %d, %v; want %d\n%s", got, err, status, &p.out)
		}
	case <-time.After(2 * time.Minute):
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.f.Fatalf("it does not end\n%s", &p.out)
	}
}

// interrupt ends the process as a user does.
func (p *faultProcess) interrupt() {
	p.f.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.f.Fatal(err)
	}
}

// check looks at a job that is done.
func (f *faultTest) check(mostTwice int) {
	f.Helper()
	f.web.check(f.T, faultDelay, mostTwice)
	st, err := shards.Open(f.Context(), append([]string{f.db.URL("postgres")}, f.more...), &postgres.Options{Job: f.job, Existing: true})
	if err != nil {
		f.Fatal(err)
	}
	defer st.Close()
	stats, err := st.Stats(f.Context())
	if n := int64(f.web.hosts * f.web.pages); err != nil || stats.Pages.Done != n || stats.Files.Done != n || stats.Items != n ||
		stats.Pages.Total()+stats.Files.Total() != 2*n {
		f.Errorf("Stats() = %+v, %v; want %d pages, files and records done and nothing else", stats, err, n)
	}
	records := f.web.urls(false)
	for it, err := range st.Items(f.Context(), "web", 0) {
		var r struct{ URL string }
		if err != nil || json.Unmarshal(it.Body, &r) != nil || !records[r.URL] {
			f.Fatalf("a record that should not be there, or not twice: %s, %v", it.Body, err)
		}
		delete(records, r.URL)
	}
	files, paths := f.web.urls(true), make(map[string]bool)
	for file, err := range st.Files(f.Context()) {
		if err != nil || !files[file.URL] {
			f.Fatalf("a file that should not be there, or not twice: %s, %v", file.URL, err)
		}
		delete(files, file.URL)
		paths[file.Path] = true
		_, path, _ := strings.Cut(file.URL, ".test")
		got, err := os.ReadFile(filepath.Join(f.dir, file.Path))
		if err != nil || !bytes.Equal(got, f.web.picture(path)) {
			f.Errorf("%s is recorded and not whole: %v", file.Path, err)
		}
	}
	if len(records)+len(files) > 0 {
		f.Errorf("%d pages have no record, %d files none", len(records), len(files))
	}
	err = filepath.WalkDir(f.dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".trawl":
			return fs.SkipDir
		case !d.IsDir() && !paths[d.Name()] && d.Name() != "web.jsonl":
			f.Errorf("%s should not be there", p)
		}
		return nil
	})
	if err != nil {
		f.Error(err)
	}
}

// connect returns a connection of the test's own to the job's tables.
func (f *faultTest) connect() *pgx.Conn {
	f.Helper()
	c, err := pgx.Connect(f.Context(), f.db.URL("postgres"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close(context.WithoutCancel(f.Context())) })
	if _, err := c.Exec(f.Context(), "SET search_path = "+pgx.Identifier{"trawl_" + f.job}.Sanitize()); err != nil {
		f.Fatal(err)
	}
	return c
}

// age has everything that processes have left, in the directory and in the
// database, be two hours old.
func (f *faultTest) age() {
	f.Helper()
	left, err := filepath.Glob(filepath.Join(f.dir, ".trawl", "tmp-*"))
	if err != nil || len(left) == 0 {
		f.Fatalf("processes that were killed have left nothing, %v", err)
	}
	then := time.Now().Add(-2 * time.Hour)
	for _, p := range left {
		if err := os.Chtimes(p, then, then); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := f.connect().Exec(f.Context(), "UPDATE worker SET seen = seen - interval '2 hours'"); err != nil {
		f.Fatal(err)
	}
}

// Processes are killed when a picture has been answered and not yet saved,
// when files have their names and the database knows nothing, before COMMIT
// reaches the server, and before its answer reaches them.
func faultSteps(f *faultTest) {
	first := f.start("")
	f.web.until(f.T, "a picture", func(hits []hit) bool {
		return len(hits) > 50 && strings.HasSuffix(hits[len(hits)-1].path, ".png")
	})
	_ = first.cmd.Process.Kill()
	first.wait(-1)
	for _, step := range []commitStep{commitBegins, commitSent, commitAnswered} {
		var count atomic.Int32
		reached := make(chan struct{})
		proxy := newDBProxy(f.T, f.db, func(s commitStep) bool {
			if s == step && count.Add(1) == 5 {
				close(reached)
			}
			return s != step || count.Load() < 5
		})
		p := f.start(proxy.url())
		select {
		case <-reached:
		case <-time.After(time.Minute):
			f.Fatalf("step %d did not come\n%s", step, &p.out)
		}
		_ = p.cmd.Process.Kill()
		p.wait(-1)
	}
	f.age()
	f.start("").wait(0)
	f.check(4 * faultCost)
	// What they had begun to save is gone from the directory.
	left, err := filepath.Glob(filepath.Join(f.dir, ".trawl", "tmp-*"))
	if err != nil || len(left) > 0 {
		f.Errorf("%v was left, %v", left, err)
	}
}

// Every third answer to a COMMIT is lost. It is found out that the commit was
// done: nothing is fetched twice, nothing recorded twice.
func faultAnswers(f *faultTest) {
	var count atomic.Int32
	proxy := newDBProxy(f.T, f.db, func(s commitStep) bool { return s != commitAnswered || count.Add(1)%3 != 0 })
	f.start(proxy.url()).wait(0)
	if n := count.Load(); n < 9 {
		f.Errorf("%d commits: this test shows nothing", n)
	}
	f.check(0)
}

// What one process and the database send each other does not arrive any more.
// Others take its hosts over. When the network is back what it brings is
// refused, and it ends well.
func faultPartition(f *faultTest) {
	proxy := newDBProxy(f.T, f.db, nil)
	cut := f.start(proxy.url())
	f.web.more(f.T, 100)
	other := f.start("")
	f.web.more(f.T, 50)
	proxy.set(stalled)
	other.wait(0)
	proxy.set(flowing)
	cut.wait(0)
	f.check(faultCost)
}

// The database is away for all processes, for longer than leases last and
// others wait after them. Everybody goes on when it is back.
func faultAway(f *faultTest) {
	proxy := newDBProxy(f.T, f.db, nil)
	a, b := f.start(proxy.url()), f.start(proxy.url())
	f.web.more(f.T, 100)
	proxy.set(gone)
	db := f.connect()
	for held := 1; held > 0; {
		// The server does the waiting.
		err := db.QueryRow(f.Context(), "SELECT (SELECT count(*) FROM part WHERE takeover > clock_timestamp()) FROM pg_sleep(0.2)").Scan(&held)
		if err != nil {
			f.Fatal(err)
		}
	}
	proxy.set(flowing)
	a.wait(0)
	b.wait(0)
	f.check(2 * faultCost)
}

// Processes come and are interrupted again and again. Without a fault nothing
// is fetched twice; and though all of them find the same pages at the same
// time, they never wait for each other in a circle.
func faultStorm(f *faultTest) {
	f.web.shared = 60
	db := f.connect()
	deadlocks := func() (n int) {
		if err := db.QueryRow(f.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&n); err != nil {
			f.Fatal(err)
		}
		return n
	}
	before := deadlocks()
	ps := []*faultProcess{f.start("")}
	f.web.more(f.T, 20)
	for range 6 {
		ps = append(ps, f.start(""))
		f.web.more(f.T, 50)
		if len(ps) > 2 {
			ps[0].interrupt()
			ps[0].wait(exitInterrupted)
			ps = ps[1:]
		}
	}
	for _, p := range ps {
		p.wait(0)
	}
	f.check(0)
	if n := deadlocks() - before; n > 0 {
		f.Errorf("%d transactions were broken off because they waited in a circle", n)
	}
}

// Somebody looks at the job in one transaction that lasts as long as the job,
// so that nothing which was taken out of the queue can be cleared away.
func faultLongRead(f *faultTest) {
	p := f.start("")
	f.web.more(f.T, 1)
	tx, err := f.connect().BeginTx(f.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		f.Fatal(err)
	}
	count := func() (n int) {
		if err := tx.QueryRow(f.Context(), "SELECT count(*) FROM request WHERE state = 0").Scan(&n); err != nil {
			f.Fatal(err)
		}
		return n
	}
	before := count()
	p.wait(0)
	if n := count(); n != before || n == 0 {
		f.Errorf("%d requests wait for the reader, %d before: this test shows nothing", n, before)
	}
	if err := tx.Rollback(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.check(0)
}

// One page leads to 60,000 pages, about as many as a spider can follow, nearly
// all of them on one host. Those of the other hosts do not wait for that one.
func faultHuge(f *faultTest) {
	const links = 60_000
	big := host(f.web.hosts - 1)
	f.web.first = func(p *page) {
		for i := range links {
			h := big
			if i%100 == 0 {
				h = host(1 + i/100%(f.web.hosts-2))
			}
			p.link(fmt.Sprintf("http://%s/%d", h, 1_000_000+i))
		}
	}
	p := f.start("")
	f.web.until(f.T, "the end of every other host's own pages", func(hits []hit) bool {
		n := 0
		for _, h := range hits {
			if h.host != big && len(h.path) < 5 {
				n++
			}
		}
		return n == (f.web.hosts-1)*f.web.pages
	})
	p.interrupt()
	p.wait(exitInterrupted)
	st, err := postgres.Open(f.Context(), f.db.URL("postgres"), &postgres.Options{Job: f.job, Existing: true})
	if err != nil {
		f.Fatal(err)
	}
	defer st.Close()
	stats, err := st.Stats(f.Context())
	if err != nil || stats.Pages.Total() < links || stats.Pages.Waiting < links*8/10 {
		f.Errorf("Stats() = %+v, %v; want %d pages and most of them waiting", stats, err, links)
	}
}

// Several processes begin a job at the same time, with two different spiders.
// One spider wins, and the others are told.
func faultSpiders(f *faultTest) {
	texts := [2]string{f.web.spider(faultDelay), f.web.spider(faultDelay) + "\n# another one\n"}
	var ps []*faultProcess
	for i := range 4 {
		f.spider = filepath.Join(filepath.Dir(f.spider), fmt.Sprint(i), "web.star")
		if err := os.MkdirAll(filepath.Dir(f.spider), 0o777); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(f.spider, []byte(texts[i%2]), 0o666); err != nil {
			f.Fatal(err)
		}
		ps = append(ps, f.start(""))
	}
	refused := [2]int{}
	for i, p := range ps {
		select {
		case <-p.ended:
		case <-time.After(2 * time.Minute):
			f.Fatalf("it does not end\n%s", &p.out)
		}
		switch code := p.cmd.ProcessState.ExitCode(); {
		case code == 2 && strings.Contains(p.out.String(), "was begun with another version of web.star"):
			refused[i%2]++
		case code != 0:
			f.Errorf("exit status %d\n%s", code, &p.out)
		}
	}
	if refused != [2]int{0, 2} && refused != [2]int{2, 0} {
		f.Errorf("%v processes were refused of either spider, want both of one", refused)
	}
	f.check(0)
}

// The job is spread over two databases, each of which has some of the hosts, and
// every page leads to both. One of them is away for a while, and one of the
// processes dies meanwhile: the hosts of the other go on, and what was found for
// the one that is away is there when it is back.
func faultShards(f *faultTest) {
	proxy := newDBProxy(f.T, pgtest.New(f, nil), nil)
	f.more = []string{proxy.url()}
	a, b := f.start(""), f.start("")
	f.web.more(f.T, 100)
	proxy.set(gone)
	// What was begun before it was away ends soon; then all comes from the
	// hosts of the other.
	f.web.more(f.T, 100)
	if err := a.cmd.Process.Kill(); err != nil {
		f.Fatal(err)
	}
	a.wait(-1)
	f.web.more(f.T, 50)
	posted := 0
	if err := f.connect().QueryRow(f.Context(), "SELECT count(*) FROM outbox").Scan(&posted); err != nil || posted == 0 {
		f.Errorf("%d links wait for the other database, %v: this test shows nothing", posted, err)
	}
	proxy.set(flowing)
	b.wait(0)
	f.start("").wait(0) // nothing is left
	f.check(3 * faultCost)

	// Without one of the two, or in another order, it is not the job.
	for _, other := range [][]string{nil, {f.db.URL("postgres")}} {
		f.more = other
		p := f.start(map[bool]string{true: "", false: proxy.url()}[other == nil])
		p.wait(2)
		if !strings.Contains(p.out.String(), "in the order in which it was begun") {
			f.Errorf("the message does not say what to do:\n%s", &p.out)
		}
	}
}
