package gallery_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/gallery"
)

var canonical = regexp.MustCompile(`<link rel="canonical" href="(https?://[^"]+)"`)

// TestCaptures reads real pages, by the hundred, and checks what holds for any
// page. With -v it prints what was found.
func TestCaptures(t *testing.T) {
	dir := os.Getenv("TRAWL_CAPTURES")
	if dir == "" {
		t.Skip("TRAWL_CAPTURES is not set: no captured pages to read")
	}
	spider := gallery.New(nil)
	pages := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(filepath.Ext(path), "htm") {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pages++
		name, _ := filepath.Rel(dir, path)
		address := "https://site.example/gallery/" + filepath.Base(path)
		if m := canonical.FindSubmatch(body); m != nil {
			address = string(m[1])
		}
		page := &trawl.Page{
			Request: trawl.Request{URL: address, Spider: gallery.Name},
			URL:     address, Status: 200, Body: body,
			Header: http.Header{"Content-Type": {"text/html"}},
		}
		res, err := spider.Parse(t.Context(), page)
		if err != nil {
			t.Logf("%s: %v", name, err)
			return nil
		}
		checkSane(t, name, page, res)
		if testing.Verbose() {
			t.Logf("== %s: %d files, %d pages, %q", name, len(res.Files), len(res.Pages), res.Warnings)
			for _, f := range res.Files {
				t.Logf("   %s <- %.150s (+%d)", f.Path, f.URL, len(f.Backup))
			}
			for _, p := range res.Pages {
				t.Logf("   page %s %s", p.Parse, p.URL)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 100 {
		t.Errorf("read %d pages below %s, want at least 100", pages, dir)
	}
}

// checkSane checks what holds for the result of any page.
func checkSane(t *testing.T, name string, page *trawl.Page, res *trawl.Result) {
	t.Helper()
	seen := make(map[trawl.Key]bool)
	for _, f := range append(res.Files[:len(res.Files):len(res.Files)], res.Pages...) {
		for _, u := range append([]string{f.URL}, f.Backup...) {
			if _, err := trawl.Canonical(u); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, u := range f.Backup {
			if trawl.KeyOf(f.Kind, u) == f.Key() {
				t.Errorf("%s: %s is its own backup", name, u)
			}
		}
		if seen[f.Key()] {
			t.Errorf("%s: %s %s twice", name, f.Kind, f.URL)
		}
		seen[f.Key()] = true
		if f.Spider != gallery.Name {
			t.Errorf("%s: %s is for spider %q", name, f.URL, f.Spider)
		}
		switch f.Kind {
		case trawl.KindFile:
			dir, file, ok := strings.Cut(f.Path, "/")
			if !ok || dir == "" || file == "" || strings.ContainsAny(file, "/\\\x00\n") || strings.Trim(dir, ".") == "" || strings.Trim(file, ".") == "" {
				t.Errorf("%s: path %q is not TITLE/NAME", name, f.Path)
			}
		case trawl.KindPage:
			if f.Key() == page.Request.Key() {
				t.Errorf("%s: leads to itself", name)
			}
			if f.Path != "" {
				t.Errorf("%s: page with path %q", name, f.Path)
			}
		}
	}
	if len(seen) == 0 && len(res.Warnings) == 0 {
		t.Errorf("%s: nothing found, and no warning", name)
	}
}
