package fetch_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/fetch"
)

func gzipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.Bytes()
}

func zlibbed(s string) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.Bytes()
}

func deflated(s string) []byte {
	var b bytes.Buffer
	z, _ := flate.NewWriter(&b, 6)
	io.WriteString(z, s)
	z.Close()
	return b.Bytes()
}

// encoded answers every path with a body and its coding.
func encoded(coding string, body []byte, header ...string) fake {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{"Content-Encoding": {coding}}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: 200, Header: h, ContentLength: int64(len(body)),
			Body: io.NopCloser(bytes.NewReader(body))}, nil
	}
}

func TestContentCodings(t *testing.T) {
	var want strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&want, "<li>%d 漂亮的图片</li>\n", i*i)
	}
	body := want.String()
	half := len(body) / 2
	whole := gzipped(body)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	badDeflate := append(bytes.Clone(whole[:200]), bytes.Repeat([]byte{0xff}, 200)...)
	for _, tt := range []struct {
		name, coding string
		data         []byte
		want         string
		reason       fetch.Reason
	}{
		{"gzip", "gzip", whole, body, ""},
		{"x-gzip", "X-GZip", whole, body, ""},
		{"deflate", "deflate", zlibbed(body), body, ""},
		{"raw deflate", "deflate", deflated(body), body, ""},
		{"gzip called deflate", "deflate", whole, body, ""},
		{"not compressed", "gzip", []byte(body), body, ""},
		{"identity", "identity", []byte(body), body, ""},
		{"two members", "gzip", append(gzipped(body[:half]), gzipped(body[half:])...), body, ""},
		{"bytes behind it", "gzip", append(bytes.Clone(whole), "\x00\x00\x00 trailing"...), body, ""},
		{"bytes behind deflate", "deflate", append(zlibbed(body), "trailing"...), body, ""},
		{"empty", "gzip", gzipped(""), "", ""},
		{"nothing", "gzip", nil, "", ""},
		{"cut", "gzip", whole[:len(whole)-9], "", fetch.Cut},
		{"cut in the trailer", "gzip", whole[:len(whole)-1], "", fetch.Cut},
		{"cut in the header", "gzip", whole[:5], "", fetch.Cut},
		{"cut deflate", "deflate", zlibbed(body)[:400], "", fetch.Cut},
		{"cut raw deflate", "deflate", deflated(body)[:400], "", fetch.Cut},
		{"wrong checksum", "gzip", flipped, "", fetch.Cut},
		{"damaged", "gzip", badDeflate, "", fetch.Cut},
		{"brotli", "br", []byte("x"), "", fetch.Type},
		{"twice", "gzip, gzip", whole, "", fetch.Type},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fetch.New(&fetch.Options{Transport: encoded(tt.coding, tt.data)})
			// Twice, since decoders are used again.
			for range 2 {
				p, err := get(c, "http://a.com/", nil)
				if tt.reason != "" {
					check(t, "Page()", err, tt.reason, 200)
				} else if err != nil || string(p.Body) != tt.want {
					t.Errorf("Page() = %v, %v", p, err)
				}
				res, err := c.Open(context.Background(), "http://a.com/1.css", "", nil)
				if err != nil {
					check(t, "Open()", err, tt.reason, 200)
					continue
				}
				got, err := io.ReadAll(res.Body)
				if tt.reason != "" {
					check(t, "Open()", err, tt.reason, 200)
				} else if err != nil || string(got) != tt.want {
					t.Errorf("Open() = %d bytes, %v", len(got), err)
				}
				res.Body.Close()
				res.Body.Close()
				if _, err := res.Body.Read(make([]byte, 1)); err == nil {
					t.Error("Read after Close succeeded")
				}
			}
		})
	}
}

// A compressed body that the connection cuts is cut, wherever that is.
func TestCutWhileCompressed(t *testing.T) {
	data := gzipped(strings.Repeat("漂亮", 3000))
	for n := range len(data) {
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(data))
		_, err := page(t, raw(t, reply(head+string(data[:n]))), fetch.Options{})
		check(t, fmt.Sprintf("%d of %d bytes", n, len(data)), err, fetch.Cut, 200)
	}
	// So is one that lacks nothing but the last chunk, or the padding behind.
	for coding, data := range map[string][]byte{"gzip": data, "deflate": zlibbed("漂亮")} {
		head := "HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + "\r\n"
		body := fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(data), data)
		_, err := page(t, raw(t, reply(head+body)), fetch.Options{})
		check(t, coding+" without a last chunk", err, fetch.Cut, 200)
		body = fmt.Sprintf("Content-Length: %d\r\n\r\n%s\x00\x00\x00", len(data)+9, data)
		_, err = page(t, raw(t, reply(head+body)), fetch.Options{})
		check(t, coding+" without all its padding", err, fetch.Cut, 200)
	}
}

func TestGzipFilesStay(t *testing.T) {
	data := gzipped("archive")
	for _, tt := range []struct {
		url, contentType string
		stays            bool
	}{
		{"http://a.com/x.tar.gz", "", true},
		{"http://a.com/x.TGZ?v=1", "", true},
		{"http://a.com/download", "application/x-gzip", true},
		{"http://a.com/x.css", "text/css", false},
	} {
		c := fetch.New(&fetch.Options{Transport: encoded("gzip", data, "Content-Type", tt.contentType)})
		res, err := c.Open(context.Background(), tt.url, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || bytes.Equal(got, data) != tt.stays || (res.Length == -1) == tt.stays {
			t.Errorf("%s %s: %d bytes of length %d, %v", tt.url, tt.contentType, len(got), res.Length, err)
		}
	}
}

func TestBombs(t *testing.T) {
	bomb := gzipped(strings.Repeat("\x00", 16<<20))
	for _, tt := range []struct {
		name string
		data []byte
	}{
		{"one", bomb},
		{"in many members", bytes.Repeat(gzipped(strings.Repeat("\x00", 1<<20)), 8)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := fetch.New(&fetch.Options{Transport: encoded("gzip", tt.data), MaxPage: -1})
			_, err := get(c, "http://a.com/", nil)
			check(t, "Page()", err, fetch.Size, 200)
			res, err := c.Open(context.Background(), "http://a.com/1.jpg", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, res.Body)
			res.Body.Close()
			check(t, "Open()", err, fetch.Size, 200)
			if n > 4<<20 {
				t.Errorf("%d bytes came through", n)
			}
		})
	}
	// The limit holds for what comes out, with a modest ratio too.
	c := fetch.New(&fetch.Options{Transport: encoded("gzip", gzipped(strings.Repeat("漂亮的图片 and more\n", 100))), MaxPage: 1000})
	_, err := get(c, "http://a.com/", nil)
	check(t, "Page()", err, fetch.Size, 200)
}
