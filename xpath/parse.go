package xpath

import (
	"fmt"
	"slices"
	"strconv"
)

// Limits on an expression. They are far above what people write, and keep
// both the compiler and the evaluator within a modest stack.
const (
	maxExprLen   = 64 << 10
	maxExprDepth = 250 // of parentheses, predicates and arguments inside each other
)

// parser reads the grammar of the recommendation, one method a production
// (operators by precedence). Errors are thrown as *Error and caught in parse.
type parser struct {
	lex    lexer
	tok    token
	depth  int
	extras bool
}

func parse(src string, extras bool) (e ast, err error) {
	defer func() {
		if r := recover(); r != nil {
			bad, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			e, err = nil, bad
		}
	}()
	if len(src) > maxExprLen {
		return nil, &Error{src, maxExprLen, fmt.Sprintf("the expression is longer than %d bytes", maxExprLen)}
	}
	p := &parser{lex: lexer{src: src}, extras: extras}
	p.advance()
	if p.tok.kind == tokEnd {
		return nil, &Error{src, 0, "the expression is empty"}
	}
	e = p.expr()
	switch {
	case p.tok.kind == tokEnd:
		return e, nil
	case p.isPunct(")") || p.isPunct("]"):
		p.failf("there is nothing open for %q to close", p.tok.text)
	}
	p.failf("an operator or the end was expected, not %s", p.found())
	return nil, nil // Unreachable: failf throws.
}

func (p *parser) advance() {
	t, err := p.lex.next()
	if err != nil {
		panic(err)
	}
	p.tok = t
}

func (p *parser) fail(pos int, format string, args ...any) {
	panic(&Error{p.lex.src, pos, fmt.Sprintf(format, args...)})
}

func (p *parser) failf(format string, args ...any) { p.fail(p.tok.pos, format, args...) }

// found describes the current token.
func (p *parser) found() string {
	if p.tok.kind == tokEnd {
		return "the end"
	}
	return strconv.Quote(p.tok.text)
}

func (p *parser) isPunct(s string) bool { return p.tok.kind == tokPunct && p.tok.text == s }

func (p *parser) want(s, why string) {
	if !p.isPunct(s) {
		p.failf("%q was expected %s, not %s", s, why, p.found())
	}
	p.advance()
}

func (p *parser) expr() ast {
	if p.depth++; p.depth > maxExprDepth {
		p.failf("the expression is nested more than %d deep", maxExprDepth)
	}
	e := p.binary(precOr)
	p.depth--
	return e
}

const (
	precOr = iota
	precAnd
	precEquality
	precRelational
	precAdditive
	precMultiplicative
	precUnary
)

// operator returns the operator at the current token and its precedence.
func (p *parser) operator() (op binaryOp, prec int, ok bool) {
	switch p.tok.kind {
	case tokOperator:
		switch p.tok.text {
		case "or":
			return opOr, precOr, true
		case "and":
			return opAnd, precAnd, true
		case "*":
			return opMul, precMultiplicative, true
		case "div":
			return opDiv, precMultiplicative, true
		case "mod":
			return opMod, precMultiplicative, true
		}
	case tokPunct:
		switch p.tok.text {
		case "=":
			return opEq, precEquality, true
		case "!=":
			return opNe, precEquality, true
		case "<":
			return opLt, precRelational, true
		case "<=":
			return opLe, precRelational, true
		case ">":
			return opGt, precRelational, true
		case ">=":
			return opGe, precRelational, true
		case "+":
			return opAdd, precAdditive, true
		case "-":
			return opSub, precAdditive, true
		}
	}
	return 0, 0, false
}

// binary reads operands joined by operators of at least the precedence min.
// All of them associate to the left.
func (p *parser) binary(min int) ast {
	l := p.unary()
	for {
		op, prec, ok := p.operator()
		if !ok || prec < min {
			return l
		}
		at := p.tok.pos
		p.advance()
		l = &binaryExpr{at, op, l, p.binary(prec + 1)}
	}
}

func (p *parser) unary() ast {
	at, minus := p.tok.pos, 0
	for p.isPunct("-") {
		minus++
		p.advance()
	}
	e := p.union()
	if minus > 0 { // two signs cancel, but still make a number
		e = &negExpr{at, e}
		if minus%2 == 0 {
			e = &negExpr{at, e}
		}
	}
	return e
}

func (p *parser) union() ast {
	l := p.path()
	for p.isPunct("|") {
		at := p.tok.pos
		p.wantNodes(l, "the left side of |")
		p.advance()
		r := p.path()
		p.wantNodes(r, "the right side of |")
		l = &binaryExpr{at, opUnion, l, r}
	}
	return l
}

func (p *parser) wantNodes(e ast, what string) {
	if k := e.kind(); k != KindNodes && k != kindUnknown {
		p.fail(e.pos(), "%s must be nodes, this is a %s", what, k)
	}
}

