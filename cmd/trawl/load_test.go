package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/isolate"
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

// TestLoadSpider checks which spiders go to worker processes.
func TestLoadSpider(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	folder := filepath.Join(config, "trawl", "spiders")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(folder, "plain.star"): "def parse(page): pass\n",
		filepath.Join(folder, "procs.star"): "workers = processes(3)\ndef parse(page): pass\n",
		filepath.Join(config, "far.star"):   "workers = threads(2)\ndef parse(page): pass\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	far := filepath.Join(config, "far.star")
	for _, tt := range []struct {
		ref     string
		isolate string // "" if the flag is not given
		workers trawl.Workers
		want    bool
	}{
		{"mzitu", "", trawl.Workers{}, true},
		{"douban", "", trawl.Workers{}, true},
		{"doutula", "", trawl.Workers{}, false},
		{"doutula", "true", trawl.Workers{}, true},
		{"doutula", "", trawl.Processes(0), true},
		{"mzitu", "", trawl.Threads(4), false},
		{"mzitu", "true", trawl.Threads(4), true},
		{"mzitu", "false", trawl.Workers{}, true},
		{"plain", "", trawl.Workers{}, false},
		{"procs", "", trawl.Workers{}, true},
		{far, "", trawl.Workers{}, true},
		{far, "", trawl.Threads(4), true},
		{far, "false", trawl.Workers{}, false},
		{far, "false", trawl.Processes(1), true},
	} {
		f, err := findSpider(tt.ref)
		if err != nil {
			t.Fatal(err)
		}
		a := &app{err: io.Discard}
		l := loading{workers: tt.workers}
		if tt.isolate != "" {
			v := tt.isolate == "true"
			l.isolate = &v
		}
		s, err := a.loadSpider(t.Context(), f, l)
		if err != nil {
			t.Fatal(err)
		}
		defer closeSpiders([]trawl.Spider{s})
		if _, got := s.(*isolate.Spider); got != tt.want {
			t.Errorf("%s, isolate %q, workers %q: in worker processes %v, want %v", filepath.Base(tt.ref), tt.isolate, tt.workers, got, tt.want)
		}
		if got := s.Settings().Workers; tt.workers != (trawl.Workers{}) && got != tt.workers {
			t.Errorf("%s: workers %q, want %q", filepath.Base(tt.ref), got, tt.workers)
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
