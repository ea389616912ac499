package main

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/trawl-go/trawl/internal/replica"
)

// TestDemo runs the demo on sites that answer at once, with small pictures.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("it collects about 700 files")
	}
	t.Parallel()
	small := image.Pt(40, 40)
	site := replica.New(&replica.Options{
		Mzitu:   replica.MzituOptions{Galleries: 3, Size: small},
		Douban:  replica.DoubanOptions{Size: small},
		Doutula: replica.DoutulaOptions{Pages: 1, Size: small},
	})
	dir := filepath.Join(t.TempDir(), "demo")
	var stdout, stderr bytes.Buffer
	a := &app{out: &stdout, err: &stderr}
	spiders := []demoSpider{{"mzitu", nil}, {"douban", nil}, {"doutula", map[string]string{"pages": "1"}}}
	if err := a.demo(t.Context(), dir, site, spiders); err != nil || a.status != 0 {
		t.Fatalf("demo: status %d, %v\n%s", a.status, err, &stderr)
	}
	for _, row := range []string{
		`spider +pages +records +files +size +one thread +many threads +speed-up +processes +speed-up`,
		`mzitu +\d+ +0 +6 `,
		`douban +10 +250 +250 `,
		`doutula +1 +0 +68 .*x\n`,
	} {
		if !regexp.MustCompile(row).MatchString(stdout.String()) {
			t.Errorf("the table lacks %q:\n%s", row, &stdout)
		}
	}
	for _, how := range []string{"one-thread", "many-threads", "processes"} {
		for name, n := range map[string]int{"mzitu": 6, "douban": 250, "doutula": 68} {
			files, err := recorded(filepath.Join(dir, how, name))
			if len(files) != n || err != nil {
				t.Errorf("%s, %s: %d files, want %d; %v", name, how, len(files), n, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "many-threads", "douban", "top250.csv")); err != nil {
		t.Error(err)
	}
}

// TestDemoDirectory checks that the demo replaces what is its own and nothing
// else.
func TestDemoDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "demo")
	if err := clearDemo(dir); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "left.txt")
	if err := os.WriteFile(left, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := clearDemo(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what an earlier demo left is still there")
	}

	foreign := t.TempDir()
	mine := filepath.Join(foreign, "mine.txt")
	if err := os.WriteFile(mine, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := clearDemo(foreign); statusOf(err) != exitUsage {
		t.Errorf("clearDemo of a foreign directory = %v, want a usage error", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("a foreign file is gone: %v", err)
	}
	if err := clearDemo(mine); err == nil {
		t.Error("clearDemo of a file: no error")
	}
}
