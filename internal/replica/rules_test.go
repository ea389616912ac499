package replica_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/trawl-go/trawl/internal/replica"
)

func TestRefusals(t *testing.T) {
	s, c := start(t, nil)
	e := s.Expected()
	tests := []struct {
		host, url string
		refusal   replica.Refusal
		status    int
	}{
		{"i5.meizitu.net", e.Galleries[3].Pages[0].Image, replica.RefuseForbidden, 403},
		{"i5.meizitu.net", e.Galleries[3].Pages[0].Image, replica.RefusePlaceholder, 200},
		{"i5.meizitu.net", e.Galleries[3].Pages[0].Image, replica.RefuseRedirect, 302},
		{"*.doubanio.com", e.Films[0].Poster, replica.RefuseTeapot, 418},
	}
	for _, tt := range tests {
		t.Run(string("refuse "+tt.refusal), func(t *testing.T) {
			s.Change(tt.host, func(r *replica.Rules) { r.Refusal = tt.refusal })
			resp, body := get(t, c, tt.url)
			if resp.StatusCode != tt.status {
				t.Errorf("answer %s, want %d", resp.Status, tt.status)
			}
			if isPlaceholder := bytes.Equal(body, s.Placeholder()); isPlaceholder != (tt.status == 200) {
				t.Errorf("placeholder: %v", isPlaceholder)
			}
			idle(t, s)
			if n := s.Log().Whole()[strings.TrimPrefix(tt.url, "https://")]; n != 0 {
				t.Errorf("the log counts a refusal as %d whole answers", n)
			}
		})
	}
	t.Run("the defaults", func(t *testing.T) {
		fresh := replica.New(nil)
		for host, want := range map[string]replica.Rules{
			"i5.meizitu.net": {Referer: replica.RefererOwn}, "img3.doubanio.com": {Referer: replica.RefererOwn, Refusal: replica.RefuseTeapot},
			"ws2.sinaimg.cn": {Referer: replica.RefererNoForeign}, "img.doutula.com": {}, "www.mzitu.com": {},
		} {
			got, ok := fresh.Rules(host)
			if !ok || got.Referer != want.Referer || got.Refusal != want.Refusal {
				t.Errorf("Rules(%s) = %+v, %v, want %+v", host, got, ok, want)
			}
		}
	})
}

// inBubble runs a test on virtual time against the handler alone.
func inBubble(t *testing.T, opts *replica.Options, story func(s *replica.Server, get func(url, remote string) *http.Response)) {
	synctest.Test(t, func(t *testing.T) {
		s := replica.New(opts)
		story(s, func(url, remote string) *http.Response {
			req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.RemoteAddr = remote
			return record(s, req)
		})
	})
}

func TestLimit(t *testing.T) {
	tests := []struct {
		name   string
		limit  replica.Limit
		status int
		header string
		value  func(end time.Time) string
	}{
		{"bare", replica.Limit{Requests: 3}, 429, "Retry-After", func(time.Time) string { return "" }},
		{"seconds", replica.Limit{Requests: 3, RetryAfter: replica.RetryAfterSeconds}, 429, "Retry-After", func(time.Time) string { return "50" }},
		{"date", replica.Limit{Requests: 3, RetryAfter: replica.RetryAfterDate}, 429, "Retry-After", func(end time.Time) string { return end.UTC().Format(http.TimeFormat) }},
		{"redirect", replica.Limit{Requests: 3, Wall: replica.WallRedirect}, 302, "Location", func(time.Time) string {
			return "https://sec.douban.com/b?r=https%3A%2F%2Fmovie.douban.com%2Ftop250%3Fstart%3D25%26filter%3D"
		}},
		{"forbidden", replica.Limit{Requests: 3, Wall: replica.WallForbidden}, 403, "Retry-After", func(time.Time) string { return "" }},
		{"wall with 200", replica.Limit{Requests: 3, Wall: replica.WallOK}, 200, "Location", func(time.Time) string { return "" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(s *replica.Server, get func(url, remote string) *http.Response) {
				const url = "https://movie.douban.com/top250?start=25&filter="
				const a, b = "127.0.0.1:1000", "127.0.0.9:1000"
				s.Change("movie.douban.com", func(r *replica.Rules) { r.Limit = tt.limit })
				begin := time.Now()
				for i := range 3 {
					if resp := get(url, a); resp.StatusCode != 200 {
						t.Fatalf("request %d: %s", i, resp.Status)
					}
				}
				<-time.After(10 * time.Second) // virtual time
				resp := get(url, a)
				if resp.StatusCode != tt.status || resp.Header.Get(tt.header) != tt.value(begin.Add(time.Minute)) {
					t.Errorf("fourth request: %s, %s %q", resp.Status, tt.header, resp.Header.Get(tt.header))
				}
				if tt.limit.Wall == replica.WallOK || tt.limit.Wall == replica.WallForbidden {
					if body, _ := io.ReadAll(resp.Body); !bytes.Contains(body, []byte("检测到有异常请求")) {
						t.Errorf("wall says %s", body)
					}
				}
				if resp := get(url, b); resp.StatusCode != 200 {
					t.Errorf("another client: %s", resp.Status)
				}
				<-time.After(50 * time.Second)
				if resp := get(url, a); resp.StatusCode != 200 {
					t.Errorf("after the window: %s", resp.Status)
				}
			})
		})
	}
}

