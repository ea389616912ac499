package crawl_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/crawl"
	"github.com/trawl-go/trawl/internal/sqlite"
	"github.com/trawl-go/trawl/internal/store"
	"github.com/trawl-go/trawl/job"
)

// A world is a server for all hosts below example.test, and the log of what it
// was asked for. What handle does not answer is a picture of its URL's own,
// or, for a path that does not end like one, an empty page.
type world struct {
	*testing.T
	handle func(http.ResponseWriter, *http.Request) bool // nil answers nothing
	server *httptest.Server

	mu    sync.Mutex
	asked []string // URLs without scheme
}

func newWorld(t *testing.T) *world {
	w := &world{T: t}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	u := r.Host + r.URL.RequestURI()
	if r.URL.Path == "/robots.txt" {
		http.NotFound(rw, r)
		return
	}
	w.mu.Lock()
	w.asked = append(w.asked, u)
	w.mu.Unlock()
	if w.handle != nil && w.handle(rw, r) {
		return
	}
	if strings.HasSuffix(r.URL.Path, "g") { // .jpg, .png
		rw.Write(pictureOf(u))
		return
	}
	rw.Header().Set("Content-Type", "text/html")
	rw.Write([]byte("<!DOCTYPE html><title>page</title>"))
}

// count is how often a URL was asked for.
func (w *world) count(u string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, a := range w.asked {
		if a == u {
			n++
		}
	}
	return n
}

// total is the number of requests so far.
func (w *world) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

// pictureOf returns a picture that is different for each URL: a PNG if it ends
// so, else a JPEG.
func pictureOf(u string) []byte {
	h := fnv.New64a()
	h.Write([]byte(u))
	var c [8]byte
	binary.LittleEndian.PutUint64(c[:], h.Sum64())
	img := image.NewNRGBA(image.Rect(0, 0, 16, 16))
	for i := range 256 {
		img.SetNRGBA(i%16, i/16, color.NRGBA{c[i%8], c[(i+1)%8], c[i/32], 255})
	}
	var b bytes.Buffer
	var err error
	if strings.HasSuffix(u, ".png") {
		err = png.Encode(&b, img)
	} else {
		err = jpeg.Encode(&b, img, nil)
	}
	if err != nil {
		panic(err) // Unreachable: the picture is well formed.
	}
	return b.Bytes()
}

// hosts are those that the tests use.
var hosts = []string{"a.example.test", "b.example.test", "www.example.test", "example.test", "sub.a.example.test", "other.test"}

// options returns options that lead to the world.
func (w *world) options() *job.Options {
	o := &job.Options{NoSync: true, HTTP: job.HTTP{ConnectTo: make(map[string]string)}}
	for _, h := range hosts {
		o.HTTP.ConnectTo[h] = w.server.Listener.Addr().String()
	}
	o.Crawl.RetryWait = time.Millisecond
	return o
}

// A goSpider is a spider in Go.
type goSpider struct {
	set   trawl.Settings
	start []string
	parse func(*trawl.Page) *trawl.Result
}

func (s *goSpider) Settings() trawl.Settings {
	if s.set.Name == "" {
		s.set.Name = "test"
	}
	return s.set
}

func (s *goSpider) Start(context.Context) iter.Seq2[trawl.Request, error] {
	return func(yield func(trawl.Request, error) bool) {
		for _, u := range s.start {
			if !yield(trawl.Request{URL: u}, nil) {
				return
			}
		}
	}
}

func (s *goSpider) Parse(_ context.Context, p *trawl.Page) (*trawl.Result, error) {
	return s.parse(p), nil
}

// files returns a result of files with the paths, each at a URL of that path
// on a.example.test.
func files(paths ...string) *trawl.Result {
	r := &trawl.Result{}
	for _, p := range paths {
		r.Files = append(r.Files, trawl.Request{URL: "https://a.example.test/" + p, Path: p})
	}
	return r
}

// run runs a spider into dir, to its end or until ctx ends.
func (w *world) run(ctx context.Context, dir string, s trawl.Spider, o *job.Options) (*crawl.Summary, error) {
	set := s.Settings()
	j, err := job.Open(ctx, dir, job.Plan{Name: set.Name, Spiders: []trawl.Spider{s}}, o)
	if err != nil {
		return nil, err
	}
	sum, err := j.Run(ctx)
	return sum, errors.Join(err, j.Close())
}

// mustRun runs a spider to its end.
func (w *world) mustRun(dir string, s *goSpider, o *job.Options) *crawl.Summary {
	w.Helper()
	sum, err := w.run(w.Context(), dir, s, o)
	if err != nil {
		w.Fatal(err)
	}
	return sum
}

// open opens the store of a job that is not running.
func (w *world) open(dir string) store.Store {
	w.Helper()
	st, err := sqlite.Open(w.Context(), dir, nil)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { st.Close() })
	return st
}

// tree lists the files below dir, without .trawl.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ".trawl" {
				return fs.SkipDir
			}
			return err
		}
		rel, err := filepath.Rel(dir, p)
		out = append(out, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func sum(s string) [32]byte { return sha256.Sum256([]byte(s)) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
