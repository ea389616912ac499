package crawl_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/thread"
)

// A worker that panics ends the job with an error that says where. What the
// others did is kept, and the next run does what is left.
func TestWorkerPanics(t *testing.T) {
	w := newWorld(t)
	var refuse atomic.Bool
	refuse.Store(true)
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/refused.jpg" || !refuse.Load() {
			return false
		}
		rw.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result {
		return files("1.jpg", "2.jpg", "refused.jpg", "3.jpg")
	}}
	dir := t.TempDir()
	o := w.options()
	o.Crawl.Events.HostRests = func(crawl.HostRests) { panic("oh no") }
	_, err := w.run(t.Context(), dir, s, o)
	var p *thread.PanicError
	if !errors.As(err, &p) || p.Value != "oh no" || !strings.Contains(err.Error(), `in thread "file `) || !strings.Contains(err.Error(), "panic_test.go") {
		t.Fatalf("Run() = %v, want the panic, its thread and its stack", err)
	}

	refuse.Store(false)
	sum := w.mustRun(dir, s, w.options())
	if n := sum.Files.Done + sum.Files.Already; n != 4 || sum.Files.Waiting != 0 {
		t.Errorf("summary of the second run = %+v, want 4 files", sum)
	}
}
