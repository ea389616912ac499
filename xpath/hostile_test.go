package xpath_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/trawl-go/trawl/xpath"
)

// nested returns a tree of n div elements inside each other, deeper than the
// parser would make one, with a text and a link at the bottom.
func nested(n int) *html.Node {
	root := &html.Node{Type: html.DocumentNode}
	at := root
	for range n {
		div := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
		at.AppendChild(div)
		at = div
	}
	a := &html.Node{Type: html.ElementNode, Data: "a", Attr: []html.Attribute{{Key: "href", Val: "/"}}}
	at.AppendChild(a)
	a.AppendChild(&html.Node{Type: html.TextNode, Data: "x"})
	return root
}

func TestDeepTree(t *testing.T) {
	const depth = 200_000
	doc := xpath.NewDoc(nested(depth))
	for expr, want := range map[string]string{
		`count(//div)`:                     fmt.Sprint(depth),
		`count(//a/ancestor::div)`:         fmt.Sprint(depth),
		`count(//div/ancestor-or-self::*)`: fmt.Sprint(depth),
		`count(//div//div)`:                fmt.Sprint(depth - 1),
		`count(//div/div/..)`:              fmt.Sprint(depth - 1),
		`count(//div[1])`:                  fmt.Sprint(depth),
		`count(//div[last()])`:             fmt.Sprint(depth),
		`count(//div[div][1]/@*)`:          "0",
		`count(//div/descendant::a)`:       "1",
		`string(/)`:                        "x",
		`string(//a/preceding::*)`:         "",
		`string(//div/following::*)`:       "",
		`//div//div//a/@href`:              "/",
	} {
		got, err := xpath.MustCompile(expr, nil).EvalString(context.Background(), doc.Root(), nil)
		if err != nil || got != want {
			t.Errorf("EvalString(%s) = %q, %v, want %q", expr, got, err, want)
		}
	}
	a, ok := doc.Node(doc.Root().HTML())
	if !ok || a != doc.Root() {
		t.Errorf("Node(root) = %v, %v", a, ok)
	}
}

// TestBudget runs expressions that would take hours or all memory.
func TestBudget(t *testing.T) {
	var b strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&b, `<div class="c%d"><p>text %d</p><p>more<b>x</b></p>`, i, i)
		if i%100 == 99 {
			b.WriteString(strings.Repeat("</div>", 100))
		}
	}
	doc := parseDoc(t, b.String())
	times := func(n int, s, sep string) string { return strings.Repeat(s+sep, n-1) + s }
	for name, expr := range map[string]string{
		"nested loops":      `//*[.//*[following::*[preceding::*[. = 'no']]]]`,
		"wide loops":        `count(//*[count(following::*[count(preceding::*) > 0]) > 0])`,
		"string values":     `//*[contains(string(..), concat(string(..), string(.)))]//*[string-length(string(/*)) = string-length(concat(.., ..))]`,
		"long concat":       `string-length(concat(` + times(3000, "/", ",") + `))`,
		"many unions":       times(4000, `//node()`, `|`) + `[position() < 3]`,
		"positions":         `//*/following::node()[position() > 1]/preceding::node()[position() > 1]`,
		"many predicates":   `//*` + times(6000, `[.//*]`, ``),
		"join":              `string-length(string-join(//*/ancestor-or-self::*/.., string(/)))`,
		"regular expresion": `//*[matches(., concat("(a|b|c)*", @class, "$"))]//*[matches(string(/), concat(@class, "x{1,90}y"))]`,
		"replace":           `replace(replace(replace(string(/), "", "0123456789"), "", "$0$0$0$0$0$0$0$0"), "", string(/))`,
	} {
		t.Run(name, func(t *testing.T) {
			e := xpath.MustCompile(expr, &xpath.Options{Extras: true})
			_, err := e.Eval(context.Background(), doc.Root(), &xpath.EvalOptions{Budget: 1_000_000})
			if !errors.Is(err, xpath.ErrBudget) {
				t.Errorf("Eval() = %v, want ErrBudget", err)
			}
		})
	}
}

// TestMuchText: text put together is bounded apart from the work.
func TestMuchText(t *testing.T) {
	doc := parseDoc(t, "<p>a</p>"+strings.Repeat("x", 1<<20))
	e := xpath.MustCompile("string-length(concat(/"+strings.Repeat(", /", 70)+"))", nil)
	if _, err := e.Eval(context.Background(), doc.Root(), nil); !errors.Is(err, xpath.ErrBudget) {
		t.Errorf("Eval() = %v, want ErrBudget", err)
	}
}

// patience is a context that ends after it was asked n times.
type patience struct {
	context.Context
	n int
}

