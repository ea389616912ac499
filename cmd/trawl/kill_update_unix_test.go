//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
)

// A killSite has a page of pictures, half of them the same one, and kills the
// program that collects them when it asks for the n-th.
type killSite struct {
	*testing.T
	*httptest.Server
	dir  string
	args []string

	mu      sync.Mutex
	version byte // of the pictures that differ
	before  byte // the version that was there at first
	left    int  // requests until the kill; it is off below 0
	kill    func()
}

// killPictures is the number of pictures, the first half of which are
// placeholders.
const killPictures = 60

// allGood is a version without placeholders.
const allGood = 9

// picture returns a picture's bytes: a GIF, whose comment tells which it is.
func (s *killSite) picture(n int, version byte) []byte {
	if n < killPictures/2 && version != allGood {
		n, version = 0, 0
	}
	return slices.Concat([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"),
		[]byte{0x21, 0xfe, 3, byte(n), version, 'x', 0},
		[]byte("\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"))
}

func newKillSite(t *testing.T) *killSite {
	s := &killSite{T: t, dir: filepath.Join(t.TempDir(), "out"), version: 1, before: 1, left: -1}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	spider := filepath.Join(t.TempDir(), "kill.star")
	err := os.WriteFile(spider, []byte(`
name  = "kill"
start = ["http://kill.test/"]

def parse(page):
    for n in page.json():
        page.save("http://kill.test/%d.gif" % n, "%d.gif" % n)
`), 0o666)
	if err != nil {
		t.Fatal(err)
	}
	s.args = []string{"run", spider, "-d", s.dir, "-R", "0", "--connect-to", "kill.test=" + s.Listener.Addr().String()}
	return s
}

func (s *killSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.left--; s.left == 0 {
		s.kill()
	}
	version := s.version
	s.mu.Unlock()
	n := 0
	if _, err := fmt.Sscanf(r.URL.Path, "/%d.gif", &n); err != nil {
		var all []string
		for i := range killPictures {
			all = append(all, fmt.Sprint(i))
		}
		fmt.Fprintf(w, "[%s]", strings.Join(all, ","))
		return
	}
	body := s.picture(n, version)
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, body))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body)) // does If-None-Match
}

// run runs the program with further arguments until it ends by itself, and
// kills it before at random moments, times times. It looks at what is there
// after each.
func (s *killSite) run(rng *rand.Rand, times, status int, more ...string) {
	s.Helper()
	for i := range times + 1 {
		s.mu.Lock()
		c := startTrawl(s.T, append(s.args, more...)...)
		s.kill, s.left = func() { _ = c.cmd.Process.Signal(syscall.SIGKILL) }, -1 // it may have ended
		if i < times {
			s.left = 1 + rng.IntN(killPictures)
		}
		s.mu.Unlock()
		err := c.cmd.Wait()
		s.mu.Lock()
		killed := i < times && s.left <= 0
		s.mu.Unlock()
		if got := c.cmd.ProcessState.ExitCode(); !killed && got != status {
			s.Fatalf("run %d ended with %v, want status %d\n%s", i, err, status, &c.stderr)
		}
		s.inspect()
		if s.Failed() {
			s.Fatalf("after kill %d\n%s", i, &c.stderr)
		}
		if !killed && i < times {
			return // nothing was left to ask for
		}
	}
}

// inspect checks that every file that is recorded is there and whole: of the
// version recorded, or of the one that was about to be.
func (s *killSite) inspect() {
	s.Helper()
	files, err := recorded(s.dir)
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range files {
		n := 0
		fmt.Sscanf(f.Path, "%d.gif", &n)
		got, err := os.ReadFile(filepath.Join(s.dir, f.Path))
		if err != nil || !bytes.Equal(got, s.picture(n, s.before)) && !bytes.Equal(got, s.picture(n, s.version)) {
			s.Errorf("%s is recorded, and holds %q, %v", f.Path, got, err)
		}
	}
}

