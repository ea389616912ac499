package xpath

import (
	"slices"
	"strings"

	"golang.org/x/net/html/atom"
)

// An expression is lowered to closures, one for the type in which its value
// is wanted: asking for the boolean of a path gives a closure that stops at
// the first node. A string returned by a textFn is valid until x.text is
// released.
type (
	boolFn func(x *exec, c focus) bool
	numFn  func(x *exec, c focus) float64
	textFn func(x *exec, c focus) string
	setFn  func(x *exec, c focus) []ref // a grabbed buffer: drop it
)

// nodeSource is a lowered expression of nodes.
type nodeSource interface {
	// nodes returns all of them in document order, in a grabbed buffer.
	nodes(x *exec, c focus) []ref
	// first returns the first in document order.
	first(x *exec, c focus) (ref, bool)
	// visit shows them to v in some order until v has enough.
	visit(x *exec, c focus, v *visitor)
}

// nameRef is an element name the expression tests for.
type nameRef struct {
	name string
	atom atom.Atom
}

type lowerer struct {
	src       string
	names     []nameRef
	slots     map[string]int
	attrNames []string
	memos     int
	inside    int          // predicates around the current expression
	context   map[ast]bool // whether an expression looks at its context
	err       *Error       // the first mistake found
}

// nameSlot returns the slot of an element name, see exec.codes.
func (l *lowerer) nameSlot(name string) int {
	if k, ok := l.slots[name]; ok {
		return k
	}
	k := len(l.names)
	l.names = append(l.names, nameRef{name, atom.Lookup([]byte(name))})
	l.slots[name] = k
	return k
}

func (l *lowerer) asBool(e ast) boolFn {
	if l.hoists(e) {
		return memoBool(l.memo(), hoisted(l, l.asBool, e))
	}
	switch e.kind() {
	case KindNodes:
		if name, ok := attrOfContext(e); ok {
			slot := l.attrSlot(name)
			return func(x *exec, c focus) bool {
				return !c.node.isAttr() && x.attrPlace(c.node.index(), slot) >= 0
			}
		}
		src := l.asNodes(e)
		return func(x *exec, c focus) bool { return exists(src, x, c) }
	case KindString:
		text := l.asText(e)
		return func(x *exec, c focus) bool { return text(x, c) != "" }
	case KindNumber:
		num := l.asNumber(e)
		return func(x *exec, c focus) bool { return numberBool(num(x, c)) }
	}
	switch e := e.(type) {
	case *binaryExpr:
		return l.logic(e)
	case *callExpr:
		return e.fn.bool(l, e.args)
	}
	v := l.variable(e)
	return func(x *exec, c focus) bool { return x.variable(v).Bool() }
}

// exists reports whether src has a node.
func exists(src nodeSource, x *exec, c focus) bool {
	v := visitor{want: wantAny}
	src.visit(x, c, &v)
	return v.hit
}

// logic lowers or, and, and comparisons. Chains of or and and are unrolled,
// so that a long one is a loop and not a deep recursion.
func (l *lowerer) logic(e *binaryExpr) boolFn {
	if e.op > opAnd {
		return l.comparison(e)
	}
	var terms []boolFn
	for _, t := range flatten(e) {
		terms = append(terms, l.asBool(t))
	}
	stop := e.op == opOr
	return func(x *exec, c focus) bool {
		for _, t := range terms {
			if t(x, c) == stop {
				return stop
			}
		}
		return !stop
	}
}

// flatten returns the operands of a chain of one associative operator.
func flatten(e *binaryExpr) []ast {
	var terms []ast
	var at ast = e
	for {
		b, ok := at.(*binaryExpr)
		if !ok || b.op != e.op {
			break
		}
		terms = append(terms, b.r)
		at = b.l
	}
	terms = append(terms, at)
	slices.Reverse(terms)
	return terms
}

