package main

import (
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"fmt"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A hostile is a server for hosts below test that does what a page's author
// can make a server do, and the requests that it got.
type hostile struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request
}

func newHostile(t *testing.T) *hostile {
	h := &hostile{}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

// to returns the requests for a host.
func (h *hostile) to(host string) []*http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*http.Request
	for _, r := range h.seen {
		if r.Host == host {
			out = append(out, r)
		}
	}
	return out
}

// smallPNG is a picture.
var smallPNG = func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 9, 9))); err != nil {
		panic(err) // Unreachable: a buffer takes everything.
	}
	return b.Bytes()
}()

// pictureNamed returns a picture of the type that a name says.
func pictureNamed(name string) []byte {
	var b bytes.Buffer
	img := image.NewPaletted(image.Rect(0, 0, 40, 40), palette.Plan9)
	for i := range img.Pix {
		img.Pix[i] = byte(i * i)
	}
	var err error
	switch path.Ext(name) {
	case ".png":
		err = png.Encode(&b, img)
	case ".gif":
		err = gif.Encode(&b, img, nil)
	case ".jpg":
		err = jpeg.Encode(&b, img, nil)
	case ".webp": // as far as its structure goes
		fmt.Fprintf(&b, "RIFF\x4c\x00\x00\x00WEBPVP8 \x40\x00\x00\x00%64d", 0)
	}
	if err != nil {
		panic(err) // Unreachable: a buffer takes everything.
	}
	return b.Bytes()
}

func packed(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// ServeHTTP answers by the last part of the path.
func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/robots.txt" {
		http.NotFound(w, r)
		return
	}
	h.mu.Lock()
	h.seen = append(h.seen, r)
	h.mu.Unlock()
	// send writes a piece over and over, with a pause, until it is enough or
	// the client has gone.
	send := func(piece []byte, pause time.Duration, most int) {
		tick := time.NewTicker(max(pause, 1))
		defer tick.Stop()
		for n := 0; n < most && r.Context().Err() == nil; n += len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
			if pause > 0 {
				http.NewResponseController(w).Flush()
				select {
				case <-tick.C:
				case <-r.Context().Done():
				}
			}
		}
	}
	kind, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch kind {
	case "to": // redirects to the query
		w.Header().Set("Location", r.URL.RawQuery)
		w.WriteHeader(http.StatusFound)
	case "self":
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	case "hop": // n more times
		n, _ := strconv.Atoi(rest)
		if n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/hop/%d", n-1), http.StatusFound)
			return
		}
		w.Write(smallPNG)
	case "cookie": // goes on to the query with a cookie
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "of-" + r.Host, Path: "/"})
		w.Header().Set("Location", r.URL.RawQuery)
		w.WriteHeader(http.StatusFound)
	case "wall": // comes back until it has its cookie
		if _, err := r.Cookie("session"); err == nil {
			w.Write(smallPNG)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "x", Path: "/"})
		http.Redirect(w, r, r.URL.String(), http.StatusFound)
	case "drip":
		w.Header().Set("Content-Type", "image/png")
		send(smallPNG[:1], 50*time.Millisecond, 1<<20)
	case "steady": // fast enough, and without end
		w.Header().Set("Content-Type", "image/png")
		w.Write(smallPNG)
		send(make([]byte, 1000), 10*time.Millisecond, 1<<30)
	case "endless":
		send(bytes.Repeat([]byte("<p>more</p>"), 1000), 0, 1<<31)
	case "large":
		w.Header().Set("Content-Length", strconv.Itoa(1<<20))
		w.Write(smallPNG)
		send(make([]byte, 1<<10), 0, 1<<20-len(smallPNG))
	case "bomb":
		w.Header().Set("Content-Encoding", "gzip")
		send(packed(append(bytes.Clone(smallPNG), make([]byte, 1<<20)...)), 0, 1<<20)
	case "coded":
		w.Header().Set("Content-Encoding", rest)
		w.Write(packed(smallPNG))
	case "json":
		w.Header().Set("Content-Type", "image/png")
		io.WriteString(w, `{"error": "log in"}`)
	case "html":
		w.Header().Set("Content-Type", "image/png")
		io.WriteString(w, "<!DOCTYPE html><title>log in</title>")
	case "empty":
		w.Header().Set("Content-Type", "image/png")
	case "half": // with the right length
		data := pictureNamed(rest)
		w.Write(data[:len(data)/2])
	case "cut": // short of its length
		data := pictureNamed(rest)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:len(data)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "chunks": // that end early
		w.Write(smallPNG[:20])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "no-length", "no-length-cut": // until the connection ends, as HTTP/1.0 did it
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // Unreachable: HTTP/1.1.
		}
		data := smallPNG
		if kind == "no-length-cut" {
			data = data[:len(data)-20]
		}
		fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n%s", data)
		conn.Close()
	case "jpg": // a PNG by a wrong name
		w.Header().Set("Content-Type", "image/jpeg")
		w.Write(smallPNG)
	case "coded-cut":
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed(smallPNG)[:40])
	default:
		w.Write(smallPNG)
	}
}

