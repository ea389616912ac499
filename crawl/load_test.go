package crawl_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/job"
)

// TestLoad holds the files of a host up, and looks at what the run has in hand.
func TestLoad(t *testing.T) {
	w := newWorld(t)
	arrived, free := make(chan struct{}, 5), make(chan struct{})
	w.handle = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".png") {
			arrived <- struct{}{}
			<-free
		}
		return false
	}
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result {
		return files("1.png", "2.png", "3.png", "4.png", "5.png")
	}}
	o := w.options()
	o.Crawl.PerHost = 2
	var outcomes int
	o.Crawl.Events.Commit = func(c crawl.Commit) { outcomes += c.Outcomes }
	j, err := job.Open(t.Context(), t.TempDir(), job.Plan{Name: "test", Spiders: []trawl.Spider{s}}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.Load(); !errors.Is(err, crawl.ErrNotRunning) {
		t.Errorf("Load() before Run: %v, want ErrNotRunning", err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := j.Run(t.Context())
		ended <- err
	}()
	<-arrived
	<-arrived
	got, err := j.Load()
	for end := time.Now().Add(time.Minute); err == nil && got.Files.Waiting < 3 && time.Now().Before(end); got, err = j.Load() {
		runtime.Gosched() // until the rest is read from the store
	}
	if err != nil {
		t.Fatal(err)
	}
	close(free)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	want := crawl.Load{
		Files: crawl.KindLoad{Waiting: 3, Active: 2}, Hosts: crawl.HostCounts{Active: 1},
		Received: got.Received, Partitions: 1,
	}
	if d := cmp.Diff(want, got); d != "" || got.Received == 0 {
		t.Errorf("Load() with two files under way, -want +got:\n%s", d)
	}
	if outcomes != 6 {
		t.Errorf("Events.Commit told of %d outcomes, want 6", outcomes)
	}
	if got, err := j.Load(); err != nil || got.Files != (crawl.KindLoad{}) || got.Uncommitted != 0 {
		t.Errorf("Load() at the end = %+v, %v; want nothing in hand", got, err)
	}
}

// TestHostStopped has a host refuse everything, until it is stopped: that is
// told once, though requests to it are under way.
func TestHostStopped(t *testing.T) {
	w := newWorld(t)
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Host == "a.example.test" && strings.HasSuffix(r.URL.Path, ".png") {
			http.Error(rw, "no", http.StatusForbidden)
			return true
		}
		return false
	}
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result {
		var names []string
		for i := range 60 {
			names = append(names, fmt.Sprintf("%d.png", i))
		}
		return files(names...)
	}}
	o := w.options()
	o.Crawl.PerHost = 5
	var mu sync.Mutex
	var got []crawl.HostStopped
	o.Crawl.Events.HostStopped = func(h crawl.HostStopped) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, h)
	}
	w.mustRun(t.TempDir(), s, o)
	want := []crawl.HostStopped{{Host: "a.example.test", Why: "answers 403, 20 times in a row"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Events.HostStopped, -want +got:\n%s", d)
	}
}

// TestBoth has two listeners, each with a part of the events.
func TestBoth(t *testing.T) {
	var got []string
	note := func(s string) func(crawl.PageDone) { return func(crawl.PageDone) { got = append(got, s) } }
	ev := crawl.Both(crawl.Events{Page: note("a")}, crawl.Events{
		Page: note("b"), Warning: func(s string) { got = append(got, s) },
		ItemFailed: func(page string, _ trawl.ItemError) { got = append(got, page) },
	})
	ev.Page(crawl.PageDone{})
	ev.Warning("w")
	ev.ItemFailed("p", trawl.ItemError{})
	if want := []string{"a", "b", "w", "p"}; !cmp.Equal(got, want) {
		t.Errorf("two listeners were told %v, want %v", got, want)
	}
	if ev.File != nil {
		t.Error("an event that nobody listens to is not nil")
	}
}
