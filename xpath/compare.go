package xpath

import "math"

func arithmetic(op binaryOp, l, r numFn) numFn {
	switch op {
	case opAdd:
		return func(x *exec, c focus) float64 { return l(x, c) + r(x, c) }
	case opSub:
		return func(x *exec, c focus) float64 { return l(x, c) - r(x, c) }
	case opMul:
		return func(x *exec, c focus) float64 { return l(x, c) * r(x, c) }
	case opDiv:
		return func(x *exec, c focus) float64 { return l(x, c) / r(x, c) }
	}
	return func(x *exec, c focus) float64 { return math.Mod(l(x, c), r(x, c)) }
}

func compareNumbers(op binaryOp, a, b float64) bool {
	switch op {
	case opEq:
		return a == b
	case opNe:
		return a != b
	case opLt:
		return a < b
	case opLe:
		return a <= b
	case opGt:
		return a > b
	}
	return a >= b
}

// mirror returns the operator that makes b op a of a op b.
func mirror(op binaryOp) binaryOp {
	switch op {
	case opLt:
		return opGt
	case opLe:
		return opGe
	case opGt:
		return opLt
	case opGe:
		return opLe
	}
	return op
}

// comparison lowers =, !=, <, <=, > and >= as section 3.4 has it: with a
// node-set on a side, the comparison holds if it holds for some node.
func (l *lowerer) comparison(e *binaryExpr) boolFn {
	op, a, b := e.op, e.l, e.r
	ka, kb := a.kind(), b.kind()
	if ka == kindUnknown || kb == kindUnknown {
		return l.compareValues(op, a, b)
	}
	if kb == KindNodes && ka != KindNodes {
		op, a, b, ka, kb = mirror(op), b, a, kb, ka
	}
	switch {
	case kb == KindNodes:
		return l.compareSets(op, a, b)
	case ka == KindNodes && kb == KindBool:
		yes, other := l.asBool(a), l.asBool(b)
		return func(x *exec, c focus) bool {
			return compareNumbers(op, boolNumber(yes(x, c)), boolNumber(other(x, c)))
		}
	case ka == KindNodes && kb == KindString && op <= opNe:
		return l.compareSetString(op, a, b)
	case ka == KindNodes:
		src, num := l.asNodes(a), l.asNumber(b)
		return func(x *exec, c focus) bool {
			v := visitor{want: wantNumber, op: op, num: num(x, c)}
			src.visit(x, c, &v)
			return v.hit
		}
	}
	switch {
	case op > opNe || ka != KindBool && kb != KindBool && (ka == KindNumber || kb == KindNumber):
		na, nb := l.asNumber(a), l.asNumber(b)
		return func(x *exec, c focus) bool { return compareNumbers(op, na(x, c), nb(x, c)) }
	case ka == KindBool || kb == KindBool:
		ba, bb := l.asBool(a), l.asBool(b)
		return func(x *exec, c focus) bool { return (ba(x, c) == bb(x, c)) == (op == opEq) }
	}
	sa, sb := l.asText(a), l.asText(b)
	return func(x *exec, c focus) bool { return (sa(x, c) == sb(x, c)) == (op == opEq) }
}

// compareSetString lowers nodes = string and nodes != string.
func (l *lowerer) compareSetString(op binaryOp, nodes, str ast) boolFn {
	equal := op == opEq
	text := l.asText(str)
	if name, ok := attrOfContext(nodes); ok {
		slot := l.attrSlot(name)
		if lit, ok := str.(*stringLit); ok {
			s := lit.val
			return func(x *exec, c focus) bool {
				v, ok := x.attr(c.node, slot)
				return ok && (v == s) == equal
			}
		}
		return func(x *exec, c focus) bool {
			v, ok := x.attr(c.node, slot)
			return ok && (v == text(x, c)) == equal
		}
	}
	src := l.asNodes(nodes)
	return func(x *exec, c focus) bool {
		v := visitor{want: wantString, op: op, str: text(x, c)}
		src.visit(x, c, &v)
		return v.hit
	}
}

// compareSets lowers the comparison of two node-sets.
func (l *lowerer) compareSets(op binaryOp, a, b ast) boolFn {
	sa, sb := l.asNodes(a), l.asNodes(b)
	if op == opEq {
		if m, ok := sa.(*memoNodes); ok {
			return compareMemo(m, sb)
		}
		if m, ok := sb.(*memoNodes); ok {
			return compareMemo(m, sa)
		}
	}
	return func(x *exec, c focus) bool {
		na, nb := sa.nodes(x, c), sb.nodes(x, c)
		ok := x.compareSets(op, na, nb)
		x.drop(na)
		x.drop(nb)
		return ok
	}
}

// compareMemo lowers m = src, where the values of m are looked up.
func compareMemo(m *memoNodes, src nodeSource) boolFn {
	return func(x *exec, c focus) bool {
		set := src.nodes(x, c)
		defer x.drop(set)
		for _, r := range set {
			x.spend(1)
			if m.has(x, c, x.stringValue(r)) {
				return true
			}
		}
		return false
	}
}

