package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/trawl-go/trawl"
)

func tlsServer(t *testing.T, h2 bool) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "cut")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			io.WriteString(w, r.Proto)
		}
	}))
	srv.EnableHTTP2 = h2
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of each failed handshake
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

// trusting returns a client that trusts the server's certificate.
func trusting(t *testing.T, srv *httptest.Server) *Client {
	t.Helper()
	c := New(nil)
	t.Cleanup(c.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	c.transport.(*http.Transport).TLSClientConfig.RootCAs = pool
	return c
}

func TestHTTP2(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		srv := tlsServer(t, h2)
		c := trusting(t, srv)
		p, err := c.Page(context.Background(), &trawl.Request{URL: srv.URL}, nil)
		want := "HTTP/1.1"
		if h2 {
			want = "HTTP/2.0"
		}
		if err != nil || string(p.Body) != want {
			t.Errorf("Page() = %v, %v, want %s", p, err, want)
		}
		_, err = c.Page(context.Background(), &trawl.Request{URL: srv.URL + "/cut"}, nil)
		if ReasonOf(err) != Cut {
			t.Errorf("%s: cut body: %v (%q)", want, err, ReasonOf(err))
		}
	}
}

func TestTLSFailures(t *testing.T) {
	srv := tlsServer(t, true)
	plain := httptest.NewUnstartedServer(http.NotFoundHandler())
	plain.Config.ErrorLog = srv.Config.ErrorLog
	plain.Start()
	defer plain.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	for _, tt := range []struct {
		name, url string
		client    *Client
	}{
		{"unknown authority", srv.URL, New(nil)},
		{"wrong name", "https://localhost" + port, trusting(t, srv)},
		{"no TLS there", strings.Replace(plain.URL, "http:", "https:", 1), New(nil)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer tt.client.Close()
			_, err := tt.client.Page(context.Background(), &trawl.Request{URL: tt.url}, nil)
			var e *Error
			if !errors.As(err, &e) || e.Reason != TLS || e.Temporary() {
				t.Errorf("Page() = %v (%q), want reason tls", err, ReasonOf(err))
			}
		})
	}
}

func TestProxy(t *testing.T) {
	var status int
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status == 0 {
			io.WriteString(w, r.Method+" "+r.RequestURI)
			return
		}
		w.WriteHeader(status)
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword("me", "secret")
	c := New(&Options{Proxy: http.ProxyURL(at)})
	defer c.Close()
	p, err := c.Page(context.Background(), &trawl.Request{URL: "http://a.example/x"}, nil)
	if err != nil || string(p.Body) != "GET http://a.example/x" {
		t.Errorf("Page() by proxy = %v, %v", p, err)
	}
	for _, tt := range []struct {
		url    string
		status int
		want   Reason
	}{
		{"http://a.example/", 407, Auth},
		{"https://a.example/", 407, Auth},
		{"https://a.example/", 503, Network},
	} {
		status = tt.status
		_, err := c.Page(context.Background(), &trawl.Request{URL: tt.url}, nil)
		var e *Error
		if !errors.As(err, &e) || e.Reason != tt.want || e.Status != tt.status || strings.Contains(e.Error(), "secret") {
			t.Errorf("%s by a proxy that says %d: %v (%q)", tt.url, tt.status, err, ReasonOf(err))
		}
	}
}
