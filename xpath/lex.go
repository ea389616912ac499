package xpath

import (
	"fmt"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokPunct
	tokOperator // and, or, div, mod, and * where it multiplies
	tokName     // a name test: a name, *, or prefix:*
	tokAxis     // a name before ::
	tokNodeType // comment, text, node, processing-instruction before (
	tokFunc     // another name before (
	tokString
	tokNumber
	tokVar
)

type token struct {
	kind tokenKind
	text string // of a string without its quotes, of a variable without its $
	pos  int
}

// lexer splits an expression as section 3.7 of the recommendation says. What
// a name means depends on the token before it and the characters behind it.
type lexer struct {
	src  string
	pos  int
	prev token
}

// next returns the next token.
func (l *lexer) next() (token, *Error) {
	t, err := l.scan()
	l.prev = t
	return t, err
}

func (l *lexer) fail(pos int, format string, args ...any) (token, *Error) {
	return token{}, &Error{l.src, pos, fmt.Sprintf(format, args...)}
}

func (l *lexer) scan() (token, *Error) {
	s := l.src
	l.pos = skipSpace(s, l.pos)
	i := l.pos
	if i >= len(s) {
		return token{tokEnd, "", i}, nil
	}
	emit := func(kind tokenKind, end int) (token, *Error) {
		l.pos = end
		return token{kind, s[i:end], i}, nil
	}
	c := s[i]
	if i+1 < len(s) {
		switch s[i : i+2] {
		case "//", "..", "::", "!=", "<=", ">=":
			return emit(tokPunct, i+2)
		}
	}
	switch {
	case c == '"' || c == '\'':
		for j := i + 1; j < len(s); j++ {
			if s[j] == c {
				l.pos = j + 1
				return token{tokString, s[i+1 : j], i}, nil
			}
		}
		return l.fail(i, "this string has no end: a %c is missing", c)
	case isDigit(c), c == '.' && i+1 < len(s) && isDigit(s[i+1]):
		j := skipDigits(s, i)
		if j < len(s) && s[j] == '.' {
			j = skipDigits(s, j+1)
		}
		return emit(tokNumber, j)
	case c == '*':
		if l.afterOperand() {
			return emit(tokOperator, i+1)
		}
		return emit(tokName, i+1)
	case c == '$':
		j := skipQName(s, i+1)
		if j == i+1 {
			return l.fail(i, "a name must follow $")
		}
		l.pos = j
		return token{tokVar, s[i+1 : j], i}, nil
	}
	switch c {
	case '(', ')', '[', ']', '.', '@', ',', '/', '|', '+', '-', '=', '<', '>':
		return emit(tokPunct, i+1)
	case '!':
		return l.fail(i, "! is not an operator by itself: write not(…) or !=")
	case '&':
		return l.fail(i, "& is not an operator: write and")
	}
	j := skipName(s, i)
	if j == i {
		r, _ := utf8.DecodeRuneInString(s[i:])
		return l.fail(i, "%q cannot stand here", r)
	}
	if l.afterOperand() {
		switch s[i:j] {
		case "and", "or", "div", "mod":
			return emit(tokOperator, j)
		}
		return l.fail(i, "an operator was expected, not %q", s[i:j])
	}
	// A name test may have a prefix, without white space around the colon.
	if j+1 < len(s) && s[j] == ':' && s[j+1] != ':' {
		k := skipName(s, j+1)
		if s[j+1] == '*' {
			k = j + 2
		}
		if k > j+1 {
			if _, ok := axisNamed(s[i:j]); ok {
				return l.fail(j, "%s is an axis: write %[1]s::%s", s[i:j], s[j+1:k])
			}
			if s[j+1] == '*' {
				return emit(tokName, k)
			}
			j = k
		}
	}
	k := skipSpace(s, j)
	switch {
	case k+1 < len(s) && s[k:k+2] == "::":
		return emit(tokAxis, j)
	case k < len(s) && s[k] == '(':
		switch s[i:j] {
		case "comment", "text", "node", "processing-instruction":
			return emit(tokNodeType, j)
		}
		return emit(tokFunc, j)
	}
	return emit(tokName, j)
}

// afterOperand reports whether the previous token ended an operand, so that a
// name or * must be an operator.
func (l *lexer) afterOperand() bool {
	switch l.prev.kind {
	case tokName, tokString, tokNumber, tokVar:
		return true
	case tokPunct:
		switch l.prev.text {
		case ")", "]", ".", "..":
			return true
		}
	}
	return false
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func skipSpace(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}

func skipDigits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// skipName returns the end of the NCName at i, or i if there is none.
func skipName(s string, i int) int {
	for start := i; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
		}
		if !isNameStart(r) && (i == start || !isNameInside(r)) {
			break
		}
		i += n
	}
	return i
}

func skipQName(s string, i int) int {
	j := skipName(s, i)
	if j > i && j+1 < len(s) && s[j] == ':' {
		if k := skipName(s, j+1); k > j+1 {
			return k
		}
	}
	return j
}

// isNameStart and isNameInside follow NameStartChar and NameChar of XML 1.0,
// fifth edition, without the colon.
func isNameStart(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
	}
	switch {
	case r == 0xD7 || r == 0xF7 || r == 0x37E || r < 0xC0:
		return false
	case r <= 0x2FF, 0x370 <= r && r <= 0x1FFF, r == 0x200C || r == 0x200D,
		0x2070 <= r && r <= 0x218F, 0x2C00 <= r && r <= 0x2FEF,
		0x3001 <= r && r <= 0xD7FF, 0xF900 <= r && r <= 0xFDCF,
		0xFDF0 <= r && r <= 0xFFFD, 0x10000 <= r && r <= 0xEFFFF:
		return true
	}
	return false
}

func isNameInside(r rune) bool {
	return '0' <= r && r <= '9' || r == '-' || r == '.' || r == 0xB7 ||
		0x300 <= r && r <= 0x36F || r == 0x203F || r == 0x2040
}
