package isolate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/trawl-go/trawl"
	"github.com/trawl-go/trawl/internal/isolate"
	"github.com/trawl-go/trawl/internal/replica"
	"github.com/trawl-go/trawl/spiders"
)

// BenchmarkDouban parses a page of Douban's list, on as many threads as there
// are CPUs, on as many processes, and one page after the other.
func BenchmarkDouban(b *testing.B) {
	site := replica.New(nil)
	if err := site.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer site.Close()
	const address = "https://movie.douban.com/top250?start=0"
	resp, err := site.Client().Get(address)
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()

	text, _ := spiders.Source("douban")
	src := isolate.Source{Name: "douban.star", Text: text}
	threads := local(b, src)
	processes := isolate.New(threads, src, nil)
	defer processes.Close()
	one := func(s trawl.Spider) error {
		res, err := s.Parse(context.Background(), &trawl.Page{
			Request: trawl.Request{URL: address}, URL: address, Status: 200, Body: body, Header: http.Header(resp.Header),
		})
		if err == nil && len(res.Items) != 25 {
			err = fmt.Errorf("%d items", len(res.Items))
		}
		return err
	}
	for _, how := range []struct {
		name   string
		spider trawl.Spider
	}{{"threads", threads}, {"processes", processes}} {
		b.Run(how.name+"/in turn", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if err := one(how.spider); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
		})
		b.Run(how.name+"/at once", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.SetParallelism(max(1, 8/runtime.GOMAXPROCS(0))) // page workers
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := one(how.spider); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
		})
	}
}
