package xpath

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// This file is XPath 1.0 written down from the recommendation, section by
// section, with no thought of speed. It shares the parser with the package
// and nothing else: what it says is what the package must say.

// nnode is a node of the data model, section 5.
type nnode struct {
	ref      ref
	typ      string // document, element, attribute, text, comment
	name     string
	value    string
	parent   *nnode
	children []*nnode
	attrs    []*nnode
	below    []*nnode // what descendants returns, once it was asked
}

// naiveTree builds the data model, numbering nodes in document order.
func naiveTree(h *html.Node) (*nnode, []*nnode) {
	var all []*nnode
	index := int32(-1)
	var build func(h *html.Node, parent *nnode) *nnode
	build = func(h *html.Node, parent *nnode) *nnode {
		n := &nnode{parent: parent, value: h.Data}
		switch h.Type {
		case html.DocumentNode:
			n.typ = "document"
		case html.ElementNode:
			n.typ, n.name = "element", h.Data
		case html.TextNode:
			n.typ = "text"
		case html.CommentNode:
			n.typ = "comment"
		default:
			return nil
		}
		index++
		n.ref = treeRef(index)
		all = append(all, n)
		if n.typ == "element" {
			seen := map[string]bool{}
			for k, a := range h.Attr {
				name := a.Key
				if a.Namespace != "" {
					name = a.Namespace + ":" + a.Key
				}
				if !seen[name] {
					at := &nnode{ref: attrRef(index, k), typ: "attribute", name: name, value: a.Val, parent: n}
					n.attrs = append(n.attrs, at)
					all = append(all, at)
				}
				seen[name] = true
			}
		}
		for c := h.FirstChild; c != nil; c = c.NextSibling {
			if m := build(c, n); m != nil {
				n.children = append(n.children, m)
			}
		}
		return n
	}
	return build(h, nil), all
}

func (n *nnode) root() *nnode {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// stringValue, sections 5.1 to 5.7.
func (n *nnode) stringValue() string {
	if n.typ == "element" || n.typ == "document" {
		s := ""
		for _, d := range n.descendants() {
			if d.typ == "text" {
				s += d.value
			}
		}
		return s
	}
	return n.value
}

func (n *nnode) descendants() []*nnode {
	if n.below == nil {
		for _, c := range n.children {
			n.below = append(n.below, c)
			n.below = append(n.below, c.descendants()...)
		}
	}
	return slices.Clip(n.below)
}

func (n *nnode) ancestors() []*nnode { // nearest first
	var out []*nnode
	for p := n.parent; p != nil; p = p.parent {
		out = append(out, p)
	}
	return out
}

// siblings returns the nodes after (or before, nearest first) n with the same
// parent. Attributes have none.
func (n *nnode) siblings(after bool) []*nnode {
	if n.parent == nil || n.typ == "attribute" {
		return nil
	}
	i := slices.Index(n.parent.children, n)
	if after {
		return n.parent.children[i+1:]
	}
	before := slices.Clone(n.parent.children[:i])
	slices.Reverse(before)
	return before
}

// axis is section 2.2, in the order of the axis.
func (n *nnode) axis(a axis) []*nnode {
	everything := func() []*nnode { return append([]*nnode{n.root()}, n.root().descendants()...) }
	switch a {
	case axisChild:
		return n.children
	case axisDescendant:
		return n.descendants()
	case axisParent:
		if n.parent != nil {
			return []*nnode{n.parent}
		}
	case axisAncestor:
		return n.ancestors()
	case axisFollowingSibling:
		return n.siblings(true)
	case axisPrecedingSibling:
		return n.siblings(false)
	case axisFollowing: // after n in document order, no descendants, no attributes
		var out []*nnode
		for _, m := range everything() {
			if m.ref > n.ref && !slices.Contains(n.descendants(), m) {
				out = append(out, m)
			}
		}
		return out
	case axisPreceding: // before n in document order, no ancestors, no attributes
		var out []*nnode
		for _, m := range everything() {
			if m.ref < n.ref && !slices.Contains(n.ancestors(), m) {
				out = append(out, m)
			}
		}
		slices.Reverse(out)
		return out
	case axisAttribute:
		return n.attrs
	case axisSelf:
		return []*nnode{n}
	case axisDescendantOrSelf:
		return append([]*nnode{n}, n.descendants()...)
	case axisAncestorOrSelf:
		return append([]*nnode{n}, n.ancestors()...)
	}
	return nil // the namespace axis is empty in HTML
}

// passes is section 2.3.
func (n *nnode) passes(s *astStep) bool {
	principal := "element"
	if s.axis == axisAttribute {
		principal = "attribute"
	}
	switch s.test {
	case testNode:
		return true
	case testAny:
		return n.typ == principal
	case testName:
		return n.typ == principal && n.name == s.name
	case testPrefix:
		return n.typ == principal && strings.HasPrefix(n.name, s.name)
	case testText:
		return n.typ == "text"
	case testComment:
		return n.typ == "comment"
	}
	return false
}

// ncontext is the context of section 1.
type ncontext struct {
	node      *nnode
	pos, size int
	vars      map[string]any
	work      *int // nodes that may still be looked at
}

// naive values are []*nnode, string, float64 and bool.
func (c ncontext) eval(e ast) any {
	switch e := e.(type) {
	case *numberLit:
		return e.val
	case *stringLit:
		return e.val
	case *varRef:
		v, ok := c.vars[e.name]
		if !ok {
			panic(naiveError("no variable"))
		}
		return v
	case *negExpr:
		return -nnumber(c.eval(e.x))
	case *filterExpr:
		return c.predicates(c.nodes(e.x), e.preds)
	case *pathExpr:
		return c.path(e)
	case *callExpr:
		return c.call(e)
	case *binaryExpr:
		return c.binary(e)
	}
	panic(fmt.Sprintf("unknown %T", e))
}

type naiveError string

func (e naiveError) Error() string { return string(e) }

// errTired is given by the naive evaluator instead of an answer that would
// take it too long.
const errTired = naiveError("tired")

func (c ncontext) nodes(e ast) []*nnode {
	set, ok := c.eval(e).([]*nnode)
	if !ok {
		panic(naiveError("nodes needed"))
	}
	return set
}

// predicates is section 2.4, on a list in axis order.
func (c ncontext) predicates(list []*nnode, preds []ast) []*nnode {
	for _, p := range preds {
		var kept []*nnode
		for i, n := range list {
			v := ncontext{n, i + 1, len(list), c.vars, c.work}.eval(p)
			if num, ok := v.(float64); ok && num == float64(i+1) || !ok && nbool(v) {
				kept = append(kept, n)
			}
		}
		list = kept
	}
	return list
}

// path is section 2.
func (c ncontext) path(e *pathExpr) []*nnode {
	current := []*nnode{c.node}
	switch {
	case e.from != nil:
		current = c.nodes(e.from)
	case e.root:
		current = []*nnode{c.node.root()}
	}
	for _, s := range e.steps {
		var next []*nnode
		for _, n := range current {
			var list []*nnode
			on := n.axis(s.axis)
			if *c.work -= 1 + len(on); *c.work < 0 {
				panic(errTired)
			}
			for _, m := range on {
				if m.passes(&s) {
					list = append(list, m)
				}
			}
			next = append(next, c.predicates(list, s.preds)...)
		}
		current = documentOrder(next)
	}
	return current
}

func documentOrder(set []*nnode) []*nnode {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b *nnode) int {
		if a.ref < b.ref {
			return -1
		} else if a.ref > b.ref {
			return 1
		}
		return 0
	})
	return slices.Compact(set)
}

