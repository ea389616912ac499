package fetch_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
)

// A fake is a transport whose answers take their time.
type fake func(r *http.Request) (*http.Response, error)

func (f fake) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A drip is a body that gives size bytes each time that the clock has moved
// on by every, count times.
type drip struct {
	ctx   context.Context
	every time.Duration
	size  int
	count int
}

func (d *drip) Read(p []byte) (int, error) {
	if d.count == 0 {
		return 0, io.EOF
	}
	d.count--
	select {
	case <-time.After(d.every):
		return min(d.size, len(p)), nil
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
}

func (d *drip) Close() error { return nil }

// dripping answers with a drip.
func dripping(every time.Duration, size, count int) fake {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1,
			Body: &drip{r.Context(), every, size, count}}, nil
	}
}

func TestSlowBodies(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer fake
		opts   fetch.Options
		page   bool
		after  time.Duration // when it ends
		msg    string        // of the error; "" for none
	}{
		{"one byte a second", dripping(time.Second, 1, 1e9), fetch.Options{}, false, 30 * time.Second, "body after 30 bytes: too few bytes within 30s"},
		{"a byte, then nothing", dripping(29*time.Second, 1, 2), fetch.Options{}, false, 30 * time.Second, "too few bytes within 30s"},
		{"nothing", dripping(time.Hour, 1, 1), fetch.Options{}, false, 30 * time.Second, "no byte within 30s"},
		{"much, then nothing", fake(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: struct {
				io.Reader
				io.Closer
			}{io.MultiReader(strings.NewReader(strings.Repeat("x", 5000)), &drip{r.Context(), time.Hour, 1, 1}), io.NopCloser(nil)}}, nil
		}), fetch.Options{}, false, 30 * time.Second, "body after 5000 bytes: no byte within 30s"},
		{"slow and steady", dripping(20*time.Second, 1024, 100), fetch.Options{}, false, 2000 * time.Second, ""},
		{"slow page", dripping(time.Second, 100, 1e9), fetch.Options{}, true, 10 * time.Minute, "not finished within 10m0s"},
		{"slow file with a deadline", dripping(time.Second, 100, 1e9), fetch.Options{FileDeadline: time.Minute}, false, time.Minute, "not finished within 1m0s"},
		{"patience", dripping(time.Minute, 1, 100), fetch.Options{IdleTimeout: -1, SlowTime: -1}, false, 100 * time.Minute, ""},
		{"patience with bytes", dripping(25*time.Second, 1, 100), fetch.Options{SlowBytes: -1}, false, 2500 * time.Second, ""},
		{"no patience", dripping(2*time.Second, 9999, 1), fetch.Options{IdleTimeout: time.Second}, false, time.Second, "no byte within 1s"},
		{"no answer", func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, fetch.Options{}, false, time.Minute, "no response within 1m0s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.opts.Transport = tt.answer
				c := fetch.New(&tt.opts)
				start := time.Now()
				var err error
				if tt.page {
					_, err = c.Page(t.Context(), &trawl.Request{URL: "http://www.example.com/"}, nil)
				} else {
					var res *fetch.Response
					if res, err = c.Open(t.Context(), "http://www.example.com/", "", nil); err == nil {
						_, err = io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
				}
				if tt.msg == "" && err != nil || tt.msg != "" && (fetch.ReasonOf(err) != fetch.Network || !strings.Contains(err.Error(), tt.msg)) {
					t.Errorf("error = %v (%q), want %q", err, fetch.ReasonOf(err), tt.msg)
				}
				if took := time.Since(start); took != tt.after {
					t.Errorf("ended after %v, want %v", took, tt.after)
				}
			})
		})
	}
}

// What the caller does between two reads is not the server's fault.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fetch.New(&fetch.Options{Transport: dripping(time.Second, 10, 200)})
		res, err := c.Open(t.Context(), "http://www.example.com/", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		n := 0
		for buf := make([]byte, 10); ; {
			<-time.After(time.Hour)
			m, err := res.Body.Read(buf)
			if n += m; err != nil {
				if n != 300 {
					t.Errorf("ended after %d bytes: %v, want 300 in 30 s of waiting", n, err)
				}
				return
			}
		}
	})
}

func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := fake(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c := fetch.New(&fetch.Options{Transport: hang})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Page(ctx, &trawl.Request{URL: "http://www.example.com/"}, nil); err != context.DeadlineExceeded {
			t.Errorf("Page() = %v, want %v", err, context.DeadlineExceeded)
		}

		c = fetch.New(&fetch.Options{Transport: dripping(time.Second, 9999, 1e9)})
		ctx, cancel = context.WithCancel(t.Context())
		res, err := c.Open(ctx, "http://www.example.com/", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(5*time.Second, cancel)
		if _, err := io.Copy(io.Discard, res.Body); err != context.Canceled {
			t.Errorf("body = %v, want %v", err, context.Canceled)
		}
		res.Body.Close()
		if _, err := res.Body.Read(make([]byte, 1)); err != context.Canceled {
			t.Errorf("body after its end = %v, want %v", err, context.Canceled)
		}
	})
}

// A redirect whose body does not end is left behind, and the next request
// has all its time.
func TestRedirectWithEndlessBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fetch.New(&fetch.Options{Transport: fake(func(r *http.Request) (*http.Response, error) {
			res, _ := dripping(time.Second, 1, 1e9)(r)
			if r.URL.Path == "/" {
				res.StatusCode = 302
				res.Header.Set("Location", "/next")
			} else {
				res.Body = io.NopCloser(strings.NewReader("here"))
			}
			if err := r.Context().Err(); err != nil {
				t.Errorf("%s: %v", r.URL, err)
			}
			return res, nil
		})})
		start := time.Now()
		p, err := c.Page(t.Context(), &trawl.Request{URL: "http://www.example.com/"}, nil)
		if err != nil || string(p.Body) != "here" {
			t.Errorf("Page() = %v, %v", p, err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// The client's own transport gives up a server that takes the request and
// says nothing, or half a header.
func TestNoHeader(t *testing.T) {
	for name, start := range map[string]string{"silent": "", "half a header": "HTTP/1.1 200 OK\r\nContent-"} {
		t.Run(name, func(t *testing.T) {
			addr := raw(t, func(c net.Conn) {
				io.WriteString(c, start)
				io.Copy(io.Discard, c) // until the client hangs up
			})
			_, err := page(t, addr, fetch.Options{HeaderTimeout: 50 * time.Millisecond})
			if e := check(t, "Page()", err, fetch.Network, 0); !e.Temporary() {
				t.Errorf("%v is not temporary", err)
			}
		})
	}
}