func (l *lowerer) asNumber(e ast) numFn {
	if l.hoists(e) {
		return memoNumber(l.memo(), hoisted(l, l.asNumber, e))
	}
	switch e.kind() {
	case KindBool:
		yes := l.asBool(e)
		return func(x *exec, c focus) float64 { return boolNumber(yes(x, c)) }
	case KindString, KindNodes:
		text := l.asText(e)
		return func(x *exec, c focus) float64 { return parseNumber(text(x, c)) }
	}
	switch e := e.(type) {
	case *numberLit:
		n := e.val
		return func(*exec, focus) float64 { return n }
	case *negExpr:
		num := l.asNumber(e.x)
		return func(x *exec, c focus) float64 { return -num(x, c) }
	case *binaryExpr:
		return arithmetic(e.op, l.asNumber(e.l), l.asNumber(e.r))
	case *callExpr:
		return e.fn.number(l, e.args)
	}
	v := l.variable(e)
	return func(x *exec, c focus) float64 { return x.variable(v).Number() }
}

func (l *lowerer) asText(e ast) textFn {
	if l.hoists(e) {
		return memoText(l.memo(), hoisted(l, l.asText, e))
	}
	switch e.kind() {
	case KindBool:
		yes := l.asBool(e)
		return func(x *exec, c focus) string { return formatBool(yes(x, c)) }
	case KindNumber:
		num := l.asNumber(e)
		return func(x *exec, c focus) string { return formatNumber(num(x, c)) }
	case KindNodes:
		if name, ok := attrOfContext(e); ok {
			slot := l.attrSlot(name)
			return func(x *exec, c focus) string {
				v, _ := x.attr(c.node, slot)
				return v
			}
		}
		if isContext(e) {
			return func(x *exec, c focus) string { return x.stringValue(c.node) }
		}
		src := l.asNodes(e)
		return func(x *exec, c focus) string {
			if r, ok := src.first(x, c); ok {
				return x.stringValue(r)
			}
			return ""
		}
	}
	switch e := e.(type) {
	case *stringLit:
		s := e.val
		return func(*exec, focus) string { return s }
	case *callExpr:
		return e.fn.text(l, e.args)
	}
	v := l.variable(e)
	return func(x *exec, c focus) string { return x.variable(v).String() }
}

func (l *lowerer) asNodes(e ast) nodeSource {
	if l.hoists(e) {
		return &memoNodes{l.memo(), hoisted(l, l.asNodes, e)}
	}
	switch e := e.(type) {
	case *pathExpr:
		return l.path(e)
	case *filterExpr:
		return &filtered{l.asNodes(e.x), l.predicates(e.preds)}
	case *binaryExpr: // a union
		u := &union{}
		for _, t := range flatten(e) {
			u.terms = append(u.terms, l.asNodes(t))
		}
		return u
	case *callExpr:
		return source(e.fn.nodes(l, e.args))
	}
	v := l.variable(e)
	return source(func(x *exec, c focus) []ref { return x.variableNodes(v) })
}

// variable returns the variable that e is: nothing else has an unknown type.
func (l *lowerer) variable(e ast) *varRef { return e.(*varRef) }

// attrOfContext returns the name if e is @name.
func attrOfContext(e ast) (string, bool) {
	p, ok := e.(*pathExpr)
	if !ok || p.root || p.from != nil || len(p.steps) != 1 {
		return "", false
	}
	st := &p.steps[0]
	return st.name, st.axis == axisAttribute && st.test == testName && len(st.preds) == 0
}

// isContext reports whether e is the context node.
func isContext(e ast) bool {
	p, ok := e.(*pathExpr)
	if !ok || p.root || p.from != nil || len(p.steps) != 1 {
		return false
	}
	st := &p.steps[0]
	return st.axis == axisSelf && st.test == testNode && len(st.preds) == 0
}

func (l *lowerer) path(e *pathExpr) *path {
	p := &path{root: e.root}
	if e.from != nil {
		p.from = l.asNodes(e.from).nodes
	}
	for _, s := range e.steps {
		p.steps = appendStep(p.steps, l.step(s))
	}
	p.plan()
	return p
}

