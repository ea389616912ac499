package replica_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"image"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/internal/replica"
)

const (
	plainURL = "https://photos.example.test/album/plain/"
	photoURL = "https://img.example.test/full/plain/01.jpg"
	photos   = "photos.example.test"
	images   = "img.example.test"
)

// fault sets the only fault of both hosts of the generic site.
func fault(s *replica.Server, f replica.Fault) {
	s.Change("*.example.test", func(r *replica.Rules) { r.Faults = []replica.Fault{f} })
}

// partial reads what comes of a body that does not come whole.
func partial(t *testing.T, c *http.Client, url string, headers ...string) (*http.Response, []byte, error) {
	t.Helper()
	resp := open(t, c, url, headers...)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

func TestFaultsThatReplaceTheAnswer(t *testing.T) {
	s, c := start(t, nil)
	tests := []struct {
		fault      replica.Fault
		status     int
		kind       string // Content-Type of the picture's answer
		header     string // a header and its value
		pageStatus int
	}{
		{replica.Fault{Kind: replica.Status}, 503, "text/plain; charset=utf-8", "Retry-After: ", 503},
		{replica.Fault{Kind: replica.Status, Status: 410}, 410, "text/plain; charset=utf-8", "Retry-After: ", 410},
		{replica.Fault{Kind: replica.Status, Status: 429, After: 1500 * time.Millisecond}, 429, "text/plain; charset=utf-8", "Retry-After: 2", 429},
		{replica.Fault{Kind: replica.LoginWall}, 302, "", "Location: https://sec.douban.com/b?r=https%3A%2F%2Fimg.example.test%2Ffull%2Fplain%2F01.jpg", 302},
		{replica.Fault{Kind: replica.Redirect}, 302, "", "Location: " + photoURL, 302},
		{replica.Fault{Kind: replica.Redirect, To: "http://10.0.0.1/x"}, 302, "", "Location: http://10.0.0.1/x", 302},
		{replica.Fault{Kind: replica.HTML}, 200, "image/jpeg", "Etag: ", 200},
		{replica.Fault{Kind: replica.Placeholder}, 200, "image/jpeg", "Etag: ", 200},
		{replica.Fault{Kind: replica.Deep}, 200, "text/html; charset=utf-8", "Etag: ", 200},
		{replica.Fault{Kind: replica.Empty}, 200, "text/html; charset=utf-8", "Content-Length: 0", 200},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault.Kind)+strconv.Itoa(tt.fault.Status), func(t *testing.T) {
			fault(s, tt.fault)
			resp, body := get(t, c, photoURL)
			name, value, _ := strings.Cut(tt.header, ": ")
			if resp.StatusCode != tt.status || resp.Header.Get("Content-Type") != tt.kind || resp.Header.Get(name) != value {
				t.Errorf("got %s %v, want %d, %s, %s", resp.Status, resp.Header, tt.status, tt.kind, tt.header)
			}
			if pageResp, _ := get(t, c, plainURL); pageResp.StatusCode != tt.pageStatus {
				t.Errorf("page: %s, want %d", pageResp.Status, tt.pageStatus)
			}
			idle(t, s)
			last := s.Log().Since(s.Log().Len() - 1)[0]
			if last.Whole {
				t.Errorf("the log calls %+v whole", last)
			}
			switch tt.fault.Kind {
			case replica.HTML:
				if !bytes.HasPrefix(body, []byte("<!DOCTYPE html>")) {
					t.Errorf("body = %.40q, want HTML", body)
				}
			case replica.Placeholder:
				_, other := get(t, c, strings.Replace(photoURL, "01", "02", 1))
				if !bytes.Equal(body, s.Placeholder()) || !bytes.Equal(body, other) {
					t.Error("not the one placeholder")
				}
				if _, _, err := image.Decode(bytes.NewReader(body)); err != nil {
					t.Errorf("placeholder: %v", err)
				}
			case replica.Deep:
				if _, err := html.Parse(bytes.NewReader(body)); err == nil || bytes.Count(body, []byte("<div>")) != 600 {
					t.Errorf("parse: %v, want an error from 600 elements", err)
				}
			}
		})
	}
}

