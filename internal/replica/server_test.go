package replica_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-go/trawl/internal/replica"
)

// start runs a replica for the length of a test.
func start(t testing.TB, opts *replica.Options) (*replica.Server, *http.Client) {
	t.Helper()
	s := replica.New(opts)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := s.Client()
	t.Cleanup(func() {
		c.CloseIdleConnections()
		s.Close()
	})
	return s, c
}

// get is a GET with a few headers, as "Name: value".
func get(t testing.TB, c *http.Client, url string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	resp := open(t, c, url, headers...)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	return resp, body
}

// idle waits until the log has all requests whose answers the test has read.
func idle(t testing.TB, s *replica.Server) {
	t.Helper()
	if err := s.Log().Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, c *http.Client, url string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// pictureURLs is every picture a collector is to get, with the Referer it is to
// send.
func pictureURLs(e replica.Expected) map[string]string {
	m := make(map[string]string)
	for _, g := range e.Galleries {
		for _, p := range g.Pages {
			if p.Image != "" {
				m[p.Image] = p.URL
			}
		}
	}
	for _, f := range e.Films {
		m[f.Poster] = "https://movie.douban.com/"
	}
	for _, s := range e.Stickers {
		m[s.Backup] = ""
		if !s.Missing {
			url := s.Original
			if strings.HasPrefix(url, "//") {
				url = "https:" + url
			}
			m[url] = ""
		}
	}
	return m
}

func TestEveryExpectedPictureIsServed(t *testing.T) {
	// Small pictures: decoding them all is what takes time here.
	s, c := start(t, &replica.Options{Seed: 7, Mzitu: replica.MzituOptions{Galleries: 12, Flawed: true, Size: image.Pt(40, 60)},
		Douban: replica.DoubanOptions{Size: image.Pt(30, 45)}, Doutula: replica.DoutulaOptions{Pages: 3, Size: image.Pt(32, 32)}})
	seen := make(map[string]string)
	formats := make(map[string]int)
	for url, referer := range pictureURLs(s.Expected()) {
		resp, body := get(t, c, url, "Referer: "+referer)
		if resp.StatusCode != 200 {
			t.Fatalf("GET %s = %s", url, resp.Status)
		}
		want, kind, ok := s.Picture(url)
		if !ok || !bytes.Equal(body, want) {
			t.Fatalf("GET %s: %d bytes, Picture has %d, %v", url, len(body), len(want), ok)
		}
		if got := resp.Header.Get("Content-Type"); got != kind {
			t.Errorf("GET %s: Content-Type %q, want %q", url, got, kind)
		}
		if other, dup := seen[string(body)]; dup {
			t.Fatalf("%s and %s have the same bytes", url, other)
		}
		seen[string(body)] = url
		_, format, err := image.Decode(bytes.NewReader(body))
		if err != nil || "image/"+format != kind {
			t.Fatalf("%s: decodes as %s, %v, want %s", url, format, err, kind)
		}
		formats[format]++
	}
	if formats["jpeg"] == 0 || formats["png"] == 0 || formats["gif"] == 0 {
		t.Errorf("formats = %v, want all three", formats)
	}
}

func TestReplicaDependsOnSeedAlone(t *testing.T) {
	a, b := replica.New(&replica.Options{Seed: 1}), replica.New(&replica.Options{Seed: 1})
	if d := cmp.Diff(a.Expected(), b.Expected()); d != "" {
		t.Errorf("equal seeds differ:\n%s", d)
	}
	other := replica.New(&replica.Options{Seed: 2})
	if cmp.Equal(a.Expected().Galleries, other.Expected().Galleries) || cmp.Equal(a.Expected().Films, other.Expected().Films) || cmp.Equal(a.Expected().Stickers, other.Expected().Stickers) {
		t.Error("another seed changes nothing")
	}
	url := a.Expected().Films[0].Poster
	pa, _, _ := a.Picture(url)
	pb, _, _ := b.Picture(url)
	if !bytes.Equal(pa, pb) || len(pa) == 0 {
		t.Errorf("Picture(%s) differs between equal seeds: %d and %d bytes", url, len(pa), len(pb))
	}
}

func TestPictureBytes(t *testing.T) {
	s := replica.New(&replica.Options{PictureBytes: 90000})
	for _, st := range s.Expected().Stickers[:40] {
		body, _, ok := s.Picture(st.Backup)
		if !ok || len(body) < 90000 || len(body) > 92000 {
			t.Errorf("Picture(%s) = %d bytes, %v, want 90000 or a little more", st.Backup, len(body), ok)
		}
		if _, _, err := image.Decode(bytes.NewReader(body)); err != nil {
			t.Errorf("%s: %v", st.Backup, err)
		}
	}
}

// TestCommentsAreWellFormed walks the parts of padded pictures strictly; the
// decoders skip over mistakes in comments.
func TestCommentsAreWellFormed(t *testing.T) {
	s := replica.New(&replica.Options{PictureBytes: 200000})
	seen := make(map[string]bool)
	for _, st := range s.Expected().Stickers[:30] {
		body, kind, _ := s.Picture(st.Backup)
		comments, err := 0, error(nil)
		switch kind {
		case "image/jpeg":
			for at := 2; body[at+1] != 0xda; at += 2 + int(binary.BigEndian.Uint16(body[at+2:])) {
				if body[at] != 0xff {
					err = fmt.Errorf("no marker at %d", at)
					break
				}
				if body[at+1] == 0xfe {
					comments++
				}
			}
		case "image/png":
			for at := 8; at < len(body); {
				n := int(binary.BigEndian.Uint32(body[at:]))
				if sum := crc32.ChecksumIEEE(body[at+4 : at+8+n]); sum != binary.BigEndian.Uint32(body[at+8+n:]) {
					err = fmt.Errorf("checksum at %d", at)
				}
				if string(body[at+4:at+8]) == "tEXt" {
					comments++
				}
				at += 12 + n
			}
		case "image/gif":
			at := 13 + 3<<(body[10]&7+1)
			for ; body[at] == 0x21 && body[at+1] == 0xfe; comments++ {
				for at += 2; body[at] != 0; at += 1 + int(body[at]) {
				}
				at++
			}
			if body[at] != 0x21 && body[at] != 0x2c {
				err = fmt.Errorf("no block at %d", at)
			}
		}
		if err != nil || comments == 0 {
			t.Errorf("%s: %d comments, %v", st.Backup, comments, err)
		}
		seen[kind] = true
	}
	if len(seen) != 3 {
		t.Errorf("formats %v, want three", seen)
	}
}

func TestNewRefusesNonsense(t *testing.T) {
	for name, opts := range map[string]replica.Options{
		"vintage": {Douban: replica.DoubanOptions{Vintage: "1999"}},
		"size":    {Mzitu: replica.MzituOptions{Size: image.Pt(-1, 5)}},
		"huge":    {Doutula: replica.DoutulaOptions{Size: image.Pt(20000, 5)}},
		"count":   {Mzitu: replica.MzituOptions{Galleries: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("New does not panic")
				}
			}()
			replica.New(&opts)
		})
	}
}