func (l *lowerer) step(s astStep) step {
	st := step{axis: s.axis, test: nodeTest{kind: s.test, attr: s.axis == axisAttribute}}
	switch {
	case s.test == testName && st.test.attr:
		st.test.slot = l.attrSlot(s.name)
	case s.test == testName:
		st.test.slot = l.nameSlot(s.name)
	case s.test == testPrefix:
		// p:* is *[starts-with(name(), 'p:')], positions included.
		st.test.kind = testAny
		prefix := s.name
		st.preds = append(st.preds, predicate{keep: func(x *exec, c focus) bool {
			return strings.HasPrefix(x.doc.name(c.node), prefix)
		}})
	}
	st.preds = append(st.preds, l.predicates(s.preds)...)
	for k := range st.preds {
		st.positional = st.positional || st.preds[k].usePos
		st.sized = st.sized || st.preds[k].useSize
	}
	st.sized = st.sized || len(st.preds) > maxStreamed
	return st
}

// appendStep appends st to steps, joined with the step before it where a
// single pass does for both.
func appendStep(steps []step, st step) []step {
	if st.axis == axisSelf && st.test.kind == testNode && len(st.preds) == 0 {
		return steps // .
	}
	n := len(steps)
	if n == 0 || steps[n-1].axis != axisDescendantOrSelf ||
		steps[n-1].test.kind != testNode || len(steps[n-1].preds) > 0 {
		return append(steps, st)
	}
	// st follows descendant-or-self::node(), most likely written as //.
	switch {
	case st.axis == axisChild:
		st.axis, st.perParent = axisDescendant, st.positional
	case st.positional:
		return append(steps, st)
	case st.axis == axisDescendant, st.axis == axisDescendantOrSelf:
	case st.axis == axisSelf:
		st.axis = axisDescendantOrSelf
	case st.axis == axisAttribute:
		st.axis = axisDeepAttribute
	default:
		return append(steps, st)
	}
	steps[n-1] = st
	return steps
}

func (l *lowerer) predicates(list []ast) []predicate {
	l.inside++
	defer func() { l.inside-- }()
	var preds []predicate
	for _, e := range list {
		preds = append(preds, l.predicate(e))
	}
	return preds
}

func (l *lowerer) predicate(e ast) predicate {
	var p predicate
	p.usePos, p.useSize = looksAtPosition(e)
	switch e.kind() {
	case KindNumber:
		p.usePos = true
		if lit, ok := e.(*numberLit); ok {
			n := lit.val
			p.keep = func(x *exec, c focus) bool { return float64(c.pos) == n }
			if k := int32(n); float64(k) == n && k > 0 {
				p.nth = k
			}
			return p
		}
		num := l.asNumber(e)
		p.keep = func(x *exec, c focus) bool { return float64(c.pos) == num(x, c) }
		return p
	case kindUnknown:
		p.usePos = true
		v := l.variable(e)
		p.keep = func(x *exec, c focus) bool {
			if v := x.variable(v); v.kind == KindNumber {
				return float64(c.pos) == v.num
			} else {
				return v.Bool()
			}
		}
		return p
	}
	if n, ok := positionIs(e); ok {
		p.nth = n
	}
	p.keep = l.asBool(e)
	return p
}

// positionIs returns n if e is position() = n, for a literal n > 0.
func positionIs(e ast) (int32, bool) {
	b, ok := e.(*binaryExpr)
	if !ok || b.op != opEq {
		return 0, false
	}
	call, ok := b.l.(*callExpr)
	lit, ok2 := b.r.(*numberLit)
	if !ok || !ok2 || call.fn != corePosition {
		return 0, false
	}
	n := int32(lit.val)
	return n, float64(n) == lit.val && n > 0
}

// looksAtPosition reports whether e calls position() or last(), and whether
// last(), for the context that e itself is evaluated in.
func looksAtPosition(e ast) (pos, size bool) {
	var look func(e ast)
	look = func(e ast) {
		switch e := e.(type) {
		case *negExpr:
			look(e.x)
		case *binaryExpr:
			look(e.r)
			look(e.l)
		case *callExpr:
			switch e.fn {
			case corePosition:
				pos = true
			case coreLast:
				pos, size = true, true
			}
			for _, a := range e.args {
				look(a)
			}
		case *filterExpr:
			look(e.x)
		case *pathExpr:
			if e.from != nil {
				look(e.from)
			}
		}
	}
	look(e)
	return pos, size
}
