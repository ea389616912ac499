package spider_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trawl-go/trawl/internal/spider"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// helpers are at the disposal of every script.
const helpers = `
def eq(got, want):
    if got != want or type(got) != type(want):
        fail("got %r, want %r" % (got, want))
`

// TestScripts runs the spiders of testdata over the pages beside them. A
// spider checks values with eq; the file want holds what it gives.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := func(name string) *txtar.File {
				for i := range ar.Files {
					if ar.Files[i].Name == name {
						return &ar.Files[i]
					}
				}
				return &txtar.File{}
			}
			src := string(part("spider.star").Data) + helpers
			s, err := spider.Load("spider.star", []byte(src), nil)
			if err != nil {
				t.Fatal(err)
			}
			page := html(string(part("page").Data))
			page.Request.Meta = part("meta").Data
			res, err := s.Parse(context.Background(), page)
			if err != nil {
				t.Fatal(err)
			}
			got := dump(res)
			if *update && got != "" {
				part("want").Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(part("want").Data), got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}
