package fetch_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trawl-go/trawl/internal/fetch"
)

func TestRobots(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
			w.Write([]byte("Disallow everything, says an error page"))
		}
	}
	pages := map[string]http.HandlerFunc{
		"plain.test/robots.txt": text("rules"),
		"long.test/robots.txt":  text(strings.Repeat("x", 1000)),
		"401.test/robots.txt":   status(401), "403.test/robots.txt": status(403), "410.test/robots.txt": status(410),
		"429.test/robots.txt": status(429), "500.test/robots.txt": status(500), "503.test/robots.txt": status(503),
		"loop.test/robots.txt":  redirect("https://loop.test/robots.txt"),
		"login.test/robots.txt": redirect("https://login.test/login"),
		"ftp.test/robots.txt":   redirect("ftp://ftp.test/robots.txt"),
		"cut.test/robots.txt": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("half"))
		},
	}
	hosts := []string{"none.test", "five.test", "six.test"}
	for p := range pages {
		host, _, _ := strings.Cut(p, "/")
		hosts = append(hosts, host)
	}
	hop := func(from string, n int, last string) {
		for i := range n {
			next := fmt.Sprintf("https://%s/%d", from, i+1)
			if i == n-1 {
				next = last
			}
			path := "/robots.txt"
			if i > 0 {
				path = fmt.Sprint("/", i)
			}
			pages[from+path] = redirect(next)
		}
	}
	hop("five.test", 5, "https://plain.test/robots.txt")
	hop("six.test", 6, "https://plain.test/robots.txt")

	w := newWorld(t, pages)
	c := w.client(t, fetch.Options{UserAgent: "robot/1"}, hosts...)
	for _, tt := range []struct {
		host, want string
		reason     fetch.Reason
		status     int
	}{
		{host: "plain.test", want: "rules"},
		{host: "long.test", want: strings.Repeat("x", 100)},
		{host: "none.test"}, {host: "401.test"}, {host: "403.test"}, {host: "410.test"},
		{host: "loop.test"}, {host: "login.test"}, {host: "ftp.test"},
		{host: "five.test", want: "rules"},
		{host: "six.test"},
		{host: "429.test", reason: fetch.HTTP, status: 429},
		{host: "500.test", reason: fetch.HTTP, status: 500},
		{host: "503.test", reason: fetch.HTTP, status: 503},
		{host: "cut.test", reason: fetch.Cut, status: 200},
	} {
		t.Run(tt.host, func(t *testing.T) {
			got, err := c.Robots(t.Context(), "https://"+tt.host, 100)
			var fe *fetch.Error
			if tt.reason == "" && err != nil || tt.reason != "" && (!errors.As(err, &fe) || fe.Reason != tt.reason || fe.Status != tt.status) {
				t.Errorf("Robots() = %v, want the reason %q and the status %d", err, tt.reason, tt.status)
			}
			if fe != nil && fe.Status > 428 && fe.Status != 500 && fe.RetryAfter != 7*time.Second {
				t.Errorf("RetryAfter = %v, want 7s", fe.RetryAfter)
			}
			if tt.reason == "" && string(got) != tt.want {
				t.Errorf("Robots() = %q, want %q", got, tt.want)
			}
		})
	}
	for _, r := range w.requests() {
		if ua := r.Header.Get("User-Agent"); ua != "robot/1" {
			t.Errorf("%s%s was asked for by %q", r.Host, r.URL, ua)
		}
	}
	if _, err := c.Robots(t.Context(), "https://[", 100); fetch.ReasonOf(err) != fetch.BadRequest {
		t.Errorf("Robots() of no origin = %v", err)
	}
}

func TestFollow(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{
		"a.test/":  redirect("https://b.test/x"),
		"b.test/x": redirect("https://b.test/no"),
	})
	c := w.client(t, fetch.Options{}, "a.test", "b.test")
	errNo := errors.New("not there")
	var seen []string
	ctx := fetch.WithFollow(t.Context(), func(u *url.URL) error {
		seen = append(seen, u.String())
		if u.Path == "/no" {
			return errNo
		}
		return nil
	})
	_, err := c.Open(ctx, "https://a.test/", "", nil)
	if err != errNo {
		t.Errorf("Open() = %v, want the error of follow", err)
	}
	if got := strings.Join(seen, " "); got != "https://b.test/x https://b.test/no" || len(w.requests()) != 2 {
		t.Errorf("follow was asked for %s", got)
	}
}

func TestDialed(t *testing.T) {
	w := newWorld(t, map[string]http.HandlerFunc{})
	var mu sync.Mutex
	var got []string
	c := fetch.New(&fetch.Options{Dialed: func(host string, to netip.AddrPort) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, host+" at "+to.String())
	}})
	defer c.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(w.URL, "http://"), ":")
	get(c, "http://localhost:"+port+"/", nil)
	get(c, "http://localhost:"+port+"/", nil)
	mu.Lock()
	defer mu.Unlock()
	if want := "localhost:" + port + " at 127.0.0.1:" + port; len(got) != 1 || got[0] != want {
		t.Errorf("dialed %v, want %s once", got, want)
	}
}
