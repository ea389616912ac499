package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/replica"
)

// kills is how often TestKillLoop kills the program; the environment variable
// TRAWL_KILLS may ask for more, and TRAWL_KILL_SEED for a run that was seen.
const kills = 60

// inFlight is what the program works on at a time: 8 pages, 16 files.
const inFlight = 24

// commitGroup is how many outcomes are finished and not durable at most.
const commitGroup = 512

// TestKillLoop kills the program at random moments of a job with all three
// spiders, and has it go on. After each kill it looks at what is there, and at
// the end of each job whether it is what an undisturbed run gives.
//
// The moments are counted in requests and in lines of output, so that they are
// spread over the whole run, the time after the last request included,
// however fast the machine is.
func TestKillLoop(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	k := newKillTest(t)
	want := k.undisturbed()
	t.Logf("undisturbed: %d requests, %d files", k.requests, k.lines)

	n, jobs, repeated := 0, 0, 0
	for goal := envInt(t, "TRAWL_KILLS", kills); n < goal; jobs++ {
		j := &killJob{killTest: k, dir: t.TempDir(), done: make(map[string]bool), whole: make(map[string]bool)}
		for j.run(k.moment(float64(len(j.whole)) / float64(k.requests))) {
			n++
			j.inspect()
			if t.Failed() {
				t.Fatalf("after kill %d, of job %d", n, jobs)
			}
		}
		j.checkLog()
		j.compare(want)
		if t.Failed() {
			t.Fatalf("after job %d", jobs)
		}
		repeated = max(repeated, j.mostRepeated)
		os.RemoveAll(j.dir)
	}
	t.Logf("%d kills in %d jobs; a kill cost %d requests at most", n, jobs, repeated)
}

