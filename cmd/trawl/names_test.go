package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/sqlite"
)

// names are what a page asks for, and where that goes. A "~" in want stands
// for "~" with digits: the name was another's. Each name has a URL of its own.
var names = []struct{ name, asked, want string }{
	{"plain", "a/1.png", "a/1.png"},
	{"Chinese", "性感美女/第一页.png", "性感美女/第一页.png"},
	{"parent directories", "../../escape.png", "_/_/escape.png"},
	{"parent directory alone", "up/..", "up/_.png"},
	{"this directory", "here/.", "here/_.png"},
	{"absolute", "/etc/passwd.png", "etc/passwd.png"},
	{"backslashes", `..\..\windows.png`, "_._.._windows.png"},
	{"drive", "C:/x.png", "C_/x.png"},
	{"stream", "a.png:evil.png", "a.png_evil.png"},
	{"NUL character", "nul\x00byte.png", "nul_byte.png"},
	{"escape sequence", "esc\x1b]0;title\x07.png", "esc_]0;title_.png"},
	{"newline", "new\nline.png", "new line.png"},
	{"right to left", "photo\u202egnp.exe.png", "photognp.exe.png"},
	{"reserved by Windows", "con/NUL.png", "_con/_NUL.png"},
	{"dots and spaces at the end", "dots. ./x. .png", "dots/x. .png"},
	{"hidden", ".git/hooks.png", "_git/hooks.png"},
	{"the job's own directory", ".trawl/job.png", "_trawl/job.png"},
	{"an option", "-rf.png", "_rf.png"},
	{"300 bytes of Chinese", strings.Repeat("漂", 100) + ".png", strings.Repeat("漂", 78) + ".png"},
	{"nothing usable", "/./ /..", "_/_/_.png"},
	{"case", "case.png", "case.png"},
	{"other case", "CASE.PNG", "CASE~.PNG"},
	{"composed", "caf\u00e9.png", "caf\u00e9.png"},
	{"decomposed", "cafe\u0301.png", "caf\u00e9~.png"},
	{"same name", "a/1.png", "a/1~.png"},
	{"same name when cleaned", "a/ 1.png", "a/1~.png"},
	{"directory that is a file", "a/1.png/x.png", "a/1~.png/x.png"},
	{"another extension", "wrong.jpg", "wrong~.png"},
	{"name of an extension that is corrected", "wrong.png", "wrong.png"},
	{"the records' own", "names.jsonl", "names~.jsonl.png"},
	{"foreign file", "mine.png", "mine~.png"},
	{"link", "link.png", "link~.png"},
	{"directory behind a link that stays inside", "inside/x.png", "inside_x.png"},
	{"directory behind a link that leads out", "outside/x/y.png", "outside_x_y.png"},
	{"directory behind a link that leads nowhere", "link.png/x.png", "link.png_x.png"},
	{"directory that is a foreign file", "mine.png/x.png", "mine.png_x.png"},
}

