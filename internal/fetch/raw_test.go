package fetch_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
)

// raw serves each connection on loopback with handle, after one request was
// read from it, and returns its address.
func raw(t *testing.T, handle func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					handle(c)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// reply is a handler of raw that writes s and hangs up.
func reply(s string) func(net.Conn) {
	return func(c net.Conn) { io.WriteString(c, s) }
}

// check fails unless err is an *Error with a reason and status.
func check(t *testing.T, what string, err error, reason fetch.Reason, status int) *fetch.Error {
	t.Helper()
	var e *fetch.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Status != status {
		t.Errorf("%s: %v (%q), want reason %q and status %d", what, err, fetch.ReasonOf(err), reason, status)
		return &fetch.Error{}
	}
	return e
}

// page fetches a page of www.example.com from addr.
func page(t *testing.T, addr string, opts fetch.Options) (*trawl.Page, error) {
	t.Helper()
	opts.ConnectTo = map[string]string{"www.example.com": addr}
	c := fetch.New(&opts)
	defer c.Close()
	return c.Page(context.Background(), &trawl.Request{URL: "http://www.example.com/"}, nil)
}

// file fetches a file of www.example.com from addr, to its end.
func file(t *testing.T, addr string, opts fetch.Options) ([]byte, error) {
	t.Helper()
	opts.ConnectTo = map[string]string{"www.example.com": addr}
	c := fetch.New(&opts)
	defer c.Close()
	res, err := c.Open(context.Background(), "http://www.example.com/1.jpg", "", nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

func TestBrokenBodies(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name, reply string
		reason      fetch.Reason // "" for none
	}{
		{"whole", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole", ""},
		{"short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwhole", fetch.Cut},
		{"none of it", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", fetch.Cut},
		{"longer than said", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole and more", ""},
		{"chunked", chunked + "5\r\nwhole\r\n0\r\n\r\n", ""},
		{"no last chunk", chunked + "5\r\nwhole\r\n", fetch.Cut},
		{"cut in a chunk", chunked + "9\r\nwhole", fetch.Cut},
		{"not a chunk", chunked + "zz\r\nwhole\r\n0\r\n\r\n", fetch.Cut},
		{"until it hangs up", "HTTP/1.0 200 OK\r\n\r\nwhole", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := raw(t, reply(tt.reply))
			p, err := page(t, addr, fetch.Options{})
			body, ferr := file(t, addr, fetch.Options{})
			if tt.reason == "" {
				if err != nil || string(p.Body) != "whole" {
					t.Errorf("Page() = %v, %v", p, err)
				}
				if ferr != nil || string(body) != "whole" {
					t.Errorf("Open() = %q, %v", body, ferr)
				}
				return
			}
			if e := check(t, "Page()", err, tt.reason, 200); !e.Temporary() {
				t.Errorf("%v is not temporary", err)
			}
			check(t, "Open()", ferr, tt.reason, 200)
		})
	}
}

func TestBrokenConnections(t *testing.T) {
	reset := func(after string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, after)
			c.(*net.TCPConn).SetLinger(0)
		}
	}
	for _, tt := range []struct {
		name   string
		handle func(net.Conn)
		reason fetch.Reason
		status int
	}{
		{"hangs up", reply(""), fetch.Network, 0},
		{"hangs up in the header", reply("HTTP/1.1 200 OK\r\nConte"), fetch.Network, 0},
		{"not HTTP", reply("SSH-2.0-OpenSSH\r\n"), fetch.Network, 0},
		{"reset", reset(""), fetch.Network, 0},
		{"reset in the body", func(c net.Conn) {
			// Both ends must have seen the header before the reset.
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")
			for range 100 {
				c.Write(make([]byte, 32<<10))
			}
			reset("")(c)
		}, fetch.Network, 200},
		{"endless header", func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-A: "+strings.Repeat("a", 4096)+"\r\n"); err != nil {
					return
				}
			}
		}, fetch.Network, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := file(t, raw(t, tt.handle), fetch.Options{})
			if e := check(t, "Open()", err, tt.reason, tt.status); !e.Temporary() {
				t.Errorf("%v is not temporary", err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, err = page(t, addr, fetch.Options{})
	check(t, "Page()", err, fetch.Network, 0)
}
