package main

import (
	"bytes"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/replica"
)

func TestRun(t *testing.T) {
	site := replica.New(&replica.Options{Doutula: replica.DoutulaOptions{Missing: -1}})
	if err := site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	client := site.Client()
	defer client.CloseIdleConnections()
	dir := t.TempDir()
	var out bytes.Buffer
	if err := run(t.Context(), &out, client, dir); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "任务完成~\n"); n != 10 {
		t.Errorf("%d threads said that they are done, want 10:\n%s", n, out.String())
	}
	names := map[string]bool{}
	for _, s := range site.Expected().Stickers {
		names[marks.ReplaceAllString(s.Caption, "")+path.Ext(s.Original)] = true
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		delete(names, f.Name())
	}
	if len(names) > 0 || len(files) == 0 {
		t.Errorf("%d files; missing: %v", len(files), names)
	}
}
