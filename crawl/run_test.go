package crawl_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
)

// TestGrace interrupts a run with two files under way: the one that is
// answered within the grace is kept, the other is left for the next run.
func TestGrace(t *testing.T) {
	w := newWorld(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var under sync.WaitGroup
	under.Add(2)
	interrupted, never := make(chan struct{}), make(chan struct{})
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/quick.jpg":
			under.Done()
			<-interrupted
		case "/never.jpg":
			under.Done()
			select {
			case <-never:
			case <-r.Context().Done():
			}
		}
		return false
	}
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result {
		return files("quick.jpg", "never.jpg", "third.jpg")
	}}
	dir := t.TempDir()
	o := w.options()
	o.Crawl.Consumers = 2
	o.Crawl.Grace = 300 * time.Millisecond
	go func() { under.Wait(); interrupt(); close(interrupted) }()
	sum, err := w.run(ctx, dir, s, o)
	if err != nil {
		t.Fatal(err)
	}
	if !sum.Interrupted || sum.Files.Done != 1 || sum.Files.Waiting != 2 || len(sum.Failed) > 0 {
		t.Errorf("summary = %+v, want 1 done, 2 waiting", sum)
	}
	if diff := cmp.Diff([]string{"quick.jpg"}, tree(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if n := w.count("a.example.test/third.jpg"); n != 0 {
		t.Errorf("new work was begun after the interruption")
	}

	close(never)
	w.handle = nil
	sum = w.mustRun(dir, s, w.options())
	if sum.Interrupted || sum.Files.Done != 2 || sum.Files.Already != 1 {
		t.Errorf("summary of the second run = %+v", sum)
	}
	if n := w.count("a.example.test/quick.jpg"); n != 1 {
		t.Errorf("what was done was asked for %d times, want 1", n)
	}
}

// TestNoGrace abandons at once what is under way.
func TestNoGrace(t *testing.T) {
	w := newWorld(t)
	ctx, interrupt := context.WithCancel(t.Context())
	w.handle = func(_ http.ResponseWriter, r *http.Request) bool {
		interrupt()
		<-r.Context().Done() // until the client hangs up
		return true
	}
	s := &goSpider{start: []string{"https://a.example.test/"}}
	o := w.options()
	o.Crawl.Grace = -1
	sum, err := w.run(ctx, t.TempDir(), s, o)
	if err != nil || !sum.Interrupted || sum.Left() != 1 || len(sum.Failed) > 0 || sum.Retries != 0 {
		t.Errorf("Run = %+v, %v; want one page left", sum, err)
	}
}

// TestInterruptedAtTheEnd is no interruption: nothing was left.
func TestInterruptedAtTheEnd(t *testing.T) {
	w := newWorld(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result {
		interrupt()
		return &trawl.Result{}
	}}
	sum, err := w.run(ctx, t.TempDir(), s, w.options())
	if err != nil || sum.Interrupted || sum.Pages.Done != 1 {
		t.Errorf("Run = %+v, %v; want a page done, and no interruption", sum, err)
	}
}

// TestEvents checks that everything is told once, in the order in which it
// became durable.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(p *trawl.Page) *trawl.Result {
		if p.URL != "https://a.example.test/" {
			n := strings.TrimPrefix(p.URL, "https://a.example.test/page/")
			r := files(n+"/1.jpg", n+"/2.jpg")
			r.Items = []trawl.Item{
				{Fields: []trawl.Field{{Name: "n", Value: n}, {Name: "i", Value: int64(1)}, {Name: "f", Value: trawl.FileRef(0)}}},
				{Fields: []trawl.Field{{Name: "n", Value: n}, {Name: "i", Value: int64(2)}, {Name: "f", Value: trawl.FileRef(1)}}},
			}
			return r
		}
		r := &trawl.Result{}
		for i := range 20 {
			// Twice: the second is known.
			u := fmt.Sprintf("https://a.example.test/page/%d", i%10)
			r.Pages = append(r.Pages, trawl.Request{URL: u})
		}
		r.Pages = append(r.Pages, trawl.Request{URL: "https://a.example.test/gone"})
		return r
	}}
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/gone" {
			http.NotFound(rw, r)
			return true
		}
		return false
	}
	var events []string
	o := w.options()
	o.Crawl.Events = crawl.Events{
		Page: func(e crawl.PageDone) { events = append(events, fmt.Sprintf("page %s %d %d", e.URL, e.Files, e.Items)) },
		File: func(e crawl.FileDone) {
			if e.Size == 0 || len(e.SHA256) != 64 || e.Type != "image/jpeg" {
				t.Errorf("file event: %+v", e)
			}
			events = append(events, "file "+e.Path)
		},
		Item:   func(e crawl.ItemDone) { events = append(events, "item "+e.Output+" "+string(e.Body)) },
		Failed: func(e crawl.Failed) { events = append(events, fmt.Sprintf("failed %s %d", e.URL, e.Status)) },
		Retry:  func(e crawl.Failed) { events = append(events, "retry") },
	}
	sum := w.mustRun(t.TempDir(), s, o)
	if sum.Pages.Done != 11 || sum.Pages.Failed != 1 || sum.Files.Done != 20 || sum.Items != 20 {
		t.Errorf("summary = %+v", sum)
	}

	at := make(map[string]int)
	for i, e := range events {
		if _, ok := at[e]; ok {
			t.Errorf("told twice: %s", e)
		}
		at[e] = i
	}
	place := func(e string) int {
		i, ok := at[e]
		if !ok {
			t.Fatalf("not told: %s", e)
		}
		return i
	}
	place("failed https://a.example.test/gone 404")
	if place("page https://a.example.test/ 0 0") != 0 {
		t.Errorf("the first page is not told first: %s", events[0])
	}
	for n := range 10 {
		p := place(fmt.Sprintf("page https://a.example.test/page/%d 2 2", n))
		for i := 1; i <= 2; i++ {
			item := fmt.Sprintf(`item test {"n":"%d","i":%d,"f":"%d/%d.jpg"}`, n, i, n, i)
			if place(item) != p+i {
				t.Errorf("item %d of page %d does not follow its page", i, n)
			}
			if place(fmt.Sprintf("file %d/%d.jpg", n, i)) < p {
				t.Errorf("file %d of page %d is told before it was found", i, n)
			}
		}
	}
	if want := 1 + 1 + 10*(1+2+2); len(events) != want {
		t.Errorf("%d events, want %d: %q", len(events), want, events)
	}
}

