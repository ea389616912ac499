//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHostileNames has a spider save pictures under names from a page whose
// author means harm. A case is a name and the path that becomes of it.
func TestHostileNames(t *testing.T) {
	long := strings.Repeat("漂", 100) // 300 bytes
	cases := []struct{ what, name, path string }{
		{"parent", "../../../escaped.png", "_/_/_/escaped.png"},
		{"absolute", "/etc/absolute.png", "etc/absolute.png"},
		{"dots", "..", "_~"},
		{"one dot", "sub/./.", "sub/_/_.png"},
		{"backslashes", `..\..\back.png`, "_._.._back.png"},
		{"drive", "C:/drive.png", "C_/drive.png"},
		{"device", "NUL.png", "_NUL.png"},
		{"device in a folder", "con/x.png", "_con/x.png"},
		{"trailing dots", "Dr./y. .", "Dr/y.png"},
		{"the job's own folder", ".trawl/job.db", "_trawl/job.db.png"},
		{"an option", "-rf.png", "_rf.png"},
		{"hidden", ".bashrc", "_bashrc.png"},
		{"escape codes", "red\x1b[31m\x1b]0;owned\x07.png", "red_[31m_]0;owned_.png"},
		{"line breaks", "two\r\nlines.png", "two lines.png"},
		{"text direction", "photo\u202egnp.exe", "photognp.exe.png"},
		{"long", long + ".png", strings.Repeat("漂", 78) + ".png"},
		{"upper case", "same.png", "same.png"},
		{"lower case", "SAME.PNG", "SAME~"},
		{"composed", "caf\u00e9.png", "café.png"},
		{"decomposed", "cafe\u0301.png", "café~"},
		{"a link on the way", "link/x.png", "link_x.png"},
		{"a file on the way", "same.png/z.png", "same~"},
	}
	var page strings.Builder
	for i, c := range cases {
		fmt.Fprintf(&page, "<img src='/pic/%d' alt='%s'>\n", i, html.EscapeString(c.name))
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, page.String())
		case "/robots.txt":
			http.NotFound(w, r)
		default:
			// A picture of its own for each address.
			w.Write(append(bytes.Clone(smallPNG), r.URL.Path...))
		}
	}))
	defer srv.Close()

	base := t.TempDir()
	dir := filepath.Join(base, "a", "b", "out")
	outside := filepath.Join(base, "outside")
	star := filepath.Join(base, "names.star")
	err := errors.Join(os.MkdirAll(dir, 0o777), os.Mkdir(outside, 0o777), os.Symlink(outside, filepath.Join(dir, "link")),
		os.WriteFile(star, []byte(`name = "names"
start = ["http://names.test/"]
def parse(page):
    for img in page.css("img"):
        page.save(img.src, img.attr("alt"))
`), 0o666))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"run", star, "-d", dir, "-j", "1", "--isolate=false", "-R", "0", "--connect-to", "names.test=" + srv.Listener.Addr().String()},
		strings.NewReader(""), &stdout, &stderr)
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	if strings.ContainsAny(stdout.String()+stderr.String(), "\x1b\x07\u202e") {
		t.Error("what it prints can command a terminal")
	}

	files, err := recorded(dir)
	if err != nil {
		t.Fatal(err)
	}
	paths := make(map[string]string) // by URL
	for _, f := range files {
		paths[f.URL] = f.Path
	}
	folded := make(map[string]bool)
	for i, c := range cases {
		u := fmt.Sprintf("http://names.test/pic/%d", i)
		got := paths[u]
		if want, ok := strings.CutSuffix(c.path, "~"); ok && strings.HasPrefix(got, want+"~") {
			// Apart from the one before by a few digits.
		} else if got != c.path {
			t.Errorf("%s: %q is saved as %q, want %q", c.what, c.name, got, c.path)
		}
		if got == "" {
			continue
		}
		if key := strings.ToLower(got); folded[key] {
			t.Errorf("%s: %q is the name of another file too", c.what, got)
		} else {
			folded[key] = true
		}
		if data, err := os.ReadFile(filepath.Join(dir, got)); err != nil || !bytes.HasSuffix(data, []byte(fmt.Sprintf("/pic/%d", i))) {
			t.Errorf("%s: %s holds another picture, %v", c.what, got, err)
		}
	}
	for _, d := range []string{base, filepath.Join(base, "a"), filepath.Join(base, "a", "b"), outside} {
		entries, err := os.ReadDir(d)
		if err != nil || d == outside && len(entries) > 0 || len(entries) > 3 {
			t.Errorf("%s holds %v, %v", d, entries, err)
		}
	}
	if t.Failed() {
		t.Logf("%s%s", &stdout, &stderr)
	}
}
