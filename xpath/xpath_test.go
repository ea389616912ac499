package xpath_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/xpath"
)

// parseDoc parses a page the way a collector should.
func parseDoc(t testing.TB, page string) *xpath.Doc {
	t.Helper()
	root, err := html.ParseWithOptions(strings.NewReader(page), html.ParseOptionEnableScripting(false))
	if err != nil {
		t.Fatal(err)
	}
	return xpath.NewDoc(root)
}

// show renders a result so that it can be compared: nodes as their string
// values, separated by |.
func show(v xpath.Value) string {
	if v.Kind() != xpath.KindNodes {
		return v.String()
	}
	var parts []string
	for _, n := range v.Nodes() {
		parts = append(parts, n.String())
	}
	return strings.Join(parts, "|")
}

const listPage = `<!DOCTYPE html>
<html lang="zh-CN"><head><title>豆 瓣</title></head><body>
<div id="top" class="item first"><h2>H1</h2><p>p1</p><p class="t">p2</p></div>
<ul id="u1"><li class="a"><span class="t">s1</span><span class="t">s2</span></li><li><span class="t">s3</span><span>s4</span></li></ul>
<div class="item"><div class="item in"><p>p3</p></div><p>p4<br>p4b<!-- note --></p></div>
<table><tr><td>1</td><td>2</td></tr><tr><td>abc</td><td>-4.5</td></tr></table>
<i class="x	y">tab</i><a href="/1">one</a> <a href="/2" title="two">2</a><a>no&nbsp;href</a>
</body></html>`

func TestEval(t *testing.T) {
	doc := parseDoc(t, listPage)
	tests := []struct{ expr, want string }{
		{`//li/span[@class="t"][1]`, "s1|s3"},
		{`//span[@class="t"][last()]`, "s2|s3"},
		{`(//span)[position()<3]`, "s1|s2"},
		{`//span[2]`, "s2|s4"},
		{`//h2/following::p[1]`, "p1"},
		{`//p[.="p3"]/preceding::p[1]`, "p2"},
		{`//div//p`, "p1|p2|p3|p4p4b"},
		{`//p/ancestor::div[1]/@class`, "item first|item|item in"},
		{`//a[2]/@title | //a[1]/@href | //a/@href`, "/1|/2|two"},
		{`count(//div/div/..)`, "1"},
		{`sum(//td)`, "NaN"},
		{`sum(//tr[1]/td)`, "3"},
		{`string(//a[3])`, "no\u00a0href"},
		{`normalize-space(//a[3])`, "no\u00a0href"},
		{`//td < -4`, "true"},
		{`//td[. > 1]`, "2"},
		{`id("u1 top")/@id`, "top|u1"},
		{`boolean(//p[lang("zh")])`, "true"},
		{`name(//*[@title])`, "a"},
		{`count(//comment())`, "1"},
		{`//p/text()[2]`, "p4b"},
		{`0.1 + 0.2`, "0.30000000000000004"},
		{`1 div 0`, "Infinity"},
		{`-(0 div 5)`, "0"},
		{`round(-0.5)`, "0"},
		{`substring("12345", 1.5, 2.6)`, "234"},
		{`substring("12345", 0 div 0, 3)`, ""},
		{`substring("中文网页", 2, 2)`, "文网"},
		{`translate("bar", "abc", "AB")`, "BAr"},
		{`//div[contains(concat(" ", normalize-space(@class), " "), " in ")]`, "p3"},
		{`//*[contains(concat(" ", @class, " "), " y ")]`, ""},
		{`//*[contains(concat(" ", normalize-space(@class), " "), " y ")]`, "tab"},
		{`//p[concat("p", count(//h2) + 1, "") = concat(., "")]`, "p2"},
		{`//*[self::h2 or self::br/..]`, "H1|"},
		{`count(//@*) = count(//*/@*)`, "true"},
		{`//li[count(//li) = 2][2]/span[1]`, "s3"},
		{`//span[. = //li[1]/span]`, "s1|s2"},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			v, err := xpath.MustCompile(tt.expr, nil).Eval(context.Background(), doc.Root(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, show(v)); diff != "" {
				t.Errorf("Eval() differs (-want +got):\n%s", diff)
			}
		})
	}
}
