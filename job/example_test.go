package job_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/job"
)

// catalogue is a spider in Go: it saves each picture of a page and records
// its caption.
type catalogue struct{ start string }

func (c catalogue) Settings() trawl.Settings { return trawl.Settings{Name: "catalogue"} }

func (c catalogue) Start(context.Context) iter.Seq2[trawl.Request, error] {
	return func(yield func(trawl.Request, error) bool) { yield(trawl.Request{URL: c.start}, nil) }
}

var picture = regexp.MustCompile(`<img src="([^"]+)" alt="([^"]+)">`)

func (c catalogue) Parse(_ context.Context, p *trawl.Page) (*trawl.Result, error) {
	var r trawl.Result
	for _, m := range picture.FindAllSubmatch(p.Body, -1) {
		ref := trawl.FileRef(len(r.Files))
		r.Files = append(r.Files, trawl.Request{URL: p.URL + string(m[1]), Path: string(m[2]) + ".gif", Referer: p.URL})
		r.Items = append(r.Items, trawl.Item{Fields: []trawl.Field{{Name: "caption", Value: string(m[2])}, {Name: "file", Value: ref}}})
	}
	return &r, nil
}

// A spider in Go runs into a directory, and goes on there if it is run again.
func Example() {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			fmt.Fprint(w, `<img src="1" alt="湖"><img src="2" alt="山">`)
			return
		}
		fmt.Fprintf(w, "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")
	}))
	defer site.Close()
	dir, err := os.MkdirTemp("", "catalogue")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	j, err := job.Open(ctx, dir, job.Plan{Name: "catalogue", Spiders: []trawl.Spider{catalogue{site.URL + "/"}}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	sum, err := j.Run(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum.Pages.Done, "page,", sum.Files.Done, "files,", sum.Duplicates, "of them with the same content")
	records, err := os.ReadFile(filepath.Join(dir, "catalogue.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(records))
	// Output:
	// 1 page, 2 files, 1 of them with the same content
	// {"caption":"湖","file":"湖.gif"}
	// {"caption":"山","file":"山.gif"}
}
