package replica_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/replica"
)

// discard takes an answer and keeps nothing, so that a benchmark measures the
// replica alone.
type discard struct {
	header http.Header
	n      int64
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(b []byte) (int, error) {
	d.n += int64(len(b))
	return len(b), nil
}

// BenchmarkHandler is the work of the replica for one request, network apart.
func BenchmarkHandler(b *testing.B) {
	for _, bb := range []struct {
		name string
		url  func(e replica.Expected, i int) string
	}{
		{"picture", func(e replica.Expected, i int) string { return e.Galleries[3].Pages[i%60].Image }},
		{"sticker", func(e replica.Expected, i int) string { return e.Stickers[i%len(e.Stickers)].Backup }},
		{"gallery page", func(e replica.Expected, i int) string { return e.Galleries[3].Pages[i%60].URL }},
		{"douban page", func(replica.Expected, int) string { return "https://movie.douban.com/top250" }},
		{"doutula page", func(replica.Expected, int) string { return "https://www.doutula.com/photo/list/" }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := replica.New(nil)
			s.Change("*", func(r *replica.Rules) { r.Referer = replica.RefererAny })
			e := s.Expected()
			var reqs []*http.Request
			for i := range 60 {
				req, err := http.NewRequest("GET", bb.url(e, i), nil)
				if err != nil {
					b.Fatal(err)
				}
				reqs = append(reqs, req)
			}
			d := &discard{header: make(http.Header)}
			for _, r := range reqs {
				s.ServeHTTP(d, r) // draws
			}
			d.n = 0
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				clear(d.header)
				s.ServeHTTP(d, reqs[i%60])
			}
			b.SetBytes(d.n / int64(b.N))
		})
	}
}

// BenchmarkLoopback is a client and the replica over TCP.
func BenchmarkLoopback(b *testing.B) {
	s, c := start(b, nil)
	url := s.Expected().Galleries[3].Pages[0].Image
	host := strings.Split(url, "/")[2]
	s.Change(host, func(r *replica.Rules) { r.Referer = replica.RefererAny })
	body, _, _ := s.Picture(url)
	b.SetBytes(int64(len(body)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := c.Get(url)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}

// BenchmarkDraw is the first pictures of a shape, paid once.
func BenchmarkDraw(b *testing.B) {
	for _, name := range []string{"mzitu", "png", "gif"} {
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				s := replica.New(&replica.Options{Seed: uint64(i)})
				switch name {
				case "mzitu":
					s.Picture("https://i5.meizitu.net/2019/12/31d01.jpg")
				default:
					s.Picture("https://static.doutula.com/img/x." + name)
				}
			}
		})
	}
}