// TestHostile has the program collect from servers that mean it harm.
func TestHostile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		url    string   // on a.test, if it is a path
		flags  []string // besides -R 0
		status int
		says   string // on standard error
		saved  bool   // a picture is there, the right one
	}{
		// Redirects.
		{name: "redirects as many as are followed", url: "/hop/10", saved: true},
		{name: "redirects too many", url: "/hop/11", status: 8, says: "stopped after 10 redirects"},
		{name: "redirect loop", url: "/to/?/to/?http://a.test/to/", status: 8, says: "redirect"},
		{name: "redirect to itself", url: "/self/x", status: 8, says: "redirect loop"},
		{name: "redirect that sets a cookie and comes back", url: "/wall/x", saved: true},
		{name: "redirect to a file", url: "/to/?file:///etc/passwd", status: 8, says: "redirected: .*scheme"},
		{name: "redirect to ftp", url: "/to/?ftp://a.test/x.png", status: 8, says: "redirected: .*scheme"},
		{name: "redirect to a script", url: "/to/?javascript:alert(1)", status: 8, says: "redirected"},
		{name: "redirect to data", url: "/to/?data:image/png;base64,xx", status: 8, says: "redirected"},
		{name: "redirect to nowhere", url: "/to/", status: 8, says: "302"},
		{name: "redirect with a name and password", url: "/to/?http://me:secret@b.test/x.png", saved: true},

		// Bodies.
		{name: "JSON called a picture", url: "/json/x.png", status: 7, says: "content is application/json, but a picture was wanted"},
		{name: "HTML called a picture", url: "/html/x.png", status: 7, says: "content is text/html, but a picture was wanted"},
		{name: "no bytes", url: "/empty/x.png", status: 7, says: "empty, but a picture was wanted"},
		{name: "half a PNG", url: "/half/x.png", status: 7, says: "image/png of .* the picture ends early"},
		{name: "half a GIF", url: "/half/x.gif", status: 7, says: "image/gif of .* the picture ends early"},
		{name: "half a JPEG", url: "/half/x.jpg", status: 7, says: "image/jpeg of .* the picture ends early"},
		{name: "half a WebP", url: "/half/x.webp", status: 7, says: "image/webp of .* the picture ends early"},
		{name: "short of its length", url: "/cut/x.png", status: 7, says: "body cut short"},
		{name: "chunks that end early", url: "/chunks/x.png", status: 7, says: "body cut short"},
		{name: "no length and cut", url: "/no-length-cut/x.png", status: 7, says: "the picture ends early"},
		{name: "no length and whole", url: "/no-length/x.png", saved: true},
		{name: "a PNG called JPEG", url: "/jpg/x.jpg", saved: true},

		// Time and size.
		{name: "drip of a file", url: "/drip/x.png", flags: []string{"-T", "0.5"}, status: 4, says: "too few bytes within"},
		{name: "drip of a page", url: "/drip/", flags: []string{"-T", "0.5"}, status: 4, says: "too few bytes within"},
		{name: "slower than the lowest speed", url: "/steady/x.png", flags: []string{"-T", "0.5", "--lowest-speed-limit", "10M"}, status: 4, says: "too few bytes within"},
		{name: "file longer than the deadline", url: "/steady/x.png", flags: []string{"--max-time", "0.5"}, status: 4, says: "not finished within"},
		{name: "endless page", url: "/endless/", flags: []string{"--pagesize-max", "1M"}, status: 7, says: "page is larger than 1048576 bytes"},
		{name: "picture larger than a page", url: "/no-length/x", flags: []string{"--pagesize-max", "20"}, saved: true},
		{name: "endless file", url: "/steady/x.png", flags: []string{"--filesize-max", "20k"}, says: "left out"},
		{name: "file larger than wanted", url: "/large/x.png", flags: []string{"--filesize-max", "20k"}, says: "left out"},

		// Compression.
		{name: "bomb for a file", url: "/bomb/x.png", status: 7, says: "inflates more than 200-fold"},
		{name: "bomb for a page", url: "/bomb/", status: 7, says: "inflates more than 200-fold"},
		{name: "compressed picture", url: "/coded/gzip", saved: true},
		{name: "compressed picture with an old name", url: "/coded/x-gzip", saved: true},
		{name: "compressed picture that is cut", url: "/coded-cut/x.png", status: 7, says: "body cut short"},
		{name: "coding that was not asked for", url: "/coded/br", status: 7, says: `compressed with "br"`},
		{name: "coding twice", url: "/coded/gzip,gzip", status: 7, says: `compressed with "gzip,gzip"`},

		// Schemes of start URLs.
		{name: "start at a file", url: "file:///etc/passwd", status: 2, says: "scheme"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			addr := h.Listener.Addr().String()
			dir := filepath.Join(t.TempDir(), "out")
			u := tt.url
			if strings.HasPrefix(u, "/") {
				u = "http://a.test" + u
			}
			var stdout, stderr bytes.Buffer
			args := append([]string{"get", u, "-d", dir, "-R", "0", "-f", "x{ext}", "--connect-to", "a.test=" + addr, "--connect-to", "b.test=" + addr}, tt.flags...)
			if got := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); got != tt.status {
				t.Errorf("exit status %d, want %d", got, tt.status)
			}
			if !matched(t, tt.says, stderr.String()) {
				t.Errorf("it does not say %q", tt.says)
			}
			got, err := os.ReadFile(filepath.Join(dir, "x.png"))
			if tt.saved && !bytes.Equal(got, smallPNG) || !tt.saved && err == nil {
				t.Errorf("saved %d bytes, %v, want a picture: %v", len(got), err, tt.saved)
			}
			if strings.Contains(stdout.String()+stderr.String(), "secret") {
				t.Error("it shows a password")
			}
			if t.Failed() {
				t.Logf("%s%s", &stdout, &stderr)
			}
		})
	}
}

