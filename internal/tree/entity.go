package tree

import (
	"strings"

	"golang.org/x/net/html"
)

// unescape puts characters in the place of references such as &amp; and
// &#20013;. In the value of an attribute fewer of them count, as the addresses
// there have "&" of their own.
func (s *scanner) unescape(t string, attribute bool) string {
	i := strings.IndexByte(t, '&')
	if i < 0 {
		return t
	}
	start := s.plain.Len()
	if start == 0 {
		s.plain.Grow(len(t) + len(s.text)/8)
	}
	for i >= 0 {
		s.plain.WriteString(t[:i])
		t = t[i:]
		n, known := s.reference(t, attribute)
		if !known {
			s.plain.WriteString(t[:n])
		}
		t = t[n:]
		i = strings.IndexByte(t, '&')
	}
	s.plain.WriteString(t)
	return s.plain.String()[start:]
}

// reference writes what the reference at the beginning of t stands for, and
// returns its length. If there is none known, it writes nothing and returns
// the length of what has to be taken as it is.
func (s *scanner) reference(t string, attribute bool) (n int, known bool) {
	n = 1
	if n < len(t) && t[n] == '#' {
		n++
	}
	for n < len(t) && (isLetter(t[n]) || '0' <= t[n] && t[n] <= '9') {
		n++
	}
	if n < len(t) && t[n] == ';' {
		n++
	}
	ref := t[:n]
	if text := common(ref); text != "" {
		s.plain.WriteString(text)
		return n, true
	}
	if n < 2 {
		return n, false
	}
	out := html.UnescapeString(ref)
	if attribute && ref[1] != '#' {
		// In an attribute it must be known as a whole, and what has no
		// semicolon must not go on with an equals sign. UnescapeString
		// may have known its beginning only; then the rest of the name,
		// which no character that a name stands for looks like, is left.
		last := ref[n-1]
		if last != ';' && n < len(t) && t[n] == '=' {
			return n, false
		}
		if rest := out[len(out)-1]; len(out) > 1 && rest == ';' || isLetter(rest) || '0' <= rest && rest <= '9' {
			return n, false
		}
	}
	s.plain.WriteString(out)
	return n, true
}

// common returns what a reference stands for, if it is one of nearly all there
// are, or the one that stands for letters; "" for others.
func common(ref string) string {
	switch ref {
	case "&nbsp;":
		return "\u00a0"
	case "&amp;":
		return "&"
	case "&lt;":
		return "<"
	case "&gt;":
		return ">"
	case "&quot;":
		return `"`
	case "&fjlig;":
		return "fj"
	}
	return ""
}
