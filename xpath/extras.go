package xpath

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// extraFunctions are not part of XPath 1.0; see Options.Extras. They are named
// and behave like their namesakes of later versions, except that regular
// expressions are those of package regexp, and that has-class is our own.
var extraFunctions = map[string]*function{
	"matches":     {min: 2, max: 3, result: KindBool, bool: lowerMatches},
	"replace":     {min: 3, max: 4, result: KindString, text: lowerReplace},
	"lower-case":  {min: 1, max: 1, result: KindString, text: lowerLowerCase},
	"ends-with":   {min: 2, max: 2, result: KindBool, bool: lowerEndsWith},
	"string-join": {min: 2, max: 2, nodeArgs: true, result: KindString, text: lowerStringJoin},
	"has-class":   {min: 1, max: -1, context: true, result: KindBool, bool: lowerHasClass},
}

const (
	maxPatternLen  = 1 << 10 // bytes of a regular expression
	maxPatternProg = 10_000  // instructions it compiles to
	maxPatterns    = 16      // computed patterns remembered during an evaluation
	maxMatches     = 1 << 18 // replacements in one string
)

// pattern is a regular expression and what matching costs.
type pattern struct {
	re   *regexp.Regexp
	cost int // work per byte of text, times 16
}

func compilePattern(src, flags string) (*pattern, error) {
	if len(src) > maxPatternLen {
		return nil, fmt.Errorf("the pattern is longer than %d bytes", maxPatternLen)
	}
	for _, f := range flags {
		if !strings.ContainsRune("ims", f) {
			return nil, fmt.Errorf("%q is not one of the flags i, m and s", f)
		}
	}
	if flags != "" {
		src = "(?" + flags + ")" + src
	}
	tree, err := syntax.Parse(src, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > maxPatternProg {
		return nil, fmt.Errorf("the pattern is too large")
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, err
	}
	return &pattern{re, 1 + len(prog.Inst)/8}, nil
}

// patternFn lowers the pattern and flags of matches and replace. A literal
// pattern is compiled here, once. A computed one is compiled when it is met,
// and the last few are remembered.
func (l *lowerer) patternFn(pat ast, flags []ast) func(*exec, focus) *pattern {
	lit, ok := pat.(*stringLit)
	opt := ""
	if len(flags) > 0 {
		f, isLit := flags[0].(*stringLit)
		ok = ok && isLit
		if isLit {
			opt = f.val
		}
	}
	if ok {
		p, err := compilePattern(lit.val, opt)
		if err != nil && l.err == nil {
			l.err = &Error{l.src, lit.at, err.Error()}
		}
		return func(*exec, focus) *pattern { return p }
	}
	text := l.asText(pat)
	flagText := func(*exec, focus) string { return "" }
	if len(flags) > 0 {
		flagText = l.asText(flags[0])
	}
	at := pat.pos()
	return func(x *exec, c focus) *pattern {
		src, opt := text(x, c), flagText(x, c)
		key := opt + "/" + src
		if p := x.regexps[key]; p != nil {
			return p
		}
		x.spend(1000 + 20*len(src))
		p, err := compilePattern(strings.Clone(src), opt)
		if err != nil {
			x.throw(&Error{x.expr.src, at, err.Error()})
		}
		x.spend(p.cost * 8)
		if x.regexps == nil {
			x.regexps = make(map[string]*pattern)
		}
		if len(x.regexps) >= maxPatterns {
			clear(x.regexps)
		}
		x.regexps[key] = p
		return p
	}
}

func lowerMatches(l *lowerer, args []ast) boolFn {
	s, pat := l.asText(args[0]), l.patternFn(args[1], args[2:])
	return func(x *exec, c focus) bool {
		s, p := s(x, c), pat(x, c)
		x.spend(1 + len(s)*p.cost/16)
		return p.re.MatchString(s)
	}
}

func lowerReplace(l *lowerer, args []ast) textFn {
	s, pat, to := l.asText(args[0]), l.patternFn(args[1], args[3:]), l.asText(args[2])
	return func(x *exec, c focus) string {
		s, p, to := s(x, c), pat(x, c), to(x, c)
		x.spend(1 + len(s)*p.cost/16)
		tmpl := template(to)
		m := x.mark()
		last := 0
		matches := p.re.FindAllStringSubmatchIndex(s, maxMatches)
		if len(matches) == maxMatches {
			x.throw(fmt.Errorf("xpath: replace() found %d matches in one string: %w", maxMatches, ErrBudget))
		}
		for _, loc := range matches {
			x.text = append(x.text, s[last:loc[0]]...)
			x.text = p.re.ExpandString(x.text, tmpl, s, loc)
			x.spendText(len(x.text) - m)
			x.keep(m) // looks at the size
			last = loc[1]
		}
		x.text = append(x.text, s[last:]...)
		return x.keep(m)
	}
}

// template turns a replacement of XPath ($1, \$ and \\) into one of package
// regexp, where $ followed by a name would mean a named group.
func template(s string) string {
	if !strings.ContainsAny(s, `$\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '$' || s[i+1] == '\\'):
			i++
			if s[i] == '$' {
				b.WriteByte('$')
			}
			b.WriteByte(s[i])
		case s[i] == '$' && i+1 < len(s) && isDigit(s[i+1]):
			fmt.Fprintf(&b, "${%c}", s[i+1])
			i++
		case s[i] == '$':
			b.WriteString("$$")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func lowerLowerCase(l *lowerer, args []ast) textFn {
	s := l.asText(args[0])
	return func(x *exec, c focus) string {
		s := s(x, c)
		x.spendText(len(s))
		m := x.mark()
		for _, r := range s {
			x.text = utf8.AppendRune(x.text, unicode.ToLower(r))
		}
		return x.keep(m)
	}
}

func lowerEndsWith(l *lowerer, args []ast) boolFn {
	s, t := l.asText(args[0]), l.asText(args[1])
	return func(x *exec, c focus) bool { return strings.HasSuffix(s(x, c), t(x, c)) }
}

func lowerStringJoin(l *lowerer, args []ast) textFn {
	src, sep := l.asNodes(args[0]), l.asText(args[1])
	return func(x *exec, c focus) string {
		sep, set := sep(x, c), src.nodes(x, c)
		m := x.mark()
		for i, r := range set {
			if i > 0 {
				x.text = append(x.text, sep...)
				x.spendText(len(sep))
			}
			// A value of several texts is put together in x.text, right here.
			at := x.mark()
			if s := x.stringValue(r); x.mark() == at {
				x.text = append(x.text, s...)
				x.spendText(len(s))
			}
		}
		x.drop(set)
		return x.keep(m)
	}
}

// lowerHasClass: the context node has all the classes.
func lowerHasClass(l *lowerer, args []ast) boolFn {
	var classes []textFn
	for _, a := range args {
		classes = append(classes, l.asText(a))
	}
	slot := l.attrSlot("class")
	return func(x *exec, c focus) bool {
		v, ok := x.attr(c.node, slot)
		return ok && !slices.ContainsFunc(classes, func(class textFn) bool {
			w := class(x, c)
			return w == "" || !hasWord(v, w, isHTMLSpace)
		})
	}
}

// isHTMLSpace includes the form feed, unlike isSpace.
func isHTMLSpace(c byte) bool { return isSpace(c) || c == '\f' }