// TestFailedItems checks that items that fail are counted, and that the page
// and its other items go on.
func TestFailedItems(t *testing.T) {
	w := newWorld(t)
	nan := 0.0
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result {
		return &trawl.Result{
			Items: []trawl.Item{
				{Fields: []trawl.Field{{Name: "ok", Value: true}}},
				{Fields: []trawl.Field{{Name: "bad", Value: 1 / nan}}},
			},
			Failed: []trawl.ItemError{{Place: "x.star:3:1", Err: "no"}, {Place: "x.star:3:1", Err: "no"}},
		}
	}}
	var told []string
	o := w.options()
	o.Crawl.Events.ItemFailed = func(page string, e trawl.ItemError) { told = append(told, page+" "+e.Error()) }
	dir := t.TempDir()
	sum := w.mustRun(dir, s, o)
	if sum.Items != 1 || sum.ItemsFailed != 3 || sum.Pages.Done != 1 || len(sum.BadItems) != 2 {
		t.Errorf("summary = %+v", sum)
	}
	if len(told) != 3 || !strings.HasPrefix(told[0], "https://a.example.test/ x.star:3:1") {
		t.Errorf("told: %q", told)
	}
	if got := read(t, filepath.Join(dir, "test.jsonl")); got != "{\"ok\":true}\n" {
		t.Errorf("test.jsonl = %q", got)
	}
}

// TestManyLinks follows a page with 40 MB of links: they wait on disk, not in
// memory.
func TestManyLinks(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	const links = 5_000
	w := newWorld(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	long := strings.Repeat("x", 8000)
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(p *trawl.Page) *trawl.Result {
		r := &trawl.Result{}
		if p.URL == "https://a.example.test/" {
			for i := range links {
				r.Pages = append(r.Pages, trawl.Request{URL: "https://a.example.test/" + strconv.Itoa(i) + long})
			}
		}
		return r
	}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	pages := 0
	o := w.options()
	o.Crawl.Events.Page = func(crawl.PageDone) {
		if pages++; pages == 300 { // the window has been filled a few times
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&after)
			interrupt()
		}
	}
	sum, err := w.run(ctx, t.TempDir(), s, o)
	if err != nil || !sum.Interrupted || sum.Pages.Total() != links+1 {
		t.Fatalf("Run = %+v, %v", sum, err)
	}
	const most = 16 << 20
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > most {
		t.Errorf("the heap grew by %d KB, want less than %d", grown>>10, most>>10)
	}
}

