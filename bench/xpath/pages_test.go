package xpath

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/xpath"
)

// page is one page, parsed once for all engines.
type page struct {
	name string
	src  string
	root *html.Node
	doc  *xpath.Doc
}

func newPage(tb testing.TB, name, src string) *page {
	tb.Helper()
	root, err := html.ParseWithOptions(strings.NewReader(src), html.ParseOptionEnableScripting(false))
	if err != nil {
		return nil // nested deeper than the parser allows
	}
	return &page{name, src, root, xpath.NewDoc(root)}
}

// listPage returns a page with n records, about 2.5 KB each.
func listPage(n int) string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html><html lang="zh-CN"><head><title>排行榜</title></head><body><div id="wrapper"><div id="content"><ol class="grid_view">`)
	for i := range n {
		fmt.Fprintf(&b, `<li><div class="item"><div class="pic"><em class="">%[1]d</em>
<a href="/subject/%[1]d/"><img width="100" alt="片名%[1]d" src="/poster/p%[1]d.jpg" class=""></a></div>
<div class="info"><div class="hd"><a href="/subject/%[1]d/" class=""><span class="title">片名%[1]d</span><span class="title">&nbsp;/&nbsp;Name %[1]d</span><span class="other">&nbsp;/&nbsp;又名%[1]d</span></a><span class="playable">[可播放]</span></div>
<div class="bd"><p class="">导演: 某某 Some One&nbsp;&nbsp;&nbsp;主演: 某某 Another One ...<br>
1994&nbsp;/&nbsp;国家&nbsp;/&nbsp;犯罪 剧情</p>
<div class="star"><span class="rating5-t"></span><span class="rating_num" property="v:average">9.%[2]d</span><span property="v:best" content="10.0"></span><span>%[3]d人评价</span></div>
<p class="quote"><span class="inq">一句话评论%[1]d。</span></p>`, i, i%10, 1000+i)
		for k := range 6 {
			fmt.Fprintf(&b, "<p class=\"note\">一些说明文字 %d, long enough to be a paragraph of a page.<br>more <b>text</b> <a href=\"#n%d\">link</a></p>\n", k, k)
		}
		b.WriteString("</div></div></div></li>\n")
	}
	b.WriteString(`</ol><table><tr><th>a</th></tr><tr><td>1</td><td>2</td></tr></table><div class="paginator"><span class="thispage">1</span><a href="?start=25">2</a><span class="next"><a href="?start=25">后页&gt;</a></span></div></div></div></body></html>`)
	return b.String()
}

// captures returns the pages below TRAWL_CAPTURES, none if it is not set.
func captures(tb testing.TB) []*page {
	dir := os.Getenv("TRAWL_CAPTURES")
	if dir == "" {
		return nil
	}
	var pages []*page
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".html" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if p := newPage(tb, path, strings.ToValidUTF8(string(src), "?")); p != nil {
			pages = append(pages, p)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return pages
}

// question is what is asked of a page: an XPath and, if there is one that
// means the same, a CSS selector.
type question struct{ xpath, css string }

var questions = []question{
	{`//a/@href`, ""},
	{`//a`, "a"},
	{`//div`, "div"},
	{`//div[@class="item"]`, `div[class="item"]`},
	{`//div[@class="item"]//img`, `div[class="item"] img`},
	{`//div[@class="item"]//img/@src`, ""},
	{`//img[@class!="gif"]`, ""},
	{`//*[@id="content"]`, "#content"},
	{`//div[@id="content"]//a`, "div#content a"},
	{`//*[@class]`, "[class]"},
	{`//@href`, ""},
	{`//ol/li`, "ol > li"},
	{`//ul/li/a`, "ul > li > a"},
	{`//div/p`, "div > p"},
	{`//li//a`, "li a"},
	{`//div//div//a`, "div div a"},
	{`//li[1]`, ""},
	{`//span[1]`, ""},
	{`.//span[1]`, ""},
	{`//li[last()]`, ""},
	{`//li/span[@class="title"][1]`, ""},
	{`(//a)[1]`, ""},
	{`//p[position()<3]`, ""},
	{`//a[contains(@href,"/")]`, `a[href*="/"]`},
	{`//a[starts-with(@href,"/")]`, `a[href^="/"]`},
	{`//a[contains(.,"页")]`, ""},
	{`//a[contains(text(),"1")]`, ""},
	{`//a[.="link"]`, ""},
	{`//*[text()="link"]`, ""},
	{`//div[.//img]`, "div:has(img)"},
	{`//div[a]`, ""},
	{`//div[not(.//a)]`, "div:not(:has(a))"},
	{`//a[img]/@href`, ""},
	{`//p/text()`, ""},
	{`//text()`, ""},
	{`//text()[normalize-space()]`, ""},
	{`//div[contains(concat(" ", normalize-space(@class), " "), " item ")]`, "div.item"},
	{`//a/ancestor::div[1]`, ""},
	{`//li/following-sibling::li[1]`, "li + li"},
	{`//a/..`, ""},
	{`//table//tr/td[1]`, ""},
	{`//h1 | //h2 | //h3`, "h1, h2, h3"},
	{`//a/@href | //img/@src`, ""},
	{`count(//a)`, ""},
	{`string(//title)`, ""},
	{`normalize-space(//title)`, ""},
	{`boolean(//img)`, ""},
	{`count(//div[count(.//a) > 2])`, ""},
	{`//*[count(*) > 3]`, ""},
	{`sum(//img/@width)`, ""},
}