func envInt(t *testing.T, name string, def int) int {
	s := os.Getenv(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

type killTest struct {
	*testing.T
	site     *replica.Server
	program  string
	args     []string
	rand     *rand.Rand
	pictures map[[32]byte]bool // of all pictures of the site
	requests int               // of an undisturbed run
	lines    int               // that it prints
}

func newKillTest(t *testing.T) *killTest {
	seed := uint64(envInt(t, "TRAWL_KILL_SEED", int(time.Now().UnixNano()&0xffffffff)))
	t.Logf("TRAWL_KILL_SEED=%d", seed)
	small := image.Pt(60, 80)
	k := &killTest{
		T: t,
		site: replica.New(&replica.Options{
			Mzitu:        replica.MzituOptions{Galleries: 8, Pages: 3, Size: small},
			Douban:       replica.DoubanOptions{Size: small},
			Doutula:      replica.DoutulaOptions{Pages: 2, Size: small},
			PictureBytes: 20_000,
			Latency:      5 * time.Millisecond, Jitter: 5 * time.Millisecond,
		}),
		program: buildTrawl(t),
		rand:    rand.New(rand.NewPCG(seed, 0)),
	}
	if err := k.site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.site.Close() })

	k.args = []string{"get", "-n", "https://www.mzitu.com/page/1/",
		"https://www.doutula.com/photo/list/?page=1", "https://www.doutula.com/photo/list/?page=2"}
	for i := range 3 {
		k.args = append(k.args, fmt.Sprintf("https://movie.douban.com/top250?start=%d", 25*i))
	}
	for _, c := range k.site.ConnectTo() {
		k.args = append(k.args, "--connect-to", c)
	}
	k.learnPictures()
	return k
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// buildTrawl builds the program as its users have it, without the race
// detector whatever the tests are built with: it is faster, and its worker
// processes have a limit of memory.
func buildTrawl(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "trawl"+exe())
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func (k *killTest) learnPictures() {
	k.pictures = make(map[[32]byte]bool)
	learn := func(url string) {
		if b, _, ok := k.site.Picture(url); ok {
			k.pictures[sha256.Sum256(b)] = true
		}
	}
	e := k.site.Expected()
	for _, f := range e.Films {
		learn(f.Poster)
	}
	for _, g := range e.Galleries {
		for _, p := range g.Pages {
			learn(p.Image)
		}
	}
	for _, s := range e.Stickers {
		learn(s.Original)
		learn(s.Backup)
	}
}

// A moment is when to kill: after so many requests, or so many lines of output,
// of one run.
type moment struct{ requests, lines int }

// moment returns a random one for a job of which a part is done, from 0 to 1.
func (k *killTest) moment(part float64) moment {
	left := func(n int) int { return int(float64(n) * (1 - part)) }
	switch k.rand.IntN(4) {
	case 0: // just after a commit, or in the work after the last one
		return moment{lines: 1 + k.rand.IntN(max(left(k.lines), 1))}
	case 1: // near the beginning
		return moment{requests: 1 + k.rand.IntN(20)}
	}
	// A few more than are left: it comes to its end now and then.
	return moment{requests: 1 + k.rand.IntN(left(k.requests)+10)}
}

// start runs the program into dir.
func (k *killTest) start(dir string, stdout, stderr *bytes.Buffer) (*exec.Cmd, *output) {
	cmd := exec.CommandContext(k.Context(), k.program, append(slices.Clone(k.args), "-d", dir)...)
	out := &output{text: stdout, changed: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = out, stderr
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	return cmd, out
}

// An output counts the lines that are written to it.
type output struct {
	text    *bytes.Buffer
	lines   atomic.Int64
	changed chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.text.Write(p)
	o.lines.Add(int64(bytes.Count(p, []byte("\n"))))
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

// A fileOf is what became of a file: its path without what tells it from
// others of that name, and its content.
type fileOf struct {
	path string
	sum  [32]byte
}

// undisturbed runs the job once, checks it, and returns its files by URL.
func (k *killTest) undisturbed() map[string]fileOf {
	dir := k.TempDir()
	var stdout, stderr bytes.Buffer
	cmd, out := k.start(dir, &stdout, &stderr)
	if err := cmd.Wait(); err != nil {
		k.Fatalf("%v\n%s", err, &stderr)
	}
	k.idle()
	k.requests, k.lines = k.site.Log().Len(), int(out.lines.Load())
	files := k.files(dir)
	records, err := os.ReadFile(filepath.Join(dir, "top250.jsonl"))
	if err != nil || bytes.Count(records, []byte("\n")) != 75 || k.lines != len(files)-2 || k.lines < 250 {
		k.Fatalf("the undisturbed run: %d files, %d lines of output, %d bytes of records, %v", len(files)-2, k.lines, len(records), err)
	}
	return files
}

func (k *killTest) idle() {
	if err := k.site.Log().Idle(k.Context()); err != nil {
		k.Fatal(err)
	}
}

var apart = regexp.MustCompile(`~[0-9a-f]+(\.\w+)?$`)

// files checks the files of a finished job and returns them by URL, with the
// records under their names.
func (k *killTest) files(dir string) map[string]fileOf {
	k.Helper()
	list, err := recorded(dir)
	if err != nil {
		k.Fatal(err)
	}
	if err := checkDir(k.site, dir, list, []string{"top250.jsonl", "top250.csv"}); err != nil {
		k.Errorf("at the end: %v", err)
	}
	files := make(map[string]fileOf)
	plain := make(map[string]int) // files that bear a name as it is
	for _, f := range list {
		p := apart.ReplaceAllString(f.Path, "$1")
		files[f.URL] = fileOf{p, f.SHA256}
		if _, ok := plain[p]; !ok {
			plain[p] = 0
		}
		if p == f.Path {
			plain[p]++
		}
	}
	for p, n := range plain {
		if n != 1 {
			k.Errorf("%d files have the name %s, want 1", n, p)
		}
	}
	if len(files) != len(list) {
		k.Errorf("%d files have %d URLs", len(list), len(files))
	}
	for _, name := range []string{"top250.jsonl", "top250.csv"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			k.Error(err)
		}
		files[name] = fileOf{name, sha256.Sum256(data)}
	}
	return files
}

// A killJob is a job that is killed again and again.
type killJob struct {
	*killTest
	dir    string
	stdout bytes.Buffer
	runs   int
	mark   int // length of the log when the last run began

	done  map[string]bool // URLs that were recorded as done after some kill
	whole map[string]bool // URLs that were answered whole in some earlier run

	mostRepeated int
}

// run runs the job and kills it at a moment. It reports whether it was
// killed; otherwise it came to its end.
func (j *killJob) run(at moment) bool {
	j.Helper()
	log := j.site.Log()
	j.mark = log.Len()
	j.runs++
	j.stdout.Reset()
	var stderr bytes.Buffer
	cmd, out := j.start(j.dir, &j.stdout, &stderr)

	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ctx, cancel := context.WithCancel(j.Context())
	defer cancel()
	reached := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if at.requests > 0 {
			if log.Until(ctx, func() bool { return log.Len()+log.Active() >= j.mark+at.requests }) == nil {
				close(reached)
			}
			return
		}
		for out.lines.Load() < int64(at.lines) {
			select {
			case <-out.changed:
			case <-ctx.Done():
				return
			}
		}
		close(reached)
	}()
	defer func() { cancel(); <-watched }()

	var err error
	select {
	case err = <-ended:
	case <-reached:
		cmd.Process.Kill()
		err = <-ended
		if cmd.ProcessState.ExitCode() == -1 || runtime.GOOS == "windows" && err != nil {
			return true
		}
		// It had ended by itself.
	}
	if err != nil {
		j.Fatalf("run %d: %v\n%s", j.runs, err, &stderr)
	}
	return false
}

// inspect looks at the directory after a kill.
func (j *killJob) inspect() {
	j.Helper()
	j.checkLog()
	files, err := recorded(j.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if j.stdout.Len() > 0 {
			j.Errorf("there is no job, and files were reported: %s", &j.stdout)
		}
		return
	}
	if err != nil {
		j.Fatal(err)
	}

	// What is recorded is there, whole, and so is all else that has a name.
	paths := make(map[string]bool)
	for _, f := range files {
		paths[f.Path] = true
		got, err := os.ReadFile(filepath.Join(j.dir, filepath.FromSlash(f.Path)))
		if want, _, ok := j.site.Picture(f.URL); err != nil || !ok || !bytes.Equal(got, want) {
			j.Errorf("%s is recorded and holds %d bytes, want %d of %s (%v)", f.Path, len(got), len(want), f.URL, err)
		}
	}
	err = filepath.WalkDir(j.dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".trawl":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := os.ReadFile(p)
		switch {
		case err != nil:
			return err
		case d.Name() == "top250.jsonl":
			// It grows by lines, and is cut to the last good one.
		case d.Name() == "top250.csv":
			if bytes.Count(data, []byte("\n")) != 76 {
				j.Errorf("a table that is not whole: %s", data)
			}
		case !j.pictures[sha256.Sum256(data)]:
			j.Errorf("%s holds %d bytes that are no picture of the site", p, len(data))
		}
		return nil
	})
	if err != nil {
		j.Fatal(err)
	}

	// What was reported is durable.
	sc := bufio.NewScanner(&j.stdout)
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "  (same content as ")
		if !paths[line] {
			j.Errorf("%q was reported, but is not recorded", line)
		}
	}
	j.learnDone()
}

