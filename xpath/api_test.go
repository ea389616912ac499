package xpath_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/xpath"
)

func TestErrors(t *testing.T) {
	tests := []struct{ name, expr, want string }{
		{"open predicate", `//a[@href`, `xpath: column 10: "]" was expected to close the predicate, not the end
	//a[@href
	         ^`},
		{"two operands", `//a href`, `xpath: column 5: an operator was expected, not "href"
	//a href
	    ^`},
		{"after Chinese", `//a[.="下一页"]]`, `xpath: column 13: there is nothing open for "]" to close
	//a[.="下一页"]]
	       　　　  ^`},
		{"long", strings.Repeat("a/", 60) + "!" + strings.Repeat("b", 60), `xpath: column 121: ! is not an operator by itself: write not(…) or !=
	…a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/!bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…
	                                         ^`},
		{"two lines", "//a[\n&]", "xpath: column 6: & is not an operator: write and\n\t//a[ &]\n\t     ^"},
		{"terminal control", "//a\x1b[2J", "xpath: column 4: '\\x1b' cannot stand here\n\t//a [2J\n\t   ^"},
		{"axis with one colon", `//a/ancestor:div`, `xpath: column 13: ancestor is an axis: write ancestor::div
	//a/ancestor:div
	            ^`},
		{"unknown axis", `//a/parents::div`, `xpath: column 5: there is no axis parents::
	//a/parents::div
	    ^`},
		{"unknown function", `upper-case(.)`, `xpath: column 1: there is no function upper-case()
	upper-case(.)
	^`},
		{"extra", `//a[ends-with(@href, "x")]`, `xpath: column 5: ends-with() is not part of XPath 1.0; it is an extra, see Options.Extras
	//a[ends-with(@href, "x")]
	    ^`},
		{"number of arguments", `contains(@a)`, `xpath: column 1: contains() takes 2 arguments, not 1
	contains(@a)
	^`},
		{"type of argument", `count("a")`, `xpath: column 7: argument 1 of count() must be nodes, this is a string
	count("a")
	      ^`},
		{"type of operand", `//a | 1`, `xpath: column 7: the right side of | must be nodes, this is a number
	//a | 1
	      ^`},
		{"open string", `//a[@b="x]`, `xpath: column 8: this string has no end: a " is missing
	//a[@b="x]
	       ^`},
		{"empty", ` `, "xpath: column 1: the expression is empty\n\t \n\t^"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := xpath.Compile(tt.expr, nil)
			bad := new(xpath.Error)
			if !errors.As(err, &bad) {
				t.Fatalf("Compile() = %v, want an *Error", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("message differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	doc := parseDoc(t, `<ul><li>a<li>b<li>c</ul>`)
	ctx := context.Background()
	items, err := xpath.MustCompile(`//li`, nil).Nodes(ctx, doc.Root(), nil)
	if err != nil {
		t.Fatal(err)
	}
	other := parseDoc(t, `<p>`).Root()
	vars := map[string]xpath.Value{
		"n":     xpath.NumberValue(2),
		"s":     xpath.StringValue("c"),
		"yes":   xpath.BoolValue(true),
		"items": xpath.NodesValue(items[2], items[0], items[2]),
		"other": xpath.NodesValue(other),
	}
	tests := []struct{ expr, want string }{
		{`//li[$n]`, "b"},
		{`//li[$s]`, "a|b|c"},
		{`//li[. = $s]`, "c"},
		{`//li[position() = $n]`, "b"},
		{`$items`, "a|c"},
		{`$items[2]`, "c"},
		{`$items/following-sibling::li[1]`, "b"},
		{`count($items | //li)`, "3"},
		{`$n + 1`, "3"},
		{`$yes = $items`, "true"},
		{`string($items)`, "a"},
		{`concat($s, $n)`, "c2"},
		{`$n`, "2"},
		{`$nothing`, `error: xpath: column 1: the variable $nothing has no value: see EvalOptions.Vars`},
		{`//li[$n/a]`, `error: xpath: column 6: nodes are needed here, and $n is a number`},
		{`count($other)`, `error: xpath: column 7: $other has nodes of another document`},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			v, err := xpath.MustCompile(tt.expr, nil).Eval(ctx, doc.Root(), &xpath.EvalOptions{Vars: vars})
			got := show(v)
			if err != nil {
				got, _, _ = strings.Cut("error: "+err.Error(), "\n")
			}
			if got != tt.want {
				t.Errorf("Eval() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExtras(t *testing.T) {
	doc := parseDoc(t, `<div class="item
 hot"><a href="/a/12.JPG">Ä One<b>two</b></a><a href="/b/7.png" data-re="^/[b]">three</a></div>`)
	tests := []struct{ expr, want string }{
		{`//a[matches(@href, "\d{2}")]/@href`, "/a/12.JPG"},
		{`//a[matches(@href, "jpg$", "i")]/@href`, "/a/12.JPG"},
		{`//a[matches(@href, @data-re)][@data-re]/@href`, "/b/7.png"},
		{`replace(//a/@href, "/(\w)/(\d+)", "$2-$1\$\\")`, `12-a$\.JPG`},
		{`replace("a.b.c", "\.", "")`, "abc"},
		{`replace("中文 网页", "\s", "$0$0")`, "中文  网页"},
		{`lower-case(//a)`, "ä onetwo"},
		{`//a[ends-with(@href, ".png")]`, "three"},
		{`string-join(//a, ", ")`, "Ä Onetwo, three"},
		{`string-join(//nothing, ", ")`, ""},
		{`count(//div[has-class("item")])`, "1"},
		{`count(//div[has-class("hot", "item")])`, "1"},
		{`count(//div[has-class("ho")])`, "0"},
		{`count(//div[has-class("item hot")])`, "0"},
		{`count(//*[has-class("")])`, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			e, err := xpath.Compile(tt.expr, &xpath.Options{Extras: true})
			if err != nil {
				t.Fatal(err)
			}
			v, err := e.Eval(context.Background(), doc.Root(), nil)
			if got := show(v); err != nil || got != tt.want {
				t.Errorf("Eval() = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	for _, expr := range []string{
		`matches(., "(")`, `matches(., "a", "q")`, `matches(., "` + strings.Repeat("a", 2000) + `")`,
		`matches(., "((((a{1,9}){1,9}){1,9}){1,9}){1,9}")`,
	} {
		if _, err := xpath.Compile(expr, &xpath.Options{Extras: true}); err == nil {
			t.Errorf("Compile(%.40s) succeeded, want an error about the pattern", expr)
		}
	}
}

// TestHTMLRules are the rules of the package comment.
func TestHTMLRules(t *testing.T) {
	doc := parseDoc(t, `<!DOCTYPE html><BODY onLoad=x()>
<table><tr><td>1</table>
<svg viewBox="0 0 1 1"><foreignObject><p>in svg</p></foreignObject><a xlink:href="#x"/></svg>
<math definitionURL=u><mi>x</mi></math>
<input disabled><template><b>in template</b></template>
<fb:like fb:x=1>l</fb:like><p class=a class=b>p</p><?php x ?>
<span lang=zh-Hant><i>i</i></span><p>&nbsp;</p></BODY>`)
	tests := []struct{ name, expr, want string }{
		{"names are in lower case", `count(//BODY) + count(//body/@onLoad)`, "0"},
		{"and found so", `name(//body/@onload)`, "onload"},
		{"svg keeps its case", `name(//*[@viewBox]/*)`, "foreignObject"},
		{"HTML inside svg", `//svg//p`, "in svg"},
		{"xlink", `//@xlink:href`, "#x"},
		{"any xlink", `name(//@xlink:*)`, "xlink:href"},
		{"math attribute", `//math/@definitionURL`, "u"},
		{"no namespaces", `concat(namespace-uri(//svg), local-name(//@xlink:href), count(//*/namespace::*))`, "xlink:href0"},
		{"boolean attribute", `//input/@disabled`, ""},
		{"boolean attribute is there", `count(//input[@disabled])`, "1"},
		{"template contents", `//template/b`, "in template"},
		{"implied tbody", `count(//table/tr) + count(//table/tbody/tr)`, "1"},
		{"prefix", `//fb:like/@fb:x`, "1"},
		{"any prefix", `count(//fb:*)`, "1"},
		{"repeated attribute", `//p/@class`, "a"},
		{"processing instruction is a comment", `count(//processing-instruction()) + count(//comment())`, "1"},
		{"doctype is no node", `count(/node())`, "1"},
		{"lang", `//i[lang("zh")]`, "i"},
		{"lang of the child", `count(//i[lang("en")])`, "0"},
		{"NBSP is text", `count(//body/p[normalize-space() = ""])`, "0"},
		{"NBSP", `string-length(normalize-space(//body/p[last()]))`, "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := xpath.MustCompile(tt.expr, nil).Eval(context.Background(), doc.Root(), nil)
			if got := show(v); err != nil || got != tt.want {
				t.Errorf("Eval(%s) = %q, %v, want %q", tt.expr, got, err, tt.want)
			}
		})
	}
}

func TestNode(t *testing.T) {
	doc := parseDoc(t, `<p id=x class="a b">one<b>two</b><!--note--></p>`)
	ctx := context.Background()
	one := func(expr string) xpath.Node {
		n, ok, err := xpath.MustCompile(expr, nil).First(ctx, doc.Root(), nil)
		if !ok || err != nil {
			t.Fatalf("First(%s) = %v, %v", expr, ok, err)
		}
		return n
	}
	p, class := one(`//p`), one(`//p/@class`)
	if p.Name() != "p" || p.String() != "onetwo" || p.IsAttr() || p.HTML().Data != "p" || p.Doc() != doc {
		t.Errorf("p is %q %q %v", p.Name(), p.String(), p.IsAttr())
	}
	if class.Name() != "class" || class.String() != "a b" || !class.IsAttr() || class.HTML() != p.HTML() {
		t.Errorf("class is %q %q %v", class.Name(), class.String(), class.IsAttr())
	}
	if v, ok := p.Attr("id"); v != "x" || !ok {
		t.Errorf("Attr(id) = %q, %v", v, ok)
	}
	for _, n := range []xpath.Node{class, one(`//text()`), one(`//comment()`), doc.Root(), {}} {
		if v, ok := n.Attr("class"); ok {
			t.Errorf("Attr(class) of %q = %q, want none", n.Name(), v)
		}
	}
	if one(`//comment()`).String() != "note" || doc.Root().String() != "onetwo" || doc.Root().Name() != "" {
		t.Error("a comment or the document has the wrong text or name")
	}
	if !p.Before(class) || class.Before(p) || !class.Before(one(`//b`)) {
		t.Error("Before is not document order")
	}
	if p != one(`//b/..`) || one(`//@class`) != class {
		t.Error("the same node is not equal")
	}

	var zero xpath.Node
	if zero.Name() != "" || zero.String() != "" || zero.HTML() != nil || zero.Doc() != nil {
		t.Error("the zero Node is something")
	}
	if _, err := xpath.MustCompile(`//p`, nil).Nodes(ctx, zero, nil); err == nil {
		t.Error("Nodes() at the zero Node succeeded")
	}
}

func TestDocNode(t *testing.T) {
	root, err := html.Parse(strings.NewReader("<!doctype html><p>" + strings.Repeat("<i>a<b>b</b></i>", 300)))
	if err != nil {
		t.Fatal(err)
	}
	doc := xpath.NewDoc(root)
	count := 0
	for range 3 { // by climbing, and by the map
		for h := range root.Descendants() {
			n, ok := doc.Node(h)
			if ok == (h.Type == html.DoctypeNode) || ok && n.HTML() != h {
				t.Fatalf("Node(%s) = %v, %v", h.Data, n, ok)
			}
			count++
		}
		for _, h := range []*html.Node{nil, {Type: html.ElementNode, Data: "p"}, {Type: html.TextNode, Parent: root.LastChild}} {
			if _, ok := doc.Node(h); ok {
				t.Errorf("Node(%v) is found", h)
			}
		}
	}
	if count < 3000 {
		t.Errorf("only %d nodes", count)
	}
}

func TestNewDocOfPart(t *testing.T) {
	ctx := context.Background()
	root := parseDoc(t, `<div><p>a</p></div><p>b</p>`).Root()
	div, _, err := xpath.MustCompile(`//div`, nil).First(ctx, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	part := xpath.NewDoc(div.HTML())
	for expr, want := range map[string]string{`//p`: "a", `/p`: "a", `count(ancestor::*)`: "0", `count(following::*)`: "0", `name(/)`: "div"} {
		if got, err := xpath.MustCompile(expr, nil).EvalString(ctx, part.Root(), nil); got != want || err != nil {
			t.Errorf("EvalString(%s) = %q, %v, want %q", expr, got, err, want)
		}
	}
	for _, h := range []*html.Node{nil, {Type: html.DoctypeNode, Data: "html"}, {Type: html.ErrorNode}} {
		doc := xpath.NewDoc(h)
		if got, err := xpath.MustCompile(`count(//node())`, nil).EvalNumber(ctx, doc.Root(), nil); got != 0 || err != nil || doc.Len() != 1 {
			t.Errorf("NewDoc(%v) has %v nodes below the root, %v", h, got, err)
		}
	}
}

// TestConcurrent shares expressions and a document, whose indexes are built
// while it is in use.
func TestConcurrent(t *testing.T) {
	exprs := []*xpath.Expr{
		xpath.MustCompile(`count(//li/span[@class="t"][1])`, nil),
		xpath.MustCompile(`count(id("u1 u2")/li[last()])`, nil),
		xpath.MustCompile(`string-length(translate(string(/), "abc", ""))`, nil),
		xpath.MustCompile(`count(//li[count(//li) > 3][matches(., concat("s", "[0-9]"))])`, &xpath.Options{Extras: true}),
		xpath.MustCompile(`count(//li/following-sibling::li/ancestor::*)`, nil),
	}
	page := `<ul id=u1>` + strings.Repeat(`<li><span class=t>s1</span><span class=t>s2</span></li>`, 50) + `</ul><ul id=u2><li>x</ul>`
	var want []string
	for _, e := range exprs {
		s, err := e.EvalString(context.Background(), parseDoc(t, page).Root(), nil)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, s)
	}
	doc := parseDoc(t, page)
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for g := range cap(errs) {
		wg.Go(func() {
			for k := range 40 {
				i := (g + k) % len(exprs)
				if got, err := exprs[i].EvalString(context.Background(), doc.Root(), nil); got != want[i] || err != nil {
					errs <- fmt.Errorf("EvalString(%s) = %q, %v, want %q", exprs[i], got, err, want[i])
					return
				}
				if _, ok := doc.Node(doc.Root().HTML().LastChild.LastChild); !ok {
					errs <- errors.New("Doc.Node lost a node")
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

func TestKind(t *testing.T) {
	for expr, want := range map[string]string{
		`//a`: "node-set true", `"a"`: "string true", `1`: "number true", `1=1`: "boolean true", `$v`: "node-set false", `($v)[1]`: "node-set true",
	} {
		k, ok := xpath.MustCompile(expr, nil).Kind()
		if got := fmt.Sprint(k, ok); got != want {
			t.Errorf("Kind(%s) = %s, want %s", expr, got, want)
		}
	}
	doc := parseDoc(t, `<p>a`)
	_, err := xpath.MustCompile(`count(//p)`, nil).Nodes(context.Background(), doc.Root(), nil)
	if err == nil || !strings.Contains(err.Error(), "this is a number") {
		t.Errorf("Nodes(count(//p)) = %v, want an error that says it is a number", err)
	}
	if _, ok, err := xpath.MustCompile(`count(//p)`, nil).First(context.Background(), doc.Root(), nil); ok || err == nil {
		t.Errorf("First(count(//p)) = %v, %v, want an error", ok, err)
	}
}

func TestMustCompilePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("MustCompile did not panic")
		}
	}()
	xpath.MustCompile(`//`, nil)
}