// compareSets needs time in the order of len(a)+len(b), not their product.
func (x *exec) compareSets(op binaryOp, a, b []ref) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	defer x.release(x.mark())
	x.spend(len(a) + len(b))
	switch op {
	case opEq:
		if len(a) > len(b) {
			a, b = b, a
		}
		if len(a) == 1 {
			s := x.stringValue(a[0])
			for _, r := range b {
				if x.equals(r, s) {
					return true
				}
			}
			return false
		}
		words := make(map[string]struct{}, len(a))
		for _, r := range a {
			words[x.stringValue(r)] = struct{}{}
		}
		for _, r := range b {
			m := x.mark()
			_, ok := words[x.stringValue(r)]
			x.release(m)
			if ok {
				return true
			}
		}
		return false
	case opNe:
		// Two values differ unless all of them are one.
		s := x.stringValue(a[0])
		for _, set := range [][]ref{a, b} {
			for _, r := range set {
				if !x.equals(r, s) {
					return true
				}
			}
		}
		return false
	}
	// Some pair is in order if the extremes are. NaN is in order with nothing.
	loA, hiA, okA := x.extremes(a)
	loB, hiB, okB := x.extremes(b)
	if !okA || !okB {
		return false
	}
	if op == opLt || op == opLe {
		return compareNumbers(op, loA, hiB)
	}
	return compareNumbers(op, hiA, loB)
}

func (x *exec) equals(r ref, s string) bool {
	m := x.mark()
	ok := x.stringValue(r) == s
	x.release(m)
	return ok
}

// extremes returns the least and greatest number of set, if any is a number.
func (x *exec) extremes(set []ref) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, r := range set {
		m := x.mark()
		n := parseNumber(x.stringValue(r))
		x.release(m)
		if !math.IsNaN(n) {
			lo, hi, ok = min(lo, n), max(hi, n), true
		}
	}
	return lo, hi, ok
}

// compareValues lowers a comparison whose operand types are known only when
// the variables are.
func (l *lowerer) compareValues(op binaryOp, a, b ast) boolFn {
	va, vb := l.asOperand(a), l.asOperand(b)
	return func(x *exec, c focus) bool {
		p, q := va(x, c), vb(x, c)
		ok := x.compareOperands(op, p, q)
		x.drop(p.set)
		x.drop(q.set)
		return ok
	}
}

// operand is a value during an evaluation.
type operand struct {
	kind Kind
	set  []ref
	text string
	num  float64
	yes  bool
}

func (l *lowerer) asOperand(e ast) func(*exec, focus) operand {
	switch e.kind() {
	case KindNodes:
		src := l.asNodes(e)
		return func(x *exec, c focus) operand { return operand{kind: KindNodes, set: src.nodes(x, c)} }
	case KindString:
		text := l.asText(e)
		return func(x *exec, c focus) operand { return operand{kind: KindString, text: text(x, c)} }
	case KindNumber:
		num := l.asNumber(e)
		return func(x *exec, c focus) operand { return operand{kind: KindNumber, num: num(x, c)} }
	case KindBool:
		yes := l.asBool(e)
		return func(x *exec, c focus) operand { return operand{kind: KindBool, yes: yes(x, c)} }
	}
	ref := l.variable(e)
	return func(x *exec, c focus) operand {
		switch v := x.variable(ref); v.kind {
		case KindNodes:
			return operand{kind: KindNodes, set: x.variableNodes(ref)}
		case KindString:
			return operand{kind: KindString, text: v.str}
		case KindNumber:
			return operand{kind: KindNumber, num: v.num}
		default:
			return operand{kind: KindBool, yes: v.yes}
		}
	}
}

func (o *operand) number() float64 {
	switch o.kind {
	case KindNumber:
		return o.num
	case KindBool:
		return boolNumber(o.yes)
	}
	return parseNumber(o.text)
}

func (o *operand) bool() bool {
	switch o.kind {
	case KindNodes:
		return len(o.set) > 0
	case KindString:
		return o.text != ""
	case KindNumber:
		return numberBool(o.num)
	}
	return o.yes
}

func (x *exec) compareOperands(op binaryOp, a, b operand) bool {
	if b.kind == KindNodes && a.kind != KindNodes {
		op, a, b = mirror(op), b, a
	}
	switch {
	case b.kind == KindNodes:
		return x.compareSets(op, a.set, b.set)
	case a.kind == KindNodes && b.kind == KindBool:
		a = operand{kind: KindBool, yes: a.bool()}
	case a.kind == KindNodes:
		v := visitor{want: wantNumber, op: op, num: b.number()}
		if b.kind == KindString && op <= opNe {
			v = visitor{want: wantString, op: op, str: b.text}
		}
		for _, r := range a.set {
			if x.spend(1); v.see(x, r) {
				return true
			}
		}
		return false
	}
	switch {
	case op <= opNe && (a.kind == KindBool || b.kind == KindBool):
		return (a.bool() == b.bool()) == (op == opEq)
	case op <= opNe && a.kind == KindString && b.kind == KindString:
		return (a.text == b.text) == (op == opEq)
	}
	return compareNumbers(op, a.number(), b.number())
}
