package spider_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// filmList is a page like those of Douban's list: 25 records, 40 KB.
func filmList() string {
	var b strings.Builder
	b.WriteString("<html><head><title>list</title></head><body>" + strings.Repeat("<div class=nav><a href=/x>link</a><span>text</span></div>\n", 120) + "<ol class=grid_view>")
	for n := range 25 {
		fmt.Fprintf(&b, `<li><div class="item"><div class="pic"><em>%d</em><a href="https://site.test/subject/%d/"><img width="100" src="https://img.test/p%d.jpg"></a></div>
<div class="info"><div class="hd"><a href="https://site.test/subject/%d/"><span class="title">山谷里的早茶 %d</span><span class="title">&nbsp;/&nbsp;Tea</span><span class="other">&nbsp;/&nbsp;other</span></a></div>
<div class="bd"><p>导演: someone&nbsp;&nbsp;&nbsp;主演: another and another<br>1994&nbsp;/&nbsp;here&nbsp;/&nbsp;drama</p>
<div><span class="rating5-t"></span><span class="rating_num">9.%d</span><span content="10.0"></span><span>%d人评价</span></div>
<p class="quote"><span>一句话。</span></p></div></div></div></li>`+"\n", n+1, n, n, n, n, n%10, 1000*n)
	}
	b.WriteString("</ol>" + strings.Repeat("<div class=foot><a href=/y>more</a><p>text text text</p></div>\n", 120) + "</body></html>")
	return b.String()
}

const filmSpider = `
def parse(page):
    for li in page.css("ol.grid_view > li"):
        page.item(
            rank   = int(li.css("em").text),
            title  = li.css("span.title").text,
            rating = float(li.css(".rating_num").text),
            votes  = num(li.%s.text),
            quote  = li.css("p.quote span").text or None,
            link   = li.css(".hd a").href,
            poster = page.save(li.css("img").src, "posters/{rank}.jpg"),
        )
`

func BenchmarkParse(b *testing.B) {
	body := filmList()
	for _, bm := range []struct{ name, src string }{
		{"css", fmt.Sprintf(filmSpider, `css("span:contains('人评价')")`)},
		{"xpath", fmt.Sprintf(filmSpider, `xpath(".//span[contains(., '人评价')]")`)},
		{"tree only", "def parse(page):\n    page.css('title')\n"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			s := load(b, bm.src, nil)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				res, err := s.Parse(context.Background(), html(body))
				if err != nil || len(res.Items)%25 != 0 {
					b.Fatal(len(res.Items), err)
				}
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		s := load(b, fmt.Sprintf(filmSpider, `css("span:contains('人评价')")`), nil)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := s.Parse(context.Background(), html(body)); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
