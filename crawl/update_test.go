package crawl_test

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/job"
)

// A changing site has documents that can be replaced, each with a validator,
// and counts how they are asked for.
type changing struct {
	*world
	spider *goSpider

	mu    sync.Mutex
	docs  map[string]doc           // by path
	done  map[string]chan struct{} // by path, of pages that others wait for
	asked map[string]int           // by status and path, such as "304 /a.jpg"
}

type doc struct {
	etag, modified string
	body           string
	status         int    // 200 if it is 0
	after          string // the page whose end the answer waits for
}

func newChanging(t *testing.T) *changing {
	c := &changing{world: newWorld(t), docs: make(map[string]doc), asked: make(map[string]int)}
	c.handle = func(rw http.ResponseWriter, r *http.Request) bool {
		c.wait(r)
		c.mu.Lock()
		defer c.mu.Unlock()
		d, ok := c.docs[r.URL.Path]
		if !ok {
			return false
		}
		if d.etag != "" {
			rw.Header().Set("ETag", d.etag)
		}
		if d.modified != "" {
			rw.Header().Set("Last-Modified", d.modified)
		}
		status := max(d.status, 200)
		if d.etag != "" && r.Header.Get("If-None-Match") == d.etag ||
			d.modified != "" && r.Header.Get("If-Modified-Since") == d.modified && r.Header.Get("If-None-Match") == "" {
			status = 304
		}
		c.asked[fmt.Sprint(status, " ", r.URL.Path)]++
		rw.WriteHeader(status)
		if status == 200 {
			rw.Write([]byte(d.body))
		}
		return true
	}
	// A page has lines: the path of a file, of a page with a "/" at its end,
	// or a record.
	c.spider = &goSpider{start: []string{"https://a.example.test/"}, parse: func(p *trawl.Page) *trawl.Result {
		r := &trawl.Result{}
		for line := range strings.Lines(string(p.Body)) {
			switch line = strings.TrimSpace(line); {
			case strings.HasSuffix(line, "g"):
				r.Files = append(r.Files, trawl.Request{URL: "https://a.example.test/" + line, Path: line})
			case strings.HasSuffix(line, "/"):
				r.Pages = append(r.Pages, trawl.Request{URL: "https://a.example.test/" + line})
			default:
				r.Items = append(r.Items, trawl.Item{Fields: []trawl.Field{{Name: "v", Value: line}}})
			}
		}
		return r
	}}
	return c
}

// set changes documents.
func (c *changing) set(docs map[string]doc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.docs, docs)
}

// wait holds back the answer to a request until a page has ended, if it is to.
func (c *changing) wait(r *http.Request) {
	c.mu.Lock()
	done := c.done[c.docs[r.URL.Path].after]
	c.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-r.Context().Done():
	}
}

// pageDone has requests that wait for pages told of their end.
func (c *changing) pageDone(o *job.Options, paths ...string) {
	c.done = make(map[string]chan struct{})
	for _, p := range paths {
		c.done[p] = make(chan struct{})
	}
	o.Crawl.Events.Page = func(p crawl.PageDone) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if done := c.done[strings.TrimPrefix(p.URL, "https://a.example.test")]; done != nil {
			close(done)
		}
	}
}

// were returns how documents were asked for since the last call.
func (c *changing) were() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.asked
	c.asked = make(map[string]int)
	return m
}

func (c *changing) update() *job.Options {
	o := c.options()
	o.Crawl.Update = true
	return o
}

// recorded returns the files of a job, and fails where one of them is not as
// it was recorded.
func (c *changing) recorded(dir string) map[string]store.File {
	c.Helper()
	st := c.open(dir)
	defer st.Close()
	m := make(map[string]store.File)
	for f, err := range st.Files(c.Context()) {
		if err != nil {
			c.Fatal(err)
		}
		m[f.Path] = f
		if got := read(c.T, filepath.Join(dir, f.Path)); int64(len(got)) != f.Size || sum(got) != f.SHA256 {
			c.Errorf("%s is not as it was recorded", f.Path)
		}
	}
	return m
}

func (c *changing) equal(what string, got, want any) {
	c.Helper()
	if d := cmp.Diff(want, got); d != "" {
		c.Errorf("%s (-want +got):\n%s", what, d)
	}
}