// binary is sections 3.3, 3.4 and 3.5.
func (c ncontext) binary(e *binaryExpr) any {
	switch e.op {
	case opOr:
		return nbool(c.eval(e.l)) || nbool(c.eval(e.r))
	case opAnd:
		return nbool(c.eval(e.l)) && nbool(c.eval(e.r))
	case opUnion:
		return documentOrder(append(slices.Clone(c.nodes(e.l)), c.nodes(e.r)...))
	case opAdd, opSub, opMul, opDiv, opMod:
		l, r := nnumber(c.eval(e.l)), nnumber(c.eval(e.r))
		switch e.op {
		case opAdd:
			return l + r
		case opSub:
			return l - r
		case opMul:
			return l * r
		case opDiv:
			return l / r
		}
		return math.Mod(l, r)
	}
	return ncompare(e.op, c.eval(e.l), c.eval(e.r))
}

// ncompare is section 3.4 by its sentences.
func ncompare(op binaryOp, l, r any) bool {
	ls, lset := l.([]*nnode)
	rs, rset := r.([]*nnode)
	if lset && rset {
		for _, a := range ls {
			for _, b := range rs {
				if ncompare(op, a.stringValue(), b.stringValue()) {
					return true
				}
			}
		}
		return false
	}
	if lset || rset {
		set, other := ls, r
		if rset {
			set, other = rs, l
		}
		if _, ok := other.(bool); ok { // the node-set as a boolean
			return ncompare(op, nscalar(l), nscalar(r))
		}
		for _, n := range set {
			var v any = n.stringValue()
			if _, ok := other.(float64); ok {
				v = nnumber(v)
			}
			if lset && ncompare(op, v, r) || rset && ncompare(op, l, v) {
				return true
			}
		}
		return false
	}
	if op == opEq || op == opNe {
		_, lb := l.(bool)
		_, rb := r.(bool)
		_, ln := l.(float64)
		_, rn := r.(float64)
		switch {
		case lb || rb:
			return (nbool(l) == nbool(r)) == (op == opEq)
		case ln || rn:
			if op == opEq {
				return nnumber(l) == nnumber(r)
			}
			return nnumber(l) != nnumber(r)
		}
		return (nstring(l) == nstring(r)) == (op == opEq)
	}
	a, b := nnumber(l), nnumber(r)
	return op == opLt && a < b || op == opLe && a <= b || op == opGt && a > b || op == opGe && a >= b
}

func nscalar(v any) any {
	if _, ok := v.([]*nnode); ok {
		return nbool(v)
	}
	return v
}

// naiveEval evaluates e at the node with the given ref.
func naiveEval(tree *nnode, all []*nnode, at ref, e ast, vars map[string]any) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			msg, ok := r.(naiveError)
			if !ok {
				panic(r)
			}
			err = msg
		}
	}()
	i := slices.IndexFunc(all, func(n *nnode) bool { return n.ref == at })
	work := 40_000
	return ncontext{all[i], 1, 1, vars, &work}.eval(e), nil
}