// TestManyClients is for the race detector, and for what it may miss: wrong
// bytes.
func TestManyClients(t *testing.T) {
	s, c := start(t, &replica.Options{Seed: 8, Mzitu: replica.MzituOptions{Size: image.Pt(40, 60)}, Doutula: replica.DoutulaOptions{Pages: 2, Size: image.Pt(32, 32)}})
	want := pictureURLs(s.Expected())
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			i := 0
			for url, referer := range want { // in an order of its own
				if i++; i > 60 {
					return
				}
				req, err := http.NewRequest("GET", url, nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Referer", referer)
				resp, err := c.Do(req)
				if err != nil {
					t.Errorf("client %d: %v", n, err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if whole, _, _ := s.Picture(url); err != nil || !bytes.Equal(body, whole) {
					t.Errorf("client %d: %s: %d of %d bytes, %v", n, url, len(body), len(whole), err)
				}
			}
		})
	}
	wg.Wait()
	idle(t, s)
	total := 0
	for _, n := range s.Log().Whole() {
		total += n
	}
	if total != 8*60 || s.Log().Len() != total {
		t.Errorf("%d whole answers of %d, want %d", total, s.Log().Len(), 8*60)
	}
}

func TestUnknownHost(t *testing.T) {
	s, _ := start(t, nil)
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr("www.mzitu.com")+"/", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("status = %s, want 421", resp.Status)
	}
}

func TestStartAndClose(t *testing.T) {
	s := replica.New(nil)
	if s.ConnectTo() != nil || s.Addr("www.mzitu.com") != "" {
		t.Error("addresses before Start")
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close before Start: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(ctx); err == nil {
		t.Error("second Start succeeded")
	}
	if got, want := len(s.ConnectTo()), len(s.Hosts()); got != want {
		t.Errorf("ConnectTo has %d entries, want %d", got, want)
	}
	seen := make(map[string]bool)
	for _, pair := range s.ConnectTo() {
		host, addr, _ := strings.Cut(pair, "=")
		if seen[addr] || addr != s.Addr(host) {
			t.Errorf("address of %s: %s, want one of its own (%s)", host, addr, s.Addr(host))
		}
		seen[addr] = true
	}
	cancel()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if s.ConnectTo() != nil {
		t.Error("addresses after Close")
	}
}

func TestListen(t *testing.T) {
	s, c := start(t, &replica.Options{Listen: "127.0.0.1:0"})
	if a, b := s.Addr("www.mzitu.com"), s.Addr("movie.douban.com"); a != b || a == "" {
		t.Errorf("addresses %q and %q, want one", a, b)
	}
	if resp, _ := get(t, c, "https://movie.douban.com/top250"); resp.StatusCode != 200 {
		t.Errorf("status = %s", resp.Status)
	}
	if err := replica.New(&replica.Options{Listen: "0.0.0.0:0"}).Start(t.Context()); err == nil {
		t.Error("Start listens off loopback")
	}
}

func TestDownAndUp(t *testing.T) {
	s, c := start(t, nil)
	const url = "https://movie.douban.com/top250"
	get(t, c, url)
	if err := s.Down("movie.douban.com"); err != nil {
		t.Fatal(err)
	}
	if resp, err := c.Get(url); err == nil {
		resp.Body.Close()
		t.Error("a host that is down answers")
	}
	get(t, c, "https://www.mzitu.com/") // the others stay
	if err := s.Up(t.Context(), "movie.douban.com"); err != nil {
		t.Fatal(err)
	}
	get(t, c, url)
	if err := s.Down("nowhere.example"); err == nil {
		t.Error("Down of an unknown host succeeds")
	}
}
