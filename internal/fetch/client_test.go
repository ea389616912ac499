package fetch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
)

func TestPageAndOpen(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{
		"www.example.com/图/1": text("here"),
	})
	c := w.client(t, fetch.Options{}, "www.example.com")
	req := &trawl.Request{URL: "https://www.example.com/图/1#top", Referer: "https://user:pass@www.example.com/list#x", Depth: 3}
	p, err := c.Page(context.Background(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(p.Body) != "here" || p.URL != "https://www.example.com/%E5%9B%BE/1" || p.Status != 200 || p.Request.Depth != 3 {
		t.Errorf("Page() = %q from %s, status %d, depth %d", p.Body, p.URL, p.Status, p.Request.Depth)
	}
	res, err := c.Open(context.Background(), req.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if string(body) != "here" || err != nil || res.Length != 4 || res.Status != 200 {
		t.Errorf("Open() = %q, %v, length %d, status %d", body, err, res.Length, res.Status)
	}
	if err := errors.Join(res.Body.Close(), res.Body.Close()); err != nil {
		t.Errorf("Close() twice = %v", err)
	}
	reqs := w.requests()
	for i, want := range []map[string]string{
		{"User-Agent": fetch.DefaultUserAgent, "Referer": "https://www.example.com/list", "Accept-Encoding": "gzip, deflate"},
		{"User-Agent": fetch.DefaultUserAgent, "Referer": "", "Accept-Encoding": "identity", "Accept": "*/*"},
	} {
		for name, value := range want {
			if got := reqs[i].Header.Get(name); got != value {
				t.Errorf("request %d: %s = %q, want %q", i, name, got, value)
			}
		}
	}
	if n := w.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestConnectTo(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{
		"a.com/":      text("a"),
		"a.com:8080/": text("a on 8080"),
		"图.com/":      text("never"),
	})
	w.pages["xn--1lq90i.com/"] = text("国")
	addr := w.Listener.Addr().String()
	for _, tt := range []struct{ key, url, want string }{
		{"a.com", "http://a.com/", "a"},
		{"a.com", "https://a.com/", "a"},
		{"A.com", "http://a.COM:80/", "a"},
		{"a.com:443", "https://a.com/", "a"},
		{"a.com:80", "http://a.com/", "a"},
		{"a.com:8080", "http://a.com:8080/", "a on 8080"},
		{"a.com", "http://a.com:8080/", "a on 8080"},
	} {
		c := fetch.New(&fetch.Options{
			ConnectTo: map[string]string{tt.key: addr},
			Proxy: func(r *http.Request) (*url.URL, error) {
				t.Errorf("a proxy was asked for %s", r.URL)
				return nil, nil
			},
		})
		p, err := get(c, tt.url, nil)
		if err != nil || string(p.Body) != tt.want {
			t.Errorf("%s by %s: %v, %v", tt.url, tt.key, p, err)
		}
		c.Close()
	}
	// Another host or port goes where it belongs, by way of the proxy here.
	for _, tt := range []struct{ key, url string }{
		{"a.com", "http://www.a.com/"},
		{"a.com:443", "http://a.com/"},
		{"a.com:80", "https://a.com/"},
	} {
		asked := errors.New("asked")
		c := fetch.New(&fetch.Options{
			ConnectTo: map[string]string{tt.key: addr},
			Proxy:     func(r *http.Request) (*url.URL, error) { return nil, asked },
		})
		if _, err := get(c, tt.url, nil); !errors.Is(err, asked) {
			t.Errorf("%s by %s: %v", tt.url, tt.key, err)
		}
	}
}

func TestHeaders(t *testing.T) {
	var got *http.Request
	transport := fake(func(r *http.Request) (*http.Response, error) {
		got = r
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
	})
	c := fetch.New(&fetch.Options{
		UserAgent: "trawl/1.2", Transport: transport,
		Headers: map[string]string{"x-one": "user", "X-Two": "user", "X-Three": "user", "Host": "virtual.example.com"},
	})
	_, err := get(c, "http://a.com/", map[string]string{
		"X-ONE": "spider", "user-agent": "other", "Accept-Encoding": "br", "Content-Length": "99", "Transfer-Encoding": "chunked",
		"X-Three": "", "Accept": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"X-One": "spider", "X-Two": "user", "User-Agent": "other", "Accept-Encoding": "gzip, deflate",
		"Content-Length": "", "Transfer-Encoding": "", "Host": "",
	} {
		if v := strings.Join(got.Header[name], "|"); v != want {
			t.Errorf("%s = %q, want %q", name, v, want)
		}
	}
	for _, name := range []string{"Accept", "X-Three"} { // an empty value leaves a field out
		if v, ok := got.Header[name]; ok {
			t.Errorf("%s = %q, want none", name, v)
		}
	}
	if got.Host != "virtual.example.com" {
		t.Errorf("Host = %q", got.Host)
	}
}

func TestBadRequests(t *testing.T) {
	sent := false
	transport := fake(func(r *http.Request) (*http.Response, error) {
		sent = true
		return nil, errors.New("sent")
	})
	for _, tt := range []struct {
		name, url string
		opts      fetch.Options
		h         map[string]string
	}{
		{name: "empty"},
		{name: "relative", url: "/x"},
		{name: "no scheme", url: "a.com/x"},
		{name: "file", url: "file:///etc/passwd"},
		{name: "control character", url: "http://a.com/\x00"},
		{name: "password", url: "http://me:secret@a b.com/"},
		{name: "password and port", url: "http://me:secret@a.com:x/"},
		{name: "header name", url: "http://a.com/", h: map[string]string{"bad name": "x"}},
		{name: "header value", url: "http://a.com/", h: map[string]string{"X": "secret\r\nX-Injected: 1"}},
		{name: "user's header", url: "http://a.com/", opts: fetch.Options{Headers: map[string]string{"": "secret"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.opts.Transport = transport
			_, err := get(fetch.New(&tt.opts), tt.url, tt.h)
			e := check(t, "Page()", err, fetch.BadRequest, 0)
			if e.Temporary() {
				t.Errorf("%v is temporary", err)
			}
			if strings.Contains(e.Error(), "secret") {
				t.Errorf("error tells a secret: %v", err)
			}
		})
	}
	if sent {
		t.Error("a request was sent")
	}
}

// User information in a URL is neither sent nor shown.
func TestUserInformation(t *testing.T) {
	w := newWorld(t, nil)
	c := w.client(t, fetch.Options{}, "a.com")
	_, err := get(c, "http://me:secret@a.com/missing", nil)
	if e := check(t, "Page()", err, fetch.HTTP, 404); e.URL != "http://a.com/missing" || strings.Contains(e.Error(), "secret") {
		t.Errorf("error = %v", err)
	}
	if h := w.requests()[0].Header; h.Get("Authorization") != "" {
		t.Errorf("Authorization = %q", h.Get("Authorization"))
	}
}

func TestQueryIsEscaped(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{
		"a.com/s": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.RawQuery) },
	})
	c := w.client(t, fetch.Options{}, "a.com")
	p, err := get(c, `http://a.com/s?q=中 "b"&x=%E4%b8%ad+1`, nil)
	const want = "q=%E4%B8%AD%20%22b%22&x=%E4%b8%ad+1"
	if err != nil || string(p.Body) != want {
		t.Errorf("query = %v, %v, want %q", p, err, want)
	}
}

func TestCookies(t *testing.T) {
	set := func(cookies ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for _, c := range cookies {
				w.Header().Add("Set-Cookie", c)
			}
		}
	}
	hosts := []string{"www.a.com", "img.a.com", "b.com", "x.github.io", "y.github.io"}
	pages := map[string]http.HandlerFunc{
		"www.a.com/set":   set("host=1", "domain=2; Domain=a.com", "path=3; Path=/deep", "secure=4; Secure", "foreign=5; Domain=b.com", "gone=6; Max-Age=0"),
		"x.github.io/set": set("wide=1; Domain=github.io", "own=2"),
		"b.com/loop":      func(w http.ResponseWriter, r *http.Request) { set("via=1")(w, r); redirect("/echo")(w, r) },
	}
	for _, h := range hosts {
		pages[h+"/echo"] = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Cookie")) }
	}
	w := newWorld(t, pages)
	c := w.client(t, fetch.Options{}, hosts...)
	for _, u := range []string{"https://www.a.com/set", "http://x.github.io/set"} {
		if _, err := get(c, u, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ url, want string }{
		{"https://www.a.com/echo", "host=1; domain=2; secure=4"},
		{"http://www.a.com/echo", "host=1; domain=2"},
		{"http://img.a.com/echo", "domain=2"},
		{"http://b.com/echo", ""},
		{"http://x.github.io/echo", "own=2"},
		{"http://y.github.io/echo", ""},
		{"http://b.com/loop", "via=1"},
	} {
		p, err := get(c, tt.url, nil)
		if err != nil || string(p.Body) != tt.want {
			t.Errorf("cookies for %s: %v, %v, want %q", tt.url, p, err, tt.want)
		}
	}
	p, err := get(c, "http://img.a.com/echo", map[string]string{"cookie": "mine=7"})
	if err != nil || string(p.Body) != "mine=7; domain=2" {
		t.Errorf("cookies with one of the spider's: %v, %v", p, err)
	}
}

func TestControl(t *testing.T) {
	no := errors.New("private address")
	var asked string
	c := fetch.New(&fetch.Options{Control: func(network, address string, _ syscall.RawConn) error {
		asked = address
		return no
	}})
	defer c.Close()
	_, err := get(c, "http://127.0.0.1:9/", nil)
	check(t, "Page()", err, fetch.Network, 0)
	if !errors.Is(err, no) || asked != "127.0.0.1:9" {
		t.Errorf("Page() = %v, asked for %q", err, asked)
	}
}

func TestPageLimit(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{
		"a.com/length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Length", "1001")
			w.Write(make([]byte, 1001))
		},
		"a.com/chunked": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.(http.Flusher).Flush()
			w.Write(make([]byte, 1001))
		},
		"a.com/fits": text(strings.Repeat("x", 1000)),
		"a.com/film": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "video/mp4")
			w.Header().Set("Content-Length", "50000000")
			w.Write(make([]byte, 50_000)) // the rest never comes
		},
		"a.com/disk": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.(http.Flusher).Flush()
			w.Write(make([]byte, 1001))
		},
	})
	c := w.client(t, fetch.Options{MaxPage: 1000}, "a.com")
	// What is no page is known by its beginning.
	for _, path := range []string{"/film", "/disk"} {
		if p, err := get(c, "http://a.com"+path, nil); err != nil || len(p.Body) == 0 || len(p.Body) > 4096 {
			t.Errorf("Page() of %s: %v, %v; want its beginning", path, p, err)
		}
	}
	for _, path := range []string{"/length", "/chunked"} {
		_, err := get(c, "http://a.com"+path, nil)
		if e := check(t, path, err, fetch.Size, 200); e.Temporary() {
			t.Errorf("%v is temporary", err)
		}
	}
	if p, err := get(c, "http://a.com/fits", nil); err != nil || len(p.Body) != 1000 {
		t.Errorf("page of the limit: %v", err)
	}
	// A length that is too large is believed at once.
	c = fetch.New(&fetch.Options{MaxPage: 1000, Transport: fake(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 1001, Body: io.NopCloser(unread{t})}, nil
	})})
	_, err := get(c, "http://a.com/", nil)
	check(t, "Page()", err, fetch.Size, 200)
	c = w.client(t, fetch.Options{MaxPage: -1}, "a.com")
	if p, err := get(c, "http://a.com/chunked", nil); err != nil || len(p.Body) != 1001 {
		t.Errorf("page without a limit: %v", err)
	}
}

// unread is a body that is not to be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// A name that does not exist will not exist in a second either; a name server
// that does not answer may.
func TestNameErrors(t *testing.T) {
	for _, notFound := range []bool{true, false} {
		c := fetch.New(&fetch.Options{Transport: fake(func(r *http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "x", Name: "a.com", IsNotFound: notFound}}
		})})
		_, err := get(c, "http://a.com/", nil)
		if e := check(t, "Page()", err, fetch.Network, 0); e.Temporary() == notFound {
			t.Errorf("%v: Temporary() = %v", err, e.Temporary())
		}
	}
}
