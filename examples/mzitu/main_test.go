package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/trawl-go/trawl/internal/replica"
)

func TestRun(t *testing.T) {
	site := replica.New(&replica.Options{Mzitu: replica.MzituOptions{Pages: 3, PerList: 6}})
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
	t.Logf("\n%s", out.String())
	for _, g := range site.Expected().Galleries[:6] {
		for i, p := range g.Pages {
			want, _, ok := site.Picture(p.Image)
			got, err := os.ReadFile(filepath.Join(dir, g.Title, fmt.Sprintf("%d.jpg", i+1)))
			if err != nil || !ok || !bytes.Equal(got, want) {
				t.Errorf("%s, page %d: %d bytes and error %v, want the picture's %d", g.Title, i+1, len(got), err, len(want))
			}
		}
	}
}