// TestNames has the program save pictures under names of all kinds, on a disk
// where some are taken. Two files never share a name, none leaves the
// directory, and one URL has the same name in every run.
func TestNames(t *testing.T) {
	t.Parallel()
	picture := func(n int) []byte {
		img := image.NewNRGBA(image.Rect(0, 0, 2, 2))
		img.SetNRGBA(0, 0, color.NRGBA{uint8(n), uint8(n >> 8), 7, 255})
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	asked := make([]string, len(names))
	for i, n := range names {
		asked[i] = n.asked
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		switch _, err := fmt.Sscanf(r.URL.Path, "/%d.png", &n); {
		case r.URL.Path == "/":
			json.NewEncoder(w).Encode(asked)
		case err == nil:
			w.Header().Set("Content-Disposition", `attachment; filename="../../dropped.sh"`)
			w.Write(picture(n))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()

	top := t.TempDir()
	dir := filepath.Join(top, "in", "job")
	spider := filepath.Join(top, "names.star")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "real"), 0o777))
	must(os.Mkdir(filepath.Join(top, "elsewhere"), 0o777))
	must(os.WriteFile(filepath.Join(dir, "mine.png"), []byte("mine"), 0o666))
	must(os.Symlink(filepath.Join("..", "..", "elsewhere", "new.png"), filepath.Join(dir, "link.png")))
	must(os.Symlink("real", filepath.Join(dir, "inside")))
	must(os.Symlink(filepath.Join("..", "..", "elsewhere"), filepath.Join(dir, "outside")))
	must(os.WriteFile(spider, []byte(`
name  = "names"
start = ["http://names.test/"]

def parse(page):
    n = 0
    for name in page.json():
        page.save("http://names.test/%d.png" % n, name)
        n += 1
    page.item(files = n)
`), 0o666))

	collect := func() {
		t.Helper()
		var stderr bytes.Buffer
		args := []string{"run", spider, "-d", dir, "-R", "0", "--connect-to", "names.test=" + server.Listener.Addr().String()}
		if got := run(t.Context(), args, strings.NewReader(""), &bytes.Buffer{}, &stderr); got != 0 {
			t.Fatalf("exit status %d\n%s", got, &stderr)
		}
		if strings.ContainsAny(stderr.String(), "\x1b\x07\u202e") {
			t.Errorf("a name commands the terminal: %q", &stderr)
		}
	}
	where := func() map[string]string {
		t.Helper()
		files, err := recorded(dir)
		must(err)
		m := make(map[string]string)
		for _, f := range files {
			m[f.URL] = f.Path
		}
		return m
	}
	collect()
	got := where()
	folded := make(map[string]bool)
	for i, n := range names {
		p := got[fmt.Sprintf("http://names.test/%d.png", i)]
		if !matchesName(n.want, p) {
			t.Errorf("%s: %q goes to %q, want %q", n.name, n.asked, p, n.want)
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(p)))
		if err != nil || !bytes.Equal(data, picture(i)) {
			t.Errorf("%s: %q does not hold the picture: %v", n.name, p, err)
		}
		if f := strings.ToLower(p); folded[f] {
			t.Errorf("%s: %q is the name of another", n.name, p)
		} else {
			folded[f] = true
		}
	}
	if len(got) != len(names) {
		t.Errorf("%d files are recorded, want %d", len(got), len(names))
	}

	// Nothing but what was there is outside of the directory.
	var outside []string
	must(filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if p == dir {
			return fs.SkipDir
		}
		outside = append(outside, filepath.Base(p))
		return err
	}))
	slices.Sort(outside[1:])
	if diff := cmp.Diff([]string{"elsewhere", "in", "names.star"}, outside[1:]); diff != "" {
		t.Errorf("outside of the directory (-want +got):\n%s", diff)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "mine.png")); string(data) != "mine" {
		t.Errorf("the foreign file holds %q, %v", data, err)
	}

	// All of them are fetched once more, and get the names they had.
	st, err := sqlite.Open(t.Context(), dir, nil)
	must(err)
	var keys []trawl.Key
	for f, err := range st.Files(context.Background()) {
		must(err)
		keys = append(keys, f.Key)
	}
	_, err = st.Redo(t.Context(), time.Now(), keys)
	must(errors.Join(err, st.Close()))
	collect()
	if diff := cmp.Diff(got, where()); diff != "" {
		t.Errorf("names of the second run (-first +second):\n%s", diff)
	}
}

// matchesName reports whether a path is the one wanted, in which "~" stands
// for "~" with digits.
func matchesName(want, got string) bool {
	before, after, digits := strings.Cut(want, "~")
	if !digits {
		return want == got
	}
	middle, ok := strings.CutPrefix(got, before+"~")
	if !ok || !strings.HasSuffix(middle, after) {
		return false
	}
	middle = strings.TrimSuffix(middle, after)
	return len(middle) >= 6 && strings.Trim(middle, "0123456789abcdef-") == ""
}
