package xpath

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// function is a function of the library. Exactly one of bool, number, text
// and nodes is set, the one for its result.
type function struct {
	min, max int // number of arguments; max < 0 is any number
	result   Kind
	nodeArgs bool // the first argument must be nodes
	context  bool // the value depends on the context, whatever the arguments

	bool   func(l *lowerer, args []ast) boolFn
	number func(l *lowerer, args []ast) numFn
	text   func(l *lowerer, args []ast) textFn
	nodes  func(l *lowerer, args []ast) setFn
}

// param returns the type argument i must have; other types than nodes are
// converted, so only that one matters.
func (f *function) param(i int) Kind {
	if f.nodeArgs && i == 0 {
		return KindNodes
	}
	return KindString
}

func (f *function) arity() string {
	switch {
	case f.max < 0:
		return fmt.Sprintf("at least %s", plural(f.min))
	case f.min == f.max && f.min == 0:
		return "no arguments"
	case f.min == f.max:
		return plural(f.min)
	}
	return fmt.Sprintf("%d to %s", f.min, plural(f.max))
}

func plural(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// Functions that the compiler knows by name.
var (
	coreLast           = &function{result: KindNumber, context: true, number: lowerLast}
	corePosition       = &function{result: KindNumber, context: true, number: lowerPosition}
	coreConcat         = &function{min: 2, max: -1, result: KindString, text: lowerConcat}
	coreNormalizeSpace = &function{max: 1, result: KindString, text: lowerNormalizeSpace}
)

// coreFunctions is section 4 of the recommendation.
var coreFunctions = map[string]*function{
	"last":          coreLast,
	"position":      corePosition,
	"count":         {min: 1, max: 1, nodeArgs: true, result: KindNumber, number: lowerCount},
	"id":            {min: 1, max: 1, result: KindNodes, nodes: lowerID},
	"local-name":    {max: 1, nodeArgs: true, result: KindString, text: lowerLocalName},
	"namespace-uri": {max: 1, nodeArgs: true, result: KindString, text: lowerNamespaceURI},
	"name":          {max: 1, nodeArgs: true, result: KindString, text: lowerName},

	"string":           {max: 1, result: KindString, text: lowerString},
	"concat":           coreConcat,
	"starts-with":      {min: 2, max: 2, result: KindBool, bool: lowerStartsWith},
	"contains":         {min: 2, max: 2, result: KindBool, bool: lowerContains},
	"substring-before": {min: 2, max: 2, result: KindString, text: lowerSubstringBefore},
	"substring-after":  {min: 2, max: 2, result: KindString, text: lowerSubstringAfter},
	"substring":        {min: 2, max: 3, result: KindString, text: lowerSubstring},
	"string-length":    {max: 1, result: KindNumber, number: lowerStringLength},
	"normalize-space":  coreNormalizeSpace,
	"translate":        {min: 3, max: 3, result: KindString, text: lowerTranslate},

	"boolean": {min: 1, max: 1, result: KindBool, bool: lowerBoolean},
	"not":     {min: 1, max: 1, result: KindBool, bool: lowerNot},
	"true":    {result: KindBool, bool: lowerTrue},
	"false":   {result: KindBool, bool: lowerFalse},
	"lang":    {min: 1, max: 1, context: true, result: KindBool, bool: lowerLang},

	"number":  {max: 1, result: KindNumber, number: lowerNumber},
	"sum":     {min: 1, max: 1, nodeArgs: true, result: KindNumber, number: lowerSum},
	"floor":   {min: 1, max: 1, result: KindNumber, number: rounding(math.Floor)},
	"ceiling": {min: 1, max: 1, result: KindNumber, number: rounding(math.Ceil)},
	"round":   {min: 1, max: 1, result: KindNumber, number: rounding(round)},
}

func lowerLast(*lowerer, []ast) numFn {
	return func(_ *exec, c focus) float64 { return float64(c.size) }
}

func lowerPosition(*lowerer, []ast) numFn {
	return func(_ *exec, c focus) float64 { return float64(c.pos) }
}

func lowerCount(l *lowerer, args []ast) numFn {
	src := l.asNodes(args[0])
	return func(x *exec, c focus) float64 {
		set := src.nodes(x, c)
		x.drop(set)
		return float64(len(set))
	}
}

// lowerID: the elements whose id attribute is one of the words of a string,
// or of the string-values of nodes.
func lowerID(l *lowerer, args []ast) setFn {
	if args[0].kind() == KindNodes {
		src := l.asNodes(args[0])
		return func(x *exec, c focus) []ref {
			set, out := src.nodes(x, c), x.grab()
			for _, r := range set {
				m := x.mark()
				out = x.withIDs(x.stringValue(r), out)
				x.release(m)
			}
			x.drop(set)
			return x.settle(out)
		}
	}
	if args[0].kind() == kindUnknown {
		v := l.variable(args[0])
		return func(x *exec, c focus) []ref {
			val, out := x.variable(v), x.grab()
			if val.kind != KindNodes {
				return x.settle(x.withIDs(val.String(), out))
			}
			for _, n := range val.nodes {
				out = x.withIDs(n.String(), out)
			}
			return x.settle(out)
		}
	}
	text := l.asText(args[0])
	return func(x *exec, c focus) []ref { return x.settle(x.withIDs(text(x, c), x.grab())) }
}

func (x *exec) withIDs(words string, out []ref) []ref {
	for i := skipSpace(words, 0); i < len(words); i = skipSpace(words, i) {
		start := i
		for i < len(words) && !isSpace(words[i]) {
			i++
		}
		x.spend(1)
		if k, ok := x.doc.withID(words[start:i]); ok {
			out = append(out, treeRef(k))
		}
	}
	return out
}

// ofFirst lowers a function of the first node of its argument, or of the
// context node if it has none.
func ofFirst(l *lowerer, args []ast, f func(x *exec, r ref) string) textFn {
	if len(args) == 0 {
		return func(x *exec, c focus) string { return f(x, c.node) }
	}
	src := l.asNodes(args[0])
	return func(x *exec, c focus) string {
		if r, ok := src.first(x, c); ok {
			return f(x, r)
		}
		return ""
	}
}

func lowerName(l *lowerer, args []ast) textFn {
	return ofFirst(l, args, func(x *exec, r ref) string { return x.doc.name(r) })
}

// lowerLocalName: HTML has no namespaces, so the prefix is part of the name.
func lowerLocalName(l *lowerer, args []ast) textFn { return lowerName(l, args) }

func lowerNamespaceURI(l *lowerer, args []ast) textFn {
	return ofFirst(l, args, func(*exec, ref) string { return "" })
}

// textOr lowers the first argument, or the context node if there is none.
func textOr(l *lowerer, args []ast) textFn {
	if len(args) > 0 {
		return l.asText(args[0])
	}
	return func(x *exec, c focus) string { return x.stringValue(c.node) }
}

func lowerString(l *lowerer, args []ast) textFn { return textOr(l, args) }

func lowerConcat(l *lowerer, args []ast) textFn {
	var parts []textFn
	for _, a := range args {
		parts = append(parts, l.asText(a))
	}
	return func(x *exec, c focus) string {
		var few [8]string
		vals := few[:0]
		for _, p := range parts { // each part may use x.text, so first all of them
			vals = append(vals, p(x, c))
		}
		m := x.mark()
		for _, v := range vals {
			x.text = append(x.text, v...)
		}
		x.spendText(len(x.text) - m)
		return x.keep(m)
	}
}

// spendText is spend for n bytes of text looked at or copied.
func (x *exec) spendText(n int) { x.spend(1 + n/16) }

func lowerStartsWith(l *lowerer, args []ast) boolFn {
	s, t := l.asText(args[0]), l.asText(args[1])
	return func(x *exec, c focus) bool { return strings.HasPrefix(s(x, c), t(x, c)) }
}

func lowerContains(l *lowerer, args []ast) boolFn {
	if f := l.classTest(args); f != nil {
		return f
	}
	s, t := l.asText(args[0]), l.asText(args[1])
	return func(x *exec, c focus) bool {
		s := s(x, c)
		x.spendText(len(s))
		return strings.Contains(s, t(x, c))
	}
}

func lowerSubstringBefore(l *lowerer, args []ast) textFn {
	s, t := l.asText(args[0]), l.asText(args[1])
	return func(x *exec, c focus) string {
		s := s(x, c)
		x.spendText(len(s))
		if before, _, ok := strings.Cut(s, t(x, c)); ok {
			return before
		}
		return ""
	}
}

func lowerSubstringAfter(l *lowerer, args []ast) textFn {
	s, t := l.asText(args[0]), l.asText(args[1])
	return func(x *exec, c focus) string {
		s := s(x, c)
		x.spendText(len(s))
		_, after, _ := strings.Cut(s, t(x, c))
		return after
	}
}

func lowerSubstring(l *lowerer, args []ast) textFn {
	s, from := l.asText(args[0]), l.asNumber(args[1])
	var length numFn
	if len(args) == 3 {
		length = l.asNumber(args[2])
	}
	return func(x *exec, c focus) string {
		s := s(x, c)
		x.spendText(len(s))
		start := round(from(x, c))
		end := math.Inf(1)
		if length != nil {
			end = start + round(length(x, c))
		}
		return substring(s, start, end)
	}
}

// substring returns the characters of s whose position p, counting from 1,
// has start <= p < end. With NaN that is none of them.
func substring(s string, start, end float64) string {
	from, p := -1, 1.0
	for i := range s {
		if p >= end {
			if from < 0 {
				return ""
			}
			return s[from:i]
		}
		if from < 0 && p >= start {
			if !(p < end) {
				return ""
			}
			from = i
		}
		p++
	}
	if from < 0 {
		return ""
	}
	return s[from:]
}

func lowerStringLength(l *lowerer, args []ast) numFn {
	s := textOr(l, args)
	return func(x *exec, c focus) float64 {
		s := s(x, c)
		x.spendText(len(s))
		return float64(utf8.RuneCountInString(s))
	}
}

func lowerNormalizeSpace(l *lowerer, args []ast) textFn {
	s := textOr(l, args)
	return func(x *exec, c focus) string {
		s := trimSpace(s(x, c))
		x.spendText(len(s))
		i := 0
		for i < len(s) && (!isSpace(s[i]) || s[i] == ' ' && !isSpace(s[i+1])) {
			i++ // s[i+1] exists: s does not end in white space
		}
		if i == len(s) {
			return s
		}
		m := x.mark()
		x.text = append(x.text, s[:i]...)
		for i < len(s) {
			if isSpace(s[i]) {
				x.text = append(x.text, ' ')
				i = skipSpace(s, i)
			}
			start := i
			for i < len(s) && !isSpace(s[i]) {
				i++
			}
			x.text = append(x.text, s[start:i]...)
		}
		return x.keep(m)
	}
}

func lowerBoolean(l *lowerer, args []ast) boolFn { return l.asBool(args[0]) }

func lowerNot(l *lowerer, args []ast) boolFn {
	yes := l.asBool(args[0])
	return func(x *exec, c focus) bool { return !yes(x, c) }
}

func lowerTrue(*lowerer, []ast) boolFn  { return func(*exec, focus) bool { return true } }
func lowerFalse(*lowerer, []ast) boolFn { return func(*exec, focus) bool { return false } }

// lowerLang: the nearest xml:lang or lang attribute is the language asked
// for, or one of its sublanguages. Case does not matter.
func lowerLang(l *lowerer, args []ast) boolFn {
	want := l.asText(args[0])
	slots := [...]int{l.attrSlot("xml:lang"), l.attrSlot("lang")}
	return func(x *exec, c focus) bool {
		want := want(x, c)
		for i := c.node.index(); i >= 0; i = x.doc.recs[i].parent {
			for _, slot := range slots {
				if v, ok := x.attr(treeRef(i), slot); ok {
					n := len(want)
					return len(v) >= n && strings.EqualFold(v[:n], want) && (len(v) == n || v[n] == '-')
				}
			}
		}
		return false
	}
}

func lowerNumber(l *lowerer, args []ast) numFn {
	if len(args) > 0 {
		return l.asNumber(args[0])
	}
	return func(x *exec, c focus) float64 { return parseNumber(x.stringValue(c.node)) }
}

func lowerSum(l *lowerer, args []ast) numFn {
	src := l.asNodes(args[0])
	return func(x *exec, c focus) float64 {
		set := src.nodes(x, c)
		sum := 0.0
		for _, r := range set {
			m := x.mark()
			sum += parseNumber(x.stringValue(r))
			x.release(m)
		}
		x.drop(set)
		return sum
	}
}

func rounding(f func(float64) float64) func(*lowerer, []ast) numFn {
	return func(l *lowerer, args []ast) numFn {
		num := l.asNumber(args[0])
		return func(x *exec, c focus) float64 { return f(num(x, c)) }
	}
}
