package main

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A web is a site of many hosts for tests of several processes, with a log of
// what it was asked for. Every host has pages /0, /1 and so on, each with a
// picture on the next host; page 0 of the first host leads to those of the
// others, and every page to the next one and to some that all of them know.
type web struct {
	hosts, pages int
	shared       int              // how many pages every page leads to
	latency      time.Duration    // before an answer
	first        func(page *page) // adds to the first page
	bare         bool             // without pictures

	server *httptest.Server
	most   int // requests to one host at a time

	mu      sync.Mutex
	hits    []hit // in the order in which they came
	active  map[string]int
	changed chan struct{} // closed at the next request
}

// A hit is a request that was answered.
type hit struct {
	host, path string
	at         time.Time
}

func (h hit) url() string { return "http://" + h.host + h.path }

type page struct{ strings.Builder }

func (p *page) link(url string) { fmt.Fprintf(p, "<a href=%q></a>\n", html.EscapeString(url)) }

func (w *web) start(t *testing.T) {
	w.active, w.changed = make(map[string]int), make(chan struct{})
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
}

func host(i int) string { return fmt.Sprintf("h%d.test", i) }

// connectTo returns the flags that send the requests for all hosts here.
func (w *web) connectTo() (args []string) {
	for i := range w.hosts {
		args = append(args, "--connect-to", host(i)+"="+w.server.Listener.Addr().String())
	}
	return args
}

// spider returns the source of the spider that collects everything.
func (w *web) spider(delay time.Duration) string {
	return fmt.Sprintf(`name = "web"
start = ["http://h0.test/0"]
hosts = ["*"]
delay = %g
per_host = 1

def parse(page):
    for a in page.css("a"):
        page.follow(a.href)
    for i in page.css("img"):
        page.save(i.src)
    page.item(url = page.url)
`, delay.Seconds())
}

func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.active[r.Host]++
	w.most = max(w.most, w.active[r.Host])
	h := hit{r.Host, r.URL.Path, time.Now()}
	w.mu.Unlock()
	select {
	case <-time.After(w.latency):
	case <-r.Context().Done():
	}
	var body []byte
	var host, n int
	switch {
	case r.URL.Path == "/robots.txt":
	case strings.HasSuffix(r.URL.Path, ".png"):
		body = w.picture(r.URL.Path)
	default:
		fmt.Sscanf(r.Host+r.URL.Path, "h%d.test/%d", &host, &n)
		body = w.page(host, n)
	}
	// Who has the answer may ask again before this returns.
	w.mu.Lock()
	w.active[r.Host]--
	w.hits = append(w.hits, h)
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
	if body == nil {
		rw.WriteHeader(http.StatusNotFound)
	}
	_, _ = rw.Write(body)
}

// picture returns what is under a path.
func (w *web) picture(path string) []byte {
	var host, n int
	fmt.Sscanf(path, "/%d-%d.png", &host, &n)
	m := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	m.Set(0, 0, color.NRGBA{uint8(host), uint8(n), uint8(n >> 8), 255})
	var b bytes.Buffer
	_ = png.Encode(&b, m) // into memory
	return b.Bytes()
}

func (w *web) page(h, n int) []byte {
	p := &page{}
	p.WriteString("<!doctype html><title>a page</title>\n")
	if n < w.pages && !w.bare {
		fmt.Fprintf(p, "<img src=\"http://%s/%d-%d.png\">\n", host((h+1)%w.hosts), h, n)
	}
	if n+1 < w.pages {
		p.link(fmt.Sprintf("/%d", n+1))
	}
	if h == 0 && n == 0 {
		for i := range w.hosts {
			p.link("http://" + host(i) + "/0")
		}
		if w.first != nil {
			w.first(p)
		}
	}
	for i := range w.shared {
		p.link(fmt.Sprintf("http://%s/%d", host(i%w.hosts), i/w.hosts%w.pages))
	}
	return []byte(p.String())
}

// urls returns the URLs of all pages, or pictures.
func (w *web) urls(pictures bool) map[string]bool {
	m := make(map[string]bool)
	for h := range w.hosts {
		for n := range w.pages {
			if pictures {
				m[fmt.Sprintf("http://%s/%d-%d.png", host((h+1)%w.hosts), h, n)] = true
			} else {
				m[fmt.Sprintf("http://%s/%d", host(h), n)] = true
			}
		}
	}
	return m
}

// log returns what was answered so far, robots.txt apart.
func (w *web) log() []hit {
	w.mu.Lock()
	defer w.mu.Unlock()
	var hs []hit
	for _, h := range w.hits {
		if h.path != "/robots.txt" { // every process asks for it
			hs = append(hs, h)
		}
	}
	return hs
}

// until waits until what was answered is as it should be.
func (w *web) until(t *testing.T, what string, ok func(hits []hit) bool) {
	t.Helper()
	over := time.After(2 * time.Minute)
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if ok(w.log()) {
			return
		}
		select {
		case <-changed:
		case <-over:
			t.Fatalf("after 2 minutes and %d answers: %s has not come", len(w.log()), what)
		}
	}
}

// more waits for n more answers.
func (w *web) more(t *testing.T, n int) {
	t.Helper()
	n += len(w.log())
	w.until(t, fmt.Sprintf("answer %d", n), func(hits []hit) bool { return len(hits) >= n })
}

// check looks at the log of a job that is done: everything was fetched, little
// of it twice, and no host was asked more often than its delay allows.
func (w *web) check(t *testing.T, delay time.Duration, mostTwice int) {
	t.Helper()
	hits := w.log()
	asked := make(map[string]int)
	times := make(map[string][]time.Time)
	for _, h := range hits {
		asked[h.url()]++
		times[h.host] = append(times[h.host], h.at)
	}
	twice := 0
	for _, n := range asked {
		twice += n - 1
	}
	var missing []string
	for _, all := range []map[string]bool{w.urls(false), w.urls(true)} {
		for u := range all {
			if asked[u] == 0 {
				missing = append(missing, u)
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d URLs were never asked for, such as %s", len(missing), missing[0])
	}
	t.Logf("%d requests, %d of them for something that was answered before", len(hits), twice)
	if twice > mostTwice {
		t.Errorf("%d requests were made twice, want at most %d", twice, mostTwice)
	}
	w.mu.Lock()
	most := w.most
	w.mu.Unlock()
	if most > 1 {
		t.Errorf("a host was asked for %d things at a time, want one", most)
	}
	for h, at := range times {
		// A request may take a while to get here, and the next one does not
		// wait for it. Two processes at one host would soon have more of a
		// lead than that.
		const slack = 400 * time.Millisecond
		var lead time.Duration // over the pace that is allowed
		for i := 1; i < len(at); i++ {
			lead = max(0, lead+delay-at[i].Sub(at[i-1]))
			if lead > slack {
				t.Errorf("%s was asked too often: %v ahead of its delay at request %d", h, lead, i)
				break
			}
		}
	}
}
