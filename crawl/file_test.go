package crawl_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
)

// TestNameOfItsOwn fetches files again whose names are on disk already and
// their own: they are replaced and not renamed around, also where the name was
// changed to fit the content.
func TestNameOfItsOwn(t *testing.T) {
	w := newWorld(t)
	s := &goSpider{
		start: []string{"https://a.example.test/"},
		// The second is a PNG that is called JPEG, and the third gets the name
		// of the second with a suffix.
		parse: func(*trawl.Page) *trawl.Result {
			r := files("one.jpg", "two.jpg", "three.png")
			r.Files[1].URL = "https://a.example.test/two.png"
			r.Files[2].Path = "two.jpg"
			return r
		},
	}
	dir := t.TempDir()
	w.mustRun(dir, s, w.options())
	want := tree(t, dir)
	if len(want) != 3 {
		t.Fatalf("files: %v", want)
	}

	st := w.open(dir)
	var keys []trawl.Key
	contents := make(map[string]string)
	for f, err := range st.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, f.Key)
		contents[f.Path] = read(t, filepath.Join(dir, f.Path))
		write(t, filepath.Join(dir, f.Path), "changed")
	}
	if n, err := st.Redo(t.Context(), time.Now(), keys); n != 3 || err != nil {
		t.Fatalf("Redo = %d, %v", n, err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}

	if sum := w.mustRun(dir, s, w.options()); sum.Files.Done != 3 {
		t.Errorf("summary = %+v", sum)
	}
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
	for p, want := range contents {
		if got := read(t, filepath.Join(dir, p)); got != want {
			t.Errorf("%s was not replaced", p)
		}
	}
}

// TestKeepExtension leaves a file under the name that was asked for.
func TestKeepExtension(t *testing.T) {
	w := newWorld(t)
	s := &goSpider{
		start: []string{"https://a.example.test/"},
		parse: func(*trawl.Page) *trawl.Result {
			r := files("one.png", "two.png")
			r.Files[0].Path = "x.jpg"
			return r
		},
	}
	dir := t.TempDir()
	o := w.options()
	o.Crawl.KeepExt = true
	types := make(map[string]string)
	o.Crawl.Events.File = func(f crawl.FileDone) { types[f.Path] = f.Type }
	w.mustRun(dir, s, o)
	if diff := cmp.Diff(map[string]string{"x.jpg": "image/png", "two.png": "image/png"}, types); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"two.png", "x.jpg"}, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestLinks has equal files linked, also to one of an earlier run, and not to
// one that somebody has changed.
func TestLinks(t *testing.T) {
	w := newWorld(t)
	placeholders(w)
	n := 3
	s := &goSpider{parse: func(*trawl.Page) *trawl.Result {
		return files([]string{"same1.jpg", "same2.jpg", "same3.jpg", "same4.jpg"}[:n]...)
	}}
	dir := t.TempDir()
	o := w.options()
	o.Crawl.Hold, o.Crawl.Link = -1, true
	o.Crawl.Jobs = 1
	o.Crawl.Events.Warning = func(text string) { t.Errorf("warning: %s", text) }
	s.start = []string{"https://a.example.test/one"}
	w.mustRun(dir, s, o)
	st := w.open(dir)
	var first string
	for f, err := range st.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.DuplicateOf == "" {
			first = filepath.Join(dir, f.Path)
		}
	}
	must(t, st.Close())
	same := func(p string) bool {
		a, err1 := os.Stat(first)
		b, err2 := os.Stat(filepath.Join(dir, p))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return os.SameFile(a, b)
	}
	for _, p := range tree(t, dir) {
		if !same(p) || read(t, filepath.Join(dir, p)) != string(pictureOf("same.jpg")) {
			t.Errorf("%s is not a link", p)
		}
	}

	must(t, os.Remove(first))
	write(t, first, "changed")
	n = 4
	s.start = []string{"https://a.example.test/two"}
	w.mustRun(dir, s, o)
	if same("same4.jpg") || read(t, filepath.Join(dir, "same4.jpg")) != string(pictureOf("same.jpg")) {
		t.Error("a file was linked to one that had changed")
	}
	if left := tree(t, filepath.Join(dir, ".trawl", "tmp")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestNameOfAnother has a file come back with another type after its first
// name has passed to another file, which must not be overwritten.
func TestNameOfAnother(t *testing.T) {
	w := newWorld(t)
	s := &goSpider{
		start: []string{"https://a.example.test/"},
		parse: func(p *trawl.Page) *trawl.Result {
			if p.URL == "https://a.example.test/next" {
				r := files("two.jpg")
				r.Files[0].Path = "x.jpg"
				return r
			}
			r := files("one.png") // becomes x.png, and leaves x.jpg
			r.Files[0].Path = "x.jpg"
			r.Pages = []trawl.Request{{URL: "https://a.example.test/next"}}
			return r
		},
	}
	dir := t.TempDir()
	o := w.options()
	o.Crawl.Jobs = 1 // files come before pages: one.png before two.jpg
	w.mustRun(dir, s, o)
	if diff := cmp.Diff([]string{"x.jpg", "x.png"}, tree(t, dir)); diff != "" {
		t.Fatalf("files (-want +got):\n%s", diff)
	}
	two := read(t, filepath.Join(dir, "x.jpg"))

	st := w.open(dir)
	key := trawl.KeyOf(trawl.KindFile, "https://a.example.test/one.png")
	if n, err := st.Redo(t.Context(), time.Now(), []trawl.Key{key}); n != 1 || err != nil {
		t.Fatalf("Redo = %d, %v", n, err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		rw.Write(pictureOf("another.jpg"))
		return true
	}
	if sum := w.mustRun(dir, s, w.options()); sum.Files.Done != 1 {
		t.Errorf("summary = %+v", sum)
	}
	if read(t, filepath.Join(dir, "x.jpg")) != two {
		t.Error("the file of another was overwritten")
	}
	// Its old copy, x.png, is gone.
	if got := tree(t, dir); len(got) != 2 || got[1] != "x~"+key.String()[:6]+".jpg" {
		t.Errorf("files: %v", got)
	}
}
