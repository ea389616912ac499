package xpath

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/andybalholm/cascadia"
	"github.com/antchfx/htmlquery"
	antchfx "github.com/antchfx/xpath"
	"golang.org/x/net/html"

	"github.com/trawl-go/trawl/xpath"
)

// found is a result in a form that all engines can give.
type found struct {
	node *html.Node
	attr string
}

// ours evaluates e on p and returns how many nodes it has.
func ours(tb testing.TB, e *xpath.Expr, p *page) int {
	v, err := e.Eval(context.Background(), p.doc.Root(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return len(v.Nodes())
}

func ourResult(tb testing.TB, e *xpath.Expr, p *page) any {
	v, err := e.Eval(context.Background(), p.doc.Root(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	if v.Kind() != xpath.KindNodes {
		return v.String()
	}
	list := []found{}
	for _, n := range v.Nodes() {
		f := found{node: n.HTML()}
		if n.IsAttr() {
			f.attr = n.Name()
		}
		list = append(list, f)
	}
	return list
}

// theirs does the same with antchfx/xpath.
func theirs(e *antchfx.Expr, p *page) int {
	it, ok := e.Evaluate(htmlquery.CreateXPathNavigator(p.root)).(*antchfx.NodeIterator)
	if !ok {
		return 0
	}
	n := 0
	for it.MoveNext() {
		n++
	}
	return n
}

func theirResult(e *antchfx.Expr, p *page) (result any) {
	defer func() {
		if r := recover(); r != nil {
			result = fmt.Sprint("panic: ", r)
		}
	}()
	switch v := e.Evaluate(htmlquery.CreateXPathNavigator(p.root)).(type) {
	case *antchfx.NodeIterator:
		list := []found{}
		for v.MoveNext() {
			nav := v.Current().(*htmlquery.NodeNavigator)
			f := found{node: nav.Current()}
			if nav.NodeType() == antchfx.AttributeNode {
				f.attr = nav.LocalName()
			}
			list = append(list, f)
		}
		return list
	case float64:
		return xpath.NumberValue(v).String()
	case bool:
		return xpath.BoolValue(v).String()
	case string:
		return v
	}
	return nil
}

// rightOn reports whether antchfx/xpath gives our result, which is that of
// libxml2, on all pages.
func rightOn(tb testing.TB, e *xpath.Expr, a *antchfx.Expr, pages []*page) bool {
	for _, p := range pages {
		want, got := ourResult(tb, e, p), theirResult(a, p)
		w, ok := want.([]found)
		g, ok2 := got.([]found)
		if ok != ok2 || ok && !slices.Equal(w, g) || !ok && want != got {
			return false
		}
	}
	return true
}

// setUp compiles a question for all engines. CSS and antchfx may be nil.
func setUp(tb testing.TB, q question) (*xpath.Expr, *antchfx.Expr, cascadia.Selector) {
	tb.Helper()
	e, err := xpath.Compile(q.xpath, nil)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := antchfx.Compile(q.xpath)
	if err != nil {
		a = nil
	}
	var css cascadia.Selector
	if q.css != "" {
		css = cascadia.MustCompile(q.css)
	}
	return e, a, css
}
