package isolate_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/gallery"
	"github.com/trawl-go/trawl/internal/isolate"
	"github.com/trawl-go/trawl/internal/spider"
	"github.com/trawl-go/trawl/process"
)

// TestGeneric wants of the generic spider in a worker what it gives here.
func TestGeneric(t *testing.T) {
	o := gallery.Options{Workers: trawl.Processes(2), Encoding: "gbk", MaxPages: 5}
	here, s := gallery.New(&o), isolate.Generic(o, nil)
	defer s.Close()
	if diff := cmp.Diff(here.Settings(), s.Settings()); diff != "" {
		t.Errorf("Settings (-here +worker):\n%s", diff)
	}
	if got := starts(t, s); len(got) != 0 {
		t.Errorf("Start = %v, want none", got)
	}
	ctx := context.Background()
	for name, tt := range map[string]struct {
		body            string
		files, warnings int
	}{
		"pictures": {"<title>\xd5\xd5\xc6\xac</title><img src=a.jpg><img src=b.jpg><a rel=next href='?page=2'>", 2, 0},
		"nothing":  {"<title>x</title>", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := page(tt.body)
			p.Header.Set("Content-Type", "text/html")
			p.Request.Meta = nil
			want, err := here.Parse(ctx, p)
			if err != nil || len(want.Files) != tt.files || len(want.Warnings) != tt.warnings {
				t.Fatalf("the test tests less than it should: %+v, %v", want, err)
			}
			got, err := s.Parse(ctx, p)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("Parse: %v (-here +worker):\n%s", err, diff)
			}
		})
	}

	deep := page(strings.Repeat("<div>", 5000) + "<img src=a.jpg>")
	_, want := here.Parse(ctx, deep)
	_, err := s.Parse(ctx, deep)
	var e *spider.Error
	if want == nil || !errors.As(err, &e) || e.Msg != want.Error() {
		t.Errorf("Parse of a deep page = %v, want a *spider.Error with %v", err, want)
	}
}

// TestGenericMemory wants a page that needs too much memory to cost that page
// alone.
func TestGenericMemory(t *testing.T) {
	if !process.MemoryLimited {
		t.Skip("no limit of memory on this system")
	}
	s := isolate.Generic(gallery.Options{}, &isolate.Options{Memory: 256 << 20})
	defer s.Close()
	ctx := context.Background()
	_, err := s.Parse(ctx, page("<title>x</title>"+strings.Repeat("<i a b c d></i>", 3<<19)))
	wantCause(t, err, isolate.Memory, "generic: parsing the page needs more than 256 MB")
	res, err := s.Parse(ctx, page("<title>x</title><img src=a.jpg>"))
	if err != nil || len(res.Files) != 1 {
		t.Errorf("Parse after that = %+v, %v", res, err)
	}
}
