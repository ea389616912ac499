package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFindSpider checks whose spiders are trusted.
func TestFindSpider(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	folder := filepath.Join(config, "trawl", "spiders")
	elsewhere := t.TempDir()
	for _, dir := range []string{folder, filepath.Join(folder, "sub"), elsewhere} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"mine.star", "mzitu.star"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(dir), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Chdir(folder)
	for _, tt := range []struct {
		ref, from string // from which folder
		own       bool
	}{
		{"mine", folder, true},
		{"mine.star", folder, true},
		{"./mine.star", folder, true},
		{"sub/../mine.star", folder, true},
		{filepath.Join(folder, "mine.star"), folder, true},
		{filepath.Join(folder, "sub", "mine.star"), filepath.Join(folder, "sub"), false},
		{filepath.Join(elsewhere, "mine.star"), elsewhere, false},
		{"mzitu", folder, true},
		{filepath.Join(elsewhere, "mzitu.star"), elsewhere, false},
		{"douban", "", true},
	} {
		f, err := findSpider(tt.ref)
		if err != nil || f.own != tt.own {
			t.Errorf("findSpider(%q) = %+v, %v; want own %v", tt.ref, f, err, tt.own)
		}
		if tt.from != "" && (string(f.text) != tt.from || f.path != filepath.Join(tt.from, f.name)) {
			t.Errorf("findSpider(%q): %s with %q, want it from %s", tt.ref, f.path, f.text, tt.from)
		}
		if tt.from == "" && (f.path != "" || len(f.text) == 0) {
			t.Errorf("findSpider(%q): path %q, %d bytes; want a built-in one", tt.ref, f.path, len(f.text))
		}
	}
	if f, err := builtIn("mzitu"); err != nil || string(f.text) == folder {
		t.Errorf("builtIn = %+v, %v", f, err)
	}
	for _, ref := range []string{"other", "../mine", "sub"} {
		if f, err := findSpider(ref); statusOf(err) != exitUsage {
			t.Errorf("findSpider(%q) = %+v, %v; want a usage error", ref, f, err)
		}
	}
}

func TestNoteLimits(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{err: &stderr}
	a.noteLimits(true)
	if stderr.Len() > 0 {
		t.Errorf("a limit of memory that is there is noted: %q", &stderr)
	}
	for range 3 {
		a.noteLimits(false)
	}
	if n := strings.Count(stderr.String(), "have no memory limit"); n != 1 {
		t.Errorf("it was noted %d times, want once: %q", n, &stderr)
	}
}