// TestSlowHost has a host answer only when everything of the other is done.
func TestSlowHost(t *testing.T) {
	w := newWorld(t)
	const n = 200
	done := make(chan struct{})
	w.handle = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Host == "b.example.test" {
			select {
			case <-done:
			case <-t.Context().Done():
			}
		}
		return false
	}
	s := &goSpider{
		set:   trawl.Settings{Hosts: []string{"*"}},
		start: []string{"https://a.example.test/"},
		parse: func(p *trawl.Page) *trawl.Result {
			r := &trawl.Result{}
			if p.URL == "https://a.example.test/" {
				for i := range n {
					for _, h := range []string{"b", "a"} {
						u := fmt.Sprintf("https://%s.example.test/%d", h, i)
						r.Pages = append(r.Pages, trawl.Request{URL: u})
						r.Files = append(r.Files, trawl.Request{URL: u + ".jpg", Path: h + "/" + strconv.Itoa(i) + ".jpg"})
					}
				}
			}
			return r
		},
	}
	o := w.options()
	o.Crawl.PageQueue, o.Crawl.FileQueue = 20, 2*n+1
	quick := 0
	one := func(u string) {
		if strings.Contains(u, "/a.") {
			if quick++; quick == 2*n+1 {
				close(done)
			}
		}
	}
	o.Crawl.Events.Page = func(e crawl.PageDone) { one(e.URL) }
	o.Crawl.Events.File = func(e crawl.FileDone) { one(e.URL) }
	sum := w.mustRun(t.TempDir(), s, o)
	if sum.Pages.Done != 2*n+1 || sum.Files.Done != 2*n {
		t.Errorf("summary = %+v", sum)
	}
}

// TestHosts checks which links are followed. Files may come from anywhere.
func TestHosts(t *testing.T) {
	links := []string{
		"https://a.example.test/x", "https://sub.a.example.test/x", "https://b.example.test/x",
		"https://www.example.test/x", "https://example.test/x", "https://other.test/x",
	}
	for _, c := range []struct {
		name  string
		hosts []string
		start string
		want  []string
	}{
		{"none named", nil, "https://a.example.test/", []string{"a.example.test"}},
		{"none named, www", nil, "https://www.example.test/", []string{"www.example.test", "example.test"}},
		{"none named, without www", nil, "https://example.test/", []string{"www.example.test", "example.test"}},
		{"one, with subdomains", []string{"A.example.test"}, "https://a.example.test/", []string{"a.example.test", "sub.a.example.test"}},
		{"two", []string{"b.example.test", "other.test"}, "https://a.example.test/", []string{"b.example.test", "other.test"}},
		{"a domain", []string{"example.test"}, "https://a.example.test/",
			[]string{"a.example.test", "sub.a.example.test", "b.example.test", "www.example.test", "example.test"}},
		{"not the end of a name", []string{"ther.test"}, "https://a.example.test/", nil},
		{"all", []string{"*"}, "https://a.example.test/",
			[]string{"a.example.test", "sub.a.example.test", "b.example.test", "www.example.test", "example.test", "other.test"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s := &goSpider{set: trawl.Settings{Hosts: c.hosts}, start: []string{c.start}}
			s.parse = func(p *trawl.Page) *trawl.Result {
				r := files("f.jpg")
				r.Files[0].URL = "https://other.test/f.jpg"
				if p.URL == c.start {
					for _, l := range links {
						r.Pages = append(r.Pages, trawl.Request{URL: l})
					}
				}
				return r
			}
			sum := w.mustRun(t.TempDir(), s, w.options())
			var got []string
			for _, l := range links {
				host, _, _ := strings.Cut(strings.TrimPrefix(l, "https://"), "/")
				if n := w.count(host + "/x"); n > 0 {
					got = append(got, host)
				}
			}
			diff := cmp.Diff(asSet(c.want), asSet(got))
			if diff != "" {
				t.Errorf("followed (-want +got):\n%s", diff)
			}
			if w.count("other.test/f.jpg") != 1 {
				t.Error("the file was not fetched")
			}
			if (len(sum.Warnings) > 0) != (len(c.want) < len(links)) {
				t.Errorf("warnings: %v", sum.Warnings)
			}
		})
	}
}

