package extract_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/trawl-go/trawl/internal/extract"
)

// films is a page with 25 records in a page of 60 KB.
func films() []byte {
	var b strings.Builder
	filler := strings.Repeat("<div class=nav><a href=/x>link</a><span>text</span><p>some more text here</p></div>\n", 250)
	b.WriteString("<html><head><title>list</title></head><body>" + filler + "<ol class=grid_view>")
	for n := range 25 {
		fmt.Fprintf(&b, `<li><div class="item"><div class="pic"><em>%d</em><a href="/subject/%d/"><img src="https://img.test/p%d.jpg"></a></div>
<div class="info"><div class="hd"><a href="/subject/%d/"><span class="title">山谷里的早茶 %d</span><span class="title">&nbsp;/&nbsp;Tea</span></a></div>
<div class="bd"><p>导演: someone&nbsp;&nbsp;&nbsp;主演: another<br>1994&nbsp;/&nbsp;here&nbsp;/&nbsp;drama</p>
<div><span class="rating_num">9.%d</span><span>%d人评价</span></div><p class="quote"><span>一句话。</span></p></div></div></div></li>`+"\n", n+1, n, n, n, n, n%10, 1000*n)
	}
	b.WriteString("</ol>" + filler + "</body></html>")
	return []byte(b.String())
}

// BenchmarkSelect takes four values of each of 25 records.
func BenchmarkSelect(b *testing.B) {
	body := films()
	sels := extract.NewSelectors(0)
	opts := &extract.Options{URL: "https://site.test/list", Selectors: sels}
	page := func(b *testing.B) *extract.Doc {
		d := extract.New(body, opts)
		if _, err := d.Root(); err != nil {
			b.Fatal(err)
		}
		return d
	}
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			page(b)
		}
	})
	b.Run("css", func(b *testing.B) {
		d := page(b)
		b.ReportAllocs()
		for b.Loop() {
			list, err := d.CSS("ol.grid_view > li")
			if err != nil || list.Len() != 25 {
				b.Fatal(list.Len(), err)
			}
			for i := range 25 {
				for _, q := range []string{"em", "span.title", ".rating_num", "p.quote span"} {
					s, err := list.At(i).CSS(q)
					if err != nil || s.Text() == "" {
						b.Fatal(q, err)
					}
				}
			}
		}
	})
	b.Run("xpath", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			d := page(b) // the index of a page is part of the cost
			b.StartTimer()
			list, err := d.CSS("ol.grid_view > li")
			if err != nil || list.Len() != 25 {
				b.Fatal(list.Len(), err)
			}
			for i := range 25 {
				for _, q := range []string{".//em", `.//span[@class="title"]`, `.//span[@class="rating_num"]`, `.//p[@class="quote"]/span`} {
					v, err := list.At(i).XPath(context.Background(), q)
					if s, ok := v.(extract.Selection); err != nil || !ok || s.Text() == "" {
						b.Fatal(q, err)
					}
				}
			}
		}
	})
}