// TestSecretsStay gives the program a cookie, a password and a header, has it
// redirected to every kind of other host, and looks at what arrives there.
func TestSecretsStay(t *testing.T) {
	for _, tt := range []struct {
		name    string
		from    string
		host    string // where it leads
		kept    bool   // the user's headers
		session bool   // the cookie of a.test
		referer bool
	}{
		{"same host", "http://a.test/cookie/?/x.png", "a.test", true, true, true},
		{"other host", "http://a.test/cookie/?http://b.test/x.png", "b.test", false, false, true},
		{"subdomain", "http://a.test/cookie/?http://www.a.test/x.png", "www.a.test", false, false, true},
		{"other port", "http://a.test/cookie/?http://a.test:8080/x.png", "a.test:8080", false, true, true},
		{"to plain HTTP", "https://a.test/cookie/?http://a.test/x.png", "a.test", false, true, true},
		{"to https", "http://a.test/cookie/?https://a.test/x.png", "a.test", true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			args := []string{"get", tt.from, "-d", filepath.Join(t.TempDir(), "out"), "-R", "0", "--referer", "https://ref.test/page",
				"--header", "Authorization: Basic c2VjcmV0", "--header", "Cookie: mine=1", "--header", "X-Token: secret"}
			if strings.HasPrefix(tt.from, "http:") {
				args[7] = "http://ref.test/page"
			}
			for _, host := range []string{"a.test", "b.test", "www.a.test"} {
				args = append(args, "--connect-to", host+"="+h.Listener.Addr().String())
			}
			var stderr bytes.Buffer
			if got := run(t.Context(), args, strings.NewReader(""), io.Discard, &stderr); got != 0 {
				t.Fatalf("exit status %d\n%s", got, &stderr)
			}
			all := h.to(tt.host)
			last := all[len(all)-1]
			if last.URL.Path != "/x.png" {
				t.Fatalf("the last request is for %s", last.URL)
			}
			for name, value := range map[string]string{"Authorization": "Basic c2VjcmV0", "X-Token": "secret"} {
				if got := last.Header.Get(name); got != value && tt.kept || got != "" && !tt.kept {
					t.Errorf("%s: %q, want it kept: %v", name, got, tt.kept)
				}
			}
			cookies := last.Header.Get("Cookie")
			if strings.Contains(cookies, "mine=1") != tt.kept || strings.Contains(cookies, "session=of-a.test") != tt.session {
				t.Errorf("Cookie: %q, want the user's: %v, the site's: %v", cookies, tt.kept, tt.session)
			}
			if got := last.Header.Get("Referer"); (got != "") != tt.referer {
				t.Errorf("Referer: %q, want it kept: %v", got, tt.referer)
			}
		})
	}
}

// TestTLSVerified asks servers whose certificates are no good.
func TestTLSVerified(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(smallPNG) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it reports our refusals
	srv.StartTLS()
	defer srv.Close()
	_, port, _ := strings.Cut(srv.Listener.Addr().String(), ":")
	dir := t.TempDir()
	var stderr bytes.Buffer
	for _, u := range []string{srv.URL + "/x.png", "https://localhost:" + port + "/x.png"} {
		stderr.Reset()
		if got := run(t.Context(), []string{"get", u, "-d", filepath.Join(dir, "no"), "-R", "0"}, strings.NewReader(""), io.Discard, &stderr); got != exitTLS {
			t.Errorf("%s: exit status %d, want %d\n%s", u, got, exitTLS, &stderr)
		}
		if !matched(t, "certificate", stderr.String()) {
			t.Errorf("%s: it does not say why:\n%s", u, &stderr)
		}
	}
	if runtime.GOOS != "linux" {
		return // the variable is for Linux
	}
	// The same server is fine for a program whose system trusts it.
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "trawl", "get", srv.URL+"/x.png", "-d", filepath.Join(dir, "yes"), "-R", "0")
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+ca)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with its authority trusted: %v\n%s", err, out)
	}
}

// matched reports whether text has a match for a pattern.
func matched(t *testing.T, pattern, text string) bool {
	t.Helper()
	ok, err := regexp.MatchString(pattern, text)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}