func asSet(list []string) map[string]bool {
	m := make(map[string]bool)
	for _, s := range list {
		m[s] = true
	}
	return m
}

// TestRetries counts the requests for what keeps failing: one and the retries.
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name          string
		retries       int // of the options
		status        int
		tries, failed int
	}{
		{"none", -1, 500, 1, 1},
		{"one", 1, 500, 2, 1},
		{"three", 3, 502, 4, 1},
		{"default", 0, 500, 5, 1},
		{"for good", 3, 404, 1, 1},
		{"not implemented", 3, 501, 1, 1},
		{"well at last", 3, 0, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/x.jpg" || c.status == 0 && w.count("a.example.test/x.jpg") > 2 {
					return false
				}
				status := c.status
				if status == 0 {
					status = 500
				}
				http.Error(rw, "no", status)
				return true
			}
			s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result { return files("x.jpg") }}
			retried := 0
			o := w.options()
			o.Crawl.Retries = c.retries
			o.Crawl.Events.Retry = func(f crawl.Failed) {
				if retried++; f.Tries != retried || f.Again.IsZero() {
					t.Errorf("retry %d: %+v", retried, f)
				}
			}
			sum := w.mustRun(t.TempDir(), s, o)
			if got := w.count("a.example.test/x.jpg"); got != c.tries {
				t.Errorf("%d requests, want %d", got, c.tries)
			}
			if int(sum.Files.Failed) != c.failed || int(sum.Retries) != c.tries-1 || retried != c.tries-1 {
				t.Errorf("summary = %+v, %d retries told", sum, retried)
			}
		})
	}
}

// TestBackup tries the backup URLs of a file in turn.
func TestBackup(t *testing.T) {
	w := newWorld(t)
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/gone") {
			http.NotFound(rw, r)
			return true
		}
		return false
	}
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result {
		r := files("x.jpg")
		r.Files[0].URL = "https://a.example.test/gone1.jpg"
		r.Files[0].Backup = []string{"https://b.example.test/gone2.jpg", "https://b.example.test/there.jpg", "https://b.example.test/more.jpg"}
		return r
	}}
	var from string
	o := w.options()
	o.Crawl.Events.File = func(e crawl.FileDone) { from = e.URL + " " + e.From }
	sum := w.mustRun(t.TempDir(), s, o)
	if sum.Files.Done != 1 || from != "https://a.example.test/gone1.jpg https://b.example.test/there.jpg" || w.total() != 4 {
		t.Errorf("summary = %+v, from %s, %d requests", sum, from, w.total())
	}
}

// TestDuplicates notices content that the job has already, also from an
// earlier run.
func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	w.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/same") {
			rw.Write(pictureOf("same.jpg"))
			return true
		}
		return false
	}
	list := []string{"same1.jpg", "other.jpg", "same2.jpg"}
	s := &goSpider{start: []string{"https://a.example.test/"}, parse: func(*trawl.Page) *trawl.Result { return files(list...) }}
	var told []string
	o := w.options()
	o.Crawl.Jobs = 1
	o.Crawl.Events.File = func(e crawl.FileDone) { told = append(told, e.Path+"="+e.DuplicateOf) }
	dir := t.TempDir()
	sum := w.mustRun(dir, s, o)
	if diff := cmp.Diff([]string{"same1.jpg=", "other.jpg=", "same2.jpg=same1.jpg"}, told); diff != "" || sum.Duplicates != 1 {
		t.Errorf("%d duplicates; told (-want +got):\n%s", sum.Duplicates, diff)
	}

	told, list = nil, []string{"same3.jpg"}
	s.start = []string{"https://a.example.test/next"}
	sum = w.mustRun(dir, s, o)
	if diff := cmp.Diff([]string{"same3.jpg=same1.jpg"}, told); diff != "" || sum.Duplicates != 1 || sum.Files.Already != 3 {
		t.Errorf("summary = %+v; told (-want +got):\n%s", sum, diff)
	}
}
