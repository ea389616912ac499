package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/sqlite"
)

// soakHosts is the number of hosts of TestSoak, soakFiles that of the files of
// each on average.
const (
	soakHosts = 50
	soakFiles = 12
)

// TestSoak has the program collect from 50 hosts on which what can go wrong
// goes wrong by lot. In the end every file that is to be had is there, every
// other one is listed with its reason, and no host saw more than its limits.
//
// Three of the hosts do not answer before everything else is collected: were
// anybody held up by them, the test would not end.
//
// TRAWL_SOAKS is the number of rounds (1), each with its own lot;
// TRAWL_SOAK_SEED repeats one that was seen.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some ten seconds")
	}
	program := buildTrawl(t)
	seed := uint64(envInt(t, "TRAWL_SOAK_SEED", int(time.Now().UnixNano()&0xffffffff)))
	for n := range envInt(t, "TRAWL_SOAKS", 1) {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			t.Logf("TRAWL_SOAK_SEED=%d", seed+uint64(n))
			soak(t, program, rand.New(rand.NewPCG(seed+uint64(n), 0)))
		})
	}
}

func soak(t *testing.T, program string, r *rand.Rand) {
	w := newSoakWorld(t, r)
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return p
	}
	spider := write("soak.star", w.spider())
	job := filepath.Join(dir, "job")
	args := []string{"run", spider, "-d", job, "-R", "2", "-T", "100", "-q"}
	if w.perHost > 0 {
		args = append(args, "--per-host", fmt.Sprint(w.perHost))
	}
	for name, addr := range w.connect {
		args = append(args, "--connect-to", name+"="+addr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	began := time.Now()
	cmd := exec.CommandContext(ctx, program, args...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("not done after %v; %d files are to come", time.Since(began), w.left())
	}
	if code := cmd.ProcessState.ExitCode(); code != exitNetwork {
		t.Errorf("exit status %d (%v), want %d\n%s", code, err, exitNetwork, out)
	}
	w.check(job)
	t.Logf("%d hosts, %d files, %d requests in %v, per host: %d", len(w.hosts), len(w.files), w.requests, time.Since(began).Round(time.Millisecond), w.perHost)
}

// A soakWorld is the hosts and their files, and the record of who asked.
type soakWorld struct {
	*testing.T
	perHost int // as given with --per-host; 0 for none
	hosts   map[string]*soakHost
	files   map[string]*soakFile // by URL
	connect map[string]string
	done    chan struct{} // closed when every file is there whose host is not slow

	mu       sync.Mutex
	toCome   int // files
	requests int
}

// A soakHost is a host. The mutex of its world guards what changes.
type soakHost struct {
	name   string
	robots string // "" for 404
	rules  bool   // it has a robots.txt
	delay  time.Duration
	broken bool // its robots.txt cannot be had
	slow   bool
	dead   bool // takes no connection

	active, most int
	starts       []time.Time
	asked        map[string]int // by path
	rest         time.Time      // nothing is to be asked before
	early        int            // requests that were all the same
}

// A soakFile is a file with what becomes of it.
type soakFile struct {
	url    string
	host   *soakHost
	fault  string // "" for none
	first  int    // that many requests meet it, all if 0
	reason string // for which it fails in the end, "" if it does not
	status int

	there bool
}

// These pass, and the file is there in the end.
var passing = []string{"500", "drop", "cut", "stall", "html", "429", "503"}

// These do not, and it fails with the reason.
var lasting = map[string]string{"404": "http", "403": "http", "500": "http", "cut": "cut", "html": "type", "loop": "redirect"}

func newSoakWorld(t *testing.T, r *rand.Rand) *soakWorld {
	w := &soakWorld{T: t, hosts: make(map[string]*soakHost), files: make(map[string]*soakFile),
		connect: make(map[string]string), done: make(chan struct{})}
	if r.IntN(2) == 0 {
		w.perHost = 1 + r.IntN(5)
	}
	s := httptest.NewServer(w)
	// Handlers that wait for the end of the test would keep Close waiting.
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	closed := closedAddress(t)
	reasons := slices.Sorted(maps.Keys(lasting))
	for i := range soakHosts {
		h := &soakHost{name: fmt.Sprintf("h%d.soak.test", i), asked: make(map[string]int)}
		w.hosts[h.name] = h
		w.connect[h.name] = s.Listener.Addr().String()
		switch {
		case i < 3:
			h.slow = true
		case i == 3:
			h.dead = true
			w.connect[h.name] = closed
		case i == 4:
			h.broken = true
		case i < 8:
			h.rules, h.delay = true, time.Duration(50+r.IntN(100))*time.Millisecond
			h.robots = fmt.Sprintf("User-agent: *\nDisallow: /private/\nCrawl-delay: %.3f\n", h.delay.Seconds())
		case r.IntN(2) == 0:
			h.rules, h.robots = true, "User-agent: trawl\nAllow: /\nDisallow: /private/\n\nUser-agent: *\nDisallow: /\n"
		}
		refused := false
		for j := range 1 + r.IntN(2*soakFiles) {
			f := &soakFile{host: h}
			path := fmt.Sprintf("/f%d.png", j)
			switch n := r.IntN(10); {
			case h.slow:
			case n == 0:
				f.fault = reasons[r.IntN(len(reasons))]
				f.reason = lasting[f.fault]
				fmt.Sscan(f.fault, &f.status)
			case n <= 3:
				f.fault, f.first = passing[r.IntN(len(passing))], 1+r.IntN(2)
				if f.fault == "429" || f.fault == "503" || f.fault == "stall" { // it takes time
					if f.first = 1; refused {
						f.fault = "drop"
					}
					refused = true
				}
				if f.fault == "html" { // not tried again
					f.fault = ""
				}
			case n == 4 && h.rules:
				path = fmt.Sprintf("/private/f%d.png", j)
				f.reason = "robots"
			}
			switch {
			case h.dead:
				f.reason, f.status = "network", 0
			case h.broken:
				f.reason, f.status = "http", 500
			}
			f.url = "https://" + h.name + path
			w.files[f.url] = f
			if f.reason == "" && !h.slow {
				w.toCome++
			}
		}
	}
	return w
}

// closedAddress returns an address on which nobody listens.
func closedAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// spider returns a spider that starts at a page of each of the first hosts
// that work, and finds the files there, any host's on any page.
func (w *soakWorld) spider() string {
	return `name = "soak"
start = ["https://h%d.soak.test/list/%d" % (8 + n, n) for n in range(10)]

def parse(page):
    for a in page.css("a"):
        page.save(a.href, a.text)
`
}

func (w *soakWorld) left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.toCome
}

