package fetch_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/fetch"
)

// instant answers with size bytes that are all there.
func instant(size int64) fake {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: size,
			Body: io.NopCloser(io.LimitReader(zeros{}, size))}, nil
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// about reports whether a span is what a rate should make of it: not shorter,
// but for what it makes up for, and not longer.
func about(got, want time.Duration) bool {
	return want-100*time.Millisecond <= got && got <= want+10*time.Millisecond
}

func TestRate(t *testing.T) {
	const rate = 10_000
	for _, tt := range []struct {
		name   string
		bodies int
		size   int64
		want   time.Duration
	}{
		{"one body", 1, 100_000, 10 * time.Second},
		{"many at once", 20, 50_000, 100 * time.Second},
		{"smaller than a piece", 50, 100, 500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := fetch.New(&fetch.Options{Transport: instant(tt.size), Rate: rate})
				start := time.Now()
				var wg sync.WaitGroup
				for range tt.bodies {
					wg.Go(func() {
						p, err := get(c, "http://www.example.com/", nil)
						if err != nil || int64(len(p.Body)) != tt.size {
							t.Errorf("Page() = %v", err)
						}
					})
				}
				wg.Wait()
				if got := time.Since(start); !about(got, tt.want) {
					t.Errorf("%d bytes took %v, want %v", int64(tt.bodies)*tt.size, got, tt.want)
				}
			})
		})
	}
}

// Bodies that are under way together get the same share, in every second, and
// together no more than the rate.
func TestRateIsSmoothAndFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, bodies, seconds = 50_000, 7, 30
		c := fetch.New(&fetch.Options{Transport: instant(1 << 50), Rate: rate})
		ctx, cancel := context.WithCancel(t.Context())
		var (
			wg  sync.WaitGroup
			mu  sync.Mutex
			got [bodies]int
		)
		for i := range bodies {
			res, err := c.Open(ctx, "http://www.example.com/", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				defer res.Body.Close()
				// Readers that ask for more at a time get no more.
				buf := make([]byte, 100<<i)
				for {
					n, err := res.Body.Read(buf)
					mu.Lock()
					got[i] += n
					mu.Unlock()
					if err != nil {
						if err != context.Canceled {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		var last [bodies]int
		for s := range seconds {
			<-time.After(time.Second)
			synctest.Wait()
			mu.Lock()
			if s == 0 { // whoever comes first takes what the rate makes up for
				last = got
				mu.Unlock()
				continue
			}
			total := 0
			for i := range bodies {
				d := got[i] - last[i]
				total += d
				if i >= 4 && (d < got[4]-last[4]-1500 || d > got[4]-last[4]+1500) {
					t.Errorf("second %d: body %d got %d bytes, body 4 %d", s, i, d, got[4]-last[4])
				}
			}
			if total > rate+rate/10 || total < rate-rate/10 {
				t.Errorf("second %d: %d bytes, want %d", s, total, rate)
			}
			last = got
			mu.Unlock()
		}
		cancel()
		wg.Wait()
	})
}

// A rate far below what a server must deliver at least, and longer than a
// page may take, is not the server's fault.
func TestRateIsNotSlowness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fetch.New(&fetch.Options{Transport: instant(20_000), Rate: 10, IdleTimeout: time.Second})
		start := time.Now()
		beats := 0
		ctx := fetch.WithBeat(t.Context(), func() { beats++ })
		_, err := c.Page(ctx, &trawl.Request{URL: "http://www.example.com/"}, nil)
		took := time.Since(start)
		if err != nil || !about(took, 2000*time.Second) {
			t.Errorf("Page() = %v after %v, want 20000 bytes after 2000s", err, took)
		}
		if beats < int(took/time.Second) {
			t.Errorf("%d signs of life in %v", beats, took)
		}

		// But one that gives less still is.
		c = fetch.New(&fetch.Options{Transport: dripping(time.Second, 1, 1e9), Rate: 10})
		start = time.Now()
		_, err = get(c, "http://www.example.com/", nil)
		if fetch.ReasonOf(err) != fetch.Network || time.Since(start) != 30*time.Second {
			t.Errorf("Page() = %v after %v, want too few bytes after 30s", err, time.Since(start))
		}
	})
}

// A context that ends does not wait for the rate.
func TestRateContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fetch.New(&fetch.Options{Transport: instant(1000), Rate: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Page(ctx, &trawl.Request{URL: "http://www.example.com/"}, nil)
		if err != context.DeadlineExceeded || time.Since(start) != time.Second {
			t.Errorf("Page() = %v after %v, want %v after 1s", err, time.Since(start), context.DeadlineExceeded)
		}
	})
}
