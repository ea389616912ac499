//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/sqlite"
)

// suggested are the headers with which a server gives a file, and the paths
// that become of them, as in names. Each has a URL like /download?id=7, or the
// one given.
var suggested = []struct{ name, url, header, want string }{
	{"plain", "", `attachment; filename="a b.png"`, "a b.png"},
	{"Chinese", "", `attachment; filename="第一页.png"`, "第一页.png"},
	{"Chinese in GBK", "", "attachment; filename=\"\xcb\xbc\xbf\xbc\xd6\xd0.png\"", "思考中.png"},
	{"escaped", "", "attachment; filename=%E7%AC%AC%E4%BA%8C%E9%A1%B5.png", "第二页.png"},
	{"in both forms", "", `attachment; filename="x.png"; filename*=UTF-8''%e7%ac%ac%e4%b8%89.png`, "第三.png"},
	{"in another encoding", "", `attachment; filename*=big5''%ab%e4.png`, "思.png"},
	{"parent directories", "", `attachment; filename="../../escape.png"`, "escape.png"},
	{"absolute", "", `attachment; filename="/etc/passwd"`, "passwd.png"},
	{"Windows path", "", `attachment; filename="C:\boot\win.png"`, "win.png"},
	{"parent directory alone", "", `attachment; filename=".."`, "download~.png"},
	{"escaped parent directory", "", `attachment; filename*=UTF-8''%2e%2e%2f%2e%2e`, "download~.png"},
	{"NUL character", "", `attachment; filename*=UTF-8''nul%00byte.png`, "nul_byte.png"},
	{"escape sequence", "", `attachment; filename*=UTF-8''esc%1b%5d0;title%07.png`, "esc_]0.png"},
	{"quoted escape sequence", "", `attachment; filename*="UTF-8''esc%1b%5d0;title%07.png"`, "esc_]0;title_.png"},
	{"right to left", "", `attachment; filename*=UTF-8''photo%E2%80%AEgnp.exe.png`, "photognp.exe.png"},
	{"reserved by Windows", "", `attachment; filename="NUL.png"`, "_NUL.png"},
	{"hidden", "", `attachment; filename=".bashrc"`, "_bashrc.png"},
	{"the job's own directory", "", `attachment; filename=".trawl"`, "_trawl.png"},
	{"an option", "", `attachment; filename="-rf.png"`, "_rf.png"},
	{"300 bytes of Chinese", "", `attachment; filename="` + strings.Repeat("漂", 100) + `.png"`, strings.Repeat("漂", 78) + ".png"},
	{"another type", "", `attachment; filename="wrong.jpg"`, "wrong.png"},
	{"no extension", "", `attachment; filename="photo"`, "photo.png"},
	{"a name", "", `attachment; filename="same.png"`, "same.png"},
	{"the same name", "", `attachment; filename="same.png"`, "same~.png"},
	{"the same name in upper case", "", `attachment; filename="SAME.PNG"`, "SAME~.PNG"},
	{"foreign file", "", `attachment; filename="mine.png"`, "mine~.png"},
	{"the records' own", "", `attachment; filename="named.jsonl"`, "named~.jsonl.png"},
	{"none", "", "", "download~.png"},
	{"a program", "/show.php?id=28", `attachment; filename="shown.png"`, "shown.png"},
	{"no name at all", "/folder/?id=29", `attachment; filename="in folder.png"`, "in folder.png"},
	{"redirected to a name", "/go?id=30", "", "there.png"},
	{"the URL names the file", "/own.png?id=31", `attachment; filename="other.png"`, "own.png"},
	{"a record names the file", "/record?id=32", `attachment; filename="other.png"`, "record.png"},
	{"the spider names the file", "/given?id=33", `attachment; filename="other.png"`, "by/spider.png"},
}

