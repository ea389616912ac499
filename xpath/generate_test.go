package xpath

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A generator of expressions that follows the grammar, with the vocabulary of
// the generated pages, so that most expressions find something.
type generator struct {
	rng  *rand.Rand
	vars bool
}

func newGenerator(seed uint64) *generator {
	return &generator{rng: rand.New(rand.NewPCG(seed, 0x7a61))}
}

func (g *generator) pick(list ...string) string { return list[g.rng.IntN(len(list))] }
func (g *generator) chance(n int) bool          { return g.rng.IntN(n) == 0 }

var genNames = []string{"div", "p", "span", "a", "li", "ul", "b", "table", "tr", "td", "tbody", "img", "svg", "lineargradient", "x-foo"}
var genAttrs = []string{"class", "id", "href", "lang", "title", "data-n"}
var genWords = []string{"a", "b", "b\ta", "ab", "1", "2", "3.5", "-1", "", " ", "x y", "\u00a0", "中文", "n1", "en", "en-US"}

// expr returns an expression of any type.
func (g *generator) expr(depth int) string {
	switch g.rng.IntN(4) {
	case 0:
		return g.number(depth)
	case 1:
		return g.str(depth)
	case 2:
		return g.boolean(depth)
	}
	return g.nodes(depth)
}

func (g *generator) nodes(depth int) string {
	if depth <= 0 {
		return g.path(0)
	}
	switch g.rng.IntN(9) {
	case 0:
		return g.nodes(depth-1) + " | " + g.nodes(depth-1)
	case 1:
		return "(" + g.nodes(depth-1) + ")" + g.predicates(depth-1)
	case 2:
		return "(" + g.nodes(depth-1) + ")" + g.predicates(depth-1) + g.pick("/", "//") + g.steps(depth-1)
	case 3:
		return "id(" + g.expr(depth-1) + ")"
	case 4:
		if g.vars {
			return "$set" + g.pick("", "/"+g.steps(0), "//"+g.steps(0))
		}
	}
	return g.path(depth)
}

func (g *generator) path(depth int) string {
	switch g.rng.IntN(8) {
	case 0:
		return "/" + g.steps(depth)
	case 1, 2, 3:
		return "//" + g.steps(depth)
	case 4:
		return ".//" + g.steps(depth)
	case 5:
		return g.pick(".", "..", "/", "@*", ".//@*", "text()", "node()")
	}
	return g.steps(depth)
}

func (g *generator) steps(depth int) string {
	s := g.step(depth)
	for n := g.rng.IntN(3); n > 0; n-- {
		s += g.pick("/", "/", "//") + g.step(depth)
	}
	return s
}

func (g *generator) step(depth int) string {
	switch g.rng.IntN(10) {
	case 0:
		return g.pick(".", "..")
	case 1:
		return "@" + g.attrTest() + g.predicates(depth)
	case 2, 3, 4:
		return axisNames[g.rng.IntN(len(axisNames))] + "::" + g.test() + g.predicates(depth)
	}
	return g.test() + g.predicates(depth)
}

func (g *generator) attrTest() string {
	if g.chance(4) {
		return g.pick("*", "node()", "text()")
	}
	return g.pick(genAttrs...)
}

func (g *generator) test() string {
	switch g.rng.IntN(10) {
	case 0, 1:
		return "*"
	case 2:
		return "node()"
	case 3:
		return "text()"
	case 4:
		return g.pick("comment()", "processing-instruction()", "x:*", "class")
	}
	return g.pick(genNames...)
}

func (g *generator) predicates(depth int) string {
	s := ""
	for g.chance(3) && len(s) < 60 {
		s += "[" + g.predicate(depth-1) + "]"
	}
	return s
}

func (g *generator) predicate(depth int) string {
	switch g.rng.IntN(9) {
	case 0:
		return fmt.Sprint(1 + g.rng.IntN(3))
	case 1:
		return g.pick("last()", "last()-1", "position()=2", "position()<3", "position()>1", "position() mod 2 = 1", "position()!=last()", "1.5", "-1", "0")
	case 2:
		return "@" + g.pick(genAttrs...)
	case 3:
		return "@" + g.pick(genAttrs...) + g.pick("=", "!=") + g.literal()
	case 4:
		return g.pick(".", "text()", "*", "@*") + g.pick("=", "!=", "<", ">=") + g.pick(g.literal(), "2", "true()")
	}
	if depth <= 0 {
		return g.path(0)
	}
	return g.expr(depth)
}

