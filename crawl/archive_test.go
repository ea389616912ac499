package crawl_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/archive"
	"github.com/trawl-go/trawl/job"
)

// TestArchiveAfterKill has the next run add what a process that died had
// recorded in the job and not in the archive, and no more than once.
func TestArchiveAfterKill(t *testing.T) {
	w := newWorld(t)
	s := &goSpider{
		start: []string{"https://a.example.test/"},
		parse: func(*trawl.Page) *trawl.Result { return files("one.jpg", "two.jpg") },
	}
	dir, list := t.TempDir(), filepath.Join(t.TempDir(), "a.db")
	o := w.options()
	o.Archive = list
	w.mustRun(dir, s, o)
	listed := func() map[string]bool {
		t.Helper()
		a, err := archive.Open(t.Context(), list)
		must(t, err)
		defer a.Close()
		m := make(map[string]bool)
		for _, p := range []string{"one.jpg", "two.jpg"} {
			m[p], err = a.Has(t.Context(), "https://a.example.test/"+p)
			must(t, err)
		}
		return m
	}
	all := map[string]bool{"one.jpg": true, "two.jpg": true}
	if diff := cmp.Diff(all, listed()); diff != "" {
		t.Fatalf("in the archive (-want +got):\n%s", diff)
	}

	drop := func() {
		t.Helper()
		a, err := archive.Open(t.Context(), list)
		must(t, err)
		must(t, a.Drop(t.Context(), []string{"https://a.example.test/two.jpg"}))
		must(t, a.Close())
	}
	// A run that ended well is not gone through again.
	drop()
	w.mustRun(dir, s, o)
	if got := listed(); got["two.jpg"] {
		t.Error("the files were added again after a run that ended well")
	}
	st := w.open(dir)
	must(t, st.Set(t.Context(), "archived", "")) // as it is during a run
	must(t, st.Close())
	w.mustRun(dir, s, o)
	if diff := cmp.Diff(all, listed()); diff != "" {
		t.Errorf("in the archive (-want +got):\n%s", diff)
	}

	// Another job shares it, and one with another archive fetches.
	other := t.TempDir()
	if sum := w.mustRun(other, s, o); sum.Files.Done != 0 || sum.Files.Already != 2 {
		t.Errorf("summary = %+v", sum)
	}
	if got := tree(t, other); len(got) != 0 {
		t.Errorf("files: %v", got)
	}
	o.Archive = filepath.Join(t.TempDir(), "b.db")
	if sum := w.mustRun(t.TempDir(), s, o); sum.Files.Done != 2 {
		t.Errorf("summary = %+v", sum)
	}
}

// TestBadArchive does not begin a job with an archive that cannot be used.
func TestBadArchive(t *testing.T) {
	w := newWorld(t)
	text := filepath.Join(t.TempDir(), "text")
	write(t, text, "this is no archive, however long it may be, and stays as it is")
	o := w.options()
	o.Archive = text
	s := &goSpider{start: []string{"https://a.example.test/"}}
	var ae *archive.Error
	if _, err := job.Open(t.Context(), t.TempDir(), job.Plan{Name: "test", Spiders: []trawl.Spider{s}}, o); !errors.As(err, &ae) {
		t.Errorf("Open = %v, want an *archive.Error", err)
	}
	if w.total() != 0 {
		t.Errorf("%d requests", w.total())
	}
}