// A suggestedSite serves them, and kills the program at a request.
type suggestedSite struct {
	*testing.T
	*httptest.Server
	spider string

	mu   sync.Mutex
	left int // requests until the kill; it is off below 0
	kill func()

	changed atomic.Bool // it suggests other names
}

// address returns the URL of the n-th without its host.
func (s *suggestedSite) address(n int) string {
	if u := suggested[n].url; u != "" {
		return u
	}
	return fmt.Sprintf("/download?id=%d", n)
}

// picture returns the n-th picture.
func (s *suggestedSite) picture(n int) []byte { return fmt.Appendf(bytes.Clone(smallPNG), "%d", n) }

func newSuggestedSite(t *testing.T) *suggestedSite {
	s := &suggestedSite{T: t, left: -1, spider: filepath.Join(t.TempDir(), "named.star")}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	err := os.WriteFile(s.spider, []byte(`
name  = "named"
start = ["http://names.test/"]

def parse(page):
    for u in page.json():
        if "record" in u:
            page.item(file = page.save(u))
        elif "given" in u:
            page.save(u, "by/spider.png")
        else:
            page.save(u)
`), 0o666)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *suggestedSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.left--; s.left == 0 {
		s.kill()
	}
	s.mu.Unlock()
	n := 0
	switch _, err := fmt.Sscanf(r.URL.RawQuery, "id=%d", &n); {
	case r.URL.Path == "/robots.txt":
		http.NotFound(w, r)
	case r.URL.Path == "/":
		var all []string
		for i := range suggested {
			all = append(all, fmt.Sprintf("%q", "http://names.test"+s.address(i)))
		}
		fmt.Fprintf(w, "[%s]", strings.Join(all, ","))
	case err != nil:
		http.NotFound(w, r)
	case r.URL.Path == "/go":
		http.Redirect(w, r, "/files/there.png?"+r.URL.RawQuery, http.StatusFound)
	default:
		h := suggested[n].header
		if s.changed.Load() {
			h = "attachment; filename=changed.png"
		}
		if h != "" {
			w.Header().Set("Content-Disposition", h)
		}
		w.Write(s.picture(n))
	}
}

func (s *suggestedSite) args(dir string) []string {
	return []string{"run", s.spider, "-d", dir, "--isolate=false", "-R", "0", "--connect-to", "names.test=" + s.Listener.Addr().String()}
}

// prepare makes the directory of a job with a foreign file.
func (s *suggestedSite) prepare(dir string) {
	s.Helper()
	if err := errors.Join(os.MkdirAll(dir, 0o777), os.WriteFile(filepath.Join(dir, "mine.png"), []byte("mine"), 0o666)); err != nil {
		s.Fatal(err)
	}
}

// collect runs the program to its end.
func (s *suggestedSite) collect(dir string) {
	s.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(s.Context(), s.args(dir), strings.NewReader(""), &stdout, &stderr); got != 0 {
		s.Fatalf("exit status %d\n%s", got, &stderr)
	}
	if strings.ContainsAny(stdout.String()+stderr.String(), "\x1b\x07\u202e") {
		s.Errorf("a name commands the terminal: %q", &stdout)
	}
}

