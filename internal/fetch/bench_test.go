package fetch_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/trawl-go/trawl/internal/fetch"
)

// BenchmarkOpen fetches files of 20 KB from a server in the same process, so
// that half of its time and of its allocations is the server's.
func BenchmarkOpen(b *testing.B) {
	body := make([]byte, 20<<10)
	w := newWorld(b, map[string]http.HandlerFunc{
		"a.com/1.jpg": func(w http.ResponseWriter, r *http.Request) { w.Write(body) },
	})
	c := w.client(b, fetch.Options{}, "a.com")
	open := func(buf []byte) {
		res, err := c.Open(context.Background(), "https://a.com/1.jpg", "https://a.com/", nil)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.CopyBuffer(onlyWriter{io.Discard}, res.Body, buf); n != int64(len(body)) || err != nil {
			b.Fatal(n, err)
		}
		res.Body.Close()
	}
	b.Run("one", func(b *testing.B) {
		buf := make([]byte, 64<<10)
		b.ReportAllocs()
		for b.Loop() {
			open(buf)
		}
	})
	b.Run("16 at once", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(8) // times 2 processors
		b.RunParallel(func(pb *testing.PB) {
			buf := make([]byte, 64<<10)
			for pb.Next() {
				open(buf)
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
	})
}

// onlyWriter hides io.Discard's ReadFrom.
type onlyWriter struct{ io.Writer }

// BenchmarkClient is the client's own share: the transport answers at once.
func BenchmarkClient(b *testing.B) {
	h := http.Header{"Content-Type": {"image/jpeg"}}
	c := fetch.New(&fetch.Options{Transport: fake(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: h, ContentLength: 0, Body: http.NoBody}, nil
	})})
	b.ReportAllocs()
	for b.Loop() {
		res, err := c.Open(context.Background(), "https://img.example.com/2017/06/01.jpg", "https://a.com/", nil)
		if err != nil {
			b.Fatal(err)
		}
		io.CopyBuffer(onlyWriter{io.Discard}, res.Body, make([]byte, 1))
		res.Body.Close()
	}
}
