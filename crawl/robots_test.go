package crawl

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trawl-go/trawl/internal/fetch"
	"github.com/trawl-go/trawl/internal/store"
)

// A robotsHost answers with a robots.txt, or with a status that is not 200.
type robotsHost struct {
	mu     sync.Mutex
	status int
	body   string
	asked  int
}

func (h *robotsHost) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(time.Second):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	return &http.Response{StatusCode: h.status, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(h.body)), ContentLength: int64(len(h.body))}, nil
}

// The book keeps a robots.txt for a day; an old one stands in for an hour when
// no new one is to be had, and one that was never there for nothing.
func TestRobotsBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &robotsHost{status: 200, body: "User-agent: Mine\nDisallow: /a\n"}
		b := newRobotsBook(fetch.New(&fetch.Options{Transport: h, UserAgent: "mine/2"}), store.NewMem())
		a, _ := url.Parse("https://a.test/a")
		look := func(what string, wantAsked int, wantErr bool) {
			t.Helper()
			r, _, _, err := b.rules(t.Context(), "https://a.test")
			if (err != nil) != wantErr || h.asked != wantAsked {
				t.Fatalf("%s: asked %d times, err = %v; want %d, an error: %v", what, h.asked, err, wantAsked, wantErr)
			}
			if err == nil && r.Allows(a) {
				t.Fatalf("%s: /a is allowed", what)
			}
		}
		// Many ask at once: one asks the host, the others wait for it.
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { b.rules(t.Context(), "https://a.test") })
		}
		// One that gives up while it waits is no trouble.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, _, _, err := b.rules(ctx, "https://a.test"); err != ctx.Err() || err == nil {
			t.Errorf("rules() = %v, want the context's error", err)
		}
		cancel()
		wg.Wait()
		look("at first", 1, false)
		<-time.After(23 * time.Hour)
		look("for a day", 1, false)
		<-time.After(2 * time.Hour)
		look("after it", 2, false)

		h.status = 500
		<-time.After(25 * time.Hour)
		look("none to be had", 3, false)
		<-time.After(30 * time.Minute)
		look("half an hour", 3, false)
		<-time.After(time.Hour)
		look("after an hour", 4, false)
		h.status = 200
		<-time.After(2 * time.Hour)
		look("well again", 5, false)

		// Of another host there is no old one.
		h.status = 500
		if _, _, asked, err := b.rules(t.Context(), "https://b.test"); err == nil || !asked {
			t.Errorf("rules() = %v (asked: %v), want the host's error", err, asked)
		}
		if n := b.failed("https://b.test", fetchErr(500), 1); n != 1 {
			t.Errorf("failed() = %d, want 1", n)
		}
		h.asked = 0
		if _, _, _, err := b.rules(t.Context(), "https://b.test"); err == nil || h.asked != 1 {
			t.Errorf("not asked again after the first failure: %v", err)
		}
		b.failed("https://b.test", fetchErr(500), 1)
		if _, _, _, err := b.rules(t.Context(), "https://b.test"); err == nil || h.asked != 1 {
			t.Errorf("asked again after the last failure: %v", err)
		}
		<-time.After(noRobotsFor)
		h.status = 404
		if r, _, _, err := b.rules(t.Context(), "https://b.test"); err != nil || !r.Allows(a) || h.asked != 2 {
			t.Errorf("rules() = %v some time later, want what there is then", err)
		}
	})
}

// What one run has fetched counts in the next one until a day has passed, and
// stands in after that when no new one is to be had.
func TestRobotsBookIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &robotsHost{status: 200, body: "User-agent: *\nDisallow: /a\n"}
		st := store.NewMem()
		a, _ := url.Parse("https://a.test/a")
		look := func(what string, wantAsked int, wantUntil time.Duration) {
			t.Helper()
			b := newRobotsBook(fetch.New(&fetch.Options{Transport: h}), st)
			r, until, asked, err := b.rules(t.Context(), "https://a.test")
			if err != nil || h.asked != wantAsked || asked && wantAsked == 0 || r.Allows(a) {
				t.Fatalf("%s: asked %d times, want %d (%v)", what, h.asked, wantAsked, err)
			}
			if got := time.Until(until); got < wantUntil-time.Minute || got > wantUntil {
				t.Fatalf("%s: counts for %v, want %v", what, got, wantUntil)
			}
			h.asked = 0
		}
		look("first run", 1, robotsFor)
		<-time.After(23 * time.Hour)
		look("within a day", 0, time.Hour)
		h.status = 500
		look("and the host is broken", 0, time.Hour)
		<-time.After(3 * time.Hour)
		look("a day later", 1, staleRobotsFor)
		h.status = 200
		look("well again", 1, robotsFor)

		h.status = 404
		b := newRobotsBook(fetch.New(&fetch.Options{Transport: h}), st)
		if _, _, _, err := b.rules(t.Context(), "https://none.test"); err != nil {
			t.Fatal(err)
		}
		b = newRobotsBook(fetch.New(&fetch.Options{Transport: h}), st)
		if r, _, asked, err := b.rules(t.Context(), "https://none.test"); err != nil || asked || !r.Allows(a) {
			t.Errorf("one that is not there: asked %v, %v", asked, err)
		}
	})
}

func fetchErr(status int) error {
	return &fetch.Error{URL: "https://b.test/robots.txt", Reason: fetch.HTTP, Status: status}
}

// The book has a bound, in number and in bytes.
func TestRobotsBookIsBounded(t *testing.T) {
	b := newRobotsBook(fetch.New(nil), store.NewMem())
	if b.token != "trawl" {
		t.Errorf("token %q, want trawl", b.token)
	}
	for _, agent := range []string{"Mozilla/5.0 (X11)", "(nobody)"} {
		if got := newRobotsBook(fetch.New(&fetch.Options{UserAgent: agent}), store.NewMem()).token; got != "trawl" {
			t.Errorf("token of %q = %q, want trawl", agent, got)
		}
	}
	h := &robotsHost{status: 200, body: "User-agent: *\n" + strings.Repeat("Disallow: /some/path/of/the/host\n", 5000)}
	synctest.Test(t, func(t *testing.T) {
		b := newRobotsBook(fetch.New(&fetch.Options{Transport: h}), store.NewMem())
		for i := range 120 {
			if _, _, _, err := b.rules(t.Context(), "https://"+strings.Repeat("a", i+1)+".test"); err != nil {
				t.Fatal(err)
			}
		}
		sum := 0
		for _, v := range b.known {
			sum += v.rules.Size()
		}
		if sum != b.size || sum < maxRobotBytes/2 || sum > maxRobotBytes+1<<20 {
			t.Errorf("%d bytes are known, counted as %d, with a bound of %d", sum, b.size, maxRobotBytes)
		}
	})
}