func TestLatencyJitterAndRate(t *testing.T) {
	opts := &replica.Options{Latency: 100 * time.Millisecond, Jitter: 50 * time.Millisecond}
	inBubble(t, opts, func(s *replica.Server, get func(url, remote string) *http.Response) {
		took := func(url string) time.Duration {
			begin := time.Now()
			get(url, "127.0.0.1:1")
			return time.Since(begin)
		}
		seen := make(map[time.Duration]bool)
		for _, url := range s.Expected().Albums[0].Pictures {
			d := took(url)
			if d < 100*time.Millisecond || d > 150*time.Millisecond {
				t.Errorf("%s took %v, want 100 to 150 ms", url, d)
			}
			if again := took(url); again != d {
				t.Errorf("%s took %v, then %v", url, d, again)
			}
			seen[d] = true
		}
		if len(seen) < 3 {
			t.Errorf("jitter gave only %v", seen)
		}
		s.Change("*", func(r *replica.Rules) { r.Latency, r.Jitter, r.Rate = 0, 0, 1000 })
		body, _, _ := s.Picture(photoURL)
		want := time.Duration(len(body)) * time.Millisecond
		if d := took(photoURL); d < want-time.Millisecond || d > want+100*time.Millisecond {
			t.Errorf("%d bytes at 1000 a second took %v", len(body), d)
		}
		s.Change("img.example.test", func(r *replica.Rules) { r.Rate = 0 })
		if d := took(photoURL); d != 0 {
			t.Errorf("without latency: %v", d)
		}
	})
}

func TestCharsets(t *testing.T) {
	s, c := start(t, nil)
	for _, url := range []string{"https://www.mzitu.com/", "https://movie.douban.com/top250", "https://www.doutula.com/photo/list/", plainURL} {
		_, utf8 := get(t, c, url)
		for charset, want := range map[replica.Charset]struct{ header, meta string }{
			replica.UTF8:        {"text/html; charset=utf-8", "utf-8"},
			replica.GBKHeader:   {"text/html; charset=gbk", ""},
			replica.GBKMeta:     {"text/html", "charset=gb2312"},
			replica.GBKUnstated: {"text/html", ""},
		} {
			s.Change("*", func(r *replica.Rules) { r.Charset = charset })
			resp, body := get(t, c, url)
			if got := resp.Header.Get("Content-Type"); got != want.header {
				t.Errorf("%s, %s: Content-Type %q, want %q", url, charset, got, want.header)
			}
			meta := bytes.Contains(bytes.ToLower(body), []byte("charset="))
			if meta != (want.meta != "") || !bytes.Contains(bytes.ToLower(body), []byte(want.meta)) {
				t.Errorf("%s, %s: the page says a charset: %v, want %q", url, charset, meta, want.meta)
			}
			if charset != replica.UTF8 {
				decoded, err := simplifiedchinese.GBK.NewDecoder().Bytes(body)
				if err != nil {
					t.Fatal(err)
				}
				body = decoded
			}
			if got, want := parse(t, url, body).text("title"), parse(t, url, utf8).text("title"); got != want || want == "" {
				t.Errorf("%s, %s: title %q, want %q", url, charset, got, want)
			}
		}
		s.Change("*", func(r *replica.Rules) { r.Charset = replica.UTF8 })
	}
}

func TestRobots(t *testing.T) {
	s, c := start(t, nil)
	if _, body := get(t, c, "https://photos.example.test/robots.txt"); string(body) != "User-agent: *\nDisallow:\n" {
		t.Errorf("robots.txt = %q", body)
	}
	for prefix, want := range map[string]int{"": 200, "/": 200, "/robots.txt": 503} {
		fault(s, replica.Fault{Kind: replica.Status, Prefix: prefix})
		if resp, _ := get(t, c, "https://photos.example.test/robots.txt"); resp.StatusCode != want {
			t.Errorf("fault with prefix %q: %s, want %d", prefix, resp.Status, want)
		}
	}
	s.Change(photos, func(r *replica.Rules) { r.Faults = nil })
	s.Change(photos, func(r *replica.Rules) { r.Robots = "User-agent: *\nDisallow: /album/\n" })
	if _, body := get(t, c, "https://photos.example.test/robots.txt"); string(body) != "User-agent: *\nDisallow: /album/\n" {
		t.Errorf("robots.txt = %q", body)
	}
}

func TestChange(t *testing.T) {
	s := replica.New(nil)
	count := 0
	s.Change("*.doubanio.com", func(*replica.Rules) { count++ })
	if count != 5 {
		t.Errorf("*.doubanio.com is %d hosts, want 5", count)
	}
	s.Change(images, func(r *replica.Rules) { r.Faults = append(r.Faults, replica.Fault{Kind: replica.Drop}) })
	if got, _ := s.Rules(images); len(got.Faults) != 1 {
		t.Errorf("Rules = %+v", got)
	} else if got.Faults[0].Kind = replica.Hang; true {
		if again, _ := s.Rules(images); again.Faults[0].Kind != replica.Drop {
			t.Error("Rules hands out its own memory")
		}
	}
	if _, ok := s.Rules("nowhere.example"); ok {
		t.Error("Rules of an unknown host")
	}
	defer func() {
		if recover() == nil {
			t.Error("Change of no host does not panic")
		}
	}()
	s.Change("nowhere.example", func(*replica.Rules) {})
}