// begin counts a request in; the function it returns counts it out, once,
// and must be called before its client can know that it is over.
func (w *soakWorld) begin(h *soakHost, path string) (nth int, end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.requests++
	h.active++
	h.most = max(h.most, h.active)
	h.starts = append(h.starts, now)
	h.asked[path]++
	if now.Before(h.rest) {
		h.early++
	}
	return h.asked[path], sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		h.active--
	})
}

func (w *soakWorld) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	h := w.hosts[r.Host]
	if h == nil {
		w.Errorf("asked for %s%s", r.Host, r.URL)
		return
	}
	nth, end := w.begin(h, r.URL.Path)
	defer end()
	if h.slow && r.URL.Path != "/robots.txt" {
		select {
		case <-w.done:
		case <-r.Context().Done():
			return
		}
	}
	fail := func(code int) {
		end()
		http.Error(rw, http.StatusText(code), code)
	}
	switch {
	case r.URL.Path == "/robots.txt" && h.broken:
		fail(500)
	case r.URL.Path == "/robots.txt" && !h.rules:
		fail(404)
	case r.URL.Path == "/robots.txt":
		end()
		io.WriteString(rw, h.robots)
	case strings.HasPrefix(r.URL.Path, "/list/"):
		end()
		w.list(rw, r.URL.Path)
	default:
		f := w.files["https://"+r.Host+r.URL.Path]
		if f == nil {
			w.Errorf("asked for %s%s", r.Host, r.URL)
			return
		}
		w.serve(rw, r, f, nth, end, fail)
	}
}

// list writes the part of the files that belongs on a page.
func (w *soakWorld) list(rw io.Writer, path string) {
	var page int
	fmt.Sscanf(path, "/list/%d", &page)
	for i, u := range slices.Sorted(maps.Keys(w.files)) {
		if i%10 == page {
			name := strings.ReplaceAll(strings.TrimPrefix(u, "https://"), "/", "-")
			fmt.Fprintf(rw, "<a href=%q>%s</a>\n", u, name)
		}
	}
}

