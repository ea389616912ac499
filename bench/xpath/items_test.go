package xpath

import (
	"context"
	"testing"

	"github.com/andybalholm/cascadia"
	"github.com/antchfx/htmlquery"
	antchfx "github.com/antchfx/xpath"
	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/xpath"
)

const itemPath = `//ol[@class="grid_view"]/li`

var fieldPaths = []string{`.//em`, `.//span[@class="title"][1]`, `.//span[@class="rating_num"]`, `.//div[@class="hd"]/a/@href`}

// benchItems includes the index: a page is parsed, indexed and queried once.
func benchItems(b *testing.B, root *html.Node) {
	b.ReportAllocs()
	items := xpath.MustCompile(itemPath, nil)
	var fields []*xpath.Expr
	for _, f := range fieldPaths {
		fields = append(fields, xpath.MustCompile(f, nil))
	}
	ctx := context.Background()
	for b.Loop() {
		doc := xpath.NewDoc(root)
		list, err := items.Nodes(ctx, doc.Root(), nil)
		if err != nil || len(list) != 25 {
			b.Fatal(err, len(list))
		}
		for _, n := range list {
			for _, f := range fields {
				if s, err := f.EvalString(ctx, n, nil); err != nil || s == "" {
					b.Fatal(f, err)
				}
			}
		}
	}
}

func benchItemsAntchfx(b *testing.B, root *html.Node) {
	b.ReportAllocs()
	items := antchfx.MustCompile(itemPath)
	var fields []*antchfx.Expr
	for _, f := range fieldPaths {
		fields = append(fields, antchfx.MustCompile(f))
	}
	for b.Loop() {
		list := htmlquery.QuerySelectorAll(root, items)
		if len(list) != 25 {
			b.Fatal(len(list))
		}
		for _, n := range list {
			for _, f := range fields {
				if m := htmlquery.QuerySelector(n, f); m == nil || htmlquery.InnerText(m) == "" {
					b.Fatal(f)
				}
			}
		}
	}
}

func benchItemsCascadia(b *testing.B, root *html.Node) {
	b.ReportAllocs()
	items := cascadia.MustCompile(`ol.grid_view > li`)
	var fields []cascadia.Selector
	for _, f := range []string{`em`, `span.title`, `span.rating_num`, `div.hd > a`} {
		fields = append(fields, cascadia.MustCompile(f))
	}
	for b.Loop() {
		list := items.MatchAll(root)
		if len(list) != 25 {
			b.Fatal(len(list))
		}
		for _, n := range list {
			for _, f := range fields {
				if m := f.MatchFirst(n); m == nil || htmlquery.InnerText(m) == "" {
					b.Fatal(f)
				}
			}
		}
	}
}