// finished checks that the good files are there in the present version, and
// the others are where they belong: held, or under their names.
func (s *killSite) finished(held bool) {
	s.Helper()
	st, err := sqlite.Open(s.Context(), s.dir, &sqlite.Options{ReadOnly: true})
	if err != nil {
		s.Fatal(err)
	}
	defer st.Close()
	there := make(map[string]bool)
	for f, err := range st.Held(s.Context()) {
		if err != nil {
			s.Fatal(err)
		}
		there[filepath.Join(s.dir, store.HeldDir, f.HeldName())] = true
	}
	n := len(there)
	for f, err := range st.Files(s.Context()) {
		if err != nil {
			s.Fatal(err)
		}
		there[filepath.Join(s.dir, f.Path)] = true
	}
	if want := map[bool]int{true: killPictures / 2}[held]; n != want || len(there) != killPictures {
		s.Errorf("%d of %d files are held, want %d of %d", n, len(there), want, killPictures)
	}
	for _, pattern := range []string{"*.gif", store.HeldDir + "/*"} {
		ps, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			s.Fatal(err)
		}
		for _, p := range ps {
			if !there[p] {
				s.Errorf("%s was left", p)
			}
			delete(there, p)
		}
	}
	for p := range there {
		s.Errorf("%s is missing", p)
	}
	var out bytes.Buffer
	if got := run(s.Context(), []string{"verify", s.dir}, strings.NewReader(""), &out, &out); got != 0 {
		s.Errorf("verify ends with %d\n%s", got, &out)
	}
}

// TestKillHeldAndUpdate kills the program while it puts placeholders aside, and
// while it updates files that have changed.
func TestKillHeldAndUpdate(t *testing.T) {
	t.Parallel()
	seed := uint64(envInt(t, "TRAWL_KILL_SEED", int(time.Now().UnixNano()&0xffffffff)))
	t.Logf("TRAWL_KILL_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	s := newKillSite(t)
	s.run(rng, 4, exitBody)
	s.finished(true)

	s.mu.Lock()
	s.version = 2
	s.mu.Unlock()
	s.run(rng, 4, exitBody, "--update")
	s.finished(true)
	for n := killPictures / 2; n < killPictures; n++ {
		got, err := os.ReadFile(filepath.Join(s.dir, fmt.Sprintf("%d.gif", n)))
		if err != nil || !bytes.Equal(got, s.picture(n, 2)) {
			t.Errorf("%d.gif is not the new one: %q, %v", n, got, err)
		}
	}

	var out bytes.Buffer
	if got := run(t.Context(), []string{"retry", s.dir, "--accept-held"}, strings.NewReader(""), &out, &out); got != 0 {
		t.Errorf("retry --accept-held ends with %d\n%s", got, &out)
	}
	s.finished(false)
}

// TestKillUpdateToPlaceholders kills the program while it updates files of which
// half have become placeholders: what these were is there under their names.
func TestKillUpdateToPlaceholders(t *testing.T) {
	t.Parallel()
	seed := uint64(envInt(t, "TRAWL_KILL_SEED", int(time.Now().UnixNano()&0xffffffff)))
	t.Logf("TRAWL_KILL_SEED=%d", seed)
	s := newKillSite(t)
	s.version, s.before = allGood, allGood
	s.run(nil, 0, 0)
	s.mu.Lock()
	s.version = 2
	s.mu.Unlock()
	s.run(rand.New(rand.NewPCG(seed, 2)), 5, exitBody, "--update")

	for n := range killPictures {
		want := s.picture(n, allGood)
		if n >= killPictures/2 {
			want = s.picture(n, 2)
		}
		got, err := os.ReadFile(filepath.Join(s.dir, fmt.Sprintf("%d.gif", n)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d.gif holds %q, %v, want %q", n, got, err, want)
		}
	}
	held, err := filepath.Glob(filepath.Join(s.dir, store.HeldDir, "*"))
	if err != nil || len(held) != killPictures/2 || slices.ContainsFunc(held, func(p string) bool { return !strings.HasSuffix(p, ".gif") }) {
		t.Errorf("held: %v, %v, want %d pictures", held, err, killPictures/2)
	}
}