const monday, tuesday = "Mon, 02 Mar 2026 12:00:00 GMT", "Tue, 03 Mar 2026 12:00:00 GMT"

// TestUpdate asks again for all that is done, when nothing has changed and when
// much has.
func TestUpdate(t *testing.T) {
	c := newChanging(t)
	a, b, plain := string(pictureOf("a.jpg")), string(pictureOf("b.jpg")), string(pictureOf("c.jpg"))
	c.set(map[string]doc{
		"/":      {etag: `"1"`, body: "a.jpg\nb.jpg\nc.jpg\nold\nstays\nmore/\n"},
		"/more/": {body: "deep\n"},
		"/a.jpg": {etag: `W/"a"`, body: a},
		"/b.jpg": {modified: monday, body: b},
		"/c.jpg": {body: plain},
	})
	dir := t.TempDir()
	c.mustRun(dir, c.spider, c.options())
	c.were()
	c.mustRun(dir, c.spider, c.options())
	c.equal("requests of a second run", c.were(), map[string]int{})

	told := make(map[string]int)
	o := c.update()
	o.Crawl.Events.File = func(f crawl.FileDone) { told[f.Path]++ }
	o.Crawl.Events.Item = func(it crawl.ItemDone) { told[string(it.Body)]++ }
	s := c.mustRun(dir, c.spider, o)
	c.equal("requests", c.were(), map[string]int{"304 /": 1, "200 /more/": 1, "304 /a.jpg": 1, "304 /b.jpg": 1, "200 /c.jpg": 1})
	c.equal("files", s.Files, crawl.Tally{Already: 3})
	c.equal("pages", s.Pages, crawl.Tally{Done: 1, Already: 1})
	c.equal("told", told, map[string]int{})
	c.equal("lines", read(t, filepath.Join(dir, "test.jsonl")), "{\"v\":\"old\"}\n{\"v\":\"stays\"}\n{\"v\":\"deep\"}\n")
	c.recorded(dir)

	c.set(map[string]doc{
		"/":      {etag: `"2"`, body: "a.jpg\nb.jpg\nc.jpg\nd.jpg\nnew\nstays\nmore/\n"},
		"/a.jpg": {etag: `W/"a2"`, body: string(pictureOf("changed.png"))}, // and is a PNG
		"/b.jpg": {modified: tuesday, body: b},                             // of the same content
		"/c.jpg": {status: 404},
		"/d.jpg": {body: string(pictureOf("d.jpg"))},
	})
	s = c.mustRun(dir, c.spider, o)
	c.equal("requests", c.were(), map[string]int{"200 /": 1, "200 /more/": 1, "200 /a.jpg": 1, "200 /b.jpg": 1, "404 /c.jpg": 1, "200 /d.jpg": 1})
	c.equal("files", s.Files, crawl.Tally{Done: 2, Already: 1, Failed: 1})
	c.equal("told", told, map[string]int{"a.jpg": 1, "d.jpg": 1, `{"v":"new"}`: 1, `{"v":"stays"}`: 1})
	c.equal("lines", read(t, filepath.Join(dir, "test.jsonl")), "{\"v\":\"deep\"}\n{\"v\":\"new\"}\n{\"v\":\"stays\"}\n")
	fs := c.recorded(dir)
	c.equal("files", slices.Sorted(maps.Keys(fs)), []string{"a.jpg", "b.jpg", "c.jpg", "d.jpg"})
	c.equal("type and validators", []string{fs["a.jpg"].Type, fs["a.jpg"].ETag, fs["b.jpg"].Modified}, []string{"image/png", `W/"a2"`, tuesday})
	c.equal("the one that is gone", read(t, filepath.Join(dir, "c.jpg")), plain)

	// A file that is not on disk any more is asked for without a condition,
	// and what failed is asked again.
	write(t, filepath.Join(dir, "a.jpg"), "cut")
	c.mustRun(dir, c.spider, o)
	c.equal("requests", c.were(), map[string]int{"304 /": 1, "200 /more/": 1, "200 /a.jpg": 1, "304 /b.jpg": 1, "404 /c.jpg": 1, "200 /d.jpg": 1})
	c.recorded(dir)
}

