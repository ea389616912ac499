package xpath

import (
	"fmt"
	"strings"
	"testing"

	"github.com/antchfx/htmlquery"
	antchfx "github.com/antchfx/xpath"

	"github.com/trawl-go/trawl/xpath"
)

// wrongPage is small enough to see the answers by eye.
const wrongPage = `<title>T&nbsp;x </title><body>
<ul id=u1><li id=l1><span class=t>s1</span><span class=t>s2</span></li><li id=l2><span class=t>s3</span></li></ul>
<div id=d1><div id=d2><a href=/1>a1</a></div><a href=/2>a2</a></div>
<h2>H1</h2><p>p1</p><p>p2</p><h2>H2</h2><p>p3</p>
<img src=i1 width=10><a href=/3>a3</a><img src=i2 width=abc></body>`

// TestWrong shows what the table in the package comment of xpath says of
// antchfx/xpath. It fails when a newer version of that package gets one of
// them right: then the table needs a correction.
func TestWrong(t *testing.T) {
	p := newPage(t, "wrong", wrongPage)
	for _, tt := range []struct{ expr, want, antchfx string }{
		{`//li/span[@class="t"][1]`, "s1|s3", "s1"},
		{`//span[@class="t"][last()]`, "s2|s3", "s3"},
		{`(//span)[position()<=2]`, "s1|s2", "s1|s2|s3"},
		{`//h2/following::p[1]`, "p1|p3", "p1|p2|p3|p3"},
		{`//div//a`, "a1|a2", "a1|a2|a1"},
		{`//a/ancestor::div[1]/@id`, "d1|d2", "d2|d1"},
		{`//a/@href | //img/@src`, "/1|/2|i1|/3|i2", "/1|/2|/3|i1|i2"},
		{`.//a[1]`, "a1|a2|a3", "a3|a2|a1"},
		{`normalize-space(//title)`, "T\u00a0x", "T x"},
		{`sum(//img/@width)`, "NaN", "10"},
		{`id("d2")`, "a1", "error"},
		{`//p[lang("en")]`, "", "error"},
		{`//li[@id=$id]`, "error", "error"},
		{`//dl/dt/following-si)bling::dd[1]`, "error", ""},
		{`(//a).[position()<=3]`, "error", "a1|a2|a3"},
		{`contains(1, 2)`, "false", "panic"},
		{`number()paancestor::n)`, "error", "panic"},
	} {
		t.Run(tt.expr, func(t *testing.T) {
			if got := ourText(t, tt.expr, p); got != tt.want {
				t.Errorf("xpath: %q, want %q", got, tt.want)
			}
			if got := theirText(tt.expr, p); got != tt.antchfx {
				t.Errorf("antchfx: %q, the table says %q", got, tt.antchfx)
			}
		})
	}
}

func ourText(t *testing.T, expr string, p *page) string {
	e, err := xpath.Compile(expr, nil)
	if err != nil {
		return "error"
	}
	v, err := e.Eval(t.Context(), p.doc.Root(), nil)
	if err != nil {
		return "error"
	}
	if v.Kind() != xpath.KindNodes {
		return v.String()
	}
	var parts []string
	for _, n := range v.Nodes() {
		parts = append(parts, n.String())
	}
	return strings.Join(parts, "|")
}

func theirText(expr string, p *page) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = "panic"
		}
	}()
	e, err := antchfx.Compile(expr)
	if err != nil {
		return "error"
	}
	switch v := e.Evaluate(htmlquery.CreateXPathNavigator(p.root)).(type) {
	case *antchfx.NodeIterator:
		var parts []string
		for v.MoveNext() {
			parts = append(parts, v.Current().Value())
		}
		return strings.Join(parts, "|")
	default:
		return fmt.Sprint(v)
	}
}