func TestFaultsThatDamageTheBody(t *testing.T) {
	s, c := start(t, nil)
	want, _, _ := s.Picture(photoURL)
	_, wantPage := get(t, c, plainURL)
	for url, whole := range map[string][]byte{photoURL: want, plainURL: wantPage} {
		half := whole[:len(whole)/2]
		t.Run("truncate", func(t *testing.T) {
			fault(s, replica.Fault{Kind: replica.Truncate})
			resp, body, err := partial(t, c, url)
			if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(body, half) || resp.ContentLength != int64(len(whole)) {
				t.Errorf("%d of %d bytes, %v, want half and an unexpected EOF", len(body), resp.ContentLength, err)
			}
		})
		t.Run("short", func(t *testing.T) {
			fault(s, replica.Fault{Kind: replica.Short})
			resp, body, err := partial(t, c, url)
			if err != nil || !bytes.Equal(body, half) || resp.ContentLength != int64(len(half)) {
				t.Errorf("%d of %d bytes, %v, want half and no error", len(body), resp.ContentLength, err)
			}
		})
		t.Run("no length", func(t *testing.T) {
			fault(s, replica.Fault{Kind: replica.NoLength})
			resp, body, err := partial(t, c, url)
			if err != nil || !bytes.Equal(body, whole) || resp.ContentLength != -1 {
				t.Errorf("%d bytes of %d, %v, want all without a length", len(body), resp.ContentLength, err)
			}
		})
		t.Run("chunks cut", func(t *testing.T) {
			s.Change("*.example.test", func(r *replica.Rules) {
				r.Faults = []replica.Fault{{Kind: replica.NoLength}, {Kind: replica.Truncate}}
			})
			_, body, err := partial(t, c, url)
			if err == nil || !bytes.Equal(body, half) {
				t.Errorf("%d bytes, %v, want half and an error", len(body), err)
			}
		})
	}
	t.Run("changing", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Changing})
		r1, b1 := get(t, c, photoURL)
		r2, b2 := get(t, c, photoURL)
		if bytes.Equal(b1, b2) || r1.Header.Get("Etag") == r2.Header.Get("Etag") {
			t.Error("the picture stays the same")
		}
		r3, b3 := get(t, c, photoURL, "Range: bytes=10-", "If-Range: "+r2.Header.Get("Etag"))
		if r3.StatusCode != 200 || bytes.Equal(b3, b2) {
			t.Errorf("If-Range of the old picture: %s", r3.Status)
		}
	})
	t.Run("range cut", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Truncate})
		resp, body, err := partial(t, c, photoURL, "Range: bytes=100-")
		if resp.StatusCode != 206 || err == nil || !bytes.Equal(body, want[100:100+len(want)/2]) {
			t.Errorf("%s, %d bytes, %v", resp.Status, len(body), err)
		}
	})
}

func TestHangStallAndDrop(t *testing.T) {
	s, c := start(t, nil)
	want, _, _ := s.Picture(photoURL)
	t.Run("drop", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Drop})
		if resp, err := c.Get(photoURL); err == nil {
			resp.Body.Close()
			t.Errorf("got %s, want no answer", resp.Status)
		}
	})
	t.Run("hang", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Hang})
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "GET", photoURL, nil)
		failed := make(chan error)
		go func() {
			_, err := c.Do(req)
			failed <- err
		}()
		// The request is in work, and only its client ends it.
		if err := s.Log().Until(t.Context(), func() bool { return s.Log().Active() > 0 }); err != nil {
			t.Fatal(err)
		}
		n := s.Log().Len()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want canceled", err)
		}
		if err := s.Log().Wait(t.Context(), n+1); err != nil {
			t.Fatal(err)
		}
		if r := s.Log().Since(n)[0]; r.Status != 0 || r.Whole {
			t.Errorf("log = %+v, want no answer", r)
		}
	})
	t.Run("stall", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Stall})
		resp := open(t, c, photoURL)
		half := make([]byte, len(want)/2)
		if _, err := io.ReadFull(resp.Body, half); err != nil || !bytes.Equal(half, want[:len(half)]) {
			t.Errorf("first half: %v", err)
		}
		if s.Log().Active() == 0 {
			t.Errorf("the stalled request has ended")
		}
		resp.Body.Close()
	})
	t.Run("close ends them", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Hang})
		failed := make(chan error)
		n := s.Log().Len()
		go func() {
			resp, err := c.Get(plainURL)
			if err == nil {
				resp.Body.Close()
			}
			failed <- err
		}()
		if err := s.Log().Until(t.Context(), func() bool { return s.Log().Count(plainURL) > 0 }); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if err := <-failed; err == nil {
			t.Error("a request outlived Close")
		}
		if s.Log().Active() != 0 || s.Log().Len() <= n {
			t.Errorf("%d requests in work after Close", s.Log().Active())
		}
	})
}

