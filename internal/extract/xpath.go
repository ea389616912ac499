package extract

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trawl-go/trawl/xpath"
)

// An XPath expression gives a Selection, a string, a float64 or a bool,
// depending on what it says: //a, string(//a), count(//a), count(//a) > 3.
// Functions beyond XPath 1.0, such as has-class and ends-with, are allowed;
// see package xpath.
//
// Nodes come each once and in document order. Any other value is that of the
// first node of the selection, and "", 0 or false if the selection is empty.
//
// It returns an error for an expression that is malformed or does not end
// within its budget of work, and ctx's error if ctx ends.
func (s Selection) XPath(ctx context.Context, expr string) (any, error) {
	if s.doc == nil {
		return s, nil
	}
	e, err := s.doc.sels.compileXPath(expr)
	if err != nil {
		return nil, err
	}
	if kind, known := e.Kind(); known && kind != xpath.KindNodes {
		return s.xpathValue(ctx, e, kind)
	}
	var found []xpath.Node
	from := s.all()
	for _, n := range from {
		context, ok := s.doc.xpathNode(ctx, n)
		if !ok {
			continue
		}
		nodes, err := e.Nodes(ctx, context, nil)
		if err != nil {
			return nil, plainXPathError(expr, err)
		}
		found = append(found, nodes...)
	}
	if len(from) > 1 {
		slices.SortFunc(found, func(a, b xpath.Node) int {
			switch {
			case a.Before(b):
				return -1
			case b.Before(a):
				return 1
			}
			return 0
		})
		found = slices.Compact(found)
	}
	nodes := make([]node, len(found))
	for i, n := range found {
		nodes[i] = node{h: n.HTML()}
		if n.IsAttr() {
			nodes[i].attr, nodes[i].value = n.Name(), n.String()
		}
	}
	return Selection{doc: s.doc, nodes: nodes}, nil
}

func (s Selection) xpathValue(ctx context.Context, e *xpath.Expr, kind xpath.Kind) (any, error) {
	var v xpath.Value
	if len(s.nodes) > 0 {
		if n, ok := s.doc.xpathNode(ctx, s.nodes[0]); ok {
			var err error
			if v, err = e.Eval(ctx, n, nil); err != nil {
				return nil, plainXPathError(e.String(), err)
			}
		}
	}
	switch kind {
	case xpath.KindString:
		return v.String(), nil
	case xpath.KindBool:
		return v.Bool(), nil
	}
	if len(s.nodes) == 0 {
		return 0.0, nil
	}
	return v.Number(), nil
}

// XPathHint says why an expression may have found nothing in the first node,
// or returns "" if no reason is known.
func (s Selection) XPathHint(ctx context.Context, expr string) string {
	if len(s.nodes) == 0 {
		return ""
	}
	e, err := s.doc.sels.compileXPath(expr)
	if err != nil {
		return ""
	}
	n, ok := s.doc.xpathNode(ctx, s.nodes[0])
	if !ok {
		return ""
	}
	return e.Hint(ctx, n, nil)
}

// CheckXPath returns the error that [Selection.XPath] would return for a
// malformed expression.
func (s *Selectors) CheckXPath(expr string) error {
	_, err := s.compileXPath(expr)
	return err
}

func (s *Selectors) compileXPath(expr string) (*xpath.Expr, error) {
	if len(expr) > maxSelector {
		return nil, fmt.Errorf("xpath: expression of %d bytes; the limit is %d", len(expr), maxSelector)
	}
	e, err := s.xpath.Get(expr, func(expr string) (*xpath.Expr, error) {
		return xpath.Compile(expr, &xpath.Options{Extras: true})
	})
	if err != nil {
		return nil, plainXPathError(expr, err)
	}
	return e, nil
}

// plainXPathError puts an error into one line.
func plainXPathError(expr string, err error) error {
	var e *xpath.Error
	if errors.As(err, &e) {
		return fmt.Errorf("xpath %q: %s, at character %d", e.Expr, e.Msg, e.Column())
	}
	return fmt.Errorf("xpath %q: %w", expr, err)
}

// xpathNode returns a node as package xpath has it. The index that it needs is
// built when it is first asked for.
func (d *Doc) xpathNode(ctx context.Context, n node) (xpath.Node, bool) {
	if d.index == nil {
		d.index = xpath.NewDoc(d.root)
	}
	h, ok := d.index.Node(n.h)
	if !ok || n.attr == "" {
		return h, ok
	}
	attrs, err := attributes.Nodes(ctx, h, nil)
	if err != nil {
		return xpath.Node{}, false
	}
	for _, a := range attrs {
		if a.Name() == n.attr {
			return a, true
		}
	}
	return xpath.Node{}, false
}

var attributes = xpath.MustCompile("@*", nil)
