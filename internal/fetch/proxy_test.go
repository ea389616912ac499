package fetch_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/fetch"
)

// A testProxy answers for every site, says its name, and counts.
type testProxy struct {
	*httptest.Server
	name string

	mu   sync.Mutex
	seen []string // method and target of each request
}

// newProxy starts a proxy for those who know the password, which is its name.
// answer, if not nil, answers instead.
func newProxy(t *testing.T, name string, answer http.HandlerFunc) *testProxy {
	t.Helper()
	p := &testProxy{name: name}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.seen = append(p.seen, r.Method+" "+r.RequestURI)
		p.mu.Unlock()
		a := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
		if user, password, _ := a.BasicAuth(); user != "me" || password != name {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if answer != nil {
			answer(w, r)
			return
		}
		io.WriteString(w, name)
	}))
	t.Cleanup(p.Close)
	return p
}

// at returns the proxy's address with a password.
func (p *testProxy) at(password string) *url.URL {
	return &url.URL{Scheme: "http", User: url.UserPassword("me", password), Host: p.Listener.Addr().String()}
}

func (p *testProxy) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

// dead returns the address of a proxy that is not there.
func dead(t *testing.T) *url.URL {
	t.Helper()
	s := httptest.NewServer(nil)
	defer s.Close()
	return &url.URL{Scheme: "http", User: url.UserPassword("me", "s3cret"), Host: s.Listener.Addr().String()}
}

// rests collects what Options.ProxyFailed is told.
type rests struct {
	mu   sync.Mutex
	list []string
}

func (r *rests) failed(host string, rest time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, fmt.Sprintf("%s for %v: %v", host, rest, err))
}

func TestProxiesTakeTurns(t *testing.T) {
	one, two, three := newProxy(t, "one", nil), newProxy(t, "two", nil), newProxy(t, "three", nil)
	site := httptest.NewServer(text("site"))
	defer site.Close()
	c := fetch.New(&fetch.Options{Proxies: []*url.URL{one.at("one"), two.at("two"), three.at("three")}, NoProxy: "x.test, " + site.Listener.Addr().String()})

	defer c.Close()
	var got []string
	for range 6 {
		p, err := get(c, "http://www.example.com/a?b=c", nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(p.Body))
	}
	if s := strings.Join(got, " "); s != "one two three one two three" {
		t.Errorf("proxies %s", s)
	}
	if s := one.seen[0]; s != "GET http://www.example.com/a?b=c" {
		t.Errorf("the proxy was asked %s", s)
	}
	if p, err := get(c, site.URL, nil); err != nil || string(p.Body) != "site" {
		t.Errorf("a host that needs no proxy: %v", err)
	}
	c = fetch.New(&fetch.Options{Proxies: []*url.URL{one.at("one")}, NoProxy: "localhost"})
	defer c.Close()
	if p, err := get(c, site.URL, nil); err != nil || string(p.Body) != "one" {
		t.Errorf("a host of this machine that no one excepts: %v", err)
	}
}

func TestProxiesThatFail(t *testing.T) {
	good := newProxy(t, "good", nil)
	wrong := newProxy(t, "wrong", nil)
	cuts := newProxy(t, "cuts", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	refuses := newProxy(t, "refuses", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for _, tt := range []struct {
		name  string
		proxy *url.URL
		p     *testProxy // nil for none
		asked int        // of 8 requests, 4 of which are its turn
		rests string     // "" for none
	}{
		{"not there", dead(t), nil, 0, "for 30s: proxyconnect tcp: dial tcp"},
		{"does not know us", wrong.at("s3cret"), wrong, 1, "for 30s: proxy: 407"},
		{"hangs up", cuts.at("cuts"), cuts, 3, "for 30s: EOF"},
		{"says that the site is down", refuses.at("refuses"), refuses, 4, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r rests
			c := fetch.New(&fetch.Options{Proxies: []*url.URL{tt.proxy, good.at("good")}, ProxyFailed: r.failed})
			defer c.Close()
			for i := range 8 {
				p, err := get(c, "http://www.example.com/", nil)
				if tt.rests == "" && i%2 == 0 {
					if fetch.ReasonOf(err) != fetch.HTTP {
						t.Errorf("Page() = %v, want what the proxy said", err)
					}
				} else if err != nil || string(p.Body) != "good" {
					t.Errorf("Page() = %v, want that of the other proxy", err)
				}
			}
			if tt.p != nil && tt.p.requests() != tt.asked {
				t.Errorf("asked %d times, want %d", tt.p.requests(), tt.asked)
			}
			if want := tt.proxy.Host + " " + tt.rests; tt.rests == "" && len(r.list) > 0 || tt.rests != "" && (len(r.list) != 1 || !strings.HasPrefix(r.list[0], want)) {
				t.Errorf("rests = %q, want %q", r.list, want)
			}
		})
	}
}

// For https a proxy is asked to connect.
func TestProxiesForHTTPS(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	down, hangsUp := newProxy(t, "down", status(502)), newProxy(t, "hangsUp", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	plain := newProxy(t, "plain", status(200)) // and then does not speak TLS
	var r rests
	c := fetch.New(&fetch.Options{Proxies: []*url.URL{dead(t), down.at("down"), down.at("s3cret"), hangsUp.at("hangsUp")}, ProxyFailed: r.failed})
	defer c.Close()
	_, err := get(c, "https://www.example.com/", nil)
	if fetch.ReasonOf(err) != fetch.Network || !strings.Contains(err.Error(), "4 proxies failed, the last of them "+hangsUp.Listener.Addr().String()) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("Page() = %v (%q)", err, fetch.ReasonOf(err))
	}
	if len(r.list) != 3 { // all but the one that says that the site is down
		t.Errorf("rests = %q, want 3", r.list)
	}

	c = fetch.New(&fetch.Options{Proxies: []*url.URL{plain.at("plain"), down.at("down")}})
	defer c.Close()
	before := down.requests()
	if _, err = get(c, "https://www.example.com/", nil); fetch.ReasonOf(err) != fetch.TLS {
		t.Errorf("Page() = %v (%q), want tls", err, fetch.ReasonOf(err))
	}
	if down.requests() != before {
		t.Error("another proxy was asked although the site is at fault")
	}
}

func TestAllProxiesRefuse(t *testing.T) {
	p := newProxy(t, "p", nil)
	for name, tt := range map[string]struct {
		proxies []*url.URL
		want    fetch.Reason
		status  int
	}{
		"one that does not know us": {[]*url.URL{p.at("s3cret")}, fetch.Auth, 407},
		"two":                       {[]*url.URL{p.at("s3cret"), p.at("s3cret2")}, fetch.Auth, 407},
		"one that is not there":     {[]*url.URL{dead(t)}, fetch.Network, 0},
		"two that are not there":    {[]*url.URL{dead(t), dead(t)}, fetch.Network, 0},
	} {
		c := fetch.New(&fetch.Options{Proxies: tt.proxies})
		defer c.Close()
		for range 2 { // resting, the second time
			_, err := get(c, "http://www.example.com/", nil)
			check(t, name, err, tt.want, tt.status)
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "me:") {
				t.Errorf("%s: %v shows the login", name, err)
			}
		}
	}
}

