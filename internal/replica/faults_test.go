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
	"testing/synctest"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/text/encoding/simplifiedchinese"

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