// check looks at a finished job, and returns the path of each URL.
func (s *suggestedSite) check(dir string) map[string]string {
	s.Helper()
	files, err := recorded(dir)
	if err != nil {
		s.Fatal(err)
	}
	got := make(map[string]string)
	known := map[string]bool{"mine.png": true, "named.jsonl": true}
	for _, f := range files {
		u := strings.Replace(f.URL, "/files/there.png", "/go", 1)
		if was, ok := got[u]; ok {
			s.Errorf("%s has two names, %s and %s", u, was, f.Path)
		}
		if known[strings.ToLower(f.Path)] {
			s.Errorf("%s is the name of two files", f.Path)
		}
		got[u], known[strings.ToLower(f.Path)] = f.Path, true
	}
	for i, n := range suggested {
		p := got["http://names.test"+s.address(i)]
		// The first of those that ask for one name gets it, whichever that is.
		if want := strings.Replace(n.want, "~", "", 1); p != want && !matchesName(n.want, p) && !strings.Contains(strings.ToLower(p), "same~") && !strings.HasPrefix(p, "download~") {
			s.Errorf("%s: %q is saved as %q, want %q", n.name, n.header, p, n.want)
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(p)))
		if err != nil || !bytes.Equal(data, s.picture(i)) {
			s.Errorf("%s: %q holds %d bytes, not the picture: %v", n.name, p, len(data), err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "mine.png")); string(data) != "mine" {
		s.Errorf("the foreign file holds %q, %v", data, err)
	}
	err = filepath.WalkDir(filepath.Dir(dir), func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		switch {
		case err != nil:
			return err
		case d.Name() == ".trawl":
			return fs.SkipDir
		case !d.IsDir() && !known[strings.ToLower(filepath.ToSlash(rel))]:
			s.Errorf("%s was left", rel)
		}
		return nil
	})
	data, rerr := os.ReadFile(filepath.Join(dir, "named.jsonl"))
	if err = errors.Join(err, rerr); err != nil || string(data) != `{"file":"record"}`+"\n" {
		s.Errorf("the record: %s, %v", data, err)
	}
	return got
}

// TestSuggestedNames saves files whose URLs do not name them, under the names
// that the server gives them in Content-Disposition. No name leaves the
// directory, no two files share one, and a URL has the same one in every run.
func TestSuggestedNames(t *testing.T) {
	t.Parallel()
	s := newSuggestedSite(t)
	dir := filepath.Join(t.TempDir(), "top", "job")
	s.prepare(dir)
	s.collect(dir)
	got := s.check(dir)

	// All are fetched once more, and get the names they had, whatever the server
	// calls them now.
	s.changed.Store(true)
	st, err := sqlite.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var keys []trawl.Key
	for f, err := range st.Files(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, f.Key)
	}
	_, err = st.Redo(t.Context(), time.Now(), keys)
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	s.collect(dir)
	s.changed.Store(false)
	if diff := cmp.Diff(got, s.check(dir)); diff != "" {
		t.Errorf("names of the second run (-first +second):\n%s", diff)
	}
	var out bytes.Buffer
	args := []string{"get", "http://names.test/download?id=0", "-d", filepath.Join(t.TempDir(), "get"),
		"--connect-to", "names.test=" + s.Listener.Addr().String()}
	if got := run(t.Context(), args, strings.NewReader(""), &out, io.Discard); got != 0 || out.String() != "a b.png\n" {
		t.Errorf("get ends with %d and has saved %q, want 0 and a b.png", got, &out)
	}
}

// TestKillSuggestedNames kills the program while it gives files the names that
// the server has for them, again and again until the job is done.
func TestKillSuggestedNames(t *testing.T) {
	t.Parallel()
	s := newSuggestedSite(t)
	for _, step := range []int{4, 13} {
		dir := filepath.Join(t.TempDir(), "top", "job")
		s.prepare(dir)
		kills := 0
		for {
			s.mu.Lock()
			c := startTrawl(t, append(s.args(dir), "-j", "6")...)
			s.kill, s.left = func() { _ = c.cmd.Process.Signal(syscall.SIGKILL) }, step // it may have ended
			s.mu.Unlock()
			err := c.cmd.Wait()
			if c.cmd.ProcessState.ExitCode() == 0 {
				break
			}
			if kills++; c.cmd.ProcessState.ExitCode() != -1 || kills > 2*len(suggested) {
				t.Fatalf("after %d kills: %v\n%s", kills, err, &c.stderr)
			}
			step++ // so that it comes to an end
		}
		s.mu.Lock()
		s.left = -1
		s.mu.Unlock()
		s.check(dir)
		t.Logf("%d kills", kills)
	}
}
