package replica_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/replica"
)

// record answers one request without a network.
func record(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestLogEntry(t *testing.T) {
	var lines bytes.Buffer
	s, c := start(t, &replica.Options{LogTo: &lines, LogHeaders: []string{"user-agent", "Range", "Cookie"}})
	_, body := get(t, c, photoURL, "Referer: "+plainURL, "User-Agent: trawl", "Range: bytes=10-109")
	get(t, c, "http://photos.example.test:80/image?album=none")
	idle(t, s)
	got := s.Log().Since(0)
	if len(got) != 2 || len(body) != 100 {
		t.Fatalf("log has %d entries, body %d bytes", len(got), len(body))
	}
	r := got[0]
	if time.Since(r.Start) > time.Minute || r.Duration < 0 {
		t.Errorf("times of %+v", r)
	}
	r.Start, r.Duration = time.Time{}, 0
	want := replica.Request{Method: "GET", Host: images, Path: "/full/plain/01.jpg", Status: 206, Bytes: 100, Whole: true,
		Referer: plainURL, Remote: "127.0.0.1", Active: 1, Header: http.Header{"Range": {"bytes=10-109"}, "User-Agent": {"trawl"}}}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("entry (-want +got):\n%s", d)
	}
	if got[1].Path != "/image?album=none" || got[1].Host != photos || got[1].Status != 404 {
		t.Errorf("entry = %+v", got[1])
	}
	var written replica.Request
	if err := json.NewDecoder(&lines).Decode(&written); err != nil || written.Path != want.Path || written.Bytes != 100 {
		t.Errorf("written = %+v, %v", written, err)
	}
	if s.Log().Count(photoURL) != 1 || s.Log().Count("http://img.example.test:8080/full/plain/01.jpg#x") != 1 || s.Log().Count(plainURL) != 0 {
		t.Error("Count does not go by host and path")
	}
}

func TestLogWhole(t *testing.T) {
	s, c := start(t, nil)
	fault(s, replica.Fault{Kind: replica.Truncate, First: 1})
	partial(t, c, photoURL)
	get(t, c, photoURL)
	get(t, c, photoURL)
	get(t, c, photoURL, "Range: bytes=1-2")
	for _, url := range []string{photoURL, plainURL} {
		if resp, err := c.Head(url); err != nil || resp.ContentLength <= 0 {
			t.Errorf("HEAD: %v", err)
		}
	}
	idle(t, s)
	if got := s.Log().Whole(); got["img.example.test/full/plain/01.jpg"] != 2 || len(got) != 1 {
		t.Errorf("Whole() = %v, want two for the one URL", got)
	}
	entries := slices.Collect(s.Log().All())
	if entries[0].Whole || !entries[1].Whole || entries[4].Method != "HEAD" || entries[4].Bytes != 0 || entries[5].Bytes != 0 {
		t.Errorf("entries = %+v", entries)
	}
	if got := s.Log().Count(photoURL); got != 5 {
		t.Errorf("Count = %d, want 5", got)
	}
}

func TestLogConcurrencyAndGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := replica.New(&replica.Options{Latency: time.Second})
		ask := func(url string) {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
			record(s, req)
		}
		if _, ok := s.Log().MinGap(photos); ok {
			t.Error("a gap before any request")
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { ask(plainURL) })
		}
		wg.Go(func() { ask(photoURL) })
		wg.Wait()
		if got := s.Log().MaxActive(photos); got != 5 {
			t.Errorf("MaxActive(photos) = %d, want 5", got)
		}
		if got := s.Log().MaxActive(images); got != 1 {
			t.Errorf("MaxActive(images) = %d, want 1", got)
		}
		if a, b := s.Log().MaxActive(""), s.Log().MaxActive("nowhere.example"); a != 5 || b != 0 {
			t.Errorf("MaxActive of any = %d, of none = %d, want 5 and 0", a, b)
		}
		<-time.After(2 * time.Second) // virtual
		ask(photoURL)
		if got, ok := s.Log().MinGap(images); !ok || got != 3*time.Second {
			t.Errorf("MinGap(images) = %v, %v, want 3s", got, ok)
		}
		<-time.After(time.Second)
		ask(photoURL) // two seconds after the last one began
		<-time.After(9 * time.Second)
		ask(photoURL)
		if got, ok := s.Log().MinGap(images); !ok || got != 2*time.Second {
			t.Errorf("MinGap(images) = %v, %v, want 2s", got, ok)
		}
		if got, ok := s.Log().MinGap(photos); !ok || got != 0 {
			t.Errorf("MinGap(photos) = %v, %v, want 0", got, ok)
		}
	})
}

func TestLogWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := replica.New(&replica.Options{Latency: time.Second})
		waited := make(chan error, 1)
		go func() { waited <- s.Log().Wait(t.Context(), 2) }()
		for range 2 {
			synctest.Wait()
			select {
			case err := <-waited:
				t.Fatalf("Wait ended early: %v", err)
			default:
			}
			req, _ := http.NewRequestWithContext(t.Context(), "GET", plainURL, nil)
			record(s, req)
		}
		if err := <-waited; err != nil {
			t.Errorf("Wait: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Log().Wait(ctx, 3); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait = %v, want canceled", err)
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestLogWriterFails(t *testing.T) {
	s := replica.New(&replica.Options{LogTo: brokenWriter{}})
	req, _ := http.NewRequestWithContext(t.Context(), "GET", plainURL, nil)
	if resp := record(s, req); resp.StatusCode != 200 {
		t.Errorf("answer %s", resp.Status)
	}
	if err := s.Log().Err(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Err() = %v, want the writer's", err)
	}
}

func TestChangeWhileServing(t *testing.T) {
	s, c := start(t, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				resp, err := c.Get(photoURL)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	for i := range 100 {
		s.Change("*.example.test", func(r *replica.Rules) {
			r.Faults = r.Faults[:0]
			if i%2 == 0 {
				r.Faults = append(r.Faults, replica.Fault{Kind: replica.Short})
			}
		})
		s.Log().Since(i)
	}
	wg.Wait()
	idle(t, s)
	if got := s.Log().Len(); got != 200 {
		t.Errorf("%d requests, want 200", got)
	}
}
