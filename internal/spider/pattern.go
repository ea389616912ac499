package spider

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/trawl-go/trawl/internal/extract"
)

const (
	// maxProgram bounds a compiled regular expression, in instructions, and
	// maxWork its instructions times the bytes of the text: what a match
	// may cost, since it cannot be interrupted.
	maxProgram = 10_000
	maxWork    = 1 << 31
)

// A pattern is a regular expression compiled in the three ways that re needs.
type pattern struct {
	search, match, full *regexp.Regexp
	size                int // instructions
}

// A patternCache keeps compiled patterns. It is safe for concurrent use.
type patternCache struct{ cache *extract.Cache[*pattern] }

func newPatternCache() *patternCache {
	return &patternCache{extract.NewCache[*pattern](0)}
}

func (c *patternCache) get(expr string) (*pattern, error) {
	return c.cache.Get(expr, compilePattern)
}

// forText is get for a text that is about to be searched.
func (c *patternCache) forText(expr, text string) (*pattern, error) {
	p, err := c.get(expr)
	if err != nil {
		return nil, err
	}
	if p.size > maxWork/(len(text)+1) {
		return nil, fmt.Errorf("re: the pattern is too large for a text of %d bytes", len(text))
	}
	return p, nil
}

func compilePattern(expr string) (*pattern, error) {
	fail := func(err error) (*pattern, error) {
		return nil, fmt.Errorf("re: pattern %q: %w", cutText(expr, 100, "…"), err)
	}
	if len(expr) > 10_000 {
		return nil, fmt.Errorf("re: a pattern of %d bytes is too long", len(expr))
	}
	expr2, err := translatePattern(expr)
	if err != nil {
		return fail(err)
	}
	tree, err := syntax.Parse(expr2, syntax.Perl)
	if err != nil {
		return fail(plainPatternError(err))
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return fail(err)
	}
	if len(prog.Inst) > maxProgram {
		return nil, fmt.Errorf("re: pattern %q is too large", cutText(expr, 100, "…"))
	}
	p := &pattern{size: len(prog.Inst)}
	for _, c := range []struct {
		re   **regexp.Regexp
		expr string
	}{
		{&p.search, expr2},
		{&p.match, `\A(?:` + expr2 + `)`},
		{&p.full, `\A(?:` + expr2 + `)\z`},
	} {
		if *c.re, err = regexp.Compile(c.expr); err != nil {
			return fail(err)
		}
	}
	return p, nil
}

func plainPatternError(err error) error {
	msg := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	return fmt.Errorf("%s", msg)
}

// translatePattern turns what Python's expressions mean into what Go's say:
// \d, \w and \s stand for the characters of every script, \uXXXX is a
// character, \Z is the end, and a backslash before a character that is not
// ASCII does nothing.
func translatePattern(expr string) (string, error) {
	var b strings.Builder
	class := 0 // position in b of the class that we are in, plus one
	for i := 0; i < len(expr); {
		c := expr[i]
		if c == '(' && class == 0 {
			if err := refuseGroup(expr[i:]); err != nil {
				return "", err
			}
		}
		switch {
		case c == '\\' && i+1 < len(expr):
			n, err := translateEscape(&b, expr[i+1:], class > 0)
			if err != nil {
				return "", err
			}
			i += 1 + n
			continue
		case c == '[' && class == 0:
			class = b.Len() + 1
			b.WriteByte(c)
			i++
			// A "]" that comes first stands for itself.
			for _, first := range []string{"^", "]"} {
				if strings.HasPrefix(expr[i:], first) {
					b.WriteString(first)
					i++
				}
			}
			continue
		case c == '[':
			b.WriteString(`\[`) // Go would take [: for a POSIX class
			i++
			continue
		case c == ']' && class > 0:
			class = 0
		}
		b.WriteByte(c)
		i++
	}
	return b.String(), nil
}

// refuseGroup explains the groups that linear time rules out.
func refuseGroup(s string) error {
	for _, p := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(s, p) {
			return fmt.Errorf("%s…) is not supported; match more and take a group of it", p)
		}
	}
	return nil
}

// translateEscape writes the escape that s continues and returns how much of
// s it took.
func translateEscape(b *strings.Builder, s string, inClass bool) (int, error) {
	in := func(set, whole string) {
		if inClass {
			b.WriteString(set)
		} else {
			b.WriteString(whole)
		}
	}
	switch c := s[0]; c {
	case 'd':
		b.WriteString(`\p{Nd}`)
	case 'D':
		b.WriteString(`\P{Nd}`)
	case 'w':
		in(`\p{L}\p{N}_`, `[\p{L}\p{N}_]`)
	case 's':
		in(spaces, `[`+spaces+`]`)
	case 'W':
		in(notWord(), `[^\p{L}\p{N}_]`)
	case 'S':
		in(notSpace(), `[^`+spaces+`]`)
	case 'Z':
		b.WriteString(`\z`)
	case 'u', 'U':
		n := 4
		if c == 'U' {
			n = 8
		}
		if len(s) < n+1 || strings.Trim(s[1:n+1], "0123456789abcdefABCDEF") != "" {
			return 0, fmt.Errorf(`\%c is not followed by %d hexadecimal digits`, c, n)
		}
		fmt.Fprintf(b, `\x{%s}`, strings.TrimLeft(s[1:n], "0")+s[n:n+1])
		return n + 1, nil
	default:
		if '1' <= c && c <= '9' {
			return 0, fmt.Errorf(`\%c in a pattern is not supported; match more and compare the groups`, c)
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s)
			b.WriteRune(r)
			return size, nil
		}
		b.WriteByte('\\')
		b.WriteByte(c)
	}
	return 1, nil
}

// spaces are the characters that Python's \s matches.
const spaces = `\t-\r\x1c- \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}`

// notWord and notSpace are what \W and \S match, for use inside a class, where
// Go has no name for them.
var (
	notWord = sync.OnceValue(func() string {
		return ranges(func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	})
	notSpace = sync.OnceValue(func() string {
		return ranges(func(r rune) bool { return !unicode.IsSpace(r) && (r < 0x1c || r > 0x1f) })
	})
)

// ranges lists the characters of a set as a class does.
func ranges(in func(rune) bool) string {
	var b strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !in(r) {
			continue
		}
		from := r
		for r < unicode.MaxRune && in(r+1) {
			r++
		}
		fmt.Fprintf(&b, `\x{%x}-\x{%x}`, from, r)
	}
	return b.String()
}