// socks5 starts a SOCKS proxy that leads all connections to addr.
func socks5(t *testing.T, addr, password string) (at string, asked func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu   sync.Mutex
		list []string
		wg   sync.WaitGroup
	)
	serve := func(c net.Conn) error {
		defer c.Close()
		in := bufio.NewReader(c)
		read := func(n int) string {
			b := make([]byte, n)
			io.ReadFull(in, b)
			return string(b)
		}
		text := func() string { return read(int(read(1)[0])) }
		read(1)
		if !strings.Contains(text(), "\x02") {
			_, err := c.Write([]byte{5, 0xff})
			return err
		}
		c.Write([]byte{5, 2})
		read(1)
		if text() != "me" || text() != password {
			_, err := c.Write([]byte{1, 1})
			return err
		}
		c.Write([]byte{1, 0})
		read(3)
		if read(1) != "\x03" {
			return fmt.Errorf("the address is no name")
		}
		name, port := text(), binary.BigEndian.Uint16([]byte(read(2)))
		mu.Lock()
		list = append(list, fmt.Sprintf("%s:%d", name, port))
		mu.Unlock()
		to, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer to.Close()
		c.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 0})
		wg.Go(func() { io.Copy(to, in); to.(*net.TCPConn).CloseWrite() })
		io.Copy(c, to)
		return nil
	}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				if err := serve(c); err != nil {
					t.Log(err)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String(), func() []string { mu.Lock(); defer mu.Unlock(); return list }
}

func TestSOCKS(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{"www.example.com/": text("site")})
	at, asked := socks5(t, w.Listener.Addr().String(), "p@ss")
	proxy := func(s string) *url.URL {
		u, err := fetch.ParseProxy(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	var r rests
	c := fetch.New(&fetch.Options{Proxies: []*url.URL{proxy("socks5://me:wrong@" + at), proxy("socks5://me:p%40ss@" + at), proxy("socks5://" + at)}, ProxyFailed: r.failed,
		Control: func(_, address string, _ syscall.RawConn) error { return fmt.Errorf("%s is private", address) }})
	defer c.Close()
	for range 3 {
		p, err := get(c, "http://www.example.com/", nil)
		if err != nil || string(p.Body) != "site" {
			t.Fatalf("Page() = %v", err)
		}
	}
	if got := asked(); len(got) != 1 || got[0] != "www.example.com:80" {
		t.Errorf("connected to %v, want once to www.example.com:80, by its name", got)
	}
	if s := strings.Join(r.list, "\n"); len(r.list) != 2 || strings.Contains(s, "wrong") {
		t.Errorf("rests = %s, want those without and with the wrong password", s)
	}
}

// Many workers at once: every request is answered, the proxies that work share
// them evenly, and the one that does not is tried by those who came before it
// rested, and no more.
func TestProxiesHammer(t *testing.T) {
	const workers, each = 16, 25
	one, two := newProxy(t, "one", nil), newProxy(t, "two", nil)
	var r rests
	c := fetch.New(&fetch.Options{Proxies: []*url.URL{one.at("one"), dead(t), two.at("two")}, ProxyFailed: r.failed})
	defer c.Close()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if _, err := get(c, "http://www.example.com/", nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	n, m := one.requests(), two.requests()
	if n+m != workers*each || max(n, m)-min(n, m) > 2*workers {
		t.Errorf("%d and %d requests, want %d together, about the same", n, m, workers*each)
	}
	if len(r.list) == 0 || len(r.list) > 2 { // two if it took more than 30 seconds
		t.Errorf("rests = %q, want one", r.list)
	}
}