func (p *patience) Err() error {
	if p.n--; p.n < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestContext(t *testing.T) {
	doc := parseDoc(t, strings.Repeat("<p>a</p>", 2000))
	e := xpath.MustCompile(`count(//p[following::p[. = 'b']])`, nil)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Eval(ctx, doc.Root(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Eval() with an ended context = %v, want context.Canceled", err)
	}
	if _, err := e.Eval(&patience{ctx, 3}, doc.Root(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Eval() = %v, want the context looked at during the work", err)
	}
	if got, err := e.EvalNumber(context.Background(), doc.Root(), nil); got != 0 || err != nil {
		t.Errorf("EvalNumber() after that = %v, %v, want 0", got, err)
	}
}

// TestLongExpressions compiles and runs what would overflow a careless stack,
// or take a careless compiler quadratic time.
func TestLongExpressions(t *testing.T) {
	doc := parseDoc(t, `<a><a>x</a></a>`)
	const n = 60_000 // bytes, about
	rep := func(s string) string { return strings.Repeat(s, n/len(s)) }
	tests := []struct {
		name, expr string
		ok         bool
	}{
		{"sum", "1" + rep("+1"), true},
		{"or", "//b" + rep(" or //b"), true},
		{"comparisons", "1" + rep("=1"), true},
		{"comparisons in a predicate", "//a[" + "1" + rep("=1") + "]", true},
		{"union", "//b" + rep("|//b"), true},
		{"steps", "." + rep("/.."), true},
		{"descend", "." + rep("//a"), true},
		{"predicates", "//a" + rep("[1]"), true},
		{"minus", rep("-") + "1", true},
		{"arguments", "concat('a'" + rep(",'a'") + ")", true},
		{"string", "'" + rep("a") + "'", true},
		{"number", rep("1"), true},
		{"groups", rep("("), false},
		{"closed groups", strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), true},
		{"too many groups", strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300), false},
		{"predicates inside each other", strings.Repeat("//a[", 200) + "1" + strings.Repeat("]", 200), true},
		{"open predicates", rep("a["), false},
		{"calls", rep("not("), false},
		{"slashes", rep("/"), false},
		{"too long", "1" + rep("+1") + rep("+1"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := xpath.Compile(tt.expr, nil)
			if (err == nil) != tt.ok {
				t.Fatalf("Compile() = %v, want success %v", err, tt.ok)
			}
			if err != nil {
				if len(err.Error()) > 500 {
					t.Errorf("the message has %d bytes", len(err.Error()))
				}
				return
			}
			if _, err := e.Eval(context.Background(), doc.Root(), nil); err != nil {
				t.Errorf("Eval() = %v", err)
			}
			e.Hint(context.Background(), doc.Root(), nil)
		})
	}
}

// TestManyAttributes: looking through them is work, too.
func TestManyAttributes(t *testing.T) {
	var b strings.Builder
	b.WriteString("<p")
	for i := range 50_000 {
		fmt.Fprintf(&b, " a%d", i%40_000)
	}
	b.WriteString(">" + strings.Repeat("<b>x</b>", 1000))
	doc := parseDoc(t, b.String())
	n, err := xpath.MustCompile(`count(//p/@*)`, nil).EvalNumber(context.Background(), doc.Root(), nil)
	if n != 40_000 || err != nil {
		t.Errorf("count(//p/@*) = %v, %v, want 40000: of repeated attributes the first counts", n, err)
	}
	_, err = xpath.MustCompile(`//b[../@nothing]`, nil).Nodes(context.Background(), doc.Root(), &xpath.EvalOptions{Budget: 1_000_000})
	if !errors.Is(err, xpath.ErrBudget) {
		t.Errorf("Nodes() = %v, want ErrBudget", err)
	}
}

// TestWork gives expressions a budget of a few times the page: they must not
// do more than one pass, or must stop early.
func TestWork(t *testing.T) {
	const n = 5000
	doc := parseDoc(t, "<div>"+strings.Repeat(`<p class="a b"><a href=/x>link <b>text</b></a><i>i</i></p>`, n)+"</div>")
	ctx := context.Background()
	for range 10 { // so that the page has its indexes
		if _, err := xpath.MustCompile(`//i`, nil).Nodes(ctx, doc.Root(), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		expr   string
		budget int64
	}{
		{`//a`, 2 * n},
		{`//a/@href`, 4 * n},
		{`//p[@class="a b"]//b`, 12 * n},
		{`.//b[1]`, 4 * n},
		{`//p[1]/a`, 4 * n},
		{`//p[last()]`, 4 * n},
		{`//p/following::p[1]`, 12 * n},
		{`//b/preceding::p[1]`, 12 * n},
		{`//a/ancestor::p[1]`, 12 * n},
		{`//b/ancestor::*`, 12 * n},
		{`//p/following-sibling::*`, 12 * n},
		{`//p/following-sibling::p[1]`, 12 * n},
		{`//p[following::p]`, 8 * n},
		{`//p[count(//p) > 3]`, 16 * n},
		{`//p[a = //i]`, 20 * n},
		{`//p[. = //p]`, 60 * n},
		{`//b < //i`, 30 * n},
		{`//a | //b | //i`, 10 * n},
		{`boolean(//p)`, 20},
		{`(//p)[1]`, 20},
		{`string(//p/a)`, 12 * n},
		{`string(//b/following::p)`, 12 * n},
		{`//p = "link texti"`, 40},
		{`//p[1][1] and //a`, 4 * n},
		{`/html/body/div/p[2]`, 60},
		{`boolean(//p[@class = "a b"][2])`, 12 * n},
	} {
		_, err := xpath.MustCompile(tt.expr, nil).Eval(ctx, doc.Root(), &xpath.EvalOptions{Budget: tt.budget})
		if err != nil {
			t.Errorf("Eval(%s) does more work than %d: %v", tt.expr, tt.budget, err)
		}
	}
}