// learnDone reads what the job has recorded as done, which is never less than
// before.
func (j *killJob) learnDone() {
	path := filepath.ToSlash(filepath.Join(j.dir, ".trawl", "job.db"))
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro"}).String())
	if err != nil {
		j.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(j.Context(), "SELECT url, coalesce(rest, '') FROM requests WHERE state = 'done'")
	if err != nil {
		j.Fatal(err)
	}
	defer rows.Close()
	now := make(map[string]bool)
	for rows.Next() {
		var u, rest string
		if err := rows.Scan(&u, &rest); err != nil {
			j.Fatal(err)
		}
		now[address(j.T, u)] = true
		var more struct {
			Backup []string `json:"backup"`
		}
		if rest != "" {
			if err := json.Unmarshal([]byte(rest), &more); err != nil {
				j.Fatal(err)
			}
		}
		for _, b := range more.Backup {
			now[address(j.T, b)] = true
		}
	}
	if err := rows.Err(); err != nil {
		j.Fatal(err)
	}
	for a := range j.done {
		if !now[a] {
			j.Errorf("%s was done, and is not any more", a)
		}
	}
	j.done = now
}

// address returns a URL as the log has it: host and path.
func address(t *testing.T, rawURL string) string {
	c, err := trawl.Canonical(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(c, "://")
	return rest
}

// checkLog looks at the requests of the last run: nothing that was done before
// it, and little that was answered before it.
func (j *killJob) checkLog() {
	j.Helper()
	j.idle()
	repeated := 0
	var whole []string
	for _, r := range j.site.Log().Since(j.mark) {
		if r.Path == "/robots.txt" {
			continue
		}
		a := r.Host + r.Path
		if j.done[a] {
			j.Errorf("run %d asked for %s, which was done", j.runs, a)
		}
		if j.whole[a] {
			repeated++
		}
		if r.Whole && r.Status == 200 {
			whole = append(whole, a)
		}
	}
	for _, a := range whole {
		j.whole[a] = true
	}
	if repeated > inFlight+commitGroup {
		j.Errorf("run %d repeated %d requests, want %d at most", j.runs, repeated, inFlight+commitGroup)
	}
	j.mostRepeated = max(j.mostRepeated, repeated)
}

// compare compares what there is at the end with what an undisturbed run
// gives.
func (j *killJob) compare(want map[string]fileOf) {
	j.Helper()
	if diff := cmp.Diff(want, j.files(j.dir), cmp.AllowUnexported(fileOf{})); diff != "" {
		j.Errorf("not as in an undisturbed run (-want +got):\n%s", diff)
	}
}