func (w *soakWorld) serve(rw http.ResponseWriter, r *http.Request, f *soakFile, nth int, end func(), fail func(int)) {
	fault := f.fault
	if f.first > 0 && nth > f.first {
		fault = ""
	}
	body := soakPicture(f.url)
	rw.Header().Set("Content-Type", "image/png")
	switch fault {
	case "":
		end()
		rw.Header().Set("Content-Length", fmt.Sprint(len(body)))
		if _, err := rw.Write(body); err == nil {
			w.arrived(f)
		}
	case "drop":
		end()
		panic(http.ErrAbortHandler)
	case "cut":
		end()
		rw.Header().Set("Content-Length", fmt.Sprint(len(body)))
		rw.Write(body[:len(body)/2])
	case "stall": // longer than a worker's patience
		rw.Header().Set("Content-Length", fmt.Sprint(len(body)))
		rw.Write(body[:len(body)/2])
		http.NewResponseController(rw).Flush()
		select {
		case <-time.After(2500 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
		end()
		if _, err := rw.Write(body[len(body)/2:]); err == nil {
			w.arrived(f)
		}
	case "html":
		end()
		io.WriteString(rw, "<!DOCTYPE html><title>No</title>")
	case "loop":
		end()
		http.Redirect(rw, r, r.URL.Path, http.StatusFound)
	case "429", "503":
		rw.Header().Set("Retry-After", "1")
		w.mu.Lock()
		f.host.rest = time.Now().Add(900 * time.Millisecond)
		w.mu.Unlock()
		var code int
		fmt.Sscan(fault, &code)
		fail(code)
	default:
		var code int
		fmt.Sscan(fault, &code)
		fail(code)
	}
}

// arrived notes that a file was sent.
func (w *soakWorld) arrived(f *soakFile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.there || f.host.slow {
		return
	}
	f.there = true
	if w.toCome--; w.toCome == 0 {
		close(w.done)
	}
}

// soakPicture is a picture of a URL's own.
func soakPicture(u string) []byte {
	sum := sha256.Sum256([]byte(u))
	m := image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range m.Pix {
		m.Pix[i] = sum[i%len(sum)] ^ byte(i*i>>4)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // Unreachable: a buffer takes everything.
	}
	return b.Bytes()
}

// check compares what the job has with what there is.
func (w *soakWorld) check(dir string) {
	st, err := sqlite.Open(w.Context(), dir, &sqlite.Options{ReadOnly: true})
	if err != nil {
		w.Fatal(err)
	}
	defer st.Close()
	got := make(map[string]bool)
	for f, err := range st.Files(w.Context()) {
		if err != nil {
			w.Fatal(err)
		}
		got[f.URL] = true
		want := w.files[f.URL]
		if want == nil || want.reason != "" {
			w.Errorf("%s is there", f.URL)
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if sum := sha256.Sum256(soakPicture(f.URL)); err != nil || sha256.Sum256(body) != sum || f.SHA256 != sum {
			w.Errorf("%s: %d bytes that are not its own (%v)", f.Path, len(body), err)
		}
	}
	for f, err := range st.Failures(w.Context()) {
		if err != nil {
			w.Fatal(err)
		}
		got[f.URL] = true
		want := w.files[f.URL]
		if want == nil || f.Reason != want.reason || f.Status != want.status && f.Reason == "http" {
			w.Errorf("%s failed: %s (%d), want %+v\n%s", f.URL, f.Reason, f.Status, want, f.Message)
		}
	}
	for u := range w.files {
		if !got[u] {
			w.Errorf("%s is neither there nor among the failures", u)
		}
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	most := w.perHost
	if most == 0 {
		most = 6
	}
	for name, h := range w.hosts {
		if h.most > most {
			w.Errorf("%s had %d requests at a time, want at most %d", name, h.most, most)
		}
		// Those that were on their way when it asked for a rest are no fault.
		if h.early > 2*most {
			w.Errorf("%s was asked %d times while it wanted to rest", name, h.early)
		}
		if h.asked["/robots.txt"] != 1 && !h.broken && !h.dead {
			w.Errorf("%s was asked for its robots.txt %d times", name, h.asked["/robots.txt"])
		}
		if n := len(h.starts); n > 1 && h.delay > 0 && !h.broken {
			if d := h.starts[n-1].Sub(h.starts[0]); d < time.Duration(n-1)*h.delay*9/10 {
				w.Errorf("%s had %d requests in %v, with a Crawl-delay of %v", name, n, d, h.delay)
			}
		}
		for path, n := range h.asked {
			f := w.files["https://"+name+path]
			switch {
			case f == nil:
			case f.reason == "robots" || h.broken:
				w.Errorf("%s%s was asked for", name, path)
			case n > 3+f.first: // -R 2
				w.Errorf("%s%s was asked for %d times", name, path, n)
			}
		}
	}
}