// TestUpdateAfterKill goes on with an update that died after a file had been
// put in its place and before that was recorded, while the server has gone
// back to what it had.
func TestUpdateAfterKill(t *testing.T) {
	c := newChanging(t)
	a, b := string(pictureOf("a.jpg")), string(pictureOf("b.jpg"))
	c.set(map[string]doc{
		"/":      {etag: `"1"`, body: "a.jpg\nb.jpg\n"},
		"/a.jpg": {etag: `"a"`, body: a},
		"/b.jpg": {etag: `"b"`, body: b},
	})
	dir := t.TempDir()
	c.mustRun(dir, c.spider, c.options())
	st := c.open(dir)
	if n, err := st.Update(t.Context(), true); n != 3 || err != nil {
		t.Fatalf("Update = %d, %v", n, err)
	}
	must(t, st.Close())
	other := []byte(a)
	other[len(other)/2] ^= 1
	write(t, filepath.Join(dir, "a.jpg"), string(other)) // of the same size
	c.were()
	c.mustRun(dir, c.spider, c.options()) // goes on without the flag, too
	c.equal("requests", c.were(), map[string]int{"304 /": 1, "200 /a.jpg": 1, "304 /b.jpg": 1})
	c.recorded(dir)
	c.mustRun(dir, c.spider, c.update())
	c.equal("requests of the next update", c.were(), map[string]int{"304 /": 1, "304 /a.jpg": 1, "304 /b.jpg": 1})
}

// TestAbortAfter ends an update at the third file in a row that was known, and
// collects what is new on the pages before and what they lead to.
func TestAbortAfter(t *testing.T) {
	c := newChanging(t)
	docs := make(map[string]doc)
	for i := range 6 {
		docs[fmt.Sprintf("/%d/", i)] = doc{body: fmt.Sprintf("%da.jpg\n%db.jpg\n%d/\n", i, i, i+1)}
	}
	docs["/"] = doc{body: "0/\n"}
	docs["/6/"] = doc{body: "end\n"}
	c.set(docs)
	dir := t.TempDir()
	o := c.options()
	o.Crawl.Jobs = 1
	c.mustRun(dir, c.spider, o)

	c.set(map[string]doc{
		"/0/":   {body: "0a.jpg\nnew.jpg\nnew/\n0b.jpg\n1/\n"},
		"/new/": {body: "more.jpg\n"},
		"/2/":   {body: docs["/2/"].body, after: "/1/"}, // is asked before the end of the other is recorded
	})
	c.were()
	o = c.update()
	o.Crawl.Jobs, o.Crawl.AbortAfter = 1, 3
	c.pageDone(o, "/1/")
	s := c.mustRun(dir, c.spider, o)
	// 0b, 1a and 1b are the three.
	asked := c.were()
	delete(asked, "200 /2/")
	c.equal("requests", asked, map[string]int{"200 /": 1, "200 /0/": 1, "200 /1/": 1, "200 /new/": 1})
	c.equal("files", s.Files, crawl.Tally{Done: 2, Already: 12})
	if !s.Enough || s.Left() != 0 {
		t.Errorf("summary = %+v", s)
	}
	c.mustRun(dir, c.spider, c.options())
	c.equal("requests of the next run", c.were(), map[string]int{})

	// Without an update it ends the run; the next one goes on.
	c.set(map[string]doc{"/": {body: "0/\nx1/\n"}, "/x1/": {body: "1a.jpg\n1b.jpg\nx2/\n"}, "/x2/": {body: "2a.jpg\n2b.jpg\nx3/\n"}, "/x3/": {body: "x4/\n", after: "/x2/"}, "/x4/": {body: "x.jpg\n"}})
	c.spider.start = []string{"https://a.example.test/x1/"}
	o = c.options()
	o.Crawl.Jobs, o.Crawl.AbortAfter = 1, 4
	c.pageDone(o, "/x2/")
	if s = c.mustRun(dir, c.spider, o); !s.Enough || s.Interrupted || s.Left() != 1 {
		t.Errorf("summary = %+v", s)
	}
	asked = c.were()
	delete(asked, "200 /x3/")
	c.equal("requests", asked, map[string]int{"200 /x1/": 1, "200 /x2/": 1})
	o.Crawl.Events = crawl.Events{}
	if s = c.mustRun(dir, c.spider, o); s.Enough || s.Left() != 0 {
		t.Errorf("summary = %+v", s)
	}
}
