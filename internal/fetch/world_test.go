package fetch_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
)

// A world is every host of a test in one server. Pages are found by
// "host/path"; what is not there is 404. The scheme is not known to it.
type world struct {
	*httptest.Server
	pages map[string]http.HandlerFunc

	conns atomic.Int64 // connections that were made

	mu   sync.Mutex
	seen []*http.Request
}

func newWorld(t testing.TB, pages map[string]http.HandlerFunc) *world {
	t.Helper()
	w := &world{pages: pages}
	w.Server = httptest.NewUnstartedServer(w)
	w.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			w.conns.Add(1)
		}
	}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.seen = append(w.seen, r)
	w.mu.Unlock()
	if h := w.pages[r.Host+r.URL.Path]; h != nil {
		h(rw, r)
		return
	}
	http.NotFound(rw, r)
}

// client returns a client for which all hosts are in the world.
func (w *world) client(t testing.TB, opts fetch.Options, hosts ...string) *fetch.Client {
	t.Helper()
	opts.ConnectTo = map[string]string{}
	for _, h := range hosts {
		opts.ConnectTo[h] = w.Listener.Addr().String()
	}
	c := fetch.New(&opts)
	t.Cleanup(c.Close)
	return c
}

// requests returns what was asked since the last call.
func (w *world) requests() []*http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.seen
	w.seen = nil
	return out
}

func get(c *fetch.Client, url string, h map[string]string) (*trawl.Page, error) {
	return c.Page(context.Background(), &trawl.Request{URL: url}, h)
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, strings.Repeat("moved ", 2000))
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(s)) }
}