func TestBodiesWithoutMeasure(t *testing.T) {
	s, c := start(t, nil)
	t.Run("endless", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Endless})
		resp := open(t, c, photoURL)
		if n, err := io.CopyN(io.Discard, resp.Body, 10<<20); err != nil || resp.ContentLength != -1 || resp.Header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("%d bytes of %d, %v, want as many as are read", n, resp.ContentLength, err)
		}
		resp.Body.Close()
		idle(t, s) // the client's going ends it
	})
	t.Run("bomb", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Bomb})
		resp := open(t, c, plainURL) // the transport unpacks
		defer resp.Body.Close()
		if n, err := io.CopyN(io.Discard, resp.Body, 20<<20); err != nil || !resp.Uncompressed {
			t.Errorf("%d bytes, %v, want 20 MiB and more", n, err)
		}
		resp, body := get(t, c, plainURL, "Accept-Encoding: gzip")
		if len(body) > 2<<20 || resp.ContentLength != int64(len(body)) {
			t.Errorf("packed: %d bytes", len(body))
		}
		z, err := gzip.NewReader(bytes.NewReader(body[:len(body)/1024]))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, z); n != 1<<20 || err != nil {
			t.Errorf("a 1024th of the bomb unpacks to %d bytes, %v, want a MiB", n, err)
		}
	})
	t.Run("gzip", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Gzip})
		resp, packed := get(t, c, plainURL)
		s.Change("*", func(r *replica.Rules) { r.Faults = nil })
		if _, plain := get(t, c, plainURL); !resp.Uncompressed || !bytes.Equal(packed, plain) {
			t.Error("the packed page is not the page")
		}
		fault(s, replica.Fault{Kind: replica.Gzip})
		if resp, _ := get(t, c, photoURL); resp.Uncompressed {
			t.Error("a picture came packed")
		}
		if resp, _ := get(t, c, plainURL, "Accept-Encoding: identity"); resp.Header.Get("Content-Encoding") != "" {
			t.Error("packed for a client that does not take gzip")
		}
	})
}

func TestWhichRequestsAFaultMeets(t *testing.T) {
	s, c := start(t, nil)
	status := func(url string) int {
		resp, _ := get(t, c, url)
		return resp.StatusCode
	}
	t.Run("first", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Status, First: 2})
		if a, b, d := status(photoURL), status(photoURL), status(photoURL); a != 503 || b != 503 || d != 200 {
			t.Errorf("answers %d %d %d, want 503 503 200", a, b, d)
		}
	})
	t.Run("prefix", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Status, Prefix: "/full/lazy/"})
		if a, b := status(photoURL), status(strings.Replace(photoURL, "plain", "lazy", 1)); a != 200 || b != 503 {
			t.Errorf("answers %d %d, want 200 503", a, b)
		}
	})
	t.Run("one in", func(t *testing.T) {
		fault(s, replica.Fault{Kind: replica.Status, OneIn: 3})
		hit := 0
		for _, url := range s.Expected().Albums[9].Pictures {
			a, b := status(url), status(url)
			if a != b {
				t.Errorf("%s: %d then %d, want the same", url, a, b)
			}
			if a == 503 {
				hit++
			}
		}
		if hit < 4 || hit > 20 {
			t.Errorf("%d of 32 URLs, want about a third", hit)
		}
	})
	t.Run("other hosts", func(t *testing.T) {
		if got := status("https://www.mzitu.com/"); got != 200 {
			t.Errorf("mzitu answers %d", got)
		}
	})
}
