package xpath_test

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/xpath"
)

func TestHint(t *testing.T) {
	const page = `<table id=t><tr><td>1<tr><td>2</table>
<form><input type=checkbox checked><select><option selected>x</select></form>
<div class="item hot">价格:&nbsp;3</div>
<svg viewBox="0 0 1 1"><linearGradient/></svg><noscript>&lt;i></noscript>`
	doc := parseDoc(t, page)
	tests := []struct{ name, expr, want string }{
		{"rows", `//table/tr/td`, "//table/tbody/tr/td finds 2 nodes"},
		{"rows by id", `//*[@id="t"]/tr[2]`, `//*[@id="t"]/tbody/tr[2] finds 1 node`},
		{"rows in a predicate", `//table[count(tr) = 2]`, `//table[count(tbody/tr) = 2] finds 1 node`},
		{"rows of any parent", `//table[*/tr]`, ``}, // finds something
		{"upper case", `//TABLE//TD`, "//table//td finds 2 nodes"},
		{"svg element", `//svg/lineargradient`, "//svg/linearGradient finds 1 node"},
		{"svg attribute", `//svg/@viewbox`, "//svg/@viewBox finds 1 node"},
		{"boolean attribute", `//option[@selected="selected"]`, "//option[@selected] finds 1 node"},
		{"class", `//div[@class='item']`, `//div[contains(concat(' ', normalize-space(@class), ' '), ' item ')] finds 1 node`},
		{"no-break space", `//div[.="价格: 3"]`, `//div[.="价格:\u00a03"] finds 1 node`},
		{"several", `//DIV[@class='item']`, `//div[contains(concat(' ', normalize-space(@class), ' '), ' item ')] finds 1 node`},
		{"finds something", `//table//tr`, ""},
		{"nothing known", `//video`, ""},
		{"variable missing", `//video[$v]/tr`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := xpath.MustCompile(tt.expr, nil).Hint(context.Background(), doc.Root(), nil)
			if tt.want == "" && got != "" || !strings.HasSuffix(got, tt.want) {
				t.Errorf("Hint(%s) = %q, want … %q", tt.expr, got, tt.want)
			}
		})
	}
}

func TestHintAtTable(t *testing.T) {
	doc := parseDoc(t, `<table><tr><td>1</table>`)
	table, _, err := xpath.MustCompile(`//table`, nil).First(context.Background(), doc.Root(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = "./tbody/tr finds 1 node"
	if got := xpath.MustCompile(`./tr`, nil).Hint(context.Background(), table, nil); !strings.HasSuffix(got, want) {
		t.Errorf("Hint() = %q, want … %q", got, want)
	}
}

func TestHintNoscript(t *testing.T) {
	root, err := html.Parse(strings.NewReader(`<body><noscript><img src=a.jpg></noscript>`))
	if err != nil {
		t.Fatal(err)
	}
	got := xpath.MustCompile(`//noscript/img`, nil).Hint(context.Background(), xpath.NewDoc(root).Root(), nil)
	if !strings.Contains(got, "ParseOptionEnableScripting(false)") {
		t.Errorf("Hint() = %q, want the parse option", got)
	}
}
