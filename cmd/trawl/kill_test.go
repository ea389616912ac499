package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/trawl-go/trawl/internal/replica"
)

// kills is how often the loop kills the program before it lets it end.
const kills = 60

// inFlight is the most that may be fetched twice because of one kill: what
// all workers have under way, and one commit group.
const inFlight = 8 + 16 + 256

// TestKillLoop kills the real program with SIGKILL at random moments of its
// jobs, and starts it again with the same command, until each has come to its
// end. Nothing may be lost, nothing finished may be fetched again, and no
// file may be other than whole at any moment.
func TestKillLoop(t *testing.T) {
	bin := buildProgram(t)
	site := replica.New(&replica.Options{
		Mzitu: replica.MzituOptions{Galleries: 40, PerList: 20, Pages: 4},
	})
	if err := site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { site.Close() })
	whole := pictureHashes(t, site)

	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TRAWL_KILL_SEED"); s != "" {
		fmt.Sscan(s, &seed)
	}
	t.Logf("TRAWL_KILL_SEED=%d sets the same moments", seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	jobs := []killJob{
		{name: "mzitu", args: []string{"run", "mzitu", "-a", "pages=2"}},
		{name: "douban", args: []string{"run", "douban"}},
		{name: "doutula", args: []string{"run", "doutula", "-a", "pages=4"}},
	}
	for i := range jobs {
		j := &jobs[i]
		j.bin, j.site, j.pictures = bin, site, whole
		j.dir = filepath.Join(t.TempDir(), "undisturbed")
		before := site.Log().Len()
		if out, err := j.command().CombinedOutput(); err != nil {
			t.Fatalf("%s, undisturbed: %v\n%s", j.name, err, out)
		}
		j.requests = site.Log().Len() - before
		j.want = readResult(t, j.dir)
	}

	killed := 0
	for round := 0; killed < kills; round++ {
		j := jobs[round%len(jobs)]
		j.dir = filepath.Join(t.TempDir(), j.name)
		killed += j.run(t, rng)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills", killed)
}

// A killJob is a command that is killed until it ends.
type killJob struct {
	name     string
	args     []string
	bin, dir string
	site     *replica.Server
	pictures map[[32]byte]bool // hashes of all pictures of the site
	requests int               // that an undisturbed run makes
	want     result
}

func (j *killJob) command() *exec.Cmd {
	args := append(slices.Clone(j.args), "-d", j.dir, "-q")
	for _, c := range j.site.ConnectTo() {
		args = append(args, "--connect-to", c)
	}
	return exec.Command(j.bin, args...)
}

// run kills the job about every tenth of its way, lets it end, and returns
// how often it was killed.
func (j *killJob) run(t *testing.T, rng *rand.Rand) int {
	t.Helper()
	killed := 0
	done := make(map[string]bool) // what job.db says is done
	for {
		start := j.site.Log().Len()
		died, err := j.killAfter(t, start+rng.IntN(j.requests/5))
		if err := j.site.Log().Idle(t.Context()); err != nil {
			t.Fatal(err)
		}

		asked := j.site.Log().Since(start)
		for _, r := range asked {
			if u := r.Host + r.Path; done[u] {
				t.Errorf("%s: %s was done, and asked for again", j.name, u)
			}
		}
		if !died {
			if err != nil {
				t.Errorf("%s: %v", j.name, err)
			}
			j.checkEnd(t)
			return killed
		}
		killed++
		now := doneURLs(t, j.dir)
		for u := range done {
			if !now[u] {
				t.Errorf("%s: %s was done, and is not any more", j.name, u)
			}
		}
		lost := 0 // answered, and to be asked for again
		for _, r := range asked {
			if r.Whole && r.Status == 200 && !now[r.Host+r.Path] {
				lost++
			}
		}
		if lost > inFlight {
			t.Errorf("%s: a kill cost %d requests, want at most %d", j.name, lost, inFlight)
		}
		done = now
		j.checkFiles(t)
		if t.Failed() {
			return killed
		}
	}
}

// killAfter starts the program and kills it when the site has answered n
// requests, or lets it end if it does not make as many. It reports whether it
// was killed.
func (j *killJob) killAfter(t *testing.T, n int) (killed bool, err error) {
	t.Helper()
	cmd := j.command()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, ended := context.WithTimeout(t.Context(), time.Minute)
	defer ended()
	exited := make(chan error, 1)
	go func() {
		exited <- cmd.Wait()
		ended()
	}()
	log := j.site.Log()
	if log.Until(ctx, func() bool { return log.Len() >= n }) == nil {
		killed = cmd.Process.Kill() == nil
	}
	select {
	case err = <-exited:
	case <-t.Context().Done():
		_ = cmd.Process.Kill()
		err = <-exited
	}
	if err == nil {
		return false, nil // it ended before the kill
	}
	if !killed {
		return false, fmt.Errorf("%w\n%s", err, out.String())
	}
	return true, nil
}

// checkFiles checks that every file that has its final name is whole.
func (j *killJob) checkFiles(t *testing.T) {
	t.Helper()
	for path, sum := range readFiles(t, j.dir) {
		if !j.pictures[sum] {
			t.Errorf("%s: %s is not a whole picture of the site", j.name, path)
		}
	}
}

// checkEnd compares what there is with an undisturbed run.
func (j *killJob) checkEnd(t *testing.T) {
	t.Helper()
	got := readResult(t, j.dir)
	if !maps.Equal(got.files, j.want.files) {
		t.Errorf("%s: the files differ from those of an undisturbed run: %d kinds of content, want %d", j.name, len(got.files), len(j.want.files))
	}
	if !slices.Equal(got.records, j.want.records) {
		t.Errorf("%s: %d records, want the %d of an undisturbed run", j.name, len(got.records), len(j.want.records))
	}
	left, err := os.ReadDir(filepath.Join(j.dir, ".trawl", "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("%s: temporary files are left: %v %v", j.name, left, err)
	}
}

// A result is what a job made: how many files have a content, since which of
// two URLs gets the better name is not decided, and the records.
type result struct {
	files   map[[32]byte]int
	records []string
}

func readResult(t *testing.T, dir string) result {
	t.Helper()
	r := result{files: make(map[[32]byte]int)}
	for _, sum := range readFiles(t, dir) {
		r.files[sum]++
	}
	lines, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r.records = append(r.records, strings.Split(strings.TrimSpace(string(data)), "\n")...)
	}
	return r
}

// readFiles returns the hashes of the files that a job saved, by path.
func readFiles(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	sums := make(map[string][32]byte)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".trawl":
			return fs.SkipDir
		case d.IsDir() || filepath.Dir(p) == dir: // records are in the directory itself
			return nil
		}
		data, err := os.ReadFile(p)
		sums[p] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// pictureHashes returns the hashes of all pictures of the three sites.
func pictureHashes(t *testing.T, s *replica.Server) map[[32]byte]bool {
	t.Helper()
	m := make(map[[32]byte]bool)
	add := func(u string) {
		if body, _, ok := s.Picture(u); ok {
			m[sha256.Sum256(body)] = true
		}
	}
	e := s.Expected()
	for _, g := range e.Galleries {
		for _, p := range g.Pages {
			add(p.Image)
		}
	}
	for _, f := range e.Films {
		add(f.Poster)
	}
	for _, st := range e.Stickers {
		add(st.Original)
		add(st.Backup)
	}
	if len(m) < 500 {
		t.Fatalf("the site has %d pictures", len(m))
	}
	return m
}

// doneURLs returns what job.db says is done, without scheme.
func doneURLs(t *testing.T, dir string) map[string]bool {
	t.Helper()
	urls := make(map[string]bool)
	path := filepath.Join(dir, ".trawl", "job.db")
	if _, err := os.Stat(path); err != nil {
		return urls // killed before there was anything
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT url FROM requests WHERE state = 'done'")
	if err != nil {
		if strings.Contains(err.Error(), "no such table") {
			return urls // killed before the first transaction
		}
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var u string
		if err := rows.Scan(&u); err != nil {
			t.Fatal(err)
		}
		_, u, _ = strings.Cut(u, "://")
		urls[u] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return urls
}

// buildProgram builds the program as a release is built.
func buildProgram(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "trawl")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}
