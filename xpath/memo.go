package xpath

import "strings"

// A part of a predicate that does not look at its context, such as
// count(//li) in a[count(//li) > 3], has one value for the whole evaluation.
// It is computed when first needed and remembered, or a page with n nodes
// would pay for it n times.

// memo is one remembered value.
type memo struct {
	known bool
	yes   bool
	num   float64
	text  string
	set   []ref
	words map[string]bool // the string-values of set, for comparisons
}

func (l *lowerer) memo() int {
	l.memos++
	return l.memos - 1
}

// hoists reports whether e, here, is worth remembering.
func (l *lowerer) hoists(e ast) bool {
	if l.inside == 0 {
		return false
	}
	switch e.(type) {
	case *numberLit, *stringLit, *varRef:
		return false
	}
	return !l.looksAtContext(e)
}

// looksAtContext reports whether the value of e depends on the node, position
// or size it is evaluated for.
func (l *lowerer) looksAtContext(e ast) bool {
	known, ok := l.context[e]
	if ok {
		return known
	}
	looks := false
	switch e := e.(type) {
	case *negExpr:
		looks = l.looksAtContext(e.x)
	case *binaryExpr:
		looks = l.looksAtContext(e.l) || l.looksAtContext(e.r)
	case *callExpr:
		looks = e.fn.context || len(e.args) == 0 && e.fn.min == 0 && e.fn.max > 0
		for _, a := range e.args {
			looks = looks || l.looksAtContext(a)
		}
	case *filterExpr:
		looks = l.looksAtContext(e.x)
	case *pathExpr:
		looks = !e.root && (e.from == nil || l.looksAtContext(e.from))
	}
	l.context[e] = looks
	return looks
}

// hoisted lowers e as if no predicate were around it.
func hoisted[T any](l *lowerer, lower func(ast) T, e ast) T {
	inside := l.inside
	l.inside = 0
	f := lower(e)
	l.inside = inside
	return f
}

func memoBool(k int, f boolFn) boolFn {
	return func(x *exec, c focus) bool {
		if !x.memos[k].known {
			yes := f(x, c)
			x.memos[k] = memo{known: true, yes: yes}
		}
		return x.memos[k].yes
	}
}

func memoNumber(k int, f numFn) numFn {
	return func(x *exec, c focus) float64 {
		if !x.memos[k].known {
			num := f(x, c)
			x.memos[k] = memo{known: true, num: num}
		}
		return x.memos[k].num
	}
}

func memoText(k int, f textFn) textFn {
	return func(x *exec, c focus) string {
		if !x.memos[k].known {
			text := strings.Clone(f(x, c)) // x.text is released long before the memo
			x.spend(len(text))
			x.memos[k] = memo{known: true, text: text}
		}
		return x.memos[k].text
	}
}

// memoNodes is a remembered node-set.
type memoNodes struct {
	k   int
	src nodeSource
}

func (m *memoNodes) set(x *exec, c focus) []ref {
	if !x.memos[m.k].known {
		set := m.src.nodes(x, c)
		x.memos[m.k] = memo{known: true, set: append([]ref(nil), set...)}
		x.drop(set)
	}
	return x.memos[m.k].set
}

func (m *memoNodes) nodes(x *exec, c focus) []ref {
	set := m.set(x, c)
	x.spend(len(set))
	return append(x.grab(), set...)
}

func (m *memoNodes) first(x *exec, c focus) (ref, bool) {
	if set := m.set(x, c); len(set) > 0 {
		return set[0], true
	}
	return 0, false
}

func (m *memoNodes) visit(x *exec, c focus, v *visitor) {
	for _, r := range m.set(x, c) {
		x.spend(1)
		if v.see(x, r) {
			return
		}
	}
}

// has reports whether a node of the set has the string-value s.
func (m *memoNodes) has(x *exec, c focus, s string) bool {
	set := m.set(x, c)
	k := &x.memos[m.k]
	if k.words == nil {
		k.words = make(map[string]bool, len(set))
		for _, r := range set {
			x.spend(1)
			at := x.mark()
			word := x.stringValue(r)
			x.spend(len(word))
			k.words[strings.Clone(word)] = true
			x.release(at)
		}
	}
	return k.words[s]
}
