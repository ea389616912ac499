package xpath

import (
	"strings"
	"unicode/utf8"
)

// lowerTranslate lowers translate(). The table is made once if the
// characters are literals, as they nearly always are.
func lowerTranslate(l *lowerer, args []ast) textFn {
	s := l.asText(args[0])
	from, ok1 := args[1].(*stringLit)
	to, ok2 := args[2].(*stringLit)
	if ok1 && ok2 {
		t := newTranslator(from.val, to.val)
		return func(x *exec, c focus) string { return t.apply(x, s(x, c)) }
	}
	f, g := l.asText(args[1]), l.asText(args[2])
	return func(x *exec, c focus) string {
		s, f, g := s(x, c), f(x, c), g(x, c)
		x.spend(len(f) + len(g) + 256)
		return newTranslator(f, g).apply(x, s)
	}
}

// translator maps characters; -1 stands for removal.
type translator struct {
	ascii [utf8.RuneSelf]rune
	other map[rune]rune
}

func newTranslator(from, to string) *translator {
	t := &translator{}
	for c := range t.ascii {
		t.ascii[c] = rune(c)
	}
	var done [utf8.RuneSelf]bool
	for _, r := range from { // of a repeated character the first counts
		dst := rune(-1)
		if to != "" {
			var n int
			dst, n = utf8.DecodeRuneInString(to)
			to = to[n:]
		}
		if r < utf8.RuneSelf {
			if !done[r] {
				t.ascii[r], done[r] = dst, true
			}
			continue
		}
		if _, ok := t.other[r]; !ok {
			if t.other == nil {
				t.other = make(map[rune]rune)
			}
			t.other[r] = dst
		}
	}
	return t
}

func (t *translator) apply(x *exec, s string) string {
	x.spendText(len(s))
	m := x.mark()
	for _, r := range s {
		dst := r
		if r < utf8.RuneSelf {
			dst = t.ascii[r]
		} else if d, ok := t.other[r]; ok {
			dst = d
		}
		if dst >= 0 {
			x.text = utf8.AppendRune(x.text, dst)
		}
	}
	return x.keep(m)
}

// classTest recognizes the XPath 1.0 way to ask for a class,
//
//	contains(concat(' ', normalize-space(@class), ' '), ' item ')
//
// for any attribute, and with or without normalize-space. It returns nil for
// anything else. What it returns means the same and builds no strings.
func (l *lowerer) classTest(args []ast) boolFn {
	word, ok := args[1].(*stringLit)
	if !ok || len(word.val) < 3 {
		return nil
	}
	w, ok := strings.CutPrefix(word.val, " ")
	w, ok2 := strings.CutSuffix(w, " ")
	if !ok || !ok2 || strings.ContainsAny(w, " \t\r\n") {
		return nil
	}
	con, ok := args[0].(*callExpr)
	if !ok || con.fn != coreConcat || len(con.args) != 3 {
		return nil
	}
	for _, k := range [...]int{0, 2} {
		if lit, ok := con.args[k].(*stringLit); !ok || lit.val != " " {
			return nil
		}
	}
	attr, isSep := con.args[1], isBlank
	if norm, ok := attr.(*callExpr); ok && norm.fn == coreNormalizeSpace && len(norm.args) == 1 {
		attr, isSep = norm.args[0], isSpace
	}
	name, ok := attrOfContext(attr)
	if !ok {
		return nil
	}
	slot := l.attrSlot(name)
	return func(x *exec, c focus) bool {
		v, ok := x.attr(c.node, slot)
		return ok && hasWord(v, w, isSep)
	}
}

func isBlank(c byte) bool { return c == ' ' }

// hasWord reports whether w is one of the words of s.
func hasWord(s, w string, isSep func(byte) bool) bool {
	for i := 0; len(s)-i >= len(w); i++ {
		start := i
		for i < len(s) && !isSep(s[i]) {
			i++
		}
		if s[start:i] == w {
			return true
		}
	}
	return false
}