// path reads PathExpr: a location path, or a filter expression that a
// relative path may follow.
func (p *parser) path() ast {
	at := p.tok.pos
	e := p.primary()
	if e == nil {
		path := &pathExpr{at: at}
		switch {
		case p.isPunct("/"):
			path.root = true
			p.advance()
			if p.startsStep() {
				path.steps = append(path.steps, p.step())
			} else {
				return path
			}
		case p.isPunct("//"):
			path.root = true
			path.steps = append(path.steps, p.descend(), p.step())
		default:
			path.steps = append(path.steps, p.step())
		}
		p.moreSteps(path)
		return path
	}
	if p.isPunct("[") {
		p.wantNodes(e, "what a predicate filters")
		e = &filterExpr{e, p.predicates()}
	}
	if p.isPunct("/") || p.isPunct("//") {
		p.wantNodes(e, "what a path starts from")
		path := &pathExpr{at: at, from: e}
		p.moreSteps(path)
		return path
	}
	return e
}

// moreSteps reads the steps behind / and //.
func (p *parser) moreSteps(path *pathExpr) {
	for {
		switch {
		case p.isPunct("/"):
			p.advance()
		case p.isPunct("//"):
			path.steps = append(path.steps, p.descend())
		default:
			return
		}
		path.steps = append(path.steps, p.step())
	}
}

// descend reads //, which is short for /descendant-or-self::node()/.
func (p *parser) descend() astStep {
	at := p.tok.pos
	p.advance()
	return astStep{at: at, axis: axisDescendantOrSelf}
}

// primary reads PrimaryExpr, or returns nil where a location path starts.
func (p *parser) primary() ast {
	t := p.tok
	switch {
	case t.kind == tokString:
		p.advance()
		return &stringLit{t.pos, t.text}
	case t.kind == tokNumber:
		p.advance()
		return &numberLit{t.pos, parseNumber(t.text)}
	case t.kind == tokVar:
		p.advance()
		return &varRef{t.pos, t.text}
	case t.kind == tokFunc:
		return p.call()
	case p.isPunct("("):
		p.advance()
		e := p.expr()
		p.want(")", "to close the group")
		return e
	}
	return nil
}

func (p *parser) call() ast {
	t := p.tok
	p.advance()
	p.advance() // the lexer saw the "("
	c := &callExpr{at: t.pos}
	if !p.isPunct(")") {
		c.args = append(c.args, p.expr())
		for p.isPunct(",") {
			p.advance()
			c.args = append(c.args, p.expr())
		}
	}
	p.want(")", "to close the arguments of "+t.text+"()")
	c.fn = coreFunctions[t.text]
	if c.fn == nil {
		switch fn := extraFunctions[t.text]; {
		case fn == nil:
			p.fail(t.pos, "there is no function %s()", t.text)
		case !p.extras:
			p.fail(t.pos, "%s() is not part of XPath 1.0; it is an extra, see Options.Extras", t.text)
		default:
			c.fn = fn
		}
	}
	if n := len(c.args); n < c.fn.min || c.fn.max >= 0 && n > c.fn.max {
		p.fail(t.pos, "%s() takes %s, not %d", t.text, c.fn.arity(), n)
	}
	for i, a := range c.args {
		if c.fn.param(i) == KindNodes {
			p.wantNodes(a, fmt.Sprintf("argument %d of %s()", i+1, t.text))
		}
	}
	return c
}

func (p *parser) startsStep() bool {
	switch p.tok.kind {
	case tokName, tokAxis, tokNodeType:
		return true
	}
	return p.isPunct(".") || p.isPunct("..") || p.isPunct("@")
}

func (p *parser) step() astStep {
	s := astStep{at: p.tok.pos}
	switch {
	case p.isPunct("."):
		s.axis = axisSelf
		p.advance()
		return s
	case p.isPunct(".."):
		s.axis = axisParent
		p.advance()
		return s
	case p.isPunct("@"):
		s.axis = axisAttribute
		p.advance()
	case p.tok.kind == tokAxis:
		s.axis = p.axis()
		p.advance()
		p.advance() // the lexer saw the "::"
	}
	t := p.tok
	switch t.kind {
	case tokName:
		p.advance()
		switch {
		case t.text == "*":
			s.test = testAny
		case t.text[len(t.text)-1] == '*':
			s.test, s.name = testPrefix, t.text[:len(t.text)-1]
		default:
			s.test, s.name, s.named = testName, t.text, t.pos
		}
	case tokNodeType:
		p.advance()
		p.advance() // the lexer saw the "("
		switch t.text {
		case "text":
			s.test = testText
		case "comment":
			s.test = testComment
		case "processing-instruction":
			s.test = testPI
			if p.tok.kind == tokString {
				p.advance()
			}
		}
		p.want(")", "after "+t.text+"(")
	default:
		p.failf("a step was expected (a name, *, @name, text(), . or ..), not %s", p.found())
	}
	s.preds = p.predicates()
	return s
}

func (p *parser) axis() axis {
	a, ok := axisNamed(p.tok.text)
	if !ok {
		p.failf("there is no axis %s::", p.tok.text)
	}
	return a
}

func axisNamed(name string) (axis, bool) {
	i := slices.Index(axisNames[:], name)
	return axis(max(i, 0)), i >= 0
}

func (p *parser) predicates() []ast {
	var preds []ast
	for p.isPunct("[") {
		p.advance()
		preds = append(preds, p.expr())
		p.want("]", "to close the predicate")
	}
	return preds
}