func (g *generator) literal() string { return "'" + g.pick(genWords...) + "'" }

func (g *generator) str(depth int) string {
	if depth <= 0 {
		return g.literal()
	}
	d := depth - 1
	switch g.rng.IntN(12) {
	case 0:
		return "concat(" + g.expr(d) + ", " + g.expr(d) + ")"
	case 1:
		return "substring(" + g.expr(d) + ", " + g.number(d) + g.pick("", ", "+g.number(d)) + ")"
	case 2:
		return "normalize-space(" + g.pick("", g.expr(d)) + ")"
	case 3:
		return "translate(" + g.expr(d) + ", 'ab中1', 'BA')"
	case 4:
		return "translate(" + g.expr(d) + ", " + g.str(d) + ", " + g.str(d) + ")"
	case 5:
		return g.pick("name(", "local-name(", "namespace-uri(") + g.pick("", g.nodes(d)) + ")"
	case 6:
		return g.pick("substring-before(", "substring-after(") + g.expr(d) + ", " + g.str(d) + ")"
	case 7:
		return "string(" + g.pick("", g.expr(d)) + ")"
	case 8:
		if g.vars {
			return "$str"
		}
	}
	return g.literal()
}

func (g *generator) number(depth int) string {
	if depth <= 0 {
		return g.pick("0", "1", "2", "3", ".5", "1.5", "10", "100")
	}
	d := depth - 1
	switch g.rng.IntN(12) {
	case 0, 1, 2:
		return g.number(d) + g.pick(" + ", " - ", " * ", " div ", " mod ") + g.number(d)
	case 3:
		return "-" + g.number(d)
	case 4:
		return "count(" + g.nodes(d) + ")"
	case 5:
		return "sum(" + g.nodes(d) + ")"
	case 6:
		return "string-length(" + g.pick("", g.expr(d)) + ")"
	case 7:
		return "number(" + g.pick("", g.expr(d)) + ")"
	case 8:
		return g.pick("floor(", "ceiling(", "round(") + g.expr(d) + ")"
	case 9:
		return g.pick("position()", "last()")
	case 10:
		if g.vars {
			return "$num"
		}
	}
	return g.number(0)
}

func (g *generator) boolean(depth int) string {
	if depth <= 0 {
		return g.pick("true()", "false()")
	}
	d := depth - 1
	switch g.rng.IntN(10) {
	case 0:
		return "(" + g.expr(d) + ")" + g.pick(" and ", " or ") + "(" + g.expr(d) + ")"
	case 1, 2, 3:
		return "(" + g.expr(d) + ")" + g.pick("=", "!=", "<", "<=", ">", ">=") + "(" + g.expr(d) + ")"
	case 4:
		return "not(" + g.expr(d) + ")"
	case 5:
		return g.pick("contains(", "starts-with(") + g.expr(d) + ", " + g.str(d) + ")"
	case 6:
		return "lang(" + g.str(d) + ")"
	case 7:
		return "contains(concat(' ', " + g.pick("@class", "normalize-space(@class)") + ", ' '), ' " + g.pick("a", "b", "n1") + " ')"
	case 8:
		if g.vars {
			return g.pick("$yes", "$num = "+g.expr(d), "$set != "+g.expr(d), "$str < "+g.expr(d))
		}
	}
	return "boolean(" + g.expr(d) + ")"
}

// page returns a random page of about n elements.
func (g *generator) page(n int) string {
	var b strings.Builder
	var write func(depth int)
	write = func(depth int) {
		for k := 1 + g.rng.IntN(4); k > 0 && n > 0; k-- {
			n--
			switch g.rng.IntN(8) {
			case 0:
				b.WriteString(g.pick(genWords...))
				continue
			case 1:
				if g.chance(2) {
					b.WriteString("<!--" + g.pick("note", "a", "2") + "-->")
				}
			}
			name := g.pick(genNames...)
			b.WriteString("<" + name)
			for g.chance(2) {
				fmt.Fprintf(&b, ` %s="%s"`, g.pick(genAttrs...), g.pick(genWords...))
			}
			b.WriteString(">")
			if name == "img" {
				continue
			}
			if depth < 8 {
				write(depth + 1)
			}
			b.WriteString("</" + name + ">")
		}
	}
	b.WriteString("<!doctype html><title>t</title>")
	for n > 0 {
		write(0)
	}
	return b.String()
}
