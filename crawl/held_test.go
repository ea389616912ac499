package crawl_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/job"
)

// placeholders has the host a.example.test give the same picture for every
// address below /same.
func placeholders(w *world) {
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/same") {
			return false
		}
		rw.Write(pictureOf("same.jpg"))
		return true
	}
}

// heldFiles returns the copies of held files in a job's directory, by the
// path of the file.
func heldFiles(w *world, dir string) map[string]string {
	w.Helper()
	st := w.open(dir)
	defer st.Close()
	m := make(map[string]string)
	for f, err := range st.Held(w.Context()) {
		if err != nil {
			w.Fatal(err)
		}
		m[f.Path] = filepath.Join(dir, store.HeldDir, f.HeldName())
	}
	return m
}

var sameFive = &goSpider{
	start: []string{"https://a.example.test/"},
	parse: func(*trawl.Page) *trawl.Result {
		return files("same1.jpg", "same2.jpg", "same3.jpg", "same4.jpg", "same5.jpg", "other.jpg")
	},
}

// TestHeldAfterKill brings about what a kill between the record and the move
// of a held file leaves, or one between the move and the record of one that
// is accepted, and has the next run put it right.
func TestHeldAfterKill(t *testing.T) {
	w := newWorld(t)
	placeholders(w)
	dir := t.TempDir()
	sum := w.mustRun(dir, sameFive, w.options())
	if sum.Files.Done != 1 || sum.Files.Failed != 5 || sum.Duplicates != 0 {
		t.Errorf("summary = %+v", sum)
	}
	held := heldFiles(w, dir)
	if len(held) != 5 {
		t.Fatalf("held: %v", held)
	}

	// Recorded and not moved; moved to be accepted and not recorded; and a
	// copy of one that is not held any more.
	for p, copy := range held {
		if p != "same3.jpg" {
			if err := os.Rename(copy, filepath.Join(dir, p)); err != nil {
				t.Fatal(err)
			}
		}
	}
	stray := filepath.Join(dir, store.HeldDir, "stray.jpg")
	write(t, stray, "x")
	w.mustRun(dir, sameFive, w.options())
	if diff := cmp.Diff([]string{"other.jpg"}, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for p, copy := range held {
		if read(t, copy) != string(pictureOf("same.jpg")) {
			t.Errorf("%s is not what was held", p)
		}
	}
	if _, err := os.Stat(stray); !os.IsNotExist(err) {
		t.Errorf("the stray copy: %v", err)
	}

	// Fetched anew, and not recorded: that one is not to be moved.
	write(t, filepath.Join(dir, "same1.jpg"), "fresh")
	w.mustRun(dir, sameFive, w.options())
	if read(t, filepath.Join(dir, "same1.jpg")) != "fresh" || read(t, held["same1.jpg"]) == "fresh" {
		t.Error("a file fetched anew took the place of the held one")
	}

	// One is there already when they are accepted, and has no copy.
	if err := os.Rename(held["same2.jpg"], filepath.Join(dir, "same2.jpg")); err != nil {
		t.Fatal(err)
	}
	n, lost, err := job.AcceptHeld(t.Context(), dir)
	if n != 5 || len(lost) != 0 || err != nil {
		t.Errorf("AcceptHeld = %d, %v, %v", n, lost, err)
	}
	for p := range held {
		if read(t, filepath.Join(dir, p)) != string(pictureOf("same.jpg")) {
			t.Errorf("%s is not what was held", p)
		}
	}
	if sum := w.mustRun(dir, sameFive, w.options()); sum.Files.Already != 6 || sum.Files.Failed != 0 {
		t.Errorf("summary = %+v", sum)
	}
}

// TestHeldIsTold has files held that were reported as done, in an earlier run
// and in this one.
func TestHeldIsTold(t *testing.T) {
	w := newWorld(t)
	placeholders(w)
	dir := t.TempDir()
	n := 3
	s := &goSpider{parse: func(*trawl.Page) *trawl.Result {
		return files([]string{"same1.jpg", "same2.jpg", "same3.jpg", "same4.jpg", "same5.jpg"}[:n]...)
	}}
	s.start = []string{"https://a.example.test/one"}
	if sum := w.mustRun(dir, s, w.options()); sum.Files.Done != 3 || sum.Duplicates != 2 {
		t.Errorf("summary = %+v", sum)
	}
	n = 5
	s.start = []string{"https://a.example.test/two"}
	told := make(map[string]int)
	o := w.options()
	o.Crawl.Jobs = 1
	o.Crawl.Events.Failed = func(f crawl.Failed) { told[f.Reason]++ }
	sum := w.mustRun(dir, s, o)
	if sum.Files != (crawl.Tally{Failed: 5}) || sum.Bytes != 0 || sum.Duplicates != 0 {
		t.Errorf("summary = %+v", sum)
	}
	if diff := cmp.Diff(map[string]int{"held": 5}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
